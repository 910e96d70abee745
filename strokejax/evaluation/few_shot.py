"""Few-shot evaluation of embeddings: k shots become a row, queries the nearest row."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from strokejax.evaluation.episodes import Episode, episodes
from strokejax.evaluation.scores import bootstrap_interval
from strokejax.table.table import unit
from strokejax.types import InputError


class RunEmbeddings(NamedTuple):
    """One of Lake's runs after the encoder; see `data.lake.Run`."""

    name: str
    training: np.ndarray
    """f32[n d]: one example a class."""
    test: np.ndarray
    """f32[m d]"""
    answer: np.ndarray
    """i32[m]: the right row of `training`."""


def rows_of(shots: np.ndarray) -> np.ndarray:
    """Rows f64[n d] of the table from shots f32[n k d]: normalised sums of unit z."""
    return unit(unit(np.asarray(shots, np.float64)).sum(-2))


def nearest_row(z: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """i64[m]: the row [n d] nearest to each z [m d] in angle; ties take the first."""
    return (unit(np.asarray(z, np.float64)) @ unit(rows).T).argmax(1)


def kshot(
    z: np.ndarray,
    labels: np.ndarray,
    groups: np.ndarray | None = None,
    *,
    shots: Sequence[int] = (1, 5, 10),
    ways: int = 20,
    count: int = 500,
    queries: int = 1,
    seed: int = 0,
    within: np.ndarray | None = None,
) -> dict[str, list[dict[str, Any]]]:
    """Accuracy of `count` episodes for each number of shots.

    `z` f32[n d]; `labels` [n], `groups` [n] and `within` [n] as in `samplers.episodes`.
    Gives `{"shots": [{"k", "ways", "episodes", "n", "accuracy", "interval95"}]}`. The
    interval is bootstrapped over the alphabets where `within` is given, else over the
    true classes: more episodes do not narrow it, more classes do.
    """
    _check_finite(z)
    labels = np.asarray(labels)
    units = labels if within is None else np.asarray(within)
    table = []
    for k in shots:
        made = episodes(
            labels,
            ways=ways,
            shots=k,
            queries=queries,
            count=count,
            seed=seed,
            groups=groups,
            within=within,
        )
        right = np.concatenate([answers(z, each).ravel() for each in made])
        asked = np.concatenate([each.query.ravel() for each in made])
        table.append(
            {
                "k": k,
                "ways": ways,
                "episodes": count,
                "n": len(right),
                "accuracy": float(right.mean()),
                "interval95": list(bootstrap_interval(right, units[asked])),
            }
        )
    return {"shots": table}


def answers(z: np.ndarray, episode: Episode) -> np.ndarray:
    """bool[n q]: which queries of an episode are nearest to their own class's row."""
    ways, queries = episode.query.shape
    found = nearest_row(z[episode.query.ravel()], rows_of(z[episode.support]))
    return found.reshape(ways, queries) == np.arange(ways)[:, None]


def lake_error(runs: Sequence[RunEmbeddings]) -> dict[str, Any]:
    """Share of wrong answers over all trials of Lake's one-shot runs.

    `{"error", "n", "interval95", "per_run": [{"run", "error"}]}`; the interval is
    bootstrapped over runs. A test picture is answered by the nearest training picture.
    """
    if not runs:
        raise InputError("no run was given; give at least one")
    wrong, names = [], []
    for run in runs:
        _check_finite(run.training)
        _check_finite(run.test)
        wrong.append(nearest_row(run.test, run.training) != run.answer)
        names += [run.name] * len(run.answer)
    trials = np.concatenate(wrong)
    return {
        "error": float(trials.mean()),
        "n": len(trials),
        "interval95": list(bootstrap_interval(trials, names)),
        "per_run": [
            {"run": run.name, "error": float(each.mean())}
            for run, each in zip(runs, wrong, strict=True)
        ],
    }


def auroc(known: ArrayLike, novel: ArrayLike) -> float:
    """Chance that a known sample scores above a novel one; ties count half.

    The Mann-Whitney statistic, by ranks. Scores grow with familiarity: give distances
    negated.
    """
    known, novel = _scores(known, novel)
    novel = np.sort(novel)
    below, upto = (np.searchsorted(novel, known, side) for side in ("left", "right"))
    return float((below + upto).mean() / (2 * len(novel)))


def auroc_interval(
    known: ArrayLike,
    novel: ArrayLike,
    known_groups: ArrayLike,
    novel_groups: ArrayLike,
    *,
    draws: int = 1000,
    seed: int = 0,
) -> tuple[float, float]:
    """The 95 % interval of `auroc`, groups of either side drawn with replacement.

    Writers on one side, say, and symbols on the other; as in `bootstrap_interval`.
    """
    known, novel = _scores(known, novel)
    rows, row = np.unique(np.asarray(known_groups), return_inverse=True)
    columns, column = np.unique(np.asarray(novel_groups), return_inverse=True)
    won = np.empty((len(rows), len(columns)))
    for i in range(len(columns)):
        own = np.sort(novel[column == i])
        below, upto = (np.searchsorted(own, known, side) for side in ("left", "right"))
        won[:, i] = np.bincount(row, (below + upto) / 2)
    sizes, rng = (np.bincount(row), np.bincount(column)), np.random.default_rng(seed)
    areas = np.empty(draws)
    for i in range(draws):
        r, c = (
            np.bincount(rng.integers(len(n), size=len(n)), minlength=len(n))
            for n in sizes
        )
        areas[i] = (r @ won @ c) / ((r @ sizes[0]) * (c @ sizes[1]))
    low, high = np.quantile(areas, [0.025, 0.975])
    return float(low), float(high)


def fpr_at(known: ArrayLike, novel: ArrayLike, kept: float = 0.95) -> float:
    """Share of novel samples accepted by the highest threshold that keeps `kept`.

    A score at the threshold is accepted; scores as in `auroc`.
    """
    return float(accepted_at(known, novel, kept).mean())


def accepted_at(known: ArrayLike, novel: ArrayLike, kept: float = 0.95) -> np.ndarray:
    """bool[n]: which of the novel samples `fpr_at` counts."""
    known, novel = _scores(known, novel)
    needed = max(int(np.ceil(kept * len(known) - 1e-9)), 1)
    return novel >= np.sort(known)[-needed]


def kept_at(known: ArrayLike, novel: ArrayLike, rate: float) -> float:
    """Share of known samples kept where at most `rate` of the novel are accepted.

    The threshold lies at the best novel score to be refused, and equals are refused;
    scores as in `auroc`.
    """
    known, novel = _scores(known, novel)
    allowed = int(np.floor(rate * len(novel) + 1e-9))
    if allowed >= len(novel):
        return 1.0
    return float((known > np.sort(novel)[-1 - allowed]).mean())


def _scores(known: ArrayLike, novel: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    pair = np.asarray(known, np.float64), np.asarray(novel, np.float64)
    for name, values in zip(("known", "novel"), pair, strict=True):
        if not values.size or np.isnan(values).any():
            raise InputError(
                f"{values.size} scores of {name} samples were given, "
                f"{np.isnan(values).sum()} of them NaN; give at least one, and numbers"
            )
    return pair


def _check_finite(z: np.ndarray) -> None:
    bad = int((~np.isfinite(z).all(1)).sum())
    if bad:
        raise InputError(
            f"{bad} of {len(z)} embeddings are not finite; the model is damaged"
        )
