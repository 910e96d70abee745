"""What is said before a symbol is registered: by hand, by brute force, by law."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from strokejax.registration.coach import (
    MAX_CONFUSIONS,
    MIN_COUNT,
    MIN_RATE,
    OUTLIER_SHARE,
    RECOMMENDED,
    SPREAD_FACTOR,
    Loss,
    confusion_rates,
    guard,
    outliers,
    recommended_extra,
    worst_confusions,
)
from strokejax.registration.learn import learn
from strokejax.registration.rows import ReplaySet, pair_cosine
from strokejax.table.table import Rows, Slots, unit
from strokejax.types import InputError
from tests.support.strategies import seeds, unit_rows
from tests.support.tables import DIM, Store, around, model_of

AXES = np.eye(DIM, dtype=np.float32)
NEW = 5
"""The slot of the symbol that a change adds."""


def confusions(*arguments, **settings):
    return worst_confusions(confusion_rates(*arguments, **settings))


def rows_with(active, embeddings=AXES[:8]):
    """A table on the host, of rows along the axes."""
    c = len(embeddings)
    zeros = np.zeros(c, np.float32)
    owner = np.arange(c, dtype=np.int32)
    on = np.isin(np.arange(c), active)
    slots = Slots(0 * embeddings, owner * 0, on, owner, zeros, zeros, zeros + np.inf)
    return Rows(embeddings, 10.0, slots)


def torn(symbol, n):
    """Drawings of a symbol that a new row along the axis NEW takes."""
    z = unit(AXES[symbol] + 2 * AXES[NEW]).astype(np.float32)
    return np.repeat(z[None], n, 0)


def known_of(counts):
    """{symbol: (kept, lost)} drawings, as guard is given them."""
    z, owner = [], []
    for symbol, (kept, lost) in counts.items():
        z += [np.repeat(AXES[symbol][None], kept, 0), torn(symbol, lost)]
        owner += [symbol] * (kept + lost)
    return ReplaySet(np.concatenate(z), np.array(owner, np.int32))


def found_by_guard(counts, but=(NEW,)):
    before, after = rows_with(range(5)), rows_with(range(NEW + 1))
    return guard(before, after, known_of(counts), set(but))


# The guard


def test_the_loss_of_a_hand_made_case():
    loss = found_by_guard({0: (17, 3), 1: (20, 0), 2: (49, 1)})
    assert loss.worst == 3 / 20
    assert loss.mean == pytest.approx((3 / 20 + 0 + 1 / 50) / 3)
    assert loss.symbol == 0
    assert loss.refused


def test_a_symbol_of_few_drawings_counts_as_if_it_had_some():
    loss = found_by_guard({0: (0, 2), 1: (3, 0)})
    assert loss.worst == 2 / MIN_COUNT
    assert loss.mean == pytest.approx(1 / MIN_COUNT)


def test_what_a_symbol_gains_is_set_against_what_others_lose():
    known = known_of({0: (18, 2)})
    gain = ReplaySet(
        np.concatenate([known.z, torn(1, 20)]),
        np.concatenate([known.owner, np.full(20, NEW, np.int32)]),
    )
    loss = guard(rows_with(range(5)), rows_with(range(NEW + 1)), gain, {4})
    assert loss.worst == 2 / 20
    assert loss.mean == pytest.approx((2 / 20 - 1) / 2)
    assert not loss.refused


def test_the_changed_symbol_does_not_count_and_nothing_loses_nothing():
    assert found_by_guard({0: (1, 9)}, but={0, NEW}) == Loss(0.0, 0.0, -1)
    nothing = ReplaySet(AXES[:0], np.zeros(0, np.int32))
    assert guard(rows_with([0]), rows_with([0]), nothing, set()) == Loss(0.0, 0.0, -1)
    assert not Loss(0.0, 0.0, -1).refused


@pytest.mark.parametrize("symbols", [10, 20, 30, 40, 60, 70, 90])
def test_a_loss_at_the_limits_is_allowed_and_above_them_refused(symbols):
    dim = symbols + 1
    axes = np.eye(dim, dtype=np.float32)
    before, after = rows_with(range(symbols), axes), rows_with(range(dim), axes)
    taken = unit(axes[:symbols] + 2 * axes[symbols]).astype(np.float32)
    z = np.repeat(axes[:symbols], 10, 0)
    owner = np.repeat(np.arange(symbols, dtype=np.int32), 10)
    for lost in range(symbols // 10):  # one drawing of each tenth symbol: 1 point
        z[10 * lost] = taken[lost]
    at = guard(before, after, ReplaySet(z, owner), {symbols})
    assert (at.mean, at.worst) == (pytest.approx(0.01), pytest.approx(0.1))
    assert not at.refused
    one_more = z.copy()
    one_more[-1] = taken[-1]
    mean = guard(before, after, ReplaySet(one_more, owner), {symbols})
    assert mean.refused
    assert mean.worst == pytest.approx(0.1)
    assert Loss(0.0, 0.1001, 0).refused
    assert Loss(0.0101, 0.0, 0).refused


def test_a_change_that_harms_is_refused_unless_forced():
    rng = np.random.default_rng(0)
    model, store = model_of(rng), Store()
    twin = around(rng, model.calibration.rows[0], 20, 0.9)
    wider = model._replace(samples=store.add("twin", twin))
    with pytest.raises(InputError, match=r"'a' .*limits 1 and 10.*--force"):
        learn(wider, store, "twin", "mean", against=model)
    found = learn(wider, store, "twin", "mean", against=model, force=True)
    loss = found.coach["old_loss"]
    assert loss["symbol"] == "a"
    assert loss["worst"] > 0.1
    assert loss["mean"] == pytest.approx(loss["worst"] / 6, abs=0.02)


def test_registered_symbols_are_guarded_by_their_own_drawings():
    rng = np.random.default_rng(0)
    model, store = model_of(rng), Store()
    centre = unit_rows(rng, 1, DIM)[0]
    wider = model._replace(samples=store.add("one", around(rng, centre, 10, 0.9)))
    model = learn(wider, store, "one", "sgd", against=model, force=True).model
    more = store.add("two", around(rng, centre, 10, 0.9))
    wider = model._replace(samples=(*model.samples, *more))
    with pytest.raises(InputError, match="'one'"):
        learn(wider, store, "two", "mean", against=model)


# Odd ones


def drawings_of(rng, n=60):
    """Known drawings of four symbols, not in order."""
    z = np.concatenate([around(rng, row, n, 0.9) for row in unit_rows(rng, 4, DIM)])
    order = rng.permutation(len(z))
    return ReplaySet(z[order], np.repeat(np.arange(4, dtype=np.int32), n)[order])


def left_out(z):
    """Cosine of each row with the mean of the others, one by one."""
    rest = [np.delete(z, i, 0).mean(0) for i in range(len(z))]
    return np.array(
        [each @ r / np.linalg.norm(r) for each, r in zip(z, rest, strict=True)]
    )


@given(seeds, st.integers(3, 8))
def test_odd_is_what_so_few_known_drawings_are_as_brute_force_finds(seed, n):
    rng = np.random.default_rng(seed)
    known = drawings_of(rng, 15)
    z = around(rng, unit_rows(rng, 1, DIM)[0], n, rng.choice([0.6, 0.85, 0.95]))
    usual = [left_out(known.z[known.owner == i]) for i in range(4)]
    limit = np.quantile(np.concatenate(usual), OUTLIER_SHARE)
    found = left_out(z)
    clear = np.abs(found - limit) > 1e-5
    odd = np.isin(np.arange(n), outliers(z, known))
    np.testing.assert_array_equal(odd[clear], (found < limit)[clear])


def test_a_slip_is_named_and_good_drawings_are_not():
    rng = np.random.default_rng(0)
    known, centre = drawings_of(rng), unit_rows(rng, 1, DIM)[0]
    z = around(rng, centre, 10, 0.95)
    assert outliers(z, known) == []
    z[7] = unit(-centre + 0.1 * z[7])
    assert outliers(z, known) == [7]


def test_two_drawings_are_too_few_to_be_odd():
    rng = np.random.default_rng(0)
    assert outliers(np.stack([AXES[0], -AXES[0]]), drawings_of(rng)) == []
    nothing = ReplaySet(AXES[:0], np.zeros(0, np.int32))
    assert outliers(AXES[:5], nothing) == []


# Confusions


def table_beside(rng, near, cosine):
    """Rows 0 to 3, and in slot 4 the new symbol's, at a cosine from row `near`."""
    rows = unit_rows(rng, 4, DIM)
    new = around(rng, rows[near], 1, cosine)
    return rows_with(range(5), np.concatenate([rows, new]))


@given(seeds, st.integers(1, 12))
def test_rates_are_shares_without_the_symbol_itself(seed, n):
    rng = np.random.default_rng(seed)
    rows = table_beside(rng, 0, 0.8)
    z = around(rng, rows.embeddings[4], n, 0.8)
    found = confusions(z, rows, drawings_of(rng), owner=4)
    symbols, rates = [s for s, _ in found], [r for _, r in found]
    assert len(found) <= MAX_CONFUSIONS
    assert len({*symbols}) == len(symbols)
    assert 4 not in symbols
    assert sum(rates) <= 1 + 1e-9
    assert rates == sorted(rates, reverse=True)
    assert all(rate >= MIN_RATE for rate in rates)


@pytest.mark.parametrize("near", range(4))
def test_the_near_symbol_is_named(near):
    rng = np.random.default_rng(near)
    rows = table_beside(rng, near, 0.9)
    z = around(rng, rows.embeddings[4], 10, 0.8)
    (symbol, rate), *others = confusions(z, rows, drawings_of(rng), owner=4)
    assert symbol == near
    assert rate > 3 * sum(rate for _, rate in others)


def test_a_symbol_far_from_all_is_not_confused():
    rng = np.random.default_rng(0)
    rows = rows_with([0, 1, 2, 3, 4])
    assert confusions(around(rng, AXES[4], 10, 0.95), rows, drawings_of(rng), 4) == []
    nothing = ReplaySet(AXES[:0], np.zeros(0, np.int32))
    assert confusions(AXES[4:5], rows, nothing, 4) == []


@given(seeds, st.integers(1, 8))
def test_confusions_as_brute_force_counts_them(seed, n):
    rng = np.random.default_rng(seed)
    rows, known = table_beside(rng, 1, 0.7), drawings_of(rng, 20)
    z = around(rng, rows.embeddings[4], n, 0.7)
    differ = []
    for i in range(len(known.z)):
        own = known.z[known.owner == known.owner[i]]
        rest = np.delete(own, np.flatnonzero((own == known.z[i]).all(1)), 0)
        # With the mean of the others, which is that of all but for the same share.
        differ.append((known.z[i] - rest.mean(0)) * np.sqrt(len(rest) / len(own)))
    differ = np.array(differ)
    p = pair_cosine(z)
    wanted = (1 - p) * (1 + 1 / n)
    scale = SPREAD_FACTOR * np.sqrt(wanted / np.mean((differ**2).sum(1)))
    drawn = unit(unit(z.mean(0)) * np.sqrt(p) + scale * differ)
    scores = drawn @ rows.embeddings[:5].T
    rate = np.bincount(scores.argmax(1), minlength=5) / len(drawn)
    for symbol, share in confusions(z, rows, known, owner=4):
        assert share == pytest.approx(rate[symbol], abs=2.5 / len(drawn))


def test_wider_drawings_are_confused_more():
    rng = np.random.default_rng(0)
    rows, known = table_beside(rng, 2, 0.6), drawings_of(rng)
    rates = []
    for cosine in (0.99, 0.8, 0.6):
        z = around(rng, rows.embeddings[4], 10, cosine)
        rates.append(sum(rate for _, rate in confusions(z, rows, known, owner=4)))
    assert rates == sorted(rates)
    assert rates[0] < 0.05 < 0.1 < rates[-1]


# How many more


@pytest.mark.parametrize("cosine", [0.99, 0.9, 0.7])
def test_fewer_are_wanted_the_more_there_are(cosine):
    z = around(np.random.default_rng(0), AXES[0], 30, cosine)
    wanted = [recommended_extra(z[:n]) for n in range(1, 31)]
    assert all(0 <= more <= RECOMMENDED - n for n, more in enumerate(wanted[:9], 1))
    assert wanted[0] > 0
    assert not any(wanted[RECOMMENDED - 1 :])
    totals = [more + n for n, more in enumerate(wanted, 1) if more]
    assert max(totals) <= RECOMMENDED


def test_a_steady_hand_needs_fewer():
    rng = np.random.default_rng(0)
    steady, loose = (around(rng, AXES[0], 5, cosine) for cosine in (0.995, 0.7))
    assert recommended_extra(steady) == 0
    assert recommended_extra(loose) == RECOMMENDED - 5
