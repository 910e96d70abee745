"""Batches of a data set in memory, as a pure function of the seed and the step.

Only indices travel through grain; each batch is gathered from whole arrays at once,
much faster than example by example. A stream is indexed by its step, so a resumed run
needs no saved iterator, and every host takes its own rows of the same global batch.
"""

from collections.abc import Callable, Iterator

import grain
import numpy as np

from strokejax.data.dataset import Dataset
from strokejax.types import Batch

MAX_STEPS = 2**31
"""Length of an endless stream; the int32 step counter of a state ends there too."""


# Streams of batches.


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
    """An endless stream from step `start` on, of `rows` of each global batch.

    Shuffled: every epoch is a new permutation, and a batch may span two epochs. With
    `classes`, each batch has that many classes instead, all of one data set of a
    mixture (`class_batches`). With `repeat`, the first `repeat` batches recur.
    """
    if classes:
        of_classes = class_batches(
            dataset.labels,
            classes=classes,
            size=batch_size,
            seed=seed,
            sets=None if dataset.origin is None else dataset.origin[dataset.labels],
        )
        order = grain.MapDataset.range(MAX_STEPS).map(of_classes)
    else:
        order = grain.MapDataset.range(len(dataset)).shuffle(seed=seed).repeat()
        order = order.batch(batch_size)
    return _prefetch(order, lambda index: _gather(dataset, index[rows]), start, repeat)


def eval_batches(dataset: Dataset, batch_size: int, *, rows: slice) -> Iterator[Batch]:
    """One pass over the data set in order; the last batch is padded and masked."""
    for start in range(0, len(dataset), batch_size):
        index = np.arange(start, start + batch_size)
        # Padding repeats the last sample, so that it holds ordinary values.
        batch = _gather(dataset, np.minimum(index, len(dataset) - 1)[rows])
        yield batch._replace(mask=(index < len(dataset))[rows])


def stream(at: Callable[[int], Batch], start: int, repeat: int = 0) -> Iterator[Batch]:
    """`at(step)` without end, from step `start` on.

    With `repeat`, the first `repeat` batches recur.
    """
    return _prefetch(grain.MapDataset.range(MAX_STEPS), at, start, repeat)


def _prefetch(
    order: grain.MapDataset, make: Callable, start: int, repeat: int
) -> Iterator[Batch]:
    """Batches that a thread makes ahead of their use."""
    if repeat:
        order = order[:repeat].repeat()
    options = grain.ReadOptions(num_threads=1, prefetch_buffer_size=4)
    return iter(order.map(make)[start:].to_iter_dataset(options))


def _gather(dataset: Dataset, index: np.ndarray) -> Batch:
    inputs = {name: leaf[index] for name, leaf in dataset.inputs.items()}
    return Batch(inputs, dataset.labels[index], np.ones(len(index), bool))


# Batches of few classes with several samples each, for metric-learning losses.


def class_batches(
    labels: np.ndarray,
    *,
    classes: int,
    size: int,
    seed: int = 0,
    sets: np.ndarray | None = None,
) -> Callable[[int], np.ndarray]:
    """`at(step) -> i64[size]`: samples of P classes with K samples each, P K = `size`.

    A batch depends on the seed and its step alone. With `sets` [n], the data set of
    each sample, all classes of a batch are of one data set, drawn in proportion to its
    size. Where a data set has fewer than P classes, K grows; a class with fewer than K
    samples is drawn with replacement.

    Hermans et al., In Defense of the Triplet Loss, 2017.
    """
    labels = np.asarray(labels)
    sets = np.zeros(len(labels)) if sets is None else np.asarray(sets)
    pools = [_members(labels, np.flatnonzero(sets == name)) for name in np.unique(sets)]
    shares = np.array([sum(map(len, pool)) for pool in pools]) / len(labels)

    def at(step: int) -> np.ndarray:
        rng = np.random.default_rng([seed, step])
        pool = pools[rng.choice(len(pools), p=shares)]
        chosen = rng.permutation(len(pool))[:classes]
        # Rounded borders spread `size` over the classes, to within one sample.
        counts = np.diff(np.linspace(0, size, len(chosen) + 1).round().astype(int))
        drawn = [
            rng.choice(pool[c], count, replace=count > len(pool[c]))
            for c, count in zip(chosen.tolist(), counts.tolist(), strict=True)
        ]
        return np.concatenate(drawn)

    return at


def _members(labels: np.ndarray, samples: np.ndarray) -> list[np.ndarray]:
    """The indices in `samples`, grouped by class."""
    order = samples[np.argsort(labels[samples], kind="stable")]
    return np.split(order, np.flatnonzero(np.diff(labels[order])) + 1)
