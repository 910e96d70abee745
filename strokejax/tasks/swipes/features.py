"""Features of swipes and distances to words, on the device.

Features are computed from raw points. The width of the keyboard that a hand had in mind
is often unknown, so features of keys are computed at each of `WIDTH_FACTORS`.
`path_distances` measures how far a swipe lies from the paths of candidate words.

Places are in key units (`Layout.units`): x in keys from the left edge, y in rows from
the first one. Times are in seconds.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from strokejax.tasks.swipes.synthesis import POINTS

WIDTH_FACTORS = (0.8, 1.0, 1.25)
"""Possible widths of a keyboard of unknown width, over that of its layout."""
MOVEMENT = 8
"""Channels of `movement`."""
KEY_SIGMA = 0.45
"""Standard deviation around a key centre of the points that mean the key, in keys."""
KEY_ASPECT = 1.5
"""Height of a key over its width."""
CENTRE = (5.0, 1.0)
"""Subtracted from places, in keys."""

LOCATION_POINTS = 32
"""Points at equal distances along a path, for the location distance."""
DTW_POINTS = 64
"""Points at equal distances along a swipe, for the DTW distance."""


# Features of single points.


def resample(points: Float[Array, "b p 3"]) -> Float[Array, "b POINTS 3"]:
    """x, y, t at equal steps from the first point to the last, with t from 0.

    A step is half time and half path length, so neither a rest nor a leap takes up all
    points. Points are in the order of their times; padding repeats the last point.
    """

    def one(swipe):
        t = swipe[:, 2] - swipe[0, 2]
        moves = jnp.diff(swipe[:, :2], axis=0) * jnp.array([1.0, KEY_ASPECT])
        length = jnp.cumsum(jnp.sqrt(jnp.sum(moves**2, -1)))
        progress = _normalised(t) + _normalised(jnp.concatenate([jnp.zeros(1), length]))
        # A swipe without any progress is resampled by its indices.
        index = jnp.linspace(0.0, 1.0, len(swipe))
        at = jnp.where(progress[-1] > 0, _normalised(progress), index)
        steps = jnp.linspace(0.0, 1.0, POINTS)
        raw = jnp.concatenate([swipe[:, :2], t[:, None]], -1)
        return jnp.stack([jnp.interp(steps, at, raw[:, i]) for i in range(3)], -1)

    return jax.vmap(one)(points)


def _normalised(cumulative):
    """A cumulative sum divided by its total; 0 for a total of 0."""
    return cumulative / jnp.where(cumulative[-1] > 0, cumulative[-1], 1.0)


def movement(points: Float[Array, "b p 3"]) -> Float[Array, "b p MOVEMENT"]:
    """x, y, time step, total time, and first and second derivatives of x and y.

    Derivatives are central differences over the steps of the swipe. The factors bring
    the channels to a similar size.
    """
    xy = points[..., :2] - jnp.array(CENTRE)
    first = _central_difference(xy)
    seconds = points[:, -1:, 2:]
    step = jnp.broadcast_to(10 * seconds / points.shape[1], (*points.shape[:2], 1))
    total = jnp.broadcast_to(jnp.log1p(seconds), step.shape)
    place, second = xy * jnp.array([0.3, 0.8]), _central_difference(first)
    return jnp.concatenate([place, step, total, 4 * first, 16 * second], -1)


def _central_difference(x):
    """Along axis 1, which is extrapolated linearly by one step at both ends."""
    padded = jnp.concatenate(
        [2 * x[:, :1] - x[:, 1:2], x, 2 * x[:, -1:] - x[:, -2:-1]], 1
    )
    return (padded[:, 2:] - padded[:, :-2]) / 2


# Features of points and keys. `w` indexes `WIDTH_FACTORS`, `exists` masks padding keys.


def offsets(
    points: Float[Array, "b p 3"],
    keys: Float[Array, "b k 2"],
    known: Float[Array, "b"],
) -> Float[Array, "b p w k 2"]:
    """From key centres to points, in keys, for each width of the keyboard.

    All widths are 1 if the width is `known` (1, otherwise 0).
    """
    widths = jnp.array(WIDTH_FACTORS) ** (1 - known[:, None])
    scale = jnp.stack([widths, jnp.ones_like(widths)], -1)
    xy = points[:, :, None, :2] / scale[:, None]
    return xy[..., None, :] - keys[:, None, None]


def key_weights(
    offset: Float[Array, "... k 2"], exists: Array, scale: Any = 1.0
) -> Array:
    """f32[... k]: normalised Gaussian weights of the keys; their sum is at most 1.

    The floor of the sum lets the weights of a point far from all keys go to 0.
    """
    d2 = jnp.sum((offset * scale) ** 2, -1) / KEY_SIGMA**2
    density = jnp.where(exists, jnp.exp(-0.5 * d2), 0.0)
    return density / jnp.maximum(density.sum(-1, keepdims=True), 0.1)


def nearest_key(offset: Float[Array, "... k 2"], exists: Array) -> Int[Array, "..."]:
    """The index of the nearest key."""
    d2 = jnp.where(exists, jnp.sum(offset**2, -1), jnp.inf)
    return jnp.argmin(d2, -1)


def proximities(
    offset: Float[Array, "b p w k 2"], letters: Int[Array, "b k"], count: int
) -> Float[Array, "b p w count"]:
    """exp(-d/2) of the distance d to each of `count` letters; 0 without a key."""
    # The epsilon keeps the gradient of the root finite at a key's centre.
    proximity = jnp.exp(-0.5 * jnp.sqrt(jnp.sum(offset**2, -1) + 1e-6))
    return by_letter(proximity, letters, count)


def one_hot(
    points: Float[Array, "b p 3"],
    keys: Float[Array, "b k 2"],
    letters: Int[Array, "b k"],
    count: int,
) -> Float[Array, "b p count+3"]:
    """One-hot nearest letter of `count`, then x, y, t, as in O. Alsharif et al. (2015).

    x and y are scaled so that the outermost keys lie at -1 and 1.
    """
    exists = (letters >= 0)[..., None]
    low = jnp.where(exists, keys, jnp.inf).min(1, keepdims=True)
    high = jnp.where(exists, keys, -jnp.inf).max(1, keepdims=True)
    half = jnp.maximum((high - low) / 2, 0.5)
    place = (points[..., :2] - (low + high) / 2) / half
    offset = points[:, :, None, :2] - keys[:, None]
    key = nearest_key(offset, exists[:, None, :, 0])
    letter = jnp.take_along_axis(letters, key, 1)
    encoded = jax.nn.one_hot(letter, count, dtype=points.dtype)
    return jnp.concatenate([encoded, place, points[..., 2:]], -1)


def by_letter(
    values: Float[Array, "b p w k"], letters: Int[Array, "b k"], count: int
) -> Float[Array, "b p w count"]:
    """Values of keys, moved to the index of each key's letter; -1 is no key."""
    encoded = jax.nn.one_hot(letters, count, dtype=values.dtype)
    return jnp.einsum("bpwk,bkc->bpwc", values, encoded)


# Distances between swipes and the paths of words.


class PathDistances(NamedTuple):
    """Distances between words and swipes; leaves f32[*b]."""

    location: Array
    """Mean distance in keys between points at equal shares of both lengths."""
    dtw: Array
    """Sum of squared distances in keys between keys and the points aligned to them."""


def path_distances(
    points: Float[Array, "b p 2"],
    keys: Float[Array, "b k 2"],
    letters: Int[Array, "b k"],
    text: Int[Array, "b w l"],
) -> PathDistances:
    """Distances [b w] between swipes and words, which are given by their letters.

    `points` and `keys` have the same unit. Letters without a key are padding; the
    distances of a word of padding alone have no meaning.
    """

    def one(swipe, keys, letters, text):
        for_location = evenly_spaced(swipe, LOCATION_POINTS)
        for_dtw = evenly_spaced(swipe, DTW_POINTS)

        def word(codes):
            path, real = word_path(codes, keys, letters)
            offset = evenly_spaced(path, LOCATION_POINTS) - for_location
            location = jnp.linalg.norm(offset, axis=-1).mean()
            return PathDistances(location, dtw_distance(path, real, for_dtw))

        return jax.vmap(word)(text)

    return jax.vmap(one)(points, keys, letters, text)


def word_path(
    codes: Int[Array, "l"], keys: Float[Array, "k 2"], letters: Int[Array, "k"]
) -> tuple[Float[Array, "l 2"], Array]:
    """`(f32[l 2], bool[l])`: the key centres of a word, and which are real.

    The last real centre pads the path.
    """
    same = (codes[:, None] == letters) & (codes >= 0)[:, None]
    real = same.any(1)
    centre = keys[jnp.argmax(same, 1)]
    last = centre[jnp.maximum(real.sum() - 1, 0)]
    return jnp.where(real[:, None], centre, last), real


def evenly_spaced(path: Float[Array, "n 2"], count: int) -> Float[Array, "count 2"]:
    """Points at equal distances along a path."""
    step = jnp.linalg.norm(jnp.diff(path, axis=0), axis=-1)
    length = jnp.concatenate([jnp.zeros(1), jnp.cumsum(step)])
    at = jnp.linspace(0.0, 1.0, count) * length[-1]
    return jnp.stack([jnp.interp(at, length, path[:, i]) for i in (0, 1)], -1)


def dtw_distance(
    path: Float[Array, "l 2"], real: Array, points: Float[Array, "p 2"]
) -> Float[Array, ""]:
    """Squared distances of keys to points, summed along the best alignment.

    Dynamic time warping in which every key meets one point, in order, and other points
    cost nothing. The first key meets the first point, the last key the last one.
    """
    d2 = jnp.sum((path[:, None] - points) ** 2, -1)
    last = jnp.maximum(real.sum() - 1, 0)
    # cost[i]: the least sum for keys 0 to i with the points so far.
    start = jnp.full(len(path), jnp.inf).at[0].set(d2[0, 0])

    def next_point(cost, column):
        shorter = jnp.concatenate([jnp.full(1, jnp.inf), cost[:-1]])
        return jnp.minimum(cost, shorter + column), None

    cost, _ = jax.lax.scan(next_point, start, d2[:, 1:-1].T)
    before = jnp.where(last > 0, cost[jnp.maximum(last - 1, 0)], d2[0, 0])
    return before + d2[last, -1]
