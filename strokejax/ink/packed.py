"""Packed ink: a whole data set as three arrays, and its npz files."""

import io
import tokenize
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from strokejax.files import read_bytes, save_file
from strokejax.ink.limits import MAX_PACKED_BYTES
from strokejax.types import Ink, InputError

MAX_UNPACKED_BYTES = 512 * 2**20


class PackedInk(NamedTuple):
    """Ragged samples; each has at least one stroke, and each stroke at least one point.

    Sample i has the strokes `points[stroke_start[s]:stroke_start[s + 1]]` for s in
    `range(sample_start[i], sample_start[i + 1])`; both offsets end with a total.
    """

    points: np.ndarray
    """[p, 2] x and y (y down), or [p, 3] with t in seconds; integers or floats."""
    stroke_start: np.ndarray
    """int[s + 1]: first point of each stroke."""
    sample_start: np.ndarray
    """int[n + 1]: first stroke of each sample."""


# In memory


def pack(inks: Sequence[Ink]) -> PackedInk:
    """Packs inks; drops empty strokes, and the times if none of them is known.

    InputError for an ink without points.
    """
    for i, ink in enumerate(inks):
        if not ink.points:
            raise InputError(f"Ink {i} of {len(inks)} has no points; leave it out.")
    samples = [[stroke for stroke in ink.strokes if len(stroke)] for ink in inks]
    strokes = [stroke for sample in samples for stroke in sample]
    # The empty array gives a pack of no samples its shape.
    points = np.concatenate([np.zeros((0, 3), np.float32), *strokes])
    if np.isnan(points[:, 2]).all():
        points = points[:, :2]
    return PackedInk(
        points,
        np.cumsum([0, *map(len, strokes)]),
        np.cumsum([0, *map(len, samples)]),
    )


def unpack(packed: PackedInk, i: int) -> Ink:
    """Sample i as Ink; t is NaN if the pack has no times."""
    first, last = packed.sample_start[i], packed.sample_start[i + 1]
    borders = packed.stroke_start[first : last + 1]
    points = packed.points[borders[0] : borders[-1]].astype(np.float32)
    if points.shape[1] == 2:
        points = np.column_stack([points, np.full(len(points), np.nan, np.float32)])
    return Ink(tuple(np.split(points, borders[1:-1] - borders[0])))


# In files


def read_packed(path: str | Path) -> tuple[PackedInk, dict[str, np.ndarray]]:
    """Packed ink of an npz file, and its other arrays: label, writer ... per sample.

    InputError: the file is damaged or above 64 MiB (512 MiB unpacked), or its arrays do
    not fit together. Nothing in it is ever unpickled.
    """
    arrays = _read_arrays(path)
    missing = [name for name in PackedInk._fields if name not in arrays]
    if missing:
        raise InputError(
            f"{path} has the arrays {', '.join(arrays)[:80]!r}, but packed ink "
            f"needs {', '.join(PackedInk._fields)}; write it with write_packed."
        )
    packed = PackedInk(*(arrays.pop(name) for name in PackedInk._fields))
    check_packed(packed, arrays, str(path))
    return packed, arrays


def write_packed(path: str | Path, packed: PackedInk, **columns: ArrayLike) -> None:
    """Writes packed ink and columns of one entry per sample, atomically.

    InputError: a column holds Python objects, or the arrays do not fit together.
    """
    arrays = {name: np.asarray(column) for name, column in columns.items()}
    for name, array in arrays.items():
        if array.dtype.hasobject:
            raise InputError(
                f"{path}: the column {name!r} holds Python objects; give numbers or "
                f"strings."
            )
    check_packed(packed, arrays, str(path))
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **{**packed._asdict(), **arrays})
    save_file(path, buffer.getvalue())


def _read_arrays(path: str | Path) -> dict[str, np.ndarray]:
    file = io.BytesIO(read_bytes(path, MAX_PACKED_BYTES))
    try:
        # A small file may unpack to a huge one; its directory says so beforehand.
        with zipfile.ZipFile(file) as archive:
            size = sum(entry.file_size for entry in archive.infolist())
        if size > MAX_UNPACKED_BYTES:
            raise InputError(
                f"{path} unpacks to {size / 2**20:,.0f} MiB, above the limit of "
                f"{MAX_UNPACKED_BYTES / 2**20:.0f} MiB; give several smaller files."
            )
        with np.load(file, allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}
    except InputError:
        raise
    # Damaged bytes may fail in zipfile, in zlib, or where numpy parses its header.
    except (
        EOFError,
        MemoryError,
        NotImplementedError,
        OSError,
        RuntimeError,
        SyntaxError,
        TypeError,
        ValueError,
        tokenize.TokenError,
        zipfile.BadZipFile,
        zlib.error,
    ) as error:
        reason = " ".join(str(error).split())[:120]
        raise InputError(
            f"{path} is not a valid npz file of plain arrays ({reason}); write it "
            f"again with write_packed."
        ) from error


# Validation


def check_packed(packed: PackedInk, columns: dict[str, np.ndarray], where: str) -> None:
    """InputError unless the arrays are packed ink with one column entry per sample."""
    points, *offsets = packed
    if (
        points.ndim != 2
        or points.shape[1] not in (2, 3)
        or points.dtype.kind not in "iuf"
    ):
        raise InputError(
            f"{where}: points is {points.dtype}{list(points.shape)}; it must be "
            f"numbers of shape [points, 2], or [points, 3] with times in seconds."
        )
    if points.dtype.kind == "f" and not np.isfinite(points[:, :2]).all():
        bad = int(np.argmin(np.isfinite(points[:, :2]).all(1)))
        raise InputError(
            f"{where}: point {bad} is not finite; remove its sample and pack again."
        )
    ends = {"stroke_start": len(points), "sample_start": len(packed.stroke_start) - 1}
    for (name, end), offset in zip(ends.items(), offsets, strict=True):
        if offset.ndim != 1 or offset.dtype.kind not in "iu" or not len(offset):
            raise InputError(
                f"{where}: {name} is {offset.dtype}{list(offset.shape)}; it must be a "
                f"list of whole numbers from 0 to {end}."
            )
        # Compared, not subtracted: unsigned offsets wrap.
        rises = bool((offset[1:] > offset[:-1]).all())
        if offset[0] != 0 or offset[-1] != end or not rises:
            raise InputError(
                f"{where}: {name} must rise from 0 to {end} without repeating a "
                f"number; it runs from {offset[0]} to {offset[-1]}"
                f"{'' if rises else ' and does not rise'}: pack the samples again."
            )
    n = len(packed.sample_start) - 1
    for name, column in columns.items():
        if column.ndim == 0 or len(column) != n:
            raise InputError(
                f"{where}: the column {name!r} has the shape {list(column.shape)} for "
                f"{n} samples; give it one entry per sample."
            )
