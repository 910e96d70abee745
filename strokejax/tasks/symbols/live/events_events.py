"""Events of a pen or mouse, and the ink that they draw; numpy only."""

import math
from collections.abc import Sequence

import numpy as np

from strokejax.ink.limits import MAX_COORDINATE, MAX_TIME
from strokejax.types import Ink, InputError

Events = np.ndarray | Sequence[Sequence[float]]
"""f64[n 4]: t in seconds, x, y (down), whether the pen is down (1 or 0)."""
Strokes = tuple[tuple[tuple[float, float, float], ...], ...]
"""Strokes of points x, y, t."""


def check_events(points: Events, after: float = -math.inf) -> np.ndarray:
    """Events as f64[n 4]; InputError unless finite, of legal size and in order."""
    events = np.asarray(points, np.float64)
    if not events.size:
        return np.empty((0, 4))
    if events.ndim != 2 or events.shape[1] != 4:
        raise InputError(
            f"Events are an array of shape {events.shape}; give rows of t in seconds, "
            f"x, y and whether the pen is down."
        )
    legal = np.abs(events) <= (MAX_TIME, MAX_COORDINATE, MAX_COORDINATE, 1)
    ordered = np.diff(events[:, 0], prepend=after) >= 0
    bad = np.flatnonzero(~legal.all(1) | ~ordered)
    if len(bad):
        t, x, y, _ = events[bad[0]]
        if legal[bad[0]].all():
            earlier = events[bad[0] - 1, 0] if bad[0] else after
            raise InputError(
                f"The event at t {t:g} comes after one at t {earlier:g}; give events "
                f"in the order of their times."
            )
        raise InputError(
            f"The event is t {t:g}, x {x:g}, y {y:g}; times and coordinates are finite "
            f"numbers of at most {MAX_TIME:.0e} and {MAX_COORDINATE:.0e} in size."
        )
    return events


def to_ink(strokes: Strokes) -> Ink:
    """Ink with times from its first point; a lone point twice, as a tap."""
    arrays = [np.array(stroke, np.float64) for stroke in strokes]
    if len(strokes) == len(strokes[0]) == 1:
        arrays = [np.repeat(arrays[0], 2, axis=0)]
    start = arrays[0][0, 2]
    return Ink(tuple((s - (0.0, 0.0, start)).astype(np.float32) for s in arrays))
