"""Errors of readings: laws of the edit distance, sums by hand."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strokejax.evaluation.text import edit_distance
from strokejax.tasks.lines.scores import line_scores

TEXTS = st.text("ab ", max_size=7)


def slow(a, b):
    if not a or not b:
        return len(a) + len(b)
    change = slow(a[1:], b[1:]) + (a[0] != b[0])
    return min(change, slow(a[1:], b) + 1, slow(a, b[1:]) + 1)


@given(TEXTS, TEXTS)
def test_it_is_the_least_of_all_ways(a, b):
    assert edit_distance(a, b) == slow(a, b) == edit_distance(b, a)


def test_scores_by_hand():
    found = line_scores(
        ["The cat", "doq", ""], ["the cat", "dog", "a"], ["x", "y", "y"]
    )
    assert found["n"] == 3
    assert found["cer"] == pytest.approx(3 / 11)
    assert found["cer_lower_case"] == pytest.approx(2 / 11)
    assert found["wer"] == pytest.approx(3 / 4)
    assert found["exact"] == 0
    low, high = found["interval95"]
    assert (low, high) == pytest.approx((1 / 7, 2 / 4))
