"""What ink and its files may hold: every limit, checked in one place."""

from pathlib import Path

import numpy as np

from strokejax.types import Ink, InputError

MAX_POINTS = 100_000
MAX_STROKES = 1_000
MAX_COORDINATE = 1e7
"""Beyond 2**24, about 1.7e7, float32 no longer tells whole numbers apart."""
MAX_TIME = 1e12
"""Seconds; dates as seconds since 1970 stay below 1e11."""
MAX_BYTES = 8 * 2**20
MAX_PACKED_BYTES = 64 * 2**20


def check_ink(ink: Ink, where: str) -> Ink:
    """The ink as float32 `(n, 3)` strokes without empty ones, t from its first point.

    `where` names the source in errors. A tap, several points in one place, is legal.
    InputError: fewer than 2 points, more than MAX_POINTS or MAX_STROKES, coordinates
    that are NaN, infinite or above MAX_COORDINATE, strokes of another shape.
    """
    if len(ink.strokes) > MAX_STROKES:
        raise InputError(
            f"{where} has {len(ink.strokes):,} strokes, above the limit of "
            f"{MAX_STROKES:,}; give one symbol or line at a time."
        )
    count = sum(np.size(stroke, 0) if np.ndim(stroke) else 0 for stroke in ink.strokes)
    if count > MAX_POINTS:
        raise InputError(
            f"{where} has {count:,} points, above the limit of {MAX_POINTS:,}; "
            f"give one symbol or line at a time, or sample it less often."
        )
    if count < 2:
        raise InputError(
            f"{where} has {'one point' if count else 'no points'}, and ink needs at "
            f"least 2; draw a stroke, or give a tap as two equal points."
        )
    strokes = [
        _xyt(stroke, f"{where}, stroke {i + 1}")
        for i, stroke in enumerate(ink.strokes)
        if np.size(stroke)
    ]
    known = (stroke[:, 2][~np.isnan(stroke[:, 2])] for stroke in strokes)
    start = next((t[0] for t in known if len(t)), 0.0)
    return Ink(tuple((s - (0.0, 0.0, start)).astype(np.float32) for s in strokes))


def _xyt(stroke: np.ndarray, where: str) -> np.ndarray:
    """A stroke in float64 with its third column, NaN where no times are given."""
    points = np.asarray(stroke, np.float64)
    if points.ndim != 2 or points.shape[1] not in (2, 3):
        raise InputError(
            f"{where} is an array of shape {points.shape}; give one row a point with "
            f"the columns x, y and, if known, t."
        )
    if points.shape[1] == 2:
        points = np.column_stack([points, np.full(len(points), np.nan)])
    # Written so that NaN, which compares false with everything, is illegal in x and y.
    legal = (np.abs(points[:, :2]) <= MAX_COORDINATE).all(1)
    legal &= ~(np.abs(points[:, 2]) > MAX_TIME)
    if not legal.all():
        bad = int(np.argmin(legal))
        x, y, t = points[bad]
        raise InputError(
            f"{where}, point {bad + 1} is x {x:g}, y {y:g}, t {t:g}; coordinates must "
            f"be finite and at most {MAX_COORDINATE:.0e} in size: remove or rescale it."
        )
    return points


def read_bytes(path: str | Path, limit: int) -> bytes:
    """A whole file of at most `limit` bytes; InputError before a larger one is read."""
    path = Path(path)
    if path.is_dir():
        raise InputError(f"{path} is a folder; give a file.")
    if not path.exists():
        raise InputError(f"{path} does not exist; give the path of a file.")
    if not path.is_file():
        raise InputError(f"{path} is not a regular file; give one.")
    size = path.stat().st_size
    if size > limit:
        raise InputError(
            f"{path} has {size / 2**20:,.1f} MiB, above the limit of "
            f"{limit / 2**20:g} MiB; give a smaller file, or several."
        )
    try:
        with path.open("rb") as file:
            return file.read(limit)
    except OSError as error:
        raise InputError(
            f"{path} cannot be read ({error.strerror}); check its permissions."
        ) from error


def decode_text(data: bytes, where: str) -> str:
    """UTF-8 text, a byte order mark left out; InputError for anything else."""
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(
            f"{where} is not text in UTF-8 (byte {error.start}); give ink as CSV, "
            f"JSON, InkML, UNIPEN or packed npz."
        ) from error
