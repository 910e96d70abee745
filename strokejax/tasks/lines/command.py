"""strokejax lines: read pictures of lines, write synthetic ones; and score readers."""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from strokejax.arguments import Verb, importing, whole_number
from strokejax.types import InputError

TEXT = "Read pictures of lines of handwriting, or write synthetic ones."
READ = """\
Print the text of each picture; --json adds the place of each character.

A model of single symbols (--model) reads lines as well, registered symbols included,
where blank columns separate the symbols.
"""
MAKE = """\
Write a file's words as pictures in many hands, to look at or to train on.

The table lines.tsv (file, group, text) beside them is for `strokejax evaluate`.
"""
MAX_LINES = 1_000_000


# strokejax lines read


def _read_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "images", nargs="+", metavar="IMAGE", help="pictures of one line each"
    )
    evaluate_options(parser)


def evaluate_options(parser: Any) -> None:
    """The options of the language model, for reading and for scoring."""
    either = parser.add_mutually_exclusive_group()
    either.add_argument(
        "--language",
        metavar="NAME",
        help="prefer the words of a language: en, or a file of words and frequencies",
    )
    either.add_argument(
        "--lexicon",
        metavar="FILE",
        help="read the words of this file alone, one a line, with or without "
        "frequencies",
    )


def _read(args: argparse.Namespace) -> int:
    # Imported here: `strokejax --help` loads neither jax nor numpy.
    from strokejax.pictures.images import read_image

    with importing():
        from strokejax.tasks.lines.reader import load_language, load_reader
    reader = load_reader(args.model)
    language = load_language(reader, args.language, args.lexicon)
    results: list[dict[str, Any]] = []
    lines, readable = [], []
    for file in args.images:
        results.append({"file": file})
        try:
            lines.append(reader.prepare(read_image(file), file))
            readable.append(results[-1])
        except InputError as error:
            results[-1]["error"] = str(error)
    for result, reading in zip(readable, reader.read(lines, language), strict=True):
        result |= {"text": reading.text, "confidence": reading.confidence}
        result["characters"] = [
            {"char": c.char, "confidence": c.confidence, "x0": c.x0, "x1": c.x1}
            for c in reading.characters
        ]
    if args.json:
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


# strokejax lines make


def _make_options(parser: argparse.ArgumentParser) -> None:
    number = whole_number
    parser.add_argument(
        "--text", required=True, metavar="FILE", help="text to write, in UTF-8"
    )
    parser.add_argument(
        "--out", required=True, metavar="DIR", help="a new folder for the pictures"
    )
    parser.add_argument(
        "--overlap",
        default="0:0.33",
        metavar="LOW:HIGH",
        help="overlap of neighbouring characters, as shares of a cell (0:0.33)",
    )
    parser.add_argument(
        "--count", type=number(1, MAX_LINES), default=100, help="lines to write (100)"
    )
    parser.add_argument(
        "--glyphs",
        default="built-in",
        metavar="NAME",
        help="source of the characters: built-in, or from $STROKEJAX_DATA unipen, "
        "emnist, mnist (built-in)",
    )
    parser.add_argument(
        "--length",
        type=number(3, 96),
        default=30,
        help="characters a line, at most (30)",
    )
    parser.add_argument(
        "--seed", type=number(0, 2**31), default=0, help="random seed (0)"
    )


def _make(args: argparse.Namespace) -> int:
    from strokejax.data.texts import read_texts
    from strokejax.tasks.lines.data import TABLE, write_lines
    from strokejax.tasks.lines.sources import (
        load_glyphs,
        parse_overlap,
        synthetic_lines,
    )

    lines = synthetic_lines(
        load_glyphs(args.glyphs, "train"),
        read_texts(Path(args.text)),
        overlap=parse_overlap(args.overlap, "--overlap"),
        length=args.length,
        seed=args.seed,
    )
    folder = Path(args.out)
    count = write_lines(folder, lines, args.count)
    result = {"file": str(folder / TABLE), "lines": count}
    if args.json:
        print(json.dumps(result, ensure_ascii=False))
    else:
        print(f"{count:,} lines in {folder}; their texts are in {result['file']}")
    return 0


# strokejax evaluate lines.tsv


def evaluate(args: argparse.Namespace) -> dict[str, Any]:
    """`line_scores` over the lines of all tables, and "failed".

    Unreadable lines are reported on stderr, counted as failed and left out of the
    scores. InputError where none is readable.
    """
    from strokejax.data.texts import read_tsv
    from strokejax.pictures.images import read_image
    from strokejax.tasks.lines.reader import load_language, load_reader
    from strokejax.tasks.lines.scores import line_scores

    reader = load_reader(args.model)
    language = load_language(reader, args.language, args.lexicon)
    images, texts, groups, failed = [], [], [], 0
    for path in map(Path, args.data):
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
            if warning := alphabet_warning(texts[-1], reader.alphabet):
                print(f"strokejax: {where}: {warning}", file=sys.stderr)
    if not images:
        raise InputError(f"None of {failed:,} lines is readable; see the errors above.")
    readings = [reading.text for reading in reader.read(images, language)]
    return line_scores(readings, texts, groups) | {"failed": failed}


def alphabet_warning(text: str, alphabet: tuple[str, ...]) -> str:
    """A sentence on the characters outside a model's alphabet, or an empty string."""
    missing = [(i, c) for i, c in enumerate(text, 1) if c not in alphabet]
    if not missing:
        return ""
    listed = ", ".join(f"{c!r} at {i}" for i, c in missing[:5])
    more = f" and {len(missing) - 5} more" if len(missing) > 5 else ""
    return (
        f"the model's alphabet lacks {listed}{more}; they count as errors, unless you "
        f"train a model on lines that contain them."
    )


def show_scores(scores: dict[str, Any]) -> None:
    """Print the scores for people."""
    low, high = scores["interval95"]
    print(f"{scores['n']:,} lines")
    print(
        f"  character errors  {scores['cer']:.4f}  [{low:.4f}, {high:.4f}] over groups"
    )
    print(f"  without case      {scores['cer_lower_case']:.4f}")
    print(f"  word errors       {scores['wer']:.4f}")
    print(f"  without an error  {scores['exact']:.4f} of the lines")


VERBS = (
    Verb(
        "lines",
        TEXT,
        verbs=(
            Verb("read", READ, _read_options, _read),
            Verb("make", MAKE, _make_options, _make, model=False),
        ),
    ),
)
