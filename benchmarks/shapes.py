"""Words of swipes by the shapes of their ways, a baseline.

Like SHARK2 (P.-O. Kristensson and S. Zhai, 2004): a swipe is compared with the polyline
through each word's keys, both at points of equal distance. The shape channel compares
them moved to one centre and scaled to one size, the location channel where they lie;
both count as normal distributions, beside how often words occur. Words whose ends lie
far from the swipe's are left out first.
"""

from collections.abc import Mapping

import numpy as np

from strokejax.tasks.swipes.layouts import Layout, typed

POINTS = 32
ENDS = 2.0
"""Key widths between ends: words farther off are left out, while others are left."""
SHAPE, PLACE, FREQUENCY = 0.06, 0.45, 0.3
"""Standard deviations of both channels, weight of the frequencies."""


class Shapes:
    """The polylines of a layout's words."""

    def __init__(self, words: Mapping[str, float], keys: Layout):
        places = dict(zip(keys.letters, keys.units(), strict=True))
        ways, self.words, often = [], [], []
        for word, frequency in words.items():
            try:
                written = typed(word, keys.letters)
            except ValueError:
                continue
            if written:
                ways.append(resampled(np.array([places[c] for c in written])))
                self.words.append(word)
                often.append(frequency)
        self._ways = np.stack(ways)
        self._shapes = shaped(self._ways)
        self._prior = FREQUENCY * np.log(np.array(often) / sum(often))

    def type(self, swipe: np.ndarray, count: int = 4) -> list[str]:
        """Words of a swipe f[n 2], in keys, best first."""
        way = resampled(swipe)
        ends = np.linalg.norm(self._ways[:, [0, -1]] - way[[0, -1]], axis=-1).max(1)
        near = np.flatnonzero(ends < max(ENDS, np.partition(ends, 200)[200]))
        shape = np.linalg.norm(self._shapes[near] - shaped(way[None]), axis=-1).mean(1)
        place = np.linalg.norm(self._ways[near] - way, axis=-1).mean(1)
        score = -0.5 * (shape / SHAPE) ** 2 - 0.5 * (place / PLACE) ** 2
        score += self._prior[near]
        return [self.words[near[i]] for i in np.argsort(-score)[:count]]


def resampled(way: np.ndarray) -> np.ndarray:
    """f[POINTS 2]: points of equal distance along a way."""
    step = np.append(0, np.cumsum(np.linalg.norm(np.diff(way, axis=0), axis=1)))
    at = np.linspace(0, step[-1], POINTS)
    return np.stack([np.interp(at, step, way[:, i]) for i in (0, 1)], -1)


def shaped(ways: np.ndarray) -> np.ndarray:
    """f[n POINTS 2]: around their centre, of a box whose longer side is 1."""
    ways = ways - ways.mean(1, keepdims=True)
    side = np.ptp(ways, axis=1).max(1)
    return ways / np.maximum(side, 0.5)[:, None, None]
