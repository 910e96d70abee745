"""The job that trains font recognition; its rows become class means at the end."""

from pathlib import Path
from typing import Any

import numpy as np
from jax.sharding import Mesh

from strokejax.data.dataset import Dataset
from strokejax.evaluation.scores import bootstrap_interval
from strokejax.search.character_model import load_words
from strokejax.settings import Config
from strokejax.table.table import unit
from strokejax.tasks.fonts.data import load_fonts, mirrored
from strokejax.tasks.fonts.finder import CLASSES, OWN_DISTANCE
from strokejax.tasks.fonts.network import build_encoder
from strokejax.train import job
from strokejax.train.distributed import to_host
from strokejax.train.job import Job
from strokejax.train.logging import progress
from strokejax.train.state import TrainState
from strokejax.train.table_job import BACKGROUND, FinalState, Hooks, table_job
from strokejax.train.table_scoring import Scoring, examples_of, mean_table
from strokejax.train.table_setup import Setup


def run(config: Config, workdir: Path, started: float) -> dict[str, Any]:
    """Trains a network, or searches settings; returns the job's last line.

    `started` is the start of the process, in seconds of `time.time`.
    """
    if config.job == "sweep":
        from strokejax.train.sweep import sweep

        return sweep(config, workdir, started, prepare)
    return job.run(config, workdir, started, prepare)


def prepare(config: Config, mesh: Mesh, workdir: Path) -> Job:
    """An encoder and a table of fonts, ready to train."""
    hooks = Hooks(
        load=load_sets,
        background=_background,
        use="strokejax fonts identify FILE",
        unseen="in words that training never saw",
        twins=False,
        build=build_encoder,
        length=config.data.width,
        finalize=use_class_means,
        about=_about,
    )
    return table_job(config, mesh, workdir, hooks)


def load_sets(config: Config) -> tuple[Dataset, Dataset, Dataset]:
    """Pictures of text in fonts: the training, the validation and the test set."""
    words = load_words("en")

    def load(split: str) -> Dataset:
        return load_fonts(
            split,
            words,
            root=config.data.root or None,
            count=config.data.samples,
            height=config.raster.size,
            width=config.data.width,
            seed=config.seed,
            cache=config.data.cache,
            progress=progress,
        )

    return load("train"), load("validation"), load("test")


def _background(config: Config, known: Dataset, rng: np.random.Generator) -> Dataset:
    """Mirrored text, which is in none of the fonts."""
    return mirrored(known.take(np.arange(min(BACKGROUND, len(known)))))


def _about(setup: Setup, metrics: dict[str, Any]) -> dict[str, Any]:
    """Provenance by which an index finds the trained rows of trained fonts."""
    about: dict[str, Any] = {CLASSES: setup.symbols.symbols}
    if OWN_DISTANCE in metrics:
        about[OWN_DISTANCE] = metrics[OWN_DISTANCE]
    return about


def use_class_means(
    config: Config, setup: Setup, scoring: Scoring, state: TrainState
) -> FinalState:
    """The state with the class means of training pictures as its rows.

    The figures are scores on the test set of three tables: the trained rows
    ("classifier"), means of training pictures, and means of the few validation
    pictures, whose words training never saw. `OWN_DISTANCE` is the mean squared
    distance of the validation pictures to their trained rows.
    """
    active = np.asarray(setup.slots.active)
    trained = unit(to_host(state.params["table"]["embeddings"]))
    z = scoring.predict(state, setup.test_set).out
    figures: dict[str, Any] = {"classifier": _scores(z, trained, setup.test_set)}
    tables = {}
    for name, dataset in (
        ("means_of_validation", setup.valid_set),
        ("means_of_train", examples_of(setup.train_set, active, config.seed)),
    ):
        out = scoring.predict(state, dataset).out
        if dataset is setup.valid_set:
            dist2 = ((unit(out) - trained[dataset.labels]) ** 2).sum(-1)
            figures[OWN_DISTANCE] = float(dist2.mean())
        tables[name] = mean_table(out, dataset.labels, len(trained))
        rows = tables[name]["embeddings"]
        figures[name] = _scores(z, rows, setup.test_set)
    # New fonts get means as well. The calibration keeps the trained rows, which name
    # the training fonts better (0.891 against 0.867 of single lines, see the README).
    table = state.params["table"] | tables["means_of_train"]
    state = state._replace(params=state.params | {"table": table})
    return FinalState(state, trained, figures)


def _scores(z: np.ndarray, rows: np.ndarray, dataset: Dataset) -> dict[str, Any]:
    """Top-1 and top-5 accuracy of embeddings f32[n d] with rows f32[c d]."""
    present = np.unique(dataset.labels)
    # Both are unit vectors: the largest cosine is the smallest distance.
    order = np.argsort(-(z @ rows[present].T), axis=1, kind="stable")[:, :5]
    hit = present[order] == dataset.labels[:, None]
    low, high = bootstrap_interval(hit[:, 0], dataset.groups)
    accuracy = {"top1": float(hit[:, 0].mean()), "top5": float(hit.any(1).mean())}
    return accuracy | {"n": len(z), "interval95": [low, high]}
