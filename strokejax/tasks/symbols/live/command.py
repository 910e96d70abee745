"""strokejax live: symbols recognised while they are drawn."""

import argparse
import json
import os
import stat
import sys
from typing import Any

from strokejax.arguments import Verb, reference_size_option
from strokejax.types import Ink, InputError

MAX_K = 100
MAX_LIFTED = 60
"""Seconds."""

TEXT = """\
Name symbols while they are drawn: events of a pen or mouse in, symbols out.

lines of FILE, or of stdin without it (answered as they come):
  {"t": seconds, "x": 1, "y": 2, "down": true}   y grows downwards; a mouse without
                                                 "down" ends a symbol by resting 0.5 s
  {"correct": id, "name": "heart"}               the true name of symbol id
"""


def options(parser: argparse.ArgumentParser) -> None:
    """Adds the options of the command."""
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
        help="end a symbol this long after the pen is lifted (default: the learned "
        "model of endings decides)",
    )
    reference_size_option(parser, "the median of the last symbols")
    parser.add_argument(
        "--collect", metavar="FOLDER", help="save corrected symbols in this folder"
    )
    parser.add_argument(
        "--register", action="store_true", help="register corrected symbols at once"
    )


def run(args: argparse.Namespace) -> int:
    """Answers until the input ends; returns 2 if a line was refused, else 0."""
    from strokejax.recognizer import load
    from strokejax.search.character_model import language_model
    from strokejax.tasks.symbols.live.session import MIN_K, Session
    from strokejax.tasks.symbols.live.stream import Settings

    if not 1 <= args.k <= MAX_K:
        raise InputError(f"-k is {args.k}; ask for 1 to {MAX_K} symbols.")
    if args.lifted is not None and not 0 <= args.lifted <= MAX_LIFTED:
        raise InputError(f"--lifted is {args.lifted}; give 0 to {MAX_LIFTED} seconds.")
    descriptor = _open(args.file)
    language = None if args.language is None else language_model(args.language)

    def register(
        name: str, ink: Ink, reference_size: float | None
    ) -> tuple[Any, dict[str, Any]]:
        from strokejax.registration.registry import register

        report = register(
            args.model, name, [ink], sources=["live"], reference_size=reference_size
        )
        return load(args.model), {"version": report["version"]}

    # Texts need MIN_K symbols of an answer; the printing cuts them to -k.
    session = Session(
        load(args.model),
        Settings(
            lifted=args.lifted, k=max(args.k, MIN_K), reference_size=args.reference_size
        ),
        language=language,
        collect=args.collect,
        register=register if args.register else None,
    )
    # Lines are printed as they come, each flushed: a pipe may read along.
    show = _print_json if args.json else _print_text
    try:
        for answer in session.follow(descriptor):
            show(answer, args.k)
    except KeyboardInterrupt:
        # Ctrl-C ends the input; the last symbol is still answered.
        for answer in session.finish():
            show(answer, args.k)
    return 2 if session.refused else 0


def _open(file: str) -> int:
    """The file descriptor of a file or, for "-", of stdin."""
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


def _print_json(answer: dict[str, Any], k: int) -> None:
    _print_error(answer)
    line = {key: value for key, value in answer.items() if key != "error"}
    if line.keys() == {"id"}:
        return  # a refused correction: its error is printed already
    if "symbols" in line:
        del line["probability"]
        line["symbols"] = line["symbols"][:k]
        line["dist2"] = line["dist2"] and line["dist2"][:k]
    if line:
        print(json.dumps(line, ensure_ascii=False), flush=True)


def _print_text(answer: dict[str, Any], k: int) -> None:
    _print_error(answer)
    if "corrected" in answer:
        print(f"{answer['id']:4}  is {answer['corrected']!r}", flush=True)
    elif answer.get("final"):
        ranked = zip(answer["symbols"][:k], answer["probability"], strict=False)
        shares = "  ".join(f"{symbol} {100 * share:.0f} %" for symbol, share in ranked)
        unknown = "unknown: " * answer["unknown"]
        text = f"   | {answer['text']}" if "text" in answer else ""
        print(f"{answer['id']:4}  {unknown}{shares}{text}", flush=True)


def _print_error(answer: dict[str, Any]) -> None:
    if "error" in answer:
        print(f"strokejax: {answer['error']}", file=sys.stderr, flush=True)


VERBS = (Verb("live", TEXT, options, run),)
