"""strokejax collect: what to draw next in a collected folder, and its upkeep."""

import argparse
import csv
import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from strokejax.types import InputError

if TYPE_CHECKING:
    from strokejax.data.collection import Collection, Contents, Moved, Problem

SHOWN = 12
MAX_TARGET = 10_000

TEXT = """\
Say what to draw next in a collected folder, the symbols with fewest samples first.

folder:
  one subfolder a symbol (a, uA, d0, space, or any other name), in it files
  trial_*.csv (timestamp,velocity_x,velocity_y) or trial_*.json (strokes)
"""


def options(parser: argparse.ArgumentParser) -> None:
    """What the command takes."""
    parser.add_argument("folder", metavar="FOLDER")
    parser.add_argument(
        "--symbols",
        metavar="A,B,...",
        help="ask for these only (default: the 63 strokes and all in the folder)",
    )
    parser.add_argument(
        "--target",
        type=int,
        default=10,
        metavar="N",
        help="samples wanted of a symbol (default: 10)",
    )
    work = parser.add_mutually_exclusive_group()
    work.add_argument(
        "--check",
        action="store_true",
        help="name every damaged, blank, double or single-point file; exit 2 if any",
    )
    work.add_argument(
        "--clean",
        action="store_true",
        help="move those files to FOLDER/.rejected; nothing is deleted",
    )
    work.add_argument(
        "--merge",
        metavar="OTHER",
        help="copy in what another folder has beyond this one; exit 2 if it has files "
        "that cannot be read",
    )


def run(given: argparse.Namespace) -> int:
    """Prints what the folder holds; 2 if --check or --merge met a bad file."""
    from strokejax.data.collection import examine, find, to_draw

    if not 1 <= given.target <= MAX_TARGET:
        raise InputError(
            f"--target is {given.target}; ask for 1 to {MAX_TARGET:,} samples a symbol."
        )
    wanted = _symbols(given.symbols) if given.symbols is not None else None
    found = find(given.folder)
    contents = examine(found)
    if not (contents.good or contents.problems or given.merge):
        empty = (
            f"{given.folder} has no drawings yet; save each in the folder of its "
            f"symbol, as {Path(given.folder, 'a', 'trial_1.csv')}."
        )
        if given.check or given.clean:
            raise InputError(empty)
        print(f"strokejax: {empty}", file=sys.stderr)
    told: dict[str, Any] = {}
    if given.clean:
        told = _clean(found, contents)
    elif given.merge:
        told = _merge(found, contents, given.merge)
    if told.get("moved") or told.get("copied"):
        found = find(given.folder)
        contents = examine(found)
    samples = _samples(found, contents, wanted)
    line = {
        "folder": given.folder,
        "symbols": [{"name": s, "samples": n} for s, n in samples.items()],
        "next": to_draw(samples, given.target),
        "problems": _rows(found, contents.problems),
        **told,
    }
    if given.json:
        _say(json.dumps(line, ensure_ascii=False))
    else:
        _print(line, given)
    bad = line["problems"] if given.check else told.get("left_out")
    return 2 if bad else 0


def _symbols(text: str) -> list[str]:
    """The names of a comma-separated list; one that holds a comma stands in quotes."""
    from strokejax.table.symbols import check_name

    try:
        names = next(csv.reader([text], skipinitialspace=True), [])
    except csv.Error as error:
        raise InputError(f"--symbols is no list ({error}); write a,b,heart.") from error
    if not names:
        raise InputError("--symbols names no symbol; give some, as in a,b,heart.")
    return list(dict.fromkeys(map(check_name, names)))


def _samples(
    found: "Collection", contents: "Contents", wanted: Iterable[str] | None
) -> dict[str, int]:
    from strokejax.data.collection import asked_for

    order = asked_for(found)
    if wanted is not None:
        place = {symbol: i for i, symbol in enumerate(order)}
        order = sorted(wanted, key=lambda symbol: place.get(symbol, len(place)))
    return {symbol: len(contents.good.get(symbol, ())) for symbol in order}


def _clean(found: "Collection", contents: "Contents") -> dict[str, Any]:
    from strokejax.data.collection import clean

    moved = clean(found, contents.problems)
    why = [error for _, error in contents.problems]
    rows = _moves(found.root, found.root, moved)
    return {"moved": [row | {"error": e} for row, e in zip(rows, why, strict=True)]}


def _merge(found: "Collection", contents: "Contents", folder: str) -> dict[str, Any]:
    from strokejax.data.collection import find, merge

    other = find(folder)
    if not other.trials and not other.astray:
        raise InputError(f"{folder} has no drawings; name a folder that has some.")
    copied, known, left_out = merge(found, contents.hashes, other)
    return {
        "copied": _moves(other.root, found.root, copied),
        "known": known,
        "left_out": _rows(other, left_out),
    }


def _moves(old: Path, new: Path, moved: Iterable["Moved"]) -> list[dict[str, str]]:
    return [
        {"file": str(path.relative_to(old)), "to": str(to.relative_to(new))}
        for path, to in moved
    ]


def _rows(found: "Collection", problems: Iterable["Problem"]) -> list[dict[str, str]]:
    return [
        {"file": str(path.relative_to(found.root)), "error": error}
        for path, error in problems
    ]


def _say(text: str) -> None:
    """Prints a line; file names need not be Unicode, and are shown escaped then."""
    sys.stdout.write(text.encode("utf-8", "backslashreplace").decode() + "\n")


def _print(line: dict[str, Any], given: argparse.Namespace) -> None:
    for row in line.get("moved", ()):
        _say(f"{row['file']} -> {row['to']}: {row['error']}")
    for row in line.get("copied", ()):
        _say(f"{row['file']} -> {row['to']}")
    for row in line.get("left_out", ()):
        _say(f"left out: {row['error']}")
    if given.clean:
        _say(f"{len(line['moved'])} files moved to .rejected")
    if given.merge:
        _say(f"{len(line['copied'])} copied, {line['known']} were there already")
    for row in line["problems"]:
        _say(row["error"])
    if given.check:
        _say(f"{len(line['problems'])} problems")
        return
    width = max(6, *(len(row["name"]) for row in line["symbols"]))
    _say(f"{'symbol':<{width}}  samples  missing")
    for row in line["symbols"]:
        missing = max(given.target - row["samples"], 0)
        _say(f"{row['name']:<{width}}  {row['samples']:7}  {missing or '':>7}".rstrip())
    ask, more = line["next"][:SHOWN], len(line["next"]) - SHOWN
    if not ask:
        _say(f"every symbol has {given.target} samples or more")
        return
    tail = f" and {more} more" if more > 0 else ""
    _say(f"draw next: {' '.join(ask)}{tail}")
