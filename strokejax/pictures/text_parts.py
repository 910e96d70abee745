"""Connected pieces of ink in a picture, and which of them may be letters."""

from functools import reduce
from typing import NamedTuple

import numpy as np

WINDOW = 31
"""Pixels over which paper and ink are told apart: the highest letter."""
FAINT = 10.0
"""Ink differs from the mean around it by more, of 255."""
SHARE = 0.3
"""And by this share of the strongest difference nearby."""
BLOCK = 4
FRAME = 4
"""Pixels of paper that are set around a picture: letters may touch its border."""
NOISY = 4.0
"""Deviation of noise, of 255, from which on a picture is smoothed."""
MOST_PARTS = 30_000


class Parts(NamedTuple):
    """Connected pieces of ink, numbered from 0; all arrays but `labels` are [n]."""

    labels: np.ndarray
    """i32[h w]: 1 + the piece's number; 0 = none."""
    x0: np.ndarray
    y0: np.ndarray
    x1: np.ndarray
    y1: np.ndarray
    area: np.ndarray
    runs: np.ndarray
    """Horizontal runs of pixels."""
    framed: np.ndarray
    """Whether all four sides of its box are inked, as a button's or a picture's are."""
    slope: np.ndarray
    """Rise over run of the line through its pixels, downwards."""
    contrast: np.ndarray
    """How far it differs from the mean around it, of 255."""

    @property
    def height(self) -> np.ndarray:
        """Pixels."""
        return self.y1 - self.y0

    @property
    def width(self) -> np.ndarray:
        """Pixels."""
        return self.x1 - self.x0


def framed(plane: np.ndarray) -> np.ndarray:
    """f32[h w] with `FRAME` pixels of paper around it."""
    edge = np.concatenate([plane[0], plane[-1], plane[:, 0], plane[:, -1]])
    paper = np.median(edge)
    if (np.abs(edge - paper) < 2 * FAINT).mean() < 0.5:
        return np.pad(plane, FRAME, "edge")
    return np.pad(plane, FRAME, constant_values=paper)


def smoothed(plane: np.ndarray) -> np.ndarray:
    """The plane f32[h w], with less noise where it has much."""
    from scipy import ndimage

    if min(plane.shape) < 8:
        return plane
    # Second differences along both axes are blind to edges and gradients (Immerkaer).
    d = plane[:, 2:] - 2 * plane[:, 1:-1] + plane[:, :-2]
    d = d[2:] - 2 * d[1:-1] + d[:-2]
    noise = float(np.median(np.abs(d[::2, ::2]))) / (0.6745 * 6)
    return ndimage.gaussian_filter(plane, 0.8, truncate=2) if noise > NOISY else plane


def above_paper(plane: np.ndarray) -> np.ndarray:
    """f32[h w]: how far each pixel is above the mean around it; f32[h w] plane."""
    from scipy import ndimage

    return plane - ndimage.uniform_filter(plane, WINDOW, mode="nearest")


def parts_of(above: np.ndarray) -> Parts:
    """The pieces that lie above the paper, in f32[h w] of `above_paper`."""
    from scipy import ndimage

    ink = above > np.maximum(FAINT, SHARE * _strongest(above))
    labels = np.zeros(ink.shape, np.int32)
    ndimage.label(ink, np.ones((3, 3), int), output=labels)
    count = int(labels.max())
    if count > MOST_PARTS:
        area = np.bincount(labels.ravel(), minlength=count + 1)
        area[0] = 0
        keep = area > np.partition(area, -MOST_PARTS)[-MOST_PARTS]
        number = np.where(keep, np.cumsum(keep), 0).astype(np.int32)
        labels, count = number[labels], int(keep.sum())
    return _measured(labels, count, above)


def _strongest(above: np.ndarray) -> np.ndarray:
    """f32[h w]: the highest value within half a window."""
    from scipy import ndimage

    height, width = above.shape
    blocks = block_highest(above, BLOCK)
    blocks = ndimage.maximum_filter(blocks, 2 * (WINDOW // 2 // BLOCK) + 1)
    return blocks.repeat(BLOCK, 0).repeat(BLOCK, 1)[:height, :width]


def block_highest(values: np.ndarray, size: int) -> np.ndarray:
    """f32[ceil(h/size) ceil(w/size)]: the highest value of each block of f32[h w]."""
    height, width = values.shape
    values = np.pad(values, ((0, -height % size), (0, -width % size)), "edge")
    values = values.reshape(len(values) // size, size, -1).max(1)
    # Slices are several times as fast as a reduction along the last axis.
    return reduce(np.maximum, [values[:, k::size] for k in range(size)])


def _measured(labels: np.ndarray, count: int, above: np.ndarray) -> Parts:
    width = labels.shape[1]
    at = np.flatnonzero(labels)
    number = labels.ravel()[at] - 1
    y, x = np.divmod(at.astype(np.int32), np.int32(width))
    x0, y0 = (np.full(count, np.iinfo(np.int32).max, np.int32) for _ in range(2))
    x1, y1 = (np.zeros(count, np.int32) for _ in range(2))
    for least, most, place in ((x0, x1, x), (y0, y1, y)):
        np.minimum.at(least, number, place)
        np.maximum.at(most, number, place + 1)
    area = np.bincount(number, minlength=count)
    starts = np.diff(at, prepend=-2) != 1
    starts |= x == 0
    runs = np.bincount(number[starts], minlength=count)
    sides = [
        np.bincount(number[on], minlength=count)
        for on in (
            x == x0[number],
            x == x1[number] - 1,
            y == y0[number],
            y == y1[number] - 1,
        )
    ]
    tall, wide = (y1 - y0), (x1 - x0)
    shares = [sides[0] / tall, sides[1] / tall, sides[2] / wide, sides[3] / wide]
    contrast = np.bincount(number, above.ravel()[at], count) / np.maximum(area, 1)
    inked = np.min(shares, axis=0) > 0.6 if count else np.zeros(0, bool)
    slope = _slopes(x - x0[number], y - y0[number], number, count)
    return Parts(labels, x0, y0, x1, y1, area, runs, inked, slope, contrast)


def _slopes(x: np.ndarray, y: np.ndarray, number: np.ndarray, count: int) -> np.ndarray:
    """f64[count]: by least squares of each piece's pixels."""
    area = np.maximum(np.bincount(number, minlength=count), 1)
    sum_x, sum_y = np.bincount(number, x, count), np.bincount(number, y, count)
    along = np.bincount(number, x * x, count) - sum_x**2 / area
    return (np.bincount(number, x * y, count) - sum_x * sum_y / area) / (along + 1)


def may_be_letters(parts: Parts, least: int) -> np.ndarray:
    """bool[n]: pieces at least so high with the proportions of letters or words."""
    tall, wide = parts.height, np.maximum(parts.width, 1)
    fill = parts.area / np.maximum(tall * wide, 1)
    crossings = parts.runs / np.maximum(tall, 1)
    good = (tall >= least) & (tall <= 1.25 * WINDOW) & (fill > 0.06)
    good &= (tall <= 16 * wide) & (wide <= 25 * tall)
    # Letters in a row are crossed about as often as they are many.
    good &= crossings > 0.35 * wide / np.maximum(tall, 1)
    # Small letters in a row have even sides as well.
    boxy = parts.framed & ((tall > 10) | (fill > 0.9))
    return good & ~(boxy & (wide > 1.5 * tall))
