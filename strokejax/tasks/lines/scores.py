"""How good are readings of lines: errors of characters and of words."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from strokejax.evaluation.scores import bootstrap_interval


def edit_distance(one: Sequence[Any], other: Sequence[Any]) -> int:
    """Insertions, deletions and substitutions that lead from one to the other.

    V. I. Levenshtein, "Binary codes capable of correcting deletions, insertions, and
    reversals", Soviet Physics Doklady 10, 1966.
    """
    number: dict[Any, int] = {}
    a, b = (
        np.array([number.setdefault(x, len(number)) for x in each], np.int64)
        for each in (one, other)
    )
    places = np.arange(len(b) + 1)
    row = places
    for i, x in enumerate(a, start=1):
        change = np.minimum(row[1:] + 1, row[:-1] + (b != x))
        # Insertions: the least of all before, and one for each step from there.
        row = np.minimum.accumulate(np.append(i, change) - places) + places
    return int(row[-1])


def line_scores(
    found: Sequence[str], truth: Sequence[str], groups: Sequence[str]
) -> dict[str, Any]:
    """{"n", "cer", "wer", "interval95", "cer_lower_case", "exact"}.

    Errors over the length of the true texts, in characters and in words between blanks;
    the interval is that of the former, over groups.
    """
    errors = np.array([edit_distance(a, b) for a, b in zip(found, truth, strict=True)])
    length = np.array([len(text) for text in truth])
    words = [
        (edit_distance(a.split(), b.split()), len(b.split()))
        for a, b in zip(found, truth, strict=True)
    ]
    lower = [
        edit_distance(a.lower(), b.lower()) for a, b in zip(found, truth, strict=True)
    ]
    return {
        "n": len(truth),
        "cer": float(errors.sum() / max(length.sum(), 1)),
        "wer": float(np.sum(words, 0)[0] / max(np.sum(words, 0)[1], 1)),
        "interval95": bootstrap_interval(errors, groups, weight=length),
        "cer_lower_case": float(np.sum(lower) / max(length.sum(), 1)),
        "exact": float(np.mean(errors == 0)),
    }
