"""Has the symbol ended, now that the pen is up? A small learned model; numpy only.

After each stroke, another stroke of the same symbol follows with odds that depend on
the ink and on the confidence of its answer. If one follows, the logarithm of the pause
before it is logistic around a mean that depends on the writer's pace. The odds of one
more stroke therefore fall while the pen is up, and solving them for the time gives the
pause that ends a symbol (a split-population duration model: P. Schmidt and A. D. Witte,
"Predicting criminal recidivism using 'split population' survival time models", J.
Econometrics 40, 1989).

A stroke that starts before that pause is over belongs to the symbol or to the next one:
a logistic regression decides by those odds and by the place where the stroke starts.

`benchmarks/endings.py` fits the coefficients.
"""

import math
from collections.abc import Sequence

import numpy as np

from strokejax.types import Ink

MIN_PAUSE, MAX_PAUSE = 0.06, 1.2
"""Bounds of the pause that ends a symbol, in seconds."""
PARTIAL = tuple("017IJLOZcijlprtz")
"""Answers to a first stroke that another stroke follows in 2 of 5 cases."""

# Coefficients: the order is that of the features.

CONTINUES: tuple[float, ...] = (-2.284, -0.039, -1.023, 1.290, 0.298, -2.033, 2.342)
"""Log odds of one more stroke, by `ink_features`."""
LOG_PAUSE: tuple[float, ...] = (-1.210, 0.932, -0.274, 1.186, 0.163, 0.029, -0.079)
"""Mean logarithm of the seconds between two strokes of a symbol, by `ink_features`."""
LOG_PAUSE_SCALE = 0.263
"""Scale of the logistic distribution around that mean."""
STARTS_NEW: tuple[float, ...] = (-1.908, -1.029, 1.023, 4.142, 2.256, -0.396)
"""Log odds that a stroke starts a new symbol, by `start_features`."""


def ink_features(
    ink: Ink, symbols: Sequence[str], probability: Sequence[float]
) -> tuple[float, ...]:
    """Features that tell whether ink is complete; `symbols` are its best answers.

    1; log of the mean seconds a stroke; log of the path length over the ink's longer
    side; straightness of the last stroke, 0 to 1; whether there are several strokes;
    log probability of the best answer; probability of `PARTIAL` for a first stroke.
    """
    xy = [stroke[:, :2].astype(np.float64) for stroke in ink.strokes]
    seconds = sum(float(s[-1, 2] - s[0, 2]) for s in ink.strokes) / len(xy)
    lengths = [float(np.hypot(*np.diff(s, axis=0).T).sum()) for s in xy]
    straight = (
        math.dist(xy[-1][0], xy[-1][-1]) / lengths[-1] if lengths[-1] > 0 else 1.0
    )
    ranked = zip(symbols, probability, strict=True)
    partial = sum(p for symbol, p in ranked if symbol in PARTIAL)
    # The bounds keep taps and points of one moment finite under the logarithm.
    return (
        1.0,
        math.log(max(seconds, 0.02)),
        math.log(max(sum(lengths) / _bounding_box(ink)[1], 0.1)),
        straight,
        float(len(xy) > 1),
        math.log(max(probability[0], 1e-3)) if probability else -3.0,
        partial * (len(xy) == 1),
    )


def start_features(
    ink: Ink, features: Sequence[float], pause: float, x: float, y: float
) -> tuple[float, ...]:
    """Features that tell whether a stroke at (x, y), after `pause` s, is a new symbol.

    1; log odds that the ink goes on; log of the pause; how far the stroke starts to the
    right of the ink, to its left, and above or below it, over the ink's longer side.
    `features` are the `ink_features` of the ink so far.
    """
    ((left, top), (right, bottom)), size = _bounding_box(ink)
    return (
        1.0,
        _continuation_log_odds(features, pause),
        math.log(pause + 0.01),
        min(max(x - right, 0.0) / size, 2.0),
        min(max(left - x, 0.0) / size, 2.0),
        min(max(top - y, y - bottom, 0.0) / size, 2.0),
    )


def pause_to_end(features: Sequence[float], risk: float) -> float:
    """Seconds of pen-up after which one more stroke is less probable than `risk`.

    Derivation: with odds o of one more stroke and the probability S(t) of a pause
    longer than t, the odds after t seconds are o S(t). S is logistic in log t, so
    1 / S(t) = 1 + exp((log t - mean) / scale). Setting o S(t) = risk / (1 - risk)
    gives log t = mean + scale log(o (1 - risk) / risk - 1).
    """
    excess = math.exp(_dot(CONTINUES, features)) * (1 - risk) / risk - 1
    if excess <= 0:
        return MIN_PAUSE
    log_seconds = _dot(LOG_PAUSE, features) + LOG_PAUSE_SCALE * math.log(excess)
    # min(..., 10) keeps exp finite; MAX_PAUSE is far below exp(10).
    return min(max(math.exp(min(log_seconds, 10.0)), MIN_PAUSE), MAX_PAUSE)


def starts_new(
    ink: Ink, features: Sequence[float], pause: float, x: float, y: float
) -> bool:
    """Whether a stroke that starts at (x, y) after `pause` seconds is a new symbol."""
    return _dot(STARTS_NEW, start_features(ink, features, pause, x, y)) > 0


def _continuation_log_odds(features: Sequence[float], pause: float) -> float:
    """Log odds that ink goes on, after `pause` seconds without a stroke."""
    late = (math.log(max(pause, 1e-3)) - _dot(LOG_PAUSE, features)) / LOG_PAUSE_SCALE
    # log S(pause) = -log(1 + exp(late)), see `pause_to_end`.
    return _dot(CONTINUES, features) - float(np.logaddexp(0.0, late))


def _bounding_box(ink: Ink) -> tuple[list[list[float]], float]:
    """((left, top), (right, bottom)) of the ink, and its longer side."""
    xy = np.concatenate(ink.strokes)[:, :2].astype(np.float64)
    low, high = xy.min(0), xy.max(0)
    return [low.tolist(), high.tolist()], max(float((high - low).max()), 1e-6)


def _dot(coefficients: Sequence[float], features: Sequence[float]) -> float:
    return sum(c * f for c, f in zip(coefficients, features, strict=True))
