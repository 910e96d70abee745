"""Swipes: keyboards, the synthetic finger, files, where a keyboard lay, batches."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strokejax.tasks.swipes.batches import (
    alphabet,
    board,
    boards_of,
    mask_letters,
    record_batches,
    split_recordings,
    swipe_batches,
    write_swipes,
)
from strokejax.tasks.swipes.data import (
    Swipe,
    check_bounds,
    in_pixels,
    is_plausible,
    parse_swipe,
    read_swipes,
    swipe_line,
)
from strokejax.tasks.swipes.layouts import (
    ROWS,
    fit_keyboard,
    layout,
    of_keys,
    parse_layout,
    typed,
)
from strokejax.tasks.swipes.synthesis import POINTS, SwipeSynthesis, swipes
from strokejax.types import InputError

WORDS = {
    "hello": 5.0,
    "the": 50.0,
    "to": 30.0,
    "all": 9.0,
    "participate": 1.0,
    "a": 7.0,
}
CURVE = {"x": [10, 60, 200], "y": [20, 30, 80], "t": [0, 20, 40]}
QWERTY = layout("qwerty")


def as_json(keys, corner: bool) -> dict:
    half = np.array([15.0, 20.0]) if corner else 0
    boxes = [
        {"label": a, "hitbox": {"x": x, "y": y, "w": 30, "h": 40}}
        for a, (x, y) in zip(keys.letters, (keys.centres - half).tolist(), strict=True)
    ]
    shift = {"action": "shift", "hitbox": {"x": 0, "y": 0, "w": 9, "h": 9}}
    return {"width": keys.width, "height": keys.height, "keys": [*boxes, shift]}


class TestKeyboards:
    @pytest.mark.parametrize("name", ROWS)
    def test_each_letter_has_one_key_inside(self, name):
        keys = layout(name)
        assert len({*keys.letters}) == len(keys.letters)
        assert (keys.centres > 0).all()
        assert (keys.centres < (keys.width, keys.height)).all()
        assert keys.units()[:, 1].min() == 0

    @pytest.mark.parametrize("corner", [True, False])
    def test_a_file_says_corners_or_middles(self, corner):
        keys = parse_layout({"mine": as_json(QWERTY, corner)})
        assert keys.letters == QWERTY.letters
        np.testing.assert_allclose(keys.centres, QWERTY.centres)
        np.testing.assert_allclose(keys.pitch, QWERTY.pitch)

    @given(
        st.sampled_from([*ROWS]),
        st.floats(-2.5, 2.0).map(lambda power: 10**power),
        st.integers(0, 2**31),
    )
    def test_units_depend_on_neither_scale_nor_place_nor_jitter(
        self, name, scale, seed
    ):
        """Boards in units of 0 to 1, and keys that are a tenth of a key off."""
        keys, rng = layout(name), np.random.default_rng(seed)
        jitter = rng.uniform(-0.1, 0.1, keys.centres.shape) * keys.pitch
        moved = (keys.centres + jitter) * scale
        places = zip(keys.letters, *moved.T.tolist(), strict=True)
        size = keys.width * scale, keys.height * scale
        changed = of_keys("board", places, *size)
        np.testing.assert_allclose(changed.pitch / scale, keys.pitch, rtol=0.1)

    def test_places_on_small_boards_are_written_with_decimals(self):
        points = np.array([[0.123456, 0.5, 0], [0.9, 1, 0.1]])
        assert json.loads(swipe_line("a", points, "board"))["curve"]["x"] == [
            0.1235,
            0.9,
        ]

    def test_files(self, tmp_path):
        path = tmp_path / "boards.json"
        path.write_text(
            json.dumps({n: as_json(layout(n), True) for n in ("qwerty", "dvorak")})
        )
        assert layout(f"{path}:dvorak").letters == layout("dvorak").letters
        for name, said in (
            (path, "qwerty, dvorak"),
            (f"{path}:x", "qwerty, dvorak"),
            ("nowhere.json", "built-in"),
        ):
            with pytest.raises(InputError, match=said):
                layout(name)

    @pytest.mark.parametrize(
        "bad",
        [
            {"width": 1},
            {"keys": 3, "width": 2, "height": 2},
            {"keys": [{"label": "a"}], "width": 2, "height": 2},
            {"keys": [], "width": 2, "height": 2},
            as_json(QWERTY, True) | {"width": float("nan")},
            [],
        ],
    )
    def test_what_is_no_layout_is_one_sentence(self, bad):
        with pytest.raises(InputError) as error:
            parse_layout(bad)
        assert "\n" not in str(error.value)

    def test_marks_are_left_out_and_accents_folded(self):
        assert typed("Don't", QWERTY.letters) == "dont"
        assert typed("Cafe\u0301 Stra\u00dfe", QWERTY.letters) == "cafestrasse"
        assert typed("\u0451\u043b\u043a\u0430", layout("russian").letters) == "елка"
        assert typed("schön", layout("qwertz").letters) == "schön"
        with pytest.raises(ValueError, match="д"):
            typed("да", QWERTY.letters)


class TestFinger:
    @settings(max_examples=25, deadline=None)
    @given(
        st.lists(
            st.text("abcdefghijklmnopqrstuvwxyz", min_size=1, max_size=20),
            min_size=1,
            max_size=5,
        ),
        st.integers(0, 1000),
    )
    def test_swipes_are_finite_and_repeat(self, words, seed):
        place = dict(zip(QWERTY.letters, QWERTY.units(), strict=True))
        ways = [np.array([place[c] for c in word]) for word in words]
        xy, seconds = swipes(np.random.default_rng(seed), ways)
        again, _ = swipes(np.random.default_rng(seed), ways)
        np.testing.assert_array_equal(xy, again)
        assert xy.shape == (len(words), POINTS, 2)
        assert np.isfinite(xy).all()
        assert (seconds > 0).all()

    SURE = SwipeSynthesis(
        aim_error=(0, 0),
        drift=0,
        overshoot=(0, 0),
        tangent_scale=(0, 0),
        smoothing=(0, 0),
        pace=(0.3, 0),
        hesitation=0,
        time_warp=(0, 0),
        dwell=1e-9,
        loops=0,
        tremor=(0, 0),
    )
    WAY = np.array([[0.5, 0], [6.5, 2], [2.5, 0]])

    def length(self, finger):
        corner = np.array([[0.5, 0], [6.5, 0], [6.5, 2]])
        xy, _ = swipes(np.random.default_rng(0), [corner], finger)
        return np.linalg.norm(np.diff(xy[0] * [1, 1.5], axis=0), axis=1).sum()

    @pytest.mark.parametrize("swing", [0.0, 1.0])
    def test_a_sure_finger_goes_through_its_keys(self, swing):
        finger = self.SURE._replace(tangent_scale=(swing, swing))
        xy, _ = swipes(np.random.default_rng(0), [self.WAY], finger)
        away = np.linalg.norm(xy[0][:, None] - self.WAY, axis=-1).min(0)
        assert (away < 0.15).all()

    def test_swinging_takes_longer_ways_and_cutting_shorter_ones(self):
        straight = self.length(self.SURE)
        assert self.length(self.SURE._replace(tangent_scale=(1, 1))) > 1.01 * straight
        assert self.length(self.SURE._replace(smoothing=(0.3, 0.3))) < 0.95 * straight

    def test_aiming_beyond_reaches_farther(self):
        xy, _ = swipes(
            np.random.default_rng(0), [self.WAY], self.SURE._replace(overshoot=(0.2, 0))
        )
        assert xy[0, :, 0].max() > 6.5 + 0.15 * 6

    def test_a_warped_time_moves_no_place(self):
        """The same way is run at another pace."""
        calm, _ = swipes(np.random.default_rng(0), [self.WAY], self.SURE)
        hasty, _ = swipes(
            np.random.default_rng(0),
            [self.WAY],
            self.SURE._replace(time_warp=(0.8, 0.8)),
        )
        apart = np.linalg.norm(calm[0][:, None] - hasty[0], axis=-1)
        assert apart.min(0).max() < 0.3 and np.abs(calm - hasty).max() > 0.5


class TestFiles:
    def test_a_line_comes_back(self):
        points = np.array([[1.0, 2, 0], [30, 4, 0.02], [5, 66, 0.5]])
        back = parse_swipe(json.loads(swipe_line("ёлка", points, "x")))
        assert back.word == "ёлка"
        np.testing.assert_allclose(back.points, points)

    @pytest.mark.parametrize(
        ("change", "said"),
        [
            ({"x": [1], "y": [1], "t": [0]}, "1 point;"),
            ({"t": [5, 5, 5]}, "takes 0 ms"),
            ({"t": [0, 9, 3]}, "back in time at point 3"),
            ({"x": [1, 2]}, "2 x, 3 y and 3 t"),
            ({"x": ["a", 2, 3]}, "not finite numbers"),
            ({"x": [1e999, 2, 3]}, "not finite numbers"),
            ({"x": 3}, "not all lists"),
            ({"width": 0}, "width 0"),
            ({k: [*range(100_000)] for k in "xyt"}, "100,000 points"),
        ],
    )
    def test_bad_curves_are_one_sentence_each_and_others_are_kept(
        self, change, said, tmp_path
    ):
        path = tmp_path / "s.jsonl"
        lines = [
            {"word": "to", "curve": CURVE | change},
            {"word": "to", "curve": CURVE},
        ]
        path.write_text("\n".join([*map(json.dumps, lines), "{"]))
        bad, good, broken = read_swipes(path)
        assert isinstance(bad, InputError)
        assert said in str(bad)
        assert "\n" not in str(bad)
        assert isinstance(good, Swipe)
        assert isinstance(broken, InputError)
        path.write_text("")
        with pytest.raises(InputError, match="0 swipes"):
            read_swipes(path)

    @pytest.mark.parametrize("bad", ["[" * 200_000, '{"word": ' + "9" * 5_000 + "}"])
    def test_lines_that_no_reader_takes_are_told_and_others_kept(self, bad, tmp_path):
        path = tmp_path / "s.jsonl"
        good = json.dumps({"word": "to", "curve": CURVE})
        path.write_text(f"\n{bad}\n\n{good}\n{{")
        first, second, third = read_swipes(path)
        assert "line 2 is not readable JSON" in str(first)
        assert isinstance(second, Swipe)
        assert "line 5" in str(third)
        (tmp_path / "keys.json").write_text(bad)
        with pytest.raises(InputError, match=r"keys\.json is not readable JSON"):
            layout(tmp_path / "keys.json")

    def test_a_separator_within_a_word_ends_no_line(self, tmp_path):
        path = tmp_path / "s.jsonl"
        line = json.dumps({"word": "a\u2028b", "curve": CURVE}, ensure_ascii=False)
        path.write_text(f"{line}\r\n{line}", "utf-8")
        assert [each.word for each in read_swipes(path)] == ["a\u2028b"] * 2

    def test_a_keyboard_of_another_size_is_scaled(self):
        told = {"width": 2 * QWERTY.width, "height": 3 * QWERTY.height}
        large = {axis: [f * v for v in CURVE[axis]] for axis, f in (("x", 2), ("y", 3))}
        swipe = parse_swipe({"word": "to", "curve": CURVE | large | told})
        small = parse_swipe({"word": "to", "curve": CURVE})
        np.testing.assert_allclose(in_pixels(swipe, QWERTY), small.points)
        check_bounds(swipe, QWERTY, "it")
        assert is_plausible(swipe, QWERTY) == is_plausible(small, QWERTY)
        assert not is_plausible(swipe._replace(width=1.0), QWERTY)

    def test_made_swipes_mean_words_as_they_are_written(self, tmp_path):
        words = {"it's": 3.0, "its": 1.0, "Café": 2.0}
        write_swipes(tmp_path / "s.jsonl", "qwerty", words, 60, 0)
        found = [each.word for each in read_swipes(tmp_path / "s.jsonl")]
        assert {*found} == {*words}
        assert found.count("it's") > found.count("its")

    def test_points_off_the_keyboard_and_other_words(self):
        good = parse_swipe({"word": "to", "curve": CURVE})
        check_bounds(good, QWERTY, "it")
        far = parse_swipe({"word": "to", "curve": CURVE | {"x": [0, 1, 999]}})
        with pytest.raises(InputError, match="999"):
            check_bounds(far, QWERTY, "it")
        assert is_plausible(good, QWERTY)
        assert not is_plausible(good._replace(word="participate" * 3), QWERTY)
        assert not is_plausible(good._replace(word="да"), QWERTY)
        assert not is_plausible(good._replace(word="'"), QWERTY)


@settings(max_examples=5, deadline=None)
@given(st.floats(0.85, 1.3), st.floats(0.85, 1.3), st.floats(-12, 12))
def test_a_keyboard_is_found_by_the_ends_of_its_swipes(wide, high, shift):
    some = board(QWERTY, QWERTY.letters, WORDS)
    rng = np.random.default_rng(0)
    chosen = np.searchsorted(some.cumulative, rng.random(300))
    xy, _ = swipes(rng, [some.units[some.words[i]] for i in chosen])
    pixels = xy[:, [0, -1]] * QWERTY.pitch + QWERTY.origin
    middle = QWERTY.centres.mean(0)
    moved = (pixels - middle) * (wide, high) + middle + (0, shift)
    found = fit_keyboard(moved[:, 0], moved[:, 1], QWERTY, WORDS)
    np.testing.assert_allclose(found.scale, (wide, high), atol=0.1)
    np.testing.assert_allclose(found.inverse(moved), pixels, atol=18)


class TestBatches:
    letters, boards = boards_of("qwerty=2,azerty,shuffled", WORDS)

    def at(self, **more):
        return swipe_batches(self.boards, len(self.letters), 12, seed=3, **more)

    def test_rows_are_rows_of_the_global_batch(self):
        whole, part = self.at()(5), self.at(rows=slice(4, 8))(5)
        for one, other in zip(whole.inputs.values(), part.inputs.values(), strict=True):
            np.testing.assert_array_equal(one[4:8], other)

    def test_types_are_the_same_everywhere(self):
        batch = self.at()(0)
        types = {name: leaf.dtype.name for name, leaf in batch.inputs.items()}
        assert types == {
            "points": "float32",
            "keys": "float32",
            "letters": "int32",
            "known": "float32",
            "word": "int32",
        }
        assert batch.labels.dtype == np.int32

    def test_words_are_letters_then_the_end(self):
        batch = self.at(invented=0.0)(0)
        end = len(self.letters)
        said = {
            "".join(self.letters[c] for c in row if 0 <= c < end)
            for row in batch.labels
        }
        assert said <= {*WORDS}
        assert ((batch.labels == end).sum(1) == 1).all()

    def test_masks_allow_the_word_and_forbid_what_no_word_goes_on_by(self):
        batch = mask_letters(self.at(invented=0.0), self.boards, len(self.letters))(0)
        allowed, labels = batch.inputs["allowed"], batch.labels
        there = labels >= 0
        assert np.take_along_axis(allowed, np.maximum(labels, 0)[..., None], 2)[
            there
        ].all()
        first = {self.letters.index(word[0]) for word in WORDS}
        assert {*np.flatnonzero(allowed[0, 0])} == first

    def test_bad_layouts_are_refused(self):
        for text in ("", "qwerty=x", "shuffled", "qwerty=0"):
            with pytest.raises(InputError):
                boards_of(text, WORDS)
        with pytest.raises(InputError, match="cannot write any"):
            board(layout("russian"), alphabet([layout("russian")]), WORDS)

    def test_recorded_swipes_hold_out_words(self, tmp_path):
        path = tmp_path / "mine.jsonl"
        batch = self.at(invented=0.0, exact=True)
        lines = []
        for step in range(5):
            found = batch(step)
            for points, row in zip(found.inputs["points"], found.labels, strict=True):
                word = "".join(
                    self.letters[c] for c in row if 0 <= c < len(self.letters)
                )
                pixels = points.copy()
                pixels[:, :2] = points[:, :2] * QWERTY.pitch + QWERTY.origin
                lines.append(swipe_line(word, pixels, "qwerty"))
        path.write_text("\n".join(lines))
        train, valid = split_recordings(path, QWERTY)
        assert not {s.word for s in train} & {s.word for s in valid}
        found = record_batches(train, QWERTY, self.letters, 8, seed=0)(1)
        plain = record_batches(train, QWERTY, self.letters, 8, seed=0, augment=False)(1)
        assert found.inputs["points"].shape == (8, POINTS, 3)
        np.testing.assert_array_equal(found.labels, plain.labels)
        assert (np.diff(found.inputs["points"][..., 2]) > 0).all()
        times = [each.inputs["points"][..., 2] for each in (found, plain)]
        pace = np.diff(times[0]) / np.diff(times[1])
        assert pace.std(1).min() > 0.05  # uneven within each swipe
        rough = [np.diff(b.inputs["points"][..., 0], n=3).std() for b in (found, plain)]
        assert rough[0] > rough[1]
        assert (found.labels == len(self.letters)).sum() == 8
