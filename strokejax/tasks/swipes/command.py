"""strokejax swipe: types words from swipes, and makes swipes of words."""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from strokejax.arguments import Verb, importing, whole_number
from strokejax.types import InputError

ABOUT = "Type words from swipes over a keyboard of any layout."
FORMAT = """
A swipe is a line {"word": ..., "curve": {"x": [...], "y": [...], "t": [...]}} in pixels
and milliseconds; a curve may give the "width" and "height" of its keyboard. Layouts are
qwerty, azerty, qwertz, dvorak, russian, or JSON files (width, height, keys with label
and hitbox; FILE:NAME picks one of several). Words are `en`, `wordfreq:LANGUAGE`, or a
file with a word and its frequency a line.
"""
TYPE = "Type the word of each swipe, the best guesses first.\n" + FORMAT
MAKE = "Make synthetic swipes, to look at and to train on.\n" + FORMAT
COMBINE = "Combine predictions (type --table FILE) of several models or machines."
MAX_COUNT = 1_000_000


# Options.


def _layout_options(parser: Any) -> None:
    parser.add_argument(
        "--layout",
        default="qwerty",
        metavar="NAME_OR_FILE",
        help="the keyboard's layout (qwerty)",
    )
    parser.add_argument(
        "--words", default="en", metavar="FILE", help="the words to choose from (en)"
    )


def evaluate_options(parser: Any) -> None:
    """Options of typing, which scoring takes too."""
    _layout_options(parser)
    parser.add_argument("--block", metavar="FILE", help="words that are never typed")
    parser.add_argument("--beam", type=int, default=24, help="beam width (24)")
    parser.add_argument(
        "--decoder",
        default="",
        metavar="NAME=VALUE,...",
        help="settings of the search: exponent (of the length that divides the "
        "evidence), min_probability (of a letter), mask (before or after the softmax); "
        "weights: frequency (of a word), location_weight and dtw_weight (distances "
        "from the word's path), edits (from the text read without a lexicon)",
    )
    parser.add_argument(
        "--keyboard",
        choices=["estimate", "given"],
        default="estimate",
        help="scale and place of the keyboard: estimated from all swipes, or as the "
        "layout gives them (estimate)",
    )


def _type_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE.jsonl")
    evaluate_options(parser)
    parser.add_argument(
        "--attention",
        metavar="DIR",
        help="write pictures of each letter's attention weights",
    )
    parser.add_argument(
        "--table", metavar="FILE", help="write the predictions for combine"
    )
    parser.add_argument(
        "--part",
        default="1/1",
        metavar="K/N",
        help="type the Kth of N equal parts of the file alone; combine joins the parts",
    )


def _make_options(parser: argparse.ArgumentParser) -> None:
    _layout_options(parser)
    parser.add_argument(
        "--out", required=True, metavar="FILE", help="the new file of swipes"
    )
    parser.add_argument(
        "--count",
        type=whole_number(1, MAX_COUNT),
        default=100,
        help="number of swipes (100)",
    )
    parser.add_argument("--seed", type=whole_number(0, 2**31 - 1), default=0)


def _combine_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("files", nargs="+", metavar="TABLE")
    parser.add_argument(
        "--fit",
        metavar="FILE",
        help="labelled swipes, on whose tables the weights are fitted",
    )
    parser.add_argument(
        "--by",
        choices=["weighted", "append"],
        default="weighted",
        help="rank by the mean of probabilities, or append the words that only later "
        "tables have (weighted)",
    )


# Keyboards.


def open_keyboard(args: argparse.Namespace) -> Any:
    """The keyboard of the options; words that it cannot write are counted on stderr."""
    with importing():
        from strokejax.search.character_model import load_blocked
        from strokejax.tasks.swipes import keyboard as keyboards
        from strokejax.tasks.swipes.decode import decoder_of
    blocked = load_blocked(args.block) if args.block else []
    keyboard = keyboards.open_keyboard(
        args.model,
        args.layout,
        args.words,
        blocked=blocked,
        decoder=decoder_of(args.beam, args.decoder),
    )
    left_out = keyboard.typist.lexicon.left_out
    if left_out:
        print(
            f"strokejax: {len(left_out):,} of {len(keyboard.words):,} words cannot be "
            f"written on {keyboard.typist.keys.name} and are left out: "
            f"{', '.join(left_out[:3])}{', ...' if len(left_out) > 3 else ''}",
            file=sys.stderr,
        )
    return keyboard


def placement_of(args: argparse.Namespace, keyboard: Any, swipes: Any) -> Any:
    """The keyboard's placement; an estimate is printed on stderr."""
    from strokejax.tasks.swipes.data import Swipe
    from strokejax.tasks.swipes.keyboard import estimate_placement
    from strokejax.tasks.swipes.layouts import unchanged

    if args.keyboard == "given":
        return unchanged(keyboard.typist.keys)
    valid = [swipe for swipe in swipes if isinstance(swipe, Swipe)]
    placement = estimate_placement(keyboard, valid)
    (width, height), (right, down) = placement.scale, placement.shift
    print(
        f"strokejax: the keyboard seems {width:.2f} times as wide and {height:.2f} "
        f"times as high as {keyboard.typist.keys.name}, with its centre moved by "
        f"{right:+.0f} and {down:+.0f} pixels (--keyboard given trusts the layout)",
        file=sys.stderr,
    )
    return placement


# swipe type.


def _type(args: argparse.Namespace) -> int:
    from strokejax.tasks.swipes.data import read_swipes

    # Before the model is loaded, so that a bad file is refused at once.
    swipes = read_swipes(args.file)
    keyboard = open_keyboard(args)
    from strokejax.tasks.swipes.keyboard import type_swipes

    # The placement is estimated from the whole file, so that all parts share it.
    placement = placement_of(args, keyboard, swipes)
    part, results = _part(args.part, len(swipes)), []
    swipes = [swipes[i] for i in part]
    typed = type_swipes(keyboard, swipes, placement=placement, first=part.start)
    for i, guesses in zip(part, typed, strict=True):
        if isinstance(guesses, InputError):
            results.append({"index": i, "error": str(guesses)})
            continue
        words = [guess.word for guess in guesses]
        scores = [round(guess.score, 4) for guess in guesses]
        results.append({"index": i, "words": words, "scores": scores})
    if args.attention:
        from strokejax.tasks.swipes.report import write_attention

        folder = Path(args.attention)
        write_attention(folder, keyboard, swipes, typed, placement, part.start)
    if args.table:
        _write_table(args, keyboard, results)
    return _print_results(args, results)


def _part(text: str, count: int) -> range:
    """Indices of part "K/N" of `count` swipes."""
    k, _, n = text.partition("/")
    if not (k.isdecimal() and n.isdecimal() and 1 <= int(k) <= int(n) <= count):
        raise InputError(
            f"--part is {text!r} of {count:,} swipes; write K/N, like 2/4, with at "
            f"least one swipe a part."
        )
    return range(count * (int(k) - 1) // int(n), count * int(k) // int(n))


def _write_table(args: argparse.Namespace, keyboard: Any, results: list) -> None:
    """Writes the predictions, with all that they depend on as their identity."""
    from strokejax.tasks.swipes.decode import decoder_of
    from strokejax.tasks.swipes.scores import PredictionTable, digest, write_table

    decoder = decoder_of(args.beam, args.decoder)
    typist = keyboard.typist
    layout = json.dumps([typist.keys.letters, typist.keys.centres.tolist()])
    predictor = {
        "model": typist.spec.architecture,
        "features": typist.spec.features,
        "weights": keyboard.stored.files.encoder,
        "decoder": json.dumps(decoder.search._asdict() | decoder.weights._asdict()),
        "keyboard": args.keyboard,
        "layout": digest(layout.encode()),
        "words": digest(json.dumps(sorted(typist.lexicon.words.items())).encode()),
    }
    rows = {
        result["index"]: (tuple(result["words"]), tuple(result["scores"]))
        for result in results
        if "error" not in result
    }
    split = digest(Path(args.file).read_bytes())
    table = PredictionTable(tuple(sorted(predictor.items())), split, rows)
    write_table(Path(args.table), table)


def _print_results(args: argparse.Namespace, results: list[dict[str, Any]]) -> int:
    """Prints words and errors; returns the exit code."""
    if args.json:
        print(json.dumps({"results": results}, ensure_ascii=False))
    else:
        for result in results:
            if "error" in result:
                print(f"strokejax: {result['error']}", file=sys.stderr)
            else:
                words = "  ".join(result["words"]) or "(no word fits)"
                print(f"{result['index']}  {words}")
    return 2 if any("error" in result for result in results) else 0


# swipe make, swipe combine.


def _make(args: argparse.Namespace) -> int:
    from strokejax.search.character_model import load_vocabulary
    from strokejax.tasks.swipes.batches import write_swipes

    words = load_vocabulary(args.words)
    count = write_swipes(Path(args.out), args.layout, words, args.count, args.seed)
    if args.json:
        print(json.dumps({"file": args.out, "swipes": count}))
    else:
        print(f"{count:,} swipes on {args.layout} in {args.out}")
    return 0


def _combine(args: argparse.Namespace) -> int:
    from strokejax.tasks.swipes.scores import combine

    combination = combine(args.files, args.fit, args.by)
    print(combination.summary, file=sys.stderr)
    return _print_results(args, combination.results)


# evaluate.


def evaluate(args: argparse.Namespace) -> dict[str, Any]:
    """Scores of all files' labelled swipes; errors are printed on stderr and counted.

    InputError if no swipe has a word.
    """
    from strokejax.tasks.swipes.data import Swipe, read_swipes
    from strokejax.tasks.swipes.scores import swipe_scores

    swipes = [swipe for file in args.data for swipe in read_swipes(file)]
    keyboard = open_keyboard(args)
    from strokejax.tasks.swipes.keyboard import type_swipes

    placement = placement_of(args, keyboard, swipes)
    typed = type_swipes(keyboard, swipes, placement=placement)
    words, truth, failed = [], [], 0
    for swipe, guesses in zip(swipes, typed, strict=True):
        if isinstance(guesses, InputError) or not isinstance(swipe, Swipe):
            failed += 1
            print(f"strokejax: {guesses}", file=sys.stderr)
        elif swipe.word:
            words.append([guess.word for guess in guesses])
            truth.append(swipe.word)
    if not truth:
        raise InputError(
            f"None of {len(swipes):,} swipes has a word; give labelled swipes."
        )
    if unlisted := {*truth} - {*keyboard.words}:
        print(
            f"strokejax: {len(unlisted):,} words are not in {args.words} and count as "
            f"errors, {min(unlisted)!r} among them",
            file=sys.stderr,
        )
    return swipe_scores(words, truth) | {"failed": failed}


def show_scores(scores: dict[str, Any]) -> None:
    """Prints the scores for people."""
    low, high = scores["interval95"]
    print(f"{scores['n']:,} swipes")
    print(f"  right word first     {scores['top1']:.4f}  [{low:.4f}, {high:.4f}]")
    print(f"  among the first four {scores['top4']:.4f}")
    print(f"  MRR                  {scores['mrr']:.4f}")
    print(f"  character errors     {scores['cer']:.4f}")


VERBS = (
    Verb(
        "swipe",
        ABOUT,
        verbs=(
            Verb("type", TYPE, _type_options, _type),
            Verb("make", MAKE, _make_options, _make, model=False),
            Verb("combine", COMBINE, _combine_options, _combine, model=False),
        ),
    ),
)
