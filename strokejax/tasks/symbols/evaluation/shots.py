"""How well a model learns from a few drawings."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from strokejax.data.dataset import as_rasters
from strokejax.data.splits import split_mask
from strokejax.evaluation.few_shot import RunEmbeddings, kshot, lake_error
from strokejax.evaluation.figure import Figure
from strokejax.recognizer import Recognizer
from strokejax.tasks.symbols.evaluation.incremental import on_top, personal
from strokejax.tasks.symbols.evaluation.labelled import Run
from strokejax.tasks.symbols.evaluation.validation import Validation

EPISODES = 500
WAYS = 200
"""Asked of Detexify, whose held-out symbols are fewer."""
RANDOM = {(5, 1): 0.990, (5, 5): 0.997, (20, 1): 0.970, (20, 5): 0.992}
"""Omniglot, (ways, shots) of any alphabets."""
WITHIN: dict[int, float | None] = {1: 0.90, 5: None}
SYMBOLS = {1: 0.91, 5: 0.96, 10: 0.97}


def own_samples(found: Validation, shots: Sequence[int] = (1, 3, 5)) -> list[Figure]:
    """A writer's own drawings registered for that writer."""
    figures = []
    for k in shots:
        row = personal(found.stored, found.drawn_letters, k)
        asked = 0.91 if k == 5 else None
        figures.append(_figure(f"own samples, {k} a class", row, "UNIPEN", asked))
    return figures


def punctuation(found: Validation, shots: int = 10) -> list[Figure]:
    """Marks registered beside all that the model knows."""
    new, old = found.punctuation, found.drawn_letters
    shown = ~split_mask("validation", "writer", new.groups)
    row = on_top(found.stored, new, old, shown, shots)
    marks, data = len(np.unique(new.names)), "UNIPEN punctuation"
    title, figures = f"{marks} marks on top, {shots} shots", []
    for name, key, asked in (
        ("old before", "old_before", None),
        ("old after", "old_after", None),
        ("old lose", "lost", 0.03),
    ):
        interval = tuple(row[f"{key}_interval95"])
        more = row["old_n"], "UNIPEN", asked, asked is not None
        figures.append(Figure(f"{title}: {name}", row[key], interval, *more))
    return [_figure(f"{title}: new", row, data, 0.75), *figures]


def characters(
    found: Validation, episodes: int = EPISODES, runs: Sequence[Run] = ()
) -> list[Figure]:
    """Omniglot's held-out alphabets, one drawer against others; and Lake's runs."""
    figures = within_alphabets(found, WITHIN, episodes)
    for (ways, shots), asked in RANDOM.items():
        row = _episodes(found.characters, shots, ways, episodes)
        name = f"random {ways} ways, {_shots(shots)}"
        figures.append(_figure(name, row, "Omniglot", asked))
    if runs:
        row = lake(found.model, runs)
        interval, data = tuple(row["interval95"]), f"Omniglot, {len(runs)} runs"
        name = "one-shot runs as published, error"
        figures.append(Figure(name, row["error"], interval, row["n"], data, 0.02, True))
    return figures


def within_alphabets(
    found: Validation,
    shots: dict[int, float | None],
    episodes: int = EPISODES,
    ways: int = 20,
) -> list[Figure]:
    """Any `ways` characters of one alphabet; `shots` -> what is asked of so many."""
    drawn = found.characters
    alphabets = np.array([name.rpartition("/")[0] for name in drawn.names])
    figures = []
    for k, asked in shots.items():
        row = _episodes(drawn, k, ways, episodes, alphabets)
        name = f"one alphabet, {ways} ways, {_shots(k)}"
        figures.append(_figure(name, row, "Omniglot", asked))
    return figures


def symbols(
    found: Validation, episodes: int = EPISODES, shots: Sequence[int] = (1, 5, 10)
) -> list[Figure]:
    """Detexify's held-out symbols, 20 ways."""
    figures = []
    for k in shots:
        row = _episodes(found.symbols, k, 20, episodes)
        name = f"random 20 ways, {_shots(k)}"
        figures.append(_figure(name, row, "Detexify", SYMBOLS[k]))
    return figures


def many_symbols(found: Validation, shots: int = 5) -> list[Figure]:
    """As many ways as there are held-out symbols with enough drawings, at most WAYS."""
    _, count = np.unique(found.symbols.names, return_counts=True)
    ways = min(WAYS, int((count > shots).sum()))
    few = "" if ways == WAYS else f" (all there are, {WAYS} asked)"
    row = _episodes(found.symbols, shots, ways, 100)
    name = f"random {ways} ways{few}, {_shots(shots)}"
    return [_figure(name, row, "Detexify", 0.78)]


def lake(model: Recognizer, runs: Sequence[Run]) -> dict[str, Any]:
    """`fewshot.lake_error` of a model: {"error", "n", "interval95", "per_run"}."""

    def embed(pictures: np.ndarray) -> np.ndarray:
        return model.embed({"image": as_rasters(pictures, **model.spec.raster)})

    return lake_error(
        [
            RunEmbeddings(run.name, embed(run.training), embed(run.test), run.answer)
            for run in runs
        ]
    )


def _episodes(drawn, shots, ways, count, within=None) -> dict[str, Any]:
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
    name: str, row: dict[str, Any], data: str, asked: float | None = None
) -> Figure:
    interval = tuple(row["interval95"])
    return Figure(name, row["accuracy"], interval, row["n"], data, asked)


def _shots(k: int) -> str:
    return "1 shot" if k == 1 else f"{k} shots"
