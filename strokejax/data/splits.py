"""Which writers, alphabets, classes, wills and families are held out for validation.

`splits.json` lists them once, by name. Training leaves them out and every figure is
measured on them, so the list is frozen; `choose` is the rule that made it.
"""

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from functools import cache
from hashlib import sha256
from importlib import resources

import numpy as np

from strokejax.types import InputError

KINDS = ("writer", "alphabet", "class", "will", "family")
SPLITS = ("train", "validation")
ONE_IN = 6


@cache
def _held_out() -> Mapping[str, frozenset[str]]:
    text = resources.files("strokejax.data").joinpath("splits.json").read_text("utf-8")
    listed = json.loads(text)
    return {kind: frozenset(listed[kind]) for kind in KINDS}


def validation_groups(kind: str) -> frozenset[str]:
    """Names held out of training; `kind` is one of `KINDS`."""
    if kind not in KINDS:
        raise InputError(
            f"There is no split by {kind!r}; the kinds are {', '.join(KINDS)}."
        )
    return _held_out()[kind]


def split_mask(split: str, kind: str, groups: np.ndarray) -> np.ndarray:
    """bool[n]: which samples belong to "train" or "validation", by their groups."""
    check_split(split)
    held_out = np.isin(groups, sorted(validation_groups(kind)))
    return held_out if split == "validation" else ~held_out


def check_split(split: str) -> None:
    """InputError unless the split is "train" or "validation"."""
    if split not in SPLITS:
        raise InputError(f"There is no split {split!r}; use 'train' or 'validation'.")


def unit(kind: str, name: str) -> str:
    """The person, script or design behind a name: what one side has as a whole.

    A doubt joins: UNIPEN writers with one name in related sources (the first two
    letters of the source), whatever their session number; Omniglot's alphabets of one
    script; LaTeX commands that draw one glyph; families sharing four letters.
    """
    match kind:
        case "writer":
            return _person(name)
        case "alphabet":
            script = re.search(r"\((.+)\)", name)
            return script[1] if script else name
        case "class":
            return re.sub(r"^(text|up|big)+(?=.)", "", name.rsplit(":", 1)[-1])
        case "family":
            return name[:4]
        case _:
            return name


def _person(writer: str) -> str:
    source, _, name = writer.partition(":")
    if source in ("ibm", "uqb", "scr"):  # r04-08, ja_3828, d1_ww000140: the end counts
        name = re.split(r"[-_]", name)[-1]
    elif source.startswith("ap"):  # Chuck_Chaffee_2
        name = re.sub(r"_\d$", "", name)
    elif source == "kar":  # mjh_0055, mjh_0056
        name = name.split("_")[0]
    return f"{source[:2]}:{name.casefold()}"


def _origin(kind: str, name: str) -> str:
    return name.split(":")[0] if kind == "writer" else kind


def choose(kind: str, names: Iterable[str]) -> list[str]:
    """The names to hold out, without a look at any sample or label.

    Units are stratified by origin (UNIPEN's source; one stratum elsewhere); the origin
    of a unit is the first of its names' in sorted order. Within an origin they are
    sorted by the SHA-256 of "strokejax:" + unit, and the first sixth is held out,
    rounded half up: nothing where an origin has one or two units.
    """
    members: dict[str, list[str]] = defaultdict(list)
    for name in sorted(set(names)):
        members[unit(kind, name)].append(name)
    origins: dict[str, list[str]] = defaultdict(list)
    for key, named in members.items():
        origins[_origin(kind, named[0])].append(key)
    held_out: list[str] = []
    for keys in origins.values():
        keys.sort(key=lambda key: sha256(f"strokejax:{key}".encode()).digest())
        for key in keys[: (len(keys) + ONE_IN // 2) // ONE_IN]:
            held_out += members[key]
    return sorted(held_out)
