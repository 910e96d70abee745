"""The commands of people: strokejax VERB ... (jobs: python -m strokejax.launch)."""

import argparse
import io
import os
import sys
import warnings
from collections.abc import Sequence

from strokejax import __version__
from strokejax.arguments import Parser, Verb, add_verb
from strokejax.tasks import ALL, check_model, pages
from strokejax.types import InputError

VERBS = {verb: (task, module) for task in ALL for verb, module in task.verbs.items()}
"""The task of each verb, and the module of its folder that holds the verb."""
OVER_TASKS = ("evaluate", "serve")
"""Verbs of several tasks at once."""


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command; 0, or 2 where input was refused."""
    arguments = [*(sys.argv[1:] if argv is None else argv)]
    warnings.showwarning = _warn
    for stream in (sys.stdout, sys.stderr):
        # Names may hold any character, and files any bytes: printing never fails.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")
    try:
        return _run(arguments)
    except InputError as error:
        print(f"strokejax: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:
        # The reader (head, say) has gone; what is left must not be flushed to it.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        print(f"strokejax: {error}.", file=sys.stderr)
        return 2


def _run(arguments: list[str]) -> int:
    parser = _parser(arguments)
    parsed, unknown = parser.parse_known_args(arguments)
    if "parser" not in parsed:
        parser.print_help()
        return 0
    for name, default in (("model", None), ("json", False)):
        if name not in parsed:  # they may stand before a sub-command, or behind it
            setattr(parsed, name, default)
    if parsed.model is not None and not parsed.takes_model:
        unknown = ["--model", *unknown]
    if unknown:
        parsed.parser.error(f"`{parsed.parser.prog}` does not take {unknown[0]}")
    if parsed.task:
        task = next(task for task in ALL if task.name == parsed.task)
        accepted = task.name, *task.accepts
        check_model(parsed.model, accepted, parsed.parser.prog)
    return parsed.run(parsed)


def _warn(message, category, filename, lineno, file=None, line=None) -> None:
    print(f"strokejax: {message}", file=sys.stderr)


def _parser(arguments: Sequence[str]) -> argparse.ArgumentParser:
    """The parser of one verb's arguments; of all verbs' where none of them is named."""
    parser = Parser(
        prog="strokejax",
        description="Names what a hand draws. Train with: "
        "python -m strokejax.launch --config=configs/finetune.py",
    )
    parser.add_argument("--version", action="version", version=__version__)
    verbs = parser.add_subparsers(metavar="VERB")
    named = next((each for each in arguments if not each.startswith("-")), "")
    every = (*VERBS, *OVER_TASKS)
    for name in (named,) if named in every else every:
        verb, task = _verb(name)
        add_verb(verbs, verb, task)
    return parser


def _verb(name: str) -> tuple[Verb, str]:
    """A verb and the task whose models it works with, "" where it asks itself."""
    if name == "evaluate":
        from strokejax.tasks.evaluate import VERB

        return VERB, ""
    if name == "serve":
        from strokejax.serve.command import verb

        return verb(pages), "symbols"
    task, module = VERBS[name]
    verbs: tuple[Verb, ...] = task.part(module).VERBS
    return next(verb for verb in verbs if verb.name == name), task.name


if __name__ == "__main__":
    sys.exit(main())
