"""The symbols of a stored model: register, forget, rename and list them."""

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from strokejax.networks.inputs import modalities_of
from strokejax.recognizer import from_stored, require_table
from strokejax.registration.learn import (
    as_trained,
    check_loss,
    learn,
    replay_set,
    with_symbols,
)
from strokejax.registration.rows import Method
from strokejax.registration.samples import (
    SampleStore,
    StoredDrawing,
    embed_drawings,
    new_drawings,
    prepare_drawing,
)
from strokejax.store.model import Sample, StoredModel, load_model
from strokejax.store.paths import resolve
from strokejax.store.versions import changing, save, writable
from strokejax.table.symbols import check_name
from strokejax.types import Drawing, InputError

MAX_SAMPLES = 1_000
"""Drawings of one symbol per call."""

# Registering


class SymbolDrawings(NamedTuple):
    """Drawings for one symbol."""

    name: str
    drawings: Sequence[StoredDrawing]
    sources: Sequence[str]
    """The file of each drawing, "" for none."""
    text: str | None = None
    """The text that the symbol types from now on; None keeps the present one."""


def register(
    model: str | Path | None,
    name: str,
    drawings: Sequence[Any],
    *,
    method: Method = "sgd",
    force: bool = False,
    sources: Sequence[str] = (),
    reference_size: float | None = None,
    ignore: Collection[str] = (),
    text: str | None = None,
) -> dict[str, Any]:
    """Registers drawings (`Ink` or pictures) as a symbol, or adds them to a known one.

    `reference_size` is the longer side of the writer's typical letter, in the ink's
    units; `ignore` names what makes no difference: "direction", "rotation", "size";
    `text` is the text that the symbol types, its name by default. Returns "symbol",
    "version", "samples" (its number of drawings), "inputs" (of how many new ones the
    network uses shape, motion and size) and the coach's report: "odd" (outliers,
    numbered as `drawings` lists them), "confusions" (the symbols that further drawings
    will be mistaken for most often, with rates), "mistaken" (the share mistaken for
    any), "old_loss" (the accuracy that other symbols lose) and "more" (the further
    drawings that are worthwhile).
    Refused where that loss is too much, unless `force`; InputError for unusable
    drawings or names.
    """
    entry = prepare(name, drawings, sources, reference_size, ignore)._replace(text=text)
    version, (report,) = add(model, [entry], "register", method=method, force=force)
    return {"symbol": report.pop("symbol"), "version": version, **report}


def preview(
    model: str | Path | None,
    name: str,
    drawings: Sequence[Any],
    *,
    method: Method = "sgd",
    reference_size: float | None = None,
    ignore: Collection[str] = (),
) -> dict[str, Any]:
    """The result of `register` without "version"; nothing changes."""
    entry = prepare(name, drawings, (), reference_size, ignore)
    stored, store = require_table(load_model(model)), SampleStore(resolve(model))
    z = embed_drawings(from_stored(stored, fast=False), entry.drawings)
    new = _new(stored, entry, skip_known=True)
    return _teach(stored, store, entry, z, new, method, force=True)[1]


def prepare(
    name: str,
    drawings: Sequence[Any],
    sources: Sequence[str] = (),
    reference_size: float | None = None,
    ignore: Collection[str] = (),
) -> SymbolDrawings:
    """Checks the arguments of `register`; InputError for unusable ones."""
    name, sources = check_name(name), list(sources) or [""] * len(drawings)
    _check_count(name, len(drawings))
    stored_drawings = [
        prepare_drawing(each, source or f"drawing {i + 1}", reference_size, ignore)
        for i, (each, source) in enumerate(zip(drawings, sources, strict=True))
    ]
    return SymbolDrawings(name, stored_drawings, sources)


def _check_count(name: str, count: int) -> None:
    if not 1 <= count <= MAX_SAMPLES:
        raise InputError(
            f"{count:,} drawings were given for {name!r}; give 1 to {MAX_SAMPLES:,}, "
            f"ideally 10."
        )


def add(
    model: str | Path | None,
    symbols: Sequence[SymbolDrawings],
    verb: str,
    *,
    method: Method,
    force: bool,
    skip_known: bool = False,
) -> tuple[int, list[dict[str, Any]]]:
    """Registers drawings of several symbols as one version: its number, and reports.

    Drawings that a symbol has already are refused, or skipped with `skip_known`; a
    symbol without new drawings has no report.
    """
    for entry in symbols:
        _check_count(entry.name, len(entry.drawings))

    def embed(stored: StoredModel) -> list[dict[str, np.ndarray]]:
        recognizer = from_stored(stored, fast=False)
        return [embed_drawings(recognizer, entry.drawings) for entry in symbols]

    loaded = require_table(load_model(model))
    embeddings = embed(loaded)  # before the lock, which holds up other processes
    folder = writable(model)
    with changing(folder, loaded) as stored:
        if stored is not loaded:
            embeddings = embed(stored)  # an upgrade may have changed the encoder
        changed, store, reports = stored, SampleStore(folder), []
        for entry, z in zip(symbols, embeddings, strict=True):
            new = _new(changed, entry, skip_known)
            if new:
                changed, report = _teach(changed, store, entry, z, new, method, force)
                reports.append(report)
        if not reports:
            return stored.version, []
        names = [report["symbol"] for report in reports]
        if not force:
            # Symbols that harm little each may harm too much together.
            replay = replay_set(changed, store, names)
            check_loss(stored, changed, replay, names, force)
        store.write()
        change = {"verb": verb, "symbol": ", ".join(names), "method": method}
        change |= {"samples": len(plain_samples(changed)) - len(plain_samples(stored))}
        change |= {"forced": True} if force else {}
        return save(folder, stored, changed, change), reports


def _new(stored: StoredModel, entry: SymbolDrawings, skip_known: bool) -> list[int]:
    """Indices of the drawings that the symbol does not have."""
    samples = plain_samples(stored, stored.symbols.symbol(entry.name) or entry.name)
    return new_drawings(samples, entry.drawings, entry.sources, skip_known)


def _teach(
    stored: StoredModel,
    store: SampleStore,
    entry: SymbolDrawings,
    z: Mapping[str, np.ndarray],
    new: list[int],
    method: Method,
    force: bool,
) -> tuple[StoredModel, dict[str, Any]]:
    """The model with the `new` drawings of a symbol, and the report on it.

    `z` is `embed_drawings` of all drawings of the entry.
    """
    symbol = stored.symbols.symbol(entry.name) or entry.name
    drawings = [entry.drawings[i] for i in new]
    sources = [_file_name(entry.sources[i]) for i in new]
    z = {variant: rows[new] for variant, rows in z.items()}
    samples = (*stored.samples, *store.add(symbol, drawings, z, sources))
    wider = stored._replace(samples=samples)
    model, coach = learn(wider, store, symbol, method, against=stored, force=force)
    if entry.text is not None:
        symbols = model.symbols.with_text(symbol, entry.text)
        model = model._replace(symbols=symbols)
    spec = stored.spec
    rows = [modalities_of(spec, each.drawing, each.reference_size) for each in drawings]
    inputs = {use: sum(use in row for row in rows) for use in spec.uses}
    report = {"symbol": symbol, "samples": len(plain_samples(model, symbol))}
    return model, report | {"inputs": inputs} | coach


def _file_name(source: str) -> str:
    """The file name of a path; undecodable bytes become question marks."""
    return Path(source).name.encode(errors="replace").decode()


# Forgetting


def forget(model: str | Path | None, name: str) -> int:
    """Removes a symbol from a model; returns the new version."""
    folder = writable(model)
    with changing(folder) as stored:
        symbol, slots = stored.symbols.known(name), stored.symbols.slots_of(name)
        if len(stored.symbols) == 1:
            raise InputError(f"{symbol!r} is the last symbol; a model needs one.")
        changed = with_symbols(stored, stored.symbols.drop(slots))
        samples = tuple(each for each in stored.samples if each.symbol != symbol)
        change = {"verb": "forget", "symbol": symbol}
        return save(folder, stored, changed._replace(samples=samples), change)


def forget_sample(
    model: str | Path | None, name: str, index: int, method: Method = "sgd"
) -> int:
    """Removes one drawing of a symbol, numbered from 0 as `drawings` lists them."""
    folder = writable(model)
    with changing(folder) as stored:
        symbol = stored.symbols.known(name)
        samples = plain_samples(stored, symbol)
        if not 0 <= index < len(samples):
            raise InputError(
                f"{symbol!r} has {len(samples)} drawings of its own, numbered from 0; "
                f"there is no number {index}."
            )
        removed = symbol, samples[index].drawing
        remaining = tuple(s for s in stored.samples if (s.symbol, s.drawing) != removed)
        changed = stored._replace(samples=remaining)
        change = {"verb": "forget", "symbol": symbol, "sample": samples[index].source}
        if len(samples) > 1:
            store = SampleStore(folder)
            learned = learn(changed, store, symbol, method, against=stored, force=True)
            changed = learned.model
        elif any(stored.origin[slot] >= 0 for slot in stored.symbols.slots_of(symbol)):
            changed = as_trained(changed, symbol)
        else:
            raise InputError(
                f"That is the only drawing of {symbol!r}; forget the symbol instead."
            )
        return save(folder, stored, changed, change)


# Names and texts


def rename(
    model: str | Path | None, old: str, new: str | None, text: str | None = None
) -> int:
    """Gives a symbol a new name, a text that it types, or both.

    Returns the new version.
    """
    folder = writable(model)
    with changing(folder) as stored:
        symbol, symbols = stored.symbols.symbol(old), stored.symbols
        change = {"verb": "text", "symbol": symbol, "to": text}
        if text is not None:
            symbols = symbols.with_text(old, text)
        samples = stored.samples
        if new is not None:
            symbols, new = symbols.rename(old, new), check_name(new)
            texts = {} if text is None else {"text": text}
            change = {"verb": "rename", "symbol": symbol, "to": new} | texts
            samples = tuple(
                each._replace(symbol=new) if each.symbol == symbol else each
                for each in samples
            )
        changed = stored._replace(symbols=symbols, samples=samples)
        return save(folder, stored, changed, change)


def alias(model: str | Path | None, name: str, other: str) -> int:
    """Gives a symbol a second name; returns the new version."""
    folder = writable(model)
    with changing(folder) as stored:
        symbols = stored.symbols.alias(name, other)
        change = {"verb": "alias", "symbol": stored.symbols.symbol(name), "to": other}
        return save(folder, stored, stored._replace(symbols=symbols), change)


def set_text(model: str | Path | None, name: str, text: str) -> int:
    """Lets a symbol type a text instead of its name; returns the new version."""
    return rename(model, name, None, text)


def listing(model: str | Path | None) -> dict[str, Any]:
    """{"version", "symbols": [{"name", "samples", "aliases", "text", "origin"}]}.

    A symbol that ignores direction, rotation or size also has "variants", their number.
    """
    stored = load_model(model)
    table = stored.symbols
    symbols = []
    for name in table.symbols:
        count = len(plain_samples(stored, name))
        variants = sum(sample.symbol == name for sample in stored.samples) - count
        trained = stored.origin[table.slots_of(name)[0]] >= 0
        row = {
            "name": name,
            "samples": count,
            "aliases": [alias for alias, n in table.aliases.items() if n == name],
            "text": table.text(name),
            "origin": "trained" if trained else "registered",
        }
        symbols.append(row | ({"variants": variants} if variants else {}))
    return {"version": stored.version, "symbols": symbols}


def drawings(model: str | Path | None, name: str) -> list[tuple[Sample, Drawing]]:
    """A symbol's registered drawings, oldest first."""
    folder = resolve(model)
    stored, store = load_model(folder), SampleStore(folder)
    samples = plain_samples(stored, stored.symbols.known(name))
    return [(s, store.drawings(s.file)[s.row].drawing) for s in samples]


def plain_samples(stored: StoredModel, symbol: str | None = None) -> list[Sample]:
    """A model's samples without variants, all or a symbol's, oldest first."""
    samples = (s for s in stored.samples if symbol is None or s.symbol == symbol)
    return [sample for sample in samples if not sample.variant]
