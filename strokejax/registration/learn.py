"""A stored model with a symbol's rows made of its drawings: from model to model."""

from collections.abc import Collection
from typing import Any, NamedTuple

import numpy as np

from strokejax.registration.coach import (
    confusion_rates,
    guard,
    outliers,
    recommended_extra,
    worst_of,
)
from strokejax.registration.prototypes import APART, groups
from strokejax.registration.rows import (
    Method,
    ReplaySet,
    Row,
    by_drawing,
    mean_row,
    sgd_row,
)
from strokejax.registration.samples import Embeddings
from strokejax.store.model import StoredModel
from strokejax.table.symbols import SymbolTable
from strokejax.table.table import Rows, Slots, unit
from strokejax.types import Refused

# A stored model with other rows or names in its slots: from model to model.


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
    empty = {"scale": np.inf, "owner": 0}

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

    A trained symbol is known by far more drawings than its own: radius and scale stay.
    """
    values = {
        "sums": row.sums,
        "counts": row.count,
        "active": True,
        "offset": row.offset,
    }
    if model.origin[slot] < 0:
        values |= {"radius": row.radius, "scale": row.scale}
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
    added = {slot for slot in slots if model.origin[slot] < 0}
    model = with_symbols(model, model.symbols.drop(added))
    for slot in set(slots) - added:
        row = model.calibration.rows[model.origin[slot]]
        model = with_row(model, slot, Row(row, 0 * row, 0, 0.0, 0.0, np.inf))
    return model


class Learned(NamedTuple):
    """A model with a symbol's rows made of its drawings, and what to say of it."""

    model: StoredModel
    coach: dict[str, Any]


class Examples(NamedTuple):
    """What a symbol's row is made of: its drawings and their variants."""

    z: np.ndarray
    """f32[n d]"""
    drawing: np.ndarray
    """i[n]: which drawing each is of."""
    variant: np.ndarray
    """str[n]: what was done to it."""


class Fitted(NamedTuple):
    """A model with a symbol's rows, and what they were made of."""

    model: StoredModel
    examples: Examples
    clusters: list[np.ndarray]
    """Which of `own` each row is made of."""
    known: ReplaySet
    """The drawings of all other symbols."""


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
    model, examples, clusters, known = with_rows(model, store, symbol, method)
    names = model.symbols.names
    owner = names.index(symbol)
    drawn = examples.z[examples.variant == ""]
    like = known_drawings(model, store, but=(symbol,), variants=False)
    rates = _rates(model, examples, owner, clusters, like)
    coach = {
        "odd": outliers(drawn, like),
        "confusions": [
            {"symbol": names[i], "rate": rate} for i, rate in worst_of(rates)
        ],
        "mistaken": float(rates.sum()),
        "old_loss": _guarded(against, model, known, (symbol,), force),
        "more": recommended_extra(drawn),
    }
    return Learned(model, coach)


def with_rows(
    model: StoredModel, store: Embeddings, symbol: str, method: Method
) -> Fitted:
    """`learn` without guard and coach."""
    examples = _examples(model, store, symbol)
    model, placed = _placed(model, symbol, examples)
    known = known_drawings(model, store, but=(symbol,))
    owner = model.symbols.names.index(symbol)
    for slot, part in placed:
        z, rows, trained = examples.z[part], rows_of(model), _trained(model, slot)
        if method == "mean":
            row = mean_row(z, trained, rows, examples.drawing[part])
        else:
            row = sgd_row(z, trained, rows, known, owner, examples.drawing[part])
        model = with_row(model, slot, row)
    return Fitted(model, examples, [part for _, part in placed], known)


def _examples(model: StoredModel, store: Embeddings, symbol: str) -> Examples:
    samples = [each for each in model.samples if each.symbol == symbol]
    number: dict[Any, int] = {}
    drawing = [number.setdefault(each.drawing, len(number)) for each in samples]
    variant = [each.variant for each in samples]
    return Examples(store.z(samples), np.array(drawing), np.array(variant))


def _rates(
    model: StoredModel,
    examples: Examples,
    owner: int,
    clusters: list[np.ndarray],
    known: ReplaySet,
) -> np.ndarray:
    """f64[c]: what further drawings will be taken for, whichever way they come."""
    rates = np.zeros(model.symbols.capacity)
    for part in clusters:
        drawn = by_drawing(examples.z[part], examples.drawing[part])
        share = len(part) / len(examples.z)
        rates += share * confusion_rates(drawn, rows_of(model), known, owner)
    return rates


def check_all(
    before: StoredModel,
    after: StoredModel,
    store: Embeddings,
    symbols: Collection[str],
) -> None:
    """InputError where the others lose too much by several symbols together."""
    _guarded(before, after, known_drawings(after, store, symbols), symbols, False)


def _guarded(
    before: StoredModel,
    after: StoredModel,
    known: ReplaySet,
    symbols: Collection[str],
    force: bool,
) -> dict[str, Any]:
    """What the guard finds; InputError where it is too much, unless `force`."""
    names = after.symbols.names
    changed = {names.index(symbol) for symbol in symbols}
    loss = guard(rows_of(before), rows_of(after), known, but=changed)
    worst = names[loss.symbol] if loss.symbol >= 0 else None
    if loss.refused and not force:
        named = ", ".join(map(repr, [*symbols][:5])) + ", ..." * (len(symbols) > 5)
        raise Refused(
            f"With {named} the other symbols would lose {100 * loss.mean:.1f} points "
            f"of accuracy on average and {worst!r} {100 * loss.worst:.1f} (limits 1 "
            f"and 10), so nothing was changed; draw it less like {worst!r}"
        )
    return {"mean": loss.mean, "worst": loss.worst, "symbol": worst}


def rows_of(model: StoredModel) -> Rows:
    """The model's table on the host."""
    scale = float(np.exp(model.table["log_scale"]))
    return Rows(model.table["embeddings"], scale, model.slots)


def known_drawings(
    model: StoredModel,
    store: Embeddings,
    but: Collection[str] = (),
    *,
    variants: bool = True,
) -> ReplaySet:
    """The calibration of trained symbols that are still there, and others' samples,
    with their `variants` or without."""
    calibration, owner = model.calibration, np.asarray(model.slots.owner)
    slot_of = np.full(len(calibration.rows), -1, np.int32)
    trained = np.flatnonzero(model.slots.active & (model.origin >= 0))
    slot_of[model.origin[trained]] = trained
    slots = slot_of[calibration.label]
    z, slots = calibration.z[slots >= 0], slots[slots >= 0]
    first = {name: slot for slot, name in reversed([*enumerate(model.symbols.names)])}
    there = [s for s in model.samples if s.symbol in first and s.symbol not in but]
    there = [s for s in there if variants or not s.variant]
    if there:
        owners = [first[each.symbol] for each in there]
        z = np.concatenate([z, store.z(there)])
        slots = np.concatenate([slots, owners])
    return ReplaySet(z, owner[slots].astype(np.int32))


def _placed(
    model: StoredModel, symbol: str, examples: Examples
) -> tuple[StoredModel, list[tuple[int, np.ndarray]]]:
    """Slots for the clusters a symbol's drawings are drawn, and whose are whose.

    A way like the trained row's moves that row; any other has a row beside it.
    """
    before, trained, placed = model.symbols, [], []
    if symbol in model.symbols.names:
        model = as_trained(model, symbol)
        trained = [s for s, name in enumerate(model.symbols.names) if name == symbol]
    for part in groups(*examples):
        mean = unit(examples.z[part].sum(0))
        near = [s for s in trained if mean @ _trained_mean(model, s) > APART]
        if near:
            trained.remove(near[0])
            placed.append((near[0], part))
            continue
        table, slot = model.symbols.put(symbol)
        model = with_symbols(model, table.like(before))
        placed.append((slot, part))
    return model, placed


def _trained(model: StoredModel, slot: int) -> np.ndarray | None:
    origin = model.origin[slot]
    return None if origin < 0 else model.calibration.rows[origin]


def _trained_mean(model: StoredModel, slot: int) -> np.ndarray:
    """f32[d]: the mean of a trained symbol's known drawings, or its row without any."""
    mine = model.calibration.label == model.origin[slot]
    if not mine.any():
        return model.calibration.rows[model.origin[slot]]
    return unit(model.calibration.z[mine].sum(0))
