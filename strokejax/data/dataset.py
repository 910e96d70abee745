"""A labelled data set in memory, mixtures of several, and the files of real data."""

import os
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from strokejax.pictures.normalise import MIN_CONTRAST, normalise_images
from strokejax.types import InputError


@dataclass(frozen=True, repr=False, eq=False)
class Dataset:
    """Samples as arrays with one row a sample.

    InputError if lengths differ, a label has no symbol, or a symbol is listed twice.
    """

    name: str
    inputs: Mapping[str, np.ndarray]
    """"points" f32[n p 3] (x, y, pen) or "image" u8[n h w] (255 is ink), and extras."""
    labels: np.ndarray
    """i32[n]: indices into `symbols`."""
    symbols: tuple[str, ...]
    """Class names; a class may have no samples."""
    groups: np.ndarray
    """str[n]: the source of each sample; intervals are bootstrapped over groups."""
    group_kind: str
    """The kind of these sources: "writer", "drawer", "sample" ..."""
    origin: np.ndarray | None = None
    """i32[c]: index of each class's data set in a mixture; None without a mixture."""
    kinds: np.ndarray | None = None
    """i32[c]: a coarser class of each class, -1 if unknown."""

    def __post_init__(self) -> None:
        n = len(self.labels)
        rows = {key: len(leaf) for key, leaf in self.inputs.items()}
        rows["groups"] = len(self.groups)
        for key, count in rows.items():
            if count != n:
                raise InputError(
                    f"{self.name}: {key} has {count} rows for {n} labels; "
                    f"give one row a sample."
                )
        if self.labels.ndim != 1 or not np.issubdtype(self.labels.dtype, np.integer):
            raise InputError(
                f"{self.name}: labels are {self.labels.dtype}"
                f"{list(self.labels.shape)}; give one integer a sample."
            )
        if n and not 0 <= self.labels.min() <= self.labels.max() < len(self.symbols):
            raise InputError(
                f"{self.name}: labels run from {self.labels.min()} to "
                f"{self.labels.max()} for {len(self.symbols)} symbols; "
                f"number the symbols from 0."
            )
        if len(set(self.symbols)) < len(self.symbols):
            raise InputError(f"{self.name}: a symbol is listed twice; list each once.")

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, indices: np.ndarray) -> "Dataset":
        """The samples at i64[m] rows, in that order; all symbols remain."""
        return replace(
            self,
            inputs={key: leaf[indices] for key, leaf in self.inputs.items()},
            labels=self.labels[indices],
            groups=self.groups[indices],
        )

    def select(self, mask: np.ndarray) -> "Dataset":
        """The samples for which bool[n] is True."""
        return self.take(np.flatnonzero(mask))

    def __repr__(self) -> str:
        per_class = np.bincount(self.labels, minlength=len(self.symbols))
        used = np.flatnonzero(per_class)
        _, per_group = np.unique(self.groups, return_counts=True)
        lines = [
            f"{self.name}: {len(self):,} samples, {len(used)} of "
            f"{len(self.symbols)} classes, {len(per_group):,} x {self.group_kind}"
        ]
        if len(used):
            rarest, commonest = (
                self.symbols[used[pick(per_class[used])]]
                for pick in (np.argmin, np.argmax)
            )
            counts = _count_range(per_class[used])
            lines.append(f"  a class  {counts} ({rarest!r}, {commonest!r})")
            if len(per_group) < len(self):
                lines.append(f"  a {self.group_kind}  {_count_range(per_group)}")
        # Up to ten empty classes are named, more are only counted.
        if 0 < (missing := len(self.symbols) - len(used)) <= 10:
            empty = [repr(self.symbols[i]) for i in np.flatnonzero(per_class == 0)]
            lines.append(f"  without samples  {', '.join(empty)}")
        elif missing:
            lines.append(f"  without samples  {missing} classes")
        lines += [_describe(key, leaf) for key, leaf in self.inputs.items()]
        return "\n".join(lines)


def _count_range(counts: np.ndarray) -> str:
    return (
        f"min {counts.min():,}, median {np.median(counts):,.0f}, max {counts.max():,}"
    )


def _describe(key: str, leaf: np.ndarray) -> str:
    shape = " ".join(map(str, leaf.shape))
    finite = leaf[np.isfinite(leaf)]
    values = f"{finite.min():.4g} to {finite.max():.4g}" if finite.size else "nothing"
    return f"  {key}  {leaf.dtype}[{shape}], {values}, {leaf.nbytes / 1e6:.1f} MB"


# A mixture of data sets, each with classes of its own.


def mix(parts: Sequence[Dataset]) -> Dataset:
    """All samples of several data sets; `origin` is the index of each class's part.

    Classes of all parts but the first are named "PART:CLASS". The inputs are "points"
    f32[n p 3] and "image" u8[n h w] where any part has them, "has_ink" bool[n], and
    "size" f32[n], the longer side over the writer's median symbol. An input that a
    sample does not have is zero, its size NaN.
    """
    first, *others = parts
    symbols, origin = list(first.symbols), [0] * len(first.symbols)
    labels = [first.labels]
    for i, part in enumerate(others, start=1):
        name = part.name.split("/")[0]
        labels.append(part.labels + len(symbols))
        symbols += [f"{name}:{symbol}" for symbol in part.symbols]
        origin += [i] * len(part.symbols)
    return Dataset(
        name="+".join(part.name for part in parts),
        inputs=_join_inputs(parts),
        labels=np.concatenate(labels).astype(np.int32),
        symbols=tuple(symbols),
        groups=np.concatenate([part.groups for part in parts]),
        group_kind=first.group_kind,
        origin=np.array(origin, np.int32),
    )


def _join_inputs(parts: Sequence[Dataset]) -> dict[str, np.ndarray]:
    shapes = {
        name: (leaf.shape[1:], leaf.dtype)
        for part in parts
        for name, leaf in part.inputs.items()
        if name in ("points", "image")
    }
    joined = {}
    for name, (shape, dtype) in shapes.items():
        leaves = [
            part.inputs.get(name, np.zeros((len(part), *shape), dtype))
            for part in parts
        ]
        joined[name] = np.concatenate(leaves)
    # Omniglot brings its own "has_ink": it published strokes of some characters only.
    has_ink = [
        part.inputs.get("has_ink", np.full(len(part), "points" in part.inputs))
        for part in parts
    ]
    if "image" in joined:
        joined["has_ink"] = np.concatenate(has_ink)
    sizes = [
        part.inputs.get("size", np.full(len(part), np.nan, np.float32))
        for part in parts
    ]
    joined["size"] = np.concatenate(sizes).astype(np.float32)
    return joined


# Files of real data, and their pictures in the model's raster.


def data_root(root: str | Path | None = None) -> Path:
    """The folder of real data: `root`, or the value of STROKEJAX_DATA.

    InputError if neither is set or the folder does not exist.
    """
    name = root or os.environ.get("STROKEJAX_DATA")
    if not name:
        raise InputError(
            "STROKEJAX_DATA is not set: name the folder of real data with "
            "`export STROKEJAX_DATA=FOLDER`, or use the built-in data (synthetic)."
        )
    folder = Path(name).expanduser()
    if not folder.is_dir():
        raise InputError(
            f"The data folder {folder} does not exist or is not a folder; set "
            f"STROKEJAX_DATA to the folder that holds the data sets."
        )
    return folder


def data_file(name: str, root: str | Path | None = None) -> Path:
    """The path of one file of real data; InputError if it does not exist."""
    path = data_root(root) / name
    if not path.is_file():
        raise InputError(
            f"{path} does not exist; put {name} into that folder, set STROKEJAX_DATA "
            f"to another folder, or use the built-in data (synthetic)."
        )
    return path


def read_arrays(path: Path, *names: str) -> list[np.ndarray]:
    """Named arrays of an npz file, never unpickled; InputError if one is missing."""
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
            missing = [name for name in names if name not in stored.files]
            if missing:
                raise InputError(
                    f"{path} has no array {missing[0]!r} (it has "
                    f"{', '.join(stored.files[:8])}); it needs {', '.join(names)}."
                )
            return [stored[name] for name in names]
    except InputError:
        raise
    # numpy raises all of these for damaged or truncated archives.
    except (OSError, ValueError, EOFError, AttributeError, zipfile.BadZipFile) as error:
        raise InputError(
            f"{path} cannot be read as an npz archive of plain arrays "
            f"({error}); fetch or write it again."
        ) from error


def as_rasters(
    images: np.ndarray, *, size: int, margin: int, width: float
) -> np.ndarray:
    """Pictures u8[n h w], high values ink, as u8[n size size] in the model's raster.

    `margin` and the pen's `width` are in pixels. A picture without ink stays blank: a
    blank one among many thousands is no reason to refuse a data set.
    """
    rasters = np.zeros((len(images), size, size), np.uint8)
    step = 4096  # float32 rasters of all pictures would take four times the result
    for start in range(0, len(images), step):
        part = images[start : start + step]
        inked = np.flatnonzero(np.ptp(part, axis=(1, 2)) >= MIN_CONTRAST)
        raster = normalise_images(part[inked], size=size, margin=margin, width=width)
        rasters[start + inked] = np.rint(255 * raster)
    return rasters
