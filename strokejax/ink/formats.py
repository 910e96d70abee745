"""Reads ink files of every format and writes JSON."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from strokejax.files import read_bytes, save_file
from strokejax.ink.collected_csv import parse_csv
from strokejax.ink.inkml import parse_inkml
from strokejax.ink.json_ink import parse_json, parse_strokes
from strokejax.ink.limits import MAX_BYTES, MAX_PACKED_BYTES, check_ink
from strokejax.ink.packed import read_packed, unpack
from strokejax.ink.svg import parse_svg
from strokejax.ink.unipen import parse_unipen
from strokejax.types import Ink, InputError

_SUFFIXES = {
    ".csv": "csv",
    ".json": "json",
    ".ndjson": "json",
    ".excalidraw": "json",
    ".tldr": "json",
    ".inkml": "inkml",
    ".svg": "svg",
    ".npz": "npz",
    ".unipen": "unipen",
    ".unp": "unipen",
}
_FIRST_CHARACTERS = {b"<": "inkml", b"{": "json", b"[": "json", b".": "unipen"}


# Files


def read_ink(path: str | Path) -> list[Ink]:
    """All ink of a file: one from CSV, InkML, SVG; any number from JSON, UNIPEN, npz.

    CSV: `timestamp,velocity_x,velocity_y`, one row per sample at any rate; see
    `parse_csv`. JSON: `{"strokes": [[[x, y] or [x, y, t], ...], ...]}` or the bare list
    of strokes, y down, t in seconds or null; or `{"velocities": [{"vx": 1, "vy": 0},
    ...]}`, and the forms of `ink.json_ink`. The suffix decides the format; for an
    unknown suffix the first character does. InputError: the file cannot be read or is
    above 8 MiB (npz: 64), or `check_ink` refuses its ink.

    >>> import json, pathlib, tempfile, strokejax
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "bar.json"
    >>> _ = path.write_text(json.dumps({"strokes": [[[0, 0], [0, 40]]]}))
    >>> [ink.points for ink in strokejax.read_ink(path)]
    [2]
    """
    path = Path(path)
    kind = _SUFFIXES.get(path.suffix.lower())
    if kind is None:
        head = read_bytes(path, MAX_PACKED_BYTES).removeprefix(b"\xef\xbb\xbf")
        packed = head.startswith(b"PK")
        kind = "npz" if packed else _FIRST_CHARACTERS.get(head.lstrip()[:1], "csv")
    if kind == "unipen":
        return [ink for ink, _ in read_unipen(path)]
    if kind == "npz":
        packed, _ = read_packed(path)
        n = len(packed.sample_start) - 1
        if not n:
            raise InputError(f"{path} has no ink: it packs no samples.")
        inks = (_point_to_tap(unpack(packed, i)) for i in range(n))
        return [check_ink(ink, f"{path}, sample {i}") for i, ink in enumerate(inks)]
    data, where = read_bytes(path, MAX_BYTES), str(path)
    if kind == "json":
        drawings = parse_json(data, where)
    else:
        parse = {"csv": parse_csv, "inkml": parse_inkml, "svg": parse_svg}[kind]
        drawings = [parse(data, where)]
    if len(drawings) == 1:
        return [check_ink(Ink(tuple(drawings[0])), where)]
    inks = (Ink(tuple(strokes)) for strokes in drawings)
    return [check_ink(ink, f"{where}, line {i}") for i, ink in enumerate(inks, 1)]


def read_unipen(
    path: str | Path, root: str | Path | None = None, level: str | None = None
) -> list[tuple[Ink, str | None]]:
    """The segments of a UNIPEN file with their labels; see `unipen.parse_unipen`."""
    inks = []
    for i, (strokes, label) in enumerate(parse_unipen(path, root, level)):
        ink = _point_to_tap(Ink(tuple(strokes)))
        where = f"{path}, segment {i} ({(label or '')[:40]!r})"
        inks.append((check_ink(ink, where), label))
    return inks


def write_json(path: str | Path, ink: Ink) -> None:
    """Writes ink as JSON; see `to_json`."""
    save_file(path, to_json(ink, str(path)))


def _point_to_tap(ink: Ink) -> Ink:
    """Doubles a single point: digitisers record a dot as one, but ink needs two."""
    return Ink(ink.strokes * 2) if ink.points == 1 else ink


# JSON


def to_json(ink: Ink, where: str) -> bytes:
    """Ink as the bytes of `{"strokes": ...}`; unknown times become null."""
    strokes = [
        [[x, y, None if np.isnan(t) else t] for x, y, t in stroke.tolist()]
        for stroke in check_ink(ink, where).strokes
    ]
    text = json.dumps({"strokes": strokes}, allow_nan=False, separators=(",", ":"))
    return text.encode()


def from_json(content: Any, where: str) -> Ink:
    """The ink of decoded JSON, in the forms of `read_ink`; InputError for others."""
    return check_ink(Ink(tuple(parse_strokes(content, where))), where)
