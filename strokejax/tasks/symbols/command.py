"""strokejax recognize: names for drawings in files."""

import argparse
import json
import math
import sys
from typing import Any

from strokejax.arguments import importing
from strokejax.types import InputError

TEXT = """\
Name what was drawn: the nearest symbols of the model, with their distances.

files:
  .csv              timestamp,velocity_x,velocity_y: the collected format
  .json             {"strokes": [[[x, y], ...], ...]}, with t in seconds as a third
  .inkml            W3C InkML traces
  .npz, other text  packed ink; the UNIPEN format
  .png .jpg ...     a picture of one symbol, any size, dark on light or light on dark
"""


def options(parser: argparse.ArgumentParser) -> None:
    """What the command takes."""
    parser.add_argument("files", nargs="+", metavar="FILE")
    parser.add_argument(
        "-k", type=int, default=5, help="how many symbols to name (default: 5)"
    )
    parser.add_argument(
        "--false-accepts",
        type=rate,
        metavar="RATE",
        help="share of ink without meaning that may be named instead of being unknown, "
        "like 1/200 (default: unknown is what 95 in 100 drawings of the nearest symbol "
        "are nearer than)",
    )
    parser.add_argument(
        "--views",
        action="store_true",
        help="look nine times, a little turned and slanted: nine times slower, and a "
        "little better on pictures",
    )
    parser.add_argument(
        "--usual-size",
        type=usual_size,
        metavar="N",
        help="longer side of the writer's usual letter, in the ink's units: tells o "
        "from O (default: unknown)",
    )


def run(given: argparse.Namespace) -> int:
    """Prints the answers; 2 if a file could not be used."""
    from strokejax.tasks.symbols.command_files import read_file

    with importing():
        from strokejax.recognizer import load

    model = load(
        given.model,
        false_accepts=given.false_accepts,
        fast=False,
        views=given.views,
    )
    results: list[dict[str, Any]] = []
    for file in given.files:
        try:
            drawings = read_file(file)
            answers = model.recognize_many(drawings, given.k, given.usual_size)
        except InputError as error:
            results.append({"file": file, "error": str(error)})
            continue
        for i, answer in enumerate(answers):
            sample = {"sample": i} if len(answers) > 1 else {}
            results.append({"file": file} | sample | answer._asdict())
    if given.json:
        print(json.dumps({"results": results}, ensure_ascii=False))
    else:
        for result in results:
            _print(result)
    return 2 if any("error" in result for result in results) else 0


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


def _print(result: dict[str, Any]) -> None:
    if "error" in result:
        print(f"strokejax: {result['error']}", file=sys.stderr)
        return
    which = f" [{result['sample']}]" if "sample" in result else ""
    unknown = f": unknown ({result['reason']})" if result["unknown"] else ""
    print(f"{result['file']}{which}{unknown}")
    distances = result["dist2"] or [None] * len(result["symbols"])
    rows = zip(result["symbols"], distances, result["probability"], strict=True)
    for symbol, dist2, probability in rows:
        distance = "" if dist2 is None else f"  dist2 {dist2:.3f}"
        print(f"  {symbol:<8}{100 * probability:5.1f} %{distance}")
