"""Both rasterisers: the published rule pixel for pixel, and anti-aliased coverage."""

import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strokejax.ink.raster import rasterize, rasterize_binary
from strokejax.ink.resample import resample
from tests.support.strategies import drawings, lattice, packed, reals, seeds, strokes

draw = jax.jit(rasterize, static_argnames=("size", "margin"))

COUNT = 32
BATCH = 4


def rule(drawing, size=28, margin=4):
    """The published rule, one point after the other, in float32."""
    f = np.float32
    strokes = [np.asarray(stroke, f) for stroke in drawing]
    image = np.zeros((size, size), f)
    if sum(map(len, strokes)) < 2:
        return image
    every = np.concatenate(strokes)
    low, high = every.min(0), every.max(0)
    span = max(high[0] - low[0], high[1] - low[1], f(1e-6))
    scale = f(size - 1 - 2 * margin) / span
    middle = (low + high) / f(2)
    for stroke in strokes:
        pixels = (stroke - middle) * scale + f((size - 1) / 2)
        pixels = np.clip(pixels, f(0), f(size - 1))
        starts = pixels[:-1] if len(pixels) > 1 else pixels
        ends = pixels[1:] if len(pixels) > 1 else pixels
        for start, end in zip(starts, ends, strict=True):
            delta = end - start
            steps = int(max(abs(delta[0]), abs(delta[1]))) + 1
            times = np.linspace(0, 1, steps, dtype=f) if steps > 1 else [f(0)]
            for t in times:
                x, y = np.rint(start + t * delta).astype(int)
                image[max(y - 1, 0) : y + 2, max(x - 1, 0) : x + 2] = 1
    return image


def points(drawing, count=COUNT):
    return resample(packed([drawing]), count)


def supersampled(points, width, size=28, margin=4, fine=6):
    """Each pixel's share of `fine`^2 places within half a pen's width of the ink."""
    xy = points[:, :2].astype(float) * (size - 1 - 2 * margin) + (size - 1) / 2
    offset = (np.arange(fine) + 0.5) / fine - 0.5
    axis = (np.arange(size)[:, None] + offset).ravel()
    places = np.stack(np.meshgrid(axis, axis), -1)
    nearest = np.full(places.shape[:2], np.inf)
    for i, end in enumerate(xy):
        start = xy[i - 1] if points[i, 2] > 0.5 else end
        way = end - start
        t = ((places - start) @ way) / max(way @ way, 1e-12)
        foot = start + np.clip(t, 0, 1)[..., None] * way
        nearest = np.minimum(nearest, np.linalg.norm(places - foot, axis=-1))
    inside = (nearest <= width / 2).reshape(size, fine, size, fine)
    return inside.mean((1, 3))


# The published rule


@given(st.lists(drawings(), min_size=BATCH, max_size=BATCH))
def test_binary_is_the_rule_pixel_for_pixel(batch):
    wanted = np.stack([rule(drawing) for drawing in batch])
    np.testing.assert_array_equal(rasterize_binary(batch), wanted)


@pytest.mark.parametrize(("size", "margin"), [(28, 4), (20, 1)])
def test_binary_breaks_ties_as_the_rule_does(rng, size, margin):
    batch = [
        tuple(
            rng.integers(0, rng.choice([3, 5, 10, 40]), (rng.integers(1, 6), 2)) / 2
            for _ in range(rng.integers(1, 4))
        )
        for _ in range(300)
    ]
    wanted = np.stack([rule(drawing, size, margin) for drawing in batch])
    got = rasterize_binary(batch, size=size, margin=margin)
    np.testing.assert_array_equal(got, wanted)


@given(st.lists(drawings(), min_size=BATCH, max_size=BATCH))
def test_a_batch_is_its_drawings_one_by_one(batch):
    together = np.asarray(rasterize_binary(batch))
    for drawing, image in zip(batch, together, strict=True):
        np.testing.assert_array_equal(rasterize_binary([drawing])[0], image)


@pytest.mark.parametrize("drawing", [(), (np.ones((1, 2)),), (np.zeros((0, 2)),)])
def test_fewer_than_two_points_are_blank(drawing):
    line = np.array([[0, 0], [1, 1]])
    blank, drawn = np.asarray(rasterize_binary([drawing, (line,)]))
    assert not blank.any()
    assert drawn.any()


def test_a_touch_is_a_dot_in_the_middle():
    (image,) = np.asarray(rasterize_binary([(np.full((3, 2), 7.0),)]))
    wanted = np.zeros((28, 28))
    wanted[13:16, 13:16] = 1  # 13.5 rounds half to even, to 14
    np.testing.assert_array_equal(image, wanted)


def test_a_stroke_of_one_point_draws_its_dot():
    stem = np.array([[0, 4], [0, 19]])
    dot = np.array([[0, 0]])
    without, dotted = np.asarray(rasterize_binary([(stem, dot[:0]), (stem, dot)]))
    assert without.sum() == 3 * 22
    assert dotted[3:6].sum() == 9
    assert not dotted[6].any()  # between dot and stem the pen was up


def test_a_horizontal_line_spans_nineteen_pixels():
    (image,) = np.asarray(rasterize_binary([(np.array([[2, 5], [9, 5]]),)]))
    wanted = np.zeros((28, 28))
    wanted[13:16, 3:25] = 1  # 4 to 23, and one pixel of dilation
    np.testing.assert_array_equal(image, wanted)


# Anti-aliased


@given(drawings(), st.floats(1, 5))
def test_ink_lies_in_0_to_1_and_is_there(drawing, width):
    image = np.asarray(draw(points(drawing), width))
    assert image.shape == (1, 28, 28)
    assert (image >= 0).all()
    assert (image <= 1).all()
    # A pen of two pixels or less may pass between the centres of all pixels.
    assert image.max() >= min(width / 2 + 0.5 - np.sqrt(0.5), 1) - 1e-4


@settings(max_examples=8)
@given(drawings(min_points=2), st.floats(1.5, 4))
def test_coverage_is_near_the_true_one(drawing, width):
    found = points(drawing)
    error = np.asarray(draw(found, width)[0]) - supersampled(found[0], width)
    assert np.abs(error).max() < 0.5  # where strokes meet at a sharp angle
    assert np.abs(error).mean() < 0.015


def test_coverage_of_a_horizontal_line_by_hand():
    line = points((np.array([[0.0, 0.0], [1.0, 0.0]]),))
    image = np.asarray(draw(line, 3.0)[0])
    # The line runs at y = 13.5 from x = 4 to 23: rows 13 and 14 lie 0.5 away.
    column = np.zeros(28)
    column[12:16] = [0.5, 1, 1, 0.5]
    np.testing.assert_allclose(image[:, 4:24], np.tile(column, (20, 1)).T, atol=1e-5)
    assert image[13, 3] == pytest.approx(2 - np.hypot(1, 0.5), abs=1e-5)
    assert image[13, 24] == pytest.approx(2 - np.hypot(1, 0.5), abs=1e-5)
    assert not image[:, :2].any()


def test_a_pen_up_leaves_a_gap():
    bars = (np.array([[0.0, 0.0], [0.0, 1.0]]), np.array([[1.0, 0.0], [1.0, 1.0]]))
    apart = np.asarray(draw(points(bars), 2.0)[0])
    joined = np.asarray(draw(points((np.concatenate(bars),)), 2.0)[0])
    assert not apart[:, 10:18].any()
    assert joined[:, 10:18].any()


@pytest.mark.parametrize("drawn", [draw, rasterize_binary], ids=["smooth", "binary"])
def test_y_grows_downwards_and_x_to_the_right(drawn):
    # An L: its foot is at the bottom, its stem on the left.
    letter = np.array([[0.0, 0.0], [0.0, 1.0], [0.6, 1.0]])
    given = [(letter,)] if drawn is rasterize_binary else points((letter,))
    image = np.asarray(drawn(given)[0])
    assert image[20:].sum() > 1.3 * image[:8].sum()
    assert image[:, :14].sum() > 1.3 * image[:, 14:].sum()


@given(
    drawings(coordinates=lattice),
    st.integers(-5, 5),
    st.integers(-9, 9),
    st.sampled_from([1 / 1024, 0.5, 3.0, 512.0]),
)
def test_place_and_size_of_the_ink_do_not_matter(drawing, right, down, scale):
    moved = tuple((stroke + np.float32([right, down])) * scale for stroke in drawing)
    before, after = draw(points(drawing)), draw(points(moved))
    np.testing.assert_allclose(after, before, atol=1e-3)


@given(drawings())
def test_mirrored_ink_is_the_mirrored_picture(drawing):
    found = points(drawing)
    mirrored = np.asarray(draw(found * np.float32([-1, 1, 1])))
    np.testing.assert_allclose(mirrored, draw(found)[:, :, ::-1], atol=1e-4)


@given(drawings(), st.floats(0.5, 4), st.floats(0, 3))
def test_a_wider_pen_never_removes_ink(drawing, width, more):
    found = points(drawing)
    thin, wide = np.asarray(draw(found, width)), np.asarray(draw(found, width + more))
    assert (wide >= thin - 1e-6).all()


@given(seeds, st.lists(drawings(), min_size=BATCH, max_size=BATCH))
def test_permuting_the_batch_permutes_the_pictures(seed, batch):
    rng = np.random.default_rng(seed)
    order = rng.permutation(BATCH)
    found = resample(packed(batch), COUNT)
    widths = rng.uniform(1, 4, BATCH).astype(np.float32)
    images = np.asarray(draw(found, widths))
    np.testing.assert_array_equal(draw(found[order], widths[order]), images[order])


@given(strokes(min_points=2, coordinates=reals))
def test_size_and_margin_set_the_box(stroke):
    image = np.asarray(draw(points((stroke,)), 1.0, size=20, margin=3)[0])
    rows, columns = np.nonzero(image > 0)
    low = min(rows.min(), columns.min())
    high = max(rows.max(), columns.max())
    assert low >= 2
    assert high <= 17
