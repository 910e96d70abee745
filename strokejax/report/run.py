"""The report of a run: one HTML page that needs no other file and no script."""

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
"""Charts, and the parts of a metric's name that put it there."""

WORST_LIMIT, EPOCH_LIMIT, PAIR_LIMIT = 60, 24, 15


class Answers(NamedTuple):
    """What a model said of a hold-out set."""

    symbols: Sequence[str]
    truth: np.ndarray
    ranked: np.ndarray
    """i32[n k], like `truth` i32[n] indices into `symbols`; -1 is no answer."""
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
    """Write the page of a run; it is whole or not there.

    `truth` i32[n], `ranked` i32[n k], `z` f32[n d] and `images` f32[n h w] (0 paper,
    1 ink) are the hold-out set; `history` holds rows with "step" and metrics, None
    where a value was not finite. `timeline` has a row {"epoch", "answers": m names,
    "right": m bools} an epoch, about the same strokes `timeline_images` f32[m h w].
    `summary` is that of `scores.summary`; `seconds` the run's duration.
    """
    answers = Answers(symbols, truth, ranked, z, images)
    sections = {
        "Learning curves": training_curves(history),
        "Confusions": _confusions(answers),
        "Embedding map": _map(answers),
        "The same strokes after each epoch": _timeline(timeline, timeline_images),
        "Worst mistakes": _mistakes(answers),
        "Symbols and groups": _classes(answers, summary),
        "Reproduce": settings_table(config, command),
    }
    write_page(path, title, _cards(summary, seconds), sections)


def _cards(summary: Mapping[str, Any], seconds: float) -> Cards:
    low, high = (100 * edge for edge in summary["interval95"])
    return (
        ("Top-1", percent(summary["top1"]), f"95 % interval {low:.1f} to {high:.1f}"),
        ("Top-3", percent(summary["top3"]), "right among the first three"),
        ("Top-5", percent(summary["top5"]), "right among the first five"),
        ("Twins merged", percent(summary["twins_merged"]), "o, O and 0 count as one"),
        ("Hold-out", f"{summary['n']:,}", "samples, never trained on"),
        ("Duration", str(timedelta(seconds=round(seconds))), "hours, minutes, seconds"),
    )


def training_curves(history: Sequence[Mapping[str, Any]]) -> str:
    """Charts of a run's metrics."""
    charts = []
    for title, parts in PANELS:
        series: dict[str, list[tuple[float, float]]] = {}
        for row in history:
            for name, value in row.items():
                if value is not None and any(part in name for part in parts):
                    line = series.setdefault(name.replace("_", " "), [])
                    line.append((row["step"], value))
        if series:
            charts.append(line_chart(title, series))
    return (
        "<p>Over training steps; beside each name stands its last value.</p>"
        f'<div class="charts">{"".join(charts)}</div>'
    )


def _confusions(answers: Answers) -> str:
    symbols = answers.symbols
    counts = confusion_counts(answers.truth, answers.ranked[:, 0], len(symbols))
    wrong = counts * (1 - np.eye(len(symbols), dtype=np.int64))
    flat = np.argsort(-wrong, axis=None, kind="stable")[:PAIR_LIMIT]
    pairs = [divmod(int(place), len(symbols)) for place in flat]
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
    table = figures.table(("drawn", "answered", "times", "of those drawn"), rows)
    return (
        "<p>A row is what was drawn, a column what was answered; green is right, red "
        "wrong, and the strength is the square root of the share of the row.</p>"
        f"{figures.confusion_matrix(counts, symbols)}"
        f"<h3>Most frequent confusions</h3>{table}"
    )


def _map(answers: Answers) -> str:
    whole = np.isfinite(answers.z).all(1)
    if whole.sum() < 2:
        return "<p>There are fewer than two finite embeddings to draw.</p>"
    xy, share = figures.principal_plane(answers.z[whole])
    drawing = figures.embedding_map(xy, answers.truth[whole], answers.symbols)
    return (
        "<p>Hold-out embeddings in the plane of their two principal components (PCA), "
        f"which holds {percent(share)} of their variance: symbols that overlap here "
        "may lie apart in the other dimensions. Names stand at their symbol's mean, "
        f'or beside it where they would overlap.</p><div class="scroll">{drawing}</div>'
    )


def _timeline(timeline: Sequence[Mapping[str, Any]], images: np.ndarray) -> str:
    if not timeline:
        return "<p>No epoch was finished.</p>"
    chosen = np.linspace(0, len(timeline) - 1, min(EPOCH_LIMIT, len(timeline)))
    epochs = [timeline[i] for i in chosen.round().astype(int)]
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
        "<p>Hold-out strokes that stay the same: what was answered after each epoch, "
        f"✓ right, ✗ wrong.</p>{figures.table(head, rows, 'time')}"
    )


def _mistakes(answers: Answers) -> str:
    truth, first = answers.truth, answers.ranked[:, 0]
    wrong = np.flatnonzero(first != truth)
    apart = margins(answers.z, truth, first)[wrong]
    worst = wrong[np.argsort(-apart, kind="stable")][:WORST_LIMIT]
    items = []
    for i in worst.tolist():
        drawn, said = answers.name(int(truth[i])), answers.name(int(first[i]))
        place = np.flatnonzero(answers.ranked[i] == truth[i]) + 1
        note = f"{drawn}: answer {place[0] if place.size else 'after the last shown'}"
        items.append(
            f'<figure title="{escape(note)}">'
            f"{figures.image_tag(answers.images[i], drawn)}"
            f"<figcaption>{figures.short(drawn, 12)} → "
            f"<em>{figures.short(said, 12)}</em></figcaption></figure>"
        )
    return (
        f"<p>Drawn → answered: {len(worst)} of {len(wrong):,} mistakes, those first "
        "whose embedding lies furthest on the side of the wrong symbol's mean.</p>"
        f'<div class="wrong">{"".join(items)}</div>'
    )


def _classes(answers: Answers, summary: Mapping[str, Any]) -> str:
    symbols, rows = answers.symbols, []
    counts = confusion_counts(answers.truth, answers.ranked[:, 0], len(symbols))
    np.fill_diagonal(counts, 0)
    scores = summary["per_class"].items()
    for name, score in sorted(scores, key=lambda item: (item[1]["top1"], item[0])):
        mistaken = counts[symbols.index(name)]
        taken = figures.short(symbols[int(mistaken.argmax())], 12)
        rows.append((*_score(name, score), taken if mistaken.any() else ""))
    groups = [_score(row["group"], row) for row in summary["worst_writers"]]
    head = ("symbol", "top-1", "samples", "mostly taken for")
    table = figures.table(head, rows)
    worst = figures.table(("group", "top-1", "samples"), groups)
    return (
        f'<p>Sorted by accuracy, the hardest first.</p><div class="two"><div>{table}'
        f"</div><div><h3>Groups answered worst</h3>{worst}</div></div>"
    )


def _score(name: str, score: Mapping[str, Any]) -> tuple[str, str, str]:
    share = 100 * score["top1"]
    bar = f'<span class="bar"><i style="width:{share:.0f}%"></i></span>'
    return escape(name), f"{bar}{share:.1f} %", f"{score['n']:,}"


def settings_table(config: Mapping[str, Any], command: str) -> str:
    """A job\'s settings and the command that began it."""
    rows = [tuple(map(escape, row)) for row in _flat(config)]
    table = figures.table(("field", "value"), rows)
    return f"<pre><code>{escape(command)}</code></pre><h3>Configuration</h3>{table}"


def _flat(config: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Dotted names and values of nested dicts, as the command line writes them."""
    for name, value in config.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", str(value)
