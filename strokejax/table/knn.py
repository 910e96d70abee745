"""k-nearest-neighbour search in the table: from inputs to symbols in one pass."""

from collections.abc import Callable
from functools import cache, partial
from inspect import unwrap
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Float, Int

from strokejax.table.table import Array, Slots, rows, squared_distance
from strokejax.types import Encoder, PyTree


def nearest(
    z: Float[Array, "b d"], table: PyTree, slots: Slots, k: int
) -> tuple[Float[Array, "b k"], Int[Array, "b k"]]:
    """Squared distances (0 to 4, plus offsets) and slots of the k nearest symbols.

    Nearest first; the nearest row of a symbol counts, and ties go to the lower slot.
    Beyond the active slots the distance is inf and the slot -1.
    """
    negative, slot = best(-symbol_distances(z, table, slots), k)
    return -negative, slot


def scored(
    out: Float[Array, "b d"], table: PyTree, slots: Slots
) -> tuple[Float[Array, "b c"], Float[Array, "b c"]]:
    """Scores that rank the symbols, and their logits; -inf for slots that cannot win.

    `out` are embeddings, scored by distance, or logits if the table is empty.
    """
    if not table:
        logits = jnp.where(slots.active, out, -jnp.inf)
        return logits, logits
    distances = symbol_distances(out, table, slots)
    return -distances, -jnp.exp(table.get("log_scale", 0.0)) * distances


def symbol_distances(
    z: Float[Array, "b d"], table: PyTree, slots: Slots
) -> Float[Array, "b c"]:
    """Squared distance plus offset of the nearest row of each symbol; else inf."""
    dist2 = squared_distance(z, rows(table)) + slots.offset
    dist2 = jnp.where(slots.active, dist2, jnp.inf)
    slot = jnp.arange(dist2.shape[1], dtype=slots.owner.dtype)

    def nearest_rows(dist2):
        def symbol_min(values, empty):
            minimum = jnp.full_like(values, empty).at[:, slots.owner].min(values)
            return minimum[:, slots.owner]

        # Of rows at the same distance, the one in the lowest slot stays.
        near = dist2 == symbol_min(dist2, jnp.inf)
        near_slot = jnp.where(near, slot, len(slot))
        lowest = near_slot == symbol_min(near_slot, len(slot))
        return jnp.where(lowest, dist2, jnp.inf)

    # A table with one row per symbol skips the scatter.
    several = jnp.any(slots.active & (slots.owner != slot))
    return jax.lax.cond(several, nearest_rows, lambda dist2: dist2, dist2)


def best(
    scores: Float[Array, "b c"], k: int
) -> tuple[Float[Array, "b k"], Int[Array, "b k"]]:
    """The k highest finite scores and their slots; ties go to the lower slot.

    Beyond the finite scores the score is -inf and the slot -1.
    """
    padding = max(0, k - scores.shape[1])
    padded = jnp.pad(scores, ((0, 0), (0, padding)), constant_values=-jnp.inf)
    top, slot = jax.lax.top_k(padded, k)
    return top, jnp.where(jnp.isfinite(top), slot, -1)


class Answer(NamedTuple):
    """The nearest symbols of one drawing, best first.

    >>> import strokejax
    >>> answer = strokejax.Answer(("o", "0"), (0.1, 0.3), (0.8, 0.2), ("shape",))
    >>> answer.symbols[0], answer.unknown
    ('o', False)
    """

    symbols: tuple[str, ...]
    dist2: tuple[float, ...] | None
    """Squared distances, 0 to 4 plus offsets; None for a class head."""
    probability: tuple[float, ...]
    """Softmax over all symbols of the model."""
    inputs: tuple[str, ...]
    """The modalities that were used: "shape", "motion", "size"."""
    unknown: bool = False
    """Whether the drawing is probably none of the model's symbols."""
    reason: str = ""
    """The reason why it is unknown, else ""."""


class Ranked(NamedTuple):
    """The k nearest symbols of each input, nearest first; jax or numpy arrays."""

    dist2: Any
    """f32[b k]: squared distances with offsets; inf beyond the active slots, and for a
    class head."""
    slot: Any
    """i32[b k]: -1 beyond the active slots."""
    probability: Any
    """f32[b k]: softmax over all symbols; 0 beyond the active slots."""
    novelty: Any
    """f32[b]: (dist2 - radius) / scale of the nearest symbol, 0 if these are unknown.
    Inputs with large values are rejected."""


def rank(out: Float[Array, "b d"], table: PyTree, slots: Slots, k: int) -> Ranked:
    """The nearest symbols of embeddings, or of logits if the table is empty."""
    scores, logits = scored(out, table, slots)
    top, slot = best(scores, k)
    dist2 = -top if table else jnp.full(slot.shape, jnp.inf)
    softmax = jax.nn.softmax(logits)
    probability = jnp.take_along_axis(softmax, jnp.maximum(slot, 0), axis=1)
    first = slot[:, 0]
    novelty = (dist2[:, 0] - slots.radius[first]) / slots.scale[first]
    novelty = jnp.where(jnp.isfinite(slots.scale[first]), novelty, 0.0)
    return Ranked(dist2, slot, jnp.where(slot < 0, 0.0, probability), novelty)


def embed(
    encoder: Encoder, params: PyTree, model_state: PyTree, inputs: PyTree
) -> Float[Array, "b d"]:
    """Embeddings of inputs, or the logits of a class head, in inference mode.

    A pure function for `jax.jit`, `jax.vmap` and `jax.grad`.

    >>> import jax, jax.numpy as jnp, strokejax
    >>> def apply(params, state, inputs, mask, *, train, key=None):
    ...     z = inputs @ params["w"]
    ...     return z / jnp.linalg.norm(z, axis=-1, keepdims=True), state
    >>> encoder = strokejax.Encoder(lambda key, inputs: ({}, {}), apply)
    >>> params = {"encoder": {"w": jnp.eye(3)}, "table": {}}
    >>> strokejax.embed(encoder, params, {}, jnp.array([[3.0, 0.0, 4.0]])).tolist()
    [[0.6000000238418579, 0.0, 0.800000011920929]]
    """
    mask = jnp.ones(jax.tree.leaves(inputs)[0].shape[0], bool)
    return encoder.apply(params["encoder"], model_state, inputs, mask, train=False)[0]


@partial(jax.jit, static_argnames=("encoder", "k", "details"))
def knn_forward_pass(
    encoder: Encoder,
    params: PyTree,
    model_state: PyTree,
    slots: Slots,
    inputs: PyTree,
    k: int,
    details: bool = False,
) -> tuple[Float[Array, "b k"], Int[Array, "b k"]] | Ranked:
    """The k nearest symbols of inputs: `(dist2 f32[b k], slot i32[b k])`.

    With `details` a `Ranked`. Nearest first; `dist2` is 0 to 4 plus offsets, and beyond
    the active slots inf with slot -1. Compiled once per encoder, k and shapes; changed
    rows and slots recompile nothing.

    >>> import jax.numpy as jnp, numpy as np, strokejax
    >>> def apply(params, state, inputs, mask, *, train, key=None):
    ...     return inputs / jnp.linalg.norm(inputs, axis=-1, keepdims=True), state
    >>> encoder = strokejax.Encoder(lambda key, inputs: ({}, {}), apply)
    >>> table = {"embeddings": jnp.eye(3), "log_scale": jnp.float32(2.8)}
    >>> slots = strokejax.init_slots(np.array([True, True, False]), dim=3)
    >>> params = {"encoder": {}, "table": table}
    >>> dist2, slot = strokejax.knn_forward_pass(
    ...     encoder, params, {}, slots, jnp.array([[0.0, 2.0, 0.0]]), k=3)
    >>> dist2.tolist(), slot.tolist()
    ([[0.0, 2.0, inf]], [[1, 0, -1]])
    """
    z = embed(encoder, params, model_state, inputs)
    ranked = rank(z, params["table"], slots, k)
    return ranked if details else (ranked.dist2, ranked.slot)


rank_compiled = jax.jit(rank, static_argnames="k")
embed_compiled = jax.jit(embed, static_argnames="encoder")


@cache
def jit_quick(function: Callable[..., Any], *static: str) -> Callable[..., Any]:
    """`jax.jit` without optimisation for CPUs: compiles 5 times faster, runs slower."""
    options: dict[str, Any] = {}
    if jax.default_backend() == "cpu":
        options = {
            "xla_backend_optimization_level": 0,
            "xla_llvm_disable_expensive_passes": True,
        }
        if jax.__version_info__ < (0, 11):
            # For forward passes alone: gradients of convolutions come out wrong.
            options["xla_cpu_use_fusion_emitters"] = False
    return jax.jit(function, static_argnames=static, compiler_options=options)


def forward_pass(fast: bool) -> Callable[..., Any]:
    """`knn_forward_pass`, or its `jit_quick` version for a handful of answers."""
    if fast:
        return knn_forward_pass
    return jit_quick(unwrap(knn_forward_pass), "encoder", "k", "details")
