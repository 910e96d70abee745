"""Batches from a data set in memory: a pure function of the seed and the step.

Only indices travel through grain; a batch is gathered from whole arrays at once, which
is much faster than example by example. Because the stream is indexed by step, a resumed
run needs no saved iterator, and every host finds its rows of the same global batch.
"""

from collections.abc import Callable, Iterator

import grain
import numpy as np

from strokejax.data.dataset import Dataset
from strokejax.types import Batch

# Batches of few classes with several samples each, for losses between examples.


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


FOR_EVER = 2**31
"""Steps; the step counter of a state ends there as well."""


def train_batches(
    dataset: Dataset,
    batch_size: int,
    *,
    seed: int,
    start: int,
    rows: slice,
    classes: int = 0,
    repeat: int = 0,
) -> Iterator[Batch]:
    """Batches for ever, from step `start` on; `rows` of each global batch.

    With `repeat` the first so many over and over.

    Shuffled: every epoch is a new permutation, a batch may span two epochs. Or, with
    `classes`, of so many classes each, all of one of a mixture's data sets.
    """
    if classes:
        of_classes = class_batches(
            dataset.labels,
            classes=classes,
            size=batch_size,
            seed=seed,
            sets=None if dataset.origin is None else dataset.origin[dataset.labels],
        )
        order = grain.MapDataset.range(FOR_EVER).map(of_classes)
    else:
        order = grain.MapDataset.range(len(dataset)).shuffle(seed=seed).repeat()
        order = order.batch(batch_size)
    return _ahead(order, lambda index: _gather(dataset, index[rows]), start, repeat)


def stream(at: Callable[[int], Batch], start: int, repeat: int = 0) -> Iterator[Batch]:
    """`at(step)` for ever, from step `start` on; with `repeat` the first so many."""
    return _ahead(grain.MapDataset.range(FOR_EVER), at, start, repeat)


def _ahead(
    order: grain.MapDataset, make: Callable, start: int, repeat: int
) -> Iterator[Batch]:
    """Batches made ahead of time in a thread."""
    if repeat:
        order = order[:repeat].repeat()
    options = grain.ReadOptions(num_threads=1, prefetch_buffer_size=4)
    return iter(order.map(make)[start:].to_iter_dataset(options))


def eval_batches(dataset: Dataset, batch_size: int, *, rows: slice) -> Iterator[Batch]:
    """The data set once, in its order; the last batch is padded and masked."""
    for start in range(0, len(dataset), batch_size):
        index = np.arange(start, start + batch_size)
        batch = _gather(dataset, np.minimum(index, len(dataset) - 1)[rows])
        yield batch._replace(mask=(index < len(dataset))[rows])


def _gather(dataset: Dataset, index: np.ndarray) -> Batch:
    inputs = {name: leaf[index] for name, leaf in dataset.inputs.items()}
    return Batch(inputs, dataset.labels[index], np.ones(len(index), bool))
