"""strokejax live: symbols while the hand still draws."""

import argparse
import json
import os
import stat
import sys
from typing import Any

from strokejax.tasks.symbols.command import usual_size
from strokejax.types import Ink, InputError

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
        "--usual-size",
        type=usual_size,
        metavar="N",
        help="longer side of the writer's usual letter, in units of x and y (default: "
        "the median of the last symbols)",
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
    from strokejax.search.character_model import language_model
    from strokejax.tasks.symbols.live.session import MIN_K, Session
    from strokejax.tasks.symbols.live.stream import Settings

    if not 1 <= given.k <= 100:
        raise InputError(f"-k is {given.k}; ask for 1 to 100 symbols.")
    if given.lifted is not None and not 0 <= given.lifted <= 60:
        raise InputError(f"--lifted is {given.lifted}; give 0 to 60 seconds.")
    descriptor = _open(given.file)
    language = None if given.language is None else language_model(given.language)

    def register(
        name: str, ink: Ink, usual: float | None
    ) -> tuple[Any, dict[str, Any]]:
        from strokejax.registration.registry import register

        found = register(given.model, name, [ink], sources=["live"], usual_size=usual)
        return load(given.model), {"version": found["version"]}

    session = Session(
        load(given.model),
        Settings(
            lifted=given.lifted, k=max(given.k, MIN_K), usual_size=given.usual_size
        ),
        language=language,
        collect=given.collect,
        register=register if given.register else None,
    )
    show = _print_json if given.json else _print
    try:
        for told in session.follow(descriptor):
            show(told, given.k)
    except KeyboardInterrupt:
        for told in session.finish():
            show(told, given.k)
    return 2 if session.refused else 0


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


def _print_json(told: dict[str, Any], k: int) -> None:
    _complain(told)
    line = {key: value for key, value in told.items() if key != "error"}
    if line.keys() == {"id"}:
        return  # a correction that was refused
    if "symbols" in line:
        del line["probability"]
        line["symbols"] = line["symbols"][:k]
        line["dist2"] = line["dist2"] and line["dist2"][:k]
    if line:
        print(json.dumps(line, ensure_ascii=False), flush=True)


def _print(told: dict[str, Any], k: int) -> None:
    _complain(told)
    if "corrected" in told:
        print(f"{told['id']:4}  is {told['corrected']!r}", flush=True)
    elif told.get("final"):
        ranked = zip(told["symbols"][:k], told["probability"], strict=False)
        shares = "  ".join(f"{symbol} {100 * share:.0f} %" for symbol, share in ranked)
        unknown = "unknown: " * told["unknown"]
        text = f"   | {told['text']}" if "text" in told else ""
        print(f"{told['id']:4}  {unknown}{shares}{text}", flush=True)


def _complain(told: dict[str, Any]) -> None:
    if "error" in told:
        print(f"strokejax: {told['error']}", file=sys.stderr, flush=True)
