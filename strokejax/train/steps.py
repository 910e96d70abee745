"""Jitted steps of training and evaluation, and their results over a data set.

The factories `make_*` jit once; each step is a pure function.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.sharding import Mesh
from jaxtyping import Bool

from strokejax.data.dataset import Dataset
from strokejax.data.pipeline import eval_batches
from strokejax.ink.augment import Augment, augment
from strokejax.networks.functions import BN_MOMENTUM
from strokejax.table.knn import best, scored
from strokejax.table.table import Array, Slots
from strokejax.train.distributed import local_slice, replicate, to_global, to_host
from strokejax.train.objective import Objective, loss_and_correct
from strokejax.train.state import TrainState
from strokejax.types import Batch, Encoder, PyTree


def make_train_step(
    encoder: Encoder,
    optimizer: optax.GradientTransformationExtraArgs,
    objective: Objective,
    active: Bool[Array, "c"],
    spec: Augment | None = None,
) -> Callable[[TrainState, Batch], tuple[TrainState, dict[str, jax.Array]]]:
    """`make_step` for an objective; without `spec` inputs are not augmented."""
    augment_fn = None if spec is None else partial(augment, spec=spec)
    return make_step(
        encoder, optimizer, partial(loss_and_correct, objective, active), augment_fn
    )


def make_step(
    encoder: Encoder,
    optimizer: optax.GradientTransformationExtraArgs,
    loss_fn: Callable[[PyTree, jax.Array, Batch], tuple[Any, Any]],
    augment_fn: Callable[[jax.Array, PyTree], PyTree] | None = None,
) -> Callable[[TrainState, Batch], tuple[TrainState, dict[str, jax.Array]]]:
    """`step(state, batch) -> (state, metrics)`, jitted; it donates the state.

    `loss_fn(table, out, batch)` returns the loss of the encoder's output, and bool[b]
    which examples are right; `augment_fn(key, inputs)` runs before the encoder. Metrics
    are the loss (nats, with smoothing and prior) and top1, means over the unmasked
    examples, and the norm of the update.
    """

    def loss_of(params, model_state, batch, key):
        augment_key, dropout_key = jax.random.split(key)
        inputs = batch.inputs
        if augment_fn is not None:
            inputs = augment_fn(augment_key, inputs)
        out, model_state = encoder.apply(
            params["encoder"],
            model_state,
            inputs,
            batch.mask,
            train=True,
            key=dropout_key,
        )
        loss, right = loss_fn(params["table"], out, batch)
        return loss, (right, model_state)

    def step(state: TrainState, batch: Batch):
        key = jax.random.fold_in(state.key, state.step)
        grad_fn = jax.value_and_grad(loss_of, has_aux=True)
        (loss, (right, model_state)), grads = grad_fn(
            state.params, state.model_state, batch, key
        )
        updates, opt_state = optimizer.update(
            grads, state.opt_state, state.params, value=loss
        )
        params = optax.apply_updates(state.params, updates)
        right = jnp.sum(right & batch.mask)
        metrics = {
            "loss": loss,
            "top1": right / jnp.maximum(jnp.sum(batch.mask), 1),
            "update_norm": optax.tree.norm(updates),
        }
        return (
            TrainState(state.step + 1, params, model_state, opt_state, state.key),
            metrics,
        )

    return jax.jit(step, donate_argnums=0)


def make_eval_step(
    encoder: Encoder, k: int
) -> Callable[[PyTree, PyTree, Slots, Batch], dict[str, jax.Array]]:
    """`step(params, model_state, slots, batch)`, jitted: the k best slots, best first.

    Returns `slot` i32[b k] (-1 beyond the active ones), `out` f32[b d] (z or logits)
    and `nll` f32[b] of the true class.
    """

    def step(params, model_state, slots, batch):
        out, _ = encoder.apply(
            params["encoder"], model_state, batch.inputs, batch.mask, train=False
        )
        scores, logits = scored(out, params["table"], slots)
        _, slot = best(scores, k)
        log_p = jax.nn.log_softmax(logits)
        nll = -jnp.take_along_axis(log_p, batch.labels[:, None], -1)[:, 0]
        return {"slot": slot, "out": out, "nll": nll}

    return jax.jit(step)


def make_statistics_step(
    encoder: Encoder, frozen: tuple[str, ...] = ()
) -> Callable[[PyTree, PyTree, Batch], PyTree]:
    """`step(params, model_state, batch)`, jitted: the batch's BatchNorm statistics.

    The running update is `m * old + (1 - m) * batch`; with `old = 0`, division by
    `1 - m` leaves the statistics of the batch. Those of `frozen` blocks stay.
    """

    def map_trained(change, tree):
        return jax.tree_util.tree_map_with_path(
            lambda path, x: x if path[1].key in frozen else change(x), tree
        )

    def step(params, model_state, batch):
        _, statistics = encoder.apply(
            params["encoder"],
            map_trained(jnp.zeros_like, model_state),
            batch.inputs,
            batch.mask,
            train=True,
            key=jax.random.key(0),
        )
        return map_trained(lambda x: x / (1 - BN_MOMENTUM), statistics)

    return jax.jit(step)


# Results over a data set.


class Predictions(NamedTuple):
    """Predictions for a data set, one row per example, in its order."""

    slot: np.ndarray
    """i32[n k]: the best slots, best first; -1 beyond the active ones."""
    out: np.ndarray
    """f32[n d]: embeddings, or logits under argmax."""
    nll: np.ndarray
    """f32[n]: negative log-likelihood of the true class, nats."""

    def names(self, symbols: tuple[str, ...]) -> np.ndarray:
        """str[n k]: names of the slots, "" beyond the active ones."""
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
    """Runs `make_eval_step`'s step; the device computes a batch while one is read."""
    parts, pending = [], None
    for batch in eval_batches(dataset, batch_size, rows=local_slice(batch_size)):
        out = eval_step(params, model_state, slots, to_global(batch, mesh))
        if pending is not None:
            parts.append(to_host(pending))
        pending = out
    parts.append(to_host(pending))
    columns = {
        name: np.concatenate([part[name] for part in parts])[: len(dataset)]
        for name in Predictions._fields
    }
    return Predictions(**columns)


def batch_statistics(
    statistics_step: Callable[[PyTree, PyTree, PyTree], PyTree],
    params: PyTree,
    model_state: PyTree,
    dataset: Dataset,
    batch_size: int,
    batches: int,
    mesh: Mesh,
) -> PyTree:
    """BatchNorm statistics, averaged over `batches` batches of unaugmented data.

    The running averages lag behind the weights and come from augmented inputs.
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
        # Averaged on the host: on a CPU with many devices, operations queued behind a
        # collective can take the threads that the collective needs.
        value = to_host(statistics_step(params, model_state, to_global(batch, mesh)))
        # In this form the mean of equal values, those of frozen blocks, is exact.
        update = partial(_moved_mean, share=np.float32(1 / n))
        mean = value if mean is None else jax.tree.map(update, mean, value)
    return replicate(mean, mesh)


def _moved_mean(mean, value, share):
    return mean + (value - mean) * share
