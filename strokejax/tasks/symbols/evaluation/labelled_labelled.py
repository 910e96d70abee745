"""Labelled files of any origin, as `strokejax evaluate` takes them; never jax."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from strokejax.data.dataset import Dataset, as_rasters
from strokejax.ink.formats import PackedInk, read_packed
from strokejax.ink.resample import resample
from strokejax.table.symbols import SPACE, STROKES
from strokejax.types import InputError

GROUPS = ("writer", "drawer", "group", "person", "family")
DIGITS = 10


def load_labelled(
    path: str | Path,
    draw: Callable[[PackedInk], dict[str, np.ndarray]] | None = None,
    *,
    size: int = 28,
    margin: int = 4,
    width: float = 3.0,
    strokes: bool = True,
) -> Dataset:
    """Packed ink with `label`, picture arrays `x` and `y`, or a collected folder.

    Labels are names, " " meaning space. Whole numbers up to 9 are the digits they show;
    where larger ones occur, all of them index the 63 strokes, or are names of their own
    without `strokes`. Of Omniglot's bits the held-out alphabets are taken; classes are
    "alphabet/character". Groups are the column "writer", "drawer", "group", "person" or
    "family", else each sample is its own. `draw` makes a network's inputs of ink; None
    gives "points" f32[n 64 3].
    """
    path = Path(path).expanduser()
    if path.is_dir():
        from strokejax.data.sets.collected import load_scribble

        return load_scribble(path, draw=draw)
    if path.suffix.lower() != ".npz":
        raise InputError(
            f"{path} is no folder and no .npz file; give packed ink, arrays x and y, "
            f"or a collected folder."
        )
    names = _array_names(path)
    raster = {"size": size, "margin": margin, "width": width}
    if {"bits", "alphabet", "character", "drawer"} <= names:
        from strokejax.data.sets.omniglot import load_omniglot

        return load_omniglot("validation", path=path, **raster)
    if {"x", "y"} <= names:
        images, labels, groups, kind = _pictures(path)
        inputs = {"image": as_rasters(images, **raster)}
    else:
        inputs, labels, groups, kind = _ink(path, draw)
    named = label_names(labels, path, strokes)
    symbols, index = np.unique(named, return_inverse=True)
    if not len(index):
        raise InputError(f"{path} has no samples; give at least one.")
    return Dataset(
        name=path.name,
        inputs=inputs,
        labels=index.astype(np.int32),
        symbols=tuple(symbols.tolist()),
        groups=groups if groups is not None else np.arange(len(index)).astype(str),
        group_kind=kind,
    )


def label_names(labels: np.ndarray, path: Path, strokes: bool = True) -> np.ndarray:
    """str[n]: symbols from names or whole numbers; see `load_labelled`."""
    if labels.dtype.kind in "iu" and not strokes:
        return labels.astype(str)
    if labels.dtype.kind in "iu":
        low, high = (labels.min(), labels.max()) if labels.size else (0, 0)
        if low < 0 or high >= len(STROKES):
            raise InputError(
                f"{path}: labels run from {low} to {high}; numbers from 0 to "
                f"{len(STROKES) - 1} are understood, or names."
            )
        if high < DIGITS:
            return labels.astype(str)
        return np.array(STROKES)[labels]
    if labels.dtype.kind != "U":
        raise InputError(
            f"{path}: labels are {labels.dtype}; give names or whole numbers."
        )
    return np.where(labels == " ", SPACE, labels)


def _array_names(path: Path) -> set[str]:
    if not path.is_file():
        raise InputError(f"{path} is not there; name a file or a folder.")
    try:
        with np.load(path, allow_pickle=False) as stored:
            return set(stored.files)
    except Exception as error:
        raise InputError(
            f"{path} cannot be read as an npz archive ({error}); write it again."
        ) from error


def _ink(path: Path, draw: Callable[[PackedInk], dict[str, np.ndarray]] | None):
    packed, columns = read_packed(path)
    if "label" not in columns:
        had = sorted([*packed._fields, *columns])[:8]
        raise InputError(
            f"{path} has no array 'label' (it has {', '.join(had)}); evaluation needs "
            f"the true names."
        )
    inputs = draw(packed) if draw else {"points": resample(packed)}
    if "size" in inputs and "relative_size" in columns:
        inputs["size"] = _sizes(columns["relative_size"], path)
    groups, kind = _groups(columns)
    return inputs, columns["label"], groups, kind


def _sizes(relative: np.ndarray, path: Path) -> np.ndarray:
    """f32[n], NaN where unknown."""
    if relative.dtype.kind not in "iuf":
        raise InputError(
            f"{path}: relative_size is {relative.dtype}; give numbers, NaN for unknown."
        )
    size = relative.astype(np.float32)
    wrong = np.flatnonzero((size < 0) | np.isinf(size))
    if len(wrong):
        raise InputError(
            f"{path}: relative_size is {size[wrong[0]]:g} in row {wrong[0]:,}; give "
            f"the longer side over the writer's usual one, 0 or more, NaN for unknown."
        )
    return size


def _pictures(path: Path):
    from strokejax.data.dataset import read_arrays

    images, labels = read_arrays(path, "x", "y")
    if images.ndim == 4 and images.shape[-1] in (1, 3):
        images = images.mean(-1).astype(images.dtype)
    if images.ndim != 3 or not images.size or len(images) != len(labels):
        raise InputError(
            f"{path}: x is {images.dtype}{list(images.shape)} for {len(labels)} "
            f"labels; give pictures [n h w] and one label each."
        )
    if images.dtype != np.uint8:
        low, high = float(images.min()), float(images.max())
        if not 0 <= low <= high <= 255:
            raise InputError(
                f"{path}: the values of x run from {low:g} to {high:g}; give 0 to 1 or "
                f"0 to 255."
            )
        images = np.rint(images * (255.0 if high <= 1 else 1.0)).astype(np.uint8)
    border = [images[:, 0], images[:, -1], images[:, :, 0], images[:, :, -1]]
    if np.median(np.concatenate([side.ravel() for side in border])) > 127:
        images = 255 - images  # dark ink on light paper
    named = [name for name in GROUPS if name in _array_names(path)]
    columns = dict(zip(named, read_arrays(path, *named), strict=True))
    groups, kind = _groups(columns)
    return images, labels, groups, kind


def _groups(columns: dict[str, np.ndarray]) -> tuple[np.ndarray | None, str]:
    for kind in GROUPS:
        if kind in columns:
            return columns[kind].astype(str), kind
    return None, "sample"
