"""One figure with its interval, beside what it should be."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from strokejax.evaluation.scores import bootstrap_interval


class Figure(NamedTuple):
    """A measured number."""

    name: str
    value: float
    interval95: tuple[float, float] | None
    n: int
    """What it is a mean of: drawings, answers, calls."""
    data: str
    asked: float | None = None
    """What it should reach."""
    most: bool = False
    """Whether it should be at most that, not at least."""
    unit: str = ""
    """Empty for a share of 1."""

    @property
    def reached(self) -> bool | None:
        """Whether it is what it should be; None where nothing is asked."""
        if self.asked is None:
            return None
        return self.value <= self.asked if self.most else self.value >= self.asked

    def told(self) -> tuple[str, str, str, str, str]:
        """Name, value, interval, n, and what is asked, as text."""
        low, high = self.interval95 or (np.nan, np.nan)
        return (
            self.name,
            self._text(self.value),
            f"{self._text(low)} to {self._text(high)}" if self.interval95 else "",
            f"{self.n:,}",
            self.wish(),
        )

    def wish(self) -> str:
        """ "at least 0.8000", or nothing."""
        if self.asked is None:
            return ""
        return f"at {'most' if self.most else 'least'} {self._text(self.asked)}"

    def _text(self, value: float) -> str:
        if not self.unit:
            return f"{value:.4f}"
        short = f"{value:,.0f}" if value >= 1000 else f"{value:.2f}"
        return f"{short} {self.unit}"


def share(
    name: str,
    right: ArrayLike,
    groups: ArrayLike,
    data: str,
    asked: float | None = None,
) -> Figure:
    """The mean of `right` [n], its interval bootstrapped over groups [n]."""
    values = np.asarray(right, np.float64)
    interval = bootstrap_interval(values, groups)
    return Figure(name, float(values.mean()), interval, len(values), data, asked)


HEAD = ("figure", "value", "95 % interval", "n", "asked", "", "data")


def as_text(figures: Sequence[Figure]) -> str:
    """The table that a terminal shows, a line a figure."""
    rows = [HEAD, *map(_cells, figures)]
    widths = [max(len(row[i]) for row in rows) for i in range(len(HEAD))]
    return "\n".join(_line(row, widths) for row in rows)


def _cells(figure: Figure) -> tuple[str, ...]:
    verdict = {None: "", True: "reached", False: "missed"}[figure.reached]
    return (*figure.told(), verdict, figure.data)


def _line(row: Iterable[str], widths: Sequence[int]) -> str:
    parts = zip(row, widths, strict=True)
    return "  ".join(cell.ljust(width) for cell, width in parts).rstrip()
