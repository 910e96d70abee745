"""Sets of lines: written ones without end, UNIPEN's text, scanned wills."""

import csv
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from strokejax.data.dataset import data_file, data_root
from strokejax.data.glyphs import Glyphs
from strokejax.data.lines import USUAL, Spans, Style, write_line
from strokejax.data.splits import split_mask
from strokejax.ink.formats import read_packed, unpack
from strokejax.ink.images import read_image
from strokejax.ink.line_images import (
    CLEAN,
    LineImage,
    draw_line,
    normalise_line,
    on_paper,
)
from strokejax.types import InputError

TALL = 48.0
"""Pixels between the highest and the lowest point of ink that is drawn as a line."""
PEN = 1.8
TEXT, WORDS = "unipen_text_dev.npz", "unipen_words_dev.npz"
WILLS = "cremma_lines"


class Line(NamedTuple):
    """A line with what it says."""

    image: LineImage
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
        pixels = write_line(text, glyphs, hand, rng, style)
        return None if pixels is None else Line(LineImage(pixels, 1.0, 0), text, hand)

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
        try:
            image = normalise_line(
                on_paper(draw_line(strokes, TALL / height, pen), rng, paper)
            )
        except InputError:
            return None  # a dash that grew beyond all bounds
        return Line(image, text, writers[i % len(rows)])

    characters = frozenset("".join(texts))
    return LineSet(f"unipen text/{split}", len(rows), characters, line, "writer")


def cremma_lines(split: str, root: str | Path | None = None) -> LineSet:
    """Scanned lines of French wills (CREMMA, CC BY 4.0) of a split."""
    folder = data_root(root) / WILLS
    rows = read_tsv(folder / "lines.tsv")
    kept = split_mask(split, "will", np.array([row[1] for row in rows]))
    rows = [row for row, keep in zip(rows, kept, strict=True) if keep]

    def line(i: int, train: bool) -> Line | None:
        file, will, text = rows[i % len(rows)]
        picture = read_image(folder / file)
        if train:
            picture = _shaken(picture, np.random.default_rng([7, i]))
        try:
            image = normalise_line(picture, file)
        except InputError:
            return None  # blank
        return Line(image, " ".join(text.split()), will)

    characters = frozenset("".join(row[2] for row in rows))
    return LineSet(f"cremma/{split}", len(rows), characters, line, "will")


def read_tsv(path: Path) -> list[tuple[str, str, str]]:
    """Rows of file, group and text; InputError names the row that is none."""
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = [*csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE)]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(
            f"{path} cannot be read as lines of file, group and text with tabs between "
            f"({error})."
        ) from error
    for number, row in enumerate(rows, 1):
        if len(row) != 3:
            raise InputError(
                f"{path}, line {number}, has {len(row)} fields; give a file, a group "
                f"and a text, with tabs between."
            )
    return [(row[0], row[1], row[2]) for row in rows]


def _shaken(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A scan that leans, is wider or fainter by chance."""
    from PIL import Image

    height, width = picture.shape
    lean, wide = 0.2 * rng.normal(), float(np.exp(0.12 * rng.normal()))
    tall = float(np.exp(0.05 * rng.normal()))
    moved = (1 / wide, lean, -lean * height / 2, 0, 1 / tall, 0)
    size = max(8, round(width * wide)), max(8, round(height * tall))
    image = Image.fromarray(picture).transform(
        size, Image.Transform.AFFINE, moved, Image.Resampling.BILINEAR
    )
    ink = np.asarray(image, np.float32) / 255
    ink = ink ** np.exp(0.3 * rng.normal())
    return np.rint(255 * np.clip(ink, 0, 1)).astype(np.uint8)
