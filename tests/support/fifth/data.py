"""Curves that bend left or right: drawn at random, or read from a file."""

import json
from pathlib import Path
from typing import NamedTuple

import numpy as np

from strokejax.files import decode_text, read_bytes
from strokejax.types import Batch, InputError

BENDS = ("left", "right")
POINTS = 16
"""Points that a network sees of each curve."""
TRAIN, HELD_OUT = 0, 1
LARGEST_FILE = 1 << 20
"""Bytes."""


class Curve(NamedTuple):
    """A curve of a file."""

    points: np.ndarray
    """f32[POINTS 2], y down."""
    bend: str
    """One of `BENDS`, "" where the file does not say."""


def prepare_points(points: np.ndarray) -> np.ndarray:
    """f32[n 2] -> f32[POINTS 2] between -1 and 1; InputError for what is no curve."""
    points = np.asarray(points, np.float64)
    if points.ndim != 2 or points.shape[1] != 2 or len(points) < 2:
        raise InputError("A curve has 2 or more points [x, y]; give that many.")
    if not np.isfinite(points).all():
        raise InputError("A curve has a point that is no number; leave the point out.")
    place = np.linspace(0, len(points) - 1, POINTS)
    index = np.arange(len(points))
    points = np.stack([np.interp(place, index, axis) for axis in points.T], -1)
    points = points - points.mean(0)
    return (points / max(np.abs(points).max(), 1e-9)).astype(np.float32)


def synthetic_batch(seed: int, part: int, step: int, size: int, noise: float) -> Batch:
    """Arcs of circles; `noise` is the deviation of each point, of the radius."""
    rng = np.random.default_rng([seed, part, step])
    labels = rng.integers(len(BENDS), size=size, dtype=np.int32)
    # y grows downwards, so that rising angles bend right.
    turn = 2 * labels[:, None] - 1
    angle = rng.uniform(0, 2 * np.pi, (size, 1)) + turn * np.linspace(0, 2, POINTS)
    points = np.stack([np.cos(angle), np.sin(angle)], -1)
    points += rng.normal(0, noise, points.shape)
    inputs = {"points": np.stack([prepare_points(curve) for curve in points])}
    return Batch(inputs, labels, np.ones(size, bool))


def read_curves(path: str | Path) -> list[Curve]:
    """The curves of a file, a line {"points": [[x, y], ...], "bend": "left"} each."""
    text = decode_text(read_bytes(path, LARGEST_FILE), str(path))
    curves = []
    for number, line in enumerate(text.splitlines(), 1):
        try:
            row = json.loads(line)
            points, bend = prepare_points(row["points"]), row.get("bend", "")
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            reason = str(error).rstrip(".")
            raise InputError(
                f"{path}: line {number} is no curve ({reason}); write "
                f'{{"points": [[x, y], ...], "bend": "left"}}.'
            ) from error
        if bend not in ("", *BENDS):
            raise InputError(
                f"{path}: line {number} bends {bend!r}; choose one of "
                f"{', '.join(BENDS)}."
            )
        curves.append(Curve(points, bend))
    return curves
