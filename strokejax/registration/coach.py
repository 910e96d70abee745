"""The coach: what to expect of a symbol's drawings, before they become its row.

It names outliers, estimates confusions, recommends further drawings, and measures what
the change would cost the other symbols.
"""

from typing import NamedTuple

import numpy as np

from strokejax.registration.rows import ReplaySet, pair_cosine
from strokejax.table.table import Rows, unit

OUTLIER_SHARE = 0.03
"""A drawing is an outlier if at most this share of replayed drawings lies as far from
the other drawings of its symbol. Of five drawings by one writer and one of another
letter, 0.93 of the latter are outliers and 0.02 of the former (benchmarks/coach.py)."""
MIN_RATE, MAX_CONFUSIONS = 0.02, 5
"""Lowest rate of a confusion that is reported, and how many are reported."""
SPREAD_FACTOR = 1.7
"""Ratio of the real spread of new drawings to the formula's: the encoder was trained to
gather known symbols, and other people make the further drawings. For 32 new symbols and
a network of shape alone, the rates were 6 % on average without the factor, 18 % with it
and 25 % in truth."""
ROW_ERROR = 0.02
"""Squared error of a row's direction below which further drawings add little."""
RECOMMENDED = 10
"""Drawings that are enough for any symbol."""
MAX_MEAN_LOSS, MAX_WORST_LOSS = 0.01, 0.10
"""Accuracy that the other symbols may lose: on average, and any one of them."""
MIN_COUNT = 10
"""A symbol with fewer drawings loses as if it had this many."""


class Loss(NamedTuple):
    """The accuracy that other symbols lose by a change, as shares of their drawings."""

    mean: float
    worst: float
    symbol: int
    """Owner of the symbol that loses most, -1 for none."""

    @property
    def refused(self) -> bool:
        """Whether the loss is above a limit."""
        # A sum of rounded shares may exceed the limit that it equals.
        return self.mean > MAX_MEAN_LOSS + 1e-9 or self.worst > MAX_WORST_LOSS + 1e-9


def guard(before: Rows, after: Rows, replay: ReplaySet, changed: set[int]) -> Loss:
    """Replays drawings before and after a change; owners in `changed` do not count."""
    others = ~np.isin(replay.owner, sorted(changed))
    if not others.any():
        return Loss(0.0, 0.0, -1)
    z, owner = replay.z[others], replay.owner[others]
    size = max(int(owner.max()) + 1, len(after.embeddings))
    count = np.bincount(owner, minlength=size)
    correct = [
        np.bincount(owner, rows.owners(z) == owner, minlength=size)
        for rows in (before, after)
    ]
    lost = (correct[0] - correct[1]) / np.maximum(count, MIN_COUNT)
    symbols = np.flatnonzero(count)
    worst = symbols[lost[symbols].argmax()]
    return Loss(float(lost[symbols].mean()), float(lost[worst]), int(worst))


def outliers(z: np.ndarray, replay: ReplaySet) -> list[int]:
    """Indices of the drawings f32[n d] of a symbol that are unlike the others."""
    means, count = _means(replay)
    others = unit(means * count[:, None] - replay.z)
    cosines = (others * replay.z).sum(-1)[count > 2]
    if len(z) < 3 or not len(cosines):
        return []
    others = unit(z.sum(0) - z)
    limit = np.quantile(cosines, OUTLIER_SHARE)
    return np.flatnonzero((others * z).sum(-1) < limit).tolist()


def confusion_rates(
    z: np.ndarray, rows: Rows, replay: ReplaySet, owner: int
) -> np.ndarray:
    """f64[c]: the expected share of further drawings that each other symbol takes.

    Further drawings are simulated: the mean of the symbol's drawings z f32[n d] plus
    the deviations of replayed drawings from their means, scaled to the spread of z. If
    two drawings have the cosine p, their mean has the length sqrt(p), and a further one
    deviates from the mean of n by (1 - p) (1 + 1 / n) squared.
    """
    means, count = _means(replay)
    # Bessel's correction: the mean of n contains the drawing itself.
    bessel = np.sqrt(count / np.maximum(count - 1, 1))[:, None].astype(np.float32)
    deviations = ((replay.z - means) * bessel)[count > 1]
    if not len(deviations):
        return np.zeros(len(rows.embeddings))
    p = pair_cosine(z)
    spread = np.sqrt((1 - p) * (1 + 1 / len(z)) / (deviations**2).sum(-1).mean())
    further = unit(z.mean(0)) * np.sqrt(p) + SPREAD_FACTOR * spread * deviations
    rate = np.bincount(rows.owners(unit(further)), minlength=len(rows.embeddings))
    rate = rate / len(further)
    rate[owner] = 0
    return rate


def worst_confusions(rate: np.ndarray) -> list[tuple[int, float]]:
    """Symbols and rates to report, highest rate first."""
    worst = np.argsort(-rate, kind="stable")[:MAX_CONFUSIONS]
    return [(int(i), float(rate[i])) for i in worst if rate[i] >= MIN_RATE]


def recommended_extra(z: np.ndarray) -> int:
    """How many further drawings are worthwhile beside these f32[n d], 0 for none.

    If two drawings have the cosine p, the mean of n is off by (1 - p) / n squared.
    """
    needed = int(np.ceil((1 - pair_cosine(z)) / ROW_ERROR))
    return max(0, min(needed, RECOMMENDED) - len(z))


def _means(replay: ReplaySet) -> tuple[np.ndarray, np.ndarray]:
    """For each drawing the mean f32[n d] of its symbol, and the symbol's count i[n]."""
    if not len(replay.z):
        return replay.z, np.zeros(0, np.int64)
    order = np.argsort(replay.owner, kind="stable")
    _, index, count = np.unique(replay.owner, return_inverse=True, return_counts=True)
    sums = np.add.reduceat(replay.z[order], np.cumsum(count) - count)
    return (sums / count[:, None].astype(np.float32))[index], count[index]
