"""A collected folder: its drawings, faulty files, what to draw next, and its upkeep.

The folder has one subfolder a symbol, and in it one file a drawing. Upkeep moves faulty
files aside, saves new drawings and copies those of another folder; no file is ever
deleted or replaced.
"""

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

import numpy as np

from strokejax.files import read_bytes, write_atomically
from strokejax.ink.collected_csv import folder_symbol, symbol_folder, to_csv
from strokejax.ink.formats import read_ink, to_json
from strokejax.ink.limits import MAX_BYTES
from strokejax.table.symbols import SPACE, STROKES, check_name
from strokejax.types import Ink, InputError

COLLECTED = "raw_mouse_data"
"""Subfolder that holds the drawings, if there is one."""
REJECTED = ".rejected"
"""Subfolder for faulty files."""
MAX_FILES = 50_000
TRIAL = re.compile(r"trial_(.*)\.(csv|json)")
"""Name of a drawing's file."""
_LEADS_OUT = "leads out of the folder; put a copy in its place."


class Problem(NamedTuple):
    """A file or folder that cannot be used."""

    path: Path
    error: str
    """One sentence."""


@dataclass(frozen=True)
class Collection:
    """The files of a collected folder by symbol, not yet read."""

    root: Path
    """The folder itself, or its subfolder raw_mouse_data."""
    folders: Mapping[str, Path]
    """The folder of each symbol, which may be empty."""
    trials: Mapping[str, Sequence[Path]]
    """Sorted files `trial_*.csv` and `trial_*.json` of each symbol that has any."""
    misplaced: Sequence[Problem]
    """Links out of the folder, and subfolders whose names are not symbols."""


class Contents(NamedTuple):
    """A collection after all files were read."""

    good: Mapping[str, Sequence[Path]]
    """Usable files of each symbol that has any."""
    hashes: frozenset[str]
    """Content hashes of the usable files."""
    problems: Sequence[Problem]


# Listing and reading.


def find(folder: str | Path) -> Collection:
    """The files of a folder with one subfolder a symbol (a, uA, d0, space, others).

    Two subfolders may name one symbol. Links that lead out of the folder are not
    followed. InputError if it is not a folder, cannot be listed, or has more than
    50,000 files.
    """
    root = Path(folder).expanduser()
    if not root.is_dir():
        raise InputError(
            f"{folder} is not a folder; name one with a subfolder for each symbol."
        )
    if (root / COLLECTED).is_dir():
        root = root / COLLECTED
    folders: dict[str, Path] = {}
    trials: dict[str, list[Path]] = {}
    misplaced: list[Problem] = []
    budget = MAX_FILES
    for subfolder in _entries(root, budget):
        if subfolder.name == REJECTED or not subfolder.is_dir():
            continue
        if _leads_out(subfolder, root):
            misplaced.append(Problem(subfolder, f"{subfolder} {_LEADS_OUT}"))
            continue
        entries = _entries(subfolder, budget)
        budget -= len(entries)
        drawings = [path for path in entries if TRIAL.fullmatch(path.name)]
        if not drawings and (entries or subfolder.name.startswith(".")):
            continue  # another kind of folder; an empty one waits for drawings
        try:
            symbol = check_name(folder_symbol(subfolder.name))
        except InputError as error:
            misplaced.append(Problem(subfolder, f"{subfolder}: {error}"))
            continue
        # Where both exist, today's spelling takes precedence over an older one.
        if symbol not in folders or subfolder.name == symbol_folder(symbol):
            folders[symbol] = subfolder
        outside = {path: None for path in drawings if _leads_out(path, root)}
        misplaced += (Problem(path, f"{path} {_LEADS_OUT}") for path in outside)
        if inside := [path for path in drawings if path not in outside]:
            trials.setdefault(symbol, []).extend(inside)
    return Collection(root, folders, trials, misplaced)


def examine(collection: Collection) -> Contents:
    """Read every file and sort out the faulty ones, blank drawings and duplicates.

    Line ends make no difference between duplicates.
    """
    good: dict[str, list[Path]] = {}
    first: dict[str, Path] = {}
    problems = [*collection.misplaced]
    for symbol, path in files(collection):
        try:
            digest = drawing_hash(path, symbol)
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
    """Symbols with fewer than `target` samples, the fewest first.

    Ties keep the order of `samples`.
    """
    return sorted(
        (s for s, n in samples.items() if n < target), key=samples.__getitem__
    )


def symbols_to_collect(collection: Collection) -> tuple[str, ...]:
    """The 63 strokes in their order, then the folder's other symbols, sorted."""
    return (*STROKES, *sorted(collection.folders.keys() - set(STROKES)))


def files(collection: Collection) -> Iterator[tuple[str, Path]]:
    """Each file with its symbol."""
    for symbol, paths in collection.trials.items():
        for path in paths:
            yield symbol, path


def drawing_hash(path: Path, symbol: str) -> str:
    """Hash of a drawing's content, or InputError if the file is faulty.

    A letter or digit whose pen never moves is faulty; a tap may be a space or a symbol
    of another name.
    """
    (ink,) = read_ink(path)
    points = np.concatenate(ink.strokes)[:, :2]
    if symbol in STROKES and symbol != SPACE and not np.ptp(points, axis=0).any():
        raise InputError(f"{path} is blank: the pen never moves; draw it again.")
    return sha256(b"\n".join(read_bytes(path, MAX_BYTES).split())).hexdigest()


def _entries(folder: Path, budget: int) -> list[Path]:
    """The sorted entries of a folder; InputError for more than `budget`."""
    paths = []
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                paths.append(folder / entry.name)
                # While listing: a huge folder is refused before it is read.
                if len(paths) > budget:
                    raise InputError(
                        f"{folder} brings the collection above the limit of "
                        f"{MAX_FILES:,} files; give a smaller folder, or several."
                    )
    except OSError as error:
        raise InputError(
            f"{folder} cannot be listed ({error.strerror}); check its permissions."
        ) from error
    return sorted(paths)


def _leads_out(path: Path, root: Path) -> bool:
    """Whether a path, in a folder that lies inside `root`, is a link to outside."""
    # realpath tolerates links in a circle; Path.resolve raises.
    target = Path(os.path.realpath(path))
    return path.is_symlink() and not target.is_relative_to(os.path.realpath(root))


# Upkeep: moving faulty files aside, saving a drawing, merging another folder.


class Moved(NamedTuple):
    """A file and the path that it was moved or copied to."""

    path: Path
    to: Path


class Merged(NamedTuple):
    """The files of the other folder after a merge."""

    copied: Sequence[Moved]
    duplicates: int
    """Files whose content was already present."""
    left_out: Sequence[Problem]


def clean(collection: Collection, problems: Sequence[Problem]) -> list[Moved]:
    """Move faulty files to the subfolder .rejected, under the same relative paths.

    A file whose path is occupied there gets a number; nothing is deleted.
    """
    rejected = collection.root / REJECTED
    if problems and (rejected.is_symlink() or rejected.is_file()):
        raise InputError(f"{rejected} is a link or a file, not a folder; rename it.")
    moved: list[Moved] = []
    for path, _ in problems:
        to = _free_path(rejected / path.relative_to(collection.root))
        try:
            to.parent.mkdir(parents=True, exist_ok=True)
            path.rename(to)
        except OSError as error:
            raise InputError(
                f"{path} cannot be moved to {to} ({error.strerror}) after "
                f"{len(moved)} other files; check the permissions there."
            ) from error
        moved.append(Moved(path, to))
    return moved


def keep(root: str | Path, symbol: str, ink: Ink) -> Path:
    """Save a drawing in the symbol's subfolder; returns the path of the new file.

    One stroke becomes a CSV file of velocities, a format without pen-ups; several
    strokes become JSON.
    """
    folder = Path(root).expanduser() / symbol_folder(symbol)
    where = f"the drawing of {symbol!r}"
    several = len(ink.strokes) > 1
    data = to_json(ink, where) if several else to_csv(ink, where)
    suffix = ".json" if several else ".csv"
    return _save_trial(data, suffix, folder, _last_trial(folder) + 1)[0]


def merge(collection: Collection, known: frozenset[str], other: Collection) -> Merged:
    """Copy the drawings of another folder whose hashes are not `known`.

    Each copy is complete or absent, and gets the next free trial number, so that no
    file is replaced. The other folder is only read; its faulty files are left out and
    reported.
    """
    if collection.root.samefile(other.root):
        raise InputError(f"{other.root} is the same folder; merge another one into it.")
    present, duplicates = set(known), 0
    copied: list[Moved] = []
    left_out = [*other.misplaced]
    folders = dict(collection.folders)
    numbers: dict[str, int] = {}
    for symbol, path in files(other):
        try:
            digest = drawing_hash(path, symbol)
            if digest in present:
                duplicates += 1
                continue
            if symbol not in folders:
                folders[symbol] = _new_folder(collection.root, symbol)
        except InputError as error:
            left_out.append(Problem(path, str(error)))
            continue
        if symbol not in numbers:
            numbers[symbol] = _last_trial(folders[symbol])
        data = read_bytes(path, MAX_BYTES)
        number = numbers[symbol] + 1
        to, numbers[symbol] = _save_trial(data, path.suffix, folders[symbol], number)
        present.add(digest)
        copied.append(Moved(path, to))
    return Merged(copied, duplicates, left_out)


def _free_path(target: Path) -> Path:
    path, number = target, 1
    while os.path.lexists(path):
        number += 1
        path = target.with_name(f"{target.stem}-{number}{target.suffix}")
    return path


def _new_folder(root: Path, symbol: str) -> Path:
    folder = root / symbol_folder(symbol)
    if os.path.lexists(folder):
        raise InputError(
            f"The symbol {symbol!r} needs the folder {folder}, whose name is taken "
            f"(some disks ignore capitals); rename one of the two."
        )
    return folder


def _last_trial(folder: Path) -> int:
    """The highest trial number in a folder, 0 if it has none or does not exist."""
    matches = (TRIAL.fullmatch(path.name) for path in folder.glob("trial_*"))
    return max((int(m[1]) for m in matches if m and m[1].isdecimal()), default=0)


def _save_trial(
    data: bytes, suffix: str, folder: Path, number: int
) -> tuple[Path, int]:
    """Save a drawing under the first free trial number from `number` on."""
    while True:
        path = folder / f"trial_{number}{suffix}"
        try:
            write_atomically(path, data, replace=False)
            return path, number
        except OSError as error:
            if isinstance(error, FileExistsError) and os.path.lexists(path):
                number += 1  # another process saves into this folder
                continue
            raise InputError(
                f"{path} cannot be written ({error.strerror}); check the folder and "
                f"its free space, then try again."
            ) from error
