"""strokejax live: symbols while the hand still draws."""

import argparse
import json
import os
import re
import stat
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from strokejax.types import Ink, InputError

if TYPE_CHECKING:
    from strokejax.decode.source import Correction, Line
    from strokejax.decode.stream import Hypothesis, Step
    from strokejax.recognizer import Recognizer

Register = Callable[[str, Ink], tuple["Recognizer", dict[str, Any]]]
REMEMBERED = 1_000
"""Finished symbols that can still be corrected."""

TEXT = """\
Name symbols while the hand still draws: events of a pen or mouse in, symbols out.

lines of FILE, or of stdin without it (answered as they come):
  {"t": seconds, "x": 1, "y": 2, "down": true}   y grows downwards; a mouse that has no
                                                 "down" ends a symbol by resting 0.5 s
  {"correct": id, "name": "heart"}               what symbol id was in truth
"""


def options(parser: argparse.ArgumentParser) -> None:
    """What the command takes."""
    parser.add_argument("file", nargs="?", default="-", metavar="FILE")
    parser.add_argument(
        "-k", type=int, default=5, help="how many symbols to name (default: 5)"
    )
    parser.add_argument(
        "--language",
        metavar="en|FILE",
        help="read texts: with built-in English words, or a file of lines "
        "`word frequency`",
    )
    parser.add_argument(
        "--lifted",
        type=float,
        metavar="SECONDS",
        help="end a symbol this long after the pen is lifted, instead of by the "
        "learned model",
    )
    parser.add_argument(
        "--collect", metavar="FOLDER", help="save corrected symbols in this folder"
    )
    parser.add_argument(
        "--register", action="store_true", help="learn corrected symbols at once"
    )


def run(given: argparse.Namespace) -> int:
    """Answers until the input ends; 2 if a line was refused."""
    from strokejax.recognizer import load

    if not 1 <= given.k <= 100:
        raise InputError(f"-k is {given.k}; ask for 1 to 100 symbols.")
    if given.lifted is not None and not 0 <= given.lifted <= 60:
        raise InputError(f"--lifted is {given.lifted}; give 0 to 60 seconds.")
    descriptor = _open(given.file)

    def register(name: str, ink: Ink) -> tuple["Recognizer", dict[str, Any]]:
        from strokejax.registry import register

        found = register(given.model, name, [ink], sources=["live"])
        return load(given.model), {"version": found["version"]}

    live = Live(load(given.model), given, register if given.register else None)
    try:
        live.follow(descriptor)
    except KeyboardInterrupt:
        live.finish()
    return 2 if live.refused else 0


class Live:
    """A stream and what surrounds it: answers to print, symbols to correct."""

    def __init__(
        self,
        model: "Recognizer",
        given: argparse.Namespace,
        register: Register | None = None,
    ):
        from strokejax.decode import beam, character_model
        from strokejax.decode.stream import Carry, Settings

        # Texts need more candidates than people want to see.
        self.settings = Settings(lifted=given.lifted, k=max(given.k, 10))
        self.k, self.json, self.collect = given.k, given.json, given.collect
        self.register = register
        self.refused = 0
        self.carry = Carry()
        self.read = 0.0
        """When the last event was read, by `time.perf_counter`."""
        self.inks: dict[int, Ink] = {}
        self.language = self.beam = None
        if given.language is not None:
            self.language = character_model.language_model(given.language)
            self.beam = beam.start(self.language)
        self._use(model)

    def _use(self, model: "Recognizer") -> None:
        """Answers come from this model from now on; the first one is compiled here."""
        import numpy as np

        from strokejax.decode.stream import Stream

        stroke = np.array([[0, 0, 0], [1, 1, 1]], np.float32)
        model.recognize(Ink((stroke,)), self.settings.k)
        self.stream = Stream(model.recognize, self.settings)

    def follow(self, descriptor: int) -> None:
        """Takes in all lines; where they come as they are drawn, the clock as well."""
        from strokejax.decode.source import lines

        drawn_now = not stat.S_ISREG(os.fstat(descriptor).st_mode)
        for line in self._clocked(descriptor) if drawn_now else lines(descriptor):
            since = line.read if drawn_now else time.perf_counter()
            try:
                self._take(line, since)
            except InputError as error:
                self.refused += 1
                print(f"strokejax: {error}", file=sys.stderr, flush=True)
        self.finish()

    def _clocked(self, descriptor: int) -> Iterator["Line"]:
        from strokejax.decode.source import Waiting

        waiting = Waiting(descriptor)
        while True:
            # The events' clock and ours have run together since the last event.
            ends = self.read + (self.carry.deadline - self.carry.last)
            try:
                line = waiting.next(ends)
            except TimeoutError:
                step = self.stream.push(self.carry, now=self.carry.deadline)
                self._show(step, ends)
                continue
            if line is None:
                return
            yield line

    def _take(self, line: "Line", since: float) -> None:
        from strokejax.decode.source import Correction, parse

        found = parse(line)
        try:
            if isinstance(found, Correction):
                self._correct(found)
            elif found is not None:
                step = self.stream.push(self.carry, [found])
                self.read = line.read
                self._show(step, since)
        except InputError as error:
            raise InputError(f"line {line.number}: {error}") from error

    def finish(self) -> None:
        """Answers what is drawn so far."""
        since = time.perf_counter()
        self._show(self.stream.finish(self.carry), since)

    def _show(self, step: "Step", since: float) -> None:
        self.carry, found = step
        for hypothesis in found:
            text = self._text(hypothesis) if hypothesis.final else None
            latency = 1e3 * (time.perf_counter() - since)
            if self.json:
                _print_json(hypothesis, self.k, text, latency)
            elif hypothesis.final:
                _print(hypothesis, self.k, text)
            if hypothesis.forced:
                print(f"strokejax: {hypothesis.forced}", file=sys.stderr, flush=True)

    def _text(self, hypothesis: "Hypothesis") -> str | None:
        """Takes in a final answer: the best text so far, if a language is known."""
        from strokejax.decode import beam

        self.inks[hypothesis.id] = hypothesis.ink
        self.inks.pop(hypothesis.id - REMEMBERED, None)
        if self.beam is None or self.language is None:
            return None
        seen = beam.from_answer(hypothesis.answer)
        self.beam = beam.advance(self.beam, seen, self.language)
        return self.beam.text

    def _correct(self, correction: "Correction") -> None:
        from strokejax.symbols import check_name

        number, name = correction.id, check_name(correction.name)
        if number not in self.inks:
            raise InputError(
                f"symbol {number} is not among the last {REMEMBERED:,} finished ones; "
                f"correct a symbol after its final answer."
            )
        told: dict[str, Any] = {"id": number, "corrected": name}
        if self.collect:
            told["file"] = save(self.collect, name, self.inks[number])
        if self.register:
            model, more = self.register(name, self.inks[number])
            told |= more
            self._use(model)
        if self.json:
            print(json.dumps(told, ensure_ascii=False), flush=True)
        else:
            print(f"{number:4}  is {name!r}", flush=True)


def save(folder: str, name: str, ink: Ink) -> str:
    """Saves ink in the symbol's place of a collected folder; the path of its file.

    One stroke becomes a CSV of velocities, which has no pen-ups; several become JSON.
    """
    from strokejax.ink.formats import symbol_folder, write_csv, write_json

    place = Path(folder).expanduser() / symbol_folder(name)
    try:
        place.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(
            f"{place} cannot be made ({error.strerror}); check --collect."
        ) from error
    taken = [re.fullmatch(r"trial_(\d+)\..*", path.name) for path in place.iterdir()]
    number = max((int(match[1]) for match in taken if match), default=0) + 1
    single = len(ink.strokes) == 1
    path = place / f"trial_{number}{'.csv' if single else '.json'}"
    (write_csv if single else write_json)(path, ink)
    return str(path)


def _open(file: str) -> int:
    if file == "-":
        return sys.stdin.fileno()
    try:
        descriptor = os.open(file, os.O_RDONLY)
    except OSError as error:
        raise InputError(
            f"{file} cannot be read ({error.strerror}); give a file of events, or - "
            f"for stdin."
        ) from error
    if stat.S_ISDIR(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise InputError(f"{file} is a folder; give a file of events, or - for stdin.")
    return descriptor


def _print_json(
    hypothesis: "Hypothesis", k: int, text: str | None, latency: float
) -> None:
    answer = hypothesis.answer
    line = {
        "id": hypothesis.id,
        "final": hypothesis.final,
        "symbols": answer.symbols[:k],
        "dist2": answer.dist2[:k] if answer.dist2 else None,
        "latency_ms": round(latency, 3),
    }
    if hypothesis.final:
        line |= {"unknown": answer.unknown, "reason": answer.reason}
    if text is not None:
        line["text"] = text
    print(json.dumps(line, ensure_ascii=False), flush=True)


def _print(hypothesis: "Hypothesis", k: int, text: str | None) -> None:
    answer = hypothesis.answer
    ranked = zip(answer.symbols[:k], answer.probability, strict=False)
    shares = "  ".join(f"{symbol} {100 * share:.0f} %" for symbol, share in ranked)
    unknown = "unknown: " * answer.unknown
    ending = f"   | {text}" if text is not None else ""
    print(f"{hypothesis.id:4}  {unknown}{shares}{ending}", flush=True)
