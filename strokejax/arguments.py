"""Building blocks of commands: verbs, the argument parser, argument types."""

import argparse
import gc
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple, NoReturn

from strokejax.types import InputError


class Verb(NamedTuple):
    """A command, `strokejax NAME ...`, or a sub-command of one."""

    name: str
    about: str
    """Help text; lists of commands show its first line."""
    options: Callable[[argparse.ArgumentParser], None] | None = None
    run: Callable[[argparse.Namespace], int] | None = None
    """Returns the exit code: 0, or 2 if an input was refused."""
    verbs: tuple["Verb", ...] = ()
    """Sub-commands; a verb has either these or `options` and `run`."""
    model: bool = True
    """Whether the verb takes --model."""


class Parser(argparse.ArgumentParser):
    """Raises InputError where argparse prints the usage and exits."""

    def error(self, message: str) -> NoReturn:
        """Raises InputError with the message and a hint at --help."""
        raise InputError(f"{message}; see `{self.prog} --help`.")


def add_verb(verbs: Any, verb: Verb, task: str) -> None:
    """Adds a verb, with its options and sub-commands, to the verbs of a parser."""
    parser = verbs.add_parser(
        verb.name,
        help=verb.about.splitlines()[0].replace("%", "%%"),
        description=verb.about,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    # SUPPRESS: the default of a sub-command would overwrite an option set before it.
    if verb.model:
        parser.add_argument(
            "--model",
            metavar="PATH",
            default=argparse.SUPPRESS,
            help="folder of a model or of a finished run, or the name of a packaged "
            "model (default: the packaged model, or your changed copy of it)",
        )
    parser.add_argument(
        "--json",
        action="store_true",
        default=argparse.SUPPRESS,
        help="print JSON on stdout, one line",
    )
    if verb.verbs:
        inner = parser.add_subparsers(dest="verb", metavar="VERB", required=True)
        for sub_verb in verb.verbs:
            add_verb(inner, sub_verb, task)
        return
    if verb.options:
        verb.options(parser)
    parser.set_defaults(parser=parser, run=verb.run, task=task, takes_model=verb.model)


@contextmanager
def importing() -> Iterator[None]:
    """Pauses garbage collection while jax is imported.

    The objects of jax live until the program ends. Collections over them, during the
    import and at exit, would take a fifth of the time to the first answer.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


def rate(text: str) -> float:
    """Argument type: a fraction, written as "0.005", "0.5%" or "1/200"."""
    try:
        if text.endswith("%"):
            return float(text[:-1]) / 100
        numerator, slash, denominator = text.partition("/")
        return float(numerator) / float(denominator if slash else 1)
    except (ValueError, ZeroDivisionError) as error:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a rate; write one like 1/200, 0.005 or 0.5%"
        ) from error


def reference_size_option(parser: argparse.ArgumentParser, default: str) -> None:
    """Adds --reference-size, and its former name --usual-size until release 0.3."""
    parser.add_argument(
        "--reference-size",
        type=_reference_size,
        metavar="N",
        help="longer side of the writer's typical letter, in the ink's units; with it, "
        f"o differs from O (default: {default})",
    )
    parser.add_argument(
        "--usual-size",
        type=_reference_size,
        dest="reference_size",
        default=argparse.SUPPRESS,
        help=argparse.SUPPRESS,
    )


def _reference_size(text: str) -> float:
    try:
        size = float(text)
    except ValueError:
        size = 0.0
    if not 0 < size < math.inf:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a size; give the longer side of a typical letter, a "
            f"number above 0 in the ink's units"
        )
    return size


def whole_number(low: int, high: int) -> Callable[[str], int]:
    """Argument type: an integer from `low` to `high`."""

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
