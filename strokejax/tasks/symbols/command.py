"""strokejax recognize: names for drawings in files."""

import argparse
import json
import math
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from strokejax.arguments import importing
from strokejax.ink.formats import read_ink
from strokejax.types import InputError

# Drawings in files of any kind: ink, or pictures.


PICTURES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp")
MAX_FILES = 10_000


def read_file(path: str | Path) -> list[Any]:
    """The drawings of a file: one picture u8[h w], or all its `Ink`."""
    if str(path).lower().endswith(PICTURES):
        from strokejax.pictures.images import read_image

        return [read_image(path)]
    return list(read_ink(path))


def read_drawings(paths: Sequence[str | Path]) -> tuple[list[Any], list[str]]:
    """All drawings of files and of folders' files, and the file of each."""
    files = [file for path in paths for file in _files(Path(path).expanduser())]
    if len(files) > MAX_FILES:
        raise InputError(
            f"{len(files):,} files are given, above the limit of {MAX_FILES:,}; give "
            f"fewer."
        )
    drawings: list[Any] = []
    sources: list[str] = []
    for file in files:
        found = read_file(file)
        drawings += found
        sources += [str(file)] * len(found)
    return drawings, sources


def _files(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    inside = (p for p in path.iterdir() if p.is_file() and not p.name.startswith("."))
    if not (files := sorted(inside)):
        raise InputError(f"The folder {path} has no files; give drawings.")
    return files


RECOGNIZE = """\
Name what was drawn: the nearest symbols of the model, with their distances.

files:
  .csv              timestamp,velocity_x,velocity_y: the collected format
  .json             {"strokes": [[[x, y], ...], ...]}, with t in seconds as a third
  .inkml            W3C InkML traces
  .npz, other text  packed ink; the UNIPEN format
  .png .jpg ...     a picture of one symbol, any size, dark on light or light on dark
"""


def recognize_options(parser: argparse.ArgumentParser) -> None:
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


def run_recognize(given: argparse.Namespace) -> int:
    """Prints the answers; 2 if a file could not be used."""

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


# strokejax register: a new symbol from a handful of drawings.


REGISTER = """\
Teach the model a new symbol, at once and without training.

One drawing is enough, 10 are better; more drawings for a symbol that is there refine
it. Every change is a new version (`strokejax symbols undo` takes it back). The packaged
model stays as it is: changes go to your own copy of it.

samples: files as `strokejax recognize` takes them, or folders of such files
"""


def register_options(parser: argparse.ArgumentParser) -> None:
    """What the command takes."""
    parser.add_argument("name", metavar="NAME", help="1 to 64 printable characters")
    parser.add_argument("samples", nargs="+", metavar="SAMPLE")
    parser.add_argument(
        "--method",
        choices=("sgd", "mean"),
        default="sgd",
        help="sgd: the row that best tells it from the others (default); mean: the "
        "mean of its drawings, in closed form",
    )
    parser.add_argument(
        "--ignore",
        default="",
        metavar="WHAT",
        help="what makes no difference, of direction,rotation,size: a star is a star "
        "however drawn, but an arrow left is not an arrow right",
    )
    parser.add_argument(
        "--usual-size",
        type=usual_size,
        metavar="N",
        help="longer side of the writer's usual letter, in the ink's units (default: "
        "unknown)",
    )
    parser.add_argument(
        "--force", action="store_true", help="even if other symbols lose much by it"
    )


def run_register(given: argparse.Namespace) -> int:
    """Registers and says what to expect of the symbol."""
    from strokejax.ink.variants import ignored

    ignore = ignored(given.ignore, "--ignore")
    with importing():
        from strokejax.registration.registry import register

    drawings, sources = read_drawings(given.samples)
    found = register(
        given.model,
        given.name,
        drawings,
        method=given.method,
        force=given.force,
        sources=sources,
        usual_size=given.usual_size,
        ignore=ignore,
    )
    before = found["samples"] - len(sources)
    found["odd"] = [
        sources[i - before] if i >= before else f"drawing {i}" for i in found["odd"]
    ]
    if given.json:
        print(json.dumps(found, ensure_ascii=False))
    else:
        _print_registered(found)
    return 0


def _print_registered(found: dict[str, Any]) -> None:
    count, loss = found["samples"], found["old_loss"]
    print(
        f"{found['symbol']!r} is known by {count} drawing{'s' * (count > 1)}; the "
        f"model is at version {found['version']}."
    )
    for source in found["odd"]:
        print(f"  {source} is unlike the others; draw it again if it is a slip.")
    for each in found["confusions"]:
        print(
            f"  Looks like {each['symbol']!r}: about {100 * each['rate']:.0f} % of "
            f"further drawings will be taken for it."
        )
    if found["mistaken"] >= 0.01:
        share = 100 * found["mistaken"]
        print(f"  In all about {share:.0f} % will be taken for other symbols.")
    if loss["mean"] > 0:
        print(
            f"  The other symbols lose {100 * loss['mean']:.2f} points on average, "
            f"{loss['symbol']!r} {100 * loss['worst']:.1f}."
        )
    if more := found["more"]:
        print(f"  {more} more drawing{'s' * (more > 1)} would be worth the trouble.")
