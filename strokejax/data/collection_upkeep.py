"""Upkeep of a collected folder: setting bad files aside, taking in another's."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from strokejax.data.collection import (
    REJECTED,
    TRIAL,
    Collection,
    Problem,
    check,
    files,
)
from strokejax.files import write_atomically
from strokejax.ink.formats import MAX_BYTES, symbol_folder, to_csv, to_json
from strokejax.ink.limits import read_bytes
from strokejax.types import Ink, InputError


class Moved(NamedTuple):
    """A file that has another place now, or a copy there."""

    path: Path
    to: Path


class Merged(NamedTuple):
    """What a merge did with each file of the other folder."""

    copied: Sequence[Moved]
    known: int
    """Files whose content was there already."""
    left_out: Sequence[Problem]


def clean(collection: Collection, problems: Sequence[Problem]) -> list[Moved]:
    """Moves what is wrong into the subfolder .rejected, under the same relative names.

    A name that is taken there gets a number; nothing is ever deleted.
    """
    rejected = collection.root / REJECTED
    if problems and (rejected.is_symlink() or rejected.is_file()):
        raise InputError(f"{rejected} is no folder of its own; rename it.")
    moved: list[Moved] = []
    for path, _ in problems:
        to = _free(rejected / path.relative_to(collection.root))
        try:
            to.parent.mkdir(parents=True, exist_ok=True)
            path.rename(to)
        except OSError as error:
            raise InputError(
                f"{path} cannot be moved to {to} ({error.strerror}) after "
                f"{len(moved)} others; check the permissions there."
            ) from error
        moved.append(Moved(path, to))
    return moved


def keep(root: str | Path, symbol: str, ink: Ink) -> Path:
    """Saves ink in the symbol's place of a collected folder; the path of its file.

    One stroke becomes a CSV of velocities, which has no pen-ups; several become JSON.
    """
    folder = Path(root).expanduser() / symbol_folder(symbol)
    where = f"the drawing of {symbol!r}"
    several = len(ink.strokes) > 1
    data = to_json(ink, where) if several else to_csv(ink, where)
    suffix = ".json" if several else ".csv"
    return _add(data, suffix, folder, _last(folder) + 1)[0]


def merge(collection: Collection, known: frozenset[str], other: Collection) -> Merged:
    """Copies drawings of another folder whose hash is not `known`, each whole or not.

    They get the next free trial numbers, so no file is replaced, and the other folder
    is only read. Its damaged and blank files are left out, and named.
    """
    if collection.root.samefile(other.root):
        raise InputError(f"{other.root} is the same folder; merge another one into it.")
    seen, count = set(known), 0
    copied: list[Moved] = []
    left_out = [*other.astray]
    folders = dict(collection.folders)
    numbers: dict[str, int] = {}
    for symbol, path in files(other):
        try:
            digest = check(path, symbol)
            if digest in seen:
                count += 1
                continue
            if symbol not in folders:
                folders[symbol] = _new_folder(collection.root, symbol)
        except InputError as error:
            left_out.append(Problem(path, str(error)))
            continue
        if symbol not in numbers:
            numbers[symbol] = _last(folders[symbol])
        data = read_bytes(path, MAX_BYTES)
        number = numbers[symbol] + 1
        to, numbers[symbol] = _add(data, path.suffix, folders[symbol], number)
        seen.add(digest)
        copied.append(Moved(path, to))
    return Merged(copied, count, left_out)


def _free(target: Path) -> Path:
    path, number = target, 1
    while os.path.lexists(path):
        number += 1
        path = target.with_name(f"{target.stem}-{number}{target.suffix}")
    return path


def _new_folder(root: Path, symbol: str) -> Path:
    folder = root / symbol_folder(symbol)
    if os.path.lexists(folder):
        raise InputError(
            f"The symbol {symbol!r} needs the folder {folder}, which is taken (on some "
            f"disks capitals make no difference); rename one."
        )
    return folder


def _last(folder: Path) -> int:
    """The highest trial number in a folder, which need not be there yet."""
    matches = (TRIAL.fullmatch(path.name) for path in folder.glob("trial_*"))
    return max((int(m[1]) for m in matches if m and m[1].isdecimal()), default=0)


def _add(data: bytes, suffix: str, folder: Path, number: int) -> tuple[Path, int]:
    """Saves a drawing under a free trial number, `number` or above."""
    while True:
        path = folder / f"trial_{number}{suffix}"
        try:
            write_atomically(path, data, replace=False)
            return path, number
        except OSError as error:
            if isinstance(error, FileExistsError) and os.path.lexists(path):
                number += 1  # something else collects into this folder
                continue
            raise InputError(
                f"{path} cannot be written ({error.strerror}); check the folder and "
                f"its free space, then try again."
            ) from error
