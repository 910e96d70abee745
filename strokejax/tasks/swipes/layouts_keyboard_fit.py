"""Where a keyboard lay, from swipes alone: their words need not be known.

Swipes begin on the first letter of a word and end on the last. How often letters are
first and last is known from the words, so the places of all ends together tell the
keyboard's size and place: a mixture of as many normal distributions as keys, which
share one scale and shift (expectation maximisation, A. Dempster et al., 1977).
"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from strokejax.tasks.swipes.layouts import Layout, typed

ROUNDS = 40
SPREAD = (0.9, 0.45)
"""Standard deviation of ends around keys, in keys: in the first and the last round."""
OUTSIDE = 1e-3
"""Density of ends that mean no key."""
SCALE, SHIFT = 0.15, 0.3
"""Standard deviations of what is believed beforehand: of the scale, and of the shift
in keys."""


class Placing(NamedTuple):
    """A keyboard as it lay: `middle + scale * (place - middle) + shift`, in pixels."""

    scale: np.ndarray
    shift: np.ndarray
    middle: np.ndarray

    def undone(self, xy: np.ndarray) -> np.ndarray:
        """f[... 2] pixels of the swipes in pixels of the layout."""
        return (xy - self.shift - self.middle) / self.scale + self.middle


def as_told(keys: Layout) -> Placing:
    """The keyboard lies where its layout says."""
    return Placing(np.ones(2), np.zeros(2), keys.centres.mean(0).astype(float))


def fit_keyboard(
    first: np.ndarray, last: np.ndarray, keys: Layout, words: Mapping[str, float]
) -> Placing:
    """The placing of a keyboard on which swipes f[n 2] begin and end, in pixels.

    Few swipes change little: their evidence stands beside what is believed beforehand.
    """
    begins, ends = _letters(keys, words)
    placing = as_told(keys)
    own, middle = keys.centres - placing.middle, placing.middle
    xy = np.concatenate([first, last]) - middle
    prior = np.concatenate(
        [np.tile(begins, (len(first), 1)), np.tile(ends, (len(last), 1))]
    )
    scale, shift = placing.scale, placing.shift
    for spread in np.geomspace(*SPREAD, ROUNDS):
        away = (xy[:, None] - scale * own - shift) / (keys.pitch * spread)
        near = prior * np.exp(-0.5 * (away**2).sum(-1)) / spread**2
        share = near / (near.sum(1, keepdims=True) + OUTSIDE)
        scale, shift = _line(xy, share, own, keys.pitch, spread)
    return Placing(scale, shift, middle)


def _line(xy, share, own, pitch, spread) -> tuple[np.ndarray, np.ndarray]:
    """Scale and shift of both axes by weighted least squares with what is believed."""
    scale, shift = np.ones(2), np.zeros(2)
    for axis in (0, 1):
        unit = pitch[axis]
        at, place = own[:, axis] / unit, xy[:, axis] / unit
        weight = share / spread**2
        total, mean = weight.sum(), (weight * at).sum()
        square = (weight * at**2).sum()
        normal = np.array([[square + 1 / SCALE**2, mean], [mean, total + 1 / SHIFT**2]])
        right = [
            (weight * at * place[:, None]).sum() + 1 / SCALE**2,
            (weight * place[:, None]).sum(),
        ]
        found = np.linalg.solve(normal, right)
        scale[axis], shift[axis] = found[0], found[1] * unit
    return scale, shift


def _letters(keys: Layout, words: Mapping[str, float]) -> tuple[np.ndarray, np.ndarray]:
    """f64[k]: how often each key is the first and the last of a word."""
    number = {letter: i for i, letter in enumerate(keys.letters)}
    found = np.full((2, len(number)), 1e-9)
    for word, often in words.items():
        try:
            written = typed(word, keys.letters)
        except ValueError:
            continue
        if written:
            found[0, number[written[0]]] += often
            found[1, number[written[-1]]] += often
    found /= found.sum(1, keepdims=True)
    return found[0], found[1]
