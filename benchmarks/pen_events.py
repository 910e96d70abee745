"""A hand that writes one symbol after the other: events in time; numpy only."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from strokejax.ink.synthesis.handwriting import Writer, write
from strokejax.types import Ink

LIFT_SPREAD = 0.3
"""Deviation of the logarithm of the time that the pen is up within a symbol."""
THINKING = 0.3
"""Median seconds between two symbols, beside those that the way itself takes."""
THINKING_SPREAD = 0.6


class Page(NamedTuple):
    """What was written: events, and the symbol that each belongs to."""

    events: np.ndarray
    """f64[n 4]: t in seconds, x, y, down."""
    symbol: np.ndarray
    """i64[n]: which of the written symbols an event draws."""


def hesitate(ink: Ink, rng: np.random.Generator) -> Ink:
    """The same ink with other pauses between its strokes: longer or shorter by chance.

    The synthesiser moves a lifted pen as straight and as surely as a drawing one.
    """
    shift, strokes = 0.0, list(ink.strokes[:1])
    for before, stroke in zip(ink.strokes, ink.strokes[1:], strict=False):
        gap = float(stroke[0, 2] - before[-1, 2])
        shift += gap * (math.exp(LIFT_SPREAD * rng.normal()) - 1)
        strokes.append((stroke + np.array([0, 0, shift])).astype(np.float32))
    return Ink(tuple(strokes))


def write_page(
    symbols: Sequence[str],
    writer: Writer,
    rng: np.random.Generator,
    *,
    rate: float = 100.0,
    in_place: bool = False,
) -> Page:
    """Events of a hand that writes symbols side by side, or each in the same place.

    Between two symbols the hand takes the time of the way (`Writer.speed`) and some for
    thinking: log-normal, THINKING and THINKING_SPREAD. That is a model, not a
    measurement: no data set with times of words is public and free.
    """
    inks = [hesitate(write(symbol, writer, rng, rate=rate), rng) for symbol in symbols]
    return lay_out(inks, writer.size, writer.speed, rng, in_place=in_place)


def lay_out(
    inks: Sequence[Ink],
    size: float,
    speed: float,
    rng: np.random.Generator,
    *,
    in_place: bool = False,
) -> Page:
    """Inks as one stream of events; `size` is the height of a capital in pixels."""
    events, owner = [], []
    clock, right = 0.0, 0.0
    for i, ink in enumerate(inks):
        points = np.concatenate(ink.strokes).astype(np.float64)
        space = 0.0 if in_place else size * rng.uniform(0.15, 0.6)
        left = 0.0 if in_place else right + space - points[:, 0].min()
        start = points[0, :2] + (left, 0.0)
        if i:
            way = math.dist(start, events[-1][1:3]) / size
            thinking = THINKING * math.exp(THINKING_SPREAD * rng.normal())
            clock = events[-1][0] + math.sqrt(way) / speed + thinking
        for stroke in ink.strokes:
            for x, y, t in stroke.astype(np.float64).tolist():
                events.append((clock + t, x + left, y, 1.0))
            events.append((*events[-1][:3], 0.0))
        owner += [i] * (len(events) - len(owner))
        right = left + points[:, 0].max()
    return Page(np.array(events), np.array(owner))
