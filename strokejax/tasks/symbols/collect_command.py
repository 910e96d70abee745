"""strokejax collect: count, check, clean and merge a collected folder of drawings."""

import argparse
import csv
import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from strokejax.arguments import Verb
from strokejax.types import InputError

# For annotations: the command imports these when it runs, `--help` never does.
if TYPE_CHECKING:
    from strokejax.data.collection import Collection, Contents, Moved, Problem

SHOWN = 12
"""Symbols to draw next that are printed; --json has all of them."""
MAX_TARGET = 10_000

TEXT = """\
Say what to draw next in a collected folder, the symbols with fewest samples first.

folder:
  one subfolder a symbol (a, uA, d0, space, or any other name), in it files
  trial_*.csv (timestamp,velocity_x,velocity_y) or trial_*.json (strokes)
"""


def options(parser: argparse.ArgumentParser) -> None:
    """Adds the options of the command."""
    parser.add_argument("folder", metavar="FOLDER")
    parser.add_argument(
        "--symbols",
        metavar="A,B,...",
        help="count these symbols only (default: the 63 strokes and all in the folder)",
    )
    parser.add_argument(
        "--target",
        type=int,
        default=10,
        metavar="N",
        help="samples to collect of each symbol (default: 10)",
    )
    work = parser.add_mutually_exclusive_group()
    work.add_argument(
        "--check",
        action="store_true",
        help="name every damaged, blank, duplicate or single-point file; exit 2 if "
        "there is one",
    )
    work.add_argument(
        "--clean",
        action="store_true",
        help="move those files to FOLDER/.rejected; nothing is deleted",
    )
    work.add_argument(
        "--merge",
        metavar="OTHER",
        help="copy the drawings of another folder that this one lacks; exit 2 if some "
        "of them cannot be read",
    )


def run(args: argparse.Namespace) -> int:
    """Prints the folder's contents; returns 2 if --check or --merge met a bad file."""
    from strokejax.data.collection import examine, find, to_draw

    if not 1 <= args.target <= MAX_TARGET:
        raise InputError(
            f"--target is {args.target}; ask for 1 to {MAX_TARGET:,} samples a symbol."
        )
    symbols = _symbols(args.symbols) if args.symbols is not None else None
    collection = find(args.folder)
    contents = examine(collection)
    if not (contents.good or contents.problems or args.merge):
        _report_empty(args)
    changes: dict[str, Any] = {}
    if args.clean:
        changes = _clean(collection, contents)
    elif args.merge:
        changes = _merge(collection, contents, args.merge)
    # The files have changed: the counts below are those after the work.
    if changes.get("moved") or changes.get("copied"):
        collection = find(args.folder)
        contents = examine(collection)
    samples = _samples(collection, contents, symbols)
    line = {
        "folder": args.folder,
        "symbols": [{"name": s, "samples": n} for s, n in samples.items()],
        "next": to_draw(samples, args.target),
        "problems": _problems(collection, contents.problems),
        **changes,
    }
    if args.json:
        _print(json.dumps(line, ensure_ascii=False))
    else:
        _print_changes(line, args)
        _print_problems(line, args)
    bad = line["problems"] if args.check else changes.get("left_out")
    return 2 if bad else 0


def _report_empty(args: argparse.Namespace) -> None:
    """An empty folder is an error to --check and --clean, else the place to begin."""
    example = Path(args.folder, "a", "trial_1.csv")
    sentence = (
        f"{args.folder} has no drawings yet; save each in the folder of its symbol, "
        f"as {example}."
    )
    if args.check or args.clean:
        raise InputError(sentence)
    print(f"strokejax: {sentence}", file=sys.stderr)


def _symbols(text: str) -> list[str]:
    """The names in a comma-separated list; a name with a comma stands in quotes."""
    from strokejax.table.symbols import check_name

    try:
        names = next(csv.reader([text], skipinitialspace=True), [])
    except csv.Error as error:
        raise InputError(
            f"--symbols is not a list ({error}); write a,b,heart."
        ) from error
    if not names:
        raise InputError("--symbols names no symbol; give some, as in a,b,heart.")
    # A dict drops duplicates and keeps the order.
    return list(dict.fromkeys(map(check_name, names)))


# The work: counting, cleaning, merging.


def _samples(
    collection: "Collection", contents: "Contents", symbols: Iterable[str] | None
) -> dict[str, int]:
    """Good samples of each symbol, in the order of the 63 strokes, others behind."""
    from strokejax.data.collection import symbols_to_collect

    order = symbols_to_collect(collection)
    if symbols is not None:
        place = {symbol: i for i, symbol in enumerate(order)}
        # The sort is stable: unknown symbols come last, as the option lists them.
        order = sorted(symbols, key=lambda symbol: place.get(symbol, len(place)))
    return {symbol: len(contents.good.get(symbol, ())) for symbol in order}


def _clean(collection: "Collection", contents: "Contents") -> dict[str, Any]:
    from strokejax.data.collection import clean

    moved = clean(collection, contents.problems)
    errors = [error for _, error in contents.problems]
    rows = _moves(collection.root, collection.root, moved)
    return {
        "moved": [
            row | {"error": error} for row, error in zip(rows, errors, strict=True)
        ]
    }


def _merge(
    collection: "Collection", contents: "Contents", folder: str
) -> dict[str, Any]:
    from strokejax.data.collection import find, merge

    other = find(folder)
    if not other.trials and not other.misplaced:
        raise InputError(f"{folder} has no drawings; name a folder that has some.")
    copied, known, left_out = merge(collection, contents.hashes, other)
    return {
        "copied": _moves(other.root, collection.root, copied),
        "known": known,
        "left_out": _problems(other, left_out),
    }


def _moves(old: Path, new: Path, moved: Iterable["Moved"]) -> list[dict[str, str]]:
    return [
        {"file": str(path.relative_to(old)), "to": str(to.relative_to(new))}
        for path, to in moved
    ]


def _problems(
    collection: "Collection", problems: Iterable["Problem"]
) -> list[dict[str, str]]:
    return [
        {"file": str(path.relative_to(collection.root)), "error": error}
        for path, error in problems
    ]


# Text for people.


def _print(text: str) -> None:
    """Prints a line; bytes of file names that are not Unicode are escaped."""
    sys.stdout.write(text.encode("utf-8", "backslashreplace").decode() + "\n")


def _print_changes(line: dict[str, Any], args: argparse.Namespace) -> None:
    for row in line.get("moved", ()):
        _print(f"{row['file']} -> {row['to']}: {row['error']}")
    for row in line.get("copied", ()):
        _print(f"{row['file']} -> {row['to']}")
    for row in line.get("left_out", ()):
        _print(f"left out: {row['error']}")
    if args.clean:
        _print(f"{len(line['moved'])} files moved to .rejected")
    if args.merge:
        _print(f"{len(line['copied'])} copied, {line['known']} were there already")


def _print_problems(line: dict[str, Any], args: argparse.Namespace) -> None:
    """The problems and, except for --check, the table of samples."""
    for row in line["problems"]:
        _print(row["error"])
    if args.check:
        _print(f"{len(line['problems'])} problems")
        return
    width = max(6, *(len(row["name"]) for row in line["symbols"]))
    _print(f"{'symbol':<{width}}  samples  missing")
    for row in line["symbols"]:
        missing = max(args.target - row["samples"], 0)
        cells = f"{row['name']:<{width}}  {row['samples']:7}  {missing or '':>7}"
        _print(cells.rstrip())
    names, rest = line["next"][:SHOWN], len(line["next"]) - SHOWN
    if not names:
        _print(f"every symbol has {args.target} samples or more")
        return
    tail = f" and {rest} more" if rest > 0 else ""
    _print(f"draw next: {' '.join(names)}{tail}")


VERBS = (Verb("collect", TEXT, options, run, model=False),)
