"""Sets of lines: written ones without end, and UNIPEN's text."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from strokejax.data.dataset import data_file
from strokejax.data.splits import split_mask
from strokejax.ink.formats import read_packed, unpack
from strokejax.tasks.lines.glyphs import Glyphs
from strokejax.tasks.lines.handwriting import USUAL, Spans, Style, write_line
from strokejax.tasks.lines.handwriting_line_drawing import (
    CLEAN,
    PEN,
    TALL,
    draw_line,
    on_paper,
)

TEXT, WORDS = "unipen_text_dev.npz", "unipen_words_dev.npz"


class Line(NamedTuple):
    """A line with what it says."""

    picture: np.ndarray
    """u8[h w], ink high."""
    text: str
    group: str
    """Who wrote it."""


class LineSet(NamedTuple):
    """Lines by number, each made when it is asked for."""

    name: str
    count: int
    """0 = as many as one likes."""
    characters: frozenset[str]
    """That its texts may have."""
    line: Callable[[int, bool], Line | None]
    """Line i, None where there is none; with True as it is for training: another pen or
    slant each time that a number comes again would be `i + count`."""
    group_kind: str


def written_lines(
    glyphs: Glyphs,
    texts: Sequence[str],
    *,
    seed: int = 0,
    style: Style = USUAL,
    limit: int = 30,
) -> LineSet:
    """Spans of texts, each in one hand of `glyphs`; a line depends on seed and number.

    What that hand has not written comes from others of the same split.
    """
    hands, some = sorted(glyphs.of_hand), Spans(texts, limit)

    def line(i: int, train: bool) -> Line | None:
        rng = np.random.default_rng([seed, i])
        hand = hands[rng.integers(len(hands))]
        text = some.one(rng)
        picture = write_line(text, glyphs, hand, rng, style)
        return None if picture is None else Line(picture, text, hand)

    characters = frozenset("".join(texts))
    return LineSet(f"lines of {glyphs.name}", 0, characters, line, "writer")


def unipen_lines(
    split: str, root: str | Path | None = None, *, words: bool = False
) -> LineSet:
    """UNIPEN's text in single lines, with `words` also its single words, of a split."""
    packs, rows, texts, writers = [], [], [], []
    for which, file in enumerate((TEXT, WORDS) if words else (TEXT,)):
        packed, extra = read_packed(data_file(file, root))
        chosen = split_mask(split, "writer", extra["writer"])
        if "single_line" in extra:
            chosen &= extra["single_line"]
        packs.append(packed)
        rows += [(which, int(i)) for i in np.flatnonzero(chosen)]
        texts += extra["label"][chosen].tolist()
        writers += extra["writer"][chosen].tolist()

    def line(i: int, train: bool) -> Line | None:
        which, row = rows[i % len(rows)]
        strokes = [s[:, :2] for s in unpack(packs[which], row).strokes]
        pen, paper = PEN, CLEAN
        rng = np.random.default_rng([7, i])
        if train:
            lean = USUAL.lean * rng.normal()
            strokes = [s @ np.array([[1, 0], [-lean, 1]], np.float32) for s in strokes]
            pen, paper = rng.uniform(*USUAL.pen), USUAL.paper
        height = max(float(np.ptp(np.concatenate(strokes)[:, 1])), 1.0)
        text = " ".join(texts[i % len(rows)].split())
        picture = on_paper(draw_line(strokes, TALL / height, pen), rng, paper)
        return Line(picture, text, writers[i % len(rows)])

    characters = frozenset("".join(texts))
    return LineSet(f"unipen text/{split}", len(rows), characters, line, "writer")
