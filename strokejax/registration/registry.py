"""The symbols of a stored model: registered and forgotten."""

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from strokejax.networks.inputs import modalities_of
from strokejax.networks.spec import EncoderSpec
from strokejax.recognizer import from_stored, with_table
from strokejax.registration.learn import as_trained, check_all, learn, with_symbols
from strokejax.registration.rows import Method
from strokejax.registration.samples import (
    SampleStore,
    StoredDrawing,
    embedded,
    prepared,
    unknown_to,
)
from strokejax.store.model import Sample, StoredModel, load_model
from strokejax.store.paths import resolve
from strokejax.store.versions import changing, save, writable
from strokejax.table.symbols import check_name
from strokejax.types import Drawing, InputError

MAX_SAMPLES = 1_000
"""Drawings of one call."""


def register(
    model: str | Path | None,
    name: str,
    drawings: Sequence[Any],
    *,
    method: Method = "sgd",
    force: bool = False,
    sources: Sequence[str] = (),
    usual_size: float | None = None,
    ignore: Collection[str] = (),
    text: str | None = None,
) -> dict[str, Any]:
    """Makes drawings (`Ink` or pictures) a symbol, or adds them to one that is there.

    `usual_size` is the longer side of the writer's usual letter in the ink's units;
    `ignore` says what makes no difference, of "direction", "rotation" and "size";
    `text` is what the symbol types, if not its name. Returns {"symbol", "version",
    "samples", "inputs", "odd", "confusions", "mistaken", "old_loss", "more"}: "inputs"
    of how many of these shape, motion and size are seen, "odd" are drawings unlike
    the others, numbered as `drawings` lists them, "confusions" the symbols that
    further drawings will be taken for most often and their rates, "mistaken" the share
    that will be taken for any, "old_loss" what the other symbols lose, "more" how many
    further drawings are worth it.
    InputError where that loss is too much, unless `force`, and for drawings or names
    that cannot be used.
    """
    prepared = prepare(name, drawings, sources, usual_size, ignore)._replace(text=text)
    version, (coach,) = add(model, [prepared], "register", method=method, force=force)
    return {"symbol": coach.pop("symbol"), "version": version, **coach}


def preview(
    model: str | Path | None,
    name: str,
    drawings: Sequence[Any],
    *,
    method: Method = "sgd",
    usual_size: float | None = None,
    ignore: Collection[str] = (),
) -> dict[str, Any]:
    """What `register` would say of these drawings, less "version"; nothing changes."""
    prepared = prepare(name, drawings, (), usual_size, ignore)
    stored, folder = with_table(load_model(model)), resolve(model)
    recognizer = from_stored(stored, fast=False)
    z = embedded(recognizer, prepared.drawings)
    symbol, store = (
        stored.symbols.symbol(prepared.name) or prepared.name,
        SampleStore(folder),
    )
    samples = drawn(stored, symbol)
    new = unknown_to(samples, prepared.drawings, prepared.sources, True)
    part = {variant: each[new] for variant, each in z.items()}
    fresh_drawings = [prepared.drawings[i] for i in new]
    fresh = store.add(symbol, fresh_drawings, part, [""] * len(new))
    wider = stored._replace(samples=(*stored.samples, *fresh))
    coach = learn(wider, store, symbol, method, against=stored, force=True).coach
    shown = _modalities(recognizer.spec, fresh_drawings)
    return {
        "symbol": symbol,
        "samples": len(samples) + len(new),
        "inputs": shown,
        **coach,
    }


class SymbolDrawings(NamedTuple):
    """Drawings for one symbol."""

    name: str
    drawings: Sequence[StoredDrawing]
    sources: Sequence[str]
    """Where each comes from, "" for nowhere."""
    text: str | None = None
    """What the symbol types from now on; None leaves that as it is."""


def prepare(
    name: str,
    drawings: Sequence[Any],
    sources: Sequence[str] = (),
    usual_size: float | None = None,
    ignore: Collection[str] = (),
) -> SymbolDrawings:
    """What `register` is given, made ready; InputError for what cannot be used."""
    name, sources = check_name(name), list(sources) or [""] * len(drawings)
    _check_count(name, len(drawings))
    stored_drawings = [
        prepared(each, source or f"drawing {i + 1}", usual_size, ignore)
        for i, (each, source) in enumerate(zip(drawings, sources, strict=True))
    ]
    return SymbolDrawings(name, stored_drawings, sources)


def _check_count(name: str, count: int) -> None:
    if not 1 <= count <= MAX_SAMPLES:
        raise InputError(
            f"{count:,} drawings are given for {name!r}; give 1 to {MAX_SAMPLES:,}, "
            f"10 is a good number."
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
    """One version with drawings for several symbols: its number, what to say of each.

    `skip_known` passes over drawings that a symbol has, which are refused otherwise.
    """
    for entry in symbols:
        _check_count(entry.name, len(entry.drawings))
    loaded = with_table(load_model(model))
    recognizer = from_stored(loaded, fast=False)
    ready = [(entry, embedded(recognizer, entry.drawings)) for entry in symbols]
    folder = writable(model)
    with changing(folder, loaded) as stored:
        changed, store, coaches = stored, SampleStore(folder), []
        for (name, stored_drawings, sources, text), z in ready:
            symbol = changed.symbols.symbol(name) or name
            samples = drawn(changed, symbol)
            new = unknown_to(samples, stored_drawings, sources, skip_known)
            if new:
                names = [_file_name(sources[i]) for i in new]
                part = {variant: each[new] for variant, each in z.items()}
                fresh = store.add(
                    symbol, [stored_drawings[i] for i in new], part, names
                )
                changed = changed._replace(samples=(*changed.samples, *fresh))
                changed, coach = learn(
                    changed, store, symbol, method, against=changed, force=force
                )
                if text is not None:
                    names = changed.symbols.with_text(symbol, text)
                    changed = changed._replace(symbols=names)
                shown = _modalities(recognizer.spec, [stored_drawings[i] for i in new])
                counts = {"symbol": symbol, "samples": len(samples) + len(new)}
                coaches.append(counts | {"inputs": shown} | coach)
        if not coaches:
            return stored.version, []
        named = [coach["symbol"] for coach in coaches]
        if not force:
            check_all(stored, changed, store, named)
        store.write()
        change = {"verb": verb, "symbol": ", ".join(named), "method": method}
        change |= {"samples": len(drawn(changed)) - len(drawn(stored))}
        change |= {"forced": True} if force else {}
        return save(folder, stored, changed, change), coaches


def _modalities(spec: EncoderSpec, drawings: Sequence[StoredDrawing]) -> dict[str, int]:
    """Of how many drawings the network sees shape, motion and size."""
    seen = [modalities_of(spec, each.drawing, each.usual_size) for each in drawings]
    return {use: sum(use in each for each in seen) for use in spec.uses}


def forget(model: str | Path | None, name: str) -> int:
    """Takes a symbol out of a model; returns the new version."""
    folder = writable(model)
    with changing(folder) as stored:
        symbol, slots = stored.symbols.known(name), stored.symbols.slots_of(name)
        if len(stored.symbols) == 1:
            raise InputError(f"{symbol!r} is the last symbol; a model needs one.")
        changed = with_symbols(stored, stored.symbols.drop(slots))
        left = tuple(each for each in stored.samples if each.symbol != symbol)
        change = {"verb": "forget", "symbol": symbol}
        return save(folder, stored, changed._replace(samples=left), change)


def forget_sample(
    model: str | Path | None, name: str, index: int, method: Method = "sgd"
) -> int:
    """Takes one drawing (from 0, as `drawings` lists them) out of a symbol."""
    folder = writable(model)
    with changing(folder) as stored:
        symbol = stored.symbols.known(name)
        samples = drawn(stored, symbol)
        if not 0 <= index < len(samples):
            raise InputError(
                f"{symbol!r} has {len(samples)} drawings of its own, counted from 0; "
                f"there is no number {index}."
            )
        gone = symbol, samples[index].drawing
        left = tuple(s for s in stored.samples if (s.symbol, s.drawing) != gone)
        changed = stored._replace(samples=left)
        change = {"verb": "forget", "symbol": symbol, "sample": samples[index].source}
        if len(samples) == 1:
            slots = stored.symbols.slots_of(symbol)
            if all(stored.origin[slot] < 0 for slot in slots):
                raise InputError(
                    f"That is the only drawing of {symbol!r}; forget the symbol "
                    f"instead."
                )
            changed = as_trained(changed, symbol)
        else:
            store = SampleStore(folder)
            learned = learn(changed, store, symbol, method, against=stored, force=True)
            changed = learned.model
        return save(folder, stored, changed, change)


def drawn(stored: StoredModel, symbol: str | None = None) -> list[Sample]:
    """The drawings among a model's samples, all or a symbol's, in their order."""
    samples = (s for s in stored.samples if symbol is None or s.symbol == symbol)
    return [sample for sample in samples if not sample.variant]


def drawings(model: str | Path | None, name: str) -> list[tuple[Sample, Drawing]]:
    """A symbol's own drawings, in the order in which they came."""
    folder = resolve(model)
    stored = load_model(folder)
    samples, store = drawn(stored, stored.symbols.known(name)), SampleStore(folder)
    return [(sample, store.kept(sample.file)[sample.row].drawing) for sample in samples]


def _file_name(source: str) -> str:
    """What a file is called; bytes that are no text become question marks."""
    return Path(source).name.encode(errors="replace").decode()


# What the symbols of a stored model are called and type; see `registry` for rows.


def rename(
    model: str | Path | None, old: str, new: str | None, text: str | None = None
) -> int:
    """Gives a symbol another name, a text that it types, or both at once.

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
    """Lets a symbol be called by another name too; returns the new version."""
    folder = writable(model)
    with changing(folder) as stored:
        symbols = stored.symbols.alias(name, other)
        change = {"verb": "alias", "symbol": stored.symbols.symbol(name), "to": other}
        return save(folder, stored, stored._replace(symbols=symbols), change)


def set_text(model: str | Path | None, name: str, text: str) -> int:
    """Lets a symbol type a text in place of its name; returns the new version."""
    return rename(model, name, None, text)


def listing(model: str | Path | None) -> dict[str, Any]:
    """{"version", "symbols": [{"name", "samples", "aliases", "text", "origin"}]}.

    Also "variants" of symbols that are the same however they are drawn.
    """
    stored = load_model(model)
    table = stored.symbols
    symbols = []
    for name in table.symbols:
        slots, samples = (
            table.slots_of(name),
            [s for s in stored.samples if s.symbol == name],
        )
        count = sum(not each.variant for each in samples)
        row = {
            "name": name,
            "samples": count,
            "aliases": [a for a, n in table.aliases.items() if n == name],
            "text": table.text(name),
            "origin": "trained" if stored.origin[slots[0]] >= 0 else "registered",
        }
        symbols.append(
            row | ({"variants": len(samples) - count} if len(samples) > count else {})
        )
    return {"version": stored.version, "symbols": symbols}
