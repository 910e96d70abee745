"""Lines as a folder: a picture a line, and lines.tsv of file, group and text."""

import csv
import io
from collections.abc import Callable, Sequence
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

import numpy as np

from strokejax.data.dataset import data_file, data_root
from strokejax.data.splits import check_split, split_mask
from strokejax.files import write_atomically
from strokejax.ink.formats import read_packed, unpack
from strokejax.pictures.images import read_image
from strokejax.tasks.lines.glyphs import Glyphs
from strokejax.tasks.lines.handwriting import (
    CLEAN,
    PEN,
    TALL,
    USUAL,
    Spans,
    Style,
    draw_line,
    on_paper,
    png,
    shaken,
    write_line,
)
from strokejax.types import InputError

# Sets of lines: written ones without end, and UNIPEN's text.


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


TABLE = "lines.tsv"


class TSV(csv.Dialect):
    """Fields between tabs as they are."""

    delimiter, lineterminator, quoting = "\t", "\n", csv.QUOTE_NONE


WILLS = "cremma_lines"
ONE_IN = 6
"""Groups of a folder that are held out for validation."""


def cremma_lines(split: str, root: str | Path | None = None) -> LineSet:
    """Scanned lines of French wills (CREMMA, CC BY 4.0) of a split."""
    folder = data_root(root) / WILLS
    rows = read_tsv(folder / TABLE)
    kept = split_mask(split, "will", np.array([row[1] for row in rows]))
    rows = [row for row, keep in zip(rows, kept, strict=True) if keep]
    return _lines(f"cremma/{split}", folder, rows, "will")


def folder_lines(folder: Path, split: str) -> LineSet:
    """The lines of such a folder; one group in `ONE_IN` is for validation."""
    check_split(split)
    rows = read_tsv(folder / TABLE)
    held = [unit(row[1]) < 1 / ONE_IN for row in rows]
    wanted = split == "validation"
    rows = [row for row, out in zip(rows, held, strict=True) if out == wanted]
    if not rows:
        raise InputError(
            f"{folder / TABLE} has no group for {split}; give lines of {2 * ONE_IN} "
            f"groups (writers, books) or more, so that one in {ONE_IN} is held out."
        )
    return _lines(f"{folder.name}/{split}", folder, rows, "group")


def unit(name: str) -> float:
    """A number from 0 to 1 by a name."""
    return int.from_bytes(sha256(name.encode()).digest()[:4]) / 2**32


def _lines(
    name: str, folder: Path, rows: list[tuple[str, str, str]], kind: str
) -> LineSet:
    def line(i: int, train: bool) -> Line:
        file, group, text = rows[i % len(rows)]
        picture = read_image(folder / file)
        if train:
            picture = shaken(picture, np.random.default_rng([7, i]))
        return Line(picture, " ".join(text.split()), group)

    characters = frozenset("".join(row[2] for row in rows))
    return LineSet(name, len(rows), characters, line, kind)


def read_tsv(
    path: Path, fields: tuple[str, str, str] = ("file", "group", "text")
) -> list[tuple[str, str, str]]:
    """Rows of three fields; InputError names the row that is none."""
    said = f"{', '.join(fields[:2])} and {fields[2]}"
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = [*csv.reader(file, TSV)]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(
            f"{path} cannot be read as lines of {said} with tabs between ({error})."
        ) from error
    for number, row in enumerate(rows, 1):
        if len(row) != 3:
            raise InputError(
                f"{path}, line {number}, has {len(row)} fields; give {said}, with tabs "
                f"between."
            )
    return [(row[0], row[1], row[2]) for row in rows]


def write_lines(folder: Path, lines: LineSet, count: int) -> int:
    """So many lines as pictures, dark on white, and their table, written last.

    InputError for a folder that is there already and not empty.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError(f"{folder} is there already; name a new or an empty folder.")
    table = io.StringIO()
    rows = csv.writer(table, TSV)
    done = 0
    for i in range(count):
        if (line := lines.line(i, False)) is None:
            continue
        name = f"line-{i:06}.png"
        write_atomically(folder / name, png(line.picture))
        rows.writerow((name, line.group, line.text))
        done += 1
    write_atomically(folder / TABLE, table.getvalue().encode())
    return done
