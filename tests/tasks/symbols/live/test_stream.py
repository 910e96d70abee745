"""Events to symbols: portions and clocks change nothing; pauses and places end them."""

import dataclasses
import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import strokejax
from benchmarks.pen_events import write_page
from strokejax.ink.synthesis.handwriting import Writer, random_writer, write
from strokejax.table.knn import Answer
from strokejax.tasks.symbols.live import endings
from strokejax.tasks.symbols.live.events import to_ink
from strokejax.tasks.symbols.live.stream import (
    MIN_SIZES,
    WINDOW,
    Carry,
    Settings,
    Stream,
    append_size,
    reference_size,
)
from strokejax.types import Ink, InputError
from tests.support.strategies import seeds


def fake(ink: Ink, k: int, reference_size: float | None = None) -> Answer:
    """An answer that differs with every ink, and comes without a network."""
    seed = int(1e3 * abs(sum(float(s.sum()) for s in ink.strokes))) + ink.points
    p = np.sort(np.random.default_rng(seed % 2**32).dirichlet(np.ones(k)))[::-1]
    symbols = tuple(f"{ink.points}.{len(ink.strokes)}.{i}" for i in range(k))
    return Answer(symbols, None, tuple(p.tolist()), ("shape",))


STREAM = Stream(fake)


def decode(stream, events):
    """All hypotheses of events in one portion."""
    carry, found = stream.push(Carry(), events)
    return found + stream.finish(carry)[1]


def finals(found):
    return [h for h in found if h.final]


def same(one, other):
    assert len(one) == len(other)
    for a, b in zip(one, other, strict=True):
        assert a._replace(ink=None) == b._replace(ink=None)
        for s, t in zip(a.ink.strokes, b.ink.strokes, strict=True):
            np.testing.assert_array_equal(s, t)


def line(t0=0.0, *, n=20, x=0.0, step=5.0, lift=True):
    """Events of a straight stroke, a point every 10 ms."""
    t = t0 + 0.01 * np.arange(n)
    down = np.stack([t, x + 0 * t, step * np.arange(n), 1 + 0 * t], axis=1)
    up = [[t[-1], x, down[-1, 2], 0]] if lift else np.empty((0, 4))
    return np.concatenate([down, up])


@st.composite
def pages(draw):
    """Events that a hand might send, rests, taps and lifted pens among them."""
    rng = np.random.default_rng(draw(seeds))
    n = draw(st.integers(1, 120))
    steps = rng.choice(
        [0, 0.01, 0.015, 0.2, 0.6, 2.0], n, p=[0.1, 0.4, 0.3, 0.1, 0.07, 0.03]
    )
    xy = np.cumsum(rng.choice([0, 0, 1, -1, 8, 40], (n, 2)), axis=0)
    down = rng.random(n) < draw(st.sampled_from([0.5, 0.9, 1.0]))
    return np.column_stack([np.cumsum(steps), xy, down])


@given(pages(), st.data())
def test_portions_and_looks_at_the_clock_change_nothing(events, data):
    lifted = data.draw(st.sampled_from([None, 0.5]))
    stream = Stream(fake, Settings(lifted=lifted, max_points=40, max_seconds=3.0))
    carry, found = Carry(), ()
    cuts = data.draw(st.lists(st.integers(0, len(events)), max_size=8))
    edges = [0, *sorted(cuts), len(events)]
    for a, b in pairwise(edges):
        carry, more = stream.push(carry, events[a:b])
        found += more
        if 0 < b < len(events):
            share = data.draw(st.floats(0, 1))
            now = events[b - 1, 0] + share * (events[b, 0] - events[b - 1, 0])
            carry, more = stream.push(carry, now=now)
            found += more
    same(found + stream.finish(carry)[1], decode(stream, events))


@given(pages())
def test_every_symbol_ends_once_and_in_order(events):
    found = decode(STREAM, events)
    ends = finals(found)
    assert [h.id for h in ends] == list(range(len(ends)))
    assert all(a.time <= b.time for a, b in pairwise(ends))
    done = set()
    for h in found:
        assert h.id not in done, "an answer came after the final one"
        done |= {h.id} if h.final else set()
    if events[:, 3].any():
        assert ends


@given(pages())
def test_answers_between_are_rare_and_push_is_pure(events):
    carry = Carry()
    same(STREAM.push(carry, events)[1], STREAM.push(carry, events)[1])
    assert carry == Carry()
    between = [h.time for h in decode(STREAM, events) if not h.final]
    lifts = {t for t, _, _, down in events.tolist() if not down}
    assert all(b in lifts or b - a >= 0.03 - 1e-9 for a, b in pairwise(between))


@given(pages())
def test_a_lifted_pen_is_answered_at_once(events):
    carry = Carry()
    for event in events:
        drawing = carry.down
        carry, found = STREAM.push(carry, event[None])
        if drawing and not event[3] and carry.strokes:
            shown = next(h for h in found if h.id == carry.id)
            assert shown.time == event[0]
            assert shown.ink.points == to_ink(carry.strokes).points


def test_with_the_real_recogniser_portions_change_nothing():
    model = strokejax.load()
    stream = Stream(model.recognize)
    rng = np.random.default_rng(2)
    events, _ = write_page("ab", random_writer(rng), rng)
    carry, found = Carry(), ()
    for event in events:
        carry, more = stream.push(carry, event[None], now=event[0])
        found += more
    same(found + stream.finish(carry)[1], decode(stream, events))


@pytest.mark.parametrize("mode", ["nn-sampling", "argmax"])
def test_any_sampling_gives_the_same_symbols(mode):
    """But for one at the most that lies between two symbols anyway."""
    model = strokejax.load(mode)
    stream = Stream(model.recognize, Settings(lifted=0.5, interval=math.inf))
    hand = Writer(size=120, overlap=0.3)
    symbols, torn = "abegkmswyEKRSW23458", {}
    for symbol in symbols:
        got = set()
        for rate in (100.0, 1000 / 15, 250.0):
            ink = write(symbol, hand, np.random.default_rng(0), rate=rate)
            events = [(t, x, y, 1) for s in ink.strokes for x, y, t in s.tolist()]
            kept = events[:1] + [e for i, e in enumerate(events[1:]) if i % 7 != 3]
            for each in (events, kept if rate == 250 else events):
                (end,) = finals(decode(stream, each))
                got.add(end.answer.symbols[0])
        if len(got) > 1:
            torn[symbol] = got
    assert len(torn) <= 1, torn


def test_answers_come_while_the_pen_moves():
    (first, *_, last) = decode(STREAM, line(n=40))
    assert not first.final
    assert first.time <= 0.03
    assert last.final


def test_a_mouse_that_never_lifts_ends_a_symbol_by_resting():
    rest = np.array([[0.2 + 0.01 * i, 0, 95, 1] for i in range(60)])
    events = np.concatenate([line(lift=False), rest, line(1.0, x=200, lift=False)])
    one, two = finals(decode(STREAM, events))
    assert one.time == pytest.approx(0.19 + 0.5)
    assert [len(s) for s in one.ink.strokes] == [20]
    assert two.ink.strokes[0][0, 0] == 200


def test_a_pen_that_rests_before_it_moves_draws_no_tap():
    events = np.concatenate([[[0, 0, 0, 1]], line(3.0, x=7.0)])
    (end,) = finals(decode(STREAM, events))
    assert end.ink.strokes[0][0].tolist() == [7, 0, 0]


def test_a_tap_is_a_symbol():
    carry, found = STREAM.push(Carry(), [(1, 5, 5, 1), (1.05, 5, 5, 0)])
    assert not finals(found)
    carry, (tap,) = STREAM.push(carry, now=10.0)
    assert tap.final
    assert tap.ink.points == 2
    assert tap.time == pytest.approx(
        1.05
        + endings.pause_to_end(
            endings.ink_features(tap.ink, tap.answer.symbols, tap.answer.probability),
            0.05,
        )
    )


def test_a_lifted_pen_ends_a_symbol_after_the_fixed_pause():
    stream = Stream(fake, Settings(lifted=0.4))
    within = np.concatenate([line(), line(0.19 + 0.39, x=900)])
    beyond = np.concatenate([line(), line(0.19 + 0.41, x=10)])
    assert len(finals(decode(stream, within))) == 1
    assert len(finals(decode(stream, beyond))) == 2


def test_the_final_answer_needs_no_further_recognition():
    calls = []
    stream = Stream(lambda ink, k, usual: calls.append(ink) or fake(ink, k))
    carry, _ = stream.push(Carry(), line())
    before = len(calls)
    _, (end,) = stream.push(carry, now=9.0)
    assert end.final
    assert len(calls) == before


def test_a_far_stroke_starts_a_new_symbol_and_a_near_one_does_not():
    def whole(ink, k, reference_size):
        return Answer(("e", "c"), None, (0.98, 0.02), ("shape",))

    def part(ink, k, reference_size):
        return Answer(("l", "t"), None, (0.6, 0.4), ("shape",))

    far = np.concatenate([line(), line(0.3, x=200)])
    near = np.concatenate([line(), line(0.3, x=5)])
    assert len(finals(decode(Stream(whole), far))) == 2
    assert len(finals(decode(Stream(part), near))) == 1


def test_letters_are_compared_with_the_median_of_those_before():
    steps = [1.0, 5.0, 2.0, 4.0, 3.0, 50.0, 1.0]
    events = [line(9.0 * i, step=step) for i, step in enumerate(steps)]
    ends = finals(decode(STREAM, np.concatenate(events)))
    sides = [19 * step for step in steps]
    assert [end.reference_size for end in ends[:MIN_SIZES]] == [None] * MIN_SIZES
    for i in range(MIN_SIZES, len(ends)):
        assert ends[i].reference_size == pytest.approx(np.median(sides[:i]))
    told = decode(Stream(fake, Settings(reference_size=7.0)), events[0])
    assert {each.reference_size for each in told} == {7.0}


def test_the_recogniser_is_told_what_the_hypothesis_tells():
    seen = []

    def answer(ink, k, reference_size):
        seen.append(reference_size)
        return fake(ink, k)

    events = np.concatenate([line(9.0 * i, step=i + 1) for i in range(8)])
    found = decode(Stream(answer, Settings(interval=math.inf)), events)
    assert {h.reference_size for h in found} == set(seen)
    assert len(set(seen)) == 1 + 8 - MIN_SIZES


@given(st.lists(st.floats(0.01, 100), max_size=80))
def test_the_usual_size_forgets_what_is_long_ago(sides):
    sizes = ()
    for side in sides:
        ink = Ink((np.array([[0, 0, 0], [side, 0, 1]], np.float32),))
        sizes = append_size(sizes, ink, ("a",))
        for nothing in (np.zeros((2, 3), np.float32), 1e3 * ink.strokes[0]):
            flat = append_size(sizes, Ink((nothing,)), ("space",))
            assert flat == sizes
    expected = np.float32(sides[-WINDOW:])
    if len(sides) < MIN_SIZES:
        assert reference_size(sizes) is None
    else:
        assert reference_size(sizes) == pytest.approx(np.median(expected))


@given(st.integers(0, 6), st.floats(-4, 4))
def test_waiting_is_shorter_where_more_may_be_risked(index, value):
    features = [1.0, -1.5, 0.5, 0.8, 0.0, -0.5, 0.3]
    features[index] = value
    waits = [endings.pause_to_end(features, risk) for risk in (0.01, 0.05, 0.2)]
    assert waits == sorted(waits, reverse=True)
    assert all(endings.MIN_PAUSE <= w <= endings.MAX_PAUSE for w in waits)


def test_learned_endings_are_sooner_and_cut_few_symbols():
    """On a hand that the fit never saw; benchmarks/endings.py has the figures."""
    rng = np.random.default_rng(11)
    events, _ = write_page("texasjoinskite" * 2, random_writer(rng), rng)
    model = strokejax.load()
    silent = Settings(interval=math.inf)
    learned = finals(decode(Stream(model.recognize, silent), events))
    assert abs(len(learned) - 28) <= 4
    delays = []
    for end in learned:
        last = events[(events[:, 0] <= end.time) & (events[:, 3] == 1)][-1, 0]
        delays.append(end.time - last)
    assert np.median(delays) < 0.4


# Bounds


def test_a_stream_that_never_lifts_the_pen_is_closed():
    n = 3_000
    t = 0.01 * np.arange(n)
    events = np.stack([t, 300 * np.cos(t), 300 * np.sin(2 * t), 1 + 0 * t], axis=1)
    ends = finals(decode(Stream(fake, Settings(max_points=400)), events))
    assert len(ends) >= 2
    assert all("400" in h.forced and "lift" in h.forced for h in ends[:-1])
    assert max(h.ink.points for h in ends) <= 400
    ends = finals(decode(Stream(fake, Settings(max_seconds=5.0)), events))
    assert [h.time for h in ends[:3]] == pytest.approx([5, 10, 15], abs=0.05)
    assert "5 seconds" in ends[0].forced


def test_a_resting_pen_fills_no_memory():
    carry, _ = STREAM.push(Carry(), line(lift=False))
    rest = [(0.2 + 1e-5 * i, 0.0, 95.0, 1) for i in range(2_000)]
    more, _ = STREAM.push(carry, rest)
    assert more.strokes == carry.strokes


@pytest.mark.parametrize(
    ("event", "words"),
    [
        ((0.1, 0, 0, 1), "comes after one at t 0.19"),
        ((math.nan, 0, 0, 1), "finite"),
        ((1, math.inf, 0, 1), "finite"),
        ((1, 0, 1e9, 1), "1e+07"),
        ((1e13, 0, 0, 1), "1e+12"),
        ((1, 0, 0), "shape"),
    ],
)
def test_bad_events_are_refused_and_nothing_is_lost(event, words):
    carry, _ = STREAM.push(Carry(), line())
    with pytest.raises(InputError, match=words.replace("+", r"\+")):
        STREAM.push(carry, [event])
    (end,) = STREAM.finish(carry)[1]
    assert end.ink.points == 20


def test_the_stream_cannot_be_changed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        STREAM.answer = fake
