"""Swipes that a finger might make over the keys of words, many at once.

A finger aims at points beside the keys' middles and runs through them: between two of
them by a cubic (C. Hermite's), with a speed at each that is a share of that of the
parabola through its neighbours. Without speed it stops at each key and turns on the
spot, with all of it it swings through in loops, as curves of least jerk through points
do (P. Quinn and S. Zhai, 2016). A movement's time grows with its distance (P. Fitts,
1954). Then the way is smoothed, which cuts corners, its time warped, for hands tarry
where they like, and it is seen at a screen's rate.

Places are in units of keys: x in keys from the left edge, y in rows from the first one.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

POINTS = 64
"""Of a swipe, at equal times."""
ASPECT = (1.3, 1.8)
"""Height of a key over its width, on telephones."""
FREEDOM = 4
"""Of W. Gosset's t distribution, after which keys are missed: some by far."""
RATE = 60.0
"""Points a second that a screen tells."""


class Finger(NamedTuple):
    """How swipes are made; pairs are ranges, of which every swipe draws its own."""

    miss: tuple[float, float] = (0.1, 0.45)
    """Standard deviation of what is aimed at, in key widths."""
    drift: float = 0.12
    """Standard deviation of a shift of the whole swipe, in key widths."""
    beyond: tuple[float, float] = (0.09, 0.09)
    """Mean and standard deviation of how far a movement is aimed too far, share of its
    length."""
    swing: tuple[float, float] = (0.0, 1.0)
    """Speed at a key over that of the parabola through it and its neighbours."""
    cut: tuple[float, float] = (0.0, 0.18)
    """Standard deviation of the smoothing, share of a movement's mean time."""
    pace: tuple[float, float] = (0.095, 0.5)
    """Seconds of a movement without way, and again for each doubling of it: median, and
    standard deviation of the logarithm."""
    hesitation: float = 0.4
    """Standard deviation of the logarithm of a single movement's time."""
    warp: tuple[float, float] = (0.4, 1.1)
    """Standard deviation of the logarithm of the pace along the swipe."""
    rest: float = 0.05
    """Mean seconds before the first movement and after the last."""
    loops: float = 0.2
    """Share of double letters that are circled; as many again are only passed."""
    tremor: tuple[float, float] = (0.02, 0.16)
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
    keys = np.empty((b, most, 2))
    for i, way in enumerate(ways):
        keys[i, : len(way)], keys[i, len(way) :] = way, way[-1]
    keys[..., 1] *= aspect
    real = np.arange(1, most) < count[:, None]
    same = (np.diff(keys, axis=1) == 0).all(-1)
    place = _aimed(rng, keys, same, finger)
    last = place[np.arange(b), count - 1][:, None]
    place[:, 1:] = np.where(real[..., None], place[:, 1:], last)
    length = np.linalg.norm(np.diff(place, axis=1), axis=-1)
    pace = finger.pace[0] * rng.lognormal(0, finger.pace[1], (b, 1))
    spent = pace * (1 + np.log2(1 + length))
    spent *= rng.lognormal(0, finger.hesitation, length.shape) * real
    passed = same & real & (rng.random(same.shape) < finger.loops)
    spent[passed] *= 0.1
    arrive = np.cumsum(
        np.concatenate([rng.exponential(finger.rest, (b, 1)), spent], 1), 1
    )
    total = np.maximum(arrive[:, -1] + rng.exponential(finger.rest, b), 0.05)
    time = total[:, None] * _warped(rng, b, rng.uniform(*finger.warp, (b, 1)))
    swing = rng.uniform(*finger.swing, (b, 1)) * rng.uniform(0.6, 1.4, (b, most))
    xy = _through(place, arrive, count, swing, time)
    circled = same & real & ~passed & (rng.random(same.shape) < finger.loops)
    at = time[:, None] - arrive[:, :-1, None]
    xy += _circles(rng, at / np.maximum(spent, 1e-6)[..., None], circled)
    wide = rng.uniform(*finger.cut, b) * spent.sum(1) / np.maximum(count - 1, 1) / total
    tremor = rng.uniform(*finger.tremor, (b, 1, 1))
    xy = _smoothed(xy, wide * POINTS) + tremor * _wandering(rng, b)
    xy[..., 1] /= aspect
    return _seen(xy, total * RATE).astype(np.float32), total.astype(np.float32)


def _aimed(rng, keys: np.ndarray, same: np.ndarray, finger: Finger) -> np.ndarray:
    """[b n 2]: what a finger aims at; letters in a row are at one place."""
    b = len(keys)
    heavy = rng.standard_t(FREEDOM, keys.shape) * np.sqrt((FREEDOM - 2) / FREEDOM)
    miss = rng.uniform(*finger.miss, (b, 1, 1)) * heavy
    beyond = rng.normal(*finger.beyond, same.shape)[..., None]
    miss[:, 1:] += beyond * np.diff(keys, axis=1)
    for i in range(same.shape[1]):
        again = miss[:, i] + rng.normal(0, 0.05, (b, 2))
        miss[:, i + 1] = np.where(same[:, i, None], again, miss[:, i + 1])
    return keys + miss + rng.normal(0, finger.drift, (b, 1, 2))


def _through(place, arrive, count, swing, time) -> np.ndarray:
    """[b t 2]: places [b n 2] passed at `arrive` [b n], at times [b t].

    Speeds at places are `swing` [b n] of the parabolas'; the first and last are none.
    """
    b, n, _ = place.shape
    step = np.maximum(np.diff(arrive, axis=1), 1e-3)[..., None]
    slope = np.diff(place, axis=1) / step
    left, right = step[:, :-1], step[:, 1:]
    inner = (slope[:, :-1] * right + slope[:, 1:] * left) / (left + right)
    speed = np.zeros_like(place)
    speed[:, 1:-1] = inner * swing[:, 1:-1, None]
    speed[np.arange(n) >= (count - 1)[:, None]] = 0
    on = (time[:, :, None] >= arrive[:, None, 1:-1]).sum(-1)
    row = np.arange(b)[:, None]
    long = step[row, on]
    s = np.clip((time - arrive[row, on])[..., None] / long, 0, 1)
    return (
        place[row, on] * (1 + 2 * s) * (1 - s) ** 2
        + place[row, on + 1] * s**2 * (3 - 2 * s)
        + long * speed[row, on] * s * (1 - s) ** 2
        - long * speed[row, on + 1] * s**2 * (1 - s)
    )


def _warped(rng, b: int, strength: np.ndarray) -> np.ndarray:
    """[b POINTS]: shares of the time from 0 to 1, at an uneven pace."""
    rate = np.exp(strength * _wandering(rng, b, 16)[..., 0])
    share = np.cumsum(rate, 1) - rate[:, :1]
    return share / share[:, -1:]


def _circles(rng, at: np.ndarray, circled: np.ndarray) -> np.ndarray:
    """[b t 2]: a small circle while a letter is repeated."""
    angle = 2 * np.pi * np.clip(at, 0, 1) * rng.choice([-1, 1], (*circled.shape, 1))
    turn = rng.uniform(0, 2 * np.pi, (*circled.shape, 1))
    radius = circled[..., None] * rng.uniform(0.1, 0.35, (*circled.shape, 1))
    x = radius * (np.cos(angle + turn) - np.cos(turn))
    y = radius * (np.sin(angle + turn) - np.sin(turn))
    return np.stack([x.sum(1), y.sum(1)], -1)


def _smoothed(xy: np.ndarray, wide: np.ndarray) -> np.ndarray:
    """[b t 2]: means around each point, `wide` [b] points wide."""
    away = np.arange(POINTS)[:, None] - np.arange(POINTS)
    near = np.exp(-0.5 * (away / np.maximum(wide, 0.1)[:, None, None]) ** 2)
    return near @ xy / near.sum(-1, keepdims=True)


def _wandering(rng, b: int, knots: int = 8) -> np.ndarray:
    """[b POINTS 2]: smooth noise of variance 1 or a little less."""
    place = np.linspace(0, knots, POINTS)[:, None] - np.arange(-1, knots + 2)
    near = np.exp(-0.5 * (place / 0.7) ** 2)
    near /= np.sqrt((near**2).sum(-1, keepdims=True))
    return near @ rng.normal(size=(b, near.shape[1], 2))


def _seen(xy: np.ndarray, count: np.ndarray) -> np.ndarray:
    """[b POINTS 2]: straight lines between `count` [b] points of each swipe."""
    steps = np.clip(np.ceil(count), 4, POINTS - 1)[:, None]
    at = np.linspace(0, 1, POINTS) * steps
    left = np.minimum(np.floor(at), steps - 1)
    share = (at - left)[..., None]
    row = np.arange(len(xy))[:, None]

    def told(index):
        place = index / steps * (POINTS - 1)
        low = np.minimum(place.astype(int), POINTS - 2)
        part = (place - low)[..., None]
        return (1 - part) * xy[row, low] + part * xy[row, low + 1]

    return (1 - share) * told(left) + share * told(left + 1)
