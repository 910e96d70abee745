"""A live session: lines of events and corrections in, answers out, by the clock."""

import os
import stat
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import chain, islice
from pathlib import Path
from typing import Any

import numpy as np

from strokejax.data.collection import keep
from strokejax.recognizer import Recognizer
from strokejax.search.character_model import CharacterModel
from strokejax.table.symbols import check_name
from strokejax.tasks.symbols.live.events import (
    Correction,
    Line,
    LineQueue,
    parse,
    read_lines,
    time_unit,
)
from strokejax.tasks.symbols.live.spelling import Spelling, advance, begin, resume
from strokejax.tasks.symbols.live.stream import Carry, Settings, Step, Stream
from strokejax.types import Ink, InputError, Refused

Register = Callable[[str, Ink, float | None], tuple[Recognizer, dict[str, Any]]]
"""Registers a symbol from its name, its ink and the writer's reference size; returns
the new snapshot and fields for the answer."""
MIN_K = 10
"""Symbols of an answer that texts are read from, at least."""
HEAD = 64
"""Lines of a file that tell the unit of its times."""
CORRECTABLE = 1_000
"""Finished symbols that can still be corrected."""


class Session:
    """Lines in, answers out, as dicts that are ready for JSON.

    An answer is {"id", "t", "final", "symbols", "dist2", "probability", "latency_ms"};
    "t" is the time of the events' clock at which it was known. A final answer also has
    "inputs" (the modalities that the network used), "unknown", "reason" and, with a
    language, "text". A correction is answered by {"id", "corrected"}, the "file" if it
    is collected, and the fields of `Register`. A sentence under "error" comes alone for
    a refused line, with the "id" for a refused correction, and with an answer if the
    symbol was closed at a limit.
    """

    def __init__(
        self,
        model: Recognizer,
        settings: Settings,
        *,
        language: CharacterModel | None = None,
        collect: str | Path | None = None,
        register: Register | None = None,
    ):
        self.settings = settings
        self.language = language
        self.spelling: Spelling | None = None
        self.collect = collect
        self.register = register
        self.refused = 0
        """Number of refused lines."""
        self.unit = 1.0
        """Seconds of one unit of the events' times."""
        self.carry = Carry()
        self.read_at = 0.0
        """When the last event was read, by `time.perf_counter`."""
        self.finished: dict[int, tuple[Ink, float | None]] = {}
        """Ink and reference size of the last finished symbols, by id."""
        self.set_model(model)

    def follow(self, descriptor: int) -> Iterator[dict[str, Any]]:
        """Answers to all lines of a file descriptor.

        Lines of a regular file are answered by the events' clock alone, which may count
        milliseconds. Those of a pipe or terminal are drawn now: there the passing of
        time ends symbols, too.
        """
        drawn_now = not stat.S_ISREG(os.fstat(descriptor).st_mode)
        waiting = LineQueue(descriptor) if drawn_now else None
        source = read_lines(descriptor)
        if not drawn_now:
            head = [*islice(source, HEAD)]
            self.unit, source = time_unit(head), chain(head, source)
        while True:
            try:
                line = waiting.next(self.deadline) if waiting else next(source, None)
            except TimeoutError:
                yield from self.expire()
                continue
            if line is None:
                break
            since = line.read_at if waiting else time.perf_counter()
            yield from self.process(line, since)
        yield from self.finish()

    @property
    def deadline(self) -> float:
        """When the symbol ends if no line comes, by `time.perf_counter`.

        Since the last event, the events' clock and this one run together.
        """
        return self.read_at + (self.carry.deadline - self.carry.last)

    def expire(self) -> list[dict[str, Any]]:
        """Answers at the deadline."""
        step = self.stream.push(self.carry, now=self.carry.deadline)
        return self._answers(step, self.deadline)

    def process(self, line: Line, since: float) -> list[dict[str, Any]]:
        """Answers to a line that came at `since`; a refused line changes nothing."""
        content = None
        try:
            content = parse(line.text)
            if isinstance(content, Correction):
                return [self._correct(content)]
            if content is None:
                return []
            content = content._replace(t=content.t * self.unit)
            step = self.stream.push(self.carry, [content])
        except InputError as error:
            self.refused += 1
            symbol = {"id": content.id} if isinstance(content, Correction) else {}
            return [symbol | {"error": f"line {line.number}: {error}"}]
        # Only an event sets the clock; corrections come at any time.
        self.read_at = line.read_at
        return self._answers(step, since)

    def finish(self) -> list[dict[str, Any]]:
        """Ends the unfinished symbol, and answers it."""
        since = time.perf_counter()
        return self._answers(self.stream.finish(self.carry), since)

    def cancel(self) -> None:
        """Forgets the unfinished symbol."""
        carry = self.carry
        # The id is free again: no final answer has used it.
        self.carry = Carry(id=carry.id, last=carry.last, sizes=carry.sizes)

    def set_model(self, model: Recognizer) -> None:
        """Answers with this model from now on."""
        # The first answer compiles the network: not while somebody draws.
        stroke = np.array([[0, 0, 0], [1, 1, 1]], np.float32)
        model.recognize(Ink((stroke,)), self.settings.k)
        self.stream = Stream(model.recognize, self.settings)
        if self.language:
            fresh = begin(model.symbols, self.language)
            self.spelling = resume(self.spelling, fresh) if self.spelling else fresh

    def set_interval(self, interval: float) -> None:
        """Sets the seconds between two answers to an unfinished symbol."""
        if interval != self.stream.settings.interval:
            settings = self.stream.settings._replace(interval=interval)
            self.stream = replace(self.stream, settings=settings)

    def _answers(self, step: Step, since: float) -> list[dict[str, Any]]:
        """Takes over the step's carry; its hypotheses as answers."""
        self.carry, hypotheses = step
        answers = []
        for number, final, answer, ink, known_at, reference_size, forced in hypotheses:
            line: dict[str, Any] = {
                "id": number,
                "t": known_at,
                "final": final,
                "symbols": answer.symbols,
                "dist2": answer.dist2,
                "probability": answer.probability,
            }
            if final:
                self._remember(number, ink, reference_size)
                line["inputs"] = answer.inputs
                line |= {"unknown": answer.unknown, "reason": answer.reason}
            # An unfinished symbol may still change: texts take final answers only.
            if final and self.spelling:
                self.spelling = advance(self.spelling, answer)
                line["text"] = self.spelling.text
            if forced:
                line["error"] = forced
            line["latency_ms"] = round(1e3 * (time.perf_counter() - since), 3)
            answers.append(line)
        return answers

    def _remember(self, number: int, ink: Ink, reference_size: float | None) -> None:
        self.finished[number] = ink, reference_size
        # Ids count up: for each that comes, the oldest goes.
        self.finished.pop(number - CORRECTABLE, None)

    def _correct(self, correction: Correction) -> dict[str, Any]:
        number, name = correction.id, check_name(correction.name)
        if number not in self.finished:
            raise InputError(
                f"symbol {number} is not among the last {CORRECTABLE:,} finished ones; "
                f"correct a symbol after its final answer."
            )
        line: dict[str, Any] = {"id": number, "corrected": name}
        ink, reference_size = self.finished[number]
        if self.collect:
            line["file"] = str(keep(self.collect, name, ink))
        if self.register:
            try:
                model, fields = self.register(name, ink, reference_size)
            except InputError as error:
                if not self.collect:
                    raise
                # The drawing is saved: the line succeeded in part, with an error.
                reason = str(error)
                if isinstance(error, Refused):
                    reason = f"{error.harm}, or accept that when you register it."
                return line | {"error": f"saved, but not learned: {reason}"}
            line |= fields
            self.set_model(model)
        return line
