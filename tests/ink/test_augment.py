"""Random changes: what they may move, and what they must leave."""

import jax
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from strokejax.ink.augment import Augment, augment, augment_images, augment_points
from strokejax.ink.resample import resample
from tests.support.strategies import drawings, packed, seeds

STILL = Augment(*[0.0] * 7, width_low=3.0, width_high=3.0)
IN_PLACE = Augment(scale=0.0, shift=0.0)
POINTS = 24

change = jax.jit(augment)
warp = jax.jit(augment_images)


def key(seed):
    return jax.random.key(seed)


def bend(key, points, spec):
    """`augment` of ink with another leaf beside it, so that one call is compiled."""
    return change(key, {"points": points, "size": np.arange(3)}, spec)


def inks(**drawing):
    """f32[3 POINTS 3]: always three samples, so that one shape is compiled."""
    batch = st.lists(drawings(**drawing), min_size=3, max_size=3)
    return batch.map(lambda drawings: resample(packed(drawings), POINTS))


def boxed(xy):
    low, high = xy.min(1, keepdims=True), xy.max(1, keepdims=True)
    span = (high - low).max(-1, keepdims=True)
    return (xy - (low + high) / 2) / np.maximum(span, 0.1)


@given(inks(), seeds)
def test_no_change_is_the_ink_fitted_to_its_box(points, seed):
    out = bend(key(seed), points, STILL)
    fitted = boxed(points[..., :2])
    np.testing.assert_allclose(out["points"][..., :2], fitted, atol=1e-5)
    np.testing.assert_array_equal(out["width"], np.full(3, 3.0))


@given(inks(), seeds)
def test_one_key_gives_one_answer_and_another_key_another(points, seed):
    first, again = (bend(key(seed), points, Augment()) for _ in range(2))
    other = bend(key(seed + 1), points, Augment())
    for name in ("points", "width"):
        np.testing.assert_array_equal(first[name], again[name])
        assert not np.array_equal(first[name], other[name])


@given(drawings(min_points=2), seeds)
def test_every_sample_has_its_own_draw(drawing, seed):
    points = np.repeat(resample(packed([drawing]), POINTS), 3, 0)
    out = bend(key(seed), points, Augment())
    for name in ("points", "width"):
        assert len(np.unique(np.asarray(out[name]), axis=0)) == 3


@given(inks(), seeds)
def test_pen_and_ranges(points, seed):
    spec = Augment(width_low=1.25, width_high=2.75)
    out = bend(key(seed), points, spec)
    np.testing.assert_array_equal(out["points"][..., 2], points[..., 2])
    assert np.isfinite(out["points"]).all()
    assert (out["width"] >= 1.25).all()
    assert (out["width"] <= 2.75).all()
    # Half the box, made larger by `scale` and moved by `shift`.
    reach = 0.5 * (1 + spec.scale) + spec.shift
    assert np.abs(out["points"][..., :2]).max() <= reach + 1e-5


@given(inks(min_points=2), seeds)
def test_without_scale_and_shift_ink_fills_its_box(points, seed):
    xy = np.asarray(bend(key(seed), points, IN_PLACE)["points"][..., :2])
    assert np.abs(xy).max() <= 0.5 + 1e-5
    np.testing.assert_allclose(xy.max(1), -xy.min(1), atol=1e-5)
    drawn = np.ptp(points[..., :2], axis=1).max(-1) > 0
    assert np.ptp(xy, axis=1).max(-1)[drawn] == pytest.approx(1, abs=1e-5)


@given(seeds)
def test_a_tap_stays_small(seed):
    taps = np.zeros((3, POINTS, 3), np.float32)
    xy = np.asarray(bend(key(seed), taps, IN_PLACE)["points"][..., :2])
    assert np.isfinite(xy).all()
    # Jitter of 0.01 either way, against the least span of 0.1.
    assert np.ptp(xy, axis=1).max() <= 0.2 + 1e-5


def test_rotation_turns_both_ways_within_its_limit():
    line = resample(packed([[np.array([[0.0, 0.0], [1.0, 0.0]])]] * 3), POINTS)
    spec = STILL._replace(rotation=15.0)
    turned = [bend(key(seed), line, spec)["points"] for seed in range(150)]
    way = np.concatenate([xy[:, -1] - xy[:, 0] for xy in map(np.asarray, turned)])
    angle = np.degrees(np.arctan2(way[:, 1], way[:, 0]))
    assert angle.max() <= 15 + 1e-3
    assert angle.min() >= -15 - 1e-3
    assert angle.max() > 13
    assert angle.min() < -13
    assert abs(angle.mean()) < 2


def test_every_setting_moves_something(rng):
    points = resample(packed([[rng.normal(size=(5, 2))]] * 3), POINTS)
    still = bend(key(3), points, STILL)["points"]
    for name in ("rotation", "shear", "aspect", "scale", "shift", "elastic", "jitter"):
        spec = STILL._replace(**{name: 0.2})
        moved = bend(key(3), points, spec)["points"]
        assert np.abs(moved - still).max() > 1e-4, name


# Pictures


@pytest.fixture
def pictures(rng):
    images = np.zeros((3, 20, 20), np.uint8)
    images[:, 6:14, 7:12] = rng.integers(0, 256, (3, 8, 5))
    return images


def test_pictures_without_change_stay(pictures):
    out = warp(key(0), pictures, STILL)
    np.testing.assert_allclose(out, pictures / 255, atol=1e-4)


@given(seed=seeds)
def test_pictures_stay_in_0_to_1(seed):
    images = np.random.default_rng(seed).integers(0, 256, (3, 20, 20), np.uint8)
    out = np.asarray(warp(key(seed), images, Augment()))
    assert out.dtype == np.float32
    assert out.min() >= 0
    assert out.max() <= 1 + 1e-6


def test_pictures_as_bytes_or_fractions_are_the_same(pictures):
    whole = warp(key(1), pictures, Augment())
    fraction = warp(key(1), (pictures / 255).astype(np.float32), Augment())
    np.testing.assert_allclose(whole, fraction, atol=1e-6)


def test_every_picture_has_its_own_draw(pictures):
    same = np.repeat(pictures[:1], 3, 0)
    out = np.asarray(warp(key(2), same, Augment()))
    assert len(np.unique(out.reshape(3, -1), axis=0)) == 3
    np.testing.assert_array_equal(out, warp(key(2), same, Augment()))


def test_outside_a_picture_is_blank():
    full = np.full((3, 20, 20), 255, np.uint8)
    for seed in range(8):
        out = np.asarray(warp(key(seed), full, STILL._replace(shift=0.4)))
        # What a shift uncovers are whole rows or columns.
        paper = out == 0
        edges = paper.all(1, keepdims=True) | paper.all(2, keepdims=True)
        np.testing.assert_array_equal(paper, edges)
        assert paper.any()
        assert (out[:, 8:12, 8:12] > 0.99).all()


# Either


def test_other_leaves_pass_through(rng):
    points = resample(packed([[rng.normal(size=(5, 2))]] * 3), POINTS)
    out = bend(key(0), points, Augment())
    assert set(out) == {"points", "size", "width"}
    np.testing.assert_array_equal(out["size"], np.arange(3))
    alone = jax.eval_shape(augment_points, key(0), points, Augment())
    assert set(alone) == {"points", "width"}


def test_pictures_stay_pictures(pictures):
    out = jax.eval_shape(augment, key(0), {"image": pictures}, STILL)
    assert set(out) == {"image"}
    assert out["image"].shape == pictures.shape
