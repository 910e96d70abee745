"""How good are ranked answers: accuracies, twins, and intervals over groups."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from strokejax.types import InputError

TWINS = ("0oO", "1lI", "cC", "kK", "pP", "sS", "uU", "vV", "wW", "xX", "zZ")
"""Symbols that one isolated stroke, scaled to a common size, cannot tell apart."""

_FIRST_TWIN = {symbol: twins[0] for twins in TWINS for symbol in twins}


def merge_twins(names: ArrayLike) -> np.ndarray:
    """The same names, any shape, with each twin replaced by the first of its set."""
    found, where = np.unique(np.asarray(names, str), return_inverse=True)
    merged = np.array([_FIRST_TWIN.get(name, name) for name in found.tolist()], str)
    return merged[where].reshape(np.shape(names))


def top_k_accuracy(ranked: ArrayLike, truth: ArrayLike) -> float:
    """Fraction of rows of names `[n k]` that hold their true name `[n]`."""
    return float((np.asarray(ranked) == np.asarray(truth)[:, None]).any(1).mean())


def bootstrap_interval(
    correct: ArrayLike,
    groups: ArrayLike,
    *,
    weight: ArrayLike = 1.0,
    draws: int = 1000,
    seed: int = 0,
    level: float = 0.95,
) -> tuple[float, float]:
    """Percentile interval of the mean of `correct` [n], resampling whole groups [n].

    With a `weight` [n] it is the sum of `correct` over that of the weights.
    Samples of one writer resemble each other, so writers are drawn with replacement and
    all their samples follow (the randomized cluster bootstrap of Field and Welsh,
    "Bootstrapping clustered data", JRSS B 69, 2007). Groups that are all distinct give
    the ordinary bootstrap. A single group says nothing about others: then samples are
    drawn, and the interval holds for that group alone.
    """
    values = np.asarray(correct, np.float64)
    weight = np.broadcast_to(np.asarray(weight, np.float64), values.shape)
    if not values.size:
        raise InputError("an interval was asked of 0 samples; give at least one")
    names, member = np.unique(np.asarray(groups), return_inverse=True)
    if len(names) == 1:
        order = np.argsort(values, kind="stable")
        values, weight, member = values[order], weight[order], np.arange(len(values))
    sums, sizes = np.bincount(member, values), np.bincount(member, weight)
    rng = np.random.default_rng(seed)
    means = np.empty(draws)
    for i in range(draws):
        drawn = rng.integers(len(sums), size=len(sums))
        means[i] = sums[drawn].sum() / sizes[drawn].sum()
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def summary(
    ranked: Sequence[Sequence[str]] | np.ndarray,
    truth: Sequence[str] | np.ndarray,
    groups: Sequence[str] | np.ndarray,
    group_kind: str = "writer",
) -> dict[str, Any]:
    """The figures of an evaluation, ready for JSON; fractions are 0 to 1.

    `ranked` [n k] holds names, the nearest first, "" where there is no answer; `truth`
    and `groups` are [n]. "interval95" is that of top-1, bootstrapped over groups;
    "twins_merged" is top-1 with twins counted as one symbol. "worst_writers" lists up
    to five groups of lowest top-1, the larger first among equals.
    """
    ranked, truth, groups = (np.asarray(x, str) for x in (ranked, truth, groups))
    if not (ranked.size and len(truth) == len(ranked) == len(groups)):
        raise InputError(
            f"{len(ranked)} rows of answers, {len(truth)} labels and {len(groups)} "
            f"{group_kind}s were given; scoring needs as many of each, and at least one"
        )
    right = ranked[:, 0] == truth
    worst = sorted(
        ({"group": group, **score} for group, score in _by(groups, right).items()),
        key=lambda row: (row["top1"], -row["n"], row["group"]),
    )
    return {
        "n": len(truth),
        "top1": top_k_accuracy(ranked[:, :1], truth),
        "top3": top_k_accuracy(ranked[:, :3], truth),
        "top5": top_k_accuracy(ranked[:, :5], truth),
        "interval95": list(bootstrap_interval(right, groups)),
        "twins_merged": top_k_accuracy(merge_twins(ranked[:, :1]), merge_twins(truth)),
        "per_class": _by(truth, right),
        "worst_writers": worst[:5],
    }


def confusion_counts(truth: np.ndarray, answer: np.ndarray, classes: int) -> np.ndarray:
    """i64[c c]: how often class i was answered by class j; answer -1 counts nowhere."""
    counts = np.zeros((classes, classes), np.int64)
    np.add.at(counts, (truth[answer >= 0], answer[answer >= 0]), 1)
    return counts


def calibration_bins(
    probability: ArrayLike, right: ArrayLike, bins: int = 10
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean confidence f64[b], accuracy f64[b], count i64[b] in equal parts of 0 to 1.

    `probability` [n] is that of each first answer, `right` bool[n] whether it was the
    true one. An empty bin has NaN for both means.
    """
    chance = np.asarray(probability, np.float64)
    hit = np.asarray(right, np.float64)
    if not chance.size or chance.shape != hit.shape:
        raise InputError(
            f"{chance.size} probabilities were given for {hit.size} answers; "
            f"calibration needs one each, and at least one"
        )
    if not ((chance >= 0) & (chance <= 1)).all():
        raise InputError("a probability lies outside of 0 to 1; give none that does")
    member = np.minimum((chance * bins).astype(int), bins - 1)
    counts = np.bincount(member, minlength=bins)
    # An empty bin's sums are 0 too.
    sizes = np.where(counts, counts, np.nan)
    means = [np.bincount(member, x, minlength=bins) / sizes for x in (chance, hit)]
    return means[0], means[1], counts


def expected_calibration_error(
    probability: ArrayLike, right: ArrayLike, bins: int = 10
) -> float:
    """Mean of |accuracy - confidence| over bins, weighted by their counts, 0 to 1.

    Naeini, Cooper, Hauskrecht: Obtaining well calibrated probabilities using Bayesian
    binning, AAAI 2015.
    """
    confidence, accuracy, counts = calibration_bins(probability, right, bins)
    gaps = np.nan_to_num(np.abs(accuracy - confidence))
    return float((counts * gaps).sum() / counts.sum())


def calibration_interval(
    probability: ArrayLike,
    right: ArrayLike,
    groups: ArrayLike,
    *,
    bins: int = 10,
    draws: int = 1000,
    seed: int = 0,
) -> tuple[float, float]:
    """The 95 % interval of `expected_calibration_error`, bootstrapped over groups [n].

    As in `bootstrap_interval`. An error is a sum of absolute values, so few groups make
    the interval lie a little high.
    """
    chance = np.asarray(probability, np.float64)
    gap = np.asarray(right, np.float64) - chance
    names, group = np.unique(np.asarray(groups), return_inverse=True)
    sums = np.zeros((len(names), bins))
    member = np.minimum((chance * bins).astype(int), bins - 1)
    np.add.at(sums, (group, member), gap)
    sizes, rng = np.bincount(group), np.random.default_rng(seed)
    errors = np.empty(draws)
    for i in range(draws):
        drawn = rng.integers(len(sizes), size=len(sizes))
        errors[i] = np.abs(sums[drawn].sum(0)).sum() / sizes[drawn].sum()
    low, high = np.quantile(errors, [0.025, 0.975])
    return float(low), float(high)


def margins(z: np.ndarray, truth: np.ndarray, answer: np.ndarray) -> np.ndarray:
    """How far z f32[n d] lies on the side of a wrong answer, f64[n], -2 to 2.

    The cosine to the mean of the answered class less that to the mean of the true one;
    -2 where z is not finite or there is no answer (-1).
    """
    known = np.isfinite(z).all(1) & (answer >= 0)
    unit = _normalise(np.where(known[:, None], z, 0).astype(np.float64))
    means = np.zeros((max(truth.max(), answer.max()) + 1, z.shape[1]))
    np.add.at(means, truth, unit)
    apart = _normalise(means)[answer] - _normalise(means)[truth]
    return np.where(known, (unit * apart).sum(1), -2.0)


def _normalise(x: np.ndarray) -> np.ndarray:
    return x / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-12)


def _by(keys: np.ndarray, right: np.ndarray) -> dict[str, dict[str, Any]]:
    """Count and top-1 for each distinct key."""
    names, member = np.unique(keys, return_inverse=True)
    sizes = np.bincount(member)
    top1 = np.bincount(member, right) / sizes
    return {
        name: {"n": n, "top1": fraction}
        for name, n, fraction in zip(
            names.tolist(), sizes.tolist(), top1.tolist(), strict=True
        )
    }
