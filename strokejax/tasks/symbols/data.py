"""The training, validation and test sets that a config names."""

from dataclasses import replace

import numpy as np

from strokejax.data.dataset import Dataset, mix
from strokejax.data.sets.load import load
from strokejax.settings import Config, shares
from strokejax.table.symbols import SPACE

TEST_WRITERS = 10
"""Synthetic writers in the validation set, and as many others in the test set."""
SPACE_SIZE = (0.3, 1.5)
"""Length of a space relative to the longer side of a usual letter."""


def load_sets(config: Config) -> tuple[Dataset, Dataset, Dataset]:
    """Training, validation and test set.

    Only the synthetic writers are numerous enough for a test set of their own; for
    other data the validation set also serves as test set.
    """
    train, valid, test = _load(config)
    if set(train.symbols).isdisjoint(valid.symbols):
        # Held-out classes have no rows in the table, so hold out people instead.
        train, valid = _split_by_group(train)
        test = valid
    train = _with_space(train, config)
    if config.data.also:
        train, valid, test = _with_others(config, train, valid, test)
    return train, valid, test


def _with_others(config: Config, train: Dataset, *held_out: Dataset):
    """Mixes more data sets into the training set.

    The held-out sets get the same classes and inputs, and no examples: all sets of a
    job need one form.
    """
    others = []
    for name, share in shares(config.data.also):
        other = _split(config, name, "train", config.data.writers)
        others.append(_repeat(other, share, config.seed))
    empty = [other.take(np.zeros(0, int)) for other in others]
    return mix([train, *others]), *(mix([dataset, *empty]) for dataset in held_out)


def _load(config: Config) -> tuple[Dataset, Dataset, Dataset]:
    data = config.data
    train = _split(config, data.name, "train", data.writers)
    valid = _split(config, data.name, "validation", TEST_WRITERS)
    if data.name != "synthetic":
        return train, valid, valid
    return train, valid, _split(config, data.name, "test", TEST_WRITERS)


def _split(config: Config, name: str, split: str, writers: int) -> Dataset:
    """One split of one data set, with the config's settings."""
    data, raster = config.data, config.raster
    return load(
        name,
        split,
        root=data.root or None,
        points=data.points,
        size=raster.size,
        margin=raster.margin,
        width=raster.width,
        seed=config.seed,
        writers=writers,
        samples=data.samples,
        rotations=data.rotations,
        strokes=data.strokes,
        emnist_config=data.emnist_config,
        download=data.download,
    )


def _split_by_group(dataset: Dataset) -> tuple[Dataset, Dataset]:
    """Holds out every sixth group, in the order of the groups' names."""
    held_out = np.isin(dataset.groups, np.unique(dataset.groups)[::6])
    return dataset.select(~held_out), dataset.select(held_out)


def _with_space(dataset: Dataset, config: Config) -> Dataset:
    """Adds synthetic samples of `space` to ink that has the class but no sample."""
    if SPACE not in dataset.symbols or "points" not in dataset.inputs:
        return dataset
    label = dataset.symbols.index(SPACE)
    count = round(config.data.space * len(dataset))
    if not count or (dataset.labels == label).any():
        return dataset
    from strokejax.ink.resample import resample
    from strokejax.ink.synthesis.handwriting import random_writer, write_many

    rng = np.random.default_rng([config.seed, 63])
    # Eight samples a writer: the last writer's surplus is cut off below.
    batches = [
        resample(write_many(SPACE, random_writer(rng), rng, 8), config.data.points)
        for _ in range(-(-count // 8))
    ]
    inputs = {"points": np.concatenate(batches)[:count]}
    if "size" in dataset.inputs:
        inputs["size"] = rng.uniform(*SPACE_SIZE, count).astype(np.float32)
    return replace(
        dataset,
        inputs={
            name: np.concatenate([leaf, inputs[name]])
            for name, leaf in dataset.inputs.items()
        },
        labels=np.concatenate([dataset.labels, np.full(count, label, np.int32)]),
        groups=np.concatenate([dataset.groups, np.full(count, "built-in hand")]),
    )


def _repeat(dataset: Dataset, share: float, seed: int) -> Dataset:
    """`share` times as many examples: whole copies, and a random part of another."""
    copies = [np.arange(len(dataset))] * int(share)
    rest = round((share - int(share)) * len(dataset))
    sample = np.random.default_rng(seed).permutation(len(dataset))[:rest]
    return dataset.take(np.concatenate([*copies, np.sort(sample)]))
