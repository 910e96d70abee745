"""The writers, alphabets, classes, wills and families held out for validation.

`splits.json` lists them by name. Training leaves them out and all figures are measured
on them, so the list is frozen; `choose` is the rule that made it.
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
"""One unit in so many is held out."""


# The frozen list.


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
    """bool[n]: the samples of "train" or "validation", by their groups' names [n]."""
    check_split(split)
    held_out = np.isin(groups, sorted(validation_groups(kind)))
    return held_out if split == "validation" else ~held_out


def check_split(split: str) -> None:
    """InputError unless the split is "train" or "validation"."""
    if split not in SPLITS:
        raise InputError(f"There is no split {split!r}; use 'train' or 'validation'.")


# The rule.


def choose(kind: str, names: Iterable[str]) -> list[str]:
    """The names to hold out; the rule depends on no sample and no label.

    Units are stratified by origin (UNIPEN's source; a single stratum for other kinds);
    a unit's origin is that of the first of its sorted names. Within an origin, units
    are sorted by the SHA-256 of "strokejax:" + unit and the first sixth is held out,
    rounded half up: none where an origin has one or two units.
    """
    members: dict[str, list[str]] = defaultdict(list)
    for name in sorted(set(names)):
        members[unit(kind, name)].append(name)
    origins: dict[str, list[str]] = defaultdict(list)
    for key, unit_names in members.items():
        origins[_origin(kind, unit_names[0])].append(key)
    held_out: list[str] = []
    for keys in origins.values():
        # A hash orders the units at random, yet alike on every machine.
        keys.sort(key=lambda key: sha256(f"strokejax:{key}".encode()).digest())
        for key in keys[: (len(keys) + ONE_IN // 2) // ONE_IN]:
            held_out += members[key]
    return sorted(held_out)


def unit(kind: str, name: str) -> str:
    """The person, script, glyph or design behind a name; units are never divided.

    Doubtful cases share a unit: UNIPEN writers of one name in related sources (equal
    in their first two letters), in any session; Omniglot's alphabets of one script;
    LaTeX commands that draw one glyph; font families that share four letters.
    """
    match kind:
        case "writer":
            return _person(name)
        case "alphabet":
            script = re.search(r"\((.+)\)", name)
            return script[1] if script else name
        case "class":
            # textcomp's texttimes is latex2e's times, bigvee is vee.
            return re.sub(r"^(text|up|big)+(?=.)", "", name.rsplit(":", 1)[-1])
        case "family":
            return name[:4]
        case _:
            return name


def _person(writer: str) -> str:
    source, _, name = writer.partition(":")
    # r04-08, ja_3828 and d1_ww000140 name the writer at the end.
    if source in ("ibm", "uqb", "scr"):
        name = re.split(r"[-_]", name)[-1]
    elif source.startswith("ap"):  # Chuck_Chaffee_2 is a second session
        name = re.sub(r"_\d$", "", name)
    elif source == "kar":  # mjh_0055 and mjh_0056 are two sessions
        name = name.split("_")[0]
    return f"{source[:2]}:{name.casefold()}"


def _origin(kind: str, name: str) -> str:
    return name.split(":")[0] if kind == "writer" else kind
