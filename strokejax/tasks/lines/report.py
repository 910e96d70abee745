"""The report of a job that trains a reader of lines: its readings beside the truth."""

import os
from collections.abc import Mapping, Sequence
from difflib import SequenceMatcher
from html import escape
from typing import Any

import numpy as np

from strokejax.evaluation.text import edit_distance
from strokejax.report.drawings import image_tag
from strokejax.report.page import percent, write_page
from strokejax.report.run import settings_table, training_curves

EVEN, WORST = 24, 24
"""Readings shown: spread evenly over the lines, and those with the highest error."""


def write_line_report(
    path: str | os.PathLike[str],
    *,
    title: str,
    lines: Sequence[np.ndarray],
    truth: Sequence[str],
    readings: Sequence[str],
    figures: Mapping[str, Any],
    history: Sequence[Mapping[str, Any]],
    config: Mapping[str, Any],
    command: str,
) -> None:
    """Write the page: headline figures, curves, evenly spread readings and the worst.

    `lines` are u8[h w], ink high. Errors in the readings are marked.
    """
    low, high = figures["interval95"]
    cards = [
        ("Character errors", percent(figures["cer"]), f"{low:.3f} to {high:.3f}"),
        ("Without case", percent(figures["cer_lower_case"]), ""),
        ("Word errors", percent(figures["wer"]), ""),
        ("Lines", f"{figures['n']:,}", f"{percent(figures['exact'])} without error"),
    ]
    rates = [
        edit_distance(a, b) / max(len(b), 1)
        for a, b in zip(readings, truth, strict=True)
    ]
    even = np.linspace(0, len(lines) - 1, min(EVEN, len(lines))).astype(int)
    worst = np.argsort(rates, kind="stable")[::-1][:WORST]

    def section(rows: np.ndarray) -> str:
        chosen: list[int] = rows.tolist()
        return "".join(_reading(lines[i], truth[i], readings[i]) for i in chosen)

    sections = {
        "Training": training_curves(history),
        "Readings": section(even),
        "Highest errors": section(worst),
        "Settings": settings_table(config, command),
    }
    write_page(path, title, cards, sections)


def _reading(line: np.ndarray, truth: str, reading: str) -> str:
    """A line's picture over its reading and its true text."""
    pieces = []
    for kind, _, _, low, high in SequenceMatcher(a=truth, b=reading).get_opcodes():
        # A deletion has no text to mark: a caret marks the place.
        piece = escape(reading[low:high]) or ("^" if kind == "delete" else "")
        pieces.append(piece if kind == "equal" else f"<mark>{piece}</mark>")
    picture = image_tag(line.astype(np.float32) / 255, truth)
    return (
        f'<div class="reading">{picture}<p>{"".join(pieces)}<br>'
        f'<span class="soft">{escape(truth)}</span></p></div>'
    )
