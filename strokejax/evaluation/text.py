"""The distance between two texts."""

from collections.abc import Sequence
from typing import Any

import numpy as np


def edit_distance(source: Sequence[Any], target: Sequence[Any]) -> int:
    """The fewest insertions, deletions and substitutions from one to the other.

    V. I. Levenshtein, "Binary codes capable of correcting deletions, insertions, and
    reversals", Soviet Physics Doklady 10, 1966.
    """
    number: dict[Any, int] = {}
    a, b = (
        np.array([number.setdefault(x, len(number)) for x in sequence], np.int64)
        for sequence in (source, target)
    )
    column = np.arange(len(b) + 1)
    row = column
    for i, x in enumerate(a, start=1):
        change = np.minimum(row[1:] + 1, row[:-1] + (b != x))  # delete or substitute
        # Inserting costs 1 a column: row[j] = min over i <= j of (change[i] + j - i).
        row = np.minimum.accumulate(np.append(i, change) - column) + column
    return int(row[-1])
