"""What is worth saying about a symbol's drawings before they become its row."""

from typing import NamedTuple

import numpy as np

from strokejax.registration.rows import ReplaySet, pair_cosine
from strokejax.table.table import Rows, unit

ODD = 0.03
"""A drawing is odd if so small a share of known ones lie as far from their mean: of
another letter among a writer's own, 0.93 are (benchmarks/coach.py), of the own 0.02."""
TOLD, SHOWN = 0.02, 5
"""Rate from which a confusion is told, and how many are."""
WIDER = 1.7
"""How much wider than the formula new drawings really spread: the encoder was trained
to gather known symbols, and other people draw the further ones. Without it the rates of
32 new symbols came out as 6 % on average by a network of shape alone, with it as 18 %;
they were 25 %."""
ROW_ERROR = 0.02
"""Squared error of a row's direction from which further drawings add little."""
RECOMMENDED = 10
GUARD_MEAN, GUARD_WORST = 0.01, 0.10
"""How much the other symbols may lose: on average, and any one."""
FEW = 10
"""A symbol known by fewer drawings than this counts as if it had so many."""


class Loss(NamedTuple):
    """What other symbols lose by a change, as shares of their drawings."""

    mean: float
    worst: float
    symbol: int
    """Owner of the symbol that loses most, -1 for none."""

    @property
    def refused(self) -> bool:
        """Whether it is more than the guard allows."""
        # Sums of rounded shares: what is exactly at a limit is not above it.
        return self.mean > GUARD_MEAN + 1e-9 or self.worst > GUARD_WORST + 1e-9


def guard(before: Rows, after: Rows, known: ReplaySet, but: set[int]) -> Loss:
    """Known drawings answered before and after a change; `but` owners do not count."""
    others = ~np.isin(known.owner, sorted(but))
    if not others.any():
        return Loss(0.0, 0.0, -1)
    z, owner = known.z[others], known.owner[others]
    size = max(int(owner.max()) + 1, len(after.embeddings))
    count = np.bincount(owner, minlength=size)
    right = [
        np.bincount(owner, rows.owners(z) == owner, minlength=size)
        for rows in (before, after)
    ]
    lost = (right[0] - right[1]) / np.maximum(count, FEW)
    symbols = np.flatnonzero(count)
    worst = symbols[lost[symbols].argmax()]
    return Loss(float(lost[symbols].mean()), float(lost[worst]), int(worst))


def outliers(z: np.ndarray, known: ReplaySet) -> list[int]:
    """Which of a symbol's drawings f32[n d] lie farther from the rest than usual."""
    usual = _to_own_mean(known)
    if len(z) < 3 or not len(usual):
        return []
    limit = np.quantile(usual, ODD)
    rest = unit(z.sum(0) - z)
    return np.flatnonzero((rest * z).sum(-1) < limit).tolist()


def confusion_rates(
    z: np.ndarray, rows: Rows, known: ReplaySet, owner: int
) -> np.ndarray:
    """f64[c]: the share of further drawings that will be taken for each other symbol.

    Further drawings are the mean of these f32[n d] plus what known drawings differ by
    from the mean of theirs, scaled to what these differ by: if two have the cosine p,
    their mean has the length sqrt(p), and one more differs from the mean of n by
    (1 - p) (1 + 1 / n) squared.
    """
    differ = _deviations(known)
    if not len(differ):
        return np.zeros(len(rows.embeddings))
    p = pair_cosine(z)
    scale = WIDER * np.sqrt((1 - p) * (1 + 1 / len(z)) / (differ**2).sum(-1).mean())
    drawn = unit(unit(z.mean(0)) * np.sqrt(p) + scale * differ)
    answered = np.bincount(rows.owners(drawn), minlength=len(rows.embeddings))
    rate = answered / len(drawn)
    rate[owner] = 0
    return rate


def worst_of(rate: np.ndarray) -> list[tuple[int, float]]:
    """Symbols and rates worth telling, worst first."""
    worst = np.argsort(-rate, kind="stable")[:SHOWN]
    return [(int(i), float(rate[i])) for i in worst if rate[i] >= TOLD]


def recommended_extra(z: np.ndarray) -> int:
    """How many further drawings are worth their trouble, 0 for enough.

    With cosine p between drawings, the mean of n is off by (1 - p) / n squared.
    """
    wanted = int(np.ceil((1 - pair_cosine(z)) / ROW_ERROR))
    return max(0, min(wanted, RECOMMENDED) - len(z))


def _means(known: ReplaySet) -> tuple[np.ndarray, np.ndarray]:
    """f32[n d]: for each drawing the mean of its symbol; and how many that has."""
    if not len(known.z):
        return known.z, np.zeros(0, np.int64)
    order = np.argsort(known.owner, kind="stable")
    _, first, count = np.unique(
        known.owner[order], return_index=True, return_counts=True
    )
    means = np.add.reduceat(known.z[order], first) / count[:, None].astype(np.float32)
    back = np.empty(len(order), np.int64)
    back[order] = np.repeat(np.arange(len(count)), count)
    return means[back], count[back]


def _deviations(known: ReplaySet) -> np.ndarray:
    means, count = _means(known)
    several = count > 1
    fair = np.sqrt(count / np.maximum(count - 1, 1))[:, None].astype(np.float32)
    return ((known.z - means) * fair)[several]


def _to_own_mean(known: ReplaySet) -> np.ndarray:
    """Cosine of each known drawing with the mean of the others of its symbol."""
    means, count = _means(known)
    several = count > 2
    rest = unit(means * count[:, None] - known.z)
    return (rest * known.z).sum(-1)[several]
