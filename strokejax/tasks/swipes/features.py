"""What a network sees of a swipe, computed on the device from its raw points.

Places are in units of keys (`keyboards.Layout.units`): x in keys from the left edge, y
in rows from the first one; times are in seconds. How wide a hand believes the keyboard
to be is often unknown, so keys are felt at each of `WIDTHS` at once.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from strokejax.tasks.swipes.synthesis import POINTS

WIDTHS = (0.8, 1.0, 1.25)
"""Of the keyboard over the one that is told, where its width is unknown."""
MOVEMENT = 8
NEAR = 0.45
"""Standard deviation in key widths of the places that mean a key."""
HIGH = 1.5
"""Height of a key over its width."""
MIDDLE = (5.0, 1.0)
"""Subtracted from places, in keys."""


def resampled(points: Float[Array, "b p 3"]) -> Float[Array, "b POINTS 3"]:
    """x, y, t at equal steps from the first point to the last, t beginning at 0.

    Half of a step is time and half of it way, so neither a rest nor a leap fills the
    swipe. Points in the order of their times; what pads a swipe repeats its last point.
    """

    def one(swipe):
        t = swipe[:, 2] - swipe[0, 2]
        moves = jnp.diff(swipe[:, :2], axis=0) * jnp.array([1.0, HIGH])
        way = jnp.cumsum(jnp.sqrt(jnp.sum(moves**2, -1)))
        share = _share(t) + _share(jnp.concatenate([jnp.zeros(1), way]))
        index = jnp.linspace(0.0, 1.0, len(swipe))
        at = jnp.where(share[-1] > 0, _share(share), index)
        steps = jnp.linspace(0.0, 1.0, POINTS)
        told = jnp.concatenate([swipe[:, :2], t[:, None]], -1)
        return jnp.stack([jnp.interp(steps, at, told[:, i]) for i in range(3)], -1)

    return jax.vmap(one)(points)


def _share(grown):
    """From 0 to 1; 0 everywhere where nothing grows."""
    return grown / jnp.where(grown[-1] > 0, grown[-1], 1.0)


def movement(points: Float[Array, "b p 3"]) -> Float[Array, "b p MOVEMENT"]:
    """x, y, step and length of time, and first and second derivatives of x and y.

    Derivatives are central differences over steps of the swipe.
    """
    xy = points[..., :2] - jnp.array(MIDDLE)
    first = _central(xy)
    spent = points[:, -1:, 2:]
    step = jnp.broadcast_to(10 * spent / points.shape[1], (*points.shape[:2], 1))
    total = jnp.broadcast_to(jnp.log1p(spent), step.shape)
    return jnp.concatenate(
        [xy * jnp.array([0.3, 0.8]), step, total, 4 * first, 16 * _central(first)], -1
    )


def _central(x):
    padded = jnp.concatenate(
        [2 * x[:, :1] - x[:, 1:2], x, 2 * x[:, -1:] - x[:, -2:-1]], 1
    )
    return (padded[:, 2:] - padded[:, :-2]) / 2


def offsets(
    points: Float[Array, "b p 3"],
    keys: Float[Array, "b k 2"],
    known: Float[Array, "b"],
) -> Float[Array, "b p w k 2"]:
    """From keys to points, in keys, with the keyboard at each of `WIDTHS`.

    Where the width is `known` (1, else 0) all of them are 1.
    """
    widths = jnp.array(WIDTHS) ** (1 - known[:, None])
    xy = (
        points[:, :, None, :2] / jnp.stack([widths, jnp.ones_like(widths)], -1)[:, None]
    )
    return xy[..., None, :] - keys[:, None, None]


def weights(offset: Float[Array, "... k 2"], there: Array, scale: Any = 1.0) -> Array:
    """f32[... k]: how much a point means each key, all of them together at most 1."""
    d2 = jnp.sum((offset * scale) ** 2, -1) / NEAR**2
    near = jnp.where(there, jnp.exp(-0.5 * d2), 0.0)
    return near / jnp.maximum(near.sum(-1, keepdims=True), 0.1)


def nearest(offset: Float[Array, "... k 2"], there: Array) -> Int[Array, "..."]:
    """The number of the nearest key."""
    d2 = jnp.where(there, jnp.sum(offset**2, -1), jnp.inf)
    return jnp.argmin(d2, -1)


def distances(
    offset: Float[Array, "b p w k 2"], letters: Int[Array, "b k"], count: int
) -> Float[Array, "b p w count"]:
    """exp(-d/2) of the distance to each of `count` letters, 0 where there is no key."""
    near = jnp.exp(-0.5 * jnp.sqrt(jnp.sum(offset**2, -1) + 1e-6))
    return by_letter(near, letters, count)


def one_hot(
    points: Float[Array, "b p 3"],
    keys: Float[Array, "b k 2"],
    letters: Int[Array, "b k"],
    count: int,
) -> Float[Array, "b p count+3"]:
    """The nearest letter, one of `count`; x, y, t: as O. Alsharif et al. (2015).

    The outermost keys lie at x and y of -1 and 1.
    """
    there = (letters >= 0)[..., None]
    low = jnp.where(there, keys, jnp.inf).min(1, keepdims=True)
    high = jnp.where(there, keys, -jnp.inf).max(1, keepdims=True)
    half = jnp.maximum((high - low) / 2, 0.5)
    place = (points[..., :2] - (low + high) / 2) / half
    which = nearest(points[:, :, None, :2] - keys[:, None], there[:, None, :, 0])
    letter = jnp.take_along_axis(letters, which, 1)
    near = jax.nn.one_hot(letter, count, dtype=points.dtype)
    return jnp.concatenate([near, place, points[..., 2:]], -1)


def by_letter(
    values: Float[Array, "b p w k"], letters: Int[Array, "b k"], count: int
) -> Float[Array, "b p w count"]:
    """Values of keys at the places of their letters; keys of letter -1 are none."""
    which = jax.nn.one_hot(letters, count, dtype=values.dtype)
    return jnp.einsum("bpwk,bkc->bpwc", values, which)


# How far swipes lie from the ways of words over a keyboard, on the device.


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
