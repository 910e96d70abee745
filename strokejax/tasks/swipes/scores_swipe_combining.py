"""Predictions of several models made one."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from strokejax.types import InputError


class Combined(NamedTuple):
    """Answers, and what is told about them."""

    results: list[dict[str, Any]]
    told: str


def combined(files: Sequence[str], labelled: str | None, by: str) -> Combined:
    """The ensemble of tables of one set of swipes.

    With `labelled`, swipes whose words are known, weights and order are those that suit
    the tables of these best, and the answers are of the other set, if there is one.
    Without, all count alike, in the order of the files.
    """
    from strokejax.tasks.swipes.data import read_swipes
    from strokejax.tasks.swipes.scores import (
        appended,
        as_results,
        by_split,
        digest,
        fit,
        merged,
        read_table,
        weighted,
    )

    splits = by_split(merged([(name, read_table(name)) for name in files]))
    fitted = digest(Path(labelled).read_bytes()) if labelled else ""
    wanted = [split for split in splits if split != fitted] or [fitted]
    if len(wanted) > 1:
        raise InputError(
            f"The tables are of {len(splits)} sets of swipes; give those of one, and "
            f"with --fit those of its file."
        )
    tables = splits[wanted[0]]
    _check_same(tables)
    weights = np.full(len(tables), 1 / len(tables))
    order = [*range(len(tables))]
    if labelled:
        known = splits.get(fitted, {})
        missing = [table.name for key, table in tables.items() if key not in known]
        if missing:
            raise InputError(
                f"There is no table of {labelled} by the predictor {missing[0]}; make "
                f"it with `strokejax swipe type {labelled} --table OUT`."
            )
        _check_same(known)
        own = [known[key] for key in tables]
        swipes = read_swipes(labelled)
        truth = [getattr(swipes[i], "word", "") for i in sorted(own[0].rows)]
        order, weights = fit(own, truth)
    each = [*tables.values()]
    rows = appended(each, order) if by == "append" else weighted(each, weights)
    told = ", ".join(
        f"{each[i].name} {weights[i]:.2f}" if by == "weighted" else each[i].name
        for i in order
    )
    return Combined(as_results(rows), f"strokejax: {len(each)} predictors: {told}")


def _check_same(tables: dict) -> None:
    """All tables have the same swipes."""
    first, *others = tables.values()
    for other in others:
        if odd := {*first.rows} ^ {*other.rows}:
            raise InputError(
                f"The tables of {first.name} and {other.name} differ in "
                f"{len(odd):,} swipes, {min(odd)} among them; give the missing parts."
            )
