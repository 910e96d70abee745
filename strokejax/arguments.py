"""What commands are made of: verbs, a parser that teaches, argument types."""

import argparse
import gc
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple, NoReturn

from strokejax.types import InputError


class Verb(NamedTuple):
    """A command of people: `strokejax NAME ...`, or a sub-command of one."""

    name: str
    about: str
    """Its help; the first line alone stands in lists of commands."""
    options: Callable[[argparse.ArgumentParser], None] | None = None
    run: Callable[[argparse.Namespace], int] | None = None
    """Returns the exit code: 0, or 2 where something was refused."""
    verbs: tuple["Verb", ...] = ()
    """Sub-commands; a verb has either these or `options` and `run`."""
    model: bool = True
    """Whether it takes --model."""


class Parser(argparse.ArgumentParser):
    """Raises InputError, one sentence, where argparse prints its usage and exits."""

    def error(self, message: str) -> NoReturn:
        """Refuses the arguments."""
        raise InputError(f"{message}; see `{self.prog} --help`.")


def add_verb(verbs: Any, verb: Verb, task: str) -> None:
    """Adds a verb, with its options and sub-commands, to a parser's verbs."""
    parser = verbs.add_parser(
        verb.name,
        help=verb.about.splitlines()[0].replace("%", "%%"),
        description=verb.about,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    if verb.model:
        parser.add_argument(
            "--model",
            metavar="PATH",
            default=argparse.SUPPRESS,
            help="folder of a model or of a finished run, or the name of a packaged "
            "one (default: the usual one, or your own copy of it once you changed it)",
        )
    parser.add_argument(
        "--json",
        action="store_true",
        default=argparse.SUPPRESS,
        help="print JSON on stdout, one line",
    )
    if verb.verbs:
        inner = parser.add_subparsers(dest="verb", metavar="VERB", required=True)
        for each in verb.verbs:
            add_verb(inner, each, task)
        return
    if verb.options:
        verb.options(parser)
    parser.set_defaults(parser=parser, run=verb.run, task=task, takes_model=verb.model)


@contextmanager
def importing() -> Iterator[None]:
    """Imports of jax inside go without garbage collections.

    What jax brings stays: the collector's walks over it, on the way and when Python
    ends, would be a fifth of the wait for an answer.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


def rate(text: str) -> float:
    """A share from "0.005", "0.5%" or "1/200"."""
    try:
        if text.endswith("%"):
            return float(text[:-1]) / 100
        share, slash, whole = text.partition("/")
        return float(share) / float(whole if slash else 1)
    except (ValueError, ZeroDivisionError) as error:
        raise argparse.ArgumentTypeError(
            f"{text!r} is no rate; write one like 1/200, 0.005 or 0.5%"
        ) from error


def usual_size(text: str) -> float:
    """A length above 0."""
    try:
        size = float(text)
    except ValueError:
        size = 0.0
    if not 0 < size < math.inf:
        raise argparse.ArgumentTypeError(
            f"{text!r} is no usual size; give the longer side of a usual letter, a "
            f"number above 0 in the ink's units"
        )
    return size


def whole_number(low: int, high: int) -> Callable[[str], int]:
    """The argument type of whole numbers from `low` to `high`."""

    def parse(text: str) -> int:
        try:
            number = int(text)
        except ValueError:
            number = low - 1
        if not low <= number <= high:
            raise argparse.ArgumentTypeError(
                f"{text} is out of range, give {low:,} to {high:,}"
            )
        return number

    return parse
