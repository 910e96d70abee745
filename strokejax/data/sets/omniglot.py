"""Omniglot: characters of 30 background alphabets, 20 drawers each (MIT licence)."""

from pathlib import Path

import numpy as np

from strokejax.data.dataset import Dataset, as_rasters, data_file, read_arrays
from strokejax.data.splits import split_mask
from strokejax.ink.packed import PackedInk
from strokejax.ink.resample import resample
from strokejax.types import InputError

FILE = "omniglot_background_bits.npz"
STROKES_FILE = "omniglot_strokes_small12.npz"
SIDE = 105
"""Pixels of a stored picture in each direction."""
TURNS = ("", "/90", "/180", "/270")
"""Suffixes of the classes of turned characters."""


def load_omniglot(
    split: str,
    *,
    rotations: bool = False,
    strokes: bool = False,
    path: str | Path | None = None,
    root: str | Path | None = None,
    size: int = 28,
    margin: int = 4,
    width: float = 3.0,
    count: int = 64,
) -> Dataset:
    """Characters as "image" u8[n size size], of the alphabets of a split.

    Classes are "alphabet/character"; `rotations` adds each character turned by 90, 180
    and 270 degrees counter-clockwise, as classes of their own. `strokes` adds "points"
    f32[n count 3] and "has_ink" bool[n], True for drawings that were published with
    their pen trajectory. A group is a drawer of one alphabet. `path` replaces the file
    in `root`. `margin` and the pen's `width` are in pixels.

    Lake et al., Science 350 (2015).
    """
    path = Path(path) if path else data_file(FILE, root)
    bits, alphabet, character, drawer = read_arrays(
        path, "bits", "alphabet", "character", "drawer"
    )
    if bits.ndim != 2 or bits.shape[1] != -(-SIDE * SIDE // 8):
        raise InputError(
            f"{path}: bits are {bits.dtype}{list(bits.shape)}; a row needs "
            f"{SIDE} x {SIDE} bits in {-(-SIDE * SIDE // 8)} bytes."
        )
    chosen = split_mask(split, "alphabet", alphabet)
    alphabet, character, drawer = alphabet[chosen], character[chosen], drawer[chosen]
    images = as_rasters(_unpack(bits[chosen]), size=size, margin=margin, width=width)
    names = np.char.add(np.char.add(alphabet, "/"), character)
    classes, labels = np.unique(names, return_inverse=True)
    # The labels of each quarter turn follow those of the turn before.
    turns = range(4 if rotations else 1)
    inputs = {"image": np.concatenate([np.rot90(images, t, (1, 2)) for t in turns])}
    if strokes:
        keys = np.char.add(np.char.add(names, "/"), drawer.astype(str))
        points, has_ink = _points(data_file(STROKES_FILE, root), keys, count)
        inputs["points"] = np.concatenate([_rotate(points, t) for t in turns])
        inputs["has_ink"] = np.tile(has_ink, len(turns))
    return Dataset(
        name=f"omniglot/{split}",
        inputs=inputs,
        labels=np.concatenate([labels + t * len(classes) for t in turns], dtype="i4"),
        symbols=tuple(f"{name}{TURNS[t]}" for t in turns for name in classes),
        groups=np.tile(_drawers(alphabet, drawer), len(turns)),
        group_kind="drawer",
    )


def _points(path: Path, keys: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Ink f32[n count 3] of "alphabet/character/drawer" [n]; bool[n] where it exists.

    Drawings without published strokes have zeros.
    """
    points, stroke_start, sample_start, alphabet, character, drawer = read_arrays(
        path,
        *("points_xyt", "stroke_start", "sample_start"),
        *("alphabet", "character", "drawer"),
    )
    names = np.char.add(np.char.add(alphabet, "/"), np.char.add(character, "/"))
    names = np.char.add(names, drawer.astype(str)).tolist()
    row_of = {key: row for row, key in enumerate(names)}
    packed = PackedInk(points[:, :2], stroke_start, sample_start)
    rows = np.array([row_of.get(key, -1) for key in keys.tolist()])
    has_ink = rows >= 0
    # Row -1 is another drawing's ink; the product blanks it.
    return resample(packed, count)[rows] * has_ink[:, None, None], has_ink


def _rotate(points: np.ndarray, quarters: int) -> np.ndarray:
    """Points after counter-clockwise quarter turns, as `np.rot90` turns pictures."""
    x, y, pen = np.moveaxis(points, -1, 0)  # y points down
    for _ in range(quarters):
        x, y = y, -x
    return np.stack([x, y, pen], -1)


def _drawers(alphabet: np.ndarray, drawer: np.ndarray) -> np.ndarray:
    """Names of drawers: the numbers of two alphabets are of different people."""
    return np.char.add(np.char.add(alphabet, ":"), drawer.astype(str))


def _unpack(bits: np.ndarray) -> np.ndarray:
    # 105 x 105 bits end within a byte; `count` drops the padding.
    flat = np.unpackbits(bits, axis=1, count=SIDE * SIDE)
    return 255 * flat.reshape(-1, SIDE, SIDE)
