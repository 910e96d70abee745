"""A collected folder as a data set: one subfolder a symbol, one file a drawing."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from hashlib import sha256
from pathlib import Path

import numpy as np

from strokejax.data.collection import find
from strokejax.data.dataset import Dataset
from strokejax.data.splits import check_split
from strokejax.ink.formats import read_ink
from strokejax.ink.packed import PackedInk, pack
from strokejax.ink.resample import resample
from strokejax.table.symbols import STROKES
from strokejax.types import Ink, InputError

HELD_OUT = 0.2
"""Share of each symbol's drawings in the validation split."""


def load_scribble(
    folder: str | Path,
    split: str | None = None,
    *,
    seed: int = 0,
    count: int = 64,
    draw: Callable[[PackedInk], dict[str, np.ndarray]] | None = None,
) -> Dataset:
    """The drawings of a collected folder as "points" f32[n count 3], or as `draw` does.

    The folder, or its subfolder raw_mouse_data, has one subfolder a symbol: `a`, `uA`,
    `d0`, `space`, or any other name, whose symbol follows the 63 strokes in `symbols`.
    A subfolder has files `trial_*.csv` of one stroke or `trial_*.json` of several.

    A `split` divides each symbol's drawings by a seeded hash of their file names, a
    fifth to "validation". One person drew them all: such a split measures how well the
    model knows this person, not how well it knows a new one. InputError if any file
    cannot be read.
    """
    if split is not None:
        check_split(split)
    trials = _trials(folder)
    symbols = (*STROKES, *sorted(trials.keys() - set(STROKES)))
    drawings = [
        (symbol, path)
        for symbol in symbols
        for path in _split_files(trials.get(symbol, []), split, seed)
    ]
    if not drawings:
        raise InputError(
            f"{folder} has {sum(map(len, trials.values()))} drawings, too few for a "
            f"{split} split; draw 3 or more of each symbol."
        )
    index = {symbol: label for label, symbol in enumerate(symbols)}
    packed = pack(_read(path for _, path in drawings))
    return Dataset(
        name="scribble" if split is None else f"scribble/{split}",
        inputs=draw(packed) if draw else {"points": resample(packed, count)},
        labels=np.array([index[symbol] for symbol, _ in drawings], np.int32),
        symbols=symbols,
        groups=np.full(len(drawings), "scribble"),  # one person drew them all
        group_kind="person",
    )


def _trials(folder: str | Path) -> Mapping[str, Sequence[Path]]:
    collection = find(folder)
    if collection.misplaced:
        raise InputError(collection.misplaced[0].error)
    if not collection.trials:
        raise InputError(
            f"{folder} has no drawings; it needs subfolders named after symbols (a, "
            f"uA, d0, space ...) with files trial_*.csv or trial_*.json."
        )
    return collection.trials


def _split_files(files: Sequence[Path], split: str | None, seed: int) -> Sequence[Path]:
    """The files of one symbol that are in a split, in their order."""
    if split is None:
        return files
    # Ranked by a hash, so that the order of recording does not decide the split.
    ranked = sorted(files, key=lambda path: _rank(path, seed))
    held_out = set(ranked[: round(HELD_OUT * len(files))])
    return [path for path in files if (path in held_out) == (split == "validation")]


def _rank(path: Path, seed: int) -> bytes:
    return sha256(f"{seed}:{path.parent.name}/{path.name}".encode()).digest()


def _read(paths: Iterable[Path]) -> list[Ink]:
    inks: list[Ink] = []
    errors: list[InputError] = []  # the whole folder is read, to count all bad files
    for path in paths:
        try:
            inks += read_ink(path)
        except InputError as error:
            errors.append(error)
    if errors:
        more = f"; {len(errors)} files of the folder have errors" if errors[1:] else ""
        raise InputError(f"{str(errors[0]).rstrip('.')}{more}; repair or remove them.")
    return inks
