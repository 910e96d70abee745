"""A contact sheet: all drawings of a symbol side by side in one picture."""

import io
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from strokejax.files import save_file
from strokejax.types import Drawing, Ink, InputError

CELL, MARGIN, PEN = 96, 10, 3
"""Pixels: side of a drawing's cell, its margin, width of the pen."""


def save_sheet(path: str | Path, drawings: Sequence[Drawing]) -> None:
    """Write a PNG of the drawings, numbered row by row from the top left.

    InputError if there are no drawings.
    """
    from PIL import Image, ImageDraw

    if not drawings:
        raise InputError(
            f"{path} would be empty: the symbol has no drawings; name one that does."
        )
    # As square as the number allows.
    columns = math.ceil(math.sqrt(len(drawings)))
    rows = math.ceil(len(drawings) / columns)
    sheet = Image.new("L", (columns * CELL, rows * CELL), 255)
    pen = ImageDraw.Draw(sheet)
    for i, drawing in enumerate(drawings):
        x, y = i % columns * CELL, i // columns * CELL
        if isinstance(drawing, Ink):
            for line in _fit_to_cell(drawing):
                points = [(x + px, y + py) for px, py in line]
                pen.line(points, fill=0, width=PEN, joint="curve")
        else:
            side = CELL - 2 * MARGIN
            picture = Image.fromarray(255 - drawing)  # high values are ink
            picture.thumbnail((side, side))
            sheet.paste(picture, (x + MARGIN, y + MARGIN))
        pen.text((x + 3, y + 2), str(i), fill=128)
    png = io.BytesIO()
    sheet.save(png, "PNG")
    save_file(path, png.getvalue())


def _fit_to_cell(ink: Ink) -> list[list[tuple[float, float]]]:
    """Strokes scaled and centred in a cell, as lists of (x, y) in pixels."""
    points = np.concatenate(ink.strokes)[:, :2]
    low, high = points.min(0), points.max(0)
    scale = (CELL - 2 * MARGIN) / max((high - low).max(), 1e-9)
    centre = (low + high) / 2
    return [
        [tuple(p) for p in ((s[:, :2] - centre) * scale + CELL / 2).tolist()]
        for s in ink.strokes
    ]
