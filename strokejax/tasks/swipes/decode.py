"""Searching the best words letter by letter, on the device, many swipes at once."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from strokejax.search.beam import Paths, last_code, prune, start, take
from strokejax.search.language import Guide, gain


class Search(NamedTuple):
    """How words are searched; plain values."""

    width: int = 24
    """Words that are followed; 1 is greedy."""
    limit: int = 32
    """Letters with the end."""
    exponent: float = 0.5
    """Evidence is divided by the number of letters to the power of this, at the end."""
    least: float = 0.0
    """Letters less probable than this are not followed."""
    mask: str = "after"
    """Letters that no word has are forbidden after the softmax, or "before" it: then a
    letter without alternative costs nothing."""


USUAL = Search()
Step = Callable[[Any, Array, Array, Array], tuple[Array, Any]]
"""`(cache, last i32[b w], place, writer i32[b w l]) -> (logits f32[b w c], cache)`.

`writer` says which path a path's letters were written by, -1 behind `place`: what is
kept of letters stays where it is while paths branch."""


def search(step: Step, cache: Any, count: int, guide: Guide, how: Search) -> Paths:
    """The best words of `count` swipes, ended ones first; the last code is the end.

    Traced; jit it together with what makes the cache.
    """
    paths = start(count, how.width, how.limit)
    codes = guide.letter.shape[0]
    code = jnp.broadcast_to(jnp.arange(codes), (count, codes))
    end = codes - 1

    def ended(paths: Paths):
        return last_code(paths) == end

    def go_on(carry):
        paths, _, _, place = carry
        alive = jnp.isfinite(paths.evidence) & ~ended(paths)
        return (place < how.limit) & jnp.any(alive)

    def grow(carry):
        paths, cache, writer, place = carry
        last = jnp.where(place > 0, last_code(paths), -2)
        here = jnp.arange(how.limit) == place
        writer = jnp.where(here, jnp.arange(how.width)[:, None], writer)
        logits, cache = step(cache, last, place, writer)
        if how.mask == "before":
            each = jnp.broadcast_to(code[:, None], logits.shape)
            may = jnp.isfinite(gain(guide, paths.place, each)[0])
            may &= (each != end) | (place > 0)
            logits = jnp.where(may, logits, -1e9)
        log_p = jax.nn.log_softmax(logits)
        log_p = jnp.where(log_p >= jnp.log(how.least), log_p, -jnp.inf)
        log_p = log_p.at[..., end].set(jnp.where(place > 0, log_p[..., end], -jnp.inf))
        done = ended(paths)
        stay = jnp.where(done, paths.evidence, -jnp.inf)
        longer = jnp.where(done[..., None], -jnp.inf, paths.evidence[..., None] + log_p)
        paths, chosen = prune(paths, stay, longer, code, guide)
        return paths, cache, take(writer, chosen.parent), place + 1

    writer = jnp.full((count, how.width, how.limit), -1)
    paths, *_ = jax.lax.while_loop(go_on, grow, (paths, cache, writer, jnp.int32(0)))
    return ranked(paths, ended(paths), how.exponent)


def ranked(paths: Paths, ended: Array, exponent: float) -> Paths:
    """Ended words first, by their evidence a letter and what the language says."""
    score = final_scores(paths, exponent)
    order = jnp.argsort(jnp.where(ended, -score, jnp.inf), axis=1, stable=True)
    return jax.tree.map(lambda x: take(x, order), paths)


def final_scores(paths: Paths, exponent: float) -> Float[Array, "b w"]:
    """What words are compared by at the end."""
    return paths.evidence / jnp.maximum(paths.length, 1) ** exponent + paths.language
