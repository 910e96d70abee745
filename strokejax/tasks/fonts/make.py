"""Labelled pictures of text in fonts, written as a folder."""

import csv
import io
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from strokejax.data.sandbox import each_apart
from strokejax.files import write_atomically
from strokejax.pictures.images import encode_picture
from strokejax.tasks.fonts.data import (
    Texts,
    Watch,
    Words,
    random_look,
    random_setting,
    seconds_for,
    until_drawn,
    unwatched,
    usable_faces,
    words_for,
)
from strokejax.tasks.fonts.faces import Face, font_files
from strokejax.tasks.fonts.typeset import Look, photograph, typeset
from strokejax.tasks.lines.data import TSV
from strokejax.types import InputError

LABELS = "labels.tsv"
FIELDS = ("file", "family", "style")
LINES = (0.6, 0.25, 0.15)
"""Shares of pictures with one, two and three lines."""


def write_pictures(
    out: Path,
    fonts: Path,
    words: Words,
    *,
    count: int,
    split: str,
    seed: int = 0,
    plain: bool = False,
    rasteriser: str = "freetype",
    watch: Watch = unwatched,
) -> tuple[int, dict[str, str]]:
    """Writes `count` pictures of each face below a folder; their labels come last.

    Words are those of a split, "train" or "test". Returns how many pictures there are,
    and the files and faces that were left out, with why. InputError for a folder that
    is there already and not empty.
    """
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise InputError(f"{out} is there already; name a new or an empty folder.")
    known, refused = usable_faces(font_files(fonts), watch=watch)
    out.mkdir(parents=True, exist_ok=True)
    rows: list[tuple[str, str, str]] = []
    done: Counter[int] = Counter()
    drawn = _screens if rasteriser == "chromium" else _drawn
    pictures = drawn(known, words, count, refused, split, seed, plain)
    for number, data in watch(pictures, len(known) * count, "pictures"):
        name = f"picture-{number:05}-{done[number]:03}.png"
        done[number] += 1
        write_atomically(out / name, data)
        rows.append((name, known[number].family, known[number].style))
    table = io.StringIO()
    csv.writer(table, TSV).writerows(sorted(rows))
    write_atomically(out / LABELS, table.getvalue().encode())
    return len(rows), refused


def _drawn(
    known: list[Face],
    words: Words,
    count: int,
    refused: dict[str, str],
    split: str,
    seed: int,
    plain: bool,
) -> Iterator[tuple[int, bytes]]:
    jobs = [(face, words, count, split, seed, plain) for face in known]
    for job, value, why in each_apart(pngs_of, jobs, seconds=seconds_for(count)):
        if why:
            refused[known[job].name] = why
        for data in value or ():
            yield job, data


def pngs_of(
    face: Face, words: Words, count: int, split: str, seed: int, plain: bool
) -> list[bytes]:
    """PNG files of text in a face, of one to three lines."""
    texts = Texts(words_for(words, split))
    made = []
    for i in range(count):
        rng = np.random.default_rng([seed, i, *face.name.encode()])
        shown = until_drawn(lambda rng=rng: _picture(face, texts, plain, rng))
        made.append(encode_picture(shown))
    return made


def _picture(
    face: Face, texts: Texts, plain: bool, rng: np.random.Generator
) -> np.ndarray:
    setting = random_setting(rng, face.axes)
    look = Look() if plain else random_look(rng, setting.size)
    lines = [texts.line(rng) for _ in range(1 + int(rng.choice(3, p=LINES)))]
    return photograph(typeset(face.file, face.index, lines, setting), look)


def _screens(
    known: list[Face],
    words: Words,
    count: int,
    refused: dict[str, str],
    split: str,
    seed: int,
    plain: bool,
) -> Iterator[tuple[int, bytes]]:
    """As a browser shows them, which wears nothing."""
    from strokejax.tasks.fonts.browser import screen_pictures

    shown = screen_pictures(known, words_for(words, split), count, seed)
    for number, taken in shown:
        if taken.refused:
            refused[known[number].name] = taken.refused
        else:
            yield number, encode_picture(taken.picture)
