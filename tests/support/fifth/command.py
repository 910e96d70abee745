"""strokejax bend: which way curves bend."""

import argparse
import json
from typing import Any

from strokejax.arguments import Verb, importing, whole_number
from strokejax.types import InputError

TEXT = """\
Tell which way curves bend.

A curve is a line {"points": [[x, y], ...], "bend": "left"} of the file; y grows
downwards, and only `strokejax evaluate` asks for "bend".
"""


def _options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE.fifth")


def _bend(given: argparse.Namespace) -> int:
    from tests.support.fifth.data import read_curves

    curves = read_curves(given.file)
    with importing():
        from tests.support.fifth.reader import open_reader
    bends = open_reader(given.model).read([curve.points for curve in curves])
    print(json.dumps({"bends": bends}) if given.json else "\n".join(bends))
    return 0


def evaluate_options(parser: Any) -> None:
    """What scoring labelled curves takes."""
    parser.add_argument(
        "--first",
        type=whole_number(0, 1_000_000),
        default=0,
        metavar="N",
        help="only the first N curves of each file; 0: all (0)",
    )


def evaluate(given: argparse.Namespace) -> dict[str, Any]:
    """Scores of all files' curves."""
    from tests.support.fifth.data import read_curves

    curves = [
        curve
        for file in given.data
        for curve in read_curves(file)[: given.first or None]
    ]
    if not curves or not all(curve.bend for curve in curves):
        raise InputError('A curve does not say how it bends; add "bend" to each line.')
    with importing():
        from tests.support.fifth.reader import bend_scores, open_reader
    read = open_reader(given.model).read([curve.points for curve in curves])
    return bend_scores(read, [curve.bend for curve in curves])


def show_scores(scores: dict[str, Any]) -> None:
    """The scores for people."""
    low, high = scores["interval95"]
    print(f"{scores['n']:,} curves")
    print(f"  right {scores['top1']:.4f}  [{low:.4f}, {high:.4f}]")


VERBS = (Verb("bend", TEXT, _options, _bend),)
