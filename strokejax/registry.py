"""The symbols of a stored model: registered, renamed, forgotten, listed."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from strokejax.changes import changing, save, writable
from strokejax.learning import as_trained, check_all, learn, with_symbols
from strokejax.locate import resolve
from strokejax.model_store import Sample, load_model
from strokejax.online import Method
from strokejax.recognizer import from_stored, with_table
from strokejax.samples import Drawing, SampleStore, digest, prepared
from strokejax.symbols import check_name
from strokejax.types import InputError

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
) -> dict[str, Any]:
    """Makes drawings (`Ink` or pictures) a symbol, or adds them to one that is there.

    Returns {"symbol", "version", "samples", "odd", "confusions", "mistaken",
    "old_loss", "more"}: "odd" are drawings unlike the others, numbered as `drawings`
    lists them, "confusions" the symbols that further drawings will be taken for most
    often and their rates, "mistaken" the share that will be taken for any, "old_loss"
    what the other symbols lose, "more" how many further drawings are worth it.
    InputError where that loss is too much, unless `force`, and for drawings or names
    that cannot be used.
    """
    sources = list(sources) or [""] * len(drawings)
    given = Given(check_name(name), drawings, sources)
    version, (coach,) = add(model, [given], "register", method=method, force=force)
    return {"symbol": coach.pop("symbol"), "version": version, **coach}


class Given(NamedTuple):
    """Drawings for one symbol."""

    name: str
    drawings: Sequence[Any]
    sources: Sequence[str]
    """Where each comes from, "" for nowhere."""
    kept: bool = False
    """Whether the drawings are as `samples.prepared` returns them."""


def add(
    model: str | Path | None,
    symbols: Sequence[Given],
    verb: str,
    *,
    method: Method,
    force: bool,
    skip_known: bool = False,
) -> tuple[int, list[dict[str, Any]]]:
    """One version with drawings for several symbols: its number, what to say of each.

    `skip_known` passes over drawings that a symbol has, which are refused otherwise.
    """
    for given in symbols:
        if not 1 <= len(given.drawings) <= MAX_SAMPLES:
            raise InputError(
                f"{len(given.drawings):,} drawings are given for {given.name!r}; give "
                f"1 to {MAX_SAMPLES:,}, 10 is a good number."
            )
    stored = with_table(load_model(model))
    recognizer = from_stored(stored, fast=False)
    ready = [(kept, recognizer.embed_many(kept)) for kept in map(_kept, symbols)]
    folder = writable(model)
    with changing(folder) as stored:
        changed, store, coaches = stored, SampleStore(folder), []
        for given, (kept, z) in zip(symbols, ready, strict=True):
            symbol = changed.symbols.symbol(given.name) or given.name
            own = [each for each in changed.samples if each.symbol == symbol]
            new = _new(kept, given.sources, own, skip_known)
            if new:
                names = [_file_name(given.sources[i]) for i in new]
                fresh = store.add(symbol, [kept[i] for i in new], z[new], names)
                changed = changed._replace(samples=(*changed.samples, *fresh))
                changed, coach = learn(
                    changed, store, symbol, method, against=changed, force=force
                )
                counts = {"symbol": symbol, "samples": len(own) + len(new)}
                coaches.append(counts | coach)
        if not coaches:
            return stored.version, []
        named = [coach["symbol"] for coach in coaches]
        if not force:
            check_all(stored, changed, store, named)
        store.write()
        change = {"verb": verb, "symbol": ", ".join(named), "method": method}
        change |= {"samples": len(changed.samples) - len(stored.samples)}
        change |= {"forced": True} if force else {}
        return save(folder, stored, changed, change), coaches


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
        own = [each for each in stored.samples if each.symbol == symbol]
        if not 0 <= index < len(own):
            raise InputError(
                f"{symbol!r} has {len(own)} drawings of its own, counted from 0; there "
                f"is no number {index}."
            )
        left = tuple(each for each in stored.samples if each is not own[index])
        changed = stored._replace(samples=left)
        change = {"verb": "forget", "symbol": symbol, "sample": own[index].source}
        if len(own) == 1:
            slots = stored.symbols.slots_of(symbol)
            if all(stored.origin[slot] < 0 for slot in slots):
                raise InputError(
                    f"That is the only drawing of {symbol!r}; forget the symbol "
                    f"instead."
                )
            changed = as_trained(changed, symbol)
        else:
            store = SampleStore(folder)
            found = learn(changed, store, symbol, method, against=stored, force=True)
            changed = found.model
        return save(folder, stored, changed, change)


def drawings(model: str | Path | None, name: str) -> list[tuple[Sample, Drawing]]:
    """A symbol's own drawings, in the order in which they came."""
    folder = resolve(model)
    stored = load_model(folder)
    symbol = stored.symbols.known(name)
    store = SampleStore(folder)
    return [(s, store.drawing(s)) for s in stored.samples if s.symbol == symbol]


def rename(model: str | Path | None, old: str, new: str) -> int:
    """Gives a symbol another name; returns the new version."""
    folder = writable(model)
    with changing(folder) as stored:
        symbols = stored.symbols.rename(old, new)
        symbol, new = stored.symbols.symbol(old), check_name(new)
        samples = tuple(
            each._replace(symbol=new) if each.symbol == symbol else each
            for each in stored.samples
        )
        changed = stored._replace(symbols=symbols, samples=samples)
        change = {"verb": "rename", "symbol": symbol, "to": new}
        return save(folder, stored, changed, change)


def alias(model: str | Path | None, name: str, other: str) -> int:
    """Lets a symbol be called by another name too; returns the new version."""
    folder = writable(model)
    with changing(folder) as stored:
        symbols = stored.symbols.alias(name, other)
        change = {"verb": "alias", "symbol": stored.symbols.symbol(name), "to": other}
        return save(folder, stored, stored._replace(symbols=symbols), change)


def listing(model: str | Path | None) -> dict[str, Any]:
    """{"version", "symbols": [{"name", "samples", "aliases", "origin"}]}."""
    stored = load_model(model)
    table = stored.symbols
    symbols = []
    for name in table.symbols:
        slots = table.slots_of(name)
        symbols.append(
            {
                "name": name,
                "samples": sum(each.symbol == name for each in stored.samples),
                "aliases": [a for a, n in table.aliases.items() if n == name],
                "origin": "trained" if stored.origin[slots[0]] >= 0 else "registered",
            }
        )
    return {"version": stored.version, "symbols": symbols}


def _kept(given: Given) -> list[Drawing]:
    if given.kept:
        return list(given.drawings)
    both = zip(given.drawings, given.sources, strict=True)
    return [
        prepared(each, source or f"drawing {i + 1}")
        for i, (each, source) in enumerate(both)
    ]


def _file_name(source: str) -> str:
    """What a file is called; bytes that are no text become question marks."""
    return Path(source).name.encode(errors="replace").decode()


def _new(
    kept: Sequence[Drawing], sources: Sequence[str], own: Sequence[Sample], skip: bool
) -> list[int]:
    """Which drawings a symbol does not have; InputError for others unless `skip`."""
    seen = {each.digest: each.source or "one registered before" for each in own}
    new = []
    for i, each in enumerate(kept):
        found, source = digest(each), sources[i] or f"drawing {i + 1}"
        if found not in seen:
            new.append(i)
        elif not skip:
            raise InputError(
                f"{source} is the same drawing as {seen[found]}; draw each sample "
                f"anew, copies teach nothing."
            )
        seen.setdefault(found, source)
    return new
