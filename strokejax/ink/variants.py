"""What else a drawing stands for, where a symbol is the same however it is drawn."""

import math
from collections.abc import Collection
from functools import cache
from itertools import product
from typing import NamedTuple

import numpy as np

from strokejax.types import Ink, InputError

# Drawings turned by eighths of a circle, and drawn the other way round.


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


IGNORABLE = ("direction", "rotation", "size")
SIZES = {"": 1.0, "half as large": 0.5, "twice as large": 2.0, "of any size": math.nan}
"""How large a drawing counts as, relative to what it is; NaN: nothing is known."""


class Variant(NamedTuple):
    """What is done to a drawing, in this order."""

    backwards: bool = False
    turn: int = 0
    """Degrees."""
    size: str = ""
    """One of `SIZES`."""

    @property
    def name(self) -> str:
        """As samples are marked with it; "" for the drawing itself."""
        turn = f"turned by {self.turn}" if self.turn else ""
        parts = ("backwards" if self.backwards else "", turn, self.size)
        return ", ".join(filter(None, parts))


def ignored(text: str, where: str) -> tuple[str, ...]:
    """Words of `IGNORABLE` between commas; InputError for others."""
    words = tuple(filter(None, map(str.strip, text.split(","))))
    for word in words:
        if word not in IGNORABLE:
            raise InputError(
                f"{where} has {word!r}; what can be ignored is {', '.join(IGNORABLE)}, "
                f"with commas between."
            )
    return words


def variants_of(
    drawing: Ink | np.ndarray, usual_size: float | None, ignore: Collection[str]
) -> tuple[str, ...]:
    """Names of what a drawing stands for as well.

    A picture has no direction, and without a usual size there is none to ignore.
    """
    ink = isinstance(drawing, Ink)
    found = product(
        (False, True) if ink and "direction" in ignore else (False,),
        EIGHTHS if "rotation" in ignore else (0,),
        SIZES if ink and usual_size and "size" in ignore else ("",),
    )
    names = (Variant(*each).name for each in found)
    return tuple(filter(None, names))


def varied(
    drawing: Ink | np.ndarray, usual_size: float | None, name: str
) -> tuple[Ink | np.ndarray, float | None]:
    """A drawing and the writer's usual size after what a name of a variant says."""
    variant = by_name()[name]
    if variant.backwards and isinstance(drawing, Ink):
        drawing = backwards(drawing)
    relative = SIZES[variant.size]
    usual = usual_size / relative if usual_size and relative == relative else None
    return turned(drawing, variant.turn), usual


@cache
def by_name() -> dict[str, Variant]:
    """All variants there are."""
    every = [Variant(*each) for each in product((False, True), EIGHTHS, SIZES)]
    return {each.name: each for each in every}
