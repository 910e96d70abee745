"""Lines of events and corrections, from a file or a pipe that stays open."""

import json
import math
import os
import queue
import threading
import time
from collections.abc import Iterator
from typing import NamedTuple

from strokejax.types import InputError

MAX_LINE = 4_096
"""Bytes."""
WAITING = 10_000
"""Lines that may wait; whoever writes faster has to wait itself."""


class Line(NamedTuple):
    """One line, and when it was read by `time.perf_counter`."""

    number: int
    text: bytes | None
    """None: longer than MAX_LINE."""
    read: float


class Event(NamedTuple):
    """Where the pen is; t in seconds, y down."""

    t: float
    x: float
    y: float
    down: bool


class Correction(NamedTuple):
    """What a symbol is in truth."""

    id: int
    name: str


def lines(descriptor: int) -> Iterator[Line]:
    """The lines of a file descriptor, each as soon as it is whole."""
    pending, number, long = b"", 0, False
    while True:
        data = os.read(descriptor, 65_536)
        now = time.perf_counter()
        *whole, pending = (pending + data).split(b"\n")
        if not data and pending:
            whole, pending = [pending], b""
        for text in whole:
            number += 1
            yield Line(number, None if long or len(text) > MAX_LINE else text, now)
            long = False
        if not data:
            return
        if len(pending) > MAX_LINE:
            pending, long = b" ", True


class Waiting:
    """The same lines, for a reader that has something else to do at a certain time."""

    def __init__(self, descriptor: int):
        self._lines: queue.Queue[Line | None] = queue.Queue(WAITING)
        # A daemon: a read from a terminal cannot be called off.
        threading.Thread(target=self._read, args=(descriptor,), daemon=True).start()

    def _read(self, descriptor: int) -> None:
        try:
            for line in lines(descriptor):
                self._lines.put(line)
        finally:
            self._lines.put(None)

    def next(self, until: float) -> Line | None:
        """The next line, None at the end; TimeoutError if there is none `until` then.

        `until` is a time of `time.perf_counter`, or infinity.
        """
        seconds = None if until == math.inf else max(until - time.perf_counter(), 0.0)
        try:
            return self._lines.get(timeout=seconds)
        except queue.Empty:
            raise TimeoutError from None


def parse(text: bytes | None) -> Event | Correction | None:
    """What a line says, None if it is empty; InputError if it is neither."""
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
            f'{shown!r} is no event; give {{"t": seconds, "x": 1, "y": 2, "down": '
            f'true}}, or {{"correct": id, "name": "heart"}}.'
        ) from error


def _correction(number: object, name: object) -> Correction:
    if type(number) is not int or not isinstance(name, str):
        raise TypeError("an id is a whole number, a name is a string")
    return Correction(number, name)


def _event(t: object, x: object, y: object, down: object) -> Event:
    if not {type(t), type(x), type(y)} <= {int, float} or down not in (0, 1):
        raise TypeError("times and places are numbers, down is true or false")
    return Event(float(t), float(x), float(y), bool(down))  # type: ignore[arg-type]
