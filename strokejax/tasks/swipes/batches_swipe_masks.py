"""Which letters words go on by."""

from collections.abc import Callable, Iterator
from functools import lru_cache

import numpy as np

from strokejax.tasks.swipes.batches import Board
from strokejax.types import Batch


def masked(
    at: Callable[[int], Batch], boards: list[tuple[Board, float, bool]], end: int
) -> Callable[[int], Batch]:
    """Batches with "allowed" bool[b l end+1]: letters by which some word goes on.

    Where the word itself is none of the boards', all are.
    """
    known: dict[tuple[int, ...], np.ndarray] = {}
    for board, _, _ in boards:
        for way in board.words:
            for before, code in prefixes([*board.letters[way].tolist(), end]):
                row = known.setdefault(before, np.zeros(end + 1, bool))
                row[code] = True

    @lru_cache(4)
    def with_masks(step: int) -> Batch:
        batch = at(step)
        allowed = np.ones((*batch.labels.shape, end + 1), bool)
        for i, row in enumerate(batch.labels):
            codes = row[row >= 0].tolist()
            steps = [(known.get(before), code) for before, code in prefixes(codes)]
            if all(mask is not None and mask[code] for mask, code in steps):
                allowed[i, : len(steps)] = [mask for mask, _ in steps]
        return batch._replace(inputs=batch.inputs | {"allowed": allowed})

    return with_masks


def prefixes(codes: list[int]) -> Iterator[tuple[tuple[int, ...], int]]:
    """Each code with those before it."""
    return ((tuple(codes[:i]), code) for i, code in enumerate(codes))
