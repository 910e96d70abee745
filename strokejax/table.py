"""The table on the device: one row a symbol, in a fixed number of slots.

The capacity never changes while a program runs, so registering a symbol does not
recompile anything. `params["table"]` is trained; `Slots` stands beside the parameters
and is never seen by an optimizer.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from strokejax.distance import squared_distance
from strokejax.types import PyTree


class Slots(NamedTuple):
    """What is known of each slot, apart from its trained row."""

    sums: Float[Array, "c d"]
    """Sums of normalised embeddings; a registered row is their normalisation."""
    counts: Int[Array, "c"]
    """Samples behind each sum; 0 for a row that offline training made."""
    active: Bool[Array, "c"]
    radius: Float[Array, "c"]
    """Largest squared distance that is still accepted; inf = no rejection."""


def init_table(
    key: jax.Array, capacity: int, dim: int, scale: float = 16.0
) -> dict[str, jax.Array]:
    """Random unit rows and the logarithm of the scale.

    With unit vectors and C classes, softmax(-d^2) cannot put more than
    1 / (1 + (C - 1) exp(-4)) on a class, and its class-balanced mean loss stays above
    2.21 nats for 63: without a scale (start at 10 to 20) nothing is learned.
    """
    rows = jax.random.normal(key, (capacity, dim))
    rows = rows / jnp.linalg.norm(rows, axis=-1, keepdims=True)
    return {"embeddings": rows, "log_scale": jnp.log(jnp.float32(scale))}


def init_slots(active: np.ndarray, dim: int) -> Slots:
    """Slots without samples; `active` bool[c] marks those in use."""
    c = len(active)
    return Slots(
        sums=jnp.zeros((c, dim)),
        counts=jnp.zeros(c, jnp.int32),
        active=jnp.asarray(active),
        radius=jnp.full(c, jnp.inf),
    )


def rows(table: PyTree) -> Float[Array, "c d"]:
    """The rows at length 1."""
    embeddings = table["embeddings"]
    length2 = jnp.sum(embeddings**2, -1, keepdims=True)
    return embeddings * jax.lax.rsqrt(jnp.maximum(length2, 1e-12))


def table_logits(table: PyTree, z: Float[Array, "b d"]) -> Float[Array, "b c"]:
    """`-scale * |z - e|^2` to the row of every slot, free ones included."""
    return -jnp.exp(table["log_scale"]) * squared_distance(z, rows(table))
