"""Runs the commands, strokejax VERB ... (jobs: python -m strokejax.launch)."""

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
"""The task of each verb, and the module in its folder that defines the verb."""
OVER_TASKS = ("evaluate", "serve")
"""Verbs that serve several tasks."""


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command and returns the exit code: 0, or 2 for invalid input."""
    arguments = [*(sys.argv[1:] if argv is None else argv)]
    warnings.showwarning = _warn
    for stream in (sys.stdout, sys.stderr):
        # Names and file paths may contain any character; printing must not fail.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")
    try:
        return _run(arguments)
    except InputError as error:
        print(f"strokejax: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:
        # The reader (such as head) has exited: discard the buffered output at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        print(f"strokejax: {error}.", file=sys.stderr)
        return 2


def _run(arguments: list[str]) -> int:
    parser = _parser(arguments)
    args, unknown = parser.parse_known_args(arguments)
    if "parser" not in args:
        parser.print_help()
        return 0
    for name, default in (("model", None), ("json", False)):
        if name not in args:  # these options may precede or follow a sub-command
            setattr(args, name, default)
    if args.model is not None and not args.takes_model:
        unknown = ["--model", *unknown]
    if unknown:
        args.parser.error(f"`{args.parser.prog}` does not take {unknown[0]}")
    if args.task:
        task = next(task for task in ALL if task.name == args.task)
        check_model(args.model, (task.name, *task.accepts), args.parser.prog)
    return args.run(args)


def _warn(message, category, filename, lineno, file=None, line=None) -> None:
    print(f"strokejax: {message}", file=sys.stderr)


def _parser(arguments: Sequence[str]) -> argparse.ArgumentParser:
    """The parser for the verb that the arguments name, or for all verbs."""
    parser = Parser(
        prog="strokejax",
        description="Recognises drawn symbols, handwriting, fonts and swipes. Train "
        "with: python -m strokejax.launch --config=configs/finetune.py",
    )
    parser.add_argument("--version", action="version", version=__version__)
    verbs = parser.add_subparsers(metavar="VERB")
    first = next((word for word in arguments if not word.startswith("-")), "")
    every = (*VERBS, *OVER_TASKS)
    # Only the verb in use is imported: each verb brings the modules of its task.
    for name in (first,) if first in every else every:
        verb, task = _verb(name)
        add_verb(verbs, verb, task)
    return parser


def _verb(name: str) -> tuple[Verb, str]:
    """A verb and the task of its models; "" for a verb that checks them itself."""
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
