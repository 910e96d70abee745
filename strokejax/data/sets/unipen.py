"""UNIPEN: pen letters and digits of 236 writers (train_r01_v07, CC BY 4.0)."""

from pathlib import Path

import numpy as np

from strokejax.data.dataset import Dataset, data_file
from strokejax.data.splits import split_mask
from strokejax.ink.packed import PackedInk, read_packed
from strokejax.ink.resample import resample
from strokejax.table.symbols import STROKES
from strokejax.types import InputError

FILE = "unipen_alnum_dev.npz"


def load_unipen(
    split: str, *, root: str | Path | None = None, count: int = 64
) -> Dataset:
    """Letters and digits by the writers of a split, "train" or "validation".

    Inputs: "points" f32[n count 3] and "size" f32[n], the longer side over the
    writer's median letter or digit. Labels index the 63 strokes; the space has no
    samples. InputError if the file is missing or lacks an array.
    """
    path = data_file(FILE, root)
    packed, extra = read_packed(path)
    for key in ("label", "writer", "relative_size"):
        if key not in extra:
            raise InputError(f"{path} has no array {key!r}; fetch the file again.")
    # By writer: validation measures hands that training never saw.
    chosen = np.flatnonzero(split_mask(split, "writer", extra["writer"]))
    return Dataset(
        name=f"unipen/{split}",
        inputs={
            "points": resample(take_packed(packed, chosen), count),
            "size": extra["relative_size"][chosen].astype(np.float32),
        },
        labels=stroke_labels(extra["label"][chosen], str(path)),
        symbols=STROKES,
        groups=extra["writer"][chosen],
        group_kind="writer",
    )


def stroke_labels(names: np.ndarray, where: str) -> np.ndarray:
    """i32[n]: labels of the symbols str[n]; InputError, citing `where`, for others."""
    index = {name: i for i, name in enumerate(STROKES)}
    # Once a distinct name: a data set has thousands of samples of few symbols.
    unique, inverse = np.unique(names, return_inverse=True)
    unknown = [str(name) for name in unique if name not in index]
    if unknown:
        raise InputError(
            f"{where}: {len(unknown)} labels are not among the {len(STROKES)} strokes "
            f"({', '.join(map(repr, unknown[:5]))}); leave them out or rename them."
        )
    return np.array([index[name] for name in unique], np.int32)[inverse]


def take_packed(packed: PackedInk, chosen: np.ndarray) -> PackedInk:
    """Packed ink of the samples with these indices, i64[m] in ascending order."""
    points, stroke_start, sample_start = packed
    # Masks over samples, then over their strokes, then over their points.
    samples = np.zeros(len(sample_start) - 1, bool)
    samples[chosen] = True
    strokes = np.repeat(samples, np.diff(sample_start))
    return PackedInk(
        points[np.repeat(strokes, np.diff(stroke_start))],
        _offsets(np.diff(stroke_start)[strokes]),
        _offsets(np.diff(sample_start)[samples]),
    )


def _offsets(counts: np.ndarray) -> np.ndarray:
    return np.concatenate([[0], np.cumsum(counts)])
