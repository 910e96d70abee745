"""Symbols in one file: drawings only, so that any encoder can make rows of them."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from strokejax.files import read_bytes, save_file
from strokejax.registration.registry import SymbolDrawings, add, plain_samples
from strokejax.registration.rows import Method
from strokejax.registration.samples import SampleStore, from_tensors, to_tensors
from strokejax.store.content import parse, to_bytes
from strokejax.store.model import load_model
from strokejax.store.paths import resolve
from strokejax.table.symbols import check_name
from strokejax.types import InputError

MAX_BYTES, MAX_DRAWINGS = 64 << 20, 10_000
"""Largest file that is read, and most drawings in it."""
FORMAT = 1


def export_symbols(
    model: str | Path | None, path: str | Path, names: Sequence[str] = ()
) -> dict[str, int]:
    """Writes registered symbols, all or `names`; returns the drawings of each.

    InputError for symbols without registered drawings.
    """
    folder = resolve(model)
    stored, store = load_model(folder), SampleStore(folder)
    symbols = [stored.symbols.known(name) for name in names]
    samples = [s for s in plain_samples(stored) if not names or s.symbol in symbols]
    missing = sorted(set(symbols) - {sample.symbol for sample in samples})
    if missing or not samples:
        raise InputError(
            f"There are no drawings of {', '.join(map(repr, missing)) or 'any symbol'} "
            f"to export; register some first."
        )
    header, tensors = to_tensors([store.drawings(s.file)[s.row] for s in samples])
    header["symbols"] = [sample.symbol for sample in samples]
    header |= {"format": FORMAT, "digest": _digest(header, tensors)}
    save_file(path, to_bytes(tensors, header))
    count = header["symbols"].count
    return {name: count(name) for name in dict.fromkeys(header["symbols"])}


def import_symbols(
    model: str | Path | None,
    path: str | Path,
    *,
    method: Method = "sgd",
    force: bool = False,
) -> dict[str, Any]:
    """Registers the symbols of an exported file as one version.

    Skips drawings that a symbol has already. Returns {"version", "symbols": reports of
    `registry.register`}. InputError for files that are damaged, changed or too large.
    """
    data = read_bytes(path, MAX_BYTES)
    return import_bytes(model, data, str(path), method=method, force=force)


def import_bytes(
    model: str | Path | None,
    data: bytes,
    where: str,
    *,
    method: Method = "sgd",
    force: bool = False,
) -> dict[str, Any]:
    """`import_symbols` for the bytes of a file, which errors call `where`."""
    header, tensors = parse(data, where)
    try:
        names, kinds = list(header["symbols"]), list(header["kinds"])
        valid = header["format"] == FORMAT and len(names) == len(kinds)
        valid &= all(isinstance(name, str) for name in names)
        valid &= header["digest"] == _digest(header, tensors)
    except (KeyError, TypeError) as error:
        raise InputError(
            f"{where} is not an export of symbols; export it again."
        ) from error
    if not valid:
        raise InputError(
            f"{where} was changed or damaged after its export, or comes from a newer "
            f"strokejax; export it again."
        )
    if len(names) > MAX_DRAWINGS:
        raise InputError(
            f"{where} has {len(names):,} drawings, above the limit of "
            f"{MAX_DRAWINGS:,}; export fewer symbols per file."
        )
    drawings = from_tensors(header, tensors, where)
    symbols = []
    for name in dict.fromkeys(names):
        part = [d for d, symbol in zip(drawings, names, strict=True) if symbol == name]
        sources = [Path(where).name] * len(part)
        symbols.append(SymbolDrawings(check_name(name), part, sources))
    version, reports = add(
        model, symbols, "import", method=method, force=force, skip_known=True
    )
    return {"version": version, "symbols": reports}


def _digest(header: Any, tensors: dict[str, np.ndarray]) -> str:
    """A hash of the file's contents; older files lack "usual_size" and "variants"."""
    fields = {name: header[name] for name in ("symbols", "kinds", "hash")}
    optional = ("usual_size", "variants")
    fields |= {name: header[name] for name in optional if name in header}
    digest = hashlib.sha256(repr(fields).encode())
    for name in sorted(tensors):
        array = np.asarray(tensors[name], order="C")
        digest.update(f"{name} {array.dtype} {array.shape}".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()
