"""Tables of predictions: who predicted what of which swipes; merged and combined."""

import hashlib
import itertools
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from strokejax.evaluation.scores import bootstrap_interval
from strokejax.files import write_atomically
from strokejax.ink.limits import decode_text, read_bytes
from strokejax.tasks.lines.scores import edit_distance
from strokejax.types import InputError

# Scores of typed words.


GAINS = (1.0, 0.1, 0.09, 0.08)
"""Of the right word at rank 1 to 4, as in the Yandex Cup 2023."""


def swipe_scores(
    words: Sequence[Sequence[str]], truth: Sequence[str]
) -> dict[str, Any]:
    """n, top1, top4, mrr, cer and top1's 95 % interval.

    `words` are guesses, best first; one that comes twice counts once. Intervals are
    over words of the truth: swipes of one word are alike.
    """
    ranks = [rank(guesses, word) for guesses, word in zip(words, truth, strict=True)]
    right = np.array([r == 0 for r in ranks], float)
    errors = [
        edit_distance(guesses[0] if guesses else "", word)
        for guesses, word in zip(words, truth, strict=True)
    ]
    letters = sum(map(len, truth))
    return {
        "n": len(truth),
        "top1": float(right.mean()),
        "top4": float(np.mean([0 <= r < 4 for r in ranks])),
        "mrr": float(np.mean([GAINS[r] if 0 <= r < 4 else 0.0 for r in ranks])),
        "cer": sum(errors) / max(letters, 1),
        "interval95": bootstrap_interval(right, truth),
    }


def rank(guesses: Sequence[str], word: str) -> int:
    """The place of a word among distinct guesses, -1 where it is none of them."""
    distinct = [*dict.fromkeys(guesses)]
    return distinct.index(word) if word in distinct else -1


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


# Predictions of several models made one.


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
