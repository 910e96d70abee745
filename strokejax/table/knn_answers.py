"""Answers of a model, and the compiled functions that give them."""

from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from strokejax.table.knn import best, scored


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
