"""Few-shot and open-set evaluation of embeddings.

k shots of a class become one row of the table, and queries are assigned to the nearest
row. Open-set scores measure how well a score separates known from novel samples.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from strokejax.evaluation.episodes import Episode, episodes
from strokejax.evaluation.scores import bootstrap_interval, cluster_bootstrap
from strokejax.table.table import unit
from strokejax.types import InputError

# Few-shot classification.


class RunEmbeddings(NamedTuple):
    """The embeddings of one of Lake's one-shot runs."""

    name: str
    training: np.ndarray
    """f32[n d]: one example a class."""
    test: np.ndarray
    """f32[m d]"""
    answer: np.ndarray
    """i32[m]: the row of `training` of the same class."""


def rows_of(shots: np.ndarray) -> np.ndarray:
    """Table rows f64[n d] of shots f32[n k d]: normalised sums of normalised z."""
    return unit(unit(np.asarray(shots, np.float64)).sum(-2))


def nearest_row(z: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """i64[m]: the row [n d] nearest to each z [m d] in angle; the first of equals."""
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
    """Accuracy over `count` episodes for each number of shots.

    `z` is f32[n d]; `labels`, `groups` and `within` [n] are as in `episodes`. Returns
    `{"shots": [{"k", "ways", "episodes", "n", "accuracy", "interval95"}]}`. The
    interval is bootstrapped over the alphabets if `within` is set, else over the true
    classes, so that more classes narrow it, but more episodes do not.
    """
    _check_finite(z)
    labels = np.asarray(labels)
    units = labels if within is None else np.asarray(within)
    table = []
    for k in shots:
        sampled = episodes(
            labels,
            ways=ways,
            shots=k,
            queries=queries,
            count=count,
            seed=seed,
            groups=groups,
            within=within,
        )
        right = np.concatenate([queries_correct(z, e).ravel() for e in sampled])
        query = np.concatenate([episode.query.ravel() for episode in sampled])
        table.append(
            {
                "k": k,
                "ways": ways,
                "episodes": count,
                "n": len(right),
                "accuracy": float(right.mean()),
                "interval95": list(bootstrap_interval(right, units[query])),
            }
        )
    return {"shots": table}


def queries_correct(z: np.ndarray, episode: Episode) -> np.ndarray:
    """bool[n q]: whether each query is nearest to the row of its own class."""
    ways, queries = episode.query.shape
    row = nearest_row(z[episode.query.ravel()], rows_of(z[episode.support]))
    return row.reshape(ways, queries) == np.arange(ways)[:, None]


def lake_error(runs: Sequence[RunEmbeddings]) -> dict[str, Any]:
    """Error rate over all trials of Lake's one-shot runs.

    Each test picture is assigned to the nearest training picture. Returns `{"error",
    "n", "interval95", "per_run": [{"run", "error"}]}`; the interval is bootstrapped
    over runs.
    """
    if not runs:
        raise InputError("There are no runs; give at least one.")
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
            {"run": run.name, "error": float(errors.mean())}
            for run, errors in zip(runs, wrong, strict=True)
        ],
    }


# Open-set recognition: scores of known and novel samples. A score is high for what is
# familiar, so distances are passed negated.


def auroc(known: ArrayLike, novel: ArrayLike) -> float:
    """Area under the ROC curve, by ranks (the Mann-Whitney statistic).

    The probability that a known sample scores above a novel one; ties count half.
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
    """The 95 % interval of `auroc`, bootstrapped over the groups of both sides.

    Each side has groups of its own, such as writers of the known and classes of the
    novel samples; see `bootstrap_interval`.
    """
    known, novel = _scores(known, novel)
    rows, row = np.unique(np.asarray(known_groups), return_inverse=True)
    columns, column = np.unique(np.asarray(novel_groups), return_inverse=True)
    # wins[i, j] counts the ordered pairs of known group i and novel group j.
    wins = np.empty((len(rows), len(columns)))
    for i in range(len(columns)):
        group = np.sort(novel[column == i])
        below, upto = (
            np.searchsorted(group, known, side) for side in ("left", "right")
        )
        wins[:, i] = np.bincount(row, (below + upto) / 2)
    known_sizes, novel_sizes = np.bincount(row), np.bincount(column)

    def area(*drawn: np.ndarray) -> float:
        # How often each group was drawn weights its pairs.
        r, c = (np.bincount(d, minlength=len(d)) for d in drawn)
        return float((r @ wins @ c) / ((r @ known_sizes) * (c @ novel_sizes)))

    return cluster_bootstrap(area, len(rows), len(columns), draws=draws, seed=seed)


def fpr_at(known: ArrayLike, novel: ArrayLike, tpr: float = 0.95) -> float:
    """False-accept rate on novel samples at a true-accept rate of `tpr` or more.

    The threshold is the highest that accepts the share `tpr` of the known samples;
    scores equal to it are accepted.
    """
    return float(accepted_at(known, novel, tpr).mean())


def accepted_at(known: ArrayLike, novel: ArrayLike, tpr: float = 0.95) -> np.ndarray:
    """bool[n]: whether each novel sample is accepted at the threshold of `fpr_at`."""
    known, novel = _scores(known, novel)
    # The product may lie a rounding error above a whole number of samples.
    needed = max(int(np.ceil(tpr * len(known) - 1e-9)), 1)
    return novel >= np.sort(known)[-needed]


def tpr_at(known: ArrayLike, novel: ArrayLike, fpr: float) -> float:
    """True-accept rate on known samples at a false-accept rate of `fpr` or less.

    The threshold is the highest score of a novel sample that must be rejected; scores
    equal to it are rejected.
    """
    known, novel = _scores(known, novel)
    allowed = int(np.floor(fpr * len(novel) + 1e-9))
    if allowed >= len(novel):
        return 1.0
    return float((known > np.sort(novel)[-1 - allowed]).mean())


# Arguments.


def _scores(known: ArrayLike, novel: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    pair = np.asarray(known, np.float64), np.asarray(novel, np.float64)
    for name, values in zip(("known", "novel"), pair, strict=True):
        if not values.size or np.isnan(values).any():
            raise InputError(
                f"There are {values.size} scores of {name} samples, "
                f"{np.isnan(values).sum()} of them NaN; give at least one, and no NaN."
            )
    return pair


def _check_finite(z: np.ndarray) -> None:
    bad = int((~np.isfinite(z).all(1)).sum())
    if bad:
        raise InputError(
            f"{bad} of {len(z)} embeddings are not finite, so the model is damaged; "
            f"use another one."
        )
