"""The hand that writes, and the data made with it."""

import itertools
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strokejax.data.sets.synthetic import SPLITS, Split, load_synthetic
from strokejax.ink.synthesis.handwriting import Writer, random_writer, write, write_many
from strokejax.ink.synthesis.letterforms import (
    SYMBOLS,
    control_polygons,
    form_count,
    glyph,
)
from strokejax.table.symbols import STROKES
from strokejax.types import InputError

RATE = 100.0
SKELETON_TOLERANCE = 0.02
BULGE = 0.05
seeds = st.integers(0, 2**32 - 1)
symbols = st.sampled_from(SYMBOLS)


def hand(seed: int) -> Writer:
    return random_writer(np.random.default_rng(seed))


def distances(points: np.ndarray, strokes: list[np.ndarray]) -> np.ndarray:
    """Distance of each point to the nearest segment of the strokes."""
    a = np.concatenate([stroke[:-1] for stroke in strokes])
    way = np.concatenate([stroke[1:] for stroke in strokes]) - a
    offset = points[:, None] - a
    share = (offset * way).sum(-1) / np.maximum((way * way).sum(-1), 1e-12)
    foot = offset - np.clip(share, 0, 1)[..., None] * way
    return np.hypot(foot[..., 0], foot[..., 1]).min(1)


@settings(max_examples=60, deadline=None)
@given(seeds, symbols, st.sampled_from([15.0, 60.0, 100.0, 250.0]))
def test_same_seed_same_ink(seed, symbol, rate):
    first, second = (
        write(symbol, hand(seed), np.random.default_rng(seed), rate=rate)
        for _ in range(2)
    )
    assert len(first.strokes) == len(second.strokes)
    for a, b in zip(first.strokes, second.strokes, strict=True):
        assert a.tobytes() == b.tobytes()


@settings(max_examples=60, deadline=None)
@given(seeds, symbols)
def test_another_draw_gives_other_ink(seed, symbol):
    writer = hand(seed)._replace(whole_pixels=False, jitter=0.02)
    packed = write_many(symbol, writer, np.random.default_rng(seed), 2)
    cut = packed.stroke_start[packed.sample_start[1]]
    one, other = packed.points[:cut, :2], packed.points[cut:, :2]
    if np.ptp(one, axis=0).any():
        assert one.tobytes() != other.tobytes()


@settings(max_examples=25, deadline=None)
@given(seeds)
def test_every_symbol_is_finite_bounded_and_drawn(seed):
    writer = hand(seed)
    rng = np.random.default_rng(seed)
    for symbol in SYMBOLS:
        ink = write(symbol, writer, rng)
        points = np.concatenate(ink.strokes)
        assert all(len(stroke) >= 2 for stroke in ink.strokes)
        assert points.dtype == np.float32 and np.isfinite(points).all()
        assert np.abs(points[:, :2]).max() < 3 * writer.size
        if symbol != "space":
            assert np.ptp(points[:, :2], axis=0).max() > 0.3 * writer.size
        if writer.whole_pixels:
            assert np.array_equal(points[:, :2], np.round(points[:, :2]))


@settings(max_examples=60, deadline=None)
@given(seeds, symbols, st.sampled_from([10.0, 66.0, 100.0, 1000.0]))
def test_time_runs_at_the_stated_rate(seed, symbol, rate):
    ink = write(symbol, hand(seed), np.random.default_rng(seed), rate=rate)
    assert ink.strokes[0][0, 2] == 0
    for stroke in ink.strokes:
        np.testing.assert_allclose(np.diff(stroke[:, 2]) * rate, 1, atol=1e-2)
    for before, after in itertools.pairwise(ink.strokes):
        assert after[0, 2] > before[-1, 2]


@settings(max_examples=60, deadline=None)
@given(seeds, symbols)
def test_doubling_the_speed_halves_the_duration(seed, symbol):
    writer = hand(seed)
    slow, fast = (
        write(symbol, writer._replace(speed=s), np.random.default_rng(seed), rate=2000)
        for s in (3.0, 6.0)
    )
    # Each stroke and each lift may wait up to one tick for the next point in time.
    waits = 2 * len(slow.strokes) / 2000
    assert abs(slow.strokes[-1][-1, 2] - 2 * fast.strokes[-1][-1, 2]) <= 2 * waits


@pytest.mark.parametrize("symbol", SYMBOLS)
def test_an_even_hand_writes_the_skeleton(symbol):
    for form in range(form_count(symbol)):
        forms = tuple(form if s == symbol else 0 for s in SYMBOLS)
        writer = Writer(forms=forms, size=1.0)
        ink = write(symbol, writer, np.random.default_rng(0), rate=400)
        strokes = control_polygons(symbol, form)
        assert len(ink.strokes) == len(strokes)
        written = [stroke[:, :2].astype(float) for stroke in ink.strokes]
        # Through each vertex, and beside an edge by no more than a curve needs.
        assert distances(np.concatenate(strokes), written).max() < SKELETON_TOLERANCE
        assert distances(np.concatenate(written), strokes).max() < BULGE


@settings(max_examples=60, deadline=None)
@given(seeds, symbols)
def test_size_scales_ink_alone(seed, symbol):
    writer = hand(seed)._replace(whole_pixels=False)
    small, large = (
        write(symbol, writer._replace(size=s), np.random.default_rng(seed))
        for s in (50.0, 200.0)
    )
    for a, b in zip(small.strokes, large.strokes, strict=True):
        np.testing.assert_allclose(4 * a[:, :2], b[:, :2], atol=1e-3)
        assert np.array_equal(a[:, 2], b[:, 2])


@settings(max_examples=60, deadline=None)
@given(seeds)
def test_space_is_flat_or_a_tap(seed):
    points = np.concatenate(
        write("space", hand(seed), np.random.default_rng(seed)).strokes
    )
    width, height = np.ptp(points[:, :2], axis=0)
    assert height <= 0.5 * width or (width == 0 and height == 0)


@given(symbols, st.integers(0, 5), st.sampled_from(["lift", "join", "drag"]))
def test_a_glyph_ends_where_its_movements_lead(symbol, form, pen):
    skeleton = glyph(symbol, form, pen)
    via = skeleton.via_points()
    low, high = via.min(0), via.max(0)
    assert (np.abs(low) < 1.5).all() and (np.abs(high) < 1.5).all()
    reach = np.hypot(*np.diff(via, axis=0).T)
    assert (reach <= skeleton.lengths + 2 * SKELETON_TOLERANCE).all()
    assert skeleton.drawn[0] and skeleton.drawn[-1]


def test_joining_saves_strokes_and_dragging_leaves_one_but_for_dots():
    def strokes(symbol: str, pen) -> int:
        return len(write(symbol, Writer(pen=pen), np.random.default_rng(0)).strokes)

    assert [strokes("V", pen) for pen in ("lift", "join", "drag")] == [2, 1, 1]
    assert [strokes("A", pen) for pen in ("lift", "join", "drag")] == [3, 2, 1]
    assert [strokes("i", pen) for pen in ("lift", "join", "drag")] == [2, 2, 2]


def test_overlap_rounds_corners():
    def tip(overlap: float) -> float:
        writer = Writer(overlap=overlap, size=1.0, pen="join")
        ink = write("V", writer, np.random.default_rng(0), rate=400)
        return ink.strokes[0][:, 1].max()

    assert tip(0.0) == pytest.approx(0, abs=1e-5)
    assert -0.25 < tip(0.5) < tip(0.25) < -0.001


def test_slant_leans_to_the_right():
    writer = Writer(slant=0.3)
    stem = write("l", writer, np.random.default_rng(0)).strokes[0]
    top, foot = stem[stem[:, 1].argmin()], stem[stem[:, 1].argmax()]
    assert top[0] - foot[0] == pytest.approx(0.3 * (foot[1] - top[1]), rel=1e-4)


@pytest.mark.parametrize("symbol", ["", "ä", "aa", " "])
def test_unknown_symbols_are_named(symbol):
    with pytest.raises(InputError, match=repr(symbol)):
        write(symbol, Writer(), np.random.default_rng(0))


@pytest.mark.parametrize("rate", [0.0, -1.0, float("nan"), float("inf")])
def test_impossible_rates_are_refused(rate):
    with pytest.raises(InputError, match="rate"):
        write("a", Writer(), np.random.default_rng(0), rate=rate)


def test_the_hand_knows_the_63_strokes():
    assert SYMBOLS == STROKES


def test_data_is_whole():
    data = load_synthetic(writers=3, samples=2, count=32)
    points = data.inputs["points"]
    assert points.shape == (3 * 63 * 2, 32, 3) and points.dtype == np.float32
    assert np.abs(points[..., :2]).max() <= 0.5 + 1e-6
    assert data.labels.dtype == np.int32 and data.symbols == STROKES
    assert np.bincount(data.labels, minlength=63).tolist() == [6] * 63
    names, counts = np.unique(data.groups, return_counts=True)
    assert names.tolist() == ["train-0000", "train-0001", "train-0002"]
    assert counts.tolist() == [126] * 3


def test_more_writers_leave_the_first_as_they_are():
    few = load_synthetic(writers=2, samples=1, seed=3)
    many = load_synthetic(writers=3, samples=1, seed=3)
    assert np.array_equal(
        few.inputs["points"], many.inputs["points"][: len(few.labels)]
    )


def test_splits_and_seeds_share_no_writer_and_no_ink():
    kinds: list[tuple[Split, int]] = list(itertools.product(SPLITS, (0, 1)))
    pages = [load_synthetic(writers=2, samples=1, split=p, seed=s) for p, s in kinds]
    seen = [sample.tobytes() for page in pages for sample in page.inputs["points"]]
    drawn = [ink for ink in seen if np.frombuffer(ink, np.float32)[:2].any()]
    assert len(set(drawn)) == len(drawn) > 0.9 * len(seen)
    groups = [set(page.groups) for page in pages[::2]]
    assert not any(a & b for a, b in itertools.combinations(groups, 2))


def test_another_process_writes_the_same():
    code = (
        "import hashlib, sys; from strokejax.data.sets.synthetic import load_synthetic;"
        "points = load_synthetic(writers=1, samples=1).inputs['points'];"
        "assert 'jax' not in sys.modules;"
        "print(hashlib.sha256(points.tobytes()).hexdigest())"
    )
    runs = {
        subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True
        ).stdout
        for _ in range(2)
    }
    assert len(runs) == 1


@pytest.mark.parametrize("wrong", [{"split": "dev"}, {"writers": 0}, {"samples": 0}])
def test_impossible_sizes_are_refused(wrong):
    with pytest.raises(InputError):
        load_synthetic(**wrong)
