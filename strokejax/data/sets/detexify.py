"""Detexify: hand-drawn LaTeX symbols, points without writers (ODbL 1.0)."""

from pathlib import Path

import numpy as np

from strokejax.data.dataset import Dataset, data_file
from strokejax.data.sets.unipen import take_packed
from strokejax.data.splits import split_mask
from strokejax.ink.formats import read_packed
from strokejax.ink.resample import resample
from strokejax.types import InputError

FILE = "detexify_dev.npz"


def load_detexify(
    split: str, *, root: str | Path | None = None, count: int = 64
) -> Dataset:
    """Symbols of the classes of a split, "train" or "validation".

    Input: "points" f32[n count 3]. Writers are unknown: each sample is its own group.
    """
    path = data_file(FILE, root)
    packed, extra = read_packed(path)
    if "label" not in extra:
        raise InputError(f"{path} has no array 'label'; fetch the file again.")
    chosen = np.flatnonzero(split_mask(split, "class", extra["label"]))
    symbols, labels = np.unique(extra["label"][chosen], return_inverse=True)
    return Dataset(
        name=f"detexify/{split}",
        inputs={"points": resample(take_packed(packed, chosen), count)},
        labels=labels.astype(np.int32),
        symbols=tuple(symbols.tolist()),
        groups=chosen.astype(str),
        group_kind="sample",
    )
