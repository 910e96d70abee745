"""The data sets of a job, as its config asks for them."""

from dataclasses import replace

import numpy as np

from strokejax.config import Config
from strokejax.config_config_checks import shares
from strokejax.data.dataset import Dataset, mix
from strokejax.data.sets.load import load
from strokejax.search.character_model import load_words
from strokejax.table.symbols import SPACE
from strokejax.tasks.fonts.data import load_fonts
from strokejax.train.logging import progress

TEST_WRITERS = 10
SPACE_SIZE = (0.3, 1.5)
"""Length of a space over the longer side of a usual letter."""


def load_sets(config: Config) -> tuple[Dataset, Dataset, Dataset]:
    """Training, validation and test set.

    Only the built-in hand has writers to spare for a test set; elsewhere the validation
    set serves.
    """
    train, valid, test = _load(config)
    if set(train.symbols).isdisjoint(valid.symbols):
        # Held-out classes have no rows to be recognised by: hold out people instead.
        train, valid = _split_by_group(train)
        test = valid
    train = _with_space(train, config)
    if config.data.also:
        train, valid, test = _with_others(config, train, valid, test)
    limits = config.data.limit_train, config.data.limit_valid
    train = _sample(train, limits[0], config.seed)
    valid, test = (_sample(x, limits[1], config.seed) for x in (valid, test))
    if config.sanity == "overfit_one_batch":
        train = valid = test = _sample(train, config.loop.batch_size, config.seed)
    if config.sanity == "zero_inputs":
        train, valid, test = (_zeroed(x) for x in (train, valid, test))
    return train, valid, test


def _with_others(config: Config, train: Dataset, *held_out: Dataset):
    """More data sets mixed into the training set; the others in the same form."""
    others = []
    for name, share in shares(config.data.also):
        other = _part(config, name, "train", config.data.writers)
        others.append(_share(other, share, config.seed))
    blank = [other.take(np.zeros(0, int)) for other in others]
    return mix([train, *others]), *(mix([each, *blank]) for each in held_out)


def _load(config: Config) -> tuple[Dataset, Dataset, Dataset]:
    data = config.data
    train = _part(config, data.name, "train", data.writers)
    valid = _part(config, data.name, "validation", TEST_WRITERS)
    if data.name not in ("synthetic", "fonts"):
        return train, valid, valid
    return train, valid, _part(config, data.name, "test", TEST_WRITERS)


def _part(config: Config, name: str, split: str, writers: int) -> Dataset:
    data, raster = config.data, config.raster
    if name == "fonts":
        return load_fonts(
            split,
            load_words("en"),
            root=data.root or None,
            count=data.samples,
            height=raster.size,
            width=data.width,
            seed=config.seed,
            cache=data.cache,
            watch=progress,
        )
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
    """Every sixth group, in the order of their names, is held out."""
    held_out = np.isin(dataset.groups, np.unique(dataset.groups)[::6])
    return dataset.select(~held_out), dataset.select(held_out)


def _with_space(dataset: Dataset, config: Config) -> Dataset:
    """Ink of letters without samples of space gets a share of built-in ones."""
    if SPACE not in dataset.symbols or "points" not in dataset.inputs:
        return dataset
    label = dataset.symbols.index(SPACE)
    count = round(config.data.space * len(dataset))
    if not count or (dataset.labels == label).any():
        return dataset
    from strokejax.ink.resample import resample
    from strokejax.ink.synthesis.handwriting import random_writer, write_many

    rng = np.random.default_rng([config.seed, 63])
    parts = [
        resample(write_many(SPACE, random_writer(rng), rng, 8), config.data.points)
        for _ in range(-(-count // 8))
    ]
    inputs = {"points": np.concatenate(parts)[:count]}
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


def _sample(dataset: Dataset, limit: int, seed: int) -> Dataset:
    """At most `limit` examples, drawn at random; 0 keeps all."""
    if not limit or limit >= len(dataset):
        return dataset
    chosen = np.random.default_rng(seed).permutation(len(dataset))[:limit]
    return dataset.take(np.sort(chosen))


def _share(dataset: Dataset, share: float, seed: int) -> Dataset:
    """That many times as many examples: whole copies, then some drawn at random."""
    copies = [np.arange(len(dataset))] * int(share)
    rest = round((share - int(share)) * len(dataset))
    some = np.random.default_rng(seed).permutation(len(dataset))[:rest]
    return dataset.take(np.concatenate([*copies, np.sort(some)]))


def _zeroed(dataset: Dataset) -> Dataset:
    inputs = {name: np.zeros_like(leaf) for name, leaf in dataset.inputs.items()}
    return replace(dataset, inputs=inputs)
