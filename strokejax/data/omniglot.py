"""Omniglot: characters of 30 background alphabets, 20 drawers each (MIT licence)."""

from pathlib import Path

import numpy as np

from strokejax.data.dataset import Dataset, as_rasters, data_file, read_arrays
from strokejax.data.splits import split_mask
from strokejax.types import InputError

FILE = "omniglot_background_bits.npz"
SIDE = 105
TURNS = ("", "/90", "/180", "/270")


def load_omniglot(
    split: str,
    *,
    rotations: bool = False,
    path: str | Path | None = None,
    root: str | Path | None = None,
    size: int = 28,
    margin: int = 4,
    width: float = 3.0,
) -> Dataset:
    """Characters as "image" u8[n size size], of the alphabets of a split.

    Classes are "alphabet/character"; `rotations` adds three turned ones of each, as
    classes of their own ("/90": counter-clockwise, degrees). A group is a drawer of
    one alphabet. `path` names another file than the one in `root`. `margin` and the
    pen's `width` are in pixels. Source: Lake et al., Science 350 (2015).
    """
    path = Path(path) if path else data_file(FILE, root)
    bits, alphabet, character, drawer = read_arrays(
        path, "bits", "alphabet", "character", "drawer"
    )
    if bits.ndim != 2 or bits.shape[1] != -(-SIDE * SIDE // 8):
        raise InputError(
            f"{path}: bits are {bits.dtype}{list(bits.shape)}; a row holds "
            f"{SIDE} x {SIDE} bits in {-(-SIDE * SIDE // 8)} bytes."
        )
    chosen = split_mask(split, "alphabet", alphabet)
    alphabet, character, drawer = alphabet[chosen], character[chosen], drawer[chosen]
    images = as_rasters(_unpack(bits[chosen]), size=size, margin=margin, width=width)
    names = np.char.add(np.char.add(alphabet, "/"), character)
    classes, labels = np.unique(names, return_inverse=True)
    turns = range(4 if rotations else 1)
    return Dataset(
        name=f"omniglot/{split}",
        inputs={"image": np.concatenate([np.rot90(images, t, (1, 2)) for t in turns])},
        labels=np.concatenate([labels + t * len(classes) for t in turns], dtype="i4"),
        symbols=tuple(f"{name}{TURNS[t]}" for t in turns for name in classes),
        groups=np.tile(_drawers(alphabet, drawer), len(turns)),
        group_kind="drawer",
    )


def _drawers(alphabet: np.ndarray, drawer: np.ndarray) -> np.ndarray:
    """Drawer 7 of one alphabet is another person than drawer 7 of the next."""
    return np.char.add(np.char.add(alphabet, ":"), drawer.astype(str))


def _unpack(bits: np.ndarray) -> np.ndarray:
    flat = np.unpackbits(bits, axis=1, count=SIDE * SIDE)
    return 255 * flat.reshape(-1, SIDE, SIDE)
