"""Prototypes of a symbol: clusters of its embeddings, a row for each."""

import numpy as np

from strokejax.table.table import PART, unit

SPLIT_BELOW = 0.55
"""Cosine of two means below which they are separate prototypes."""
MERGE_ABOVE = 0.9
"""Cosine of two means above which variants share a row. Of nine Detexify symbols, each
registered from five drawings in all eight rotations with a network of shape alone, 94 %
of rotated drawings are recognised; with a limit of 0.8 it is 92 %, of 0.7 87 %, of
`SPLIT_BELOW` 75 %. It takes 5 to 7 rows instead of 2."""
MIN_DRAWINGS, MAX_PROTOTYPES = 3, 16
"""Fewest drawings of a prototype, and most prototypes of a symbol."""
ITERATIONS = 10


def clusters(z: np.ndarray) -> list[np.ndarray]:
    """Spherical k-means of embeddings f32[n d]: the indices of each cluster.

    k is the largest that leaves clusters of `MIN_DRAWINGS` and means with cosines below
    `SPLIT_BELOW` (I. S. Dhillon and D. S. Modha, "Concept decompositions", Machine
    Learning 42, 2001). The initial means are a farthest-first traversal (T. F.
    Gonzalez, "Clustering to minimize the maximum intercluster distance", Theoretical
    Computer Science 38, 1985).
    """
    result = [np.arange(len(z))]
    largest = min(MAX_PROTOTYPES, len(z) // MIN_DRAWINGS)
    if largest < 2:
        return result
    starts = _farthest_first(z, largest)
    for k in range(2, largest + 1):
        result = _k_means(z, z[starts[:k]]) or result
    return sorted(result, key=min)


def groups(z: np.ndarray, drawing: np.ndarray, variant: np.ndarray) -> list[np.ndarray]:
    """The indices of embeddings f32[n d] that share a row, for each row.

    `drawing` i[n] and `variant` str[n] name the drawing of each embedding and its
    variant. A variant of a cluster of drawings is a group; then the two groups with the
    nearest means are merged while the cosine is above `MERGE_ABOVE` or there are more
    than `MAX_PROTOTYPES`.
    """
    plain = np.flatnonzero(variant == "")
    result = []
    for part in clusters(z[plain]):
        chosen = np.isin(drawing, drawing[plain[part]])
        for name in np.unique(variant[chosen]):
            result.append(np.flatnonzero(chosen & (variant == name)))
    sums = np.stack([z[part].sum(0) for part in result])
    while len(result) > 1:
        means = unit(sums)
        # Only pairs above the diagonal count; no cosine is below -2.
        cosine = np.triu(means @ means.T, 1) - 2 * np.tri(len(result))
        i, j = np.unravel_index(cosine.argmax(), cosine.shape)
        if cosine[i, j] <= MERGE_ABOVE and len(result) <= MAX_PROTOTYPES:
            break
        result[i] = np.sort(np.concatenate([result[i], result.pop(j)]))
        sums[i] += sums[j]
        sums = np.delete(sums, j, 0)
    return sorted(result, key=min)


def _farthest_first(z: np.ndarray, count: int) -> list[int]:
    """Indices: the farthest pair, then each time the farthest from all before."""
    lowest, chosen = np.inf, [0, 0]
    for start in range(0, len(z), PART):
        cosine = z[start : start + PART] @ z.T
        i, j = np.unravel_index(cosine.argmin(), cosine.shape)
        if cosine[i, j] < lowest:
            lowest, chosen = cosine[i, j], [start + int(i), int(j)]
    while len(chosen) < count:
        chosen.append(int((z @ z[chosen].T).max(1).argmin()))
    return chosen


def _k_means(z: np.ndarray, means: np.ndarray) -> list[np.ndarray]:
    """Clusters from initial means f32[k d]; [] if one is too small or two too near."""
    k = len(means)
    label = np.zeros(len(z), int)
    for _ in range(ITERATIONS):
        label = (z @ means.T).argmax(1)
        if np.bincount(label, minlength=k).min() < MIN_DRAWINGS:
            return []
        means = unit(np.stack([z[label == i].sum(0) for i in range(k)]))
    if np.triu(means @ means.T, 1).max() > SPLIT_BELOW:
        return []
    return [np.flatnonzero(label == i) for i in range(k)]
