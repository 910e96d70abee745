"""Names of symbols and their slots in the table; on the host, without jax."""

import difflib
import string
import unicodedata
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from strokejax.types import InputError

SPACE = "space"
STROKES: tuple[str, ...] = (
    *string.ascii_lowercase,
    *string.ascii_uppercase,
    *string.digits,
    SPACE,
)
"""The 63 built-in symbols in the order of their labels."""

MAX_NAME, MAX_TEXT = 64, 1_000
"""Maximum characters of a name, and of the text that a symbol types."""


def build_char_map() -> dict[int, str]:
    """Label -> character: a-z 0..25, A-Z 26..51, 0-9 52..61, " " 62."""
    return {i: " " if name == SPACE else name for i, name in enumerate(STROKES)}


def check_name(name: str) -> str:
    """The name in NFC; InputError unless it has 1 to 64 printable characters."""
    normal = unicodedata.normalize("NFC", name)
    if not normal or len(normal) > MAX_NAME:
        raise InputError(
            f"The symbol name {normal[:20]!r} has {len(normal)} characters; "
            f"give it 1 to {MAX_NAME}."
        )
    if not normal.isprintable() or normal.isspace():
        raise InputError(
            f"The symbol name {normal!r} has characters that cannot be printed; "
            f"use printable ones (the name of the blank is {SPACE!r})."
        )
    return normal


def check_text(text: str) -> str:
    """The text in NFC: up to 1,000 printable characters or line ends, or InputError."""
    normal = unicodedata.normalize("NFC", text)
    if len(normal) > MAX_TEXT:
        raise InputError(
            f"The text {normal[:20]!r}... has {len(normal):,} characters; give up to "
            f"{MAX_TEXT:,}."
        )
    if not normal.replace("\n", "").isprintable():
        raise InputError(
            f"The text {normal[:20]!r} has characters that cannot be printed; remove "
            f"them."
        )
    return normal


@dataclass(frozen=True)
class SymbolTable:
    """The symbol of each slot; immutable, stored as JSON.

    A symbol with several prototypes has several slots with the same name.
    """

    names: tuple[str | None, ...]
    """One entry per slot, None for a free slot; the length is the capacity."""
    aliases: Mapping[str, str] = field(default_factory=dict)
    """Other names of symbols: alias -> name."""
    texts: Mapping[str, str] = field(default_factory=dict)
    """Symbol -> the text it types, if that is not its name."""

    @classmethod
    def of(cls, names: Sequence[str], capacity: int | None = None) -> "SymbolTable":
        """A table with the names in slots 0, 1, ...; the other slots are free."""
        checked = [check_name(name) for name in names]
        if len(set(checked)) < len(checked):
            duplicate = next(n for n in checked if checked.count(n) > 1)
            raise InputError(f"The symbol {duplicate!r} appears twice; remove one.")
        free = 0 if capacity is None else capacity - len(checked)
        if free < 0:
            raise InputError(
                f"{len(checked)} symbols do not fit into a capacity of {capacity}; "
                f"raise model.capacity."
            )
        return cls((*checked, *(None,) * free))

    @property
    def capacity(self) -> int:
        """Number of slots, free ones included."""
        return len(self.names)

    @property
    def active(self) -> tuple[int, ...]:
        """The slots with a symbol, in order."""
        return tuple(i for i, name in enumerate(self.names) if name is not None)

    @property
    def symbols(self) -> tuple[str, ...]:
        """The unique names, in the order of their first slots."""
        return tuple(dict.fromkeys(name for name in self.names if name is not None))

    def __len__(self) -> int:
        return len(self.symbols)

    def owners(self) -> np.ndarray:
        """i32[c]: the first slot of the symbol in each slot; a free slot is its own."""
        first: dict[str, int] = {}
        owners = [
            i if name is None else first.setdefault(name, i)
            for i, name in enumerate(self.names)
        ]
        return np.array(owners, np.int32)

    def symbol(self, name: str) -> str | None:
        """The symbol of a name or an alias, None if it is unknown."""
        name = unicodedata.normalize("NFC", name)
        name = self.aliases.get(name, name)
        return name if name in self.names else None

    def slot(self, name: str) -> int | None:
        """The first slot of a symbol, None if it is unknown."""
        symbol = self.symbol(name)
        return None if symbol is None else self.names.index(symbol)

    def known(self, name: str) -> str:
        """The symbol of a name or an alias; InputError if it is unknown."""
        symbol = self.symbol(name)
        if symbol is None:
            near = difflib.get_close_matches(name, [*self.symbols, *self.aliases], 3)
            hint = f"did you mean {' or '.join(map(repr, near))}?" if near else ""
            raise InputError(
                f"There is no symbol {name!r} among the {len(self)} of this model; "
                f"{hint or 'see `strokejax symbols list`.'}"
            )
        return symbol

    def slots_of(self, name: str) -> list[int]:
        """All slots of a symbol; InputError if it is unknown."""
        symbol = self.known(name)
        return [i for i, owner in enumerate(self.names) if owner == symbol]

    def free_name(self, name: str) -> str:
        """The checked name; InputError if a symbol or an alias has it already."""
        name = check_name(name)
        if name in self.names or name in self.aliases:
            raise InputError(
                f"The name {name!r} is taken; choose another, or forget it first."
            )
        return name

    def put(self, name: str) -> tuple["SymbolTable", int]:
        """The table with one more slot for `name`, and that slot.

        If no slot is free, the capacity doubles.
        """
        names = self.names
        if None not in names:
            names += (None,) * max(len(names), 1)
        slot = names.index(None)
        return replace(self, names=(*names[:slot], name, *names[slot + 1 :])), slot

    def drop(self, slots: Collection[int]) -> "SymbolTable":
        """The table without these slots; lost symbols lose their aliases and texts."""
        names = tuple(None if i in slots else n for i, n in enumerate(self.names))
        return SymbolTable(names).like(self)

    def like(self, other: "SymbolTable") -> "SymbolTable":
        """The table with the aliases and texts that `other` has for its symbols."""
        aliases = {a: name for a, name in other.aliases.items() if name in self.names}
        texts = {name: text for name, text in other.texts.items() if name in self.names}
        return replace(self, aliases=aliases, texts=texts)

    def rename(self, old: str, new: str) -> "SymbolTable":
        """The table with `old` renamed to `new`; InputError if `new` is taken."""
        symbol, new = self.known(old), self.free_name(new)
        names = tuple(new if name == symbol else name for name in self.names)
        aliases = {a: new if s == symbol else s for a, s in self.aliases.items()}
        texts = {new if s == symbol else s: text for s, text in self.texts.items()}
        return SymbolTable(names, aliases, texts)

    def alias(self, name: str, alias: str) -> "SymbolTable":
        """The table with an alias of the symbol `name`; InputError if it is taken."""
        aliases = dict(self.aliases) | {self.free_name(alias): self.known(name)}
        return replace(self, aliases=aliases)

    def text(self, name: str) -> str:
        """The text that a symbol types; by default its name, or " " for `space`."""
        symbol = self.known(name)
        return self.texts.get(symbol, " " if symbol == SPACE else symbol)

    def with_text(self, name: str, text: str) -> "SymbolTable":
        """The table in which the symbol `name` types `text`."""
        texts = dict(self.texts) | {self.known(name): check_text(text)}
        return replace(self, texts=texts)

    def slots(self, names: Iterable[str], where: str) -> list[int]:
        """The first slots of many symbols; InputError names the unknown ones."""
        names = list(names)
        index = {name: self.slot(name) for name in set(names)}
        unknown = sorted(name for name, slot in index.items() if slot is None)
        if unknown:
            raise InputError(
                f"{where}: {len(unknown)} labels are not among the model's "
                f"{len(self)} symbols ({', '.join(map(repr, unknown[:5]))}); "
                f"register them, or use a model that has them."
            )
        return [slot for name in names if (slot := index[name]) is not None]
