"""Ink that is no symbol: what a recogniser should refuse. numpy only."""

import numpy as np

from strokejax.types import Ink

SMOOTHINGS = (1, 5, 9, 13)
"""Points of the moving average: from corners to curves."""
STEPS = 12
"""Points between two vias."""


def scribble(rng: np.random.Generator) -> Ink:
    """One to three strokes through random places, angular or round; times unknown."""
    return Ink(tuple(_stroke(rng) for _ in range(rng.choice((1, 1, 2, 3)))))


def _stroke(rng: np.random.Generator) -> np.ndarray:
    count = rng.integers(2, 9)
    if rng.random() < 0.5:
        vias = np.cumsum(rng.normal(0, 0.7, (count, 2)), axis=0)
    else:
        vias = rng.uniform(-1, 1, (count, 2))
    along = np.linspace(0, count - 1, STEPS * count)
    width = int(rng.choice(SMOOTHINGS))
    kernel = np.full(width, 1 / width)
    columns = []
    for axis in (0, 1):
        line = np.interp(along, np.arange(count), vias[:, axis])
        columns.append(np.convolve(np.pad(line, width // 2, "edge"), kernel, "valid"))
    return np.column_stack([*columns, np.full(len(along), np.nan)]).astype(np.float32)
