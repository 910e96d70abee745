"""Pen events: lines of JSON from a file or an open pipe, and the ink they draw.

Events and corrections come as lines (`read_lines`, `LineQueue`, `parse`); their arrays
are checked (`check_events`) and become `Ink` (`to_ink`). numpy only.
"""

import json
import math
import os
import queue
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from strokejax.ink.limits import MAX_COORDINATE, MAX_TIME, seconds
from strokejax.types import Ink, InputError

MAX_LINE = 4_096
"""Bytes of a line."""
QUEUE_SIZE = 10_000
"""Lines that may wait in a `LineQueue`; a faster writer blocks."""

Events = np.ndarray | Sequence[Sequence[float]]
"""f64[n 4]: t in seconds, x, y (downwards), whether the pen is down (1 or 0)."""
Strokes = tuple[tuple[tuple[float, float, float], ...], ...]
"""Strokes of points x, y, t."""

# Lines.


class Line(NamedTuple):
    """One line and the moment it was read."""

    number: int
    text: bytes | None
    """None: the line is longer than MAX_LINE."""
    read_at: float
    """By `time.perf_counter`."""


def read_lines(descriptor: int) -> Iterator[Line]:
    """The lines of a file descriptor, each as soon as it is complete."""
    pending, number, too_long = b"", 0, False
    while True:
        data = os.read(descriptor, 65_536)
        now = time.perf_counter()
        *complete, pending = (pending + data).split(b"\n")
        if not data and pending:
            complete, pending = [pending], b""  # the last line has no line break
        for text in complete:
            number += 1
            too_long = too_long or len(text) > MAX_LINE
            yield Line(number, None if too_long else text, now)
            too_long = False
        if not data:
            return
        if len(pending) > MAX_LINE:
            # Keep one byte: an endless line fills no memory, but counts at its end.
            pending, too_long = b" ", True


class LineQueue:
    """The lines of a descriptor, read by a thread, for a reader with deadlines."""

    def __init__(self, descriptor: int):
        self._lines: queue.Queue[Line | None] = queue.Queue(QUEUE_SIZE)
        # A daemon thread: a blocking read from a terminal cannot be cancelled.
        threading.Thread(target=self._read, args=(descriptor,), daemon=True).start()

    def _read(self, descriptor: int) -> None:
        try:
            for line in read_lines(descriptor):
                self._lines.put(line)
        finally:
            self._lines.put(None)

    def next(self, until: float) -> Line | None:
        """The next line, None at the end; TimeoutError if none comes before `until`.

        `until` is a time of `time.perf_counter`, or infinity.
        """
        seconds = None if until == math.inf else max(until - time.perf_counter(), 0.0)
        try:
            return self._lines.get(timeout=seconds)
        except queue.Empty:
            raise TimeoutError from None


def time_unit(lines: Iterable[Line]) -> float:
    """Seconds of one unit of the events' times: 0.001 if they are milliseconds."""
    strokes: list[list[float]] = [[]]
    for line in lines:
        try:
            event = parse(line.text)
        except InputError:
            continue
        if isinstance(event, Event):
            if event.down:
                strokes[-1].append(event.t)
            else:
                strokes.append([])
    times = [np.array(stroke) for stroke in strokes]
    return 1.0 if all(map(np.array_equal, seconds(times), times)) else 1e-3


class Event(NamedTuple):
    """The pen's position; t in seconds, y downwards."""

    t: float
    x: float
    y: float
    down: bool


class Correction(NamedTuple):
    """The true name of a finished symbol."""

    id: int
    name: str


def parse(text: bytes | None) -> Event | Correction | None:
    """The content of a line, None for a blank one; InputError if it is neither."""
    if text is None:
        raise InputError(f"longer than {MAX_LINE:,} bytes; give one event a line.")
    if not text.strip():
        return None
    try:
        content = json.loads(text)
        if "correct" in content:
            return _correction(content["correct"], content["name"])
        return _event(content["t"], content["x"], content["y"], content.get("down", 1))
    except (
        ArithmeticError,
        AttributeError,
        LookupError,
        RecursionError,
        TypeError,
        ValueError,
    ) as error:
        shown = text[:60].decode(errors="replace")
        raise InputError(
            f'{shown!r} is not an event; give {{"t": seconds, "x": 1, "y": 2, "down": '
            f'true}}, or {{"correct": id, "name": "heart"}}.'
        ) from error


def _correction(number: object, name: object) -> Correction:
    if type(number) is not int or not isinstance(name, str):
        raise TypeError("an id is a whole number, a name is a string")
    return Correction(number, name)


def _event(t: object, x: object, y: object, down: object) -> Event:
    # `type`, since JSON's true is an int to isinstance.
    if not {type(t), type(x), type(y)} <= {int, float} or down not in (0, 1):
        raise TypeError("times and places are numbers, down is true or false")
    return Event(float(t), float(x), float(y), bool(down))  # type: ignore[arg-type]


# Arrays of events, and ink.


def check_events(points: Events, after: float = -math.inf) -> np.ndarray:
    """Events as f64[n 4], none of them before the time `after`.

    InputError unless all are finite, within the limits of ink and in order.
    """
    events = np.asarray(points, np.float64)
    if not events.size:
        return np.empty((0, 4))
    if events.ndim != 2 or events.shape[1] != 4:
        raise InputError(
            f"Events are an array of shape {events.shape}; give rows of t in seconds, "
            f"x, y and whether the pen is down."
        )
    legal = np.abs(events) <= (MAX_TIME, MAX_COORDINATE, MAX_COORDINATE, 1)
    ordered = np.diff(events[:, 0], prepend=after) >= 0
    bad = np.flatnonzero(~legal.all(1) | ~ordered)
    if len(bad):
        t, x, y, _ = events[bad[0]]
        if legal[bad[0]].all():
            earlier = events[bad[0] - 1, 0] if bad[0] else after
            raise InputError(
                f"The event at t {t:g} comes after one at t {earlier:g}; give events "
                f"in the order of their times."
            )
        raise InputError(
            f"The event is t {t:g}, x {x:g}, y {y:g}; times and coordinates are finite "
            f"numbers of at most {MAX_TIME:.0e} and {MAX_COORDINATE:.0e} in size."
        )
    return events


def to_ink(strokes: Strokes) -> Ink:
    """Ink whose times start at 0 with its first point.

    A single point is doubled: a tap is a stroke of two points.
    """
    arrays = [np.array(stroke, np.float64) for stroke in strokes]
    if len(strokes) == len(strokes[0]) == 1:
        arrays = [np.repeat(arrays[0], 2, axis=0)]
    start = arrays[0][0, 2]
    return Ink(tuple((s - (0.0, 0.0, start)).astype(np.float32) for s in arrays))
