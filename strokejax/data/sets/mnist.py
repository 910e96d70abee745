"""The IDX files of MNIST's family: arrays of bytes behind a short header."""

import gzip
import zipfile
import zlib

import numpy as np

from strokejax.types import InputError

MAX_BYTES = 2**31


def read_idx(files: zipfile.ZipFile, member: str, axes: int) -> np.ndarray:
    """One gzipped IDX member of bytes, u8 with `axes` axes.

    The format: two zero bytes, 0x08 for unsigned bytes, the number of axes, each axis
    as a big-endian int32, then the values.
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
            size = int(np.prod(shape, dtype=object))
            if size > MAX_BYTES:
                raise InputError(
                    f"{member} announces {shape} values, above the limit of "
                    f"{MAX_BYTES:,} bytes; fetch the archive again."
                )
            values = stream.read(size + 1)
        except (EOFError, OSError, zlib.error) as error:
            raise InputError(
                f"{member} breaks off or is damaged ({error}); fetch the archive again."
            ) from error
    if len(values) != size:
        more = "more than " if len(values) > size else ""
        raise InputError(
            f"{member} holds {more}{min(len(values), size)} bytes where its header "
            f"{shape} announces {size}; fetch the archive again."
        )
    return np.frombuffer(values, np.uint8).reshape(shape)
