"""A model's answers to a whole data set."""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import jax
import numpy as np
from jax.sharding import Mesh

from strokejax.data.dataset import Dataset
from strokejax.data.pipeline import eval_batches
from strokejax.table.table import Slots
from strokejax.train.distributed_partitioning import local_slice, to_global, to_host
from strokejax.types import PyTree


class Predictions(NamedTuple):
    """One row an example, in the data set's order."""

    slot: np.ndarray
    """i32[n k]: the best slots, best first; -1 beyond the active ones."""
    out: np.ndarray
    """f32[n d]: embeddings, or logits under argmax."""
    nll: np.ndarray
    """f32[n]: negative log-likelihood of the true class, nats."""

    def names(self, symbols: tuple[str, ...]) -> np.ndarray:
        """The slots by name, "" beyond the active ones."""
        return np.array([*symbols, *[""] * (self.slot.max() + 2)])[self.slot]


def predict(
    eval_step: Callable[..., dict[str, jax.Array]],
    params: PyTree,
    model_state: PyTree,
    slots: Slots,
    dataset: Dataset,
    batch_size: int,
    mesh: Mesh,
) -> Predictions:
    """The answers of `steps.make_eval_step`; one batch runs while one is read."""
    parts, waiting = [], None
    for batch in eval_batches(dataset, batch_size, rows=local_slice(batch_size)):
        out = eval_step(params, model_state, slots, to_global(batch, mesh))
        if waiting is not None:
            parts.append(to_host(waiting))
        waiting = out
    parts.append(to_host(waiting))
    whole = {
        name: np.concatenate([part[name] for part in parts])[: len(dataset)]
        for name in ("slot", "out", "nll")
    }
    return Predictions(**whole)


def batch_statistics(
    statistics_step: Callable[[PyTree, PyTree, PyTree], PyTree],
    params: PyTree,
    model_state: PyTree,
    dataset: Dataset,
    batch_size: int,
    batches: int,
    mesh: Mesh,
) -> PyTree:
    """BatchNorm's statistics as their mean over batches of unaugmented data.

    The running ones trail behind the weights and were made on augmented inputs.
    """
    if not jax.tree.leaves(model_state) or not batches:
        return model_state
    rng = np.random.default_rng(0)
    count = min(len(dataset), batches * batch_size)
    sample = dataset.take(rng.permutation(len(dataset))[:count])
    mean = None
    for n, batch in enumerate(
        eval_batches(sample, batch_size, rows=local_slice(batch_size)), start=1
    ):
        found = statistics_step(params, model_state, to_global(batch, mesh))
        # In this form the mean of equal values, those of frozen blocks, is exact.
        step = partial(_towards, share=np.float32(1 / n))
        mean = found if mean is None else jax.tree.map(step, mean, found)
    return mean


def _towards(mean, found, share):
    return mean + (found - mean) * share
