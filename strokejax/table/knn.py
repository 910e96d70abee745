"""The nearest rows of the table."""

from collections.abc import Callable
from functools import cache, partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from strokejax.table.table import Slots, rows, squared_distance
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


# Answers of a model, and the compiled functions that give them.


class Answer(NamedTuple):
    """The nearest symbols of one drawing, best first."""

    symbols: tuple[str, ...]
    dist2: tuple[float, ...] | None
    """Squared distances, 0 to 4 and offsets; None under a class head."""
    probability: tuple[float, ...]
    """Of each among all symbols of the model."""
    inputs: tuple[str, ...]
    """What was seen of the drawing: "shape", "motion", "size"."""
    unknown: bool = False
    """Whether the drawing is probably none of the model's symbols."""
    reason: str = ""
    """Why it is unknown."""


class Ranked(NamedTuple):
    """The nearest symbols of n inputs, best first."""

    slot: np.ndarray
    """i32[n k], -1 beyond the active ones."""
    dist2: np.ndarray
    """f32[n k], offsets included; inf under a class head."""
    probability: np.ndarray
    """f32[n k]"""
    strangeness: np.ndarray
    """f32[n]: distance beyond the reach of the nearest symbol, in its spreads; 0 where
    these are not known."""


def answer_with(encoder, params, model_state, slots, inputs, k):
    """The fields of `Ranked` for a batch of inputs."""
    out = embed_with(encoder, params, model_state, slots, inputs)
    return rank_with(out, params["table"], slots, k)


def rank_with(out, table, slots, k):
    """The fields of `Ranked` for embeddings f32[b d], or logits under a class head."""
    scores, logits = scored(out, table, slots)
    top, slot = best(scores, k)
    dist2 = -top if table else jnp.full(slot.shape, jnp.inf)
    share = jnp.take_along_axis(jax.nn.softmax(logits), jnp.maximum(slot, 0), axis=1)
    first = slot[:, 0]
    strange = (dist2[:, 0] - slots.reach[first]) / slots.spread[first]
    strange = jnp.where(jnp.isfinite(slots.spread[first]), strange, 0.0)
    return slot, dist2, jnp.where(slot < 0, 0.0, share), strange


def embed_with(encoder, params, model_state, slots, inputs):
    """f32[b d]: embeddings, or logits under a class head; `slots` are not looked at."""
    mask = jnp.ones(jax.tree.leaves(inputs)[0].shape[0], bool)
    encode = encoder.apply
    return encode(params["encoder"], model_state, inputs, mask, train=False)[0]


answer = jax.jit(answer_with, static_argnames=("encoder", "k"))
embed = jax.jit(embed_with, static_argnames="encoder")
rank = jax.jit(rank_with, static_argnames="k")


@cache
def soon(function: Callable[..., Any], *static: str) -> Callable[..., Any]:
    """`function` compiled in a fifth of the time: a CPU's code is optimised little."""
    options: dict[str, Any] = {}
    if jax.default_backend() == "cpu":
        options = {
            "xla_backend_optimization_level": 0,
            "xla_llvm_disable_expensive_passes": True,
        }
        if jax.__version_info__ < (0, 11):
            options["xla_cpu_use_fusion_emitters"] = False
    return jax.jit(function, static_argnames=static, compiler_options=options)
