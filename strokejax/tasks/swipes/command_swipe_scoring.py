"""How good a keyboard is on swipes whose words are known."""

import argparse
import sys
from typing import Any

from strokejax.tasks.swipes import command as swipe
from strokejax.types import InputError


def swipe_scores(given: argparse.Namespace) -> dict[str, Any]:
    """Scores of all files' swipes; what cannot be typed is told and left out."""
    from strokejax.tasks.swipes.data import Swipe, read_swipes
    from strokejax.tasks.swipes.scores_swipe_scores import swipe_scores as scores

    swipes = [each for file in given.data for each in read_swipes(file)]
    keyboard = swipe.keyboard_of(given)
    from strokejax.tasks.swipes.keyboard_keyboard import type_swipes

    placing = swipe.placing_of(given, keyboard, swipes)
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
