"""Normalises the picture of a text line to the height, level and contrast of a network.

`normalise_line` scales by how far the ink spreads around its middle row, `fit_line` by
the ink's bounding box.
"""

from itertools import pairwise
from typing import NamedTuple

import numpy as np

from strokejax.types import InputError

HEIGHT = 40
"""Pixels of a normalised line."""
INK_DEVIATION = 6.5
"""Standard deviation of the ink around the middle row, in pixels of a line of `HEIGHT`:
about half a small letter."""
MARGIN = 4
"""Blank columns before and after the ink."""
MAX_WIDTH = 8_192
"""Pixels of a normalised line: some 600 characters."""
MAX_SLOPE = 0.2
PAPER_LEVEL = 0.15
"""Below this fraction of the darkest ink is paper texture."""
MAX_ASPECT = 8
"""Height over width; no letter is as narrow."""
MIN_DARKNESS = 40
"""Of 255: a picture whose darkest ink is below it is blank."""


class LineImage(NamedTuple):
    """A normalised line and the position of its columns in the original picture."""

    pixels: np.ndarray
    """u8[h w], ink high."""
    scale: float
    """Pixels of the line per pixel of the picture."""
    left: int
    """Column of the picture where the ink begins."""

    def column(self, x: float) -> float:
        """The column of the picture for a column `x` of the line."""
        return self.left + (x - MARGIN) / self.scale


# Normalisation


def normalise_line(
    picture: np.ndarray,
    where: str = "The picture",
    height: int = HEIGHT,
) -> LineImage:
    """Levels a picture u8[h w], ink high, and scales it to `height` pixels.

    The rows of ink have the deviation `INK_DEVIATION` around the middle (of `HEIGHT`
    pixels, and in proportion), with or without ascenders. InputError: the picture is
    blank, upright or too long.
    """
    tall, wide = picture.shape
    if tall > MAX_ASPECT * wide:
        raise InputError(
            f"{where} is {wide} pixels wide and {tall} high; turn it: a line is "
            f"read from left to right."
        )
    ink = level_ink(picture, where)
    columns, rows = ink.sum(0), ink.sum(1)
    inked = np.flatnonzero(columns > 0.5)
    ink = ink[:, inked[0] : inked[-1] + 1]
    scale = _scale(rows, ink.shape[1], height)
    wide = _width(ink.shape[1] * scale, where)
    middle = float(rows @ (np.arange(len(rows)) + 0.5) / rows.sum())
    line = _resize(ink, middle - height / 2 / scale, height / scale, (wide, height))
    pixels = np.rint(255 * line).astype(np.uint8)
    pixels = np.pad(pixels, ((0, 0), (MARGIN, MARGIN)))
    return LineImage(pixels, wide / ink.shape[1], int(inked[0]))


def fit_line(picture: np.ndarray, height: int, where: str = "The picture") -> LineImage:
    """Scales a picture u8[h w], ink high, so that its ink fills `height` minus margins.

    A picture of exactly that height is returned unchanged. InputError: the picture is
    blank or too long.
    """
    if len(picture) == height:
        return LineImage(picture, 1.0, 0)
    ink = _stretch_contrast(picture, where)
    columns, rows = np.flatnonzero(ink.max(0) > 0), np.flatnonzero(ink.max(1) > 0)
    ink = ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    scale = (height - 2 * MARGIN) / len(ink)
    wide = _width(ink.shape[1] * scale, where)
    line = _resize(ink, -MARGIN / scale, height / scale, (wide, height))
    pixels = np.pad(np.rint(255 * line), ((0, 0), (MARGIN, MARGIN)))
    return LineImage(pixels.astype(np.uint8), wide / ink.shape[1], int(columns[0]))


def _width(pixels: float, where: str) -> int:
    if pixels > MAX_WIDTH:
        raise InputError(
            f"{where} is a line of {pixels:,.0f} pixels at the height that is read, "
            f"above the limit of {MAX_WIDTH:,}; cut it into shorter lines."
        )
    return max(1, round(pixels))


def _scale(rows: np.ndarray, width: int, height: int) -> float:
    """Pixels of the line per pixel of the picture, from the ink f[h] of its rows."""
    y = np.arange(len(rows))
    middle = rows @ y / rows.sum()
    # 1/12 is the variance within a pixel, so that a line one pixel high has some.
    deviation = np.sqrt(rows @ (y - middle) ** 2 / rows.sum() + 1 / 12)
    inked = np.flatnonzero(rows > 0.5)
    tall = inked[-1] - inked[0] + 1 if len(inked) else 1
    # A dot or a dash alone must not become a wall.
    limit = height / max(tall, width / 2) if width < 4 * tall else np.inf
    return float(min(INK_DEVIATION * height / HEIGHT / deviation, limit))


def _resize(
    ink: np.ndarray, top: float, height: float, size: tuple[int, int]
) -> np.ndarray:
    """`height` rows from `top` on, blank beyond the picture, as (width, height)."""
    from PIL import Image

    pad = int(np.ceil(max(0.0, -top, top + height - len(ink))))
    canvas = Image.fromarray(np.pad(ink, ((pad, pad), (0, 0))))
    box = (0.0, top + pad, float(ink.shape[1]), top + pad + height)
    return np.asarray(canvas.resize(size, Image.Resampling.BILINEAR, box=box))


# Contrast and slope


def level_ink(picture: np.ndarray, where: str = "The picture") -> np.ndarray:
    """f32[h w] from 0 (paper) to 1 (full ink) of u8[h w], sheared to be level.

    InputError for a blank picture.
    """
    return _level(_stretch_contrast(picture, where))


def _stretch_contrast(picture: np.ndarray, where: str) -> np.ndarray:
    """f32[h w] from 0 (paper and its texture) to 1 (full ink)."""
    # The maximum may be a speck, so full ink is the 99.9th percentile.
    counts = np.cumsum(np.bincount(picture.ravel(), minlength=256))
    darkest = int(np.searchsorted(counts, 0.999 * picture.size))
    darkest = max(darkest, 0.8 * int(np.flatnonzero(np.diff(counts, prepend=0))[-1]))
    if darkest < MIN_DARKNESS:
        raise InputError(f"{where} is blank; give a picture of a line of text.")
    levels = np.arange(256, dtype=np.float32)
    levels = (levels / darkest - PAPER_LEVEL) / (1 - PAPER_LEVEL)
    return np.clip(levels, 0, 1)[picture]


def _level(ink: np.ndarray) -> np.ndarray:
    """Shears the picture vertically so that its ink neither rises nor falls."""
    height, width = ink.shape
    if width < 2 * height:
        return ink
    # Weighted least squares through the mean height of each column's ink.
    weight = ink.sum(0)
    x = np.arange(width) - (weight @ np.arange(width)) / weight.sum()
    y = (np.arange(height) @ ink) / np.maximum(weight, 1e-6)
    slope = float((weight * x) @ y / max((weight * x) @ x, 1e-6))
    shift = np.rint(np.clip(slope, -MAX_SLOPE, MAX_SLOPE) * x).astype(int)
    if not shift.any():
        return ink
    # The sloping ink fits into the picture, so its height again is enough room.
    room = min(int(np.abs(shift).max()), height)
    level = np.zeros((height + 2 * room, width), ink.dtype)
    edges = [0, *(np.flatnonzero(np.diff(shift)) + 1).tolist(), width]
    for a, b in pairwise(edges):
        down = room - int(shift[a])
        low, high = max(0, -down), min(height, len(level) - down)
        level[low + down : high + down, a:b] = ink[low:high, a:b]
    return level
