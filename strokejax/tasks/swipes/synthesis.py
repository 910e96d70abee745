"""Synthetic swipes over the keys of words, many at once.

1. Aim points scatter around the key centres.
2. A cubic Hermite spline passes through them. Its tangent at a point is a share of the
   tangent of the parabola through the point and its neighbours: at 0 the finger stops
   at each key and turns on the spot, at 1 it swings through in loops, like curves of
   least jerk through points (P. Quinn and S. Zhai, 2016).
3. The time of a movement grows with its distance (P. Fitts, 1954).
4. The trajectory is smoothed, which cuts corners; its time is warped, because hands
   dwell; and it is sampled at the rate of a screen.

Places are in key units: x in keys from the left edge, y in rows from the first one.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

POINTS = 64
"""Points of a synthetic swipe, at equal times."""
ASPECT = (1.3, 1.8)
"""Height of a key over its width, on telephones."""
FREEDOM = 4
"""Degrees of freedom of Student's t distribution of aim errors: some miss by far."""
RATE = 60.0
"""Points a second that a screen reports."""


class SwipeSynthesis(NamedTuple):
    """Parameters of synthetic trajectories.

    Every swipe draws its own value from a pair, which is a range unless its text says
    otherwise.
    """

    aim_error: tuple[float, float] = (0.1, 0.45)
    """Standard deviation of aim points around key centres, in key widths."""
    drift: float = 0.12
    """Standard deviation of a shift of the whole swipe, in key widths."""
    overshoot: tuple[float, float] = (0.09, 0.09)
    """Mean and standard deviation of how far a movement aims beyond its key, as a share
    of its length."""
    tangent_scale: tuple[float, float] = (0.0, 1.0)
    """Speed at a key over that of the parabola through it and its neighbours."""
    smoothing: tuple[float, float] = (0.0, 0.18)
    """Standard deviation of the Gaussian filter, over a movement's mean time."""
    pace: tuple[float, float] = (0.095, 0.5)
    """Seconds of a movement of no length, and again for each doubling of 1 + length:
    median, and standard deviation of the logarithm."""
    hesitation: float = 0.4
    """Standard deviation of the logarithm of a single movement's time."""
    time_warp: tuple[float, float] = (0.4, 1.1)
    """Standard deviation of the logarithm of the pace along the swipe."""
    dwell: float = 0.05
    """Mean seconds before the first movement and after the last."""
    loops: float = 0.2
    """Share of double letters that are passed in a tenth of the time, and the share of
    the others that are circled."""
    tremor: tuple[float, float] = (0.02, 0.16)
    """Standard deviation of smooth noise on the trajectory, in key widths."""


DEFAULT_SYNTHESIS = SwipeSynthesis()


def swipes(
    rng: np.random.Generator,
    paths: Sequence[np.ndarray],
    synthesis: SwipeSynthesis = DEFAULT_SYNTHESIS,
) -> tuple[np.ndarray, np.ndarray]:
    """`(f32[b POINTS 2], f32[b])`: trajectories in key units, and their seconds.

    A path is f[n 2], the key centres of a word in key units. A word of one letter
    becomes a tap that slips.
    """
    # Paths are padded with their last key, once at least: a tap needs a movement too.
    b, n = len(paths), max(map(len, paths)) + 1
    aspect = rng.uniform(*ASPECT, (b, 1))
    count = np.array([len(path) for path in paths])
    keys = np.empty((b, n, 2))
    for i, path in enumerate(paths):
        keys[i, : len(path)], keys[i, len(path) :] = path, path[-1]
    # Distances are in key widths from here on; the end divides by the aspect again.
    keys[..., 1] *= aspect
    real = np.arange(1, n) < count[:, None]
    double = (np.diff(keys, axis=1) == 0).all(-1)
    aim = _aim_points(rng, keys, double, synthesis)
    # Padding shares the last aim point, so that it moves nowhere.
    last = aim[np.arange(b), count - 1][:, None]
    aim[:, 1:] = np.where(real[..., None], aim[:, 1:], last)
    seconds, passed = _movement_seconds(rng, aim, real, double, synthesis)
    arrival = np.cumsum(
        np.concatenate([rng.exponential(synthesis.dwell, (b, 1)), seconds], 1), 1
    )
    total = np.maximum(arrival[:, -1] + rng.exponential(synthesis.dwell, b), 0.05)
    warp = rng.uniform(*synthesis.time_warp, (b, 1))
    time = total[:, None] * _warped_time(rng, b, warp)
    scale = rng.uniform(*synthesis.tangent_scale, (b, 1))
    scale = scale * rng.uniform(0.6, 1.4, (b, n))
    xy = _hermite_spline(aim, arrival, count, scale, time)
    circled = double & real & ~passed & (rng.random(double.shape) < synthesis.loops)
    elapsed = time[:, None] - arrival[:, :-1, None]
    xy += _loops(rng, elapsed / np.maximum(seconds, 1e-6)[..., None], circled)
    sigma = rng.uniform(*synthesis.smoothing, b) * seconds.sum(1)
    sigma = sigma / np.maximum(count - 1, 1) / total
    tremor = rng.uniform(*synthesis.tremor, (b, 1, 1))
    xy = _smoothed(xy, sigma * POINTS) + tremor * _smooth_noise(rng, b)
    xy[..., 1] /= aspect
    return _sampled(xy, total * RATE).astype(np.float32), total.astype(np.float32)


def _aim_points(
    rng, keys: np.ndarray, double: np.ndarray, synthesis: SwipeSynthesis
) -> np.ndarray:
    """[b n 2]: the points that a finger aims at; those of a double letter coincide."""
    b = len(keys)
    # Student's t has the variance FREEDOM / (FREEDOM - 2): scaled to 1.
    noise = rng.standard_t(FREEDOM, keys.shape) * np.sqrt((FREEDOM - 2) / FREEDOM)
    error = rng.uniform(*synthesis.aim_error, (b, 1, 1)) * noise
    overshoot = rng.normal(*synthesis.overshoot, double.shape)[..., None]
    error[:, 1:] += overshoot * np.diff(keys, axis=1)
    for i in range(double.shape[1]):
        repeated = error[:, i] + rng.normal(0, 0.05, (b, 2))
        error[:, i + 1] = np.where(double[:, i, None], repeated, error[:, i + 1])
    return keys + error + rng.normal(0, synthesis.drift, (b, 1, 2))


def _movement_seconds(
    rng, aim: np.ndarray, real: np.ndarray, double: np.ndarray, synthesis
) -> tuple[np.ndarray, np.ndarray]:
    """`([b n-1], bool[b n-1])`: seconds of each movement, and which are passed over."""
    length = np.linalg.norm(np.diff(aim, axis=1), axis=-1)
    pace = synthesis.pace[0] * rng.lognormal(0, synthesis.pace[1], (len(aim), 1))
    # Fitts' law: the time of a movement is linear in the logarithm of its length.
    seconds = pace * (1 + np.log2(1 + length))
    seconds *= rng.lognormal(0, synthesis.hesitation, length.shape) * real
    passed = double & real & (rng.random(double.shape) < synthesis.loops)
    seconds[passed] *= 0.1
    return seconds, passed


def _hermite_spline(aim, arrival, count, scale, time) -> np.ndarray:
    """[b t 2]: at times [b t], the spline through aim points [b n 2].

    `arrival` [b n] are its times at the points. Its velocity there is `scale` [b n]
    times that of the parabola through the neighbours; at both ends it is 0.
    """
    b, n, _ = aim.shape
    step = np.maximum(np.diff(arrival, axis=1), 1e-3)[..., None]
    slope = np.diff(aim, axis=1) / step
    left, right = step[:, :-1], step[:, 1:]
    parabola = (slope[:, :-1] * right + slope[:, 1:] * left) / (left + right)
    velocity = np.zeros_like(aim)
    velocity[:, 1:-1] = parabola * scale[:, 1:-1, None]
    velocity[np.arange(n) >= (count - 1)[:, None]] = 0
    segment = (time[:, :, None] >= arrival[:, None, 1:-1]).sum(-1)
    row = np.arange(b)[:, None]
    duration = step[row, segment]
    # The cubic Hermite basis, with s from 0 to 1 within a segment.
    s = np.clip((time - arrival[row, segment])[..., None] / duration, 0, 1)
    return (
        aim[row, segment] * (1 + 2 * s) * (1 - s) ** 2
        + aim[row, segment + 1] * s**2 * (3 - 2 * s)
        + duration * velocity[row, segment] * s * (1 - s) ** 2
        - duration * velocity[row, segment + 1] * s**2 * (1 - s)
    )


def _warped_time(rng, b: int, strength: np.ndarray) -> np.ndarray:
    """[b POINTS]: shares of the time from 0 to 1, at an uneven pace."""
    rate = np.exp(strength * _smooth_noise(rng, b, 16)[..., 0])
    # The first rate is subtracted, so that time begins at 0.
    share = np.cumsum(rate, 1) - rate[:, :1]
    return share / share[:, -1:]


def _loops(rng, progress: np.ndarray, circled: np.ndarray) -> np.ndarray:
    """[b t 2]: a small circle over each `circled` movement, by its progress [b n t]."""
    angle = (
        2 * np.pi * np.clip(progress, 0, 1) * rng.choice([-1, 1], (*circled.shape, 1))
    )
    phase = rng.uniform(0, 2 * np.pi, (*circled.shape, 1))
    radius = circled[..., None] * rng.uniform(0.1, 0.35, (*circled.shape, 1))
    x = radius * (np.cos(angle + phase) - np.cos(phase))
    y = radius * (np.sin(angle + phase) - np.sin(phase))
    return np.stack([x.sum(1), y.sum(1)], -1)


def _smoothed(xy: np.ndarray, sigma: np.ndarray) -> np.ndarray:
    """[b t 2]: filtered by a Gaussian of a standard deviation of `sigma` [b] points."""
    apart = np.arange(POINTS)[:, None] - np.arange(POINTS)
    kernel = np.exp(-0.5 * (apart / np.maximum(sigma, 0.1)[:, None, None]) ** 2)
    return kernel @ xy / kernel.sum(-1, keepdims=True)


def _smooth_noise(rng, b: int, knots: int = 8) -> np.ndarray:
    """[b POINTS 2]: smooth noise of variance 1: white noise at knots, interpolated."""
    apart = np.linspace(0, knots, POINTS)[:, None] - np.arange(-1, knots + 2)
    kernel = np.exp(-0.5 * (apart / 0.7) ** 2)
    kernel /= np.sqrt((kernel**2).sum(-1, keepdims=True))
    return kernel @ rng.normal(size=(b, kernel.shape[1], 2))


def _sampled(xy: np.ndarray, count: np.ndarray) -> np.ndarray:
    """[b POINTS 2]: straight lines between `count` [b] samples of each swipe."""
    steps = np.clip(np.ceil(count), 4, POINTS - 1)[:, None]
    at = np.linspace(0, 1, POINTS) * steps
    left = np.minimum(np.floor(at), steps - 1)
    share = (at - left)[..., None]
    row = np.arange(len(xy))[:, None]

    def sample(index):
        place = index / steps * (POINTS - 1)
        low = np.minimum(place.astype(int), POINTS - 2)
        part = (place - low)[..., None]
        return (1 - part) * xy[row, low] + part * xy[row, low + 1]

    return (1 - share) * sample(left) + share * sample(left + 1)
