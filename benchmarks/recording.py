"""The option `--record` of the benchmarks: their figures go to docs/figures.json."""

import argparse
import shlex
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

from strokejax.evaluation.figure import Figure, read_figures, record
from strokejax.types import InputError

FIGURES = Path(__file__).parents[1] / "docs" / "figures.json"
NOT_IN_NAMES = ("only", "record")
"""Options that change no figure."""

Record = Callable[[Iterable[Figure]], None]


def parse(parser: argparse.ArgumentParser) -> tuple[argparse.Namespace, Record]:
    """The arguments, and the function that is given the figures of each part.

    Without `--record` it drops them. With it, it writes them at once, so that a run
    that is cut short keeps what it measured. A name begins with the benchmark and the
    options that differ from their defaults: "swipe --beam 6: people's swipes, top-1".
    A file that is broken ends the run before anything is measured.
    """
    parser.add_argument(
        "--record", action="store_true", help=f"write figures to docs/{FIGURES.name}"
    )
    options, script = parser.parse_args(), Path(sys.argv[0])
    words = [f"benchmarks/{script.name}", *sys.argv[1:]]
    command = shlex.join(["python", *(word for word in words if word != "--record")])
    title = " ".join([script.stem, *_changed(parser, options)])

    def write(figures: Iterable[Figure]) -> None:
        if options.record:
            named = [
                each._replace(name=f"{title}: {each.title}", data="")
                for each in figures
            ]
            record(named, FIGURES, command)

    try:
        if options.record:
            read_figures(FIGURES)
    except InputError as error:
        parser.error(str(error))
    return options, write


def _changed(parser: argparse.ArgumentParser, options: argparse.Namespace) -> list[str]:
    """The options that differ from their defaults, as one types them."""
    words = []
    for name, value in vars(options).items():
        if name not in NOT_IN_NAMES and value != parser.get_default(name):
            flag = f"--{name.replace('_', '-')}"
            words += [flag] if value is True else [flag, str(value)]
    return words
