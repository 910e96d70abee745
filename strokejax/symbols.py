"""Names of symbols and the slots of the table that hold them; host only, no jax."""

import string
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from strokejax.types import InputError

SPACE = "space"
STROKES: tuple[str, ...] = (
    *string.ascii_lowercase,
    *string.ascii_uppercase,
    *string.digits,
    SPACE,
)
"""The 63 built-in symbols in the order of their labels."""

MAX_NAME = 64


def build_char_map() -> dict[int, str]:
    """Label -> character: a-z 0..25, A-Z 26..51, 0-9 52..61, " " 62."""
    return {i: " " if name == SPACE else name for i, name in enumerate(STROKES)}


def check_name(name: str) -> str:
    """The name after NFC: 1 to 64 printable characters, or InputError."""
    normal = unicodedata.normalize("NFC", name)
    if not normal or len(normal) > MAX_NAME:
        raise InputError(
            f"The symbol name {normal[:20]!r} has {len(normal)} characters; "
            f"give it 1 to {MAX_NAME}."
        )
    if not normal.isprintable() or normal.isspace():
        raise InputError(
            f"The symbol name {normal!r} has characters that cannot be printed; "
            f"use printable ones (the blank stroke is called {SPACE!r})."
        )
    return normal


@dataclass(frozen=True)
class SymbolTable:
    """Which symbol lives in which slot; immutable, as JSON in a stored model."""

    names: tuple[str | None, ...]
    """One entry a slot, None where the slot is free; the length is the capacity."""

    @classmethod
    def of(cls, names: Sequence[str], capacity: int | None = None) -> "SymbolTable":
        """The names in slots 0, 1, ...; the rest of the capacity is free."""
        checked = [check_name(name) for name in names]
        if len(set(checked)) < len(checked):
            twice = next(n for n in checked if checked.count(n) > 1)
            raise InputError(f"The symbol {twice!r} is named twice; names are unique.")
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
        """The slots that hold a symbol, in order."""
        return tuple(i for i, name in enumerate(self.names) if name is not None)

    def __len__(self) -> int:
        return len(self.active)

    def slot(self, name: str) -> int | None:
        """The slot of a symbol, None if the table does not hold it."""
        return self.names.index(name) if name in self.names else None

    def slots(self, names: Iterable[str], where: str) -> list[int]:
        """The slots of many symbols; InputError names those that are not there."""
        index = {name: i for i, name in enumerate(self.names) if name is not None}
        wanted = list(names)
        unknown = sorted(set(wanted) - index.keys())
        if unknown:
            raise InputError(
                f"{where}: {len(unknown)} labels are not among the model's "
                f"{len(index)} symbols ({', '.join(map(repr, unknown[:5]))}); "
                f"register them, or use a model that knows them."
            )
        return [index[name] for name in wanted]
