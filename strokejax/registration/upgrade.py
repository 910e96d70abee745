"""Upgrades: the encoder is replaced, and drawings are embedded and learned again.

"Older" is a person's model, "newer" the model that the encoder comes from.
"""

from collections.abc import Sequence
from itertools import groupby
from operator import attrgetter
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from strokejax.recognizer import from_stored, require_table
from strokejax.registration.learn import as_trained, learn, with_symbols
from strokejax.registration.registry import plain_samples
from strokejax.registration.rows import Method
from strokejax.registration.samples import SampleStore, embed_drawings
from strokejax.store.content import read_hashed, write_named
from strokejax.store.model import StoredModel, load_model, pointer, versions
from strokejax.store.paths import PACKAGED, home, resolve
from strokejax.store.versions import changing, save, writable
from strokejax.table.symbols import SymbolTable
from strokejax.table.table import unit
from strokejax.types import InputError, Refused

DEFAULT_SOURCE = PACKAGED / "nn-sampling"


def upgrade(
    model: str | Path | None, source: str | Path | None = None, *, force: bool = False
) -> dict[str, Any]:
    """Gives a model the encoder, table and calibration of the packaged one or `source`.

    Its drawings are embedded and learned again in their order; renamed and forgotten
    symbols and aliases stay as they are. Returns "version", "changed", the encoders
    "before" and "after", "symbols": {"symbol", "samples", "before", "after"} of each
    symbol with drawings, where the last two are the coach's rates of mistaken drawings,
    and "left_out": symbols of `source` that are not taken over, because they are only
    registered or their names are taken.
    InputError where drawings are missing. Refused where symbols without drawings are
    unknown to `source`, unless `force`.
    """
    folder = DEFAULT_SOURCE if source is None else resolve(source)
    newer = require_table(load_model(folder))
    stored = require_table(load_model(model))
    if stored.files.encoder == newer.files.encoder:
        return _unchanged(stored)
    target = writable(model)
    with changing(target) as stored:
        if stored.files.encoder == newer.files.encoder:
            return _unchanged(stored)
        store = SampleStore(target)
        merged = merge_names(stored, trained_names(target, stored), newer)
        if merged.lost and not force:
            raise Refused(
                f"{folder} does not know {len(merged.lost)} symbols of this model that "
                f"have no drawings of their own ({', '.join(merged.lost)[:60]}), so "
                f"nothing was changed; register drawings of them"
            )
        changed = relearn(stored, merged.model, store)
        rates = _mistaken_rates(stored, changed, store)
        for name in newer.files:
            write_named(target / name, (folder / name).read_bytes())
        store.write()
        change = {"before": _encoder(stored), "after": _encoder(newer)}
        version = save(target, stored, changed, {"verb": "upgrade"} | change)
    result = {"version": version, "changed": True} | change
    return result | {"symbols": rates, "left_out": merged.left_out}


def outdated(model: str | Path | None) -> bool:
    """Whether a person's model has an older encoder than the packaged one."""
    folder = resolve(model)
    if folder.resolve() != (home() / "model").resolve():
        return False
    try:
        older, packaged = (
            read_hashed(each / Path(pointer(each)).name)[0]
            for each in (folder, DEFAULT_SOURCE)
        )
    except (InputError, OSError):  # loading a damaged model explains the damage
        return False
    made = [header["about"].get("made", "") for header in (older, packaged)]
    return older["encoder"] != packaged["encoder"] and made[0] < made[1]


def relearn(
    stored: StoredModel, merged: StoredModel, store: SampleStore
) -> StoredModel:
    """The merged model after learning the older one's drawings in their order."""
    encoder, files = from_stored(merged, fast=False), {}
    for sample in stored.samples:
        if sample.file in files:
            continue
        try:
            drawings = store.drawings(sample.file)
        except InputError as error:
            raise InputError(
                f"{sample.file} with drawings of {sample.symbol!r} is missing or "
                f"damaged, so they cannot be embedded again; copy it into the model's "
                f"folder again, or forget {sample.symbol!r} first."
            ) from error
        files[sample.file] = store.put(drawings, embed_drawings(encoder, drawings))
    model = merged
    for symbol, samples in groupby(stored.samples, attrgetter("symbol")):
        new = [sample._replace(file=files[sample.file]) for sample in samples]
        wider = model._replace(samples=(*model.samples, *new))
        method = _method(stored, symbol)
        model = learn(wider, store, symbol, method, against=model, force=True).model
    return model._replace(symbols=model.symbols.like(stored.symbols))


def _method(stored: StoredModel, symbol: str) -> Method:
    """The method that made a symbol's rows: means are their normalised sums."""
    slots = [s for s in stored.symbols.slots_of(symbol) if stored.slots.counts[s]]
    rows, sums = stored.table["embeddings"][slots], np.asarray(stored.slots.sums)[slots]
    return "mean" if np.allclose(unit(rows), unit(sums), atol=1e-6) else "sgd"


def _mistaken_rates(
    stored: StoredModel, changed: StoredModel, store: SampleStore
) -> list[dict[str, Any]]:
    """The coach's rate "mistaken" of each symbol with drawings, before and after."""
    rows = []
    for symbol in dict.fromkeys(sample.symbol for sample in stored.samples):
        count, method = len(plain_samples(stored, symbol)), _method(stored, symbol)
        row: dict[str, Any] = {"symbol": symbol, "samples": count}
        for when, model in (("before", stored), ("after", changed)):
            learned = learn(model, store, symbol, method, against=model, force=True)
            row[when] = learned.coach["mistaken"]
        rows.append(row)
    return rows


class Merged(NamedTuple):
    """A newer model with the names of an older one, before it learns any drawings."""

    model: StoredModel
    left_out: list[str]
    """Symbols of the newer model that are not taken over."""
    lost: list[str]
    """Symbols of the older model that are unknown to the newer and have no drawings."""


def merge_names(
    stored: StoredModel, trained: Sequence[str | None], newer: StoredModel
) -> Merged:
    """The newer model, as trained, with the older one's renamed and forgotten symbols.

    `trained` is `trained_names` of the older model.
    """
    symbols = newer.symbols.symbols
    for symbol in {sample.symbol for sample in newer.samples}:
        newer = as_trained(newer, symbol)
    rows = len(newer.calibration.rows)
    names_by_row = _names_by_row(newer.origin, newer.symbols.names, rows)
    # From the name in training to the present one, None for a forgotten symbol.
    present: dict[str | None, str | None] = {None: None}
    for row, name in enumerate(trained):
        slots = np.flatnonzero(stored.origin == row)
        if name is not None:
            today = stored.symbols.names[slots[0]] if len(slots) else None
            present[name] = today or present.get(name)
    # The newer model may know a renamed symbol by its new name.
    renamed = [new for old, new in present.items() if old not in symbols]
    present = {new: new for new in renamed if new in symbols} | present
    with_drawings = {sample.symbol for sample in stored.samples}
    taken = {*stored.symbols.names, *stored.symbols.aliases}
    taken -= with_drawings - {*present.values()}
    names = [
        present.get(name, None if name in taken else name)
        for name in newer.symbols.names
    ]
    known = {*names, *with_drawings}
    carried = {*present, *(known - taken)}
    model = with_symbols(newer, SymbolTable(tuple(names)))
    return Merged(
        model._replace(about=newer.about | {"symbols": names_by_row}, samples=()),
        [name for name in symbols if name not in carried],
        [name for name in stored.symbols.symbols if name not in known],
    )


def trained_names(folder: Path, stored: StoredModel) -> list[str | None]:
    """The names of the calibration rows in training, None for unknown ones.

    An upgrade stores them in `about`; otherwise the first version with this encoder and
    calibration has them.
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
    return _names_by_row(origin, names, len(stored.calibration.rows))


def _names_by_row(
    origin: np.ndarray, names: Sequence[str | None], rows: int
) -> list[str | None]:
    by_row = dict(zip(origin.tolist(), names, strict=True))
    return [by_row.get(row) for row in range(rows)]


def _unchanged(stored: StoredModel) -> dict[str, Any]:
    encoder = _encoder(stored)
    result = {"version": stored.version, "changed": False}
    return result | {"before": encoder, "after": encoder, "symbols": [], "left_out": []}


def _encoder(stored: StoredModel) -> dict[str, str]:
    return {
        "architecture": stored.spec.architecture,
        "made": str(stored.about.get("made", "")),
        "file": stored.files.encoder,
    }
