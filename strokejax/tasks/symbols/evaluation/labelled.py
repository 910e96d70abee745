"""Lake's 20 one-shot classification runs within alphabets, as published (MIT licence).

Lake, Salakhutdinov, Tenenbaum: Human-level concept learning through probabilistic
program induction, Science 350 (2015).
"""

import io
import re
import zipfile
import zlib
from pathlib import Path
from typing import NamedTuple

import numpy as np

from strokejax.ink.formats import read_bytes
from strokejax.pictures.images import decode_image
from strokejax.types import InputError

LABELS = "class_labels.txt"
MAX_ARCHIVE = 16 * 2**20
"""Bytes; the published archive has less than one million."""
MAX_MEMBER = 2**18
MAX_RUNS = 100
MAX_WAYS = 100
MAX_PIXELS = 512 * 512

_LABEL_FILE = re.compile(r"((?:all_runs/)?)(run\d+)/" + re.escape(LABELS))
_PICTURE = r"run\d+/{}/[^/\\]+\.png"


class Run(NamedTuple):
    """One task: name each test picture after the only example of its class."""

    name: str
    training: np.ndarray
    """u8[n h w]: one picture a class, ink = 255."""
    test: np.ndarray
    """u8[m h w]"""
    answer: np.ndarray
    """i32[m]: the row of `training` that shows the test picture's class."""


def load_runs(path: str | Path) -> list[Run]:
    """The runs of `all_runs.zip`, sorted by name.

    Folders run01 ... run20, at the top or in all_runs/, each with `class_labels.txt`,
    whose lines name a test picture and the training picture of its class. InputError
    for what is missing, damaged, too large (16 MiB, 100 runs of 100 classes, pictures
    of 512 x 512 pixels) or of several sizes. Nothing is unpacked to the disk.
    """
    path = Path(path).expanduser()
    data = io.BytesIO(read_bytes(path, MAX_ARCHIVE))
    try:
        with zipfile.ZipFile(data) as archive:
            found = map(_LABEL_FILE.fullmatch, archive.namelist())
            tops = sorted((match[2], match[1]) for match in found if match)
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
    there = (match[1] for match in map(legal.fullmatch, archive.namelist()) if match)
    # Those named, whose lack is an error, and all others to choose among.
    classes = sorted({training for _, training in pairs}.union(there))
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
    """The files of test and training pictures, a line of the labels each."""
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
