"""strokejax fonts: names fonts in pictures, and indexes fonts from their files."""

import argparse
import json
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from strokejax.arguments import Verb, importing, rate, whole_number
from strokejax.types import InputError

TEXT = "Name the font of a picture, and index fonts from files, without training."
INDEX = "Add every font file below the folders to the index, one row for each face."
IDENTIFY = """\
Name the nearest fonts of each picture, line by line, or say that they are unknown.

For a font file, name the fonts that are most like it.
"""
MAKE = """\
Draw pictures of text in a folder's fonts, to look at and to train on.

Writes labels.tsv (file, family, style) beside them, for `strokejax evaluate`.
"""
MAX_COUNT = 1_000_000


# fonts index


def _index_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("files", nargs="*", metavar="DIR")
    parser.add_argument(
        "--system", action="store_true", help="index the fonts installed on this system"
    )
    parser.add_argument(
        "--fresh", action="store_true", help="empty the index before adding fonts"
    )


def _index(args: argparse.Namespace) -> int:
    from strokejax.search.character_model import load_words
    from strokejax.tasks.fonts.faces import system_folders
    from strokejax.train.logging import progress

    places = [*args.files, *(system_folders() if args.system else ())]
    if not places:
        raise InputError(
            "`strokejax fonts index` takes folders, or --system for installed fonts "
            "(there may be none: on Debian, apt-get install fonts-dejavu)."
        )
    with importing():
        from strokejax.tasks.fonts.index import index_fonts
    result = index_fonts(
        args.model, places, load_words("en"), fresh=args.fresh, progress=progress
    )
    if args.json:
        print(json.dumps(result._asdict(), ensure_ascii=False))
        return 0
    _warn(result.refused.values())
    left_out = f", {len(result.refused):,} left out" if result.refused else ""
    print(
        f"{len(result.fonts):,} fonts indexed{left_out}; the index has {result.total:,}"
    )
    return 0


def _warn(sentences: Iterable[str]) -> None:
    for sentence in sentences:
        print(f"strokejax: {sentence}", file=sys.stderr)


# fonts identify


def _identify_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("files", nargs="+", metavar="IMAGE_OR_FONT")
    parser.add_argument(
        "-k", type=int, default=5, help="number of fonts to name (default: 5)"
    )
    parser.add_argument(
        "--false-accepts",
        type=rate,
        metavar="RATE",
        help="false-accept rate on fonts outside the index, like 1/20 (default: a "
        "threshold that accepts 95 in 100 pictures of each indexed font)",
    )
    parser.add_argument(
        "--draw",
        metavar="FILE.png",
        help="write a picture of each file and below it the answers, each drawn in its "
        "own font",
    )


def _identify(args: argparse.Namespace) -> int:
    with importing():
        from strokejax.tasks.fonts.answers import identify_file, load_finder
    finder = load_finder(args.model, args.false_accepts, fast=False)
    results: list[dict[str, Any]] = []
    for file in args.files:
        # A bad file costs its own answer only; the exit code tells of it.
        try:
            results.append({"file": file} | identify_file(finder, file, args.k))
        except InputError as error:
            results.append({"file": file, "error": str(error)})
    if args.draw:
        from strokejax.tasks.fonts.sheet import save_sheet

        save_sheet(args.draw, results, finder)
    if args.json:
        print(json.dumps({"results": results}, ensure_ascii=False))
    else:
        for result in results:
            _print_result(result)
    return 2 if any("error" in result for result in results) else 0


def _print_result(result: dict[str, Any]) -> None:
    if "error" in result:
        _warn([result["error"]])
        return
    unknown = f": unknown ({result['reason']})" if result["unknown"] else ""
    print(f"{result['file']}{unknown}")
    for name, dist2, share in _rows(result):
        print(f"  {name:<32}{100 * share:5.1f} %  dist2 {dist2:.3f}")
    # Lines in the prevailing font would only repeat the answer above.
    others = [
        region
        for region in result["regions"]
        if region["symbols"][:1] != result["symbols"][:1]
    ]
    for region in others:
        name, dist2, share = next(_rows(region))
        prefix = "unknown, near " if region["unknown"] else ""
        print(f"    at {region['box']}: {prefix}{name} {100 * share:.0f} %")


def _rows(result: dict[str, Any]) -> Iterator[tuple[str, float, float]]:
    rows = result["symbols"], result["dist2"], result["probability"]
    return zip(*rows, strict=True)


# fonts make


def _make_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", metavar="DIR", help="a folder of fonts")
    parser.add_argument(
        "--out", required=True, metavar="DIR", help="a new folder for the pictures"
    )
    parser.add_argument(
        "--count",
        type=whole_number(1, MAX_COUNT),
        default=10,
        help="pictures of each face (10)",
    )
    parser.add_argument(
        "--split",
        choices=("train", "test"),
        default="test",
        help="words that training shows, or words that it never shows (test)",
    )
    parser.add_argument(
        "--rasteriser",
        choices=("freetype", "chromium"),
        default="freetype",
        help="the program that draws the text (freetype)",
    )
    parser.add_argument("--plain", action="store_true", help="no augmentation")
    parser.add_argument("--seed", type=whole_number(0, 2**31), default=0)


def _make(args: argparse.Namespace) -> int:
    from strokejax.search.character_model import load_words
    from strokejax.tasks.fonts.make import LABELS, write_pictures
    from strokejax.train.logging import progress

    count, refused = write_pictures(
        Path(args.out),
        Path(args.folder),
        load_words("en"),
        count=args.count,
        split=args.split,
        seed=args.seed,
        plain=args.plain,
        rasteriser=args.rasteriser,
        progress=progress,
    )
    labels = str(Path(args.out) / LABELS)
    if args.json:
        result = {"file": labels, "pictures": count, "refused": refused}
        print(json.dumps(result, ensure_ascii=False))
    else:
        _warn(refused.values())
        print(f"{count:,} pictures in {args.out}; their fonts are in {labels}")
    return 0


# evaluate labels.tsv


def evaluate_options(parser: Any) -> None:
    """Adds no options: scoring pictures of text has none of its own."""


def evaluate(args: argparse.Namespace) -> dict[str, Any]:
    """Scores of the pictures of all tables; unusable ones are reported and counted."""
    from strokejax.data.texts import read_tsv
    from strokejax.pictures.images import read_picture
    from strokejax.tasks.fonts.answers import load_finder
    from strokejax.tasks.fonts.make import FIELDS
    from strokejax.tasks.fonts.scores import scores
    from strokejax.train.logging import progress

    finder = load_finder(args.model)
    rows = [
        (f"{path}, line {number}", path.parent / file, family)
        for path in map(Path, args.data)
        for number, (file, family, _) in enumerate(read_tsv(path, FIELDS), 1)
    ]
    z, families, failed = [], [], 0
    for where, file, family in progress(iter(rows), len(rows), "pictures"):
        try:
            picture = read_picture(file)
            identification = finder.identify(picture, 1, f"{where}: {file.name}")
        except InputError as error:
            failed += 1
            _warn([f"{where}: {error}"])
            continue
        z.append(identification.z)
        families.append(family)
    if not z:
        raise InputError(
            f"None of {failed:,} pictures can be used; the messages above say why."
        )
    return scores(finder, z, families) | {"failed": failed}


def show_scores(result: dict[str, Any]) -> None:
    """Prints scores for people."""
    print(f"{result['n']:,} pictures of families in the index")
    if result["n"]:
        low, high = result["interval95"]
        print(f"  top-1  {result['top1']:.4f}  [{low:.4f}, {high:.4f}] over families")
        for name in ("top3", "top5", "map", "kept"):
            print(f"  {name:<6} {result[name]:.4f}")
    unknown = result["unknown"]
    if unknown["n"]:
        print(f"{unknown['n']:,} pictures of families outside the index")
        print(f"  refused as unknown {unknown['refused']:.4f}")
        if "auroc" in unknown:
            print(f"  AUROC {unknown['auroc']:.4f}")


VERBS = (
    Verb(
        "fonts",
        TEXT,
        verbs=(
            Verb("index", INDEX, _index_options, _index),
            Verb("identify", IDENTIFY, _identify_options, _identify),
            Verb("make", MAKE, _make_options, _make, model=False),
        ),
    ),
)
