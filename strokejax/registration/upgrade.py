"""A person's model with a newer encoder: its drawings embedded and learned again."""

from collections.abc import Sequence
from itertools import groupby
from operator import attrgetter
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from strokejax.recognizer import from_stored, with_table
from strokejax.registration.learn import as_trained, learn, with_symbols
from strokejax.registration.registry import drawn
from strokejax.registration.rows import Method
from strokejax.registration.samples import SampleStore, embedded
from strokejax.store.content import read_hashed, write_named
from strokejax.store.model import StoredModel, load_model, versions
from strokejax.store.paths import CURRENT, PACKAGED, home, resolve
from strokejax.store.versions import changing, save, writable
from strokejax.table.symbols import SymbolTable
from strokejax.table.table import unit
from strokejax.types import InputError, Refused

USUAL = PACKAGED / "nn-sampling"


def upgrade(
    model: str | Path | None, source: str | Path | None = None, *, force: bool = False
) -> dict[str, Any]:
    """Gives a model encoder, table and calibration of the packaged one, or of `source`.

    Its own drawings are embedded and learned anew in their order; what was renamed,
    forgotten or has an alias stays so. {"version", "changed", "before", "after",
    "symbols", "left_out"}: the encoders; of each symbol with drawings {"symbol",
    "samples", "before", "after"}, where the last two are the share that the coach
    expects to be mistaken; symbols of `source` that stay behind, since they are only
    registered or their names are taken.
    InputError where drawings are missing, and for symbols without drawings that
    `source` does not know, unless `force`.
    """
    folder = USUAL if source is None else resolve(source)
    newer = with_table(load_model(folder))
    stored = with_table(load_model(model))
    if stored.files.encoder == newer.files.encoder:
        return _unchanged(stored)
    target = writable(model)
    with changing(target) as stored:
        if stored.files.encoder == newer.files.encoder:
            return _unchanged(stored)
        store = SampleStore(target)
        begun = begin(stored, trained_names(target, stored), newer)
        if begun.lost and not force:
            raise Refused(
                f"{folder} does not know {len(begun.lost)} symbols of this model that "
                f"have no drawings of their own ({', '.join(begun.lost)[:60]}), so "
                f"nothing was changed; register drawings of them"
            )
        changed = learned_again(stored, begun.model, store)
        comparison = _compared(stored, changed, store)
        for name in newer.files:
            write_named(target / name, (folder / name).read_bytes())
        store.write()
        change = {"before": _encoder(stored), "after": _encoder(newer)}
        version = save(target, stored, changed, {"verb": "upgrade"} | change)
    result = {"version": version, "changed": True} | change
    return result | {"symbols": comparison, "left_out": begun.left_out}


def outdated(model: str | Path | None) -> bool:
    """Whether a person's own model has an older encoder than the packaged one."""
    folder = resolve(model)
    if folder.resolve() != (home() / "model").resolve():
        return False
    try:
        folder, packaged = _header(folder), _header(USUAL)
    except (InputError, OSError):  # of a damaged model there is more to say elsewhere
        return False
    made = [header["about"].get("made", "") for header in (folder, packaged)]
    return folder["encoder"] != packaged["encoder"] and made[0] < made[1]


class Begun(NamedTuple):
    """A newer model with the names of an older one, before anything is learned."""

    model: StoredModel
    left_out: list[str]
    """Its symbols that stay behind."""
    lost: list[str]
    """Symbols of the older model that it does not know and that cannot be learned."""


def begin(
    stored: StoredModel, trained: Sequence[str | None], newer: StoredModel
) -> Begun:
    """The newer model, as trained, with what was renamed and forgotten in the older.

    `trained` has the names of the older one's calibration rows as training left them.
    """
    theirs = newer.symbols.symbols
    for symbol in {each.symbol for each in newer.samples}:
        newer = as_trained(newer, symbol)
    rows = len(newer.calibration.rows)
    about = newer.about | {"symbols": _by_row(newer.origin, newer.symbols.names, rows)}
    now: dict[str | None, str | None] = {None: None}
    for row, name in enumerate(trained):
        slots = np.flatnonzero(stored.origin == row)
        if name is not None:
            now[name] = stored.symbols.names[slots[0]] if len(slots) else now.get(name)
    # A newer model that knows a symbol by the name that it was given means the same.
    now = {
        to: to for name, to in now.items() if to in theirs and name not in theirs
    } | now
    drawn = {each.symbol for each in stored.samples}
    taken = {*stored.symbols.names, *stored.symbols.aliases} - (drawn - {*now.values()})
    names = [
        now.get(name, None if name in taken else name) for name in newer.symbols.names
    ]
    begun, known = with_symbols(newer, SymbolTable(tuple(names))), {*names, *drawn}
    return Begun(
        begun._replace(about=about, samples=()),
        [n for n in theirs if n not in now and (n in taken or n not in known)],
        [n for n in stored.symbols.symbols if n not in known],
    )


def learned_again(
    stored: StoredModel, begun: StoredModel, store: SampleStore
) -> StoredModel:
    """The model with the older one's drawings, learned in their order, and aliases."""
    encoder, files = from_stored(begun, fast=False), {}
    for each in stored.samples:
        if each.file not in files:
            try:
                drawings = store.kept(each.file)
            except InputError as error:
                raise InputError(
                    f"{each.file} with drawings of {each.symbol!r} is missing or "
                    f"damaged, so they cannot be embedded anew; copy it into the "
                    f"model's folder again, or forget {each.symbol!r} first."
                ) from error
            files[each.file] = store.put(drawings, embedded(encoder, drawings))
    model = begun
    for symbol, samples in groupby(stored.samples, attrgetter("symbol")):
        fresh = [each._replace(file=files[each.file]) for each in samples]
        wider = model._replace(samples=(*model.samples, *fresh))
        method = _method(stored, symbol)
        model = learn(wider, store, symbol, method, against=model, force=True).model
    return model._replace(symbols=model.symbols.like(stored.symbols))


def trained_names(folder: Path, stored: StoredModel) -> list[str | None]:
    """The names of calibration rows as training left them, None where it is not known.

    Its upgrade wrote them down, or they are those of the first version of the encoder.
    """
    if "symbols" in stored.about:
        return stored.about["symbols"]
    origin, names = stored.origin, stored.symbols.names
    for _, path in versions(folder):
        try:
            header, tensors = read_hashed(path)
        except InputError:
            continue
        if (header["encoder"], header["calibration"]) == stored.files:
            origin, names = tensors["origin"], header["symbols"]
            break
    return _by_row(origin, names, len(stored.calibration.rows))


def _by_row(
    origin: np.ndarray, names: Sequence[str | None], rows: int
) -> list[str | None]:
    result: list[str | None] = [None] * rows
    for row, name in zip(origin, names, strict=True):
        if row >= 0:
            result[row] = name
    return result


def _method(stored: StoredModel, symbol: str) -> Method:
    """How the rows of a symbol were made: a mean is its sum at length 1."""
    slots = [s for s in stored.symbols.slots_of(symbol) if stored.slots.counts[s]]
    rows, sums = stored.table["embeddings"][slots], np.asarray(stored.slots.sums)[slots]
    return "mean" if np.allclose(unit(rows), unit(sums), atol=1e-6) else "sgd"


def _compared(
    stored: StoredModel, changed: StoredModel, store: SampleStore
) -> list[dict[str, Any]]:
    """What the coach says of each symbol's drawings, before and after."""
    rows = []
    for symbol in dict.fromkeys(each.symbol for each in stored.samples):
        row: dict[str, Any] = {"symbol": symbol, "samples": len(drawn(stored, symbol))}
        for when, model in (("before", stored), ("after", changed)):
            method = _method(stored, symbol)
            again = learn(model, store, symbol, method, against=model, force=True)
            row[when] = again.coach["mistaken"]
        rows.append(row)
    return rows


def _unchanged(stored: StoredModel) -> dict[str, Any]:
    both = {"before": _encoder(stored), "after": _encoder(stored)}
    result = {"version": stored.version, "changed": False} | both
    return result | {"symbols": [], "left_out": []}


def _encoder(stored: StoredModel) -> dict[str, str]:
    return {
        "architecture": stored.spec.architecture,
        "made": str(stored.about.get("made", "")),
        "file": stored.files.encoder,
    }


def _header(folder: Path) -> Any:
    name = Path((folder / CURRENT).read_text().strip()).name
    return read_hashed(folder / name)[0]
