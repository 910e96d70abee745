"""The nearest rows of the table."""

from functools import partial

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from strokejax.table.table import Slots, rows
from strokejax.table.table_distance import squared_distance
from strokejax.types import Encoder, PyTree


def nearest(
    z: Float[Array, "b d"], table: PyTree, slots: Slots, k: int
) -> tuple[Float[Array, "b k"], Int[Array, "b k"]]:
    """Squared distances (0 to 4, and offsets) and slots of the k nearest symbols.

    Nearest first; a symbol is as near as its nearest row. Ties go to the lower slot.
    Beyond the active slots: distance inf, slot -1.
    """
    negative, slot = best(-symbol_distances(z, table, slots), k)
    return -negative, slot


def scored(
    out: Float[Array, "b d"], table: PyTree, slots: Slots
) -> tuple[Float[Array, "b c"], Float[Array, "b c"]]:
    """What symbols are ranked by, higher first, and their logits; -inf for no answer.

    `out` are embeddings, ranked by distance, or logits where the table is empty.
    """
    if not table:
        logits = jnp.where(slots.active, out, -jnp.inf)
        return logits, logits
    distances = symbol_distances(out, table, slots)
    return -distances, -jnp.exp(table["log_scale"]) * distances


def symbol_distances(
    z: Float[Array, "b d"], table: PyTree, slots: Slots
) -> Float[Array, "b c"]:
    """Squared distance plus offset of every row; inf unless its symbol's nearest."""
    dist2 = squared_distance(z, rows(table)) + slots.offset
    dist2 = jnp.where(slots.active, dist2, jnp.inf)
    itself = jnp.arange(dist2.shape[1], dtype=slots.owner.dtype)

    def nearest_rows(dist2):
        def least(values, empty):
            found = jnp.full_like(values, empty).at[:, slots.owner].min(values)
            return found[:, slots.owner]

        near = dist2 == least(dist2, jnp.inf)
        place = jnp.where(near, itself, len(itself))
        return jnp.where(place == least(place, len(itself)), dist2, jnp.inf)

    several = jnp.any(slots.active & (slots.owner != itself))
    return jax.lax.cond(several, nearest_rows, lambda dist2: dist2, dist2)


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
