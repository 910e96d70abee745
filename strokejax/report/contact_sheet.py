"""Drawings side by side in one picture."""

import io
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from strokejax.files import save_file
from strokejax.registration.samples import Drawing
from strokejax.types import Ink, InputError

CELL, EDGE, PEN = 96, 10, 3
"""Pixels of a drawing's square, of its margin, of the pen."""


def save_sheet(path: str | Path, drawings: Sequence[Drawing]) -> None:
    """Writes a PNG of the drawings, numbered by rows from the top left."""
    from PIL import Image, ImageDraw

    if not drawings:
        raise InputError(f"{path} would be empty: the symbol has no drawings.")
    across = math.ceil(math.sqrt(len(drawings)))
    down = math.ceil(len(drawings) / across)
    sheet = Image.new("L", (across * CELL, down * CELL), 255)
    pen = ImageDraw.Draw(sheet)
    for i, each in enumerate(drawings):
        x, y = i % across * CELL, i // across * CELL
        if isinstance(each, Ink):
            for line in _fitted(each):
                points = [(x + px, y + py) for px, py in line]
                pen.line(points, fill=0, width=PEN, joint="curve")
        else:
            side = CELL - 2 * EDGE
            picture = Image.fromarray(255 - each)
            picture.thumbnail((side, side))
            sheet.paste(picture, (x + EDGE, y + EDGE))
        pen.text((x + 3, y + 2), str(i), fill=128)
    data = io.BytesIO()
    sheet.save(data, "PNG")
    save_file(path, data.getvalue())


def _fitted(ink: Ink) -> list[list[tuple[float, float]]]:
    points = np.concatenate(ink.strokes)[:, :2]
    low, high = points.min(0), points.max(0)
    scale = (CELL - 2 * EDGE) / max((high - low).max(), 1e-9)
    centre = (low + high) / 2
    return [
        [tuple(p) for p in ((s[:, :2] - centre) * scale + CELL / 2).tolist()]
        for s in ink.strokes
    ]
