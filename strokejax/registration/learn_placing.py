"""A stored model with other rows or names in its slots: from model to model."""

from typing import Any

import numpy as np

from strokejax.registration.rows import Row
from strokejax.store.model import StoredModel
from strokejax.table.symbols import SymbolTable
from strokejax.table.table import Slots


def with_symbols(model: StoredModel, symbols: SymbolTable) -> StoredModel:
    """The model with other names in its slots; arrays grow with the capacity."""
    more = symbols.capacity - model.symbols.capacity
    if more:
        model = _grown(model, more)
    freed = np.array([name is None for name in symbols.names])
    slots = model.slots._replace(
        active=model.slots.active & ~freed, owner=symbols.owners()
    )
    origin = np.where(freed, -1, model.origin).astype(np.int32)
    return model._replace(symbols=symbols, slots=slots, origin=origin)


def _grown(model: StoredModel, more: int) -> StoredModel:
    c = model.symbols.capacity
    empty = {"spread": np.inf, "owner": 0}

    def longer(x: np.ndarray, value: Any = 0) -> np.ndarray:
        return np.concatenate([x, np.full((more, *x.shape[1:]), value, x.dtype)])

    rows = model.table["embeddings"]
    fresh = np.zeros((more, rows.shape[1]), rows.dtype)
    fresh[:, 0] = 1  # rows are normalised before anybody asks whether they are in use
    slots: dict[str, Any] = {
        name: longer(x, empty.get(name, 0)) for name, x in model.slots._asdict().items()
    }
    slots["owner"][c:] = np.arange(c, c + more)
    return model._replace(
        table=model.table | {"embeddings": np.concatenate([rows, fresh])},
        slots=Slots(**slots),
        origin=longer(model.origin, -1),
    )


def with_row(model: StoredModel, slot: int, row: Row) -> StoredModel:
    """The model with a row in a slot.

    A trained symbol is known by far more drawings than its own: reach and spread stay.
    """
    values = {
        "sums": row.sums,
        "counts": row.count,
        "active": True,
        "offset": row.offset,
    }
    if model.origin[slot] < 0:
        values |= {"reach": row.reach, "spread": row.spread}
    slots: dict[str, Any] = model.slots._asdict()
    for name, value in values.items():
        slots[name] = np.array(slots[name])
        slots[name][slot] = value
    embeddings = np.array(model.table["embeddings"])
    embeddings[slot] = row.embedding
    table = model.table | {"embeddings": embeddings}
    return model._replace(table=table, slots=Slots(**slots))


def as_trained(model: StoredModel, symbol: str) -> StoredModel:
    """The model with a symbol's rows as offline training left them."""
    slots = model.symbols.slots_of(symbol)
    own = {slot for slot in slots if model.origin[slot] < 0}
    model = with_symbols(model, model.symbols.drop(own))
    for slot in set(slots) - own:
        row = model.calibration.rows[model.origin[slot]]
        model = with_row(model, slot, Row(row, 0 * row, 0, 0.0, 0.0, np.inf))
    return model
