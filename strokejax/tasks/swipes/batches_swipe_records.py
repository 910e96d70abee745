"""Batches of recorded swipes: people's, or those that `swipe make` wrote."""

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from zlib import crc32

import numpy as np

from strokejax.tasks.swipes.batches import LENGTHS, worn_points
from strokejax.tasks.swipes.data import Swipe, in_pixels, likely, read_swipes
from strokejax.tasks.swipes.layouts import Layout, typed
from strokejax.tasks.swipes.synthesis import POINTS
from strokejax.types import Batch, InputError

HELD_OUT = 10
"""Of so many words one is held out with all its swipes."""
NOISE = 0.03
"""Standard deviation of a point's place, in keys."""
PACE, UNEVEN = 0.1, 0.2
"""Standard deviations of the logarithm of a swipe's pace, and of each of its steps."""


def recorded(path: str | Path, keys: Layout) -> tuple[list[Swipe], list[Swipe]]:
    """`(train, valid)`: a file's swipes that may mean their words; no word is in both.

    Others are counted on stderr. InputError where a part would be empty.
    """
    found = read_swipes(path)
    good = [s for s in found if isinstance(s, Swipe) and likely(s, keys)]
    if len(good) < len(found):
        print(
            f"{path}: {len(found) - len(good):,} of {len(found):,} swipes are left "
            f"out: they are none, or not of their word",
            file=sys.stderr,
        )
    parts: tuple[list[Swipe], list[Swipe]] = [], []
    for swipe in good:
        parts[crc32(swipe.word.lower().encode()) % HELD_OUT == 0].append(swipe)
    if not all(parts):
        raise InputError(
            f"{path} has {len(good):,} swipes that can be trained on, of too few words "
            f"to hold some out; record more."
        )
    return parts


def record_batches(
    swipes: Sequence[Swipe],
    keys: Layout,
    letters: Sequence[str],
    size: int,
    *,
    seed: int,
    rows: slice = slice(None),
    plain: bool = False,
) -> Callable[[int], Batch]:
    """`at(step)` like `swipe_batches`, of recorded swipes in random order.

    Each time a swipe comes, its keyboard has another size, its points lie a little
    elsewhere and its time passes otherwise; unless `plain`.
    """
    number = {letter: i for i, letter in enumerate(letters)}
    places = np.stack([_resampled(swipe, keys) for swipe in swipes])
    told = np.array([swipe.width is not None for swipe in swipes])
    words = [typed(swipe.word, keys.letters)[: LENGTHS[-1] - 1] for swipe in swipes]
    codes = np.array([number[c] for c in keys.letters], np.int32)
    units = keys.units()

    def at(step: int) -> Batch:
        rng = np.random.default_rng([seed, step])
        order = np.random.default_rng([seed, step * size // len(swipes), 7])
        some = order.permutation(len(swipes))
        which = some[(step * size + np.arange(size)) % len(swipes)]
        points = places[which]
        if not plain:
            points = shaken(rng, points)
            points[..., :2] = worn_points(rng, points[..., :2], told[which])
        length = LENGTHS[max(len(words[i]) for i in which) >= LENGTHS[0]]
        word = np.full((size, length), -1, np.int32)
        for i, one in enumerate(which):
            word[i, : len(words[one])] = [number[c] for c in words[one]]
            word[i, len(words[one])] = len(letters)
        inputs = {
            "points": points.astype(np.float32)[rows],
            "keys": np.broadcast_to(units, (size, *units.shape))[rows],
            "letters": np.broadcast_to(codes, (size, *codes.shape))[rows],
            "known": told[which].astype(np.float32)[rows],
            "word": word[rows],
        }
        return Batch(inputs, word[rows], np.ones(len(word[rows]), bool))

    return at


def shaken(rng: np.random.Generator, points: np.ndarray) -> np.ndarray:
    """f64[b p 3] with noise in the places, and time that runs unevenly."""
    b, p, _ = points.shape
    found = points.copy()
    found[..., :2] += rng.normal(0, NOISE, (b, p, 2))
    pace = rng.lognormal(0, PACE, (b, 1)) * rng.lognormal(0, UNEVEN, (b, p - 1))
    found[:, 1:, 2] = np.cumsum(np.diff(points[..., 2]) * pace, 1)
    return found


def _resampled(swipe: Swipe, keys: Layout) -> np.ndarray:
    """f64[POINTS 3]: in keys and seconds, at equal times."""
    points = in_pixels(swipe, keys)
    points[:, :2] = keys.to_units(points[:, :2])
    t = np.linspace(0, points[-1, 2], POINTS)
    x, y = (np.interp(t, points[:, 2], points[:, i]) for i in (0, 1))
    return np.stack([x, y, t], -1)
