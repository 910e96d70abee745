"""Sets of lines: synthetic ones, UNIPEN's text, CREMMA's wills, and folders.

A folder of lines has one picture a line, and the table lines.tsv of file, group, text.
"""

import csv
import io
from collections.abc import Callable, Sequence
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

import numpy as np

from strokejax.data.dataset import data_file, data_root
from strokejax.data.splits import check_split, split_mask
from strokejax.data.texts import TSV, read_tsv
from strokejax.files import write_atomically
from strokejax.ink.packed import read_packed, unpack
from strokejax.pictures.images import read_image
from strokejax.tasks.lines.glyphs import Glyphs
from strokejax.tasks.lines.handwriting import (
    CLEAN,
    DEFAULT_STYLE,
    INK_HEIGHT,
    PEN,
    LineStyle,
    SpanSampler,
    add_paper,
    distort_scan,
    draw_line,
    png,
    write_line,
)
from strokejax.types import InputError

UNIPEN_TEXT, UNIPEN_WORDS = "unipen_text_dev.npz", "unipen_words_dev.npz"
CREMMA = "cremma_lines"
TABLE = "lines.tsv"
ONE_IN = 6
"""One group in this many of a folder is held out for validation."""


class Line(NamedTuple):
    """A picture of a line and its text."""

    picture: np.ndarray
    """u8[h w], ink high."""
    text: str
    group: str
    """The writer, will or book."""


class LineSet(NamedTuple):
    """Lines by number, each made on demand."""

    name: str
    count: int
    """0: the set has no end."""
    characters: frozenset[str]
    """The characters that its texts may contain."""
    line: Callable[[int, bool], Line | None]
    """Line i, or None if it cannot be made. With True it is augmented for training by
    its number: i + count is the same line, augmented differently."""
    group_kind: str


# Synthetic lines


def written_lines(
    glyphs: Glyphs,
    texts: Sequence[str],
    *,
    seed: int = 0,
    style: LineStyle = DEFAULT_STYLE,
    limit: int = 30,
) -> LineSet:
    """An endless set: spans of texts, each written by one writer of `glyphs`.

    A line is a function of the seed and its number. Other writers of the same split
    supply the characters that a writer lacks. `limit` is in characters.
    """
    writers, spans = sorted(glyphs.by_writer), SpanSampler(texts, limit)

    def line(i: int, train: bool) -> Line | None:
        rng = np.random.default_rng([seed, i])
        writer = writers[rng.integers(len(writers))]
        text = spans.sample(rng)
        picture = write_line(text, glyphs, writer, rng, style)
        return None if picture is None else Line(picture, text, writer)

    characters = frozenset("".join(texts))
    return LineSet(f"lines of {glyphs.name}", 0, characters, line, "writer")


# Recorded lines


def unipen_lines(
    split: str, root: str | Path | None = None, *, words: bool = False
) -> LineSet:
    """UNIPEN's single lines of text of a split; `words` adds its single words."""
    packs, rows, texts, writers = [], [], [], []
    files = (UNIPEN_TEXT, UNIPEN_WORDS) if words else (UNIPEN_TEXT,)
    for which, file in enumerate(files):
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
        # Seeded by the number, not by the row: each epoch differs.
        rng = np.random.default_rng([7, i])
        if train:
            style = DEFAULT_STYLE
            slant = style.slant * rng.normal()
            strokes = [s @ np.array([[1, 0], [-slant, 1]], np.float32) for s in strokes]
            pen, paper = rng.uniform(*style.pen), style.paper
        height = max(float(np.ptp(np.concatenate(strokes)[:, 1])), 1.0)
        text = " ".join(texts[i % len(rows)].split())
        picture = add_paper(draw_line(strokes, INK_HEIGHT / height, pen), rng, paper)
        return Line(picture, text, writers[i % len(rows)])

    characters = frozenset("".join(texts))
    return LineSet(f"unipen text/{split}", len(rows), characters, line, "writer")


def cremma_lines(split: str, root: str | Path | None = None) -> LineSet:
    """Scanned lines of French wills of a split (CREMMA, CC BY 4.0)."""
    folder = data_root(root) / CREMMA
    rows = read_tsv(folder / TABLE)
    mask = split_mask(split, "will", np.array([row[1] for row in rows]))
    rows = [row for row, chosen in zip(rows, mask, strict=True) if chosen]
    return _table_lines(f"cremma/{split}", folder, rows, "will")


def folder_lines(folder: Path, split: str) -> LineSet:
    """The lines of a folder; one group in `ONE_IN`, by its hash, is for validation."""
    check_split(split)
    rows = read_tsv(folder / TABLE)
    held_out = [hash_share(row[1]) < 1 / ONE_IN for row in rows]
    side = split == "validation"
    rows = [row for row, out in zip(rows, held_out, strict=True) if out == side]
    if not rows:
        raise InputError(
            f"{folder / TABLE} has no group for {split}; give lines of {2 * ONE_IN} "
            f"groups (writers, books) or more, so that one in {ONE_IN} is held out."
        )
    return _table_lines(f"{folder.name}/{split}", folder, rows, "group")


def hash_share(name: str) -> float:
    """A number from 0 to 1, uniform over names."""
    return int.from_bytes(sha256(name.encode()).digest()[:4]) / 2**32


def _table_lines(
    name: str, folder: Path, rows: list[tuple[str, str, str]], kind: str
) -> LineSet:
    """The lines of a table's rows (file, group, text)."""

    def line(i: int, train: bool) -> Line:
        file, group, text = rows[i % len(rows)]
        picture = read_image(folder / file)
        if train:
            picture = distort_scan(picture, np.random.default_rng([7, i]))
        return Line(picture, " ".join(text.split()), group)

    characters = frozenset("".join(row[2] for row in rows))
    return LineSet(name, len(rows), characters, line, kind)


# Writing a folder


def write_lines(folder: Path, lines: LineSet, count: int) -> int:
    """Write pictures, dark on white, and then their table; returns how many.

    These are the first `count` numbers of a set, less those without a line. InputError
    for a folder that exists and is not empty.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError(f"{folder} already exists; name a new or an empty folder.")
    table = io.StringIO()
    rows = csv.writer(table, TSV)
    written = 0
    for i in range(count):
        if (line := lines.line(i, False)) is None:
            continue
        name = f"line-{i:06}.png"
        write_atomically(folder / name, png(line.picture))
        rows.writerow((name, line.group, line.text))
        written += 1
    # The table comes last: a folder that has one is complete.
    write_atomically(folder / TABLE, table.getvalue().encode())
    return written
