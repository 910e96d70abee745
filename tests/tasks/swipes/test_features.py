"""How far swipes lie from words: laws, and all ways of passing keys tried."""

import itertools

import jax
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from strokejax.tasks.swipes.features import dtw_distance, evenly_spaced, path_distances
from strokejax.tasks.swipes.layouts import layout

KEYS = layout("qwerty")
UNITS = KEYS.units().astype(np.float32)
LETTERS = np.arange(len(UNITS), dtype=np.int32)
measure = jax.jit(path_distances)


def codes(*words: str, limit: int = 8) -> np.ndarray:
    """i32[1 w limit]: words as numbers of keys, one that means no key, then -1."""
    text = np.full((1, len(words), limit), -1, np.int32)
    for row, word in zip(text[0], words, strict=True):
        numbers = [KEYS.letters.index(c) for c in word]
        row[: len(word) + 1] = [*numbers, len(UNITS)]
    return text


def apart(swipe: np.ndarray, *words: str, unit: float = 1.0):
    """Both distances of words."""
    found = measure(
        np.float32(swipe)[None], unit * UNITS[None], LETTERS[None], codes(*words)
    )
    return np.array(found.location[0]), np.array(found.dtw[0])


def way(word: str) -> np.ndarray:
    """The keys of a word, one after the other."""
    return UNITS[[KEYS.letters.index(c) for c in word]]


def test_a_words_own_way_is_nearest():
    words = ("type", "typo", "past", "quiet", "t")
    for i, word in enumerate(words[:4]):
        along, passed = apart(way(word), *words)
        assert along[i] < 1e-5 and along.argmin() == i
        assert passed[i] < 0.05


def test_a_tap_lies_at_its_key():
    along, passed = apart(way("t").repeat(3, 0) + 0.5, "t", "to")
    np.testing.assert_allclose(along[0], 0.5**0.5, rtol=1e-5)
    np.testing.assert_allclose(passed[0], 1.0, rtol=1e-5)
    assert (along[1], passed[1]) > (along[0], passed[0])


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 2**32 - 1), st.floats(0.2, 5))
def test_distances_grow_with_the_unit(seed, unit):
    swipe = np.random.default_rng(seed).uniform(0, 9, (12, 2))
    along, passed = apart(swipe, "quiet", "type")
    wide, more = apart(unit * swipe, "quiet", "type", unit=unit)
    np.testing.assert_allclose(wide, unit * along, rtol=1e-3)
    np.testing.assert_allclose(more, unit**2 * passed, rtol=1e-3, atol=1e-3)


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 2**32 - 1))
def test_how_densely_a_way_is_told_does_not_matter(seed):
    """Points between two points, and resting on one, change nothing."""
    rng = np.random.default_rng(seed)
    swipe = rng.uniform(0, 9, (12, 2))
    dense = np.stack([swipe, (swipe + np.roll(swipe, -1, 0)) / 2], 1).reshape(-1, 2)
    dense = dense[:-1].repeat(rng.integers(1, 3, len(dense) - 1), 0)
    padded = np.concatenate([dense, dense[-1:].repeat(46 - len(dense), 0)])
    for one, other in zip(apart(swipe, "quiet"), apart(padded, "quiet"), strict=True):
        np.testing.assert_allclose(one, other, rtol=2e-3, atol=1e-3)


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 2**32 - 1), st.integers(2, 4))
def test_no_other_passing_is_nearer(seed, count):
    rng = np.random.default_rng(seed)
    keys, points = rng.uniform(0, 9, (5, 2)), rng.uniform(0, 9, (7, 2))
    there = np.arange(5) < count
    keys[~there] = keys[count - 1]
    distance = ((keys[:, None] - points) ** 2).sum(-1)
    best = min(
        distance[np.arange(count), [0, *middle, 6]].sum()
        for middle in itertools.combinations(range(1, 6), count - 2)
    )
    np.testing.assert_allclose(dtw_distance(keys, there, points), best, rtol=1e-5)


def test_points_are_even():
    corner = np.array([[0, 0], [3, 0], [3, 0], [3, 1]], np.float32)
    found = evenly_spaced(corner, 9)
    np.testing.assert_allclose(
        np.linalg.norm(np.diff(found, axis=0), axis=1), 0.5, rtol=1e-5
    )
    assert np.isfinite(evenly_spaced(corner[:1].repeat(4, 0), 9)).all()
