"""Seeded samplers: few-shot episodes, splits of each writer's samples, open sets.

Pure functions of labels and groups. They return indices and never read a sample.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from strokejax.types import InputError


class Episode(NamedTuple):
    """An N-way k-shot task: learn n classes from the support set, name the query."""

    classes: np.ndarray
    """i64[n]: labels."""
    support: np.ndarray
    """i64[n k]: indices of samples; row i is of class i."""
    query: np.ndarray
    """i64[n q]: indices of other samples of the same classes."""


class WriterSplit(NamedTuple):
    """The samples of one writer: a support set of k shots a class, the rest query."""

    group: str
    classes: np.ndarray
    """i64[n]: labels with at least k + 1 samples of this writer."""
    support: np.ndarray
    """i64[n k]: indices of samples."""
    query: np.ndarray
    """i64[m]: indices of all other samples of these classes."""


# Few-shot episodes.


def episodes(
    labels: np.ndarray,
    *,
    ways: int,
    shots: int,
    queries: int,
    count: int,
    seed: int = 0,
    groups: np.ndarray | None = None,
    within: np.ndarray | None = None,
) -> list[Episode]:
    """`count` episodes of `ways` classes with `shots` and `queries` samples of each.

    With `groups` [n] (writers, drawers), no group is in both support and query of a
    class, and all classes of an episode rank the groups alike. With `within` [n]
    (alphabets), all classes of an episode are of one alphabet, each equally likely.
    Classes with too few samples, or too few in other groups, are left out. Episode i
    depends on the seed and i alone. InputError if fewer than `ways` classes remain.
    """
    _check_positive(ways=ways, shots=shots, queries=queries, count=count)
    labels = np.asarray(labels)
    _, group = np.unique(_column(groups, labels), return_inverse=True)
    members = {int(c): np.flatnonzero(labels == c) for c in np.unique(labels)}
    # The group of the last shot may not be queried, so its other samples are unusable.
    # In the worst order it is the largest group and gives one shot.
    unusable = {
        c: np.unique(group[m], return_counts=True)[1].max() - 1
        for c, m in members.items()
    }
    usable = [c for c, m in members.items() if len(m) >= shots + queries + unusable[c]]
    pools = _pools(usable, members, within, labels)
    large = [pool for pool in pools if len(pool) >= ways]
    if not large:
        place = "" if within is None else " of one alphabet"
        raise InputError(
            f"{max(map(len, pools), default=0)} of {len(members)} classes{place} have "
            f"the samples for {shots} shots and {queries} queries, too few for {ways} "
            f"ways; ask for fewer ways or shots."
        )
    sampled = []
    for i in range(count):
        rng = np.random.default_rng([seed, i])
        pool = large[rng.integers(len(large))]
        classes = rng.permutation(pool)[:ways]
        rank = rng.permutation(group.max() + 1)[group]
        parts = [
            _support_query(rng, members[c], rank, shots, queries)
            for c in classes.tolist()
        ]
        support, query = (np.stack(part) for part in zip(*parts, strict=True))
        sampled.append(Episode(classes, support, query))
    return sampled


def _pools(
    usable: list[int],
    members: dict[int, np.ndarray],
    within: np.ndarray | None,
    labels: np.ndarray,
) -> list[list[int]]:
    """The usable classes, grouped by alphabet if `within` names alphabets."""
    if within is None:
        return [usable]
    alphabet = _column(within, labels)
    pools: dict[str, list[int]] = {}
    for c in usable:
        names = np.unique(alphabet[members[c]])
        if len(names) > 1:
            raise InputError(
                f"Class {c} lies in {len(names)} alphabets ({names[0]}, {names[1]}); "
                f"give each alphabet its own classes."
            )
        pools.setdefault(str(names[0]), []).append(c)
    return [pools[name] for name in sorted(pools)]


def _support_query(
    rng: np.random.Generator,
    members: np.ndarray,
    rank: np.ndarray,
    shots: int,
    queries: int,
) -> tuple[np.ndarray, np.ndarray]:
    """Support and query of one class; groups of low rank give the support."""
    order = rng.permutation(members)
    order = order[np.argsort(rank[order], kind="stable")]
    border = rank[order[shots - 1]]
    return order[:shots], rng.permutation(order[rank[order] > border])[:queries]


# The samples of each writer.


def within_writer(
    labels: np.ndarray, groups: np.ndarray, shots: int, seed: int = 0
) -> list[WriterSplit]:
    """A split of each writer's samples, writers in the order of their names.

    Of every class with at least `shots` + 1 samples of the writer, `shots` random ones
    are support and the others query; writers without such a class are left out.
    """
    _check_positive(shots=shots)
    labels, groups = np.asarray(labels), _column(groups, np.asarray(labels))
    splits = []
    for i, name in enumerate(np.unique(groups)):
        rng = np.random.default_rng([seed, i])
        samples = np.flatnonzero(groups == name)
        present, sizes = np.unique(labels[samples], return_counts=True)
        classes = present[sizes > shots]
        if not len(classes):
            continue
        shuffled = [rng.permutation(samples[labels[samples] == c]) for c in classes]
        support = np.stack([order[:shots] for order in shuffled])
        query = np.concatenate([order[shots:] for order in shuffled])
        splits.append(WriterSplit(str(name), classes, support, query))
    if not splits:
        raise InputError(
            f"No writer has {shots + 1} samples of one class; ask for fewer shots."
        )
    return splits


# Classes left out of a table, as an open set.


def open_set_draws(
    symbols: Sequence[str],
    twins: Sequence[str],
    *,
    count: int = 20,
    classes: int = 10,
    seed: int = 0,
    apart: bool = False,
) -> list[tuple[str, ...]]:
    """`count` random sets of `classes` novel symbols, in the order of `symbols`.

    Twins (`scores.TWINS`) are drawn together or not at all: a model that knows `o`
    cannot reject `0`. With `apart`, symbols with a twin in `symbols` are never drawn.
    """
    _check_positive(count=count, classes=classes)
    sets = [[s for s in symbols if s in set(names)] for names in twins]
    paired = {symbol for names in sets if len(names) > 1 for symbol in names}
    units = [[symbol] for symbol in symbols if symbol not in paired]
    if not apart:
        units += [names for names in sets if len(names) > 1]
    draws = []
    for i in range(count):
        drawn = _draw_units(np.random.default_rng([seed, i]), units, classes)
        draws.append(tuple(symbol for symbol in symbols if symbol in drawn))
    return draws


def _draw_units(
    rng: np.random.Generator, units: list[list[str]], size: int
) -> set[str]:
    """Units in random order, each drawn if it fits, until exactly `size` symbols."""
    drawn: set[str] = set()
    for i in rng.permutation(len(units)):
        if len(drawn) + len(units[i]) <= size:
            drawn.update(units[i])
    if len(drawn) < size:
        raise InputError(
            f"{size} classes cannot be drawn from {sum(map(len, units))} symbols with "
            f"their twins; ask for fewer."
        )
    return drawn


# Arguments.


def _column(values: np.ndarray | None, labels: np.ndarray) -> np.ndarray:
    """One group a sample; without groups, each sample is a group of its own."""
    if values is None:
        return np.arange(len(labels))
    values = np.asarray(values)
    if len(values) != len(labels):
        raise InputError(
            f"There are {len(values)} groups for {len(labels)} labels; give one group "
            f"a label."
        )
    return values


def _check_positive(**numbers: int) -> None:
    for name, number in numbers.items():
        if number < 1:
            raise InputError(f"{name} is {number}; ask for 1 or more.")
