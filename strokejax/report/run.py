"""The report of a training run: one HTML page, without scripts or other files."""

import os
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from html import escape
from typing import Any, NamedTuple

import numpy as np

from strokejax.evaluation.scores import confusion_counts, margins
from strokejax.report import drawings as figures
from strokejax.report.charts import line_chart
from strokejax.report.page import Cards, percent, write_page

PANELS = (
    ("Loss", ("loss",)),
    ("Accuracy", ("top1", "twins", "accuracy")),
    ("Errors", ("cer", "wer")),
    ("Learning rate", ("learning_rate",)),
)
"""Charts, and the parts of a metric's name that assign it to one."""

WORST_LIMIT, EPOCH_LIMIT, PAIR_LIMIT = 60, 24, 15
"""Mistakes, epochs and confused pairs on the page."""


class Answers(NamedTuple):
    """A model's answers on the hold-out set."""

    symbols: Sequence[str]
    truth: np.ndarray
    """i32[n]: indices into `symbols`."""
    ranked: np.ndarray
    """i32[n k]: the same of the k best answers; -1 is a missing answer."""
    z: np.ndarray
    """f32[n d]: embeddings."""
    images: np.ndarray
    """f32[n h w]: 0 paper, 1 ink."""

    def name(self, index: int) -> str:
        return self.symbols[index] if index >= 0 else "no answer"


def write_report(
    path: str | os.PathLike[str],
    *,
    title: str,
    config: Mapping[str, Any],
    history: Sequence[Mapping[str, Any]],
    symbols: Sequence[str],
    truth: np.ndarray,
    ranked: np.ndarray,
    z: np.ndarray,
    images: np.ndarray,
    timeline: Sequence[Mapping[str, Any]],
    timeline_images: np.ndarray,
    summary: Mapping[str, Any],
    seconds: float,
    command: str,
) -> None:
    """Write the page of a run; if that fails, an older page remains.

    `truth` i32[n], `ranked` i32[n k], `z` f32[n d] and `images` f32[n h w] (0 paper,
    1 ink) describe the hold-out set. `history` has rows of "step" and metrics, None for
    a value that was not finite. `timeline` has one row an epoch, {"epoch", "answers": m
    names, "right": m bools}, for the fixed strokes `timeline_images` f32[m h w].
    `summary` is the result of `scores.summary`, `seconds` the duration of the run.
    """
    answers = Answers(symbols, truth, ranked, z, images)
    sections = {
        "Learning curves": training_curves(history),
        "Confusions": _confusions(answers),
        "Embedding map": _embedding_map(answers),
        "The same strokes after each epoch": _timeline(timeline, timeline_images),
        "Worst mistakes": _mistakes(answers),
        "Symbols and groups": _per_class(answers, summary),
        "Reproduce": settings_table(config, command),
    }
    write_page(path, title, _cards(summary, seconds), sections)


# Sections.


def _cards(summary: Mapping[str, Any], seconds: float) -> Cards:
    low, high = (100 * edge for edge in summary["interval95"])
    return (
        ("Top-1", percent(summary["top1"]), f"95 % interval {low:.1f} to {high:.1f}"),
        ("Top-3", percent(summary["top3"]), "correct among the first three"),
        ("Top-5", percent(summary["top5"]), "correct among the first five"),
        (
            "Twins merged",
            percent(summary["twins_merged"]),
            "o, O and 0 count as one symbol",
        ),
        ("Hold-out", f"{summary['n']:,}", "samples, never trained on"),
        ("Duration", str(timedelta(seconds=round(seconds))), "hours, minutes, seconds"),
    )


def training_curves(history: Sequence[Mapping[str, Any]]) -> str:
    """Charts of a run's metrics, from rows of "step" and values; None is missing."""
    charts = []
    for title, parts in PANELS:
        series: dict[str, list[tuple[float, float]]] = {}
        for row in history:
            for name, value in row.items():
                # A metric is in every chart of which its name contains a part.
                if value is not None and any(part in name for part in parts):
                    line = series.setdefault(name.replace("_", " "), [])
                    line.append((row["step"], value))
        if series:
            charts.append(line_chart(title, series))
    return (
        "<p>Metrics over training steps, each with its last value.</p>"
        f'<div class="charts">{"".join(charts)}</div>'
    )


def _confusions(answers: Answers) -> str:
    symbols = answers.symbols
    counts = confusion_counts(answers.truth, answers.ranked[:, 0], len(symbols))
    # Without the diagonal, the largest counts first; ties keep the symbols' order.
    wrong = counts * (1 - np.eye(len(symbols), dtype=np.int64))
    flat = np.argsort(-wrong, axis=None, kind="stable")[:PAIR_LIMIT]
    pairs = [divmod(int(cell), len(symbols)) for cell in flat]
    rows = [
        (
            escape(symbols[i]),
            escape(symbols[j]),
            f"{wrong[i, j]}",
            percent(wrong[i, j] / counts[i].sum()),
        )
        for i, j in pairs
        if wrong[i, j]
    ]
    table = figures.table(
        ("true", "answered", "count", "share of the true symbol"), rows
    )
    return (
        "<p>Rows are true symbols, columns answers; green cells are correct, red ones "
        "wrong. The opacity follows the square root of a cell's share of its row.</p>"
        f"{figures.confusion_matrix(counts, symbols)}"
        f"<h3>Most frequent confusions</h3>{table}"
    )


def _embedding_map(answers: Answers) -> str:
    # A run that diverged still has a report.
    finite = np.isfinite(answers.z).all(1)
    if finite.sum() < 2:
        return "<p>There are fewer than two finite embeddings to draw.</p>"
    xy, share = figures.principal_plane(answers.z[finite])
    drawing = figures.embedding_map(xy, answers.truth[finite], answers.symbols)
    return (
        "<p>Hold-out embeddings in the plane of their two principal components (PCA), "
        f"which holds {percent(share)} of their variance: symbols that overlap here "
        "may be far apart in the other dimensions. A name marks its symbol's mean, or "
        "is moved aside where names would overlap.</p>"
        f'<div class="scroll">{drawing}</div>'
    )


def _timeline(timeline: Sequence[Mapping[str, Any]], images: np.ndarray) -> str:
    if not timeline:
        return "<p>No epoch was finished.</p>"
    # Of a long run, evenly spaced epochs with the first and the last.
    shown = np.linspace(0, len(timeline) - 1, min(EPOCH_LIMIT, len(timeline)))
    epochs = [timeline[i] for i in shown.round().astype(int)]
    rows = []
    for i, image in enumerate(images):
        cells = [figures.image_tag(image, f"stroke {i + 1}")]
        for epoch in epochs:
            kind, mark = ("yes", "✓") if epoch["right"][i] else ("no", "✗")
            answer = figures.short(epoch["answers"][i] or "–", 10)
            cells.append(f'<td class="{kind}">{mark} {answer}</td>')
        rows.append(cells)
    head = ["epoch", *(f"{epoch['epoch']}" for epoch in epochs)]
    return (
        "<p>The answers to fixed hold-out strokes after each epoch: ✓ correct, ✗ "
        f"wrong.</p>{figures.table(head, rows, 'time')}"
    )


def _mistakes(answers: Answers) -> str:
    truth, first = answers.truth, answers.ranked[:, 0]
    wrong = np.flatnonzero(first != truth)
    severity = margins(answers.z, truth, first)[wrong]
    worst = wrong[np.argsort(-severity, kind="stable")][:WORST_LIMIT]
    items = []
    for i in worst.tolist():
        true, answer = answers.name(int(truth[i])), answers.name(int(first[i]))
        rank = np.flatnonzero(answers.ranked[i] == truth[i]) + 1
        rest = f"is answer {rank[0]}" if rank.size else "is not among the answers"
        note = f"{true} {rest}"
        items.append(
            f'<figure title="{escape(note)}">'
            f"{figures.image_tag(answers.images[i], true)}"
            f"<figcaption>{figures.short(true, 12)} → "
            f"<em>{figures.short(answer, 12)}</em></figcaption></figure>"
        )
    return (
        f"<p>True symbol → answer: {len(worst)} of {len(wrong):,} mistakes, sorted by "
        "how much nearer the embedding is to the mean of the wrong symbol.</p>"
        f'<div class="wrong">{"".join(items)}</div>'
    )


def _per_class(answers: Answers, summary: Mapping[str, Any]) -> str:
    symbols, rows = answers.symbols, []
    counts = confusion_counts(answers.truth, answers.ranked[:, 0], len(symbols))
    np.fill_diagonal(counts, 0)  # mistakes remain
    scores = summary["per_class"].items()
    for name, score in sorted(scores, key=lambda item: (item[1]["top1"], item[0])):
        mistakes = counts[symbols.index(name)]
        confused = figures.short(symbols[int(mistakes.argmax())], 12)
        rows.append((*_score_cells(name, score), confused if mistakes.any() else ""))
    groups = [_score_cells(row["group"], row) for row in summary["worst_writers"]]
    head = ("symbol", "top-1", "samples", "most often answered instead")
    table = figures.table(head, rows)
    worst = figures.table(("group", "top-1", "samples"), groups)
    return (
        f'<p>Sorted by accuracy, the lowest first.</p><div class="two"><div>{table}'
        f"</div><div><h3>Groups of lowest accuracy</h3>{worst}</div></div>"
    )


def _score_cells(name: str, score: Mapping[str, Any]) -> tuple[str, str, str]:
    share = 100 * score["top1"]
    bar = f'<span class="bar"><i style="width:{share:.0f}%"></i></span>'
    return escape(name), f"{bar}{share:.1f} %", f"{score['n']:,}"


def settings_table(config: Mapping[str, Any], command: str) -> str:
    """A job's settings and the command that started it."""
    rows = [tuple(map(escape, row)) for row in _flatten(config)]
    table = figures.table(("field", "value"), rows)
    return f"<pre><code>{escape(command)}</code></pre><h3>Configuration</h3>{table}"


def _flatten(config: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Dotted names and values of nested mappings, as on the command line."""
    for name, value in config.items():
        if isinstance(value, Mapping):
            yield from _flatten(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", str(value)
