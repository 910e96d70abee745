"""Connected components of ink in a picture, and which of them may be letters."""

from functools import reduce
from typing import NamedTuple

import numpy as np

WINDOW = 31
"""Pixels over which the local mean is taken: the height of the tallest letter."""
MIN_DIFFERENCE = 10.0
"""Of 255: ink differs by more from the mean around it."""
MIN_SHARE = 0.3
"""And by more than this fraction of the largest difference nearby."""
BLOCK = 4
"""Side in pixels of the blocks in which the largest difference is searched."""
PADDING = 4
"""Pixels of paper added around a picture: letters may touch its border."""
NOISY = 4.0
"""Of 255: a picture with a larger standard deviation of noise is smoothed."""
MAX_COMPONENTS = 30_000


class Components(NamedTuple):
    """Connected components of ink from 0 to n - 1; all arrays but `labels` are [n]."""

    labels: np.ndarray
    """i32[h w]: 1 + the component's number; 0 = none."""
    x0: np.ndarray
    y0: np.ndarray
    x1: np.ndarray
    y1: np.ndarray
    area: np.ndarray
    runs: np.ndarray
    """Horizontal runs of pixels."""
    bordered: np.ndarray
    """Whether all four sides of its box are inked, as on a button or a picture."""
    slope: np.ndarray
    """Rise over run of the line fitted to its pixels, downwards."""
    contrast: np.ndarray
    """Mean difference from the local mean, of 255."""

    @property
    def height(self) -> np.ndarray:
        """Pixels."""
        return self.y1 - self.y0

    @property
    def width(self) -> np.ndarray:
        """Pixels."""
        return self.x1 - self.x0


# Preparing a plane


def pad_paper(plane: np.ndarray) -> np.ndarray:
    """f32[h w] with `PADDING` pixels of paper around it."""
    edge = np.concatenate([plane[0], plane[-1], plane[:, 0], plane[:, -1]])
    paper = np.median(edge)
    # Where most of the border is not paper, no single level fits: repeat the border.
    if (np.abs(edge - paper) < 2 * MIN_DIFFERENCE).mean() < 0.5:
        return np.pad(plane, PADDING, "edge")
    return np.pad(plane, PADDING, constant_values=paper)


def denoise(plane: np.ndarray) -> np.ndarray:
    """The plane f32[h w], smoothed by a Gaussian if it is noisy."""
    from scipy import ndimage

    if min(plane.shape) < 8:
        return plane
    # Second differences along both axes are blind to edges and gradients (Immerkaer).
    d = plane[:, 2:] - 2 * plane[:, 1:-1] + plane[:, :-2]
    d = d[2:] - 2 * d[1:-1] + d[:-2]
    # (1, -2, 1) along both axes amplifies noise by 6; 0.6745 turns a median absolute
    # deviation into a standard deviation.
    noise = float(np.median(np.abs(d[::2, ::2]))) / (0.6745 * 6)
    return ndimage.gaussian_filter(plane, 0.8, truncate=2) if noise > NOISY else plane


def above_local_mean(plane: np.ndarray) -> np.ndarray:
    """f32[h w]: the difference of each pixel from the mean of the window around it."""
    from scipy import ndimage

    return plane - ndimage.uniform_filter(plane, WINDOW, mode="nearest")


def block_max(values: np.ndarray, size: int) -> np.ndarray:
    """f32[ceil(h/size) ceil(w/size)]: the maximum of each block of f32[h w]."""
    height, width = values.shape
    values = np.pad(values, ((0, -height % size), (0, -width % size)), "edge")
    values = values.reshape(len(values) // size, size, -1).max(1)
    # Slices are several times as fast as a reduction along the last axis.
    return reduce(np.maximum, [values[:, k::size] for k in range(size)])


# Components and their measures


def find_components(above: np.ndarray) -> Components:
    """The components of bright ink in f32[h w] of `above_local_mean`, or its negative.

    At most about `MAX_COMPONENTS`: the smallest ones are dropped.
    """
    from scipy import ndimage

    ink = above > np.maximum(MIN_DIFFERENCE, MIN_SHARE * _local_max(above))
    labels = np.zeros(ink.shape, np.int32)
    ndimage.label(ink, np.ones((3, 3), int), output=labels)
    count = int(labels.max())
    if count > MAX_COMPONENTS:
        area = np.bincount(labels.ravel(), minlength=count + 1)
        area[0] = 0
        keep = area > np.partition(area, -MAX_COMPONENTS)[-MAX_COMPONENTS]
        number = np.where(keep, np.cumsum(keep), 0).astype(np.int32)
        labels, count = number[labels], int(keep.sum())
    return _measure(labels, count, above)


def _local_max(above: np.ndarray) -> np.ndarray:
    """f32[h w]: the maximum within half a window, to the precision of a block."""
    from scipy import ndimage

    height, width = above.shape
    blocks = block_max(above, BLOCK)
    blocks = ndimage.maximum_filter(blocks, 2 * (WINDOW // 2 // BLOCK) + 1)
    return blocks.repeat(BLOCK, 0).repeat(BLOCK, 1)[:height, :width]


def _measure(labels: np.ndarray, count: int, above: np.ndarray) -> Components:
    width = labels.shape[1]
    inked = np.flatnonzero(labels)
    number = labels.ravel()[inked] - 1
    y, x = np.divmod(inked.astype(np.int32), np.int32(width))
    x0, y0 = (np.full(count, np.iinfo(np.int32).max, np.int32) for _ in range(2))
    x1, y1 = (np.zeros(count, np.int32) for _ in range(2))
    for low, high, position in ((x0, x1, x), (y0, y1, y)):
        np.minimum.at(low, number, position)
        np.maximum.at(high, number, position + 1)
    area = np.bincount(number, minlength=count)
    # A run starts after a gap in the flat index, or in a new row.
    starts = np.diff(inked, prepend=-2) != 1
    starts |= x == 0
    runs = np.bincount(number[starts], minlength=count)
    sides = [
        np.bincount(number[on_side], minlength=count)
        for on_side in (
            x == x0[number],
            x == x1[number] - 1,
            y == y0[number],
            y == y1[number] - 1,
        )
    ]
    tall, wide = (y1 - y0), (x1 - x0)
    shares = [sides[0] / tall, sides[1] / tall, sides[2] / wide, sides[3] / wide]
    contrast = np.bincount(number, above.ravel()[inked], count) / np.maximum(area, 1)
    bordered = np.min(shares, axis=0) > 0.6 if count else np.zeros(0, bool)
    slope = _slopes(x - x0[number], y - y0[number], number, count)
    return Components(labels, x0, y0, x1, y1, area, runs, bordered, slope, contrast)


def _slopes(x: np.ndarray, y: np.ndarray, number: np.ndarray, count: int) -> np.ndarray:
    """f64[count]: slopes by least squares through each component's pixels."""
    area = np.maximum(np.bincount(number, minlength=count), 1)
    sum_x, sum_y = np.bincount(number, x, count), np.bincount(number, y, count)
    variance = np.bincount(number, x * x, count) - sum_x**2 / area
    # Plus 1, so that a vertical stroke has the slope 0.
    return (np.bincount(number, x * y, count) - sum_x * sum_y / area) / (variance + 1)


def letter_like(components: Components, min_height: int) -> np.ndarray:
    """bool[n]: components of at least that height shaped like letters or words."""
    tall, wide = components.height, np.maximum(components.width, 1)
    fill = components.area / np.maximum(tall * wide, 1)
    crossings = components.runs / np.maximum(tall, 1)
    good = (tall >= min_height) & (tall <= 1.25 * WINDOW) & (fill > 0.06)
    good &= (tall <= 16 * wide) & (wide <= 25 * tall)
    # A row of pixels crosses about as many strokes as there are letters in a word.
    good &= crossings > 0.35 * wide / np.maximum(tall, 1)
    # Small letters in a row have even sides as well.
    boxy = components.bordered & ((tall > 10) | (fill > 0.9))
    return good & ~(boxy & (wide > 1.5 * tall))
