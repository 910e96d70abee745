"""Any picture of a line as a network wants it."""

from itertools import pairwise
from typing import NamedTuple

import numpy as np

from strokejax.tasks.lines.emnist_lines import SIZE
from strokejax.types import InputError

HEIGHT = 40
"""Pixels of a normalised line."""
SPREAD = 6.5
"""Deviation of its ink from the middle row, in pixels: about half a small letter."""
MARGIN = 4
"""Blank columns before and after the ink."""
MAX_WIDTH = 8_192
"""Pixels of a normalised line: some 600 characters."""
MAX_SLOPE = 0.2
FLOOR = 0.15
"""Paper's texture is below this share of the darkest ink."""
UPRIGHT = 8
"""Times as high as wide: no letter is."""
BLANK = 40
"""A picture whose darkest ink is below this, of 255, is blank."""


class LineImage(NamedTuple):
    """A normalised line, and where its columns come from."""

    pixels: np.ndarray
    """u8[h w], ink high, of the height that was asked for."""
    scale: float
    """Pixels for one of the picture's."""
    left: int
    """The picture's column where the ink begins."""

    def column(self, x: float) -> float:
        """The picture's column of the line's."""
        return self.left + (x - MARGIN) / self.scale


def normalise_line(
    picture: np.ndarray,
    where: str = "The picture",
    height: int = HEIGHT,
) -> LineImage:
    """u8[h w], ink high, as a line: level, of usual height and contrast.

    The ink's rows have deviation `SPREAD` around the middle (of `HEIGHT` pixels, and in
    proportion), whatever ascenders there are. InputError for a picture that is blank,
    higher than wide, or too long.
    """
    tall, wide = picture.shape
    if tall > UPRIGHT * wide:
        raise InputError(
            f"{where} is {wide} pixels wide and {tall} high; turn it: a line is "
            f"read from left to right."
        )
    ink = level_ink(picture, where)
    columns, rows = ink.sum(0), ink.sum(1)
    used = np.flatnonzero(columns > 0.5)
    ink = ink[:, used[0] : used[-1] + 1]
    scale = _scale(rows, ink.shape[1], height)
    wide = _width(ink.shape[1] * scale, where)
    middle = float(rows @ (np.arange(len(rows)) + 0.5) / rows.sum())
    found = _cut(ink, middle - height / 2 / scale, height / scale, (wide, height))
    pixels = np.rint(255 * found).astype(np.uint8)
    pixels = np.pad(pixels, ((0, 0), (MARGIN, MARGIN)))
    return LineImage(pixels, wide / ink.shape[1], int(used[0]))


def published_size(picture: np.ndarray, where: str = "The picture") -> LineImage:
    """u8[h w], ink high, as lines of 28 pixels: the ink 20 of them high, or as it is.

    A picture of that height is taken as it is. InputError for one that is blank or too
    long.
    """
    if len(picture) == SIZE:
        return LineImage(picture, 1.0, 0)
    ink = _contrast(picture, where)
    columns, rows = np.flatnonzero(ink.max(0) > 0), np.flatnonzero(ink.max(1) > 0)
    ink = ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    scale = (SIZE - 2 * MARGIN) / len(ink)
    wide = _width(ink.shape[1] * scale, where)
    found = _cut(ink, -MARGIN / scale, SIZE / scale, (wide, SIZE))
    pixels = np.pad(np.rint(255 * found), ((0, 0), (MARGIN, MARGIN)))
    return LineImage(pixels.astype(np.uint8), wide / ink.shape[1], int(columns[0]))


def _width(pixels: float, where: str) -> int:
    if pixels > MAX_WIDTH:
        raise InputError(
            f"{where} is a line of {pixels:,.0f} pixels at the height that is read, "
            f"above the limit of {MAX_WIDTH:,}; cut it into shorter lines."
        )
    return max(1, round(pixels))


def level_ink(picture: np.ndarray, where: str = "The picture") -> np.ndarray:
    """f32[h w] of u8[h w], ink high: from 0, all that is paper, to 1; level."""
    return _level(_contrast(picture, where))


def _contrast(picture: np.ndarray, where: str) -> np.ndarray:
    """f32[h w] from 0, all that is paper, to 1."""
    # One pixel may be a speck: the darkest are those above nearly all others.
    counts = np.cumsum(np.bincount(picture.ravel(), minlength=256))
    darkest = int(np.searchsorted(counts, 0.999 * picture.size))
    darkest = max(darkest, 0.8 * int(np.flatnonzero(np.diff(counts, prepend=0))[-1]))
    if darkest < BLANK:
        raise InputError(f"{where} is blank; give a picture of a line of text.")
    share = (np.arange(256, dtype=np.float32) / darkest - FLOOR) / (1 - FLOOR)
    return np.clip(share, 0, 1)[picture]


def _scale(rows: np.ndarray, width: int, height: int) -> float:
    """New pixels a pixel, from the ink of each row."""
    y = np.arange(len(rows))
    middle = rows @ y / rows.sum()
    spread = np.sqrt(rows @ (y - middle) ** 2 / rows.sum() + 1 / 12)
    inked = np.flatnonzero(rows > 0.5)
    tall = inked[-1] - inked[0] + 1 if len(inked) else 1
    # A dot or a dash alone must not become a wall.
    most = height / max(tall, width / 2) if width < 4 * tall else np.inf
    return float(min(SPREAD * height / HEIGHT / spread, most))


def _cut(
    ink: np.ndarray, top: float, height: float, size: tuple[int, int]
) -> np.ndarray:
    """Rows from `top` on, those beyond the picture blank, as (width, height) pixels."""
    from PIL import Image

    pad = int(np.ceil(max(0.0, -top, top + height - len(ink))))
    canvas = Image.fromarray(np.pad(ink, ((pad, pad), (0, 0))))
    box = (0.0, top + pad, float(ink.shape[1]), top + pad + height)
    return np.asarray(canvas.resize(size, Image.Resampling.BILINEAR, box=box))


def _level(ink: np.ndarray) -> np.ndarray:
    """The picture sheared so that its ink neither rises nor falls."""
    height, width = ink.shape
    if width < 2 * height:
        return ink
    weight = ink.sum(0)
    x = np.arange(width) - (weight @ np.arange(width)) / weight.sum()
    y = (np.arange(height) @ ink) / np.maximum(weight, 1e-6)
    slope = float((weight * x) @ y / max((weight * x) @ x, 1e-6))
    shift = np.rint(np.clip(slope, -MAX_SLOPE, MAX_SLOPE) * x).astype(int)
    if not shift.any():
        return ink
    # Ink that rises lies within the picture, so it needs no more room than that again.
    room = min(int(np.abs(shift).max()), height)
    level = np.zeros((height + 2 * room, width), ink.dtype)
    edges = [0, *(np.flatnonzero(np.diff(shift)) + 1).tolist(), width]
    for a, b in pairwise(edges):
        down = room - int(shift[a])
        low, high = max(0, -down), min(height, len(level) - down)
        level[low + down : high + down, a:b] = ink[low:high, a:b]
    return level
