"""How far swipes lie from the ways of words over a keyboard, on the device.

Two distances that no network has learned, so whose hand it was does not matter: along
both ways at equal shares of their lengths (the location channel of SHARK2, P.-O.
Kristensson and S. Zhai, 2004), and from the keys to the points that pass them in order
(dynamic time warping, H. Sakoe and S. Chiba, 1978).
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

SHARES = 32
"""Points of a way, at equal distances along it."""
PASSED = 64
"""Points that may pass a key."""


class Ways(NamedTuple):
    """Distances of words; leaves f32[*b]."""

    along: Array
    """Mean distance in keys at equal shares of both ways."""
    passing: Array
    """Sum of the squared distances in keys from each key to the point that passes it,
    the first and the last point at the ends."""


def ways(
    points: Float[Array, "b p 2"],
    keys: Float[Array, "b k 2"],
    letters: Int[Array, "b k"],
    text: Int[Array, "b w l"],
) -> Ways:
    """Of words, given by their letters, to swipes over keys of the same unit.

    Letters without a key pad a word; one of no letters lies at an unknown place.
    """

    def one(swipe, keys, letters, text):
        even, passed = evenly(swipe, SHARES), evenly(swipe, PASSED)

        def word(codes):
            way, there = way_of(codes, keys, letters)
            apart = jnp.linalg.norm(evenly(way, SHARES) - even, axis=-1)
            return Ways(apart.mean(), passing(way, there, passed))

        return jax.vmap(word)(text)

    return jax.vmap(one)(points, keys, letters, text)


def way_of(
    codes: Int[Array, "l"], keys: Float[Array, "k 2"], letters: Int[Array, "k"]
) -> tuple[Float[Array, "l 2"], Array]:
    """Places of a word's letters, the last one again behind its end; which are real."""
    same = (codes[:, None] == letters) & (codes >= 0)[:, None]
    there = same.any(1)
    place = keys[jnp.argmax(same, 1)]
    last = place[jnp.maximum(there.sum() - 1, 0)]
    return jnp.where(there[:, None], place, last), there


def evenly(way: Float[Array, "n 2"], count: int) -> Float[Array, "count 2"]:
    """Points of equal distance along a way."""
    step = jnp.linalg.norm(jnp.diff(way, axis=0), axis=-1)
    share = jnp.concatenate([jnp.zeros(1), jnp.cumsum(step)])
    at = jnp.linspace(0.0, 1.0, count) * share[-1]
    return jnp.stack([jnp.interp(at, share, way[:, i]) for i in (0, 1)], -1)


def passing(
    way: Float[Array, "l 2"], there: Array, points: Float[Array, "p 2"]
) -> Float[Array, ""]:
    """The least sum of squared distances of keys to points, each behind the last.

    The first key meets the first point, the last key the last one.
    """
    apart = jnp.sum((way[:, None] - points) ** 2, -1)
    last = jnp.maximum(there.sum() - 1, 0)
    # What is paid for the keys up to each, seen by the points so far.
    start = jnp.full(len(way), jnp.inf).at[0].set(apart[0, 0])

    def see(paid, distance):
        before = jnp.concatenate([jnp.full(1, jnp.inf), paid[:-1]])
        return jnp.minimum(paid, before + distance), None

    paid, _ = jax.lax.scan(see, start, apart[:, 1:-1].T)
    before = jnp.where(last > 0, paid[jnp.maximum(last - 1, 0)], apart[0, 0])
    return before + apart[last, -1]
