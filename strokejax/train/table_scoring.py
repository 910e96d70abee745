"""Scores of a table during its training, and rows in closed form."""

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

PER_CLASS = 100
"""Examples whose mean is a row."""
SCALES = np.geomspace(1, 256, 49)
"""Candidates for the scale of a table of means."""
K = 5
"""Best slots of a prediction."""
SHOWN = 24
"""Validation strokes in the timeline of the report."""

# Rows in closed form, after the losses `MEANS`.


def examples_of(dataset: Dataset, active: np.ndarray, seed: int) -> Dataset:
    """Up to `PER_CLASS` random examples of each class in bool[c] `active`."""
    order = np.random.default_rng(seed).permutation(len(dataset))
    order = order[np.argsort(dataset.labels[order], kind="stable")]
    labels = dataset.labels[order]
    rank = np.arange(len(order)) - np.searchsorted(labels, labels)
    return dataset.take(np.sort(order[(rank < PER_CLASS) & active[labels]]))


def mean_table(
    z: np.ndarray, labels: np.ndarray, capacity: int
) -> dict[str, np.ndarray]:
    """A table with the normalised class means of z f32[n d] as rows, and its log-scale.

    The scale is the one in `SCALES` that maximises the likelihood of the labels.
    """
    # The direction of a sum is that of the mean.
    sums = np.zeros((capacity, z.shape[1]), np.float32)
    np.add.at(sums, labels, unit(z))
    rows = unit(sums)
    used = np.unique(labels)
    cosine = unit(z) @ rows[used].T
    index = np.searchsorted(used, labels)
    # For unit vectors -scale |z - e|^2 = 2 scale (cos - 1); softmax cancels the -1.
    loss = [_nll(2 * scale * cosine, index) for scale in SCALES]
    scale = SCALES[int(np.argmin(loss))]
    return {"embeddings": rows, "log_scale": np.array(np.log(scale), np.float32)}


def _nll(logits: np.ndarray, labels: np.ndarray) -> float:
    logits = logits - logits.max(1, keepdims=True)
    target = logits[np.arange(len(labels)), labels]
    return float((np.log(np.exp(logits).sum(1)) - target).mean())


# Scores on the validation set, and the timeline of the report.


class Scoring:
    """Scores states on the validation set, one after each epoch."""

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
        self.held_out = setup.valid_set
        self._shown = spread_over_classes(self.held_out, SHOWN)
        self.timeline = workdir / "timeline.jsonl"
        self._writer = None
        if jax.process_index() == 0:
            self._writer = JsonLines(self.timeline, resume_step=step)

    def inference_state(self, state: TrainState) -> TrainState:
        """The state for inference: it recomputes what gradients do not train.

        These are the statistics of BatchNorm and, after a loss of `MEANS`, the rows.
        """
        loop = self._config.loop
        model_state = batch_statistics(
            self._statistics,
            state.params,
            state.model_state,
            self._setup.train_set,
            loop.batch_size,
            loop.statistics,
            self._mesh,
        )
        state = state._replace(model_state=model_state)
        if self._examples is None:
            return state
        z = self.predict(state, self._examples).out
        table = state.params["table"]
        means = mean_table(z, self._examples.labels, len(table["embeddings"]))
        table = table | replicate(means, self._mesh)
        return state._replace(params=state.params | {"table": table})

    def predict(self, state: TrainState, dataset: Dataset) -> Predictions:
        """The `K` best slots of each example."""
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
        state = self.inference_state(state)
        predicted = self.predict(state, self.held_out)
        names = predicted.names(self.held_out.symbols)
        truth = names_of(self.held_out)
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

    def close(self) -> None:
        """Closes the timeline."""
        if self._writer is not None:
            self._writer.close()

    def timeline_rows(self) -> tuple[list[dict[str, Any]], np.ndarray]:
        """The timeline for `write_report`, and the indices of its strokes."""
        symbols = self.held_out.symbols
        truth = names_of(self.held_out)[self._shown]
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
    """i64[m]: the first example of up to `count` classes, evenly spaced among all."""
    _, first = np.unique(dataset.labels, return_index=True)
    chosen = np.linspace(0, len(first) - 1, min(count, len(first))).astype(int)
    return first[chosen]
