"""Batches from a data set in memory: a pure function of the seed and the step.

Only indices travel through grain; a batch is gathered from whole arrays at once, which
is much faster than example by example. Because the stream is indexed by step, a resumed
run needs no saved iterator, and every host finds its rows of the same global batch.
"""

from collections.abc import Callable, Iterator

import grain
import numpy as np

from strokejax.data.dataset import Dataset
from strokejax.data.pipeline_class_batches import class_batches
from strokejax.types import Batch

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
