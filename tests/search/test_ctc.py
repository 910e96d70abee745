"""CTC: against all ways through the steps."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from strokejax.search import ctc
from tests.support.strategies import seeds

C = 2
LOSS_AND_SLOPE = jax.jit(jax.value_and_grad(ctc.loss))


def log_p(seed, steps):
    rng = np.random.default_rng(seed)
    return np.log(rng.dirichlet(np.ones(C + 1), steps)).astype(np.float32)


def collapsed(way):
    return [c for c, _ in itertools.groupby(way) if c < C]


def padded(text, length):
    return np.array([*text, *[-1] * (length - len(text))], np.int32)


@given(seeds, st.integers(1, 4), st.lists(st.integers(0, C - 1), max_size=3))
def test_the_loss_is_the_sum_over_all_ways(seed, steps, text):
    logits = np.zeros((1, 4, C + 1), np.float32)
    logits[0, :steps] = log_p(seed, steps)
    found = float(
        ctc.loss(logits, np.array([steps]), padded(text, 3)[None], np.ones(1, bool))
    )
    ways = [
        sum(logits[0, t, c] for t, c in enumerate(way))
        for way in itertools.product(range(C + 1), repeat=steps)
        if collapsed(way) == text
    ]
    if text and ways:
        wanted = -np.logaddexp.reduce(ways) / len(text)
        assert found == pytest.approx(wanted, rel=1e-3, abs=1e-4)
    elif not ways:
        assert found == 0


@given(seeds)
def test_padding_changes_neither_loss_nor_gradient(seed):
    logits = jnp.asarray(log_p(seed, 12).reshape(2, 6, C + 1))
    labels = np.array([[0, 1, -1], [1, 1, 0]], np.int32)
    steps, mask = np.array([5, 6]), np.ones(2, bool)
    grad = LOSS_AND_SLOPE
    value, slope = grad(logits, steps, labels, mask)
    wide = jnp.pad(logits, ((0, 1), (0, 3), (0, 0)), constant_values=7.0)
    more = np.pad(labels, ((0, 1), (0, 2)), constant_values=-1)
    again, steep = grad(wide, np.array([5, 6, 9]), more, np.array([True, True, False]))
    assert float(again) == pytest.approx(float(value), rel=1e-5)
    np.testing.assert_allclose(steep[:2, :6], slope, atol=1e-6)
    assert not np.asarray(steep[2]).any() and not np.asarray(steep[:, 6:]).any()


@given(seeds, st.lists(st.integers(0, 6), min_size=1, max_size=3))
def test_greedy_is_the_best_of_each_step_collapsed(seed, steps):
    p = np.stack([log_p(seed + i, 6) for i in range(len(steps))])
    found = np.asarray(ctc.greedy(p, np.array(steps), 4))
    for row, n, text in zip(p, steps, found, strict=True):
        wanted = collapsed(row[:n].argmax(-1).tolist())[:4]
        np.testing.assert_array_equal(text, padded(wanted, 4))


@given(
    seeds, st.integers(1, 5), st.lists(st.integers(0, C - 1), min_size=1, max_size=3)
)
def test_characters_lie_on_the_best_way(seed, steps, text):
    p = log_p(seed, steps)
    first, last = ctc.align(p, np.array(text))
    ways = {
        way: sum(p[t, c] for t, c in enumerate(way))
        for way in itertools.product(range(C + 1), repeat=steps)
        if collapsed(way) == text
    }
    assert (first <= last).all() and (first >= 0).all() and (last < steps).all()
    if not ways:
        return
    assert (last[:-1] < first[1:]).all()
    best = max(ways, key=ways.__getitem__)
    runs, at = [], 0
    for c, group in itertools.groupby(best):
        size = len([*group])
        if c < C:
            runs.append((at, at + size - 1))
        at += size
    assert runs == [*zip(first.tolist(), last.tolist(), strict=True)]
