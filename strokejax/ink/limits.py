"""Limits of ink and of its files, the function that checks ink, and units of time."""

from collections.abc import Sequence

import numpy as np

from strokejax.types import CheckedInk, Ink, InputError

MAX_POINTS = 100_000
MAX_STROKES = 1_000
MAX_COORDINATE = 1e7
"""Beyond 2**24, about 1.7e7, float32 no longer tells whole numbers apart."""
MAX_TIME = 1e12
"""Seconds; dates as seconds since 1970 stay below 1e11."""
FAR = 10_000
"""Ink farther from the origin than so many times its size moves there: float32 would
round its shape."""
MAX_BYTES = 8 * 2**20
MAX_PACKED_BYTES = 64 * 2**20


def check_ink(ink: Ink, where: str) -> CheckedInk:
    """Valid ink as float32 `(n, 3)` strokes: none is empty, t is 0 at the first point.

    `where` names the source in errors. A tap (several points in one place) is valid.
    Ink far from the origin, as on a map, moves to it (see `FAR`).
    InputError: fewer than 2 points, more than MAX_POINTS or MAX_STROKES, coordinates
    that are NaN, infinite or above MAX_COORDINATE, strokes of another shape.
    """
    if isinstance(ink, CheckedInk):
        return ink
    if len(ink.strokes) > MAX_STROKES:
        raise InputError(
            f"{where} has {len(ink.strokes):,} strokes, above the limit of "
            f"{MAX_STROKES:,}; give one symbol or line at a time."
        )
    # Counted before any array is converted, so that huge input is refused cheaply.
    count = sum(np.size(stroke, 0) if np.ndim(stroke) else 0 for stroke in ink.strokes)
    if count > MAX_POINTS:
        raise InputError(
            f"{where} has {count:,} points, above the limit of {MAX_POINTS:,}; "
            f"give one symbol or line at a time, or sample it less often."
        )
    if count < 2:
        raise InputError(
            f"{where} has {'one point' if count else 'no points'}, but ink needs at "
            f"least 2; draw a stroke, or give a tap as two equal points."
        )
    strokes = [
        _xyt(stroke, f"{where}, stroke {i + 1}")
        for i, stroke in enumerate(ink.strokes)
        if np.size(stroke)
    ]
    # Float64 until here: at today's dates float32 steps by 128 seconds.
    known_times = (stroke[:, 2][~np.isnan(stroke[:, 2])] for stroke in strokes)
    start = next((t[0] for t in known_times if len(t)), 0.0)
    points = np.concatenate(strokes)[:, :2]
    low, high = points.min(0), points.max(0)
    far = np.abs(points).max() > FAR * (high - low).max() > 0
    origin = [*(low if far else (0.0, 0.0)), start]
    return CheckedInk(tuple((s - origin).astype(np.float32) for s in strokes))


def seconds(times: Sequence[np.ndarray]) -> list[np.ndarray]:
    """The times f64[n] of strokes in seconds, from seconds or milliseconds.

    Nobody samples a pen twice a second: a median step of 0.5 or more is milliseconds.
    """
    steps = np.concatenate([np.diff(t) for t in times] or [np.zeros(0)])
    steps = steps[steps > 0]
    milliseconds = len(steps) > 0 and np.median(steps) >= 0.5
    return [t / 1000 if milliseconds else t for t in times]


def _xyt(stroke: np.ndarray, where: str) -> np.ndarray:
    """A stroke as f64[n, 3]; its third column is NaN where the input has no times."""
    points = np.asarray(stroke, np.float64)
    if points.ndim != 2 or points.shape[1] not in (2, 3):
        raise InputError(
            f"{where} is an array of shape {points.shape}; give one row per point with "
            f"the columns x, y and, if known, t."
        )
    if points.shape[1] == 2:
        points = np.column_stack([points, np.full(len(points), np.nan)])
    # NaN compares false with everything: `<=` refuses it in x and y, `~(>)` allows it
    # in t.
    valid = (np.abs(points[:, :2]) <= MAX_COORDINATE).all(1)
    valid &= ~(np.abs(points[:, 2]) > MAX_TIME)
    if not valid.all():
        bad = int(np.argmin(valid))
        x, y, t = points[bad]
        raise InputError(
            f"{where}, point {bad + 1} is x {x:g}, y {y:g}, t {t:g}; coordinates must "
            f"be finite and at most {MAX_COORDINATE:.0e} in size: remove or rescale it."
        )
    return points
