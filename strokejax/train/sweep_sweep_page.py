"""What a sweep has found: a table for the terminal, and a page."""

import os
from collections.abc import Mapping, Sequence
from html import escape
from itertools import accumulate
from typing import Any

import numpy as np

from strokejax.report.charts import line_chart, number, scatter
from strokejax.report.drawings import table
from strokejax.report.page import percent, write_page

Row = dict[str, Any]
"""A finished trial: "trial", "score", "parameters", "seconds", and its settings."""

LOGARITHMIC = ("learning_rate", "weight_decay")
SHOWN = ("embed_dim", "channels", "learning_rate", "weight_decay", "augment", "loss")


def best_first(rows: Sequence[Row]) -> list[Row]:
    """The trials by their scores, the best one first; equals in their order."""
    return sorted(rows, key=_loss)


def _loss(row: Row) -> float:
    return -row["score"]


def told(rows: Sequence[Row]) -> str:
    """The trials as lines of text, best first."""
    head = ("trial", "score", *SHOWN, "parameters", "seconds")
    lines = [head, *(_cells(row) for row in best_first(rows))]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(cell.rjust(width) for cell, width in zip(line, widths, strict=True))
        for line in lines
    )


def _cells(row: Row) -> tuple[str, ...]:
    settings = (
        value if isinstance(value := row[name], str) else number(value)
        for name in SHOWN
    )
    size, seconds = f"{row['parameters']:,}", f"{row['seconds']:.0f}"
    return (str(row["trial"]), f"{row['score']:.4f}", *settings, size, seconds)


def write_sweep(
    path: str | os.PathLike[str],
    *,
    title: str,
    rows: Sequence[Row],
    budget: int,
    importances: Mapping[str, float],
    command: str,
) -> None:
    """Write the page of a sweep's trials; it is whole or not there.

    `budget` is the examples that each trial saw; `importances` (setting -> share) may
    be empty.
    """
    best = best_first(rows)[0]
    cards = [
        ("best", percent(best["score"]), f"trial {best['trial']}"),
        ("trials", str(len(rows)), f"of {budget:,} examples each"),
        ("its loss", escape(best["loss"]), f"{best['parameters']:,} parameters"),
    ]
    head = ("trial", "score", *SHOWN, "parameters", "seconds")
    cells = [map(escape, _cells(row)) for row in best_first(rows)]
    sections = {
        "Score by trial": _by_trial(rows),
        "Score against each setting": _by_setting(rows),
        "Losses": _by_loss(rows),
        "Best first": table(head, [tuple(row) for row in cells]),
    }
    if importances:
        shares = [(escape(k), percent(v)) for k, v in importances.items()]
        sections["What mattered"] = (
            "<p>Shares of the differences between scores (PED-ANOVA, Watanabe et al. "
            f"2023); few trials say little.</p>{table(('setting', 'share'), shares)}"
        )
    sections["Reproduce"] = f"<pre><code>{escape(command)}</code></pre>"
    write_page(path, title, cards, sections)


def _by_trial(rows: Sequence[Row]) -> str:
    trials = [row["trial"] for row in rows]
    scores = [row["score"] for row in rows]
    series = {
        "score": list(zip(trials, scores, strict=True)),
        "best so far": list(zip(trials, accumulate(scores, max), strict=True)),
    }
    return line_chart("Score", series)


def _by_setting(rows: Sequence[Row]) -> str:
    parts = []
    for name in SHOWN:
        if isinstance(rows[0][name], str):
            continue
        log = name in LOGARITHMIC
        points = [
            (float(np.log10(row[name])) if log else row[name], row["score"])
            for row in rows
        ]
        title = f"{name}, as a power of 10" if log else name
        parts.append(scatter(title, points))
    return f'<div class="charts">{"".join(parts)}</div>'


def _by_loss(rows: Sequence[Row]) -> str:
    found: dict[str, list[float]] = {}
    for row in best_first(rows):
        found.setdefault(row["loss"], []).append(row["score"])
    cells = [
        (escape(name), str(len(s)), f"{s[0]:.4f}", f"{np.mean(s):.4f}")
        for name, s in found.items()
    ]
    return table(("loss", "trials", "best", "mean"), cells)
