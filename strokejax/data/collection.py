"""A collected folder: what it holds, what is wrong in it, and what to draw next."""

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

import numpy as np

from strokejax.files import write_atomically
from strokejax.ink.formats import (
    MAX_BYTES,
    folder_symbol,
    read_ink,
    symbol_folder,
    to_csv,
    to_json,
)
from strokejax.ink.limits import read_bytes
from strokejax.table.symbols import SPACE, STROKES, check_name
from strokejax.types import Ink, InputError

COLLECTED = "raw_mouse_data"
REJECTED = ".rejected"
MAX_FILES = 50_000
TRIAL = re.compile(r"trial_(.*)\.(csv|json)")
_OUT = "leads out of the folder; put a copy in its place."


class Problem(NamedTuple):
    """A file, or a folder, that gives no drawing."""

    path: Path
    error: str
    """One sentence."""


@dataclass(frozen=True)
class Collection:
    """The files of a collected folder by symbol, unread."""

    root: Path
    """The folder itself, or its subfolder raw_mouse_data."""
    folders: Mapping[str, Path]
    """Where each symbol's drawings are kept; a folder may still be empty."""
    trials: Mapping[str, Sequence[Path]]
    """Sorted files `trial_*.csv` and `trial_*.json`; no symbol is without."""
    astray: Sequence[Problem]
    """What lies outside of the folder or under a name that is no symbol's."""


class Contents(NamedTuple):
    """A collection's files after a look into each."""

    good: Mapping[str, Sequence[Path]]
    """By symbol; one without a good drawing is not there."""
    hashes: frozenset[str]
    """Content of the good ones."""
    problems: Sequence[Problem]


def find(folder: str | Path) -> Collection:
    """The files of a folder with a subfolder a symbol (a, uA, d0, space, others).

    Two subfolders may name one symbol. Links that lead out of the folder are not
    followed. InputError for no folder, one that cannot be read, or above 50,000 files.
    """
    root = Path(folder).expanduser()
    if not root.is_dir():
        raise InputError(
            f"{folder} is no folder; name one that holds a subfolder a symbol."
        )
    if (root / COLLECTED).is_dir():
        root = root / COLLECTED
    folders: dict[str, Path] = {}
    trials: dict[str, list[Path]] = {}
    astray: list[Problem] = []
    left = MAX_FILES
    for subfolder in _listed(root, left):
        if subfolder.name == REJECTED or not subfolder.is_dir():
            continue
        if _leads_out(subfolder, root):
            astray.append(Problem(subfolder, f"{subfolder} {_OUT}"))
            continue
        inside = _listed(subfolder, left)
        left -= len(inside)
        files = [path for path in inside if TRIAL.fullmatch(path.name)]
        if not files and (inside or subfolder.name.startswith(".")):
            continue  # a folder of something else; an empty one waits for drawings
        try:
            symbol = check_name(folder_symbol(subfolder.name))
        except InputError as error:
            astray.append(Problem(subfolder, f"{subfolder}: {error}"))
            continue
        # The spelling of today before older ones, where both are there.
        if symbol not in folders or subfolder.name == symbol_folder(symbol):
            folders[symbol] = subfolder
        outer = {path: None for path in files if _leads_out(path, root)}
        astray += (Problem(path, f"{path} {_OUT}") for path in outer)
        if inner := [path for path in files if path not in outer]:
            trials.setdefault(symbol, []).extend(inner)
    return Collection(root, folders, trials, astray)


def examine(collection: Collection) -> Contents:
    """Reads every file; a copy of an earlier one is a problem, as is a blank one.

    Content is compared without regard to line ends.
    """
    good: dict[str, list[Path]] = {}
    first: dict[str, Path] = {}
    problems = [*collection.astray]
    for symbol, path in files(collection):
        try:
            digest = check(path, symbol)
            if digest in first:
                raise InputError(
                    f"{path} is the same drawing as {first[digest]}; keep one of them."
                )
        except InputError as error:
            problems.append(Problem(path, str(error)))
        else:
            first[digest] = path
            good.setdefault(symbol, []).append(path)
    return Contents(good, frozenset(first), problems)


def to_draw(samples: Mapping[str, int], target: int) -> list[str]:
    """The symbols with fewer than `target` samples, those with fewest first.

    Ties keep the order of `samples`.
    """
    return sorted(
        (s for s, n in samples.items() if n < target), key=samples.__getitem__
    )


def asked_for(collection: Collection) -> tuple[str, ...]:
    """The 63 strokes in their order, then the folder's other symbols, sorted."""
    return (*STROKES, *sorted(collection.folders.keys() - set(STROKES)))


def files(collection: Collection) -> Iterator[tuple[str, Path]]:
    """Every file with its symbol."""
    for symbol, paths in collection.trials.items():
        for path in paths:
            yield symbol, path


def check(path: Path, symbol: str) -> str:
    """The hash of a file's content; InputError where it holds no drawing.

    A letter or digit needs a pen that moves.
    """
    (ink,) = read_ink(path)
    points = np.concatenate(ink.strokes)[:, :2]
    if symbol in STROKES and symbol != SPACE and not np.ptp(points, axis=0).any():
        raise InputError(f"{path} is blank: the pen never moves; draw it again.")
    return sha256(b"\n".join(read_bytes(path, MAX_BYTES).split())).hexdigest()


def _listed(folder: Path, left: int) -> list[Path]:
    """The sorted entries of a folder; InputError above what is `left` of the limit."""
    found = []
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                found.append(folder / entry.name)
                if len(found) > left:
                    raise InputError(
                        f"{folder} brings the collection above the limit of "
                        f"{MAX_FILES:,} files; give a smaller folder, or several."
                    )
    except OSError as error:
        raise InputError(
            f"{folder} cannot be listed ({error.strerror}); check its permissions."
        ) from error
    return sorted(found)


def _leads_out(path: Path, root: Path) -> bool:
    """Whether a link has its target outside; the folder above is inside."""
    # Unlike Path.resolve, realpath bears with links in a circle.
    target = Path(os.path.realpath(path))
    return path.is_symlink() and not target.is_relative_to(os.path.realpath(root))


# Upkeep of a collected folder: setting bad files aside, taking in another's.


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
