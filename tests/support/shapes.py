"""Drawings of things that are no letters, for symbols to be registered."""

from itertools import pairwise

import numpy as np

from strokejax.types import Ink

_HEART = [(0, 3), (-3, 0), (-2, -2), (0, -1), (2, -2), (3, 0), (0, 3)]
_HOUSE = [(-2, 3), (-2, 0), (0, -2), (2, 0), (2, 3), (-2, 3), (2, 0), (-2, 0), (2, 3)]
_ARROW = [(-4, 0), (4, 0), (2, -2), (4, 0), (2, 2)]
REGISTERED = {
    "symbol",
    "version",
    "samples",
    "inputs",
    "odd",
    "confusions",
    "mistaken",
    "old_loss",
    "more",
}
"""What registering a symbol tells."""
CORNERS = {"heart": _HEART, "house": _HOUSE, "arrow": _ARROW}


def shape(name: str, seed: int = 0, wobble: float = 0.12) -> Ink:
    """One drawing of a thing in `CORNERS`, in one stroke; times unknown."""
    corners = np.array(CORNERS[name], np.float64)
    rng = np.random.default_rng([seed, len(corners)])
    corners += rng.normal(0, wobble, corners.shape)
    along = np.linspace(0, len(corners) - 1, 8 * len(corners))
    xy = [np.interp(along, np.arange(len(corners)), column) for column in corners.T]
    points = np.column_stack([*xy, np.full(len(along), np.nan)])
    return Ink((points.astype(np.float32) * 10,))


def shapes(name: str, count: int, first: int = 0) -> list[Ink]:
    """Several drawings, all different."""
    return [shape(name, seed) for seed in range(first, first + count)]


def picture(name: str, seed: int = 0, dark: bool = True) -> np.ndarray:
    """A drawing as u8[h w], a line of three pixels on paper."""
    points = shape(name, seed).strokes[0][:, :2]
    points = np.rint(points - points.min(0) + 10).astype(int)
    page = np.zeros(points.max(0)[::-1] + 12, np.uint8)
    for (x0, y0), (x1, y1) in pairwise(points):
        for part in np.linspace(0, 1, 20):
            x, y = round(x0 + part * (x1 - x0)), round(y0 + part * (y1 - y0))
            page[y - 1 : y + 2, x - 1 : x + 2] = 255
    return 255 - page if dark else page
