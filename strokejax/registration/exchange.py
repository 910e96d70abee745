"""Symbols in one file: drawings only, so that any encoder can make rows of them."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from strokejax.files import read_bytes, save_file
from strokejax.registration.registry import SymbolDrawings, add, drawn
from strokejax.registration.rows import Method
from strokejax.registration.samples import SampleStore, from_tensors, to_tensors
from strokejax.store.content import parse, to_bytes
from strokejax.store.model import load_model
from strokejax.store.paths import resolve
from strokejax.table.symbols import check_name
from strokejax.types import InputError

MAX_BYTES = 64 << 20
MAX_DRAWINGS = 10_000
FORMAT = 1


def export_symbols(
    model: str | Path | None, path: str | Path, names: Sequence[str] = ()
) -> dict[str, int]:
    """Writes registered symbols, all or those named; how many drawings each has.

    InputError for symbols without drawings of their own: trained ones are in a model.
    """
    folder = resolve(model)
    stored, store = load_model(folder), SampleStore(folder)
    wanted = [stored.symbols.known(name) for name in names]
    samples = [s for s in drawn(stored) if not names or s.symbol in wanted]
    without = sorted(set(wanted) - {sample.symbol for sample in samples})
    if without or not samples:
        raise InputError(
            f"There are no drawings of {', '.join(map(repr, without)) or 'any symbol'} "
            f"to export; register some first."
        )
    header, tensors = to_tensors([store.kept(s.file)[s.row] for s in samples])
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
    """Registers the symbols of an exported file in one version.

    Drawings that a symbol has already are passed over. {"version", "symbols": [as
    `registry.register`]}. InputError for files that are damaged, changed or too large.
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
    """`import_symbols` for a file's bytes; `where` names them in errors."""
    header, tensors = parse(data, where)
    try:
        names, kinds = list(header["symbols"]), list(header["kinds"])
        right = header["format"] == FORMAT and len(names) == len(kinds)
        right &= all(isinstance(name, str) for name in names)
        right &= header["digest"] == _digest(header, tensors)
    except (KeyError, TypeError) as error:
        raise InputError(
            f"{where} is not an export of symbols; export it again."
        ) from error
    if not right:
        raise InputError(
            f"{where} is not as it was exported: it was changed or damaged, or comes "
            f"from a newer strokejax; export it again."
        )
    if len(names) > MAX_DRAWINGS:
        raise InputError(
            f"{where} has {len(names):,} drawings, above the limit of "
            f"{MAX_DRAWINGS:,}; export fewer symbols a file."
        )
    drawings = from_tensors(header, tensors, where)
    symbols = []
    for name in dict.fromkeys(names):
        part = [d for d, each in zip(drawings, names, strict=True) if each == name]
        sources = [Path(where).name] * len(part)
        symbols.append(SymbolDrawings(check_name(name), part, sources))
    version, coaches = add(
        model, symbols, "import", method=method, force=force, skip_known=True
    )
    return {"version": version, "symbols": coaches}


def _digest(header: Any, tensors: dict[str, np.ndarray]) -> str:
    """A hash of what the file says, but for its own value.

    Older files know neither usual sizes nor variants.
    """
    said = {name: header[name] for name in ("symbols", "kinds", "hash")}
    said |= {
        name: header[name] for name in ("usual_size", "variants") if name in header
    }
    digest = hashlib.sha256(repr(said).encode())
    for name in sorted(tensors):
        each = np.asarray(tensors[name], order="C")
        digest.update(f"{name} {each.dtype} {each.shape}".encode())
        digest.update(each.tobytes())
    return digest.hexdigest()
