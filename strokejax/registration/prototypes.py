"""The ways in which a symbol is drawn: embeddings in groups, a row for each."""

import numpy as np

from strokejax.table.table import PART, unit

APART = 0.55
"""Cosine of two means below which they are two ways of drawing, not one."""
WAY = 3
"""Drawings that a way of drawing needs at least."""
ALIKE = 0.9
"""Cosine of two means above which variants share a row. Nine Detexify symbols from five
drawings, turned by all eighths, by a network of shape alone: 94 in 100 turned ones are
named; with a limit of 0.8 they are 92, of 0.7 87, of `APART` 75; 5 to 7 rows instead of
2."""
MOST = 16
"""Rows of one symbol."""
ROUNDS = 10


def clusters(z: np.ndarray) -> list[np.ndarray]:
    """Indices of embeddings f32[n d] drawn alike: one group, or several far apart.

    k means on the sphere (I. S. Dhillon and D. S. Modha, "Concept decompositions",
    Machine Learning 42, 2001), with the largest k that leaves groups of `WAY` and means
    that are `APART`. They begin with the two embeddings that differ most, then the one
    most unlike all before (T. F. Gonzalez, "Clustering to minimize the maximum
    intercluster distance", Theoretical Computer Science 38, 1985).
    """
    result = [np.arange(len(z))]
    most = min(MOST, len(z) // WAY)
    if most < 2:
        return result
    starts = _unlike(z, most)
    for k in range(2, most + 1):
        result = _means(z, z[starts[:k]]) or result
    return sorted(result, key=min)


def groups(z: np.ndarray, drawing: np.ndarray, variant: np.ndarray) -> list[np.ndarray]:
    """Indices of embeddings f32[n d] that share a row, at most `MOST` groups.

    `drawing` i[n] says which drawing each is of, `variant` str[n] what was done to it:
    a way of drawing and a variant make a group, then the two whose means are most alike
    are joined while they are `ALIKE`.
    """
    drawn = np.flatnonzero(variant == "")
    result = []
    for part in clusters(z[drawn]):
        chosen = np.isin(drawing, drawing[drawn[part]])
        for name in np.unique(variant[chosen]):
            result.append(np.flatnonzero(chosen & (variant == name)))
    sums = np.stack([z[part].sum(0) for part in result])
    while len(result) > 1:
        means = unit(sums)
        near = np.triu(means @ means.T, 1) - 2 * np.tri(len(result))
        i, j = np.unravel_index(near.argmax(), near.shape)
        if near[i, j] <= ALIKE and len(result) <= MOST:
            break
        result[i] = np.sort(np.concatenate([result[i], result.pop(j)]))
        sums[i] += sums[j]
        sums = np.delete(sums, j, 0)
    return sorted(result, key=min)


def _unlike(z: np.ndarray, count: int) -> list[int]:
    """Indices: the two that differ most, then each most unlike those before."""
    lowest, pair = np.inf, [0, 0]
    for start in range(0, len(z), PART):
        near = z[start : start + PART] @ z.T
        i, j = np.unravel_index(near.argmin(), near.shape)
        if near[i, j] < lowest:
            lowest, pair = near[i, j], [start + int(i), int(j)]
    while len(pair) < count:
        pair.append(int((z @ z[pair].T).max(1).argmin()))
    return pair


def _means(z: np.ndarray, means: np.ndarray) -> list[np.ndarray]:
    """Groups around means f32[k d], none where one is too small or two are too near."""
    k = len(means)
    side = np.zeros(len(z), int)
    for _ in range(ROUNDS):
        side = (z @ means.T).argmax(1)
        if np.bincount(side, minlength=k).min() < WAY:
            return []
        means = unit(np.stack([z[side == i].sum(0) for i in range(k)]))
    if np.triu(means @ means.T, 1).max() > APART:
        return []
    return [np.flatnonzero(side == i) for i in range(k)]
