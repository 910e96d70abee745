"""A stored model with a symbol's rows made of its drawings: from model to model."""

from typing import Any, NamedTuple

import numpy as np

from strokejax.coach import confusions, guard, more_wanted, odd_ones
from strokejax.model_store import StoredModel
from strokejax.online import APART, Known, Method, Row, mean_row, sgd_row, ways
from strokejax.samples import Embeddings
from strokejax.symbols import SymbolTable
from strokejax.table import Rows, Slots, unit
from strokejax.types import InputError


class Learned(NamedTuple):
    """A model with a symbol's rows made of its drawings, and what to say of it."""

    model: StoredModel
    coach: dict[str, Any]


def learn(
    model: StoredModel,
    store: Embeddings,
    symbol: str,
    method: Method,
    *,
    against: StoredModel,
    force: bool = False,
) -> Learned:
    """The rows of one symbol made anew from all its samples in `model`.

    `against` is the model before the change, for the guard: InputError where other
    symbols lose too much, unless `force`.
    """
    z = store.z(each for each in model.samples if each.symbol == symbol)
    known = known_drawings(model, store, but=symbol)
    model, placed = _placed(model, symbol, z)
    owner = model.symbols.names.index(symbol)
    for slot, part in placed:
        rows, trained = rows_of(model), _trained(model, slot)
        if method == "mean":
            row = mean_row(z[part], trained, rows)
        else:
            row = sgd_row(z[part], trained, rows, known, owner)
        model = _with_row(model, slot, row)
    after = rows_of(model)
    loss = guard(rows_of(against), after, known, but={owner})
    names = model.symbols.names
    worst = names[loss.symbol] if loss.symbol >= 0 else None
    if loss.refused and not force:
        raise InputError(
            f"With {symbol!r} the other symbols would lose {100 * loss.mean:.1f} "
            f"points of accuracy on average and {worst!r} {100 * loss.worst:.1f} "
            f"(limits 1 and 10), so nothing was changed; draw it less like {worst!r}, "
            f"or accept that with --force."
        )
    coach = {
        "odd": odd_ones(z, known),
        "confusions": [
            {"symbol": names[i], "rate": rate}
            for i, rate in confusions(z, after, known, owner)
        ],
        "old_loss": {"mean": loss.mean, "worst": loss.worst, "symbol": worst},
        "more": more_wanted(z),
    }
    return Learned(model, coach)


def rows_of(model: StoredModel) -> Rows:
    """The model's table on the host."""
    scale = float(np.exp(model.table["log_scale"]))
    return Rows(model.table["embeddings"], scale, model.slots)


def known_drawings(model: StoredModel, store: Embeddings, but: str = "") -> Known:
    """The calibration of trained symbols that are still there, and others' samples."""
    calibration, owner = model.calibration, np.asarray(model.slots.owner)
    slot_of = np.full(len(calibration.rows), -1, np.int32)
    trained = np.flatnonzero(model.slots.active & (model.origin >= 0))
    slot_of[model.origin[trained]] = trained
    slots = slot_of[calibration.label]
    z, slots = calibration.z[slots >= 0], slots[slots >= 0]
    names = set(model.symbols.names) - {but}
    there = [each for each in model.samples if each.symbol in names]
    if there:
        own = [model.symbols.names.index(each.symbol) for each in there]
        z = np.concatenate([z, store.z(there)])
        slots = np.concatenate([slots, own])
    return Known(z, owner[slots].astype(np.int32))


def _placed(
    model: StoredModel, symbol: str, z: np.ndarray
) -> tuple[StoredModel, list[tuple[int, np.ndarray]]]:
    """Slots for the ways a symbol's drawings f32[n d] are drawn, and whose are whose.

    A way like the trained row's moves that row; any other has a row beside it.
    """
    symbols, parts = model.symbols, ways(z)
    own = symbols.slots_of(symbol) if symbol in symbols.names else []
    trained = [slot for slot in own if model.origin[slot] >= 0]
    model = with_symbols(model, symbols.drop(set(own) - set(trained)))
    placed = []
    for part in parts:
        near = [
            slot
            for slot in trained
            if unit(z[part].sum(0)) @ _trained_mean(model, slot) > APART
        ]
        if near:
            trained.remove(near[0])
            placed.append((near[0], part))
            continue
        table, slot = model.symbols.put(symbol)
        model = with_symbols(model, table)
        placed.append((slot, part))
    for slot in trained:  # no drawing is like it: as it was trained
        model = _with_row(model, slot, None)
    return model, placed


def _trained(model: StoredModel, slot: int) -> np.ndarray | None:
    origin = model.origin[slot]
    return None if origin < 0 else model.calibration.rows[origin]


def _trained_mean(model: StoredModel, slot: int) -> np.ndarray:
    """f32[d]: the mean of a trained symbol's known drawings, or its row without any."""
    own = model.calibration.label == model.origin[slot]
    if not own.any():
        return model.calibration.rows[model.origin[slot]]
    return unit(model.calibration.z[own].sum(0))


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


def _with_row(model: StoredModel, slot: int, row: Row | None) -> StoredModel:
    """The model with a row in a slot; None is the trained one."""
    if row is None:
        row = _trained_row(model, slot)
    values = {
        "sums": row.sums,
        "counts": row.count,
        "active": True,
        "offset": row.offset,
        "reach": row.reach,
        "spread": row.spread,
    }
    slots: dict[str, Any] = model.slots._asdict()
    for name, value in values.items():
        slots[name] = np.array(slots[name])
        slots[name][slot] = value
    embeddings = np.array(model.table["embeddings"])
    embeddings[slot] = row.embedding
    table = model.table | {"embeddings": embeddings}
    return model._replace(table=table, slots=Slots(**slots))


def _trained_row(model: StoredModel, slot: int) -> Row:
    calibration, origin = model.calibration, model.origin[slot]
    row = calibration.rows[origin]
    own = calibration.z[calibration.label == origin]
    dist2 = ((own - row) ** 2).sum(-1)
    known = len(own) > 1
    return Row(
        row,
        np.zeros_like(row),
        0,
        0.0,
        float(dist2.mean()) if known else 0.0,
        float(max(dist2.std(), 1e-3)) if known else np.inf,
    )


def as_trained(model: StoredModel, symbol: str) -> StoredModel:
    """The model with a symbol's rows as offline training left them."""
    slots = model.symbols.slots_of(symbol)
    own = {slot for slot in slots if model.origin[slot] < 0}
    model = with_symbols(model, model.symbols.drop(own))
    for slot in set(slots) - own:
        model = _with_row(model, slot, None)
    return model
