"""Views of a drawing: what they keep, and that their mean is the mean."""

import jax
import numpy as np
import pytest
from hypothesis import given

import strokejax
from strokejax.ink.augment import boxed
from strokejax.ink.resample import resample
from strokejax.networks.functions import to_images
from strokejax.networks.views import apply_view, averaged, views
from strokejax.types import Encoder
from tests.support.strategies import drawings, packed, seeds

POINTS = 24
look = jax.jit(apply_view)


def points_of(drawing):
    return resample(packed([drawing]), POINTS)


def test_the_first_view_is_the_drawing_as_it_is(rng):
    first = views()[0]
    np.testing.assert_array_equal(first, np.eye(2))
    points = points_of([rng.normal(size=(6, 2))])
    seen = look(first, {"points": points})["points"]
    np.testing.assert_allclose(seen[..., :2], boxed(points[..., :2]), atol=1e-6)
    image = rng.integers(0, 256, (2, 12, 12), np.uint8)
    np.testing.assert_allclose(
        look(first, {"image": image})["image"], image / 255, atol=1e-5
    )


def test_views_keep_areas_and_differ():
    np.testing.assert_allclose(np.linalg.det(views()), 1, atol=1e-6)
    assert len(np.unique(views().round(6), axis=0)) == 9


@given(drawings(min_points=2))
def test_views_keep_the_pen_and_fit_the_box(drawing):
    points = points_of(drawing)
    for view in views():
        seen = np.asarray(look(view, {"points": points})["points"])
        np.testing.assert_array_equal(seen[..., 2], points[..., 2])
        np.testing.assert_allclose(seen[..., :2], boxed(seen[..., :2]), atol=1e-5)


def test_pictures_and_points_are_turned_alike():
    ring = np.linspace(0, 2 * np.pi, 40)
    circle = 0.5 * np.stack([np.cos(ring), np.sin(ring)], 1)
    points = resample(packed([[circle, np.array([[0.0, 0.0], [0.35, 0.35]])]]), 64)

    def drawn(points):
        pictures = to_images({"points": points}, size=48, margin=8, width=3.0)
        return np.asarray(pictures)[..., 0]

    left, right = views()[3], views()[6]
    np.testing.assert_allclose(left @ right, np.eye(2), atol=1e-6)
    for view, other in ((left, right), (right, left)):
        warped = look(view, {"image": drawn(points)})["image"]
        same, opposite = (
            np.abs(warped - drawn(look(v, {"points": points})["points"])).mean()
            for v in (view, other)
        )
        assert same < 0.8 * opposite


@given(seeds)
def test_the_mean_is_over_all_views(seed):
    z = np.random.default_rng(seed).normal(size=(9, 4)).astype(np.float32)

    def apply(params, model_state, inputs, mask, *, train=False, key=None):
        found = inputs["points"].reshape(len(mask), -1)[:, :4]
        return found, model_state

    fake = Encoder(lambda key, inputs: None, apply)
    points = points_of([z[:, :2], z[:, 2:]])
    want = np.mean(
        [
            np.asarray(look(view, {"points": points})["points"]).reshape(-1)[:4]
            for view in views()
        ],
        0,
    )
    for normalise in (False, True):
        encoder = averaged(fake, normalise=normalise)
        out, _ = encoder.apply({}, {}, {"points": points}, np.ones(1, bool))
        unit = want / np.linalg.norm(want) if normalise else want
        np.testing.assert_allclose(out[0], unit, atol=1e-5)


@pytest.mark.parametrize("mode", ["nn-sampling", "argmax"])
def test_a_model_answers_by_its_views(mode, rng):
    plain, seen = strokejax.load(mode), strokejax.load(mode, views=True)
    picture = np.full((40, 40), 255, np.uint8)
    picture[5:35, 18:22] = 0
    one, other = plain.recognize(picture), seen.recognize(picture)
    assert len(other.symbols) == len(one.symbols)
    assert one.probability != other.probability
    assert set(one.symbols) & set(other.symbols)
