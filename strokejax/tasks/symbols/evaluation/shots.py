"""Headline figures of few-shot learning."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from strokejax.data.dataset import as_rasters
from strokejax.data.splits import split_mask
from strokejax.evaluation.few_shot import RunEmbeddings, kshot, lake_error
from strokejax.evaluation.figure import Figure
from strokejax.recognizer import Recognizer
from strokejax.tasks.symbols.evaluation.incremental import (
    LabelledEmbeddings,
    on_top,
    personal,
)
from strokejax.tasks.symbols.evaluation.labelled import Run
from strokejax.tasks.symbols.evaluation.validation import Validation

EPISODES = 500
MAX_WAYS = 200
"""More than Detexify has held-out symbols."""
RANDOM_TARGETS = {(5, 1): 0.990, (5, 5): 0.997, (20, 1): 0.970, (20, 5): 0.992}
"""Of Omniglot's characters of any alphabets, by (ways, shots)."""
WITHIN_TARGETS: dict[int, float | None] = {1: 0.90, 5: None}
"""Of Omniglot's characters of one alphabet, by shots."""
SYMBOL_TARGETS = {1: 0.91, 5: 0.96, 10: 0.97}
"""Of Detexify's symbols, by shots."""

# Symbols registered in the table.


def personal_samples(
    validation: Validation, shots: Sequence[int] = (1, 3, 5)
) -> list[Figure]:
    """Each writer's drawings registered for that writer."""
    figures = []
    for k in shots:
        row = personal(validation.stored, validation.letter_embeddings, k)
        target = 0.91 if k == 5 else None
        figures.append(_figure(f"own samples, {k} a class", row, "UNIPEN", target))
    return figures


def punctuation(validation: Validation, shots: int = 10) -> list[Figure]:
    """Punctuation marks registered next to the symbols that the model knows."""
    new, old = validation.punctuation, validation.letter_embeddings
    # Training writers show the marks, validation writers are the queries.
    support = ~split_mask("validation", "writer", new.groups)
    row = on_top(validation.stored, new, old, support, shots)
    marks, data = len(np.unique(new.names)), "UNIPEN punctuation"
    title, figures = f"{marks} marks on top, {shots} shots", []
    for name, key, target in (
        ("old before", "old_before", None),
        ("old after", "old_after", None),
        ("old lose", "lost", 0.03),
    ):
        interval = tuple(row[f"{key}_interval95"])
        fields = row["old_n"], "UNIPEN", target, target is not None
        figures.append(Figure(f"{title}: {name}", row[key], interval, *fields))
    return [_figure(f"{title}: new", row, data, 0.75), *figures]


# Episodes of classes that training never saw.


def characters(
    validation: Validation, episodes: int = EPISODES, runs: Sequence[Run] = ()
) -> list[Figure]:
    """Omniglot's held-out alphabets, shots and queries by different drawers.

    With `runs`, also the error on Lake's published one-shot runs.
    """
    figures = within_alphabets(validation, WITHIN_TARGETS, episodes)
    for (ways, shots), target in RANDOM_TARGETS.items():
        row = _episodes(validation.characters, shots, ways, episodes)
        name = f"random {ways} ways, {_shots(shots)}"
        figures.append(_figure(name, row, "Omniglot", target))
    if runs:
        row = lake(validation.model, runs)
        interval, data = tuple(row["interval95"]), f"Omniglot, {len(runs)} runs"
        name = "one-shot runs as published, error"
        figures.append(Figure(name, row["error"], interval, row["n"], data, 0.02, True))
    return figures


def within_alphabets(
    validation: Validation,
    targets: dict[int, float | None],
    episodes: int = EPISODES,
    ways: int = 20,
) -> list[Figure]:
    """Episodes of characters of one alphabet; `targets` by number of shots."""
    drawn = validation.characters
    # Classes are called "alphabet/character".
    alphabets = np.array([name.rpartition("/")[0] for name in drawn.names])
    figures = []
    for k, target in targets.items():
        row = _episodes(drawn, k, ways, episodes, alphabets)
        name = f"one alphabet, {ways} ways, {_shots(k)}"
        figures.append(_figure(name, row, "Omniglot", target))
    return figures


def symbols(
    validation: Validation,
    episodes: int = EPISODES,
    shots: Sequence[int] = (1, 5, 10),
) -> list[Figure]:
    """Episodes of 20 of Detexify's held-out symbols."""
    figures = []
    for k in shots:
        row = _episodes(validation.symbols, k, 20, episodes)
        name = f"random 20 ways, {_shots(k)}"
        figures.append(_figure(name, row, "Detexify", SYMBOL_TARGETS[k]))
    return figures


def all_symbols(validation: Validation, shots: int = 5) -> list[Figure]:
    """Episodes of every held-out symbol with enough drawings, at most `MAX_WAYS`."""
    _, count = np.unique(validation.symbols.names, return_counts=True)
    ways = min(MAX_WAYS, int((count > shots).sum()))
    few = "" if ways == MAX_WAYS else f" (all there are, {MAX_WAYS} asked)"
    row = _episodes(validation.symbols, shots, ways, 100)
    name = f"random {ways} ways{few}, {_shots(shots)}"
    return [_figure(name, row, "Detexify", 0.78)]


def lake(model: Recognizer, runs: Sequence[Run]) -> dict[str, Any]:
    """`few_shot.lake_error` of a model: {"error", "n", "interval95", "per_run"}."""

    def embed(pictures: np.ndarray) -> np.ndarray:
        return model.embed({"image": as_rasters(pictures, **model.spec.raster)})

    return lake_error(
        [
            RunEmbeddings(run.name, embed(run.training), embed(run.test), run.answer)
            for run in runs
        ]
    )


def _episodes(
    drawn: LabelledEmbeddings,
    shots: int,
    ways: int,
    count: int,
    within: np.ndarray | None = None,
) -> dict[str, Any]:
    return kshot(
        drawn.z,
        np.unique(drawn.names, return_inverse=True)[1],
        drawn.groups,
        shots=[shots],
        ways=ways,
        count=count,
        within=within,
    )["shots"][0]


def _figure(
    name: str, row: dict[str, Any], data: str, target: float | None = None
) -> Figure:
    interval = tuple(row["interval95"])
    return Figure(name, row["accuracy"], interval, row["n"], data, target)


def _shots(k: int) -> str:
    return "1 shot" if k == 1 else f"{k} shots"
