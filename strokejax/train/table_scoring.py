"""Scores of a table while it is trained, and rows in closed form."""

from pathlib import Path
from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh

from strokejax.data.dataset import Dataset
from strokejax.evaluation.scores import merge_twins
from strokejax.settings import MEANS, Config
from strokejax.table.table import unit
from strokejax.train.distributed import replicate
from strokejax.train.logging import JsonLines, read_jsonl
from strokejax.train.optim import frozen_blocks
from strokejax.train.state import TrainState
from strokejax.train.steps import (
    Predictions,
    batch_statistics,
    make_eval_step,
    make_statistics_step,
    predict,
)
from strokejax.train.table_setup import Setup
from strokejax.types import PyTree

# Rows in closed form, for losses between examples, which train none.


PER_CLASS = 100
"""Examples that a row is the mean of."""
SCALES = np.geomspace(1, 256, 49)


def examples_of(dataset: Dataset, active: np.ndarray, seed: int) -> Dataset:
    """At most `PER_CLASS` examples of each class in bool[c] `active`, at random."""
    order = np.random.default_rng(seed).permutation(len(dataset))
    order = order[np.argsort(dataset.labels[order], kind="stable")]
    labels = dataset.labels[order]
    rank = np.arange(len(order)) - np.searchsorted(labels, labels)
    return dataset.take(np.sort(order[(rank < PER_CLASS) & active[labels]]))


def mean_table(
    z: np.ndarray, labels: np.ndarray, capacity: int
) -> dict[str, np.ndarray]:
    """A table's rows, the normalised sums of z f32[n d] by label, and its log-scale.

    The scale is that of `SCALES` at which these labels are likeliest.
    """
    sums = np.zeros((capacity, z.shape[1]), np.float32)
    np.add.at(sums, labels, unit(z))
    rows = unit(sums)
    used = np.unique(labels)
    cosine = unit(z) @ rows[used].T
    index = np.searchsorted(used, labels)
    loss = [_nll(2 * scale * cosine, index) for scale in SCALES]
    scale = SCALES[int(np.argmin(loss))]
    return {"embeddings": rows, "log_scale": np.array(np.log(scale), np.float32)}


def _nll(logits: np.ndarray, labels: np.ndarray) -> float:
    logits = logits - logits.max(1, keepdims=True)
    target = logits[np.arange(len(labels)), labels]
    return float((np.log(np.exp(logits).sum(1)) - target).mean())


# Scores of a state on the hold-out set, and what the report shows of them.


K = 5
SHOWN = 24
"""Hold-out strokes whose answers are kept after each epoch."""


class Scoring:
    """Called with a state after each epoch: scores on the validation set."""

    def __init__(
        self, config: Config, setup: Setup, mesh: Mesh, workdir: Path, step: int
    ):
        self._config, self._setup, self._mesh = config, setup, mesh
        self._eval_step = make_eval_step(setup.encoder, K)
        self._statistics = make_statistics_step(
            setup.encoder, frozen_blocks(config.optim.train)
        )
        self._slots = replicate(setup.slots, mesh)
        self._examples = None
        if config.loss.name in MEANS:
            active = np.asarray(setup.slots.active)
            self._examples = examples_of(setup.train_set, active, config.seed)
        self._shown = spread_over_classes(setup.valid_set, SHOWN)
        self.timeline = workdir / "timeline.jsonl"
        self._writer = None
        if jax.process_index() == 0:
            self._writer = JsonLines(self.timeline, resume_step=step)

    def settled(self, state: TrainState) -> TrainState:
        """The state as it answers, with what no gradient moves made for its weights:
        BatchNorm's statistics, and the rows where the loss trains none."""
        state = state._replace(model_state=self._model_state(state))
        if self._examples is None:
            return state
        z = self.predict(state, self._examples).out
        table = state.params["table"]
        means = mean_table(z, self._examples.labels, len(table["embeddings"]))
        table = table | replicate(means, self._mesh)
        return state._replace(params=state.params | {"table": table})

    def _model_state(self, state: TrainState) -> PyTree:
        loop = self._config.loop
        return batch_statistics(
            self._statistics,
            state.params,
            state.model_state,
            self._setup.train_set,
            loop.batch_size,
            loop.statistics,
            self._mesh,
        )

    def predict(self, state: TrainState, dataset: Dataset) -> Predictions:
        return predict(
            self._eval_step,
            state.params,
            state.model_state,
            self._slots,
            dataset,
            self._config.loop.batch_size,
            self._mesh,
        )

    def __call__(self, state: TrainState) -> dict[str, float]:
        state = self.settled(state)
        dataset = self._setup.valid_set
        predicted = self.predict(state, dataset)
        names, truth = predicted.names(dataset.symbols), names_of(dataset)
        answers = predicted.slot[self._shown, 0]
        if self._writer is not None:
            shown = {str(i): int(slot) for i, slot in enumerate(answers)}
            self._writer.write(int(state.step), shown)
        hit = names == truth[:, None]
        twins = merge_twins(names[:, 0]) == merge_twins(truth)
        return {
            "loss": float(predicted.nll.mean()),
            "top1": float(hit[:, 0].mean()),
            "top3": float(hit[:, :3].any(1).mean()),
            "twins_merged": float(twins.mean()),
        }

    @property
    def held_out(self) -> Dataset:
        """The validation set."""
        return self._setup.valid_set

    def close(self) -> None:
        """Closes the timeline."""
        if self._writer is not None:
            self._writer.close()

    def shown(self) -> tuple[list[dict[str, Any]], np.ndarray]:
        """The timeline as the report wants it, and which examples it is about."""
        symbols = self._setup.valid_set.symbols
        truth = names_of(self._setup.valid_set)[self._shown]
        rows = []
        for i, row in enumerate(read_jsonl(self.timeline)):
            slots = [int(row[str(j)]) for j in range(len(self._shown))]
            answers = [symbols[s] if s >= 0 else "" for s in slots]
            right = [a == t for a, t in zip(answers, truth, strict=True)]
            rows.append({"epoch": i + 1, "answers": answers, "right": right})
        return rows, self._shown


def names_of(dataset: Dataset) -> np.ndarray:
    """str[n]: the true symbols."""
    return np.array(dataset.symbols)[dataset.labels]


def spread_over_classes(dataset: Dataset, count: int) -> np.ndarray:
    """i64[count]: fixed examples, of as many classes as there are, evenly chosen."""
    _, first = np.unique(dataset.labels, return_index=True)
    chosen = np.linspace(0, len(first) - 1, min(count, len(first))).astype(int)
    return first[chosen]
