"""Swipes that a finger might make over the keys of words, many at once.

From key to key a hand moves with minimum jerk (T. Flash and N. Hogan, 1985): the share
10 s^3 - 15 s^4 + 6 s^5 of the way after the share s of the time, which grows with the
distance (P. Fitts, 1954). A movement begins before the last one has ended, so corners
are cut; what a finger aims at lies beside the key's middle, and its way is bent.

Places are in units of keys: x in keys from the left edge, y in rows from the first one.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

POINTS = 64
"""Of a swipe, at equal times."""
ASPECT = (1.3, 1.8)
"""Height of a key over its width, on telephones."""


class Finger(NamedTuple):
    """How swipes are made; pairs are ranges, of which every swipe draws its own."""

    miss: tuple[float, float] = (0.12, 0.36)
    """Standard deviation of what is aimed at, in key widths."""
    drift: float = 0.12
    """Standard deviation of a shift of the whole swipe, in key widths."""
    overlap: tuple[float, float] = (-0.15, 0.4)
    """Share of a movement that the next one begins before; below 0 it waits."""
    bow: float = 0.1
    """Standard deviation of a movement's bend, share of its length."""
    pace: tuple[float, float] = (0.095, 0.5)
    """Seconds of a movement without way, and again for each doubling of it: median, and
    standard deviation of the logarithm."""
    hesitation: float = 0.4
    """Standard deviation of the logarithm of a single movement's time."""
    rest: float = 0.08
    """Mean seconds before the first movement and after the last."""
    loops: float = 0.2
    """Share of double letters that are circled; as many again are only passed."""
    tremor: float = 0.05
    """Standard deviation of a smooth wandering, in key widths."""


USUAL = Finger()


def swipes(
    rng: np.random.Generator, ways: Sequence[np.ndarray], finger: Finger = USUAL
) -> tuple[np.ndarray, np.ndarray]:
    """`(f32[b POINTS 2], f32[b])`: places and seconds of swipes over f[n 2] keys each.

    A word of one letter is a tap that slips.
    """
    b, most = len(ways), max(map(len, ways)) + 1
    aspect = rng.uniform(*ASPECT, (b, 1))
    count = np.array([len(way) for way in ways])
    place = np.empty((b, most, 2))
    for i, way in enumerate(ways):
        place[i, : len(way)], place[i, len(way) :] = way, way[-1]
    place[..., 1] *= aspect
    same = (np.diff(place, axis=1) == 0).all(-1)
    joint = np.arange(most) < count[:, None]
    miss = rng.uniform(*finger.miss, (b, 1, 1)) * rng.normal(size=place.shape)
    miss[:, 1:][same] = miss[:, :-1][same] + rng.normal(0, 0.05, (int(same.sum()), 2))
    place += miss + rng.normal(0, finger.drift, (b, 1, 2))
    place[~joint] = np.repeat(place[np.arange(b), count - 1], most - count, axis=0)
    move = np.diff(place, axis=1)
    length = np.linalg.norm(move, axis=-1)
    pace = finger.pace[0] * rng.lognormal(0, finger.pace[1], (b, 1))
    spent = (
        pace
        * (1 + np.log2(1 + length))
        * rng.lognormal(0, finger.hesitation, length.shape)
    )
    real = joint[:, 1:]
    spent *= real
    passed = same & (rng.random(same.shape) < finger.loops)
    spent[passed & real] *= 0.1
    start = rng.exponential(finger.rest, b)
    overlap = rng.uniform(*finger.overlap, (b, 1))
    overlap = np.clip(overlap + rng.normal(0, 0.12, length.shape), -0.3, 0.85)
    step = spent * (1 - overlap)
    begin = start[:, None] + np.cumsum(step, 1) - step
    total = (begin + spent).max(1) + rng.exponential(finger.rest, b)
    total = np.maximum(total, 0.05)
    time = total[:, None] * np.linspace(0, 1, POINTS)
    at = (time[:, None] - begin[..., None]) / np.maximum(spent, 1e-6)[..., None]
    at = np.where(real[..., None], at, 0.0)
    xy = place[:, :1] + _moved(rng, move, at, finger)
    circled = same & real & ~passed & (rng.random(same.shape) < finger.loops)
    xy += _circles(rng, at, circled)
    xy += finger.tremor * _smooth(rng, b)
    xy[..., 1] /= aspect
    return xy.astype(np.float32), total.astype(np.float32)


def _moved(rng, move: np.ndarray, at: np.ndarray, finger: Finger) -> np.ndarray:
    """[b t 2]: the sum of all movements, each bent to a side."""
    s = np.clip(at, 0, 1)
    share = s**3 * (10 - 15 * s + 6 * s**2)
    side = np.stack([-move[..., 1], move[..., 0]], -1)
    side *= rng.normal(0, finger.bow, (*move.shape[:2], 1))
    bend = np.sin(np.pi * share)
    return np.einsum("bnt,bnd->btd", share, move) + np.einsum(
        "bnt,bnd->btd", bend, side
    )


def _circles(rng, at: np.ndarray, circled: np.ndarray) -> np.ndarray:
    """[b t 2]: a small circle while a letter is repeated."""
    angle = 2 * np.pi * np.clip(at, 0, 1) * rng.choice([-1, 1], (*circled.shape, 1))
    turn = rng.uniform(0, 2 * np.pi, (*circled.shape, 1))
    radius = circled[..., None] * rng.uniform(0.1, 0.35, (*circled.shape, 1))
    x = radius * (np.cos(angle + turn) - np.cos(turn))
    y = radius * (np.sin(angle + turn) - np.sin(turn))
    return np.stack([x.sum(1), y.sum(1)], -1)


def _smooth(rng, b: int) -> np.ndarray:
    """[b t 2]: smooth noise of variance 1."""
    knots = rng.normal(size=(b, 9, 2))
    grid = np.linspace(0, 8, POINTS)
    left = np.minimum(grid.astype(int), 7)
    share = (grid - left)[None, :, None]
    return (1 - share) * knots[:, left] + share * knots[:, left + 1]
