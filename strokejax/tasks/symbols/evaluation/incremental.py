"""How well a model learns online, measured with the code that registers symbols."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from strokejax.evaluation.episodes import open_set_draws, within_writer
from strokejax.evaluation.few_shot import auroc, fpr_at, kept_at
from strokejax.evaluation.scores import TWINS, bootstrap_interval
from strokejax.registration.learn import rows_of, with_rows
from strokejax.registration.rows import Method
from strokejax.store.model import Sample, StoredModel
from strokejax.types import InputError


class Embedded(NamedTuple):
    """Labelled drawings after the encoder."""

    z: np.ndarray
    """f32[n d]"""
    names: np.ndarray
    """str[n]: true symbols."""
    groups: np.ndarray
    """str[n]: writers."""

    def select(self, chosen: np.ndarray) -> "Embedded":
        """The rows of a mask or of indices."""
        return Embedded(self.z[chosen], self.names[chosen], self.groups[chosen])


class MemoryStore:
    """Samples that were never written: their rows are indices of embeddings."""

    def __init__(self, z: np.ndarray):
        self._z = z

    def z(self, samples: Iterable[Sample]) -> np.ndarray:
        """f32[n d]: as `samples.SampleStore`."""
        return self._z[[each.row for each in samples]]


def taught(
    model: StoredModel,
    z: np.ndarray,
    shots: Mapping[str, Sequence[int]],
    method: Method,
) -> StoredModel:
    """The model after registering, one after the other, what `shots` index in z."""
    store = MemoryStore(z)
    for name, chosen in shots.items():
        new = [Sample(name, "", int(i), "", "") for i in chosen]
        wider = model._replace(samples=(*model.samples, *new))
        model = with_rows(wider, store, name, method).model
    return model


def answered(model: StoredModel, z: np.ndarray) -> np.ndarray:
    """str[n]: the nearest symbol of each embedding f32[n d]."""
    names = np.array([name or "" for name in model.symbols.names])
    return names[rows_of(model).owners(z)]


def on_top(
    model: StoredModel,
    new: Embedded,
    old: Embedded,
    shown: np.ndarray,
    shots: int,
    *,
    method: Method = "sgd",
    count: int = 5,
    seed: int = 0,
) -> dict[str, Any]:
    """New symbols registered beside the model's own, then drawings of both named.

    `shown` bool[n] marks the drawings of `new` that shots may come from, the others
    are named. Gives accuracy "new" and its "interval95" over writers, "old_before" and
    "old_after", what the old ones "lost" with "lost_interval95", as means over `count`
    seeded choices of shots, and "hardest": the new symbols named worst and what they
    are taken for.
    """
    asked = new.select(~shown)
    before = answered(model, old.z) == old.names
    found, after = [], []
    for i in range(count):
        rng = np.random.default_rng([seed, i])
        chosen = _shots(new.names, shown, np.unique(asked.names), shots, rng)
        learned = taught(model, new.z, chosen, method)
        found.append(answered(learned, asked.z))
        after.append(answered(learned, old.z) == old.names)
    right = np.stack([each == asked.names for each in found])
    lost = before - np.mean(after, 0)
    return {
        "k": shots,
        "ways": len(model.symbols) + len(np.unique(asked.names)),
        "episodes": count,
        "n": len(asked.z),
        "accuracy": float(right.mean()),
        "interval95": list(bootstrap_interval(right.mean(0), asked.groups)),
        "new": float(right.mean()),
        "old_before": float(before.mean()),
        "old_before_interval95": list(bootstrap_interval(before, old.groups)),
        "old_after": float(np.mean(after)),
        "old_after_interval95": list(bootstrap_interval(np.mean(after, 0), old.groups)),
        "lost": float(lost.mean()),
        "lost_interval95": list(bootstrap_interval(lost, old.groups)),
        "old_n": len(old.z),
        "hardest": _hardest(asked.names, np.stack(found)),
    }


def _shots(
    names: np.ndarray,
    shown: np.ndarray,
    asked: np.ndarray,
    shots: int,
    rng: np.random.Generator,
) -> dict[str, list[int]]:
    """Random drawings among the shown ones for each symbol that is asked for."""
    chosen = {}
    for name in asked:
        own = np.flatnonzero(shown & (names == name))
        chosen[str(name)] = rng.permutation(own)[:shots].tolist()
    short = [name for name, each in chosen.items() if len(each) < shots]
    if short:
        raise InputError(
            f"{len(short)} new symbols have fewer than {shots} drawings by other "
            f"writers ({', '.join(map(repr, short[:5]))}); ask for fewer shots."
        )
    return chosen


def _hardest(truth: np.ndarray, found: np.ndarray) -> list[dict[str, Any]]:
    """The symbols named worst, and what each is taken for most often."""
    rows = []
    for name in np.unique(truth):
        named, count = np.unique(found[:, truth == name], return_counts=True)
        wrong = count * (named != name)
        rows.append(
            {
                "symbol": str(name),
                "accuracy": float(count[named == name].sum() / count.sum()),
                "taken_for": str(named[wrong.argmax()]) if wrong.any() else "",
            }
        )
    return sorted(rows, key=lambda row: row["accuracy"])[:10]


def personal(
    model: StoredModel,
    drawn: Embedded,
    shots: int,
    *,
    method: Method = "sgd",
    seed: int = 0,
) -> dict[str, Any]:
    """Each writer's first drawings registered for that writer, the rest named.

    Classes with at least `shots` + 1 drawings of a writer count, answered among all
    symbols. "before" is the accuracy on the same drawings without it.
    """
    truth, group, after, before = [], [], [], []
    _, label = np.unique(drawn.names, return_inverse=True)
    for each in within_writer(label, drawn.groups, shots, seed):
        chosen = {str(drawn.names[rows[0]]): rows.tolist() for rows in each.support}
        learned = taught(model, drawn.z, chosen, method)
        asked = drawn.select(each.query)
        truth.append(asked.names)
        group.append(asked.groups)
        after.append(answered(learned, asked.z) == asked.names)
        before.append(answered(model, asked.z) == asked.names)
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


def open_set(
    model: StoredModel,
    drawn: Embedded,
    limits: dict[float, float],
    *,
    classes: int = 10,
    count: int = 20,
    seed: int = 0,
    apart: bool = True,
) -> dict[str, Any]:
    """How well drawings of symbols that are taken out are told from the others'.

    Means over `count` seeded draws of `classes` symbols; twins leave together, or have
    no part in it where `apart`. "kept_at" is the share of known drawings kept where a
    threshold lets in that share of unknown ones; "promised" says for each rate in
    `limits` (rate -> strangeness) how many known and unknown the model itself accepts;
    "interval95", and that of others by their names, is the spread over the draws.
    """
    present = [name for name in model.symbols.symbols if name in set(drawn.names)]
    draws = open_set_draws(
        present, TWINS, count=count, classes=classes, seed=seed, apart=apart
    )
    areas, false, kept = [], [], []
    true, let_in = {rate: [] for rate in limits}, {rate: [] for rate in limits}
    for draw in draws:
        strange = rows_of(_without(model, draw)).strangeness(drawn.z)
        novel = np.isin(drawn.names, draw)
        known, strangers = -strange[~novel], -strange[novel]
        areas.append(auroc(known, strangers))
        false.append(fpr_at(known, strangers))
        kept.append([kept_at(known, strangers, rate) for rate in limits])
        for rate, limit in limits.items():
            true[rate].append((known >= -limit).mean())
            let_in[rate].append((strangers >= -limit).mean())
    return {
        "auroc": float(np.mean(areas)),
        "interval95": _spread(areas),
        "fpr95": float(np.mean(false)),
        "fpr95_interval95": _spread(false),
        "kept_at": {
            f"{rate:g}": float(share)
            for rate, share in zip(limits, np.mean(kept, 0), strict=True)
        },
        "promised": {
            f"{rate:g}": {
                "kept": float(np.mean(true[rate])),
                "false_accepts": float(np.mean(let_in[rate])),
                "interval95": _spread(let_in[rate]),
            }
            for rate in limits
        },
        "draws": count,
        "classes": classes,
        "n": len(drawn.z),
    }


def _spread(values: Sequence[float] | np.ndarray) -> list[float]:
    """Where the middle 95 % lie."""
    return np.quantile(np.asarray(values), [0.025, 0.975]).tolist()


def _without(model: StoredModel, names: Sequence[str]) -> StoredModel:
    gone = np.isin([name or "" for name in model.symbols.names], names)
    active = np.asarray(model.slots.active) & ~gone
    return model._replace(slots=model.slots._replace(active=active))
