"""Drawings turned by eighths of a circle, and drawn the other way round."""

import numpy as np

from strokejax.types import Ink

EIGHTHS = tuple(range(0, 360, 45))
"""Degrees, anticlockwise as people see it."""


def turned(drawing: Ink | np.ndarray, degrees: int) -> Ink | np.ndarray:
    """Ink about the mean of its points, or a picture u8[h w] on paper of 0.

    `degrees` is one of `EIGHTHS`. Right angles move the pixels of a picture, the others
    mix neighbours and make room for the corners.
    """
    if not degrees:
        return drawing
    if isinstance(drawing, Ink):
        return _turned_ink(drawing, degrees)
    right, rest = divmod(degrees, 90)
    drawing = np.rot90(drawing, right)
    return _turned_picture(drawing, rest) if rest else np.ascontiguousarray(drawing)


def backwards(ink: Ink) -> Ink:
    """Last stroke first, each from its end to its start, at the same pace."""
    times = np.concatenate([stroke[:, 2] for stroke in ink.strokes])
    last = np.nanmax(times) if np.isfinite(times).any() else np.float32(0)
    strokes = []
    for stroke in reversed(ink.strokes):
        other = stroke[::-1].copy()
        other[:, 2] = last - other[:, 2]
        strokes.append(other)
    return Ink(tuple(strokes))


def _turned_ink(ink: Ink, degrees: int) -> Ink:
    angle = np.deg2rad(degrees)
    cos, sin = np.cos(angle), np.sin(angle)
    turn = np.array([[cos, -sin], [sin, cos]])  # for rows, and y grows downwards
    centre = np.concatenate([s[:, :2] for s in ink.strokes]).astype(np.float64).mean(0)
    strokes = []
    for stroke in ink.strokes:
        other = stroke.copy()
        other[:, :2] = (stroke[:, :2] - centre) @ turn + centre
        strokes.append(other)
    return Ink(tuple(strokes))


def _turned_picture(picture: np.ndarray, degrees: int) -> np.ndarray:
    from PIL import Image

    turn = Image.fromarray(np.ascontiguousarray(picture)).rotate
    return np.asarray(turn(degrees, Image.Resampling.BILINEAR, expand=True))
