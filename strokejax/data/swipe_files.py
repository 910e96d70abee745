"""Files of synthetic swipes."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from strokejax.atomic import save_file
from strokejax.data.swipe_batches import board
from strokejax.data.swipes import swipe_line
from strokejax.ink.keyboards import layout
from strokejax.ink.swiping import swipes

PART = 1_000
"""Swipes made at once."""


def write_swipes(
    out: Path, keys: str, words: Mapping[str, float], count: int, seed: int
) -> int:
    """Writes so many swipes of words, drawn by how often they occur, as JSON lines."""
    own = layout(keys)
    some = board(own, own.letters, words)
    names = ["".join(own.letters[c] for c in way) for way in some.words]
    lines = []
    for start in range(0, count, PART):
        rng = np.random.default_rng([seed, start])
        size = min(PART, count - start)
        chosen = np.searchsorted(some.share, rng.random(size)).tolist()
        xy, seconds = swipes(rng, [some.units[some.words[i]] for i in chosen])
        for i, places, spent in zip(chosen, xy, seconds.tolist(), strict=True):
            points = np.empty((len(places), 3))
            points[:, :2] = places * own.pitch + own.origin
            points[:, 2] = np.linspace(0, spent, len(places))
            lines.append(swipe_line(names[i], points, own.name))
    save_file(out, "\n".join([*lines, ""]).encode())
    return count
