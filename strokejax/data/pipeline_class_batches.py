"""Batches of few classes with several samples each, for losses between examples."""

from collections.abc import Callable

import numpy as np


def class_batches(
    labels: np.ndarray,
    *,
    classes: int,
    size: int,
    seed: int = 0,
    sets: np.ndarray | None = None,
) -> Callable[[int], np.ndarray]:
    """`at(step) -> i64[size]`: samples of P classes, K of each, P K = `size`.

    As in Hermans et al., In Defense of the Triplet Loss, 2017. A batch depends on the
    seed and its step alone. With `sets` [n] its classes are of one of these data sets,
    each as likely as it is large. Of fewer classes there are more samples each; a class
    with fewer samples repeats them.
    """
    labels = np.asarray(labels)
    sets = np.zeros(len(labels)) if sets is None else np.asarray(sets)
    pools = [_members(labels, np.flatnonzero(sets == each)) for each in np.unique(sets)]
    shares = np.array([sum(map(len, pool)) for pool in pools]) / len(labels)

    def at(step: int) -> np.ndarray:
        rng = np.random.default_rng([seed, step])
        pool = pools[rng.choice(len(pools), p=shares)]
        chosen = rng.permutation(len(pool))[:classes]
        counts = np.diff(np.linspace(0, size, len(chosen) + 1).round().astype(int))
        drawn = [
            rng.choice(pool[c], count, replace=count > len(pool[c]))
            for c, count in zip(chosen.tolist(), counts.tolist(), strict=True)
        ]
        return np.concatenate(drawn)

    return at


def _members(labels: np.ndarray, samples: np.ndarray) -> list[np.ndarray]:
    """The samples of each class among these."""
    order = samples[np.argsort(labels[samples], kind="stable")]
    return np.split(order, np.flatnonzero(np.diff(labels[order])) + 1)
