"""Is a symbol whole, now that the pen is up? A small learned model; numpy only.

After each stroke a symbol goes on with odds that depend on its ink and on how sure the
answer is; if it goes on, the logarithm of the time until its next stroke is logistic
around a mean that depends on the hand's pace. So the odds that it still goes on fall
with every moment of silence, and solving them for the time gives the pause to wait (a
split-population duration model: P. Schmidt and A. D. Witte, "Predicting criminal
recidivism using 'split population' survival time models", J. Econometrics 40, 1989).
A stroke that starts before that belongs to the symbol or to the next one by a logistic
regression on those odds and on the place where it starts.
`benchmarks/endings.py` fits the coefficients.
"""

import math
from collections.abc import Sequence

import numpy as np

from strokejax.types import Ink

SHORTEST, LONGEST = 0.06, 1.2
"""Bounds of a pause that ends a symbol, in seconds."""
PARTS = tuple("017IJLOZcijlprtz")
"""What a first stroke is taken for that is followed by another in 2 of 5 cases."""
GOES_ON: tuple[float, ...] = (-2.284, -0.039, -1.023, 1.290, 0.298, -2.033, 2.342)
"""Log odds of one more stroke, by `ink_features`."""
PAUSE: tuple[float, ...] = (-1.210, 0.932, -0.274, 1.186, 0.163, 0.029, -0.079)
"""Mean logarithm of the seconds between two strokes of a symbol, by `ink_features`."""
SPREAD = 0.263
"""Scale of the logistic distribution around it."""
STARTS_NEW: tuple[float, ...] = (-1.908, -1.029, 1.023, 4.142, 2.256, -0.396)
"""Log odds that a stroke starts a new symbol, by `start_features`."""


def ink_features(
    ink: Ink, symbols: Sequence[str], probability: Sequence[float]
) -> tuple[float, ...]:
    """What says whether ink is whole; the symbols are the best answers to it.

    1; log of the mean seconds of a stroke; log of the whole way in sizes of the ink;
    straightness of the last stroke, 0 to 1; whether there are several strokes; log
    probability of the best answer; probability of those that a first stroke may be.
    """
    xy = [stroke[:, :2].astype(np.float64) for stroke in ink.strokes]
    seconds = sum(float(s[-1, 2] - s[0, 2]) for s in ink.strokes) / len(xy)
    ways = [float(np.hypot(*np.diff(s, axis=0).T).sum()) for s in xy]
    straight = math.dist(xy[-1][0], xy[-1][-1]) / ways[-1] if ways[-1] > 0 else 1.0
    ranked = zip(symbols, probability, strict=True)
    part = sum(p for symbol, p in ranked if symbol in PARTS)
    return (
        1.0,
        math.log(max(seconds, 0.02)),
        math.log(max(sum(ways) / _box(ink)[1], 0.1)),
        straight,
        float(len(xy) > 1),
        math.log(max(probability[0], 1e-3)) if probability else -3.0,
        part * (len(xy) == 1),
    )


def start_features(
    ink: Ink, features: Sequence[float], pause: float, x: float, y: float
) -> tuple[float, ...]:
    """What says whether a stroke that starts at (x, y) after `pause` s is a new symbol.

    1; log odds that the ink goes on; log of the pause; how far the stroke starts to the
    right, to the left, above or below the ink, in sizes of the ink.
    """
    ((left, top), (right, bottom)), size = _box(ink)
    return (
        1.0,
        _still_open(features, pause),
        math.log(pause + 0.01),
        min(max(x - right, 0.0) / size, 2.0),
        min(max(left - x, 0.0) / size, 2.0),
        min(max(top - y, y - bottom, 0.0) / size, 2.0),
    )


def wait(features: Sequence[float], risk: float) -> float:
    """Seconds of silence after which ink goes on with a probability below `risk`."""
    excess = math.exp(_dot(GOES_ON, features)) * (1 - risk) / risk - 1
    if excess <= 0:
        return SHORTEST
    log_seconds = _dot(PAUSE, features) + SPREAD * math.log(excess)
    return min(max(math.exp(min(log_seconds, 10.0)), SHORTEST), LONGEST)


def starts_new(
    ink: Ink, features: Sequence[float], pause: float, x: float, y: float
) -> bool:
    """Whether a stroke that starts at (x, y) after `pause` seconds is a new symbol."""
    return _dot(STARTS_NEW, start_features(ink, features, pause, x, y)) > 0


def _still_open(features: Sequence[float], pause: float) -> float:
    """Log odds that ink goes on, after `pause` seconds without a stroke."""
    late = (math.log(max(pause, 1e-3)) - _dot(PAUSE, features)) / SPREAD
    return _dot(GOES_ON, features) - float(np.logaddexp(0.0, late))


def _box(ink: Ink) -> tuple[list[list[float]], float]:
    """((left, top), (right, bottom)) of the ink, and its longer side."""
    xy = np.concatenate(ink.strokes)[:, :2].astype(np.float64)
    low, high = xy.min(0), xy.max(0)
    return [low.tolist(), high.tolist()], max(float((high - low).max()), 1e-6)


def _dot(coefficients: Sequence[float], features: Sequence[float]) -> float:
    return sum(c * f for c, f in zip(coefficients, features, strict=True))
