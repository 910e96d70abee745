"""strokejax recognize and strokejax register: drawings in files, named or learned."""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from strokejax.arguments import Verb, importing, rate, reference_size_option
from strokejax.ink.formats import read_ink
from strokejax.types import InputError

PICTURES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp")
MAX_FILES = 10_000

RECOGNIZE = """\
Name what was drawn: the nearest symbols of the model, with their distances.

files:
  .csv              timestamp,velocity_x,velocity_y: the collected format
  .json .ndjson     {"strokes": [[[x, y], ...], ...]}, with t in seconds as a third;
                    also signature_pad, Excalidraw, tldraw, Quick, Draw!
  .svg              paths, lines and polylines
  .inkml            W3C InkML traces
  .npz, other text  packed ink; the UNIPEN format
  .png .jpg ...     a picture of one symbol, any size, dark on light or light on dark
"""
REGISTER = """\
Teach the model a new symbol, at once and without training.

One drawing is enough, 10 are better; more drawings of a known symbol refine it. Every
change is a new version (`strokejax symbols undo` reverts it). The packaged model never
changes: your changes go to your own copy of it.

samples: files as `strokejax recognize` takes them, or folders of such files
"""

# Drawings in files: ink or pictures.


def read_file(path: str | Path) -> list[Any]:
    """The drawings in a file: one picture u8[h w], or every `Ink`."""
    if str(path).lower().endswith(PICTURES):
        from strokejax.pictures.images import read_image

        return [read_image(path)]
    return list(read_ink(path))


def read_drawings(paths: Sequence[str | Path]) -> tuple[list[Any], list[str]]:
    """All drawings in files and in the files of folders, and the file of each.

    InputError above 10,000 files, for an empty folder and for files that cannot be
    read.
    """
    files = [file for path in paths for file in _files(Path(path).expanduser())]
    if len(files) > MAX_FILES:
        raise InputError(
            f"{len(files):,} files are given, above the limit of {MAX_FILES:,}; give "
            f"fewer."
        )
    drawings: list[Any] = []
    sources: list[str] = []
    for file in files:
        inside = read_file(file)
        drawings += inside
        sources += [str(file)] * len(inside)
    return drawings, sources


def _files(path: Path) -> list[Path]:
    """The file itself, or a folder's sorted files without the hidden ones."""
    if not path.is_dir():
        return [path]
    inside = (p for p in path.iterdir() if p.is_file() and not p.name.startswith("."))
    if not (files := sorted(inside)):
        raise InputError(f"The folder {path} has no files; give drawings.")
    return files


# strokejax recognize


def recognize_options(parser: argparse.ArgumentParser) -> None:
    """Adds the options of `strokejax recognize`."""
    parser.add_argument("files", nargs="+", metavar="FILE")
    parser.add_argument(
        "-k", type=int, default=5, help="how many symbols to name (default: 5)"
    )
    parser.add_argument(
        "--false-accepts",
        type=rate,
        metavar="RATE",
        help="false-accept rate: the share of meaningless ink that may be named, like "
        "1/200 (default: a drawing is unknown if 95 in 100 drawings of its nearest "
        "symbol are nearer)",
    )
    parser.add_argument(
        "--views",
        action="store_true",
        help="average nine slightly rotated and slanted views: nine times slower, a "
        "little better on pictures",
    )
    reference_size_option(parser, "unknown")


def run_recognize(args: argparse.Namespace) -> int:
    """Prints the answers; returns 2 if a file was refused, else 0."""
    with importing():
        from strokejax.recognizer import load

    # A command answers few drawings: it compiles quickly and answers more slowly.
    model = load(
        args.model, false_accepts=args.false_accepts, fast=False, views=args.views
    )
    results: list[dict[str, Any]] = []
    for file in args.files:
        try:
            drawings = read_file(file)
            answers = model.recognize_many(drawings, args.k, args.reference_size)
        except InputError as error:
            # A bad file does not keep the others from being answered.
            results.append({"file": file, "error": str(error)})
            continue
        for i, answer in enumerate(answers):
            sample = {"sample": i} if len(answers) > 1 else {}
            results.append({"file": file} | sample | answer._asdict())
    if args.json:
        print(json.dumps({"results": results}, ensure_ascii=False))
    else:
        for result in results:
            _print_result(result)
    return 2 if any("error" in result for result in results) else 0


def _print_result(result: dict[str, Any]) -> None:
    if "error" in result:
        print(f"strokejax: {result['error']}", file=sys.stderr)
        return
    sample = f" [{result['sample']}]" if "sample" in result else ""
    unknown = f": unknown ({result['reason']})" if result["unknown"] else ""
    print(f"{result['file']}{sample}{unknown}")
    distances = result["dist2"] or [None] * len(result["symbols"])
    rows = zip(result["symbols"], distances, result["probability"], strict=True)
    for symbol, dist2, probability in rows:
        distance = "" if dist2 is None else f"  dist2 {dist2:.3f}"
        print(f"  {symbol:<8}{100 * probability:5.1f} %{distance}")


# strokejax register


def register_options(parser: argparse.ArgumentParser) -> None:
    """Adds the options of `strokejax register`."""
    parser.add_argument("name", metavar="NAME", help="1 to 64 printable characters")
    parser.add_argument("samples", nargs="+", metavar="SAMPLE")
    parser.add_argument(
        "--method",
        choices=("sgd", "mean"),
        default="sgd",
        help="sgd: the row that best separates the symbol from the others (default); "
        "mean: the mean of its drawings, in closed form",
    )
    parser.add_argument(
        "--ignore",
        default="",
        metavar="WHAT",
        help="variations that leave the symbol the same, of direction,rotation,size: a "
        "star is a star however drawn, but an arrow left is not an arrow right",
    )
    reference_size_option(parser, "unknown")
    parser.add_argument(
        "--force",
        action="store_true",
        help="register even if other symbols lose much accuracy",
    )


def run_register(args: argparse.Namespace) -> int:
    """Registers the symbol and prints the coach's report on it."""
    from strokejax.ink.variants import parse_ignore

    ignore = parse_ignore(args.ignore, "--ignore")
    with importing():
        from strokejax.registration.registry import register

    drawings, sources = read_drawings(args.samples)
    report = register(
        args.model,
        args.name,
        drawings,
        method=args.method,
        force=args.force,
        sources=sources,
        reference_size=args.reference_size,
        ignore=ignore,
    )
    # Outliers are numbered among all drawings of the symbol, the earlier ones first.
    before = report["samples"] - len(sources)
    report["odd"] = [
        sources[i - before] if i >= before else f"drawing {i}" for i in report["odd"]
    ]
    if args.json:
        print(json.dumps(report, ensure_ascii=False))
    else:
        _print_report(report)
    return 0


def _print_report(report: dict[str, Any]) -> None:
    count, loss = report["samples"], report["old_loss"]
    print(
        f"{report['symbol']!r} has {count} drawing{'s' * (count > 1)}; the model is at "
        f"version {report['version']}."
    )
    for source in report["odd"]:
        print(f"  {source} is unlike the others; draw it again if it is a slip.")
    for row in report["confusions"]:
        print(
            f"  Looks like {row['symbol']!r}: about {100 * row['rate']:.0f} % of "
            f"further drawings will be taken for it."
        )
    if report["mistaken"] >= 0.01:
        share = 100 * report["mistaken"]
        print(f"  In all, about {share:.0f} % will be taken for other symbols.")
    if loss["mean"] > 0:
        print(
            f"  The other symbols lose {100 * loss['mean']:.2f} points on average, "
            f"{loss['symbol']!r} {100 * loss['worst']:.1f}."
        )
    if more := report["more"]:
        print(f"  {more} more drawing{'s' * (more > 1)} would improve it further.")


VERBS = (
    Verb("recognize", RECOGNIZE, recognize_options, run_recognize),
    Verb("register", REGISTER, register_options, run_register),
)
