"""The report of a few-shot evaluation: accuracy against shots, on one page."""

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
    """Write the page of k-shot curves; it is whole or not there.

    `curves` maps names to rows of `fewshot.kshot(...)["shots"]`; `extra` has further
    sections as markup, such as `charts.reliability`.
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
        for name, each in curves.items()
        for row in each
    ]
    head = ("curve", "shots", "ways", "episodes", "answers", "accuracy", "95 %")
    chart = charts.shot_curves("Accuracy", curves)
    return (
        "<p>Shares of right answers where each class is learned from so many drawings; "
        "the band is the 95 % interval, chance is one over the ways.</p>"
        f"{chart}{figures.table(head, rows)}"
    )
