"""Folders of labelled pictures of text in fonts, for `strokejax fonts make`."""

import csv
import io
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from strokejax.data.sandbox import sandboxed
from strokejax.data.texts import TSV
from strokejax.files import write_atomically
from strokejax.pictures.images import encode_picture
from strokejax.tasks.fonts.data import (
    Progress,
    TextSampler,
    WordFrequencies,
    no_progress,
    random_augmentation,
    random_style,
    retry,
    time_limit,
    usable_faces,
    words_for,
)
from strokejax.tasks.fonts.faces import Face, font_files
from strokejax.tasks.fonts.typeset import Augmentation, augment, typeset
from strokejax.types import InputError

LABELS = "labels.tsv"
FIELDS = ("file", "family", "style")
"""Columns of `LABELS`."""
LINE_COUNTS = (0.6, 0.25, 0.15)
"""Shares of pictures with one, two and three lines."""


def write_pictures(
    out: Path,
    fonts: Path,
    words: WordFrequencies,
    *,
    count: int,
    split: str,
    seed: int = 0,
    plain: bool = False,
    rasteriser: str = "freetype",
    progress: Progress = no_progress,
) -> tuple[int, dict[str, str]]:
    """Writes `count` pictures of each face below a folder, and a table of labels.

    The words are those of a split, "train" or "test"; `plain` pictures are not
    augmented. Returns the number of pictures, and the reason for each file or face that
    was left out. InputError if the folder `out` exists and is not empty.
    """
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise InputError(f"{out} already exists; name a new or an empty folder.")
    faces, refused = usable_faces(font_files(fonts), progress=progress)
    out.mkdir(parents=True, exist_ok=True)
    rows: list[tuple[str, str, str]] = []
    written: Counter[int] = Counter()
    draw = _draw_chromium if rasteriser == "chromium" else _draw_freetype
    pictures = draw(faces, words, count, refused, split, seed, plain)
    for i, data in progress(pictures, len(faces) * count, "pictures"):
        name = f"picture-{i:05}-{written[i]:03}.png"
        written[i] += 1
        write_atomically(out / name, data)
        rows.append((name, faces[i].family, faces[i].style))
    # Written last: a folder with labels is complete.
    table = io.StringIO()
    csv.writer(table, TSV).writerows(sorted(rows))
    write_atomically(out / LABELS, table.getvalue().encode())
    return len(rows), refused


def _draw_freetype(
    faces: list[Face],
    words: WordFrequencies,
    count: int,
    refused: dict[str, str],
    split: str,
    seed: int,
    plain: bool,
) -> Iterator[tuple[int, bytes]]:
    """PNG files, each with the index of its face; adds failures to `refused`."""
    jobs = [(face, words, count, split, seed, plain) for face in faces]
    paths = [face.file for face in faces]
    results = sandboxed(pngs_of, jobs, paths, seconds=time_limit(count))
    for i, (pngs, error) in enumerate(results):
        if error:
            refused[faces[i].name] = error
        for png in pngs or ():
            yield i, png


def pngs_of(
    face: Face, words: WordFrequencies, count: int, split: str, seed: int, plain: bool
) -> list[bytes]:
    """PNG files of text in a face, of one to three lines."""
    texts = TextSampler(words_for(words, split))
    pngs = []
    for i in range(count):
        # A generator for each picture: a larger count keeps the first pictures.
        rng = np.random.default_rng([seed, i, *face.name.encode()])
        picture = retry(lambda rng=rng: _draw_picture(face, texts, plain, rng))
        pngs.append(encode_picture(picture))
    return pngs


def _draw_picture(
    face: Face, texts: TextSampler, plain: bool, rng: np.random.Generator
) -> np.ndarray:
    style = random_style(rng, face.axes)
    augmentation = Augmentation() if plain else random_augmentation(rng, style.size)
    lines = [texts.line(rng) for _ in range(1 + int(rng.choice(3, p=LINE_COUNTS)))]
    return augment(typeset(face.file, face.index, lines, style), augmentation)


def _draw_chromium(
    faces: list[Face],
    words: WordFrequencies,
    count: int,
    refused: dict[str, str],
    split: str,
    seed: int,
    plain: bool,
) -> Iterator[tuple[int, bytes]]:
    """As `_draw_freetype`, by a browser, whose pictures are never degraded."""
    # Imported late: only this rasteriser needs playwright.
    from strokejax.tasks.fonts.browser import screen_pictures

    pictures = screen_pictures(faces, words_for(words, split), count, seed)
    for i, screenshot in pictures:
        if screenshot.refused:
            refused[faces[i].name] = screenshot.refused
        else:
            yield i, encode_picture(screenshot.picture)
