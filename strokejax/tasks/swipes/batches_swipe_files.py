"""Files of synthetic swipes."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from strokejax.files import save_file
from strokejax.tasks.swipes.batches import board
from strokejax.tasks.swipes.data import swipe_line
from strokejax.tasks.swipes.layouts import by_keys, layout
from strokejax.tasks.swipes.synthesis import swipes

PART = 1_000
"""Swipes made at once."""


def write_swipes(
    out: Path, keys: str, words: Mapping[str, float], count: int, seed: int
) -> int:
    """Writes so many swipes of words, drawn by how often they occur, as JSON lines.

    Of words that are written by the same keys, "its" and "it's", too.
    """
    own = layout(keys)
    some = board(own, own.letters, words)
    named = by_keys(words, own.letters)
    names = [named["".join(own.letters[c] for c in way)] for way in some.words]
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
            among, often = zip(*names[i], strict=True)
            word = among[rng.choice(len(among), p=np.divide(often, sum(often)))]
            lines.append(swipe_line(word, points, own.name))
    save_file(out, "\n".join([*lines, ""]).encode())
    return count
