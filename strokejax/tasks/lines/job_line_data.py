"""The lines of a job, as its config asks for them."""

from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import numpy as np

from strokejax.config import Config
from strokejax.config_config_checks import shares
from strokejax.data.texts import random_texts, read_texts
from strokejax.networks.spec import WINDOWS
from strokejax.pictures.lines import normalise_line
from strokejax.search.character_model import load_words
from strokejax.settings import LINE_DATA
from strokejax.tasks.lines.data import cremma_lines, folder_lines
from strokejax.tasks.lines.data_line_sets import Line, LineSet, unipen_lines
from strokejax.tasks.lines.emnist_lines import cells, published_lines
from strokejax.tasks.lines.sources import glyphs_of, lines_by, overlap_of
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
    if config.model.name == WINDOWS and (name != LINE_DATA[0] or config.data.also):
        raise InputError(
            f"The model {WINDOWS!r} reads published lines alone; set config.data.name="
            f"{LINE_DATA[0]!r} and config.data.also='', or choose another model."
        )
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
    held_out = _readable(valid, min(count, config.data.limit_valid or count))
    alphabet = (*ASCII, *sorted(train.characters - {*ASCII, "\n", "\t", "\xa0"}))
    return LineData(valid.name, train, held_out, alphabet)


def _readable(lines: LineSet, count: int) -> list[Line]:
    """The first so many that are lines; a blank scan or a lone dash is none."""
    found = []
    for i in range(lines.count or 3 * count):
        if len(found) < count and (line := lines.line(i, False)):
            with suppress(InputError):
                normalise_line(line.picture)
                found.append(line)
    if not found:
        raise InputError(
            f"{lines.name} has no line that can be read; give pictures of lines."
        )
    return found


def _set(config: Config, name: str, split: str) -> LineSet:
    root = config.data.root or None
    if name == "unipen_text":
        return unipen_lines(split, root, words=split == "train")
    if name == "folder":
        if not root:
            raise InputError(
                "config.data.name='folder' wants config.data.root, the folder with "
                "lines.tsv."
            )
        return folder_lines(Path(root), split)
    if name == "cremma":
        return cremma_lines(split, root)
    overlap = overlap_of(config.lines.overlap, "config.lines.overlap")
    seed = config.seed + SEED_OF_VALID * (split == "validation")
    file, length = config.lines.text, config.lines.length
    texts = read_texts(Path(file)) if file else random_texts(load_words("en"), seed)
    source = glyphs_of(
        config.lines.glyphs,
        split,
        root,
        hands=config.data.writers,
        samples=config.data.samples,
    )
    if config.model.name == WINDOWS:
        length = cells(length)
        return published_lines(source, texts, overlap=overlap, length=length, seed=seed)
    return lines_by(source, texts, overlap=overlap, length=length, seed=seed)


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
