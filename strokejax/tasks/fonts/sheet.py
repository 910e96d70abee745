"""Answers drawn in their own fonts, as pictures: font files are never given away."""

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from strokejax.files import save_file
from strokejax.pictures.images import read_picture
from strokejax.tasks.fonts.finder import FontFinder
from strokejax.tasks.fonts.typeset import Setting, typeset
from strokejax.types import InputError

EM, WIDTH, EDGE = 40, 900, 16
"""Pixels of drawn text, of the sheet, of its margins."""
TALL = 240
"""Most pixels of a picture that was asked about."""
MOST = 80
"""Characters of drawn text."""
GREY = 120


def drawn(face: Mapping[str, Any] | None, text: str) -> list[np.ndarray]:
    """u8[h w]: text in an indexed font, black on white; nothing where its file is not
    known, or not there any more."""
    if face is None:
        return []
    try:
        return [255 - typeset(face["file"], face["index"], [text[:MOST]], Setting(EM))]
    except (InputError, OSError):
        return []


def save_answers(
    path: str | Path, results: Sequence[Mapping[str, Any]], finder: FontFinder
) -> None:
    """Writes a PNG: each picture that was asked about, and below it its answers, each
    named in its own font."""
    from PIL import Image

    strips: list[np.ndarray] = []
    for result in results:
        strips.append(_label(str(result["file"])))
        if "error" in result:
            strips.append(_label(result["error"]))
            continue
        strips += _asked(str(result["file"]))
        for name, share in zip(result["symbols"], result["probability"], strict=True):
            own = drawn(finder.file_of(name), name)
            strips += map(_fitted, own)
            why = "" if own else " (its file is not indexed)"
            strips.append(_label(f"{name}, {100 * share:.1f} %{why}"))
    height = sum(len(strip) + EDGE // 2 for strip in strips) + EDGE
    sheet = np.full((height, WIDTH, 3), 255, np.uint8)
    y = EDGE
    for strip in strips:
        shown = strip if strip.ndim == 3 else strip[..., None]
        sheet[y : y + len(strip), EDGE : EDGE + strip.shape[1]] = shown
        y += len(strip) + EDGE // 2
    data = io.BytesIO()
    Image.fromarray(sheet).save(data, "PNG")
    save_file(path, data.getvalue())


def _asked(file: str) -> list[np.ndarray]:
    """The picture, small enough; nothing of a font file."""
    try:
        return [_fitted(read_picture(file), TALL)]
    except InputError:
        return []


def _fitted(picture: np.ndarray, tall: int = 4 * EM) -> np.ndarray:
    from PIL import Image

    image = Image.fromarray(picture)
    image.thumbnail((WIDTH - 2 * EDGE, tall))
    return np.asarray(image)


def _label(text: str) -> np.ndarray:
    grey = 255 - typeset("", 0, [text[:110]], Setting(14))
    return _fitted(np.maximum(grey, GREY))
