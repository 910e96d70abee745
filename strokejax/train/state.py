"""The training state: arrays only, so that a checkpoint can store all of it."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from strokejax.types import PyTree


class TrainState(NamedTuple):
    """Everything that a step changes."""

    step: jax.Array
    """i32[]: optimizer steps taken."""
    params: PyTree
    """`{"encoder": ..., "table": {"embeddings", "log_scale"}}`; argmax has no table."""
    model_state: PyTree
    opt_state: Any
    key: jax.Array
    """The key of the run; it never changes: a step uses `fold_in(key, step)`."""


def create_state(
    params: PyTree,
    model_state: PyTree,
    optimizer: optax.GradientTransformation,
    key: jax.Array,
) -> TrainState:
    """The state at step 0."""
    opt_state = optimizer.init(params)
    return TrainState(jnp.int32(0), params, model_state, opt_state, key)
