"""The report of a job that types swipes: curves of learning and of the beam, looks."""

import base64
import io
import os
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any, NamedTuple

import numpy as np

from strokejax.report.charts import shot_curves
from strokejax.report.drawings import table
from strokejax.report.page import percent, write_page
from strokejax.report.run import settings_table, training_curves
from strokejax.tasks.swipes.typist import Guess

MISTAKES = 24


class Look(NamedTuple):
    """A picture of which points of a swipe made each letter."""

    word: str
    """What was read."""
    truth: str
    picture: Any
    """Of PIL."""


def write_swipe_report(
    path: str | os.PathLike[str],
    *,
    title: str,
    truth: Sequence[str],
    typed: Sequence[Sequence[Guess]],
    figures: Mapping[str, Any],
    beams: Mapping[int, Mapping[str, Any]],
    looks: Sequence[Look],
    history: Sequence[Mapping[str, Any]],
    config: Mapping[str, Any],
    command: str,
) -> None:
    """Write the page.

    `beams` are `swipe_scores` by the number of words that are followed.
    """
    low, high = figures["interval95"]
    cards = [
        ("Right word first", percent(figures["top1"]), f"{low:.3f} to {high:.3f}"),
        ("Among four", percent(figures["top4"]), ""),
        ("MRR", f"{figures['mrr']:.3f}", ""),
        ("Character errors", percent(figures["cer"]), f"{figures['n']:,} swipes"),
    ]
    wrong = [
        (escape(word), *(escape(guess.word) for guess in guesses[:4]))
        for word, guesses in zip(truth, typed, strict=True)
        if not guesses or guesses[0].word != word
    ]
    shown = [(*row, *[""] * (5 - len(row))) for row in wrong[:MISTAKES]]
    sections = {
        "Training": training_curves(history),
        "The beam": _beams(beams),
        "What letters looked at": "".join(map(_look, looks)),
        f"Mistakes ({min(len(wrong), MISTAKES)} of {len(wrong)})": table(
            ["Meant", "first", "second", "third", "fourth"], shown
        ),
        "Settings": settings_table(config, command),
    }
    write_page(path, title, cards, sections)


def _beams(beams: Mapping[int, Mapping[str, Any]]) -> str:
    """How often the right word is first, by how many words are followed."""
    rows = [
        {"k": k, "accuracy": found["top1"], "interval95": found["interval95"]}
        for k, found in sorted(beams.items())
    ]
    cells = [
        (str(k), f"{found['top1']:.3f}", f"{found['top4']:.3f}", f"{found['mrr']:.3f}")
        for k, found in sorted(beams.items())
    ]
    chart = shot_curves("Right word first", {"top-1": rows}, "words followed")
    words = ["words followed", "first", "among four", "MRR"]
    return f'<div class="charts">{chart}</div>{table(words, cells)}'


def _look(look: Look) -> str:
    file = io.BytesIO()
    look.picture.save(file, "PNG", optimize=True)
    data = base64.b64encode(file.getvalue()).decode()
    said = escape(f"{look.truth}, read as {look.word}")
    return (
        f'<figure><img alt="{said}" src="data:image/png;base64,{data}">'
        f"<figcaption>{said}</figcaption></figure>"
    )


def evenly(count: int, most: int) -> list[int]:
    """Up to `most` numbers below `count`, far apart."""
    return np.linspace(0, count - 1, min(most, count)).astype(int).tolist()
