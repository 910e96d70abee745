"""Incremental learning: accuracy after symbols are registered from a few drawings.

The measured code is the one that registers symbols, on embeddings in memory.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from strokejax.evaluation.episodes import open_set_draws, within_writer
from strokejax.evaluation.few_shot import auroc, fpr_at, tpr_at
from strokejax.evaluation.scores import TWINS, bootstrap_interval
from strokejax.registration.learn import as_trained, rows_of, with_rows
from strokejax.registration.rows import Method
from strokejax.registration.samples import Embeddings
from strokejax.store.model import Sample, StoredModel
from strokejax.types import InputError


class LabelledEmbeddings(NamedTuple):
    """Embeddings of labelled drawings."""

    z: np.ndarray
    """f32[n d]"""
    names: np.ndarray
    """str[n]: true symbols."""
    groups: np.ndarray
    """str[n]: writers."""

    def select(self, rows: np.ndarray) -> "LabelledEmbeddings":
        """The rows of a mask or of indices."""
        return LabelledEmbeddings(self.z[rows], self.names[rows], self.groups[rows])


# Registration in memory.


class MemoryStore:
    """Samples in memory, besides those that a model has on disk."""

    def __init__(self, z: np.ndarray, store: Embeddings | None = None):
        self._z, self._store = z, store

    def samples(self, symbol: str, rows: Iterable[int]) -> list[Sample]:
        """Samples of rows of z f32[n d]; they have no file."""
        return [Sample(symbol, "", int(row), "", "") for row in rows]

    def z(self, samples: Iterable[Sample]) -> np.ndarray:
        """f32[n d]: embeddings, as of `registration.samples.SampleStore`."""
        samples = [*samples]
        stored = [sample for sample in samples if sample.file]
        rows = iter(self._store.z(stored) if stored and self._store else ())
        return np.stack([next(rows) if s.file else self._z[s.row] for s in samples])


def without_unnamed(model: StoredModel, names: Iterable[str]) -> StoredModel:
    """The model without the registered drawings of symbols that are not in `names`.

    An evaluation starts from it, so that it depends on no other symbol of the user.
    """
    named = {model.symbols.symbol(name) for name in names}
    for symbol in {sample.symbol for sample in model.samples} - named:
        model = as_trained(model, symbol)
    samples = tuple(sample for sample in model.samples if sample.symbol in named)
    return model._replace(samples=samples)


def register_shots(
    model: StoredModel,
    store: MemoryStore,
    shots: Mapping[str, Sequence[int]],
    method: Method,
) -> StoredModel:
    """The model after registering the `shots`, name -> rows of the store, in turn."""
    for name, rows in shots.items():
        samples = store.samples(name, rows)
        wider = model._replace(samples=(*model.samples, *samples))
        model = with_rows(wider, store, name, method).model
    return model


def nearest_symbols(model: StoredModel, z: np.ndarray) -> np.ndarray:
    """str[n]: the nearest symbol of each embedding f32[n d]."""
    names = np.array([name or "" for name in model.symbols.names])
    return names[rows_of(model).owners(z)]


# New symbols in the table of the old.


def on_top(
    model: StoredModel,
    new: LabelledEmbeddings,
    old: LabelledEmbeddings,
    support: np.ndarray,
    shots: int,
    *,
    store: Embeddings | None = None,
    method: Method = "sgd",
    count: int = 5,
    seed: int = 0,
) -> dict[str, Any]:
    """Registers new symbols next to the model's own, then names drawings of both.

    `support` bool[n] marks the drawings of `new` that shots are drawn from; the others
    are the queries. `store` has the model's own samples. Returns means over `count`
    seeded choices of shots: the accuracy on "new" symbols, the accuracy on old ones,
    "old_before" and "old_after", and its difference "lost". "interval95" and its like
    are bootstrapped over writers. "hardest" lists the new symbols of lowest accuracy
    with their most frequent confusion. InputError if a symbol has fewer drawings than
    `shots`.
    """
    query = new.select(~support)
    before = nearest_symbols(model, old.z) == old.names
    answers, after = [], []
    for i in range(count):
        rng = np.random.default_rng([seed, i])
        rows = _draw_shots(new.names, support, np.unique(query.names), shots, rng)
        learned = register_shots(model, MemoryStore(new.z, store), rows, method)
        answers.append(nearest_symbols(learned, query.z))
        after.append(nearest_symbols(learned, old.z) == old.names)
    right = np.stack([answer == query.names for answer in answers])
    # Per drawing, so that the interval is that of a paired comparison.
    lost = before - np.mean(after, 0)
    return {
        "k": shots,
        "ways": len(model.symbols) + len(np.unique(query.names)),
        "episodes": count,
        "n": len(query.z),
        "accuracy": float(right.mean()),
        "interval95": list(bootstrap_interval(right.mean(0), query.groups)),
        "new": float(right.mean()),
        "old_before": float(before.mean()),
        "old_before_interval95": list(bootstrap_interval(before, old.groups)),
        "old_after": float(np.mean(after)),
        "old_after_interval95": list(bootstrap_interval(np.mean(after, 0), old.groups)),
        "lost": float(lost.mean()),
        "lost_interval95": list(bootstrap_interval(lost, old.groups)),
        "old_n": len(old.z),
        "hardest": _hardest(query.names, np.stack(answers)),
    }


def _draw_shots(
    names: np.ndarray,
    support: np.ndarray,
    symbols: np.ndarray,
    shots: int,
    rng: np.random.Generator,
) -> dict[str, list[int]]:
    """Random rows of the support for each of `symbols`."""
    drawn = {}
    for name in symbols:
        rows = np.flatnonzero(support & (names == name))
        drawn[str(name)] = rng.permutation(rows)[:shots].tolist()
    short = [name for name, rows in drawn.items() if len(rows) < shots]
    if short:
        raise InputError(
            f"{len(short)} new symbols have fewer than {shots} drawings by other "
            f"writers ({', '.join(map(repr, short[:5]))}); ask for fewer shots."
        )
    return drawn


def _hardest(truth: np.ndarray, answers: np.ndarray) -> list[dict[str, Any]]:
    """The ten symbols of lowest accuracy; truth [n], answers [draws n]."""
    rows = []
    for name in np.unique(truth):
        answer, count = np.unique(answers[:, truth == name], return_counts=True)
        wrong = count * (answer != name)
        rows.append(
            {
                "symbol": str(name),
                "accuracy": float(count[answer == name].sum() / count.sum()),
                "taken_for": str(answer[wrong.argmax()]) if wrong.any() else "",
            }
        )
    return sorted(rows, key=lambda row: row["accuracy"])[:10]


# A model adapted to each writer.


def personal(
    model: StoredModel,
    drawn: LabelledEmbeddings,
    shots: int,
    *,
    store: Embeddings | None = None,
    method: Method = "sgd",
    seed: int = 0,
) -> dict[str, Any]:
    """Registers some of each writer's drawings for that writer, and names the rest.

    `shots` random drawings of a class are the support; classes with at least one more
    of the writer take part, answered among all symbols. `store` has the model's own
    samples. "before" is the accuracy on the
    same queries without registration.
    """
    truth, group, after, before = [], [], [], []
    _, label = np.unique(drawn.names, return_inverse=True)
    for split in within_writer(label, drawn.groups, shots, seed):
        support = {str(drawn.names[rows[0]]): rows.tolist() for rows in split.support}
        learned = register_shots(model, MemoryStore(drawn.z, store), support, method)
        query = drawn.select(split.query)
        truth.append(query.names)
        group.append(query.groups)
        after.append(nearest_symbols(learned, query.z) == query.names)
        before.append(nearest_symbols(model, query.z) == query.names)
    right, groups = np.concatenate(after), np.concatenate(group)
    return {
        "k": shots,
        "ways": len(model.symbols),
        "episodes": len(truth),
        "n": len(right),
        "accuracy": float(right.mean()),
        "interval95": list(bootstrap_interval(right, groups)),
        "before": float(np.concatenate(before).mean()),
    }


# Symbols that the model does not know.


def open_set(
    model: StoredModel,
    drawn: LabelledEmbeddings,
    limits: dict[float, float],
    *,
    classes: int = 10,
    count: int = 20,
    seed: int = 0,
    apart: bool = True,
) -> dict[str, Any]:
    """Removes symbols from the table and separates their drawings from the others'.

    Means over `count` seeded draws of `classes` symbols. Twins are drawn together, or
    never with `apart`. "kept_at" is the true-accept rate at each false-accept rate of
    `limits` (rate -> novelty limit), with the best threshold for it; "promised" has
    both rates at the limit itself. Intervals are quantiles over the draws.
    """
    present = [name for name in model.symbols.symbols if name in set(drawn.names)]
    draws = open_set_draws(
        present, TWINS, count=count, classes=classes, seed=seed, apart=apart
    )
    areas, false_accepts, best = [], [], []
    true_at, false_at = {rate: [] for rate in limits}, {rate: [] for rate in limits}
    for draw in draws:
        # Scores are high for known drawings, so novelty is negated.
        scores = -rows_of(_without(model, draw)).novelty(drawn.z)
        removed = np.isin(drawn.names, draw)
        known, novel = scores[~removed], scores[removed]
        areas.append(auroc(known, novel))
        false_accepts.append(fpr_at(known, novel))
        best.append([tpr_at(known, novel, rate) for rate in limits])
        for rate, limit in limits.items():
            true_at[rate].append((known >= -limit).mean())
            false_at[rate].append((novel >= -limit).mean())
    return {
        "auroc": float(np.mean(areas)),
        "interval95": _quantiles(areas),
        "fpr95": float(np.mean(false_accepts)),
        "fpr95_interval95": _quantiles(false_accepts),
        "kept_at": {
            f"{rate:g}": float(share)
            for rate, share in zip(limits, np.mean(best, 0), strict=True)
        },
        "promised": {
            f"{rate:g}": {
                "kept": float(np.mean(true_at[rate])),
                "false_accepts": float(np.mean(false_at[rate])),
                "interval95": _quantiles(false_at[rate]),
            }
            for rate in limits
        },
        "draws": count,
        "classes": classes,
        "n": len(drawn.z),
    }


def _quantiles(values: Sequence[float] | np.ndarray) -> list[float]:
    """The interval of the middle 95 %."""
    return np.quantile(np.asarray(values), [0.025, 0.975]).tolist()


def _without(model: StoredModel, names: Sequence[str]) -> StoredModel:
    """The model with the slots of these symbols inactive."""
    removed = np.isin([name or "" for name in model.symbols.names], names)
    active = np.asarray(model.slots.active) & ~removed
    return model._replace(slots=model.slots._replace(active=active))
