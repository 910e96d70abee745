"""strokejax swipe: words from swipes, swipes from words."""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from strokejax.arguments import importing
from strokejax.types import InputError

TEXT = """\
Type words from a finger's path over the keys, on any layout.

verbs:
  type FILE.jsonl                the words of each swipe, best first
  make --layout L --words W --out FILE
                                 synthetic swipes, to look at and to train on
  combine TABLE...               predictions of several models (type --table FILE), from
                                 several machines, as one

A swipe is a line {"word": ..., "curve": {"x": [...], "y": [...], "t": [...]}} of pixels
and milliseconds; a curve may say the "width" of its keyboard. Layouts are qwerty,
azerty, qwertz, dvorak, russian, or JSON files (width, height, keys with label and
hitbox; FILE:NAME where a file has several). Words are `en`, or a file of a word a line,
with how often it occurs.
"""
MOST = 1_000_000


def options(parser: argparse.ArgumentParser) -> None:
    """What the command takes."""
    parser.add_argument("what", metavar="VERB", choices=["type", "make", "combine"])
    parser.add_argument("files", nargs="*", metavar="FILE")
    keyboards(parser)
    typing = parser.add_argument_group("type")
    typing.add_argument(
        "--attention", metavar="DIR", help="pictures of which points made each letter"
    )
    typing.add_argument("--table", metavar="FILE", help="write predictions for combine")
    typing.add_argument(
        "--part",
        default="1/1",
        metavar="K/N",
        help="only the Kth of N equal parts of the file: combine joins their tables",
    )
    make = parser.add_argument_group("make")
    make.add_argument("--out", metavar="FILE", help="a new file of swipes")
    make.add_argument("--count", type=int, default=100, help="how many (100)")
    make.add_argument("--seed", type=int, default=0)
    combine = parser.add_argument_group("combine")
    combine.add_argument(
        "--fit", metavar="FILE", help="labelled swipes that the tables' weights fit"
    )
    combine.add_argument(
        "--by",
        choices=["weighted", "append"],
        default="weighted",
        help="mean of probabilities, or the best table's words first (weighted)",
    )


def keyboards(parser: Any) -> None:
    """What says how swipes are typed."""
    group = parser.add_argument_group("swipes")
    group.add_argument("--layout", default="qwerty", metavar="NAME_OR_FILE")
    group.add_argument("--words", default="en", metavar="FILE")
    group.add_argument("--block", metavar="FILE", help="words that are never typed")
    group.add_argument("--beam", type=int, default=24, help="words followed (24)")
    group.add_argument(
        "--decoder",
        default="",
        metavar="NAME=VALUE,...",
        help="exponent of the length, least probability of a letter, mask=before or "
        "after the softmax; weights: frequency of words, along and passing (distance "
        "from a word's way), edits (from what is read without words)",
    )
    group.add_argument(
        "--keyboard",
        choices=["estimate", "given"],
        default="estimate",
        help="where the keyboard lay: estimated from all swipes, or as its layout says",
    )


def run(given: argparse.Namespace) -> int:
    """Types, makes or combines; 2 if a swipe could not be used."""
    if given.what == "make":
        return _make(given)
    if not given.files:
        raise InputError(f"`strokejax swipe {given.what}` takes files; name one.")
    if given.what == "combine":
        return _combine(given)
    if len(given.files) > 1:
        raise InputError(
            f"`strokejax swipe type` takes one file, not {len(given.files)}; join them."
        )
    return _type(given)


def keyboard_of(given: argparse.Namespace) -> Any:
    """The keyboard of the options."""
    with importing():
        from strokejax.search.character_model import load_blocked
        from strokejax.tasks.swipes.decode import decoder_of
        from strokejax.tasks.swipes.keyboard import open_keyboard
    blocked = load_blocked(given.block) if given.block else []
    keyboard = open_keyboard(
        given.model,
        given.layout,
        given.words,
        blocked=blocked,
        decoder=decoder_of(given.beam, given.decoder),
    )
    left = keyboard.typist.lexicon.left_out
    if left:
        print(
            f"strokejax: {len(left):,} of {len(keyboard.words):,} words cannot be "
            f"written on {keyboard.typist.keys.name} and are left out: "
            f"{', '.join(left[:3])}{', ...' if len(left) > 3 else ''}",
            file=sys.stderr,
        )
    return keyboard


def placing_of(given: argparse.Namespace, keyboard: Any, swipes: Any) -> Any:
    """Where the keyboard lay, told on stderr where it is estimated."""
    from strokejax.tasks.swipes.data import Swipe
    from strokejax.tasks.swipes.keyboard import placing_of
    from strokejax.tasks.swipes.layouts import as_told

    if given.keyboard == "given":
        return as_told(keyboard.typist.keys)
    placing = placing_of(keyboard, [s for s in swipes if isinstance(s, Swipe)])
    (wide, high), (right, down) = placing.scale, placing.shift
    print(
        f"strokejax: the keyboard seems {wide:.2f} times as wide and {high:.2f} times "
        f"as high as {keyboard.typist.keys.name}, its middle {right:+.0f} and "
        f"{down:+.0f} pixels away (--keyboard given: as told)",
        file=sys.stderr,
    )
    return placing


def _type(given: argparse.Namespace) -> int:
    from strokejax.tasks.swipes.data import read_swipes

    swipes = read_swipes(given.files[0])
    keyboard = keyboard_of(given)
    from strokejax.tasks.swipes.keyboard import type_swipes

    placing = placing_of(given, keyboard, swipes)
    part, results = _part(given.part, len(swipes)), []
    swipes = [swipes[i] for i in part]
    typed = type_swipes(keyboard, swipes, placing=placing, first=part.start)
    for i, guesses in zip(part, typed, strict=True):
        if isinstance(guesses, InputError):
            results.append({"index": i, "error": str(guesses)})
            continue
        words = [guess.word for guess in guesses]
        scores = [round(guess.score, 4) for guess in guesses]
        results.append({"index": i, "words": words, "scores": scores})
    if given.attention:
        from strokejax.tasks.swipes.report import draw

        draw(Path(given.attention), keyboard, swipes, typed, placing, part.start)
    if given.table:
        _write_table(given, keyboard, results)
    return _answer(given, results)


def _part(text: str, count: int) -> range:
    """The numbers of a part of so many swipes."""
    one, _, of = text.partition("/")
    if not (one.isdecimal() and of.isdecimal() and 1 <= int(one) <= int(of) <= count):
        raise InputError(
            f"--part is {text!r} of {count:,} swipes; write K/N, like 2/4, with at "
            f"least one swipe a part."
        )
    return range(count * (int(one) - 1) // int(of), count * int(one) // int(of))


def _answer(given: argparse.Namespace, results: list[dict[str, Any]]) -> int:
    if given.json:
        print(json.dumps({"results": results}, ensure_ascii=False))
    else:
        for result in results:
            if "error" in result:
                print(f"strokejax: {result['error']}", file=sys.stderr)
            else:
                words = "  ".join(result["words"]) or "(no word ends where it does)"
                print(f"{result['index']}  {words}")
    return 2 if any("error" in result for result in results) else 0


def _write_table(given: argparse.Namespace, keyboard: Any, results: list) -> None:
    from strokejax.tasks.swipes.decode import decoder_of
    from strokejax.tasks.swipes.scores import Table, digest, write_table

    decoder = decoder_of(given.beam, given.decoder)
    typist = keyboard.typist
    layout = json.dumps([typist.keys.letters, typist.keys.centres.tolist()])
    predictor = {
        "model": typist.spec.architecture,
        "features": typist.spec.features,
        "weights": keyboard.stored.files.encoder,
        "decoder": json.dumps(decoder.search._asdict() | decoder.weights._asdict()),
        "keyboard": given.keyboard,
        "layout": digest(layout.encode()),
        "words": digest(json.dumps(sorted(typist.lexicon.words.items())).encode()),
    }
    rows = {
        r["index"]: (tuple(r["words"]), tuple(r["scores"]))
        for r in results
        if "error" not in r
    }
    split = digest(Path(given.files[0]).read_bytes())
    write_table(Path(given.table), Table(tuple(sorted(predictor.items())), split, rows))


def _make(given: argparse.Namespace) -> int:
    if given.files or not given.out:
        raise InputError(
            "`strokejax swipe make` takes --out FILE and nothing without a name; see "
            "`strokejax swipe --help`."
        )
    if not 1 <= given.count <= MOST or not 0 <= given.seed < 2**31:
        raise InputError(
            f"--count is {given.count:,} and --seed {given.seed}; give 1 to {MOST:,}, "
            f"and a seed of 0 or more."
        )
    from strokejax.search.character_model import words_of
    from strokejax.tasks.swipes.batches import write_swipes

    words = words_of(given.words)
    done = write_swipes(Path(given.out), given.layout, words, given.count, given.seed)
    found = {"file": given.out, "swipes": done}
    if given.json:
        print(json.dumps(found))
    else:
        print(f"{done:,} swipes on {given.layout} in {given.out}")
    return 0


def _combine(given: argparse.Namespace) -> int:
    from strokejax.tasks.swipes.scores import combined

    found = combined(given.files, given.fit, given.by)
    print(found.told, file=sys.stderr)
    return _answer(given, found.results)


# How good a keyboard is on swipes whose words are known.


def swipe_scores(given: argparse.Namespace) -> dict[str, Any]:
    """Scores of all files' swipes; what cannot be typed is told and left out."""
    from strokejax.tasks.swipes.data import Swipe, read_swipes
    from strokejax.tasks.swipes.scores import swipe_scores as scores

    swipes = [each for file in given.data for each in read_swipes(file)]
    keyboard = keyboard_of(given)
    from strokejax.tasks.swipes.keyboard import type_swipes

    placing = placing_of(given, keyboard, swipes)
    words, truth, failed, strange = [], [], 0, set()
    for found, typed in zip(
        swipes, type_swipes(keyboard, swipes, placing=placing), strict=True
    ):
        if isinstance(typed, InputError) or not isinstance(found, Swipe):
            failed += 1
            print(f"strokejax: {typed}", file=sys.stderr)
        elif found.word:
            words.append([guess.word for guess in typed])
            truth.append(found.word)
            if found.word not in keyboard.words:
                strange.add(found.word)
    if not truth:
        raise InputError("No swipe says which word it means; give labelled swipes.")
    if strange:
        print(
            f"strokejax: {len(strange):,} words are not in {given.words} and count as "
            f"errors, {min(strange)!r} among them",
            file=sys.stderr,
        )
    return scores(words, truth) | {"failed": failed}


def show(found: dict[str, Any]) -> None:
    """The scores for people."""
    low, high = found["interval95"]
    print(f"{found['n']:,} swipes")
    print(f"  right word first     {found['top1']:.4f}  [{low:.4f}, {high:.4f}]")
    print(f"  among the first four {found['top4']:.4f}")
    print(f"  MRR                  {found['mrr']:.4f}")
    print(f"  character errors     {found['cer']:.4f}")
