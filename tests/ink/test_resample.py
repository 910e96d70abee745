"""Ink at even steps of arc length: what is kept, and what does not matter."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from strokejax.ink.packed import PackedInk, unpack
from strokejax.ink.resample import longer_side, longer_sides, resample
from tests.support.strategies import drawings, lattice, packed, packed_inks, strokes


def walk(stroke, count):
    """`count` points along a polyline, each found by walking it from its start."""
    steps = np.diff(stroke, axis=0)
    lengths = np.hypot(steps[:, 0], steps[:, 1])
    found = []
    for share in np.linspace(0, 1, count):
        left = share * lengths.sum()
        for start, step, length in zip(stroke[:-1], steps, lengths, strict=True):
            if left <= length and length > 0:
                found.append(start + step * left / length)
                break
            left -= length
        else:
            found.append(stroke[-1])
    return np.array(found)


def boxed(drawing):
    """The strokes about the centre of their box, its longer side 1."""
    every = np.concatenate(drawing).astype(float)
    low, high = every.min(0), every.max(0)
    span = (high - low).max()
    return [(s.astype(float) - (low + high) / 2) / (span or 1.0) for s in drawing]


def split(points):
    """The strokes of one resampled sample."""
    return np.split(points[:, :2], np.flatnonzero(points[:, 2] == 0)[1:])


@given(packed_inks())
def test_longer_sides_are_those_of_each_ink(ink):
    sides = [longer_side(unpack(ink, i)) for i in range(len(ink.sample_start) - 1)]
    np.testing.assert_allclose(longer_sides(ink), sides, rtol=1e-6)


@given(packed_inks(), st.sampled_from([16, 33, 64]))
def test_count_box_and_pen(ink, count):
    out = resample(ink, count)
    assert out.shape == (len(ink.sample_start) - 1, count, 3)
    assert out.dtype == np.float32
    assert np.abs(out[..., :2]).max() <= 0.5 + 1e-6
    assert set(np.unique(out[..., 2])) <= {0.0, 1.0}
    starts = (out[..., 2] == 0).sum(1)
    np.testing.assert_array_equal(starts, np.diff(ink.sample_start))
    assert (out[:, 0, 2] == 0).all()


@given(drawings(min_points=2))
def test_points_are_where_a_walk_along_the_stroke_finds_them(drawing):
    (out,) = resample(packed([drawing]), 64)
    for stroke, found in zip(boxed(drawing), split(out), strict=True):
        assert len(found) >= 2
        np.testing.assert_allclose(found, walk(stroke, len(found)), atol=1e-5)


@given(drawings())
def test_both_ends_of_every_stroke_are_kept(drawing):
    (out,) = resample(packed([drawing]), 32)
    for stroke, found in zip(boxed(drawing), split(out), strict=True):
        np.testing.assert_allclose(found[[0, -1]], stroke[[0, -1]], atol=1e-6)


@given(drawings(min_points=2, max_points=2))
def test_straight_strokes_have_equal_steps(drawing):
    (out,) = resample(packed([drawing]), 64)
    for found in split(out):
        assert np.ptp(np.diff(found, axis=0), axis=0).max() < 1e-6


@given(drawings(min_points=2))
def test_points_are_shared_out_by_length(drawing):
    (out,) = resample(packed([drawing]), 64)
    lengths = [np.hypot(*np.diff(s, axis=0).T).sum() for s in boxed(drawing)]
    assume(sum(lengths) > 0)
    counts = [len(found) for found in split(out)]
    spare = 64 - 2 * len(drawing)
    more = np.array(counts) - 2 - spare * np.array(lengths) / sum(lengths)
    # Shares are rounded down; a longest stroke takes what is left over.
    longest = more.argmax()
    assert (np.delete(more, longest) > -1 - 1e-6).all()
    assert (np.delete(more, longest) < 1e-6).all()
    assert lengths[longest] > max(lengths) - 1e-6 or more[longest] < 1e-6


@given(drawings(min_points=2), st.integers(2, 5))
def test_how_densely_the_pen_was_sampled_does_not_matter(drawing, times):
    def dense(stroke):
        at = np.linspace(0, len(stroke) - 1, times * (len(stroke) - 1) + 1)
        rank = np.arange(len(stroke))
        return np.stack([np.interp(at, rank, stroke[:, i]) for i in (0, 1)], -1)

    coarse, fine = packed([drawing]), packed([[dense(stroke) for stroke in drawing]])
    np.testing.assert_allclose(resample(fine), resample(coarse), atol=1e-5)


@given(
    drawings(coordinates=lattice),
    st.integers(-1000, 1000),
    st.integers(-1000, 1000),
    st.sampled_from([2.0**-30, 1 / 3, 1.0, 7.0, 2.0**30]),
)
def test_place_and_size_do_not_matter(drawing, right, down, scale):
    shift = np.array([right, down])
    moved = [(stroke.astype(float) + shift) * scale for stroke in drawing]
    before, after = resample(packed([drawing])), resample(packed([moved]))
    np.testing.assert_allclose(after, before, atol=1e-5)


@given(drawings(min_points=2, max_strokes=1))
def test_a_stroke_drawn_backwards_is_the_same_points_backwards(drawing):
    (forth,) = resample(packed([drawing]))
    (back,) = resample(packed([[drawing[0][::-1]]]))
    np.testing.assert_allclose(back[::-1, :2], forth[:, :2], atol=1e-5)


@given(st.lists(drawings(), min_size=2, max_size=4))
def test_samples_do_not_touch_each_other(batch):
    # Of sizes far apart: lengths that are summed together lose the small ones.
    scaled = [[s * 1e6**i for s in drawing] for i, drawing in enumerate(batch)]
    together = resample(packed(scaled))
    for drawing, out in zip(scaled, together, strict=True):
        np.testing.assert_allclose(out, resample(packed([drawing]))[0], atol=1e-6)


@given(strokes(max_points=1), st.integers(1, 4))
def test_a_tap_lies_at_the_centre(stroke, times):
    (out,) = resample(packed([[np.repeat(stroke, times, 0)]]))
    assert not out[:, :2].any()
    np.testing.assert_array_equal(out[:, 2], [0, *[1] * 63])


def test_a_dot_beside_a_stroke_gets_two_points():
    stem, dot = np.array([[0.0, 1.0], [0.0, 3.0]]), np.array([[0.0, 0.0]])
    (out,) = resample(packed([[stem, dot]]), 16)
    found = split(out)
    assert [len(stroke) for stroke in found] == [14, 2]
    np.testing.assert_allclose(found[1], [[0, -0.5]] * 2, atol=1e-6)
    np.testing.assert_allclose(found[0][[0, -1]], [[0, -1 / 6], [0, 0.5]], atol=1e-6)


def test_of_fifty_strokes_the_longest_are_kept_in_their_order(rng):
    lengths = rng.permutation(50) + 1.0
    bars = [np.array([[0.0, i], [w, i]]) for i, w in enumerate(lengths)]
    (out,) = resample(packed([bars]), 64)
    kept = np.flatnonzero(lengths > 50 - 32)
    found = split(out)
    assert [len(stroke) for stroke in found] == [2] * 32
    rows = [stroke[0, 1] * 50 + 24.5 for stroke in found]
    # 49 rows high, 50 wide: the box is centred on row 24.5.
    np.testing.assert_allclose(rows, kept, atol=1e-4)


def test_times_are_left_out():
    xy = np.array([[0, 0], [3, 4], [5, 1]])
    timed = np.column_stack([xy, [0.0, np.nan, 7.0]])
    starts = np.array([0, 3]), np.array([0, 1])
    np.testing.assert_array_equal(
        resample(PackedInk(timed, *starts)), resample(PackedInk(xy, *starts))
    )


@pytest.mark.parametrize("dtype", [np.int16, np.uint16, np.float32])
def test_the_type_of_the_numbers_does_not_matter(dtype):
    xy = np.array([[100, 0], [0, 200], [60000 % 32768, 5]])
    starts = np.array([0, 3]), np.array([0, 1])
    wanted = resample(PackedInk(xy.astype(np.float64), *starts))
    np.testing.assert_array_equal(
        resample(PackedInk(xy.astype(dtype), *starts)), wanted
    )


def test_equal_strokes_get_equal_shares_wherever_they_lie():
    bars = [np.array([[0.0, y], [1.0, y]]) for y in (0.0, 0.3)]
    for shift in (0.0, 0.1, 1 / 3, 1000.1):
        (out,) = resample(packed([[bar + shift for bar in bars]]))
        assert [len(stroke) for stroke in split(out)] == [32, 32]
