"""MNIST's digits, and the IDX files of MNIST's family: bytes behind a short header."""

import gzip
import zipfile
import zlib
from pathlib import Path

import numpy as np

from strokejax.data.dataset import Dataset, as_rasters, data_file, read_arrays
from strokejax.data.splits import check_split
from strokejax.table.symbols import STROKES
from strokejax.types import InputError

FILES = {"train": "mnist_train_20000.npz", "validation": "mnist_test_10000.npz"}
MAX_BYTES = 2**31
"""Values of an IDX file."""


def load_mnist(
    split: str,
    *,
    root: str | Path | None = None,
    size: int = 28,
    margin: int = 4,
    width: float = 3.0,
) -> Dataset:
    """Digits as "image" u8[n size size] in the model's raster.

    "train" is 20,000 training images, "validation" MNIST's test set. `margin` and the
    pen's `width` are in pixels. Labels index the 63 strokes. Writers are unknown, so
    each sample is its own group.
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
        # The strokes list the digits in order, after the letters.
        labels=digits.astype(np.int32) + STROKES.index("0"),
        symbols=STROKES,
        groups=np.arange(len(digits)).astype(str),
        group_kind="sample",
    )


def read_idx(files: zipfile.ZipFile, member: str, axes: int) -> np.ndarray:
    """One gzipped IDX member of unsigned bytes, as u8 with `axes` axes.

    The format: two zero bytes, 0x08 for unsigned bytes, the number of axes, each axis
    as a big-endian int32, then the values. InputError for anything else.
    """
    with files.open(member) as packed, gzip.open(packed) as stream:
        try:
            header = stream.read(4 + 4 * axes)
            expected = bytes([0, 0, 8, axes])
            if header[:4] != expected or len(header) < 4 + 4 * axes:
                raise InputError(
                    f"{member} starts with {header[:4].hex()} and not with "
                    f"{expected.hex()}, an IDX file of bytes with {axes} axes; "
                    f"fetch the archive again."
                )
            shape = np.frombuffer(header, ">u4", offset=4).astype(int).tolist()
            # As Python integers: a hostile header overflows int64.
            size = int(np.prod(shape, dtype=object))
            if size > MAX_BYTES:
                raise InputError(
                    f"{member} announces {shape} values, above the limit of "
                    f"{MAX_BYTES:,} bytes; fetch the archive again."
                )
            values = stream.read(size + 1)  # one more byte shows a member that is long
        except (EOFError, OSError, zlib.error) as error:
            raise InputError(
                f"{member} is truncated or damaged ({error}); fetch the archive again."
            ) from error
    if len(values) != size:
        more = "more than " if len(values) > size else ""
        raise InputError(
            f"{member} holds {more}{min(len(values), size)} bytes where its header "
            f"{shape} announces {size}; fetch the archive again."
        )
    return np.frombuffer(values, np.uint8).reshape(shape)
