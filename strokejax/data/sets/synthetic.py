"""Synthetic handwriting: the 63 symbols by random writers; numpy only."""

from typing import Literal, get_args

import numpy as np

from strokejax.data.dataset import Dataset
from strokejax.ink.packed import PackedInk
from strokejax.ink.resample import longer_sides, resample
from strokejax.ink.synthesis.handwriting import random_writer, write_many
from strokejax.table.symbols import STROKES
from strokejax.types import InputError

Split = Literal["train", "validation", "test"]
SPLITS: tuple[Split, ...] = get_args(Split)


def load_synthetic(
    *,
    writers: int = 40,
    samples: int = 4,
    seed: int = 0,
    split: Split = "train",
    count: int = 64,
) -> Dataset:
    """`samples` samples of each of the 63 symbols by each of `writers` writers.

    `inputs` are "points" f32[n count 3] (`ink.resample`) and "size" f32[n], the longer
    side over the writer's median letter or digit. Labels index `symbols.STROKES`;
    groups are the writers. (seed, split, index) determine a writer, so no writer is in
    two splits, and additional writers leave the first ones unchanged. InputError for an
    unknown split and for numbers below 1.
    """
    if split not in SPLITS:
        raise InputError(
            f"The synthetic data has no split {split!r}; choose {', '.join(SPLITS)}."
        )
    for name, value in (("writers", writers), ("samples", samples)):
        if value < 1:
            raise InputError(f"data.{name} is {value}; it must be at least 1.")
    pages = [_pages(seed, split, index, samples) for index in range(writers)]
    packed = _concatenate([ink for page in pages for ink in page])
    labels = np.tile(np.repeat(np.arange(len(STROKES)), samples), writers)
    names = np.array([f"{split}-{index:04d}" for index in range(writers)])
    return Dataset(
        name=f"synthetic/{split}",
        inputs={"points": resample(packed, count), "size": _sizes(packed, writers)},
        labels=labels.astype(np.int32),
        symbols=STROKES,
        groups=np.repeat(names, len(STROKES) * samples),
        group_kind="writer",
    )


def _pages(seed: int, split: Split, index: int, samples: int) -> list[PackedInk]:
    """The ink of one writer: `samples` of each symbol, symbols in order."""
    # `spawn_key` gives each writer an independent stream of random numbers.
    sequence = np.random.SeedSequence(seed, spawn_key=(SPLITS.index(split), index))
    rng = np.random.default_rng(sequence)
    writer = random_writer(rng)
    return [write_many(symbol, writer, rng, samples) for symbol in STROKES]


def _sizes(packed: PackedInk, writers: int) -> np.ndarray:
    """f32[n]: each sample's longer side over the writer's median letter or digit."""
    side = longer_sides(packed).reshape(writers, len(STROKES), -1)
    # The last symbol is the space.
    median = np.median(side[:, :-1], axis=(1, 2), keepdims=True)
    return (side / median).astype(np.float32).ravel()


def _concatenate(inks: list[PackedInk]) -> PackedInk:
    points = np.concatenate([ink.points for ink in inks])
    return PackedInk(
        points,
        _offsets([np.diff(ink.stroke_start) for ink in inks]),
        _offsets([np.diff(ink.sample_start) for ink in inks]),
    )


def _offsets(counts: list[np.ndarray]) -> np.ndarray:
    return np.concatenate([[0], np.cumsum(np.concatenate(counts))])
