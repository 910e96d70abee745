"""What else a drawing stands for, where a symbol is the same however it is drawn."""

import math
from collections.abc import Collection
from functools import cache
from itertools import product
from typing import NamedTuple

import numpy as np

from strokejax.ink.variants_turning import EIGHTHS, backwards, turned
from strokejax.types import Ink, InputError

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
