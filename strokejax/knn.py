"""The nearest rows of the table."""

from functools import partial

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from strokejax.distance import squared_distance
from strokejax.table import Slots, rows
from strokejax.types import Encoder, PyTree


def nearest(
    z: Float[Array, "b d"], table: PyTree, slots: Slots, k: int
) -> tuple[Float[Array, "b k"], Int[Array, "b k"]]:
    """Squared distances (0 to 4) and slots of the k nearest active rows, nearest first.

    Ties go to the lower slot. Beyond the active slots: distance inf, slot -1.
    """
    dist2 = jnp.where(slots.active, squared_distance(z, rows(table)), jnp.inf)
    negative, slot = best(-dist2, k)
    return -negative, slot


def best(
    scores: Float[Array, "b c"], k: int
) -> tuple[Float[Array, "b k"], Int[Array, "b k"]]:
    """The k highest finite scores and their slots, ties to the lower slot.

    Beyond the finite ones: score -inf, slot -1.
    """
    spare = max(0, k - scores.shape[1])
    wide = jnp.pad(scores, ((0, 0), (0, spare)), constant_values=-jnp.inf)
    top, slot = jax.lax.top_k(wide, k)
    return top, jnp.where(jnp.isfinite(top), slot, -1)


@partial(jax.jit, static_argnames=("encoder", "k"))
def knn_forward_pass(
    encoder: Encoder,
    params: PyTree,
    model_state: PyTree,
    slots: Slots,
    inputs: PyTree,
    k: int,
) -> tuple[Float[Array, "b k"], Int[Array, "b k"]]:
    """Inputs to the k nearest symbols: `(dist2 f32[b k], slot i32[b k])` (`nearest`).

    Compiled once for an encoder, a k and the shapes; rows and slots may change freely.
    """
    mask = jnp.ones(jax.tree.leaves(inputs)[0].shape[0], bool)
    encoded = encoder.apply(params["encoder"], model_state, inputs, mask, train=False)
    return nearest(encoded[0], params["table"], slots, k)
