"""The lines of a job, as its config asks for them."""

from pathlib import Path
from typing import NamedTuple

import numpy as np

from strokejax.config import LINE_DATA, Config
from strokejax.config_checks import shares
from strokejax.data.glyphs import Glyphs, built_in_glyphs, unipen_glyphs
from strokejax.data.line_sets import (
    Line,
    LineSet,
    cremma_lines,
    unipen_lines,
    written_lines,
)
from strokejax.data.lines import USUAL
from strokejax.data.texts import random_texts, read_texts
from strokejax.decode.character_model import load_words
from strokejax.types import InputError

ASCII = tuple(chr(code) for code in range(32, 127))
SEED_OF_VALID = 1 << 20


class LineData(NamedTuple):
    """What is trained on and what is held out."""

    name: str
    train: LineSet
    valid: list[Line]
    alphabet: tuple[str, ...]


def load_lines(config: Config) -> LineData:
    """Lines to train on, held-out lines, and the characters they are made of."""
    name = config.data.name
    train, valid = _set(config, name, "train"), _set(config, name, "validation")
    for other, share in shares(config.data.also):
        if other not in LINE_DATA or other == name or not 0 < share < 1:
            raise InputError(
                f"config.data.also has {other!r} with {share:g}; in the job 'lines' it "
                f"takes others than {name!r} of {', '.join(LINE_DATA)}, and the share "
                f"of lines that are theirs, like 'unipen_text:0.4'."
            )
        train = mixed(train, _set(config, other, "train"), share)
    count = valid.count or config.lines.valid
    held_out = [line for i in range(count) if (line := valid.line(i, False))]
    limit = config.data.limit_valid or len(held_out)
    alphabet = (*ASCII, *sorted(train.characters - {*ASCII, "\n", "\t", "\xa0"}))
    return LineData(valid.name, train, held_out[:limit], alphabet)


def _set(config: Config, name: str, split: str) -> LineSet:
    root = config.data.root or None
    if name == "unipen_text":
        return unipen_lines(split, root, words=split == "train")
    if name == "cremma":
        return cremma_lines(split, root)
    valid = split == "validation"
    low, _, high = config.lines.overlap.partition(":")
    try:
        style = USUAL._replace(overlap=(float(low), float(high or low)))
    except ValueError:
        raise InputError(
            f"config.lines.overlap is {config.lines.overlap!r}; write LOW:HIGH, shares "
            f"of a character's cell, like '0:0.33'."
        ) from None
    seed = config.seed + SEED_OF_VALID * valid
    return written_lines(
        _glyphs(config.lines.glyphs, split, root),
        _texts(config.lines.text, seed),
        seed=seed,
        style=style,
        limit=config.lines.length,
    )


def _texts(file: str, seed: int) -> list[str]:
    return read_texts(Path(file)) if file else random_texts(load_words("en"), seed)


def _glyphs(name: str, split: str, root: str | None) -> Glyphs:
    return unipen_glyphs(split, root) if name == "unipen" else built_in_glyphs(split)


def mixed(one: LineSet, other: LineSet, share: float) -> LineSet:
    """A set whose lines are of `other` with that probability."""

    def line(i: int, train: bool) -> Line | None:
        rng = np.random.default_rng([11, i])
        if rng.random() < share:
            return other.line(int(rng.integers(2**31)), train)
        return one.line(i, train)

    name = f"{one.name} + {share:g} {other.name}"
    characters = one.characters | other.characters
    return LineSet(name, 0, characters, line, one.group_kind)
