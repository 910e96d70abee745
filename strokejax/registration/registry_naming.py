"""What the symbols of a stored model are called and type; see `registry` for rows."""

from pathlib import Path
from typing import Any

from strokejax.store.model import load_model
from strokejax.store.versions import changing, save, writable
from strokejax.table.symbols import check_name


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
        slots, own = (
            table.slots_of(name),
            [s for s in stored.samples if s.symbol == name],
        )
        count = sum(not each.variant for each in own)
        row = {
            "name": name,
            "samples": count,
            "aliases": [a for a, n in table.aliases.items() if n == name],
            "text": table.text(name),
            "origin": "trained" if stored.origin[slots[0]] >= 0 else "registered",
        }
        symbols.append(
            row | ({"variants": len(own) - count} if len(own) > count else {})
        )
    return {"version": stored.version, "symbols": symbols}
