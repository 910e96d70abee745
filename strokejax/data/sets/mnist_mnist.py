"""MNIST's digits, 20,000 for training and the 10,000 test images."""

from pathlib import Path

import numpy as np

from strokejax.data.dataset import Dataset, as_rasters, data_file, read_arrays
from strokejax.data.splits import check_split
from strokejax.table.symbols import STROKES
from strokejax.types import InputError

FILES = {"train": "mnist_train_20000.npz", "validation": "mnist_test_10000.npz"}


def load_mnist(
    split: str,
    *,
    root: str | Path | None = None,
    size: int = 28,
    margin: int = 4,
    width: float = 3.0,
) -> Dataset:
    """Digits as "image" u8[n size size] in the model's raster.

    "validation" is MNIST's test set. `margin` and the pen's `width` are in pixels.
    Labels index the 63 strokes. Writers are unknown, so each sample is its own group.
    """
    check_split(split)
    path = data_file(FILES[split], root)
    images, digits = read_arrays(path, "x", "y")
    if images.ndim != 3 or images.dtype != np.uint8 or digits.ndim != 1:
        raise InputError(
            f"{path}: x is {images.dtype}{list(images.shape)} and y has "
            f"{digits.ndim} axes; x must be u8[n, h, w] and y [n]."
        )
    if digits.size and digits.max() > 9:
        raise InputError(f"{path}: y reaches {digits.max()}; digits end at 9.")
    return Dataset(
        name=f"mnist/{split}",
        inputs={"image": as_rasters(images, size=size, margin=margin, width=width)},
        labels=digits.astype(np.int32) + STROKES.index("0"),
        symbols=STROKES,
        groups=np.arange(len(digits)).astype(str),
        group_kind="sample",
    )
