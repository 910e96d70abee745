"""One figure with its interval, beside its target, and the file of measured figures."""

import json
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from filelock import SoftFileLock, Timeout
from numpy.typing import ArrayLike

from strokejax.evaluation.scores import bootstrap_interval
from strokejax.files import write_atomically
from strokejax.types import InputError


class Figure(NamedTuple):
    """A measured number."""

    name: str
    value: float
    interval95: tuple[float, float] | None = None
    n: int | None = None
    """What it is a mean of: drawings, answers, calls; None where it is of one run."""
    data: str = ""
    target: float | None = None
    """What it should reach."""
    most: bool = False
    """Whether it should be at most that, not at least."""
    unit: str = ""
    """Empty for a share of 1."""

    @property
    def title(self) -> str:
        """The data and the name: "UNIPEN: top-1"."""
        return f"{self.data}: {self.name}" if self.data else self.name

    @property
    def reached(self) -> bool | None:
        """Whether it reaches its target; None where it has none."""
        if self.target is None:
            return None
        return self.value <= self.target if self.most else self.value >= self.target

    def cells(self) -> tuple[str, str, str, str, str]:
        """Name, value, interval, n and target, as text."""
        low, high = self.interval95 or (np.nan, np.nan)
        return (
            self.name,
            self._text(self.value),
            f"{self._text(low)} to {self._text(high)}" if self.interval95 else "",
            "" if self.n is None else f"{self.n:,}",
            self.target_text(),
        )

    def target_text(self) -> str:
        """ "at least 0.8000", or nothing."""
        if self.target is None:
            return ""
        return f"at {'most' if self.most else 'least'} {self._text(self.target)}"

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
    target: float | None = None,
) -> Figure:
    """The mean of `right` [n], its interval bootstrapped over groups [n]."""
    values = np.asarray(right, np.float64)
    interval = bootstrap_interval(values, groups)
    return Figure(name, float(values.mean()), interval, len(values), data, target)


HEAD = ("figure", "value", "95 % interval", "n", "target", "", "data")


def as_text(figures: Sequence[Figure]) -> str:
    """The table that a terminal shows, a line a figure."""
    rows = [HEAD, *map(_cells, figures)]
    widths = [max(len(row[i]) for row in rows) for i in range(len(HEAD))]
    return "\n".join(_line(row, widths) for row in rows)


def _cells(figure: Figure) -> tuple[str, ...]:
    verdict = {None: "", True: "reached", False: "missed"}[figure.reached]
    return (*figure.cells(), verdict, figure.data)


def _line(row: Iterable[str], widths: Sequence[int]) -> str:
    parts = zip(row, widths, strict=True)
    return "  ".join(cell.ljust(width) for cell, width in parts).rstrip()


# The file of figures: a JSON list, a line a figure, sorted by name.


KEYS = ("name", "value", "unit", "interval", "n", "command", "date")
"""Of each figure in the file; `interval` and `n` may be null."""
PATIENCE = 10.0
"""Seconds to wait for another process that records."""


def record(figures: Iterable[Figure], path: str | Path, command: str) -> None:
    """Merges figures into the file at `path`; those of the same name are replaced.

    `command` is the line that measures them again. Values keep six digits. InputError
    for a value that is no finite number and for what `read_figures` refuses; the file
    then stays as it is.
    """
    path, date = Path(path), time.strftime("%Y-%m-%d")
    new = [_row(figure, command, date) for figure in figures]
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        # Benchmarks may end at the same moment, and each keeps what the others wrote.
        with SoftFileLock(f"{path}.lock", timeout=PATIENCE):
            rows = {row["name"]: row for row in [*read_figures(path), *new]}
            lines = [
                json.dumps(rows[name], ensure_ascii=False) for name in sorted(rows)
            ]
            text = "[\n" + ",\n".join(lines) + "\n]\n" if lines else "[]\n"
            write_atomically(path, text.encode())
    except Timeout as error:
        raise InputError(
            f"Another process has held {path}.lock for {PATIENCE:g} seconds; wait for "
            f"it, or delete that file if no process runs, and record again."
        ) from error


def _row(figure: Figure, command: str, date: str) -> dict[str, Any]:
    ends = figure.interval95
    numbers = [float(f"{x:.6g}") for x in (figure.value, *(ends or ()))]
    if not np.isfinite(numbers).all():
        raise InputError(
            f"The figure {figure.title!r} is {figure.value} with the interval {ends}; "
            f"only finite numbers are recorded."
        )
    n = None if figure.n is None else int(figure.n)
    interval = numbers[1:] or None
    cells = (figure.title, numbers[0], figure.unit, interval, n, command, date)
    return dict(zip(KEYS, cells, strict=True))


def read_figures(path: str | Path) -> list[dict[str, Any]]:
    """The figures in a file, each with `KEYS`; none where there is no file.

    InputError for anything but a JSON list of figures.
    """
    path = Path(path)
    try:
        rows = json.loads(path.read_text("utf-8")) if path.exists() else []
    except ValueError as error:
        raise InputError(_broken(path, str(error))) from None
    if not isinstance(rows, list):
        raise InputError(_broken(path, "it is not a list"))
    for i, row in enumerate(rows):
        if not isinstance(row, dict) or {*row} != {*KEYS}:
            raise InputError(_broken(path, f"entry {i} lacks or adds a field"))
    return rows


def _broken(path: Path, why: str) -> str:
    return (
        f"{path} is not a valid list of figures ({why}): restore it, or delete it and "
        f"record the figures again."
    )
