"""A collected folder as a data set: one subfolder a symbol, one file a drawing."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from hashlib import sha256
from pathlib import Path

import numpy as np

from strokejax.data.collection import find
from strokejax.data.dataset import Dataset
from strokejax.data.splits import check_split
from strokejax.ink.formats import PackedInk, pack, read_ink
from strokejax.ink.resample import resample
from strokejax.table.symbols import STROKES
from strokejax.types import Ink, InputError

HELD_OUT = 0.2


def load_scribble(
    folder: str | Path,
    split: str | None = None,
    *,
    seed: int = 0,
    count: int = 64,
    draw: Callable[[PackedInk], dict[str, np.ndarray]] | None = None,
) -> Dataset:
    """The drawings of a collected folder as "points" f32[n count 3], or by `draw`.

    The folder, or its subfolder raw_mouse_data, holds `a`, `uA`, `d0`, `space`, or any
    other name: a symbol of that name, which follows the 63 strokes in `symbols`. In
    each lie files `trial_*.csv`, or `trial_*.json` for several strokes a drawing.
    With a `split` each symbol's drawings are parted by a seeded hash of their file
    names, a fifth to "validation". One person drew them all, so that split is by
    sample and says how well this person is known, not how well a new one is. One file
    that cannot be read refuses the folder.
    """
    if split is not None:
        check_split(split)
    named = _trials(folder)
    symbols = (*STROKES, *sorted(named.keys() - set(STROKES)))
    drawn = [
        (symbol, path)
        for symbol in symbols
        for path in _part(named.get(symbol, []), split, seed)
    ]
    if not drawn:
        raise InputError(
            f"{folder} has {sum(map(len, named.values()))} drawings, too few for a "
            f"{split} split; draw 3 or more of each symbol."
        )
    index = {symbol: label for label, symbol in enumerate(symbols)}
    packed = pack(_read(path for _, path in drawn))
    return Dataset(
        name="scribble" if split is None else f"scribble/{split}",
        inputs=draw(packed) if draw else {"points": resample(packed, count)},
        labels=np.array([index[symbol] for symbol, _ in drawn], np.int32),
        symbols=symbols,
        groups=np.full(len(drawn), "scribble"),
        group_kind="person",
    )


def _trials(folder: str | Path) -> Mapping[str, Sequence[Path]]:
    found = find(folder)
    if found.astray:
        raise InputError(found.astray[0].error)
    if not found.trials:
        raise InputError(
            f"{folder} has no drawing; it needs subfolders named after symbols (a, uA, "
            f"d0, space ...) with files trial_*.csv or trial_*.json in them."
        )
    return found.trials


def _part(files: Sequence[Path], split: str | None, seed: int) -> Sequence[Path]:
    """The files of one symbol that belong to a split, in their order."""
    if split is None:
        return files
    ranked = sorted(files, key=lambda path: _rank(path, seed))
    held_out = set(ranked[: round(HELD_OUT * len(files))])
    return [path for path in files if (path in held_out) == (split == "validation")]


def _rank(path: Path, seed: int) -> bytes:
    return sha256(f"{seed}:{path.parent.name}/{path.name}".encode()).digest()


def _read(paths: Iterable[Path]) -> list[Ink]:
    inks: list[Ink] = []
    wrong: list[InputError] = []
    for path in paths:
        try:
            inks += read_ink(path)
        except InputError as error:
            wrong.append(error)
    if wrong:
        more = f"; {len(wrong)} files of the folder are like this" if wrong[1:] else ""
        raise InputError(f"{str(wrong[0]).rstrip('.')}{more}; mend or remove them.")
    return inks
