"""One step of training, one of evaluation: pure functions, jitted once in a factory."""

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
from strokejax.table.table import Slots
from strokejax.train.distributed import local_slice, to_global, to_host
from strokejax.train.objective import Objective, loss_and_correct
from strokejax.train.state import TrainState
from strokejax.types import Batch, Encoder, PyTree


def make_train_step(
    encoder: Encoder,
    optimizer: optax.GradientTransformationExtraArgs,
    objective: Objective,
    active: Bool[np.ndarray, "c"],
    spec: Augment | None = None,
) -> Callable[[TrainState, Batch], tuple[TrainState, dict[str, jax.Array]]]:
    """`make_step` for an objective; `spec` augments the inputs, None leaves them."""
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
    """`step(state, batch) -> (state, metrics)`, jitted, with the state donated.

    `loss_fn(table, out, batch)` is the loss of the encoder's output, and bool[b] which
    examples are right; `augment_fn(key, inputs)` comes before the encoder. Metrics are
    the loss (nats, with smoothing and prior) and top1, means over the unmasked
    examples, and the norm of the update.
    """
    whole_loss = _make_loss(encoder, loss_fn, augment_fn)

    def step(state: TrainState, batch: Batch):
        key = jax.random.fold_in(state.key, state.step)
        grad_fn = jax.value_and_grad(whole_loss, has_aux=True)
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


def _make_loss(encoder, loss_fn, augment_fn):
    def whole_loss(params, model_state, batch, key):
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

    return whole_loss


def make_eval_step(
    encoder: Encoder, k: int
) -> Callable[[PyTree, PyTree, Slots, Batch], dict[str, jax.Array]]:
    """`step(params, model_state, slots, batch)`: the k best slots, nearest first.

    Returns `slot` i32[b k] (-1 beyond the active ones), `out` f32[b d] (z or logits),
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
    """`step(params, model_state, batch)`: the batch's own BatchNorm statistics.

    The running update is `m * old + (1 - m) * batch`: from an old value of zero,
    divided by `1 - m`, it is the batch's share alone. Those of `frozen` blocks stay.
    """

    def moving(change, tree):
        return jax.tree_util.tree_map_with_path(
            lambda path, x: x if path[1].key in frozen else change(x), tree
        )

    def step(params, model_state, batch):
        _, fresh = encoder.apply(
            params["encoder"],
            moving(jnp.zeros_like, model_state),
            batch.inputs,
            batch.mask,
            train=True,
            key=jax.random.key(0),
        )
        return moving(lambda x: x / (1 - BN_MOMENTUM), fresh)

    return jax.jit(step)


# A model's answers to a whole data set.


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
        statistics = statistics_step(params, model_state, to_global(batch, mesh))
        # In this form the mean of equal values, those of frozen blocks, is exact.
        step = partial(_towards, share=np.float32(1 / n))
        mean = statistics if mean is None else jax.tree.map(step, mean, statistics)
    return mean


def _towards(mean, value, share):
    return mean + (value - mean) * share
