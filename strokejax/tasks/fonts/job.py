"""Rows of fonts as means of their pictures, made once, from the best state."""

from typing import Any

import numpy as np

from strokejax.config import Config
from strokejax.data.dataset import Dataset
from strokejax.evaluation.scores import bootstrap_interval
from strokejax.table.table import unit
from strokejax.tasks.fonts.finder import OWN_DISTANCE
from strokejax.train.distributed import to_host
from strokejax.train.state import TrainState
from strokejax.train.table_scoring import Scoring, examples_of, mean_table
from strokejax.train.table_setup import Setup


def with_means(
    config: Config, setup: Setup, scoring: Scoring, state: TrainState
) -> tuple[TrainState, np.ndarray, dict[str, Any]]:
    """The state with means over training pictures as rows; the rows before, f32[c d];
    how well fonts of the test set are named by these, by those, and by means over the
    few validation pictures, whose words training never saw; and how far such pictures
    lie, squared, from the rows before."""
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
            own = ((unit(out) - trained[dataset.labels]) ** 2).sum(-1)
            figures[OWN_DISTANCE] = float(own.mean())
        tables[name] = mean_table(out, dataset.labels, len(trained))
        rows = tables[name]["embeddings"]
        figures[name] = _scores(z, rows, setup.test_set)
    table = state.params["table"] | tables["means_of_train"]
    return state._replace(params=state.params | {"table": table}), trained, figures


def _scores(z: np.ndarray, rows: np.ndarray, dataset: Dataset) -> dict[str, Any]:
    used = np.unique(dataset.labels)
    order = np.argsort(-(z @ rows[used].T), axis=1, kind="stable")[:, :5]
    hit = used[order] == dataset.labels[:, None]
    low, high = bootstrap_interval(hit[:, 0], dataset.groups)
    found = {"top1": float(hit[:, 0].mean()), "top5": float(hit.any(1).mean())}
    return found | {"n": len(z), "interval95": [low, high]}
