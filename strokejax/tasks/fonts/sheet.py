"""A contact sheet of answers, each drawn in its font: a picture, never font files."""

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from strokejax.files import save_file
from strokejax.pictures.images import read_picture
from strokejax.tasks.fonts.finder import FontFinder
from strokejax.tasks.fonts.typeset import TextStyle, typeset
from strokejax.types import InputError

EM, WIDTH, MARGIN = 40, 900, 16
"""Pixels of the em of drawn answers, of the sheet's width, and of its margins."""
MAX_QUERY_HEIGHT = 240
"""Pixels of a query picture on the sheet."""
MAX_TEXT, MAX_LABEL = 80, 110
"""Characters of drawn text and of a label."""
LABEL_EM, LABEL_GREY = 14, 120
"""Pixels of the em of labels, and their grey level."""


def save_sheet(
    path: str | Path, results: Sequence[Mapping[str, Any]], finder: FontFinder
) -> None:
    """Writes a PNG of each query picture and below it the answers in their fonts.

    `results` are those of `fonts identify --json`.
    """
    from PIL import Image

    strips: list[np.ndarray] = []
    for result in results:
        strips += _result_strips(result, finder)
    height = sum(len(strip) + MARGIN // 2 for strip in strips) + MARGIN
    sheet = np.full((height, WIDTH, 3), 255, np.uint8)
    y = MARGIN
    for strip in strips:
        # Grey strips broadcast to three channels.
        pixels = strip if strip.ndim == 3 else strip[..., None]
        sheet[y : y + len(strip), MARGIN : MARGIN + strip.shape[1]] = pixels
        y += len(strip) + MARGIN // 2
    data = io.BytesIO()
    Image.fromarray(sheet).save(data, "PNG")
    save_file(path, data.getvalue())


def _result_strips(result: Mapping[str, Any], finder: FontFinder) -> list[np.ndarray]:
    """The strips of one result, from top to bottom."""
    strips = [_label(str(result["file"]))]
    if "error" in result:
        return [*strips, _label(result["error"])]
    strips += _query_picture(str(result["file"]))
    for name, share in zip(result["symbols"], result["probability"], strict=True):
        drawing = draw_text(finder.file_of(name), name)
        strips += map(_fit, drawing)
        note = "" if drawing else " (its file is not indexed)"
        strips.append(_label(f"{name}, {100 * share:.1f} %{note}"))
    return strips


def draw_text(face: Mapping[str, Any] | None, text: str) -> list[np.ndarray]:
    """[u8[h w]]: text in an indexed font, black on white; [] if it cannot be drawn.

    The fonts of the training set have no file, and a file can be deleted.
    """
    if face is None:
        return []
    try:
        lines = [text[:MAX_TEXT]]
        coverage = typeset(face["file"], face["index"], lines, TextStyle(EM))
    except (InputError, OSError):
        return []
    return [255 - coverage]


def _query_picture(file: str) -> list[np.ndarray]:
    """The picture, reduced to fit; [] for a font file."""
    try:
        return [_fit(read_picture(file), MAX_QUERY_HEIGHT)]
    except InputError:
        return []


def _fit(picture: np.ndarray, max_height: int = 4 * EM) -> np.ndarray:
    """The picture, reduced to the sheet's width and a height."""
    from PIL import Image

    image = Image.fromarray(picture)
    image.thumbnail((WIDTH - 2 * MARGIN, max_height))
    return np.asarray(image)


def _label(text: str) -> np.ndarray:
    # Without a file: Pillow's default font is always there.
    grey = 255 - typeset("", 0, [text[:MAX_LABEL]], TextStyle(LABEL_EM))
    return _fit(np.maximum(grey, LABEL_GREY))
