"""The page of a few-shot evaluation: accuracy against shots."""

import os
from collections.abc import Mapping
from html import escape
from typing import Any

from strokejax.report import charts
from strokejax.report import drawings as figures
from strokejax.report.page import percent, write_page
from strokejax.types import InputError


def write_curves(
    path: str | os.PathLike[str],
    title: str,
    curves: charts.Curves,
    command: str,
    extra: Mapping[str, str] | None = None,
) -> None:
    """Writes the page of k-shot curves to `path`, atomically.

    `curves` maps names to rows of `few_shot.kshot(...)["shots"]`; `command` is shown as
    the way to reproduce them; `extra` adds sections of markup, such as
    `charts.reliability`. InputError if no curve has a row.
    """
    curves = {name: rows for name, rows in curves.items() if rows}
    if not curves:
        raise InputError("a page of few-shot curves needs a row; evaluate some shots")
    sections = {
        "Accuracy against shots": _curves(curves),
        **(extra or {}),
        "Reproduce": f"<pre><code>{escape(command)}</code></pre>",
    }
    cards = [_card(name, row) for name, rows in curves.items() for row in rows]
    write_page(path, title, cards, sections)


def _card(name: str, row: Mapping[str, Any]) -> tuple[str, str, str]:
    low, high = (100 * edge for edge in row["interval95"])
    shots = "1 shot" if row["k"] == 1 else f"{row['k']} shots"
    return (
        f"{figures.short(name, 24)}, {shots}",
        percent(row["accuracy"]),
        f"95 % interval {low:.1f} to {high:.1f}",
    )


def _curves(curves: charts.Curves) -> str:
    """The chart of all curves, and a table with a line a row."""
    rows = [
        (
            escape(name),
            f"{row['k']}",
            f"{row['ways']:,}",
            f"{row['episodes']:,}",
            f"{row['n']:,}",
            percent(row["accuracy"]),
            " to ".join(percent(edge) for edge in row["interval95"]),
        )
        for name, curve in curves.items()
        for row in curve
    ]
    head = ("curve", "shots", "ways", "episodes", "answers", "accuracy", "95 %")
    chart = charts.shot_curves("Accuracy", curves)
    return (
        "<p>Accuracy after learning each class from a few drawings, the shots; "
        "the band is the 95 % interval, chance is one over the ways.</p>"
        f"{chart}{figures.table(head, rows)}"
    )
