"""Turned, drawn backwards, of another size: a group acts on drawings."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from strokejax.ink.variants import (
    IGNORABLE,
    ROTATIONS,
    apply_variant,
    backwards,
    by_name,
    parse_ignore,
    turned,
    variant_names,
)
from strokejax.recognizer import load
from strokejax.types import Ink, InputError
from tests.support.shapes import picture, shape
from tests.support.strategies import drawings

inks = drawings(min_points=2).map(
    lambda strokes: Ink(
        tuple(
            np.column_stack([xy, np.arange(len(xy)) + 10 * i]).astype(np.float32)
            for i, xy in enumerate(strokes)
        )
    )
)
turns = st.sampled_from(ROTATIONS)


def assert_near(found, wanted):
    assert len(found.strokes) == len(wanted.strokes)
    for ours, theirs in zip(found.strokes, wanted.strokes, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=5e-3)


@given(inks)
def test_eight_eighths_are_no_turn(ink):
    found = ink
    for _ in range(8):
        found = turned(found, 45)
    assert_near(found, ink)


@given(inks, turns, turns)
def test_turns_add_up(ink, first, second):
    assert_near(turned(turned(ink, first), second), turned(ink, (first + second) % 360))


@given(inks, turns)
def test_backwards_twice_is_forwards_and_turning_does_not_matter(ink, degrees):
    assert_near(backwards(backwards(ink)), ink)
    assert_near(backwards(turned(ink, degrees)), turned(backwards(ink), degrees))


def test_backwards_is_the_last_stroke_first_at_the_same_pace():
    ink = Ink((np.float32([[0, 0, 0], [1, 0, 1]]), np.float32([[5, 5, 4], [6, 6, 7]])))
    first, second = backwards(ink).strokes
    np.testing.assert_array_equal(first, [[6, 6, 0], [5, 5, 3]])
    np.testing.assert_array_equal(second, [[1, 0, 6], [0, 0, 7]])
    timeless = shape("arrow")
    assert np.isnan(backwards(timeless).strokes[0][:, 2]).all()


@given(inks, st.sampled_from([*by_name()]))
def test_variants_of_a_variant_are_those_of_the_drawing(ink, name):
    ignore = ("direction", "rotation")
    names = ("", *variant_names(ink, None, ignore))
    assert len(names) == 16

    def every(ink):
        shown = [apply_variant(ink, None, each)[0] for each in names]
        return [np.concatenate([s[:, :2] for s in each.strokes]) for each in shown]

    ours = every(apply_variant(ink, None, by_name()[name]._replace(size="").name)[0])
    for wanted in every(ink):
        assert min(np.abs(each - wanted).max() for each in ours) < 5e-3


@pytest.mark.parametrize("right", [90, 180, 270])
def test_right_angles_lose_no_pixel_of_a_picture(right):
    page = picture("house", dark=False)
    found = turned(page, right)
    assert sorted(found.ravel()) == sorted(page.ravel())
    np.testing.assert_array_equal(turned(found, 360 - right), page)


def test_pictures_turn_as_ink_does():
    model = load("nn-sampling", fast=False)
    ink, page = shape("arrow", 3), picture("arrow", 3, dark=False)
    drawn = model.embed_many([turned(ink, each) for each in ROTATIONS])
    pictures = model.embed_many([turned(page, each) for each in ROTATIONS])
    near = pictures @ drawn.T
    # A picture lacks the pen's way, so the two are not quite the same.
    np.testing.assert_array_equal(near.argmax(1), range(8))
    assert near.diagonal().min() > 0.7


def test_what_a_drawing_stands_for():
    ink, page = shape("arrow"), picture("arrow")
    assert len(variant_names(ink, 30.0, IGNORABLE)) == 2 * 8 * 4 - 1
    assert len(variant_names(ink, None, IGNORABLE)) == 2 * 8 - 1
    assert len(variant_names(page, None, IGNORABLE)) == 8 - 1
    assert variant_names(ink, None, ("size",)) == variant_names(ink, 30.0, ()) == ()
    names = variant_names(ink, 30.0, IGNORABLE)
    assert len({*names, ""}) == 64
    assert {*names, ""} == {*by_name()}
    assert all(by_name()[name].name == name for name in names)


def test_sizes_are_relative_to_the_usual_one():
    ink = shape("arrow")
    found = {name: apply_variant(ink, 30.0, name)[1] for name in ("", *sizes())}
    assert found == {
        "": 30.0,
        "half as large": 60.0,
        "twice as large": 15.0,
        "of any size": None,
    }
    assert all(apply_variant(ink, None, name) == (ink, None) for name in sizes())


def sizes():
    return variant_names(shape("arrow"), 30.0, ("size",))


@pytest.mark.parametrize("text", ["colour", "rotation,colour", "rotation direction"])
def test_unknown_words_are_refused_with_the_choices(text):
    with pytest.raises(InputError) as caught:
        parse_ignore(text, "--ignore")
    message = str(caught.value)
    assert message.startswith("--ignore has ")
    assert "direction, rotation, size" in message
    assert message.count(".") == 1


def test_words_between_commas():
    assert parse_ignore("", "--ignore") == ()
    assert parse_ignore(" size, rotation,", "--ignore") == ("size", "rotation")
