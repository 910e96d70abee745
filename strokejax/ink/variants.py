"""Variants of a drawing, for symbols that stay the same however they are drawn.

A variant is the drawing rotated, drawn backwards, or taken for another size. A symbol
that ignores direction, rotation or size is registered with all variants of these kinds.
"""

import math
from collections.abc import Collection
from functools import cache
from itertools import product
from typing import NamedTuple

import numpy as np

from strokejax.types import Ink, InputError

ROTATIONS = tuple(range(0, 360, 45))
"""Degrees, counter-clockwise as people see it."""
IGNORABLE = ("direction", "rotation", "size")
RELATIVE_SIZES = {
    "": 1.0,
    "half as large": 0.5,
    "twice as large": 2.0,
    "of any size": math.nan,
}
"""The size of a variant relative to the drawing's; NaN: the size is unknown."""


# Transformations


def turned(drawing: Ink | np.ndarray, degrees: int) -> Ink | np.ndarray:
    """Rotates ink about the mean of its points, or a picture u8[h w] on paper of 0.

    `degrees` is one of `ROTATIONS`. Right angles permute the pixels of a picture; the
    other angles interpolate them and enlarge the picture to hold its corners.
    """
    if not degrees:
        return drawing
    if isinstance(drawing, Ink):
        return _rotate_ink(drawing, degrees)
    quarters, rest = divmod(degrees, 90)
    drawing = np.rot90(drawing, quarters)
    return _rotate_picture(drawing, rest) if rest else np.ascontiguousarray(drawing)


def backwards(ink: Ink) -> Ink:
    """Reverses ink in time: last stroke first, each from its end, at the same pace."""
    times = np.concatenate([stroke[:, 2] for stroke in ink.strokes])
    last = np.nanmax(times) if np.isfinite(times).any() else np.float32(0)
    strokes = []
    for stroke in reversed(ink.strokes):
        reverse = stroke[::-1].copy()
        reverse[:, 2] = last - reverse[:, 2]
        strokes.append(reverse)
    return Ink(tuple(strokes))


def _rotate_ink(ink: Ink, degrees: int) -> Ink:
    angle = np.deg2rad(degrees)
    cos, sin = np.cos(angle), np.sin(angle)
    # Row vectors transpose the usual matrix, and y downwards transposes it again.
    rotation = np.array([[cos, -sin], [sin, cos]])
    # Summed in float64: float32 would round coordinates far from 0.
    centre = np.concatenate([s[:, :2] for s in ink.strokes]).astype(np.float64).mean(0)
    strokes = []
    for stroke in ink.strokes:
        rotated = stroke.copy()
        rotated[:, :2] = (stroke[:, :2] - centre) @ rotation + centre
        strokes.append(rotated)
    return Ink(tuple(strokes))


def _rotate_picture(picture: np.ndarray, degrees: int) -> np.ndarray:
    from PIL import Image

    rotate = Image.fromarray(np.ascontiguousarray(picture)).rotate
    return np.asarray(rotate(degrees, Image.Resampling.BILINEAR, expand=True))


# Names of variants. Samples are stored with them.


class Variant(NamedTuple):
    """Transformations of a drawing, applied in this order."""

    backwards: bool = False
    rotation: int = 0
    """Degrees, one of `ROTATIONS`."""
    size: str = ""
    """One of `RELATIVE_SIZES`."""

    @property
    def name(self) -> str:
        """The stored name; "" for the drawing itself."""
        rotation = f"turned by {self.rotation}" if self.rotation else ""
        words = ("backwards" if self.backwards else "", rotation, self.size)
        return ", ".join(filter(None, words))


@cache
def by_name() -> dict[str, Variant]:
    """All variants by their names."""
    choices = product((False, True), ROTATIONS, RELATIVE_SIZES)
    variants = [Variant(*choice) for choice in choices]
    return {variant.name: variant for variant in variants}


def parse_ignore(text: str, where: str) -> tuple[str, ...]:
    """The words of `IGNORABLE` in a text, separated by commas; InputError for others.

    `where` names the source in errors. Empty words are skipped.
    """
    words = tuple(filter(None, map(str.strip, text.split(","))))
    for word in words:
        if word not in IGNORABLE:
            raise InputError(
                f"{where} has {word!r}, which cannot be ignored; choose from "
                f"{', '.join(IGNORABLE)}, separated by commas."
            )
    return words


def variant_names(
    drawing: Ink | np.ndarray, reference_size: float | None, ignore: Collection[str]
) -> tuple[str, ...]:
    """Names of all variants of a drawing, without "" for the drawing itself.

    `ignore` holds words of `IGNORABLE`. A picture has no direction, and a drawing
    without a reference size has no size to ignore.
    """
    ink = isinstance(drawing, Ink)
    choices = product(
        (False, True) if ink and "direction" in ignore else (False,),
        ROTATIONS if "rotation" in ignore else (0,),
        RELATIVE_SIZES if ink and reference_size and "size" in ignore else ("",),
    )
    names = (Variant(*choice).name for choice in choices)
    return tuple(filter(None, names))


def apply_variant(
    drawing: Ink | np.ndarray, reference_size: float | None, name: str
) -> tuple[Ink | np.ndarray, float | None]:
    """A drawing and its reference size, transformed as the variant `name` says.

    The reference size is the longer side of the writer's usual letter in the ink's
    units. A variant of another size keeps the ink and changes the reference: half as
    large means twice the reference.
    """
    variant = by_name()[name]
    if variant.backwards and isinstance(drawing, Ink):
        drawing = backwards(drawing)
    relative = RELATIVE_SIZES[variant.size]
    drawing = turned(drawing, variant.rotation)
    if reference_size and not math.isnan(relative):
        return drawing, reference_size / relative
    return drawing, None
