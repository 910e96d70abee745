"""The state of training: arrays only, so that it is saved as it is."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from strokejax.types import PyTree


class TrainState(NamedTuple):
    """Everything a step changes; no functions inside."""

    step: jax.Array
    """i32[]: optimizer steps taken."""
    params: PyTree
    """`{"encoder": ..., "table": {"embeddings", "log_scale"}}`; argmax has no rows."""
    model_state: PyTree
    opt_state: Any
    key: jax.Array
    """The run's key; a step uses `fold_in(key, step)` and never replaces it."""


def create_state(
    params: PyTree,
    model_state: PyTree,
    optimizer: optax.GradientTransformation,
    key: jax.Array,
) -> TrainState:
    """State at step 0."""
    opt_state = optimizer.init(params)
    return TrainState(jnp.int32(0), params, model_state, opt_state, key)
