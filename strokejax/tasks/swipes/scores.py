"""Tables of predictions: who predicted what of which swipes; merged and combined."""

import hashlib
import itertools
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from strokejax.files import write_atomically
from strokejax.ink.limits import decode_text, read_bytes
from strokejax.tasks.swipes.scores_swipe_scores import swipe_scores
from strokejax.types import InputError

KIND = "strokejax swipe predictions"
MAX_BYTES = 1 << 30
STEPS = 10
"""Weights of an ensemble are multiples of 1 over this."""

Row = tuple[tuple[str, ...], tuple[float, ...]]


class Table(NamedTuple):
    """What one predictor said of one set of swipes."""

    predictor: tuple[tuple[str, str], ...]
    """Model, weights, decoder with all its arguments, layout, words; sorted."""
    split: str
    """Digest of the swipes."""
    rows: Mapping[int, Row]
    """Words and scores, best first, by the number of the swipe."""

    @property
    def name(self) -> str:
        """A short name, of its identity."""
        text = json.dumps(self.predictor)
        return hashlib.sha256(text.encode()).hexdigest()[:8]


def digest(data: bytes) -> str:
    """What tells contents apart."""
    return hashlib.sha256(data).hexdigest()[:16]


def write_table(path: Path, table: Table) -> None:
    """A table as JSON lines: its identity, then its rows; whole or not at all."""
    head = {"kind": KIND, "predictor": dict(table.predictor), "split": table.split}
    rows = [
        {"index": i, "words": words, "scores": [round(s, 6) for s in scores]}
        for i, (words, scores) in sorted(table.rows.items())
    ]
    lines = (json.dumps(each, ensure_ascii=False) for each in [head, *rows])
    write_atomically(path, "\n".join([*lines, ""]).encode())


def read_table(path: str | Path) -> Table:
    """A table that was written; InputError for what is none."""
    lines = decode_text(read_bytes(path, MAX_BYTES), str(path)).splitlines()
    try:
        head, *rows = [json.loads(line) for line in lines if line.strip()]
        if head["kind"] != KIND:
            raise KeyError("kind")
        found = {
            int(row["index"]): (
                tuple(map(str, row["words"])),
                tuple(map(float, row["scores"])),
            )
            for row in rows
        }
        named = tuple(sorted((str(k), str(v)) for k, v in head["predictor"].items()))
        return Table(named, str(head["split"]), found)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(
            f"{path} is no table of predictions ({type(error).__name__}); make one "
            f"with `strokejax swipe type FILE --table OUT`."
        ) from None


def merged(tables: Sequence[tuple[str, Table]]) -> list[Table]:
    """Parts of one predictor and split joined; InputError names a conflict."""
    found: dict[tuple, tuple[str, dict[int, Row]]] = {}
    for name, table in tables:
        first, rows = found.setdefault((table.predictor, table.split), (name, {}))
        for i, row in table.rows.items():
            if rows.setdefault(i, row) != row:
                raise InputError(
                    f"{first} and {name} are of one predictor ({table.name}) and "
                    f"differ on swipe {i}: {rows[i][0][:1]} and {row[0][:1]}; leave "
                    f"one out."
                )
    return [
        Table(who, of, dict(sorted(rows.items())))
        for (who, of), (_, rows) in found.items()
    ]


def by_split(tables: Sequence[Table]) -> dict[str, dict[tuple, Table]]:
    """Tables of each set of swipes by their predictor."""
    found: dict[str, dict[tuple, Table]] = {}
    for table in tables:
        found.setdefault(table.split, {})[table.predictor] = table
    return found


def fit(tables: Sequence[Table], truth: Sequence[str]) -> tuple[list[int], np.ndarray]:
    """`(order, weights)`: predictors by their MRR, and the best weights of a mean.

    All weights of a grid are tried for up to three predictors; of more, the best single
    steps from the best predictor on. Ties go to the first.
    """
    score = [mrr([table.rows[i][0] for i in table.rows], truth) for table in tables]
    order = sorted(range(len(tables)), key=lambda i: -score[i])
    count = len(tables)

    def gained(weights: np.ndarray) -> float:
        return mrr([row[0] for row in weighted(tables, weights).values()], truth)

    if count <= 3:
        grid = [
            np.array(w) / STEPS
            for w in itertools.product(range(STEPS + 1), repeat=count)
            if sum(w) == STEPS
        ]
        return order, max(grid, key=gained)
    weights = np.eye(count)[order[0]]
    while True:
        tried = [
            (1 - 1 / STEPS) * weights + np.eye(count)[i] / STEPS for i in range(count)
        ]
        best = max(tried, key=gained)
        if gained(best) <= gained(weights):
            return order, weights
        weights = best


def mrr(words: Sequence[Sequence[str]], truth: Sequence[str]) -> float:
    """The mean gain of `swipe_scores`."""
    return swipe_scores(words, truth)["mrr"]


def weighted(tables: Sequence[Table], weights: np.ndarray) -> dict[int, Row]:
    """The weighted mean of what tables hold probable, word by word.

    A table's scores become probabilities of its own words (softmax).
    """
    found: dict[int, Row] = {}
    for i in sorted(tables[0].rows):
        total: dict[str, float] = {}
        for table, weight in zip(tables, weights.tolist(), strict=True):
            words, scores = table.rows[i]
            p = np.exp(np.array(scores) - max(scores, default=0.0))
            for word, share in zip(words, (p / p.sum()).tolist(), strict=True):
                total[word] = total.get(word, 0.0) + weight * share
        ranked = sorted(total, key=lambda word: (-total[word], word))
        found[i] = tuple(ranked), tuple(round(total[word], 12) for word in ranked)
    return found


def appended(tables: Sequence[Table], order: Sequence[int]) -> dict[int, Row]:
    """The best predictor's words, then those that only the next ones have."""
    found: dict[int, Row] = {}
    for i in sorted(tables[0].rows):
        listed = itertools.chain.from_iterable(tables[j].rows[i][0] for j in order)
        words = tuple(dict.fromkeys(listed))
        found[i] = words, tuple(-float(rank) for rank in range(len(words)))
    return found


def as_results(rows: Mapping[int, Row]) -> list[dict[str, Any]]:
    """Rows as answers of the command line."""
    return [
        {"index": i, "words": [*words], "scores": [*scores]}
        for i, (words, scores) in sorted(rows.items())
    ]
