"""strokejax fonts: which font a picture is set in, and fonts from files."""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from strokejax.arguments import importing
from strokejax.tasks.symbols.command import rate
from strokejax.types import InputError

TEXT = """\
Name the font of a picture, and index fonts from their files, without training.

verbs:
  index DIR... | --system     every .ttf and .otf below becomes a row of the index
  identify IMAGE|FONT...      the nearest fonts of each picture, line by line, or none;
                              of a font file the fonts that are near it
  make DIR --out DIR          pictures of text in a folder's fonts, and labels.tsv
                              (file, family, style) for `strokejax evaluate`
"""
MOST = 1_000_000


def options(parser: argparse.ArgumentParser) -> None:
    """What the command takes."""
    parser.add_argument("what", metavar="VERB", choices=["index", "identify", "make"])
    parser.add_argument("files", nargs="*", metavar="FILE_OR_FOLDER")
    index = parser.add_argument_group("index")
    index.add_argument(
        "--system", action="store_true", help="the fonts that this system has installed"
    )
    index.add_argument(
        "--fresh", action="store_true", help="forget what the index held before"
    )
    identify = parser.add_argument_group("identify")
    identify.add_argument(
        "-k", type=int, default=5, help="how many fonts to name (default: 5)"
    )
    identify.add_argument(
        "--false-accepts",
        type=rate,
        metavar="RATE",
        help="share of fonts of no one that may be named instead of being unknown, "
        "like 1/20 (default: unknown is what 95 in 100 pictures of the nearest font "
        "are nearer than)",
    )
    identify.add_argument(
        "--draw",
        metavar="FILE.png",
        help="write a picture: each of the files, and below it the answers, each in "
        "its own font",
    )
    make = parser.add_argument_group("make")
    make.add_argument("--out", metavar="DIR", help="a new folder for the pictures")
    make.add_argument("--count", type=int, default=10, help="pictures a font (10)")
    make.add_argument(
        "--split",
        choices=("train", "test"),
        default="test",
        help="words that training shows, or those that it never does (test)",
    )
    make.add_argument(
        "--rasteriser",
        choices=("freetype", "chromium"),
        default="freetype",
        help="what draws the text (freetype)",
    )
    make.add_argument("--plain", action="store_true", help="sharp, without wear")
    make.add_argument("--seed", type=int, default=0)


def run(given: argparse.Namespace) -> int:
    """Indexes, identifies or makes; 2 if a file could not be used."""
    verbs = {"index": _index, "identify": _identify, "make": _make}
    return verbs[given.what](given)


def _index(given: argparse.Namespace) -> int:
    from strokejax.search.character_model import load_words
    from strokejax.tasks.fonts.faces import system_folders
    from strokejax.train.logging import progress

    places = [*given.files, *(system_folders() if given.system else ())]
    if not places:
        raise InputError(
            "`strokejax fonts index` takes folders, or --system for installed fonts "
            "(there may be none: on Debian, apt-get install fonts-dejavu)."
        )
    with importing():
        from strokejax.tasks.fonts.index import index_fonts
    found = index_fonts(
        given.model, places, load_words("en"), fresh=given.fresh, watch=progress
    )
    if given.json:
        print(json.dumps(found._asdict(), ensure_ascii=False))
    else:
        for why in found.refused.values():
            print(f"strokejax: {why}", file=sys.stderr)
        left = f", {len(found.refused):,} left out" if found.refused else ""
        print(
            f"{len(found.fonts):,} fonts indexed{left}; the index has {found.total:,}"
        )
    return 0


def _identify(given: argparse.Namespace) -> int:
    if not given.files:
        raise InputError(
            "`strokejax fonts identify` takes pictures or font files; name one or more."
        )
    with importing():
        from strokejax.tasks.fonts.answers import Asker, load_finder
    finder = load_finder(given.model, given.false_accepts, fast=False)
    asker = Asker(finder, given.k)
    results: list[dict[str, Any]] = []
    for file in given.files:
        try:
            results.append({"file": file} | asker.about(file))
        except InputError as error:
            results.append({"file": file, "error": str(error)})
    if given.draw:
        from strokejax.tasks.fonts.sheet import save_answers

        save_answers(given.draw, results, finder)
    if given.json:
        print(json.dumps({"results": results}, ensure_ascii=False))
    else:
        for result in results:
            _print(result)
    return 2 if any("error" in result for result in results) else 0


def _print(result: dict[str, Any]) -> None:
    if "error" in result:
        print(f"strokejax: {result['error']}", file=sys.stderr)
        return
    unknown = f": unknown ({result['reason']})" if result["unknown"] else ""
    print(f"{result['file']}{unknown}")
    for name, dist2, share in _rows(result):
        print(f"  {name:<32}{100 * share:5.1f} %  dist2 {dist2:.3f}")
    others = [
        region
        for region in result["regions"]
        if region["symbols"][:1] != result["symbols"][:1]
    ]
    for region in others:
        name, dist2, share = next(_rows(region))
        said = "unknown, near " if region["unknown"] else ""
        print(f"    at {region['box']}: {said}{name} {100 * share:.0f} %")


def _rows(result: dict[str, Any]):
    rows = result["symbols"], result["dist2"], result["probability"]
    return zip(*rows, strict=True)


def _make(given: argparse.Namespace) -> int:
    if len(given.files) != 1 or not given.out:
        raise InputError(
            "`strokejax fonts make` takes one folder of fonts and --out DIR; see "
            "`strokejax fonts --help`."
        )
    for name, low, high in (("count", 1, MOST), ("seed", 0, 2**31)):
        if not low <= (value := getattr(given, name)) <= high:
            raise InputError(f"--{name} is {value:,}; give {low:,} to {high:,}.")
    from strokejax.search.character_model import load_words
    from strokejax.tasks.fonts.make import write_pictures
    from strokejax.train.logging import progress

    done, refused = write_pictures(
        Path(given.out),
        Path(given.files[0]),
        load_words("en"),
        count=given.count,
        split=given.split,
        seed=given.seed,
        plain=given.plain,
        rasteriser=given.rasteriser,
        watch=progress,
    )
    labels = str(Path(given.out) / "labels.tsv")
    if given.json:
        found = {"file": labels, "pictures": done, "refused": refused}
        print(json.dumps(found, ensure_ascii=False))
    else:
        for why in refused.values():
            print(f"strokejax: {why}", file=sys.stderr)
        print(f"{done:,} pictures in {given.out}; their fonts are in {labels}")
    return 0


# How good an index is on labels.tsv: accuracies of families, and what it refuses.


def font_scores(given: argparse.Namespace) -> dict[str, Any]:
    """Scores of all tables' pictures; what cannot be used is told and left out."""
    from strokejax.pictures.images import read_picture
    from strokejax.tasks.fonts.answers import load_finder
    from strokejax.tasks.fonts.make import FIELDS
    from strokejax.tasks.fonts.scores import scores
    from strokejax.tasks.lines.data import read_tsv
    from strokejax.train.logging import progress

    finder = load_finder(given.model)
    rows = [
        (f"{path}, line {number}", path.parent / file, family)
        for path in map(Path, given.data)
        for number, (file, family, _) in enumerate(read_tsv(path, FIELDS), 1)
    ]
    z, families, failed = [], [], 0
    for where, file, family in progress(iter(rows), len(rows), "pictures"):
        try:
            found = finder.identify(read_picture(file), 1, f"{where}: {file.name}")
        except InputError as error:
            failed += 1
            print(f"strokejax: {where}: {error}", file=sys.stderr)
            continue
        z.append(found.z)
        families.append(family)
    if not z:
        raise InputError(f"None of {failed:,} pictures can be used; see above.")
    return scores(finder, z, families) | {"failed": failed}


def show(found: dict[str, Any]) -> None:
    """The scores for people."""
    print(f"{found['n']:,} pictures of fonts in the index")
    if found["n"]:
        low, high = found["interval95"]
        print(f"  top-1  {found['top1']:.4f}  [{low:.4f}, {high:.4f}] over families")
        for name in ("top3", "top5", "map", "kept"):
            print(f"  {name:<6} {found[name]:.4f}")
    if found["unknown"]["n"]:
        apart = found["unknown"]
        print(f"{apart['n']:,} pictures of families that are not")
        print(f"  said to be unknown {apart['refused']:.4f}")
        if "auroc" in apart:
            print(f"  AUROC {apart['auroc']:.4f}")
