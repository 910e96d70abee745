"""Scores of typed words."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from strokejax.evaluation.scores import bootstrap_interval
from strokejax.tasks.lines.scores import edit_distance

GAINS = (1.0, 0.1, 0.09, 0.08)
"""Of the right word at rank 1 to 4, as in the Yandex Cup 2023."""


def swipe_scores(
    words: Sequence[Sequence[str]], truth: Sequence[str]
) -> dict[str, Any]:
    """n, top1, top4, mrr, cer and top1's 95 % interval.

    `words` are guesses, best first; one that comes twice counts once. Intervals are
    over words of the truth: swipes of one word are alike.
    """
    ranks = [rank(guesses, word) for guesses, word in zip(words, truth, strict=True)]
    right = np.array([r == 0 for r in ranks], float)
    errors = [
        edit_distance(guesses[0] if guesses else "", word)
        for guesses, word in zip(words, truth, strict=True)
    ]
    letters = sum(map(len, truth))
    return {
        "n": len(truth),
        "top1": float(right.mean()),
        "top4": float(np.mean([0 <= r < 4 for r in ranks])),
        "mrr": float(np.mean([GAINS[r] if 0 <= r < 4 else 0.0 for r in ranks])),
        "cer": sum(errors) / max(letters, 1),
        "interval95": bootstrap_interval(right, truth),
    }


def rank(guesses: Sequence[str], word: str) -> int:
    """The place of a word among distinct guesses, -1 where it is none of them."""
    distinct = [*dict.fromkeys(guesses)]
    return distinct.index(word) if word in distinct else -1
