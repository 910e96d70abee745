"""Scores of typed words, tables of predictions, and ensembles of tables.

A table holds what one predictor said about one set of swipes. Parts of a table are
merged; tables of several predictors are combined into one ranking.
"""

import hashlib
import itertools
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from strokejax.evaluation.scores import bootstrap_interval
from strokejax.evaluation.text import edit_distance
from strokejax.files import decode_text, read_bytes, write_atomically
from strokejax.types import InputError

GAINS = (1.0, 0.1, 0.09, 0.08)
"""Gain of the right word at ranks 1 to 4, as in the Yandex Cup 2023."""
KIND = "strokejax swipe predictions"
MAX_BYTES = 1 << 30
STEPS = 10
"""Weights of an ensemble are multiples of 1 over this."""


# Scores.


def swipe_scores(
    words: Sequence[Sequence[str]], truth: Sequence[str]
) -> dict[str, Any]:
    """n, top1, top4, mrr, cer, and the 95 % interval of top1 as interval95.

    `words` are guesses, best first; a repeated guess counts once. The interval
    resamples words of `truth`, because swipes of the same word are alike.
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
    """The index of a word among distinct guesses, -1 if it is not among them."""
    distinct = [*dict.fromkeys(guesses)]
    return distinct.index(word) if word in distinct else -1


def mrr(words: Sequence[Sequence[str]], truth: Sequence[str]) -> float:
    """The mean gain of `swipe_scores`."""
    return swipe_scores(words, truth)["mrr"]


# Tables of predictions.


Row = tuple[tuple[str, ...], tuple[float, ...]]
"""Words and scores of a swipe, best first."""


class PredictionTable(NamedTuple):
    """Predictions of one predictor for one set of swipes."""

    predictor: tuple[tuple[str, str], ...]
    """Identity: model, weights, decoder with its settings, layout, words; sorted."""
    split: str
    """Digest of the file of swipes."""
    rows: Mapping[int, Row]
    """Rows by the index of the swipe."""

    @property
    def name(self) -> str:
        """A short hash of the predictor's identity."""
        text = json.dumps(self.predictor)
        return hashlib.sha256(text.encode()).hexdigest()[:8]


def digest(data: bytes) -> str:
    """A short hash that identifies contents."""
    return hashlib.sha256(data).hexdigest()[:16]


def write_table(path: Path, table: PredictionTable) -> None:
    """Writes a table as JSON lines, its identity first; whole or not at all."""
    head = {"kind": KIND, "predictor": dict(table.predictor), "split": table.split}
    rows = [
        {"index": i, "words": words, "scores": [round(s, 6) for s in scores]}
        for i, (words, scores) in sorted(table.rows.items())
    ]
    lines = (json.dumps(line, ensure_ascii=False) for line in [head, *rows])
    write_atomically(path, "\n".join([*lines, ""]).encode())


def read_table(path: str | Path) -> PredictionTable:
    """The table of a file; InputError for a file that is not one."""
    lines = decode_text(read_bytes(path, MAX_BYTES), str(path)).splitlines()
    try:
        head, *records = [json.loads(line) for line in lines if line.strip()]
        if head["kind"] != KIND:
            raise KeyError("kind")
        rows = {
            int(record["index"]): (
                tuple(map(str, record["words"])),
                tuple(map(float, record["scores"])),
            )
            for record in records
        }
        identity = ((str(k), str(v)) for k, v in head["predictor"].items())
        return PredictionTable(tuple(sorted(identity)), str(head["split"]), rows)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(
            f"{path} is not a table of predictions ({type(error).__name__}); make one "
            f"with `strokejax swipe type FILE --table OUT`."
        ) from None


def merge(tables: Sequence[tuple[str, PredictionTable]]) -> list[PredictionTable]:
    """Named tables, with the parts of one predictor and split joined.

    InputError for parts that predict different words for the same swipe.
    """
    parts: dict[tuple, tuple[str, dict[int, Row]]] = {}
    for name, table in tables:
        first, rows = parts.setdefault((table.predictor, table.split), (name, {}))
        for i, row in table.rows.items():
            # The same row twice is no conflict: parts may overlap.
            if rows.setdefault(i, row) != row:
                raise InputError(
                    f"{first} and {name} are of one predictor ({table.name}) and "
                    f"differ on swipe {i}: {rows[i][0][:1]} and {row[0][:1]}; leave "
                    f"one out."
                )
    return [
        PredictionTable(predictor, split, dict(sorted(rows.items())))
        for (predictor, split), (_, rows) in parts.items()
    ]


def by_split(
    tables: Sequence[PredictionTable],
) -> dict[str, dict[tuple, PredictionTable]]:
    """Tables by their set of swipes, then by their predictor."""
    splits: dict[str, dict[tuple, PredictionTable]] = {}
    for table in tables:
        splits.setdefault(table.split, {})[table.predictor] = table
    return splits


# Ensembles.


def fit_weights(
    tables: Sequence[PredictionTable], truth: Sequence[str]
) -> tuple[list[int], np.ndarray]:
    """`(order, weights f64[t])`: tables by their MRR, and the best weights of a mean.

    Up to three tables are searched over a whole grid; more are searched greedily in
    single steps from the best table on. Ties go to the first.
    """
    score = [mrr([table.rows[i][0] for i in table.rows], truth) for table in tables]
    order = sorted(range(len(tables)), key=lambda i: -score[i])
    count = len(tables)

    def mrr_of(weights: np.ndarray) -> float:
        return mrr([row[0] for row in weighted_mean(tables, weights).values()], truth)

    # Three tables have 66 weightings in steps of a tenth.
    if count <= 3:
        grid = [
            np.array(w) / STEPS
            for w in itertools.product(range(STEPS + 1), repeat=count)
            if sum(w) == STEPS
        ]
        return order, max(grid, key=mrr_of)
    weights = np.eye(count)[order[0]]
    while True:
        steps = [
            (1 - 1 / STEPS) * weights + np.eye(count)[i] / STEPS for i in range(count)
        ]
        best = max(steps, key=mrr_of)
        if mrr_of(best) <= mrr_of(weights):
            return order, weights
        weights = best


def weighted_mean(
    tables: Sequence[PredictionTable], weights: np.ndarray
) -> dict[int, Row]:
    """Rows ranked by the weighted mean of the tables' probabilities.

    A table's probabilities are the softmax of its scores; words it lacks have 0.
    """
    rows: dict[int, Row] = {}
    for i in sorted(tables[0].rows):
        total: dict[str, float] = {}
        for table, weight in zip(tables, weights.tolist(), strict=True):
            words, scores = table.rows[i]
            # Softmax; the largest score is subtracted against overflow.
            p = np.exp(np.array(scores) - max(scores, default=0.0))
            for word, share in zip(words, (p / p.sum()).tolist(), strict=True):
                total[word] = total.get(word, 0.0) + weight * share
        ranked = sorted(total, key=lambda word: (-total[word], word))
        rows[i] = tuple(ranked), tuple(round(total[word], 12) for word in ranked)
    return rows


def append(tables: Sequence[PredictionTable], order: Sequence[int]) -> dict[int, Row]:
    """Rows of the first table's words, then of the words that only later ones have."""
    rows: dict[int, Row] = {}
    for i in sorted(tables[0].rows):
        listed = itertools.chain.from_iterable(tables[j].rows[i][0] for j in order)
        words = tuple(dict.fromkeys(listed))
        rows[i] = words, tuple(-float(rank) for rank in range(len(words)))
    return rows


class Combination(NamedTuple):
    """The results of an ensemble."""

    results: list[dict[str, Any]]
    """As `--json` prints them."""
    summary: str
    """A line about its predictors."""


def combine(files: Sequence[str], labelled: str | None, by: str) -> Combination:
    """The ensemble of tables of one set of swipes, `by` "weighted" or "append".

    With a file of `labelled` swipes, weights and order are fitted to the tables of that
    file, and the results are for the other set of swipes, if there is one. Without it,
    all tables have the same weight, in the order of the files. InputError for tables of
    several sets, for missing tables, and for tables with different swipes.
    """
    from strokejax.tasks.swipes.data import read_swipes

    splits = by_split(merge([(name, read_table(name)) for name in files]))
    labelled_split = digest(Path(labelled).read_bytes()) if labelled else ""
    targets = [split for split in splits if split != labelled_split]
    if len(targets) > 1:
        raise InputError(
            f"The tables are of {len(splits)} sets of swipes; give those of one, and "
            f"with --fit those of its file."
        )
    by_predictor = splits[(targets or [labelled_split])[0]]
    _check_same_swipes(by_predictor)
    tables = [*by_predictor.values()]
    weights, order = np.full(len(tables), 1 / len(tables)), [*range(len(tables))]
    if labelled:
        fitted = splits.get(labelled_split, {})
        missing = [t.name for key, t in by_predictor.items() if key not in fitted]
        if missing:
            raise InputError(
                f"There is no table of {labelled} by the predictor {missing[0]}; make "
                f"it with `strokejax swipe type {labelled} --table OUT`."
            )
        _check_same_swipes(fitted)
        fitted_tables = [fitted[key] for key in by_predictor]
        swipes = read_swipes(labelled)
        # Swipes that could not be typed have no row in any table.
        truth = [getattr(swipes[i], "word", "") for i in sorted(fitted_tables[0].rows)]
        order, weights = fit_weights(fitted_tables, truth)
    rows = append(tables, order) if by == "append" else weighted_mean(tables, weights)
    results = [
        {"index": i, "words": [*words], "scores": [*scores]}
        for i, (words, scores) in sorted(rows.items())
    ]
    names = ", ".join(
        f"{tables[i].name} {weights[i]:.2f}" if by == "weighted" else tables[i].name
        for i in order
    )
    return Combination(results, f"strokejax: {len(tables)} predictors: {names}")


def _check_same_swipes(tables: Mapping[tuple, PredictionTable]) -> None:
    """InputError unless all tables have rows for the same swipes."""
    first, *others = tables.values()
    for other in others:
        if different := {*first.rows} ^ {*other.rows}:
            raise InputError(
                f"The tables of {first.name} and {other.name} differ in "
                f"{len(different):,} swipes, {min(different)} among them; give the "
                f"missing parts."
            )
