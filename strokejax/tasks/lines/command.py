"""strokejax lines: write lines of handwriting, read pictures of lines."""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from strokejax.arguments import importing
from strokejax.types import InputError

TEXT = """\
Read pictures of lines of handwriting, or write such lines to look at and to train on.

verbs:
  read IMAGE...                  the text of each picture, and where each character is
  make --text FILE --out DIR     pictures of the file's words in many hands, and
                                 lines.tsv (file, group, text) for `strokejax evaluate`

A model of single symbols (--model) reads lines as well, symbol by symbol where blank
columns part them: what you registered, too.
"""
USUAL_COUNT, MOST = 100, 1_000_000


def options(parser: argparse.ArgumentParser) -> None:
    """What the command takes."""
    parser.add_argument("what", metavar="VERB", choices=["read", "make"])
    parser.add_argument("images", nargs="*", metavar="IMAGE")
    guides(parser.add_argument_group("read"))
    make = parser.add_argument_group("make")
    make.add_argument("--text", metavar="FILE", help="words to write, in UTF-8")
    make.add_argument("--out", metavar="DIR", help="a new folder for the pictures")
    make.add_argument(
        "--overlap",
        default="0:0.33",
        metavar="LOW:HIGH",
        help="of neighbouring characters, a share of their cells (0:0.33)",
    )
    make.add_argument(
        "--count", type=int, default=USUAL_COUNT, help=f"how many ({USUAL_COUNT})"
    )
    make.add_argument(
        "--glyphs",
        default="built-in",
        metavar="NAME",
        help="whose characters: built-in, or of $STROKEJAX_DATA unipen, emnist, mnist "
        "(built-in)",
    )
    make.add_argument("--length", type=int, default=30, help="characters a line (30)")
    make.add_argument("--seed", type=int, default=0)


def guides(parser: Any) -> None:
    """What says how texts look."""
    either = parser.add_mutually_exclusive_group()
    either.add_argument(
        "--language",
        metavar="NAME",
        help="prefer what the words of a language look like: en, or a file of words "
        "and frequencies",
    )
    either.add_argument(
        "--lexicon",
        metavar="FILE",
        help="read no other words than the file's, a line each, with or without how "
        "often they occur",
    )


def run(given: argparse.Namespace) -> int:
    """Reads or writes; 2 if a file could not be used."""
    return _make(given) if given.what == "make" else _read(given)


def _make(given: argparse.Namespace) -> int:
    if given.images or not (given.text and given.out):
        raise InputError(
            "`strokejax lines make` takes --text FILE and --out DIR and nothing else "
            "without a name; see `strokejax lines --help`."
        )
    for name, low, high in (("count", 1, MOST), ("length", 3, 96), ("seed", 0, 2**31)):
        if not low <= (value := getattr(given, name)) <= high:
            raise InputError(f"--{name} is {value:,}; give {low:,} to {high:,}.")
    from strokejax.data.texts import read_texts
    from strokejax.tasks.lines.data import write_lines
    from strokejax.tasks.lines.sources import glyphs_of, lines_by, overlap_of

    lines = lines_by(
        glyphs_of(given.glyphs, "train"),
        read_texts(Path(given.text)),
        overlap=overlap_of(given.overlap, "--overlap"),
        length=given.length,
        seed=given.seed,
    )
    folder = Path(given.out)
    done = write_lines(folder, lines, given.count)
    found = {"file": str(folder / "lines.tsv"), "lines": done}
    if given.json:
        print(json.dumps(found, ensure_ascii=False))
    else:
        print(f"{done:,} lines in {folder}; what they say is in {found['file']}")
    return 0


def _read(given: argparse.Namespace) -> int:
    if not given.images:
        raise InputError("`strokejax lines read` takes pictures; name one or more.")
    from strokejax.pictures.images import read_image

    with importing():
        from strokejax.tasks.lines.reader import guide_of, load_reader
    reader = load_reader(given.model)
    guide = guide_of(reader, given.language, given.lexicon)
    results: list[dict[str, Any]] = []
    lines, places = [], []
    for file in given.images:
        results.append({"file": file})
        try:
            lines.append(reader.prepare(read_image(file), file))
            places.append(results[-1])
        except InputError as error:
            results[-1]["error"] = str(error)
    for result, reading in zip(places, reader.read(lines, guide), strict=True):
        result |= {"text": reading.text, "confidence": reading.confidence}
        result["characters"] = [
            {"char": c.char, "confidence": c.confidence, "x0": c.x0, "x1": c.x1}
            for c in reading.characters
        ]
    if given.json:
        print(json.dumps({"results": results}, ensure_ascii=False))
    else:
        for result in results:
            _print(result, len(results) > 1)
    return 2 if any("error" in result for result in results) else 0


def _print(result: dict[str, Any], named: bool) -> None:
    if "error" in result:
        print(f"strokejax: {result['error']}", file=sys.stderr)
        return
    name = f"{result['file']}  " if named else ""
    print(f"{name}{result['text']}  ({100 * result['confidence']:.0f} %)")


# How good a reader is on lines.tsv: errors of characters and words.


def line_scores(given: argparse.Namespace) -> dict[str, Any]:
    """Scores of all tables' lines; what cannot be read is told and left out."""
    from strokejax.pictures.images import read_image
    from strokejax.tasks.lines.data import read_tsv
    from strokejax.tasks.lines.reader import guide_of, load_reader
    from strokejax.tasks.lines.scores import line_scores as scores

    reader = load_reader(given.model)
    guide = guide_of(reader, given.language, given.lexicon)
    images, texts, groups, failed = [], [], [], 0
    for path in map(Path, given.data):
        for number, (file, group, text) in enumerate(read_tsv(path), 1):
            where = f"{path}, line {number}"
            try:
                picture = read_image(path.parent / file)
                images.append(reader.prepare(picture, f"{where}: {file}"))
            except InputError as error:
                failed += 1
                print(f"strokejax: {where}: {error}", file=sys.stderr)
                continue
            texts.append(" ".join(text.split()))
            groups.append(group)
            if strange := outside(texts[-1], reader.alphabet):
                print(f"strokejax: {where}: {strange}", file=sys.stderr)
    if not images:
        raise InputError(f"None of {failed:,} lines can be read; see above.")
    read = [each.text for each in reader.read(images, guide)]
    return scores(read, texts, groups) | {"failed": failed}


def outside(text: str, alphabet: tuple[str, ...]) -> str:
    """A sentence on characters that a model cannot read, with their positions."""
    found = [(i, c) for i, c in enumerate(text, 1) if c not in alphabet]
    if not found:
        return ""
    listed = ", ".join(f"{c!r} at {i}" for i, c in found[:5])
    more = f" and {len(found) - 5} more" if len(found) > 5 else ""
    return (
        f"the model's alphabet lacks {listed}{more}; they count as errors, or train a "
        f"model on lines that have them."
    )


def show(found: dict[str, Any]) -> None:
    """The scores for people."""
    low, high = found["interval95"]
    print(f"{found['n']:,} lines")
    print(
        f"  character errors  {found['cer']:.4f}  [{low:.4f}, {high:.4f}] over groups"
    )
    print(f"  without case      {found['cer_lower_case']:.4f}")
    print(f"  word errors       {found['wer']:.4f}")
    print(f"  without an error  {found['exact']:.4f} of the lines")
