"""Detexify: LaTeX symbols drawn by unknown writers, as points (ODbL 1.0)."""

from pathlib import Path

import numpy as np

from strokejax.data.dataset import Dataset, data_file
from strokejax.data.sets.unipen import take_packed
from strokejax.data.splits import split_mask
from strokejax.ink.packed import read_packed
from strokejax.ink.resample import resample
from strokejax.types import InputError

FILE = "detexify_dev.npz"


def load_detexify(
    split: str, *, root: str | Path | None = None, count: int = 64
) -> Dataset:
    """The drawings of the classes of a split, "train" or "validation".

    Input: "points" f32[n count 3]. Each sample is a group of its own, for want of the
    writers. InputError if the file is missing or lacks its labels.
    """
    path = data_file(FILE, root)
    packed, extra = read_packed(path)
    if "label" not in extra:
        raise InputError(f"{path} has no array 'label'; fetch the file again.")
    # By class: validation symbols are never trained on.
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
