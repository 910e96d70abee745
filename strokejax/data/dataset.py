"""A labelled data set in memory, and where real data lies on disk."""

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
    """Samples as arrays, one row a sample, with the name of who made each.

    Raises InputError where lengths, label range or names do not fit together.
    """

    name: str
    inputs: Mapping[str, np.ndarray]
    """"points" f32[n p 3] (x, y, pen) or "image" u8[n h w] (ink = 255), and extras."""
    labels: np.ndarray
    """i32[n]: indices into `symbols`."""
    symbols: tuple[str, ...]
    """Class names; a class may be without samples."""
    groups: np.ndarray
    """str[n]: who or what the sample comes from; intervals resample these."""
    group_kind: str
    """What a group is: "writer", "drawer", "sample" ..."""
    origin: np.ndarray | None = None
    """i32[c]: which of several mixed data sets each class is of; None for one alone."""
    kinds: np.ndarray | None = None
    """i32[c]: a coarser class of each class, -1 where it is not known."""

    def __post_init__(self) -> None:
        n = len(self.labels)
        rows = {key: len(leaf) for key, leaf in self.inputs.items()}
        rows["groups"] = len(self.groups)
        for key, count in rows.items():
            if count != n:
                raise InputError(
                    f"{self.name}: {key} has {count} rows for {n} labels; "
                    f"give one a sample."
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
                f"they index the symbols from 0."
            )
        if len(set(self.symbols)) < len(self.symbols):
            raise InputError(f"{self.name}: a symbol is listed twice; list each once.")

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, indices: np.ndarray) -> "Dataset":
        """The samples at these rows, in this order; symbols are kept."""
        return replace(
            self,
            inputs={key: leaf[indices] for key, leaf in self.inputs.items()},
            labels=self.labels[indices],
            groups=self.groups[indices],
        )

    def select(self, mask: np.ndarray) -> "Dataset":
        """The samples where bool[n] is True."""
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
            least, most = (
                self.symbols[used[pick(per_class[used])]]
                for pick in (np.argmin, np.argmax)
            )
            lines.append(f"  a class  {_spread(per_class[used])} ({least!r}, {most!r})")
            if len(per_group) < len(self):
                lines.append(f"  a {self.group_kind}  {_spread(per_group)}")
        if 0 < (missing := len(self.symbols) - len(used)) <= 10:
            empty = [repr(self.symbols[i]) for i in np.flatnonzero(per_class == 0)]
            lines.append(f"  without samples  {', '.join(empty)}")
        elif missing:
            lines.append(f"  without samples  {missing} classes")
        lines += [_describe(key, leaf) for key, leaf in self.inputs.items()]
        return "\n".join(lines)


def _spread(counts: np.ndarray) -> str:
    return (
        f"min {counts.min():,}, median {np.median(counts):,.0f}, max {counts.max():,}"
    )


def _describe(key: str, leaf: np.ndarray) -> str:
    shape = " ".join(map(str, leaf.shape))
    known = leaf[np.isfinite(leaf)]
    values = f"{known.min():.4g} to {known.max():.4g}" if known.size else "nothing"
    return f"  {key}  {leaf.dtype}[{shape}], {values}, {leaf.nbytes / 1e6:.1f} MB"


def data_root(root: str | Path | None = None) -> Path:
    """The folder of real data: `root`, or what STROKEJAX_DATA names."""
    chosen = root or os.environ.get("STROKEJAX_DATA")
    if not chosen:
        raise InputError(
            "STROKEJAX_DATA is not set: name the folder of real data with "
            "`export STROKEJAX_DATA=FOLDER`, or use the built-in data (synthetic)."
        )
    folder = Path(chosen).expanduser()
    if not folder.is_dir():
        raise InputError(
            f"The data folder {folder} is not there or is no folder; set "
            f"STROKEJAX_DATA to the folder that holds the data sets."
        )
    return folder


def data_file(name: str, root: str | Path | None = None) -> Path:
    """The path of one file of real data, or InputError if it is not there."""
    path = data_root(root) / name
    if not path.is_file():
        raise InputError(
            f"{path} is not there; put {name} into that folder, set STROKEJAX_DATA "
            f"to another one, or use the built-in data (synthetic)."
        )
    return path


def read_arrays(path: Path, *names: str) -> list[np.ndarray]:
    """Named arrays of an npz file, never unpickled; InputError names what is wrong."""
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
    except (OSError, ValueError, EOFError, AttributeError, zipfile.BadZipFile) as error:
        raise InputError(
            f"{path} cannot be read as an npz archive of plain arrays "
            f"({error}); fetch or write it again."
        ) from error


def as_rasters(
    images: np.ndarray, *, size: int, margin: int, width: float
) -> np.ndarray:
    """u8[n h w] pictures, ink high, as u8[n size size] in the model's raster.

    `margin` and the pen's `width` are in pixels. A picture without ink stays blank: one
    among many thousands must not refuse a data set.
    """
    out = np.zeros((len(images), size, size), np.uint8)
    step = 4096  # the float32 rasters of all would take four times the result
    for start in range(0, len(images), step):
        part = images[start : start + step]
        inked = np.flatnonzero(np.ptp(part, axis=(1, 2)) >= MIN_CONTRAST)
        raster = normalise_images(part[inked], size=size, margin=margin, width=width)
        out[start + inked] = np.rint(255 * raster)
    return out


# Several data sets as one, each with rows of its own.


def mix(parts: Sequence[Dataset]) -> Dataset:
    """All samples; `origin` says which part each class is of.

    Classes of all parts but the first are called "PART:CLASS". Inputs are joined:
    "points" f32[n p 3], "image" u8[n h w], "has_ink" bool[n] and "size" f32[n], the
    longer side over the writer's usual one, NaN where unknown; what a sample does not
    have is blank.
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
        inputs=_joined(parts),
        labels=np.concatenate(labels).astype(np.int32),
        symbols=tuple(symbols),
        groups=np.concatenate([part.groups for part in parts]),
        group_kind=first.group_kind,
        origin=np.array(origin, np.int32),
    )


def _joined(parts: Sequence[Dataset]) -> dict[str, np.ndarray]:
    """Every input of any part, blank where a part has none."""
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
    ink = [
        part.inputs.get("has_ink", np.full(len(part), "points" in part.inputs))
        for part in parts
    ]
    if "image" in joined:
        joined["has_ink"] = np.concatenate(ink)
    sizes = [
        part.inputs.get("size", np.full(len(part), np.nan, np.float32))
        for part in parts
    ]
    joined["size"] = np.concatenate(sizes).astype(np.float32)
    return joined
