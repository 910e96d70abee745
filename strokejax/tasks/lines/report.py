"""The report of a job that reads lines: its lines with what was read."""

import os
from collections.abc import Mapping, Sequence
from difflib import SequenceMatcher
from html import escape
from typing import Any

import numpy as np

from strokejax.report.drawings import image_tag
from strokejax.report.page import percent, write_page
from strokejax.report.run import settings_table, training_curves
from strokejax.tasks.lines.scores import edit_distance

SHOWN, WORST = 24, 24


def write_line_report(
    path: str | os.PathLike[str],
    *,
    title: str,
    lines: Sequence[np.ndarray],
    truth: Sequence[str],
    read: Sequence[str],
    figures: Mapping[str, Any],
    history: Sequence[Mapping[str, Any]],
    config: Mapping[str, Any],
    command: str,
) -> None:
    """Write the page: headline figures, curves, readings evenly chosen and the worst.

    `lines` are u8[h w], ink high. What was read wrongly is marked.
    """
    low, high = figures["interval95"]
    cards = [
        ("Character errors", percent(figures["cer"]), f"{low:.3f} to {high:.3f}"),
        ("Without case", percent(figures["cer_lower_case"]), ""),
        ("Word errors", percent(figures["wer"]), ""),
        ("Lines", f"{figures['n']:,}", f"{percent(figures['exact'])} without error"),
    ]
    rates = [
        edit_distance(a, b) / max(len(b), 1) for a, b in zip(read, truth, strict=True)
    ]
    even = np.linspace(0, len(lines) - 1, min(SHOWN, len(lines))).astype(int)
    worst = np.argsort(rates, kind="stable")[::-1][:WORST]

    def shown(rows: np.ndarray) -> str:
        chosen: list[int] = rows.tolist()
        return "".join(_reading(lines[i], truth[i], read[i]) for i in chosen)

    sections = {
        "Training": training_curves(history),
        "Readings": shown(even),
        "The worst": shown(worst),
        "Settings": settings_table(config, command),
    }
    write_page(path, title, cards, sections)


def _reading(line: np.ndarray, truth: str, read: str) -> str:
    """A line's picture over what it says and what was read."""
    pieces = []
    for kind, _, _, low, high in SequenceMatcher(a=truth, b=read).get_opcodes():
        piece = escape(read[low:high]) or ("^" if kind == "delete" else "")
        pieces.append(piece if kind == "equal" else f"<mark>{piece}</mark>")
    picture = image_tag(line.astype(np.float32) / 255, truth)
    return (
        f'<div class="reading">{picture}<p>{"".join(pieces)}<br>'
        f'<span class="soft">{escape(truth)}</span></p></div>'
    )
