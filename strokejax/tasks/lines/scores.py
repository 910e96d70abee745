"""Character and word error rates of readings."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from strokejax.evaluation.scores import bootstrap_interval
from strokejax.evaluation.text import edit_distance


def line_scores(
    readings: Sequence[str], truth: Sequence[str], groups: Sequence[str]
) -> dict[str, Any]:
    """{"n", "cer", "wer", "interval95", "cer_lower_case", "exact"}.

    "cer" and "wer" are the summed edit distances over the summed length of the true
    texts, in characters and in words; "interval95" is that of "cer", bootstrapped over
    groups. "exact" is the share of lines without an error.
    """
    pairs = [*zip(readings, truth, strict=True)]
    errors = np.array([edit_distance(a, b) for a, b in pairs])
    length = np.array([len(text) for text in truth])
    words = [(edit_distance(a.split(), b.split()), len(b.split())) for a, b in pairs]
    lower = [edit_distance(a.lower(), b.lower()) for a, b in pairs]
    return {
        "n": len(truth),
        "cer": float(errors.sum() / max(length.sum(), 1)),
        "wer": float(np.sum(words, 0)[0] / max(np.sum(words, 0)[1], 1)),
        "interval95": bootstrap_interval(errors, groups, weight=length),
        "cer_lower_case": float(np.sum(lower) / max(length.sum(), 1)),
        "exact": float(np.mean(errors == 0)),
    }
