"""Scores of ranked answers: accuracy, calibration, and intervals over groups."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from strokejax.types import InputError

TWINS = ("0oO", "1lI", "cC", "kK", "pP", "sS", "uU", "vV", "wW", "xX", "zZ")
"""Sets of symbols that a single stroke, scaled to a common size, cannot tell apart."""

_FIRST_TWIN = {symbol: twins[0] for twins in TWINS for symbol in twins}


# Accuracy, and the interval of any mean.


def merge_twins(names: ArrayLike) -> np.ndarray:
    """The names, of any shape, with each twin replaced by the first of its set."""
    unique, inverse = np.unique(np.asarray(names, str), return_inverse=True)
    merged = np.array([_FIRST_TWIN.get(name, name) for name in unique.tolist()], str)
    return merged[inverse].reshape(np.shape(names))


def top_k_accuracy(ranked: ArrayLike, truth: ArrayLike) -> float:
    """Fraction of the rows of names [n k] that contain their true name [n]."""
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

    With `weight` [n], the mean is the sum of `correct` over the sum of the weights.
    Samples of one writer resemble each other, so writers are drawn with replacement
    and all their samples follow. Groups of one sample each give the ordinary bootstrap.
    With a single group, samples are drawn, and the interval holds for that group alone.
    InputError for no samples.

    C. A. Field and A. H. Welsh, "Bootstrapping clustered data", JRSS B 69, 2007 (the
    randomized cluster bootstrap).
    """
    values = np.asarray(correct, np.float64)
    weight = np.broadcast_to(np.asarray(weight, np.float64), values.shape)
    if not values.size:
        raise InputError(
            "An interval needs samples, but there are 0; give at least one."
        )
    names, member = np.unique(np.asarray(groups), return_inverse=True)
    if len(names) == 1:
        # Sorted, so that the interval does not depend on the order of the samples.
        order = np.argsort(values, kind="stable")
        values, weight, member = values[order], weight[order], np.arange(len(values))
    # A group enters a mean by its sum and its weight alone.
    sums, sizes = np.bincount(member, values), np.bincount(member, weight)

    def mean(drawn: np.ndarray) -> float:
        return sums[drawn].sum() / sizes[drawn].sum()

    return cluster_bootstrap(mean, len(sums), draws=draws, seed=seed, level=level)


def cluster_bootstrap(
    statistic: Callable[..., float],
    *counts: int,
    draws: int = 1000,
    seed: int = 0,
    level: float = 0.95,
) -> tuple[float, float]:
    """Percentile interval of a statistic of groups drawn with replacement.

    `counts` are the numbers of groups, one for each set of groups; `statistic` takes
    the indices i64[count] that were drawn of each.
    """
    rng = np.random.default_rng(seed)
    values = [
        statistic(*(rng.integers(count, size=count) for count in counts))
        for _ in range(draws)
    ]
    low, high = np.quantile(values, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def summary(
    ranked: Sequence[Sequence[str]] | np.ndarray,
    truth: Sequence[str] | np.ndarray,
    groups: Sequence[str] | np.ndarray,
    group_kind: str = "writer",
) -> dict[str, Any]:
    """The scores of an evaluation, ready for JSON; fractions are 0 to 1.

    `ranked` [n k] holds names, the nearest first, "" for a missing answer; `truth` and
    `groups` are [n]. "interval95" is the interval of top-1, bootstrapped over groups;
    "twins_merged" is top-1 with twins counted as one symbol. "worst_writers" lists up
    to five groups of lowest top-1, the larger first among equals. InputError for
    lengths that differ or are 0.
    """
    ranked, truth, groups = (np.asarray(x, str) for x in (ranked, truth, groups))
    if not (ranked.size and len(truth) == len(ranked) == len(groups)):
        raise InputError(
            f"There are {len(ranked)} rows of answers, {len(truth)} labels and "
            f"{len(groups)} {group_kind}s; give as many of each, at least one."
        )
    right = ranked[:, 0] == truth
    worst = sorted(
        ({"group": group, **score} for group, score in _by_key(groups, right).items()),
        key=lambda row: (row["top1"], -row["n"], row["group"]),
    )
    return {
        "n": len(truth),
        "top1": top_k_accuracy(ranked[:, :1], truth),
        "top3": top_k_accuracy(ranked[:, :3], truth),
        "top5": top_k_accuracy(ranked[:, :5], truth),
        "interval95": list(bootstrap_interval(right, groups)),
        "twins_merged": top_k_accuracy(merge_twins(ranked[:, :1]), merge_twins(truth)),
        "per_class": _by_key(truth, right),
        "worst_writers": worst[:5],
    }


def _by_key(keys: np.ndarray, right: np.ndarray) -> dict[str, dict[str, Any]]:
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


# Mistakes.


def confusion_counts(truth: np.ndarray, answer: np.ndarray, classes: int) -> np.ndarray:
    """i64[c c]: number of samples of class i answered as class j.

    A missing answer, -1, is not counted.
    """
    counts = np.zeros((classes, classes), np.int64)
    np.add.at(counts, (truth[answer >= 0], answer[answer >= 0]), 1)
    return counts


def margins(z: np.ndarray, truth: np.ndarray, answer: np.ndarray) -> np.ndarray:
    """Severity of wrong answers, f64[n], -2 to 2, from the embeddings z f32[n d].

    The cosine of z to the answered class's mean minus that to the true class's mean;
    -2 if z is not finite or there is no answer (-1).
    """
    valid = np.isfinite(z).all(1) & (answer >= 0)
    unit = _normalise(np.where(valid[:, None], z, 0).astype(np.float64))
    means = np.zeros((max(truth.max(), answer.max()) + 1, z.shape[1]))
    # Sums instead of means: normalised, they are equal.
    np.add.at(means, truth, unit)
    direction = _normalise(means)[answer] - _normalise(means)[truth]
    return np.where(valid, (unit * direction).sum(1), -2.0)


def _normalise(x: np.ndarray) -> np.ndarray:
    return x / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-12)


# Calibration.


def calibration_bins(
    probability: ArrayLike, right: ArrayLike, bins: int = 10
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean confidence f64[b], accuracy f64[b] and count i64[b] in equal bins of 0 to 1.

    `probability` [n] is that of each first answer; `right` bool[n] tells whether it was
    correct. An empty bin has NaN for both means. InputError for lengths that differ or
    are 0, and for probabilities outside 0 to 1.
    """
    confidence = np.asarray(probability, np.float64)
    correct = np.asarray(right, np.float64)
    if not confidence.size or confidence.shape != correct.shape:
        raise InputError(
            f"There are {confidence.size} probabilities for {correct.size} answers; "
            f"give one an answer, and at least one."
        )
    outside = int((~((confidence >= 0) & (confidence <= 1))).sum())
    if outside:
        raise InputError(
            f"{outside} of {confidence.size} probabilities are outside 0 to 1; give "
            f"numbers from 0 to 1."
        )
    member = np.minimum((confidence * bins).astype(int), bins - 1)
    counts = np.bincount(member, minlength=bins)
    # An empty bin's sums are 0; a size of NaN makes its means NaN.
    sizes = np.where(counts, counts, np.nan)
    means = [
        np.bincount(member, values, minlength=bins) / sizes
        for values in (confidence, correct)
    ]
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

    As in `bootstrap_interval`. The error is a sum of absolute values, so with few
    groups the interval lies slightly too high.
    """
    confidence = np.asarray(probability, np.float64)
    gap = np.asarray(right, np.float64) - confidence
    names, group = np.unique(np.asarray(groups), return_inverse=True)
    # Within a bin gaps add up, so a group's sums stand for all its samples.
    sums = np.zeros((len(names), bins))
    member = np.minimum((confidence * bins).astype(int), bins - 1)
    np.add.at(sums, (group, member), gap)
    sizes = np.bincount(group)

    def error(drawn: np.ndarray) -> float:
        return float(np.abs(sums[drawn].sum(0)).sum() / sizes[drawn].sum())

    return cluster_bootstrap(error, len(sizes), draws=draws, seed=seed)
