"""How large a writer's letters are, from those just drawn; numpy only."""

from statistics import median

from strokejax.ink.resample import longer_side
from strokejax.table.symbols import SPACE
from strokejax.types import Ink

WINDOW = 31
"""Symbols back that are looked at: who moves to a larger sheet is soon known anew."""
ENOUGH = 3
"""Symbols without which nothing is known. By `benchmarks/usual_size.py`, of held-out
letters 0.844 are right beside so many; beside one 0.836, but with more mistakes beyond
twins than without any, which gives 0.830."""


def with_size(
    sizes: tuple[float, ...], ink: Ink, symbols: tuple[str, ...]
) -> tuple[float, ...]:
    """The longer sides of the last symbols, with one more; spaces and taps have none.

    `symbols` are what the ink was taken for, best first.
    """
    side = longer_side(ink)
    if side == 0 or symbols[:1] == (SPACE,):
        return sizes
    return (*sizes, side)[-WINDOW:]


def usual_size(sizes: tuple[float, ...]) -> float | None:
    """The median of longer sides, None where too few are known."""
    return median(sizes) if len(sizes) >= ENOUGH else None
