"""Labelled drawings to evaluate on: files of any kind, and Lake's one-shot runs.

`load_labelled` reads the data of `strokejax evaluate`: packed ink, pictures, collected
folders and Omniglot. `load_runs` reads the 20 published one-shot classification runs
within alphabets (MIT licence; B. M. Lake, R. Salakhutdinov and J. B. Tenenbaum,
"Human-level concept learning through probabilistic program induction", Science 350,
2015). Never imports jax.
"""

import io
import re
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from strokejax.data.dataset import Dataset, as_rasters
from strokejax.files import read_bytes
from strokejax.ink.packed import PackedInk, read_packed
from strokejax.ink.resample import resample
from strokejax.pictures.images import decode_image
from strokejax.table.symbols import SPACE, STROKES
from strokejax.types import InputError

GROUPS = ("writer", "drawer", "group", "person", "family")
"""Names of the column of groups, the first that is there counts."""
DIGITS = 10
LABELS = "class_labels.txt"
MAX_ARCHIVE = 16 * 2**20
"""Bytes of a zip file; the published one has less than a million."""
MAX_MEMBER = 2**18
"""Bytes of a file in it, unpacked."""
MAX_RUNS = 100
MAX_WAYS = 100
MAX_PIXELS = 512 * 512

_LABEL_FILE = re.compile(r"((?:all_runs/)?)(run\d+)/" + re.escape(LABELS))
_PICTURE = r"run\d+/{}/[^/\\]+\.png"

# Labelled files.


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

    Labels are names, with " " for space, or whole numbers. Numbers up to 9 are the
    digits they show; if larger ones occur, all of them index the 63 strokes, or are
    names themselves without `strokes`. Of Omniglot's bits, the held-out alphabets are
    read; classes are "alphabet/character". Groups are the column "writer", "drawer",
    "group", "person" or "family", else every sample is a group.

    `draw` turns packed ink into a network's inputs; None gives "points" f32[n 64 3].
    `size`, `margin` and stroke `width` of pictures are in pixels. InputError for files
    that cannot be read and arrays that do not fit.
    """
    path = Path(path).expanduser()
    if path.is_dir():
        from strokejax.data.sets.collected import load_scribble

        return load_scribble(path, draw=draw)
    if path.suffix.lower() != ".npz":
        raise InputError(
            f"{path} is neither a folder nor an .npz file; give packed ink, arrays x "
            f"and y, or a collected folder."
        )
    names = _array_names(path)
    raster = {"size": size, "margin": margin, "width": width}
    if {"bits", "alphabet", "character", "drawer"} <= names:
        from strokejax.data.sets.omniglot import load_omniglot

        return load_omniglot("validation", path=path, **raster)
    if {"x", "y"} <= names:
        images, labels, groups, kind = _labelled_pictures(path)
        inputs = {"image": as_rasters(images, **raster)}
    else:
        inputs, labels, groups, kind = _labelled_ink(path, draw)
    symbols, index = np.unique(label_names(labels, path, strokes), return_inverse=True)
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
                f"{path}: labels run from {low} to {high}; give numbers from 0 to "
                f"{len(STROKES) - 1}, or names."
            )
        # 0 to 9 alone are digits, not the first ten of the strokes.
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
        raise InputError(f"{path} does not exist; name a file or a folder.")
    try:
        with np.load(path, allow_pickle=False) as arrays:
            return set(arrays.files)
    except Exception as error:
        raise InputError(
            f"{path} cannot be read as an npz archive ({error}); write it again."
        ) from error


def _labelled_ink(
    path: Path, draw: Callable[[PackedInk], dict[str, np.ndarray]] | None
) -> tuple[dict[str, np.ndarray], np.ndarray, np.ndarray | None, str]:
    """`(inputs, labels, groups, kind of the groups)` of packed ink."""
    packed, columns = read_packed(path)
    if "label" not in columns:
        names = sorted([*packed._fields, *columns])[:8]
        raise InputError(
            f"{path} has no array 'label' (it has {', '.join(names)}); evaluation "
            f"needs the true names."
        )
    inputs = draw(packed) if draw else {"points": resample(packed)}
    if "size" in inputs and "relative_size" in columns:
        inputs["size"] = _sizes(columns["relative_size"], path)
    groups, kind = _groups(columns)
    return inputs, columns["label"], groups, kind


def _sizes(relative: np.ndarray, path: Path) -> np.ndarray:
    """f32[n]: longer sides over the writer's reference size, NaN if unknown."""
    if relative.dtype.kind not in "iuf":
        raise InputError(
            f"{path}: relative_size is {relative.dtype}; give numbers, NaN for unknown."
        )
    size = relative.astype(np.float32)
    wrong = np.flatnonzero((size < 0) | np.isinf(size))
    if len(wrong):
        raise InputError(
            f"{path}: relative_size is {size[wrong[0]]:g} in row {wrong[0]:,}; give "
            f"the longer side over the reference size, 0 or more, NaN for unknown."
        )
    return size


def _labelled_pictures(
    path: Path,
) -> tuple[np.ndarray, np.ndarray, np.ndarray | None, str]:
    """`(u8[n h w], labels, groups, kind of the groups)`; ink is high."""
    from strokejax.data.dataset import read_arrays

    images, labels = read_arrays(path, "x", "y")
    # Colour becomes grey; a single channel is dropped.
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
    # Most pixels on the border are paper: if they are light, ink is dark.
    border = [images[:, 0], images[:, -1], images[:, :, 0], images[:, :, -1]]
    if np.median(np.concatenate([side.ravel() for side in border])) > 127:
        images = 255 - images
    names = [name for name in GROUPS if name in _array_names(path)]
    columns = dict(zip(names, read_arrays(path, *names), strict=True))
    groups, kind = _groups(columns)
    return images, labels, groups, kind


def _groups(columns: dict[str, np.ndarray]) -> tuple[np.ndarray | None, str]:
    for kind in GROUPS:
        if kind in columns:
            return columns[kind].astype(str), kind
    return None, "sample"


# Lake's one-shot runs.


class Run(NamedTuple):
    """A one-shot task: name each test picture, with one training picture a class."""

    name: str
    training: np.ndarray
    """u8[n h w]: one picture a class, ink = 255."""
    test: np.ndarray
    """u8[m h w]"""
    answer: np.ndarray
    """i32[m]: the row of `training` of the test picture's class."""


def load_runs(path: str | Path) -> list[Run]:
    """The runs of `all_runs.zip`, sorted by name.

    The archive has folders run01 ... run20, at the top or in all_runs/. Each has a
    `class_labels.txt` with lines of a test picture and the training picture of its
    class. InputError for files that are missing, damaged, too large (16 MiB, 100 runs
    of 100 classes, pictures of 512 x 512 pixels) or of several sizes. Nothing is
    unpacked to the disk.
    """
    path = Path(path).expanduser()
    data = io.BytesIO(read_bytes(path, MAX_ARCHIVE))
    try:
        with zipfile.ZipFile(data) as archive:
            matches = map(_LABEL_FILE.fullmatch, archive.namelist())
            tops = sorted((match[2], match[1]) for match in matches if match)
            _check_runs([name for name, _ in tops], path)
            return [_run(archive, path, top, name) for name, top in tops]
    except (zipfile.BadZipFile, OSError) as error:
        raise InputError(
            f"{path} cannot be read as a zip archive ({error}); fetch it again."
        ) from error


def _check_runs(names: list[str], path: Path) -> None:
    if not names:
        raise InputError(
            f"{path} has no run01/{LABELS}; give Lake's all_runs.zip, with the runs at "
            f"its top or in all_runs/."
        )
    if len(names) > MAX_RUNS:
        raise InputError(
            f"{path} has {len(names)} runs, above the limit of {MAX_RUNS}; the "
            f"published archive has 20."
        )
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise InputError(f"{path} has {twice} twice; leave one of them out.")


def _run(archive: zipfile.ZipFile, path: Path, top: str, name: str) -> Run:
    where = f"{path}, {top}{name}/{LABELS}"
    pairs = _pairs(_read(archive, path, f"{top}{name}/{LABELS}"), where, name)
    legal = re.compile(f"{top}({name}/training/" + r"[^/\\]+\.png)")
    present = (match[1] for match in map(legal.fullmatch, archive.namelist()) if match)
    # Classes without a test picture are answers to choose among, too. A picture that
    # the labels name but the archive lacks is an error when it is read.
    classes = sorted({training for _, training in pairs}.union(present))
    if len(classes) > MAX_WAYS:
        raise InputError(
            f"{where}: the run has {len(classes)} training pictures, above the limit "
            f"of {MAX_WAYS}; the published ones have 20."
        )
    training = _pictures(archive, path, top, classes)
    test = _pictures(archive, path, top, [item for item, _ in pairs])
    if training.shape[1:] != test.shape[1:]:
        raise InputError(
            f"{where}: test pictures have the size {test.shape[1:]}, training pictures "
            f"{training.shape[1:]}; they need one size."
        )
    row = {file: i for i, file in enumerate(classes)}
    answer = np.array([row[training] for _, training in pairs], np.int32)
    return Run(name, training, test, answer)


def _pairs(data: bytes, where: str, name: str) -> list[tuple[str, str]]:
    """The (test, training) files of each line of the labels."""
    try:
        lines = [line.split() for line in data.decode("utf-8-sig").splitlines()]
    except UnicodeDecodeError as error:
        raise InputError(f"{where} is not text; fetch the archive again.") from error
    lines = [line for line in lines if line]
    if not 2 <= len(lines) <= MAX_WAYS:
        raise InputError(
            f"{where} has {len(lines)} lines; a run has 2 to {MAX_WAYS}, the published "
            f"ones 20."
        )
    for line in lines:
        # The patterns also refuse paths that lead out of the run's folder.
        legal = len(line) == 2 and all(
            file.startswith(f"{name}/") and re.fullmatch(_PICTURE.format(kind), file)
            for file, kind in zip(line, ("test", "training"), strict=True)
        )
        if not legal:
            raise InputError(
                f"{where} has the line {' '.join(line)[:80]!r}; a line reads "
                f"'{name}/test/item01.png {name}/training/class01.png'."
            )
    if len({item for item, _ in lines}) < len(lines):
        raise InputError(f"{where} names a test picture twice; name each once.")
    return [(item, training) for item, training in lines]


def _pictures(
    archive: zipfile.ZipFile, path: Path, top: str, files: list[str]
) -> np.ndarray:
    """u8[n h w]: the pictures in files of the archive, all of one size."""
    pictures = [
        decode_image(_read(archive, path, top + file), f"{path}, {file}", MAX_PIXELS)
        for file in files
    ]
    for file, picture in zip(files, pictures, strict=True):
        if picture.shape != pictures[0].shape:
            raise InputError(
                f"{path}, {file} has {picture.shape} pixels, {files[0]} has "
                f"{pictures[0].shape}; the pictures of a run need one size."
            )
    return np.stack(pictures)


def _read(archive: zipfile.ZipFile, path: Path, member: str) -> bytes:
    """A member's bytes; whatever size it announces, no more than the limit is read."""
    try:
        with archive.open(member) as file:
            data = file.read(MAX_MEMBER + 1)
    except KeyError as error:
        raise InputError(
            f"{path} has no {member}, which {LABELS} names; fetch it again."
        ) from error
    except (
        zipfile.BadZipFile,
        zlib.error,
        EOFError,
        RuntimeError,  # a password is needed
        NotImplementedError,
    ) as error:
        raise InputError(
            f"{path}, {member} is damaged or locked ({error}); fetch the archive again."
        ) from error
    if len(data) > MAX_MEMBER:
        raise InputError(
            f"{path}, {member} has more than {MAX_MEMBER // 1024} KiB, the limit for "
            f"one file; the published ones have less than 1 KiB."
        )
    return data
