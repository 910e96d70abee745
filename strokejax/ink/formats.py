"""Ink in files: the one way in for every format."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from strokejax.files import save_file
from strokejax.ink.collected_csv import (
    folder_symbol,
    parse_csv,
    symbol_folder,
    to_csv,
    write_csv,
)
from strokejax.ink.inkml import parse_inkml
from strokejax.ink.limits import (
    MAX_BYTES,
    MAX_PACKED_BYTES,
    MAX_POINTS,
    MAX_STROKES,
    check_ink,
    decode_text,
    read_bytes,
)
from strokejax.ink.packed import PackedInk, pack, read_packed, unpack, write_packed
from strokejax.ink.unipen import parse_unipen
from strokejax.types import Ink, InputError

__all__ = [
    "MAX_BYTES",
    "MAX_PACKED_BYTES",
    "MAX_POINTS",
    "MAX_STROKES",
    "PackedInk",
    "check_ink",
    "folder_symbol",
    "from_json",
    "pack",
    "read_bytes",
    "read_ink",
    "read_packed",
    "read_unipen",
    "symbol_folder",
    "to_csv",
    "to_json",
    "unpack",
    "write_csv",
    "write_json",
    "write_packed",
]

_SUFFIXES = {
    ".csv": "csv",
    ".json": "json",
    ".inkml": "inkml",
    ".npz": "npz",
    ".unipen": "unipen",
    ".unp": "unipen",
}
_FIRST = {b"<": "inkml", b"{": "json", b"[": "json", b".": "unipen"}


def read_ink(path: str | Path) -> list[Ink]:
    """The ink of a file: one of a CSV, JSON or InkML file, all of a UNIPEN or npz file.

    CSV: `timestamp,velocity_x,velocity_y`, one row a sample at any rate (`parse_csv`).
    JSON: `{"strokes": [[[x, y] or [x, y, t], ...], ...]}` or the bare list of strokes,
    y down, t in seconds or null; or `{"velocities": [{"vx": 1, "vy": 0}, ...]}`.
    The suffix decides, or the first character where it says nothing. InputError for
    what cannot be read, files above 8 MiB (npz: 64), and ink that check_ink refuses.
    """
    path = Path(path)
    kind = _SUFFIXES.get(path.suffix.lower())
    if kind is None:
        head = read_bytes(path, MAX_PACKED_BYTES).removeprefix(b"\xef\xbb\xbf")
        packed = head.startswith(b"PK")
        kind = "npz" if packed else _FIRST.get(head.lstrip()[:1], "csv")
    if kind == "unipen":
        return [ink for ink, _ in read_unipen(path)]
    if kind == "npz":
        packed, _ = read_packed(path)
        n = len(packed.sample_start) - 1
        if not n:
            raise InputError(f"{path} has no ink: it packs no samples.")
        inks = (_with_taps(unpack(packed, i)) for i in range(n))
        return [check_ink(ink, f"{path}, sample {i}") for i, ink in enumerate(inks)]
    parse = {"csv": parse_csv, "json": _parse_json, "inkml": parse_inkml}[kind]
    strokes = parse(read_bytes(path, MAX_BYTES), str(path))
    return [check_ink(Ink(tuple(strokes)), str(path))]


def read_unipen(
    path: str | Path, root: str | Path | None = None, level: str | None = None
) -> list[tuple[Ink, str | None]]:
    """The segments of a UNIPEN file with their labels; see `unipen.parse_unipen`."""
    inks = []
    for i, (strokes, label) in enumerate(parse_unipen(path, root, level)):
        ink = _with_taps(Ink(tuple(strokes)))
        where = f"{path}, segment {i} ({(label or '')[:40]!r})"
        inks.append((check_ink(ink, where), label))
    return inks


def write_json(path: str | Path, ink: Ink) -> None:
    """Writes ink as JSON; see `to_json`."""
    save_file(path, to_json(ink, str(path)))


def to_json(ink: Ink, where: str) -> bytes:
    """Ink as `{"strokes": ...}`; times that are unknown become null."""
    strokes = [
        [[x, y, None if np.isnan(t) else t] for x, y, t in stroke.tolist()]
        for stroke in check_ink(ink, where).strokes
    ]
    text = json.dumps({"strokes": strokes}, allow_nan=False, separators=(",", ":"))
    return text.encode()


def _with_taps(ink: Ink) -> Ink:
    """A lone point twice: digitisers keep a dot as one point, data sets have many."""
    return Ink(ink.strokes * 2) if ink.points == 1 else ink


def _parse_json(data: bytes, where: str) -> list[np.ndarray]:
    try:
        content = json.loads(decode_text(data, where))
    except (ValueError, RecursionError) as error:
        raise InputError(f"{where} is not JSON ({error}); export it again.") from error
    return _strokes_of(content, where)


def from_json(content: Any, where: str) -> Ink:
    """The ink that decoded JSON says; see `read_ink`. InputError for anything else."""
    return check_ink(Ink(tuple(_strokes_of(content, where))), where)


def _strokes_of(content: Any, where: str) -> list[np.ndarray]:
    try:
        return _strokes(content)
    except (KeyError, IndexError, TypeError, ValueError, OverflowError) as error:
        raise InputError(
            f'{where} holds no ink; give {{"strokes": [[[x, y], ...], ...]}} with '
            f'[x, y] or [x, y, t] alike in a stroke, or {{"velocities": '
            f'[{{"vx": 1, "vy": 0}}, ...]}}, all of them numbers.'
        ) from error


def _strokes(content: Any) -> list[np.ndarray]:
    if isinstance(content, dict) and "strokes" not in content:
        steps = [(step["vx"], step["vy"]) for step in content["velocities"]]
        if not all(type(x) in (int, float) for step in steps for x in step):
            raise TypeError("velocities are numbers")
        with np.errstate(over="ignore", invalid="ignore"):
            return [np.cumsum(np.array(steps, np.float64).reshape(-1, 2), axis=0)]
    strokes = content["strokes"] if isinstance(content, dict) else content
    if not isinstance(strokes, list) or not all(isinstance(s, list) for s in strokes):
        raise TypeError("strokes are lists of points")
    for stroke in strokes:
        for point in stroke:
            if not all(type(x) in (int, float, type(None)) for x in point):
                raise TypeError("points are numbers")
    return [np.array(stroke, np.float64) for stroke in strokes]
