"""Learning a symbol from its drawings: pure functions from stored model to model."""

from collections.abc import Collection
from typing import Any, NamedTuple

import numpy as np

from strokejax.registration.coach import (
    confusion_rates,
    guard,
    outliers,
    recommended_extra,
    worst_confusions,
)
from strokejax.registration.prototypes import SPLIT_BELOW, groups
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

# Slots of a stored model


def rows_of(model: StoredModel) -> Rows:
    """The model's table on the host."""
    scale = float(np.exp(model.table["log_scale"]))
    return Rows(model.table["embeddings"], scale, model.slots)


def with_symbols(model: StoredModel, symbols: SymbolTable) -> StoredModel:
    """The model with these names in its slots; arrays grow to the table's capacity."""
    added = symbols.capacity - model.symbols.capacity
    if added:
        model = _grown(model, added)
    free = np.array([name is None for name in symbols.names])
    slots = model.slots._replace(
        active=model.slots.active & ~free, owner=symbols.owners()
    )
    origin = np.where(free, -1, model.origin).astype(np.int32)
    return model._replace(symbols=symbols, slots=slots, origin=origin)


def _grown(model: StoredModel, added: int) -> StoredModel:
    c = model.symbols.capacity

    def longer(x: Any, value: Any = 0) -> np.ndarray:
        return np.concatenate([x, np.full((added, *x.shape[1:]), value, x.dtype)])

    embeddings = longer(model.table["embeddings"])
    embeddings[c:, 0] = 1  # free rows are normalised with the others
    slots: Any = Slots(*map(longer, model.slots))
    slots.scale[c:], slots.owner[c:] = np.inf, np.arange(c, c + added)
    return model._replace(
        table=model.table | {"embeddings": embeddings},
        slots=slots,
        origin=longer(model.origin, -1),
    )


def with_row(model: StoredModel, slot: int, row: Row) -> StoredModel:
    """The model with a row in a slot.

    A trained slot keeps radius and scale, which come from far more drawings.
    """
    slots: Any = Slots(*map(np.array, model.slots))
    slots.sums[slot], slots.counts[slot] = row.sums, row.count
    slots.active[slot], slots.offset[slot] = True, row.offset
    if model.origin[slot] < 0:
        slots.radius[slot], slots.scale[slot] = row.radius, row.scale
    embeddings = np.array(model.table["embeddings"])
    embeddings[slot] = row.embedding
    table = model.table | {"embeddings": embeddings}
    return model._replace(table=table, slots=slots)


def as_trained(model: StoredModel, symbol: str) -> StoredModel:
    """The model with a symbol's rows as offline training left them."""
    slots = model.symbols.slots_of(symbol)
    added = {slot for slot in slots if model.origin[slot] < 0}
    model = with_symbols(model, model.symbols.drop(added))
    for slot in set(slots) - added:
        row = model.calibration.rows[model.origin[slot]]
        model = with_row(model, slot, Row(row, 0 * row, 0, 0.0, 0.0, np.inf))
    return model


# A symbol's rows and the coach's report


class Examples(NamedTuple):
    """Embeddings of a symbol's drawings and of their variants."""

    z: np.ndarray
    """f32[n d]"""
    drawing: np.ndarray
    """i[n]: number of the drawing."""
    variant: np.ndarray
    """str[n]: name of the variant, "" for the drawing itself."""


class Fitted(NamedTuple):
    """A model with a symbol's rows, and the data that they were made of."""

    model: StoredModel
    examples: Examples
    clusters: list[np.ndarray]
    """Indices of the examples of each row."""
    replay: ReplaySet
    """Drawings of all other symbols."""


class Learned(NamedTuple):
    """A model with a symbol's rows, and the coach's report on its drawings."""

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
    """Makes the rows of one symbol from all its samples in `model`.

    `against` is the model before the change. Refused where the other symbols lose more
    than the guard allows, unless `force`.
    """
    model, examples, clusters, replay = with_rows(model, store, symbol, method)
    names = model.symbols.names
    owner = names.index(symbol)
    plain = examples.z[examples.variant == ""]
    plain_replay = replay_set(model, store, without=(symbol,), variants=False)
    rates = np.zeros(model.symbols.capacity)
    for part in clusters:
        means = by_drawing(examples.z[part], examples.drawing[part])
        share = len(part) / len(examples.z)
        rates += share * confusion_rates(means, rows_of(model), plain_replay, owner)
    coach = {
        "odd": outliers(plain, plain_replay),
        "confusions": [
            {"symbol": names[i], "rate": rate} for i, rate in worst_confusions(rates)
        ],
        "mistaken": float(rates.sum()),
        "old_loss": check_loss(against, model, replay, (symbol,), force),
        "more": recommended_extra(plain),
    }
    return Learned(model, coach)


def with_rows(
    model: StoredModel, store: Embeddings, symbol: str, method: Method
) -> Fitted:
    """`learn` without guard and coach."""
    samples = [sample for sample in model.samples if sample.symbol == symbol]
    number: dict[Any, int] = {}
    drawing = [number.setdefault(each.drawing, len(number)) for each in samples]
    variant = np.array([sample.variant for sample in samples])
    examples = Examples(store.z(samples), np.array(drawing), variant)
    model, slots = _assign_slots(model, symbol, examples)
    replay = replay_set(model, store, without=(symbol,))
    owner = model.symbols.names.index(symbol)
    for slot, part in slots:
        z, rows, origin = examples.z[part], rows_of(model), model.origin[slot]
        trained = None if origin < 0 else model.calibration.rows[origin]
        if method == "mean":
            row = mean_row(z, trained, rows, examples.drawing[part])
        else:
            row = sgd_row(z, trained, rows, replay, owner, examples.drawing[part])
        model = with_row(model, slot, row)
    return Fitted(model, examples, [part for _, part in slots], replay)


def _assign_slots(
    model: StoredModel, symbol: str, examples: Examples
) -> tuple[StoredModel, list[tuple[int, np.ndarray]]]:
    """A slot and the indices of its examples for each prototype of a symbol.

    A prototype near a trained row moves that row; any other gets a free slot.
    """
    before, trained, slots = model.symbols, [], []
    if symbol in model.symbols.names:
        model = as_trained(model, symbol)
        trained = [s for s, name in enumerate(model.symbols.names) if name == symbol]
    for part in groups(*examples):
        mean = unit(examples.z[part].sum(0))
        near = [s for s in trained if mean @ _trained_mean(model, s) > SPLIT_BELOW]
        if near:
            slot = near[0]
            trained.remove(slot)
        else:
            table, slot = model.symbols.put(symbol)
            model = with_symbols(model, table.like(before))
        slots.append((slot, part))
    return model, slots


def _trained_mean(model: StoredModel, slot: int) -> np.ndarray:
    """f32[d]: mean of a trained row's calibration drawings, or the row without any."""
    drawings = model.calibration.label == model.origin[slot]
    if not drawings.any():
        return model.calibration.rows[model.origin[slot]]
    return unit(model.calibration.z[drawings].sum(0))


# The guard of the other symbols


def replay_set(
    model: StoredModel,
    store: Embeddings,
    without: Collection[str] = (),
    *,
    variants: bool = True,
) -> ReplaySet:
    """The calibration drawings of the model's trained symbols, and its samples.

    Samples of the symbols in `without` are left out, and variants unless `variants`.
    """
    calibration, owner = model.calibration, np.asarray(model.slots.owner)
    slot_of = np.full(len(calibration.rows), -1, np.int32)
    trained = np.flatnonzero(model.slots.active & (model.origin >= 0))
    slot_of[model.origin[trained]] = trained
    slots = slot_of[calibration.label]
    z, slots = calibration.z[slots >= 0], slots[slots >= 0]
    first = {name: slot for slot, name in reversed([*enumerate(model.symbols.names)])}
    replayed = first.keys() - without
    samples = [s for s in model.samples if s.symbol in replayed]
    samples = [s for s in samples if variants or not s.variant]
    if samples:
        z = np.concatenate([z, store.z(samples)])
        slots = np.concatenate([slots, [first[sample.symbol] for sample in samples]])
    return ReplaySet(z, owner[slots].astype(np.int32))


def check_loss(
    before: StoredModel,
    after: StoredModel,
    replay: ReplaySet,
    symbols: Collection[str],
    force: bool,
) -> dict[str, Any]:
    """The accuracy that a change of these symbols costs the others, for a report.

    Refused where it is more than the guard allows, unless `force`.
    """
    names = after.symbols.names
    changed = {names.index(symbol) for symbol in symbols}
    loss = guard(rows_of(before), rows_of(after), replay, changed)
    worst = names[loss.symbol] if loss.symbol >= 0 else None
    if loss.refused and not force:
        listed = ", ".join(map(repr, [*symbols][:5])) + ", ..." * (len(symbols) > 5)
        raise Refused(
            f"With {listed} the other symbols would lose {100 * loss.mean:.1f} points "
            f"of accuracy on average and {worst!r} {100 * loss.worst:.1f} (limits 1 "
            f"and 10), so nothing was changed; draw it less like {worst!r}"
        )
    return {"mean": loss.mean, "worst": loss.worst, "symbol": worst}
