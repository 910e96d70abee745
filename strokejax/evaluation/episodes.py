"""Seeded choices of samples: episodes, a writer's own, open sets.

Pure functions of labels and groups; they give indices, and never look at a sample.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from strokejax.types import InputError


class Episode(NamedTuple):
    """A task of N ways: learn classes from their support, then name the query."""

    classes: np.ndarray
    """i64[n]: labels."""
    support: np.ndarray
    """i64[n k]: indices of samples; row i shows class i."""
    query: np.ndarray
    """i64[n q]: others of the same classes."""


class Personal(NamedTuple):
    """The samples of one writer: some to learn from, the rest to be named."""

    group: str
    classes: np.ndarray
    """i64[n]: labels with at least k + 1 samples of this writer."""
    support: np.ndarray
    """i64[n k]: indices of samples."""
    query: np.ndarray
    """i64[m]: indices of all the rest of these classes."""


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
    """`count` episodes of `ways` classes, `shots` and `queries` samples of each.

    With `groups` [n] (writers, drawers) no group gives both support and query of a
    class, and one order of groups serves all classes of an episode. With `within` [n]
    (alphabets) all classes of an episode come from one of its values, each as likely.
    Classes with too few samples, or too few in other groups, are left out. Episode i
    depends on the seed and on i alone. InputError where fewer than `ways` remain.
    """
    _positive(ways=ways, shots=shots, queries=queries, count=count)
    labels = np.asarray(labels)
    _, group = np.unique(_column(groups, labels), return_inverse=True)
    members = {int(c): np.flatnonzero(labels == c) for c in np.unique(labels)}
    # Whichever groups come first: all of the last one's samples may be lost.
    spare = {
        c: np.unique(group[m], return_counts=True)[1].max() - 1
        for c, m in members.items()
    }
    usable = [c for c, m in members.items() if len(m) >= shots + queries + spare[c]]
    pools = _pools(usable, members, within, labels)
    large = [pool for pool in pools if len(pool) >= ways]
    if not large:
        place = "" if within is None else " of one alphabet"
        raise InputError(
            f"{max(map(len, pools), default=0)} of {len(members)} classes{place} have "
            f"the samples for {shots} shots and {queries} queries, too few for {ways} "
            f"ways; ask for fewer ways or shots."
        )
    made = []
    for i in range(count):
        rng = np.random.default_rng([seed, i])
        pool = large[rng.integers(len(large))]
        classes = rng.permutation(pool)[:ways]
        rank = rng.permutation(group.max() + 1)[group]
        parts = [_part(rng, members[c], rank, shots, queries) for c in classes.tolist()]
        support, query = (np.stack(part) for part in zip(*parts, strict=True))
        made.append(Episode(classes, support, query))
    return made


def within_writer(
    labels: np.ndarray, groups: np.ndarray, shots: int, seed: int = 0
) -> list[Personal]:
    """Each writer's samples as shots and queries, writers in the order of their names.

    Of the classes with at least `shots` + 1 samples of a writer, `shots` random ones
    are support and all others are query; writers without such a class are left out.
    """
    _positive(shots=shots)
    labels, groups = np.asarray(labels), _column(groups, np.asarray(labels))
    made = []
    for i, name in enumerate(np.unique(groups)):
        rng = np.random.default_rng([seed, i])
        mine = np.flatnonzero(groups == name)
        found, sizes = np.unique(labels[mine], return_counts=True)
        classes = found[sizes > shots]
        if not len(classes):
            continue
        drawn = [rng.permutation(mine[labels[mine] == c]) for c in classes]
        support = np.stack([each[:shots] for each in drawn])
        query = np.concatenate([each[shots:] for each in drawn])
        made.append(Personal(str(name), classes, support, query))
    if not made:
        raise InputError(
            f"No writer has {shots + 1} samples of one class; ask for fewer shots."
        )
    return made


def open_set_draws(
    symbols: Sequence[str],
    twins: Sequence[str],
    *,
    count: int = 20,
    classes: int = 10,
    seed: int = 0,
    apart: bool = False,
) -> list[tuple[str, ...]]:
    """`count` draws of the classes that a model shall not know, in `symbols`' order.

    Symbols of one twin set (`scores.TWINS`) are drawn together or not at all, since who
    knows `o` cannot reject `0`; with `apart` none that has a twin here is drawn.
    """
    _positive(count=count, classes=classes)
    sets = [[s for s in symbols if s in set(each)] for each in twins]
    paired = {symbol for each in sets if len(each) > 1 for symbol in each}
    units = [[symbol] for symbol in symbols if symbol not in paired]
    if not apart:
        units += [each for each in sets if len(each) > 1]
    draws = []
    for i in range(count):
        drawn = _fill(np.random.default_rng([seed, i]), units, classes)
        draws.append(tuple(symbol for symbol in symbols if symbol in drawn))
    return draws


def _fill(rng: np.random.Generator, units: list[list[str]], size: int) -> set[str]:
    """Units in random order, each taken if it fits, until exactly `size` symbols."""
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


def _pools(
    usable: list[int],
    members: dict[int, np.ndarray],
    within: np.ndarray | None,
    labels: np.ndarray,
) -> list[list[int]]:
    """The usable classes, by alphabet where one is given."""
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


def _part(
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


def _column(values: np.ndarray | None, labels: np.ndarray) -> np.ndarray:
    """One group a sample; without groups each sample is its own."""
    if values is None:
        return np.arange(len(labels))
    values = np.asarray(values)
    if len(values) != len(labels):
        raise InputError(
            f"{len(values)} groups were given for {len(labels)} labels; give one each."
        )
    return values


def _positive(**numbers: int) -> None:
    for name, number in numbers.items():
        if number < 1:
            raise InputError(f"{name} is {number}; ask for 1 or more.")
