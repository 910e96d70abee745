"""A stream and what surrounds it: the clock, texts, symbols to correct."""

import os
import stat
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from strokejax.data.collection import keep
from strokejax.recognizer import Recognizer
from strokejax.search.character_model import CharacterModel
from strokejax.table.symbols import check_name
from strokejax.tasks.symbols.live.events import Correction, Line, Waiting, lines, parse
from strokejax.tasks.symbols.live.spelling import Spelling, advance, begin, renewed
from strokejax.tasks.symbols.live.stream import Carry, Settings, Step, Stream
from strokejax.types import Ink, InputError

Register = Callable[[str, Ink, float | None], tuple[Recognizer, dict[str, Any]]]
"""Learns a symbol from ink and the writer's usual size: the new snapshot, and what to
tell of it."""
MIN_K = 10
"""Symbols of an answer that texts are read from."""
REMEMBERED = 1_000
"""Finished symbols that can still be corrected."""


class Session:
    """Lines in, answers out as dicts that are ready for JSON.

    An answer is {"id", "t", "final", "symbols", "dist2", "probability", "latency_ms"};
    "t" is the moment of the events' clock that it was known at. A final one has also
    "inputs" (what was seen of the ink), "unknown", "reason" and, with a language,
    "text"; a correction's is {"id", "corrected"} and what was done. A sentence under
    "error" may come alone (a line was refused; a correction with its "id") or with an
    answer (a symbol was closed by force).
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
        self.carry = Carry()
        self.read = 0.0
        """When the last event was read, by `time.perf_counter`."""
        self.inks: dict[int, tuple[Ink, float | None]] = {}
        self.use(model)

    def follow(self, descriptor: int) -> Iterator[dict[str, Any]]:
        """Answers to all lines; where they come as they are drawn, to the clock too."""
        drawn_now = not stat.S_ISREG(os.fstat(descriptor).st_mode)
        waiting = Waiting(descriptor) if drawn_now else None
        source = lines(descriptor)
        while True:
            try:
                line = waiting.next(self.ends) if waiting else next(source, None)
            except TimeoutError:
                yield from self.expire()
                continue
            if line is None:
                break
            since = line.read if waiting else time.perf_counter()
            yield from self.take(line, since)
        yield from self.finish()

    @property
    def ends(self) -> float:
        """When the symbol ends if no line comes, by `time.perf_counter`.

        The events' clock and ours have run together since the last event.
        """
        return self.read + (self.carry.deadline - self.carry.last)

    def expire(self) -> list[dict[str, Any]]:
        """Answers once `ends` is over."""
        step = self.stream.push(self.carry, now=self.carry.deadline)
        return self._told(step, self.ends)

    def take(self, line: Line, since: float) -> list[dict[str, Any]]:
        """Answers to a line that came at `since`; if refused, it changes nothing."""
        found = None
        try:
            found = parse(line.text)
            if isinstance(found, Correction):
                return [self._correct(found)]
            if found is None:
                return []
            step = self.stream.push(self.carry, [found])
        except InputError as error:
            self.refused += 1
            which = {"id": found.id} if isinstance(found, Correction) else {}
            return [which | {"error": f"line {line.number}: {error}"}]
        self.read = line.read
        return self._told(step, since)

    def finish(self) -> list[dict[str, Any]]:
        """Answers to what is drawn so far."""
        since = time.perf_counter()
        return self._told(self.stream.finish(self.carry), since)

    def cancel(self) -> None:
        """Forgets what is drawn of an unfinished symbol."""
        kept = self.carry
        self.carry = Carry(id=kept.id, last=kept.last, sizes=kept.sizes)

    def use(self, model: Recognizer) -> None:
        """Answers come from this model from now on; the first one is compiled here."""
        stroke = np.array([[0, 0, 0], [1, 1, 1]], np.float32)
        model.recognize(Ink((stroke,)), self.settings.k)
        self.stream = Stream(model.recognize, self.settings)
        if self.language:
            fresh = begin(model.symbols, self.language)
            self.spelling = renewed(self.spelling, fresh) if self.spelling else fresh

    def pace(self, interval: float) -> None:
        """Seconds between two answers to an unfinished symbol, from now on."""
        if interval != self.stream.settings.interval:
            settings = self.stream.settings._replace(interval=interval)
            self.stream = replace(self.stream, settings=settings)

    def _told(self, step: Step, since: float) -> list[dict[str, Any]]:
        self.carry, found = step
        told = []
        for number, final, answer, ink, known, usual, forced in found:
            line: dict[str, Any] = {
                "id": number,
                "t": known,
                "final": final,
                "symbols": answer.symbols,
                "dist2": answer.dist2,
                "probability": answer.probability,
            }
            if final:
                self._remember(number, ink, usual)
                line["inputs"] = answer.inputs
                line |= {"unknown": answer.unknown, "reason": answer.reason}
            if final and self.spelling:
                self.spelling = advance(self.spelling, answer)
                line["text"] = self.spelling.text
            if forced:
                line["error"] = forced
            line["latency_ms"] = round(1e3 * (time.perf_counter() - since), 3)
            told.append(line)
        return told

    def _remember(self, number: int, ink: Ink, usual: float | None) -> None:
        self.inks[number] = ink, usual
        self.inks.pop(number - REMEMBERED, None)

    def _correct(self, correction: Correction) -> dict[str, Any]:
        number, name = correction.id, check_name(correction.name)
        if number not in self.inks:
            raise InputError(
                f"symbol {number} is not among the last {REMEMBERED:,} finished ones; "
                f"correct a symbol after its final answer."
            )
        told: dict[str, Any] = {"id": number, "corrected": name}
        ink, usual = self.inks[number]
        if self.collect:
            told["file"] = str(keep(self.collect, name, ink))
        if self.register:
            try:
                model, more = self.register(name, ink, usual)
            except InputError as error:
                if not self.collect:
                    raise
                return told | {"error": f"kept, but not learned: {error}"}
            told |= more
            self.use(model)
        return told
