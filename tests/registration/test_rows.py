"""Rows from a handful of drawings: closed forms, laws, and nothing else moves."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from strokejax.registration import rows as online
from strokejax.registration.learn import learn, rows_of, with_symbols
from strokejax.registration.prototypes import MAX_PROTOTYPES, MIN_DRAWINGS, clusters
from strokejax.registration.rows import (
    MAX_SHOTS,
    TRAINED_WEIGHT,
    ReplaySet,
    fit_row,
    mean_row,
    pair_cosine,
    query_cosine,
    sgd_row,
)
from strokejax.store.model import load_model
from strokejax.table import knn
from strokejax.table.rejection import calibrate
from strokejax.table.table import unit
from strokejax.types import Encoder
from tests.support.strategies import seeds, unit_rows
from tests.support.tables import DIM, Store, around, host_rows, model_of

ORDER = 1e-4
"""What the order of drawings may move a row that is fitted in float32."""


def registered(model, store, symbol, z, method):
    """The model with more drawings of a symbol, however much others lose."""
    wider = model._replace(samples=(*model.samples, *store.add(symbol, z)))
    return learn(wider, store, symbol, method, against=model, force=True).model


def drawn(rng, n, cosine=0.9, centre=None):
    """f32[n d]: drawings of one symbol."""
    centre = unit_rows(rng, 1, DIM)[0] if centre is None else centre
    return around(rng, centre, n, cosine)


# The mean


@given(seeds, st.integers(1, 12), st.sampled_from(["new", "a"]), st.booleans())
def test_registering_in_parts_is_registering_at_once(seed, n, symbol, fitted):
    rng = np.random.default_rng(seed)
    model, store = model_of(rng), Store()
    centre = model.calibration.rows[0] if symbol == "a" else None
    z = drawn(rng, n, centre=centre)
    method = "sgd" if fitted else "mean"
    once = registered(model, store, symbol, z, method)
    parts = model
    borders = np.sort(rng.integers(0, n + 1, 2))
    for part in np.split(rng.permutation(n), borders):
        if len(part):
            parts = registered(parts, store, symbol, z[part], method)
    near = {"atol": ORDER if fitted else 1e-6}
    found, wanted = parts.table["embeddings"], once.table["embeddings"]
    np.testing.assert_allclose(found, wanted, **near)
    for name, ours in parts.slots._asdict().items():
        theirs = getattr(once.slots, name)
        np.testing.assert_allclose(ours, theirs, err_msg=name, atol=2e-6)
    assert parts.symbols == once.symbols


@given(seeds, st.integers(1, 12))
def test_sums_and_counts_are_those_of_the_normalised_drawings(seed, n):
    rng = np.random.default_rng(seed)
    rows, z = host_rows(unit_rows(rng, 4, DIM)), drawn(rng, n)
    new = mean_row(z, None, rows)
    exact = z.astype(np.float64)
    exact = (exact / np.linalg.norm(exact, axis=1, keepdims=True)).sum(0)
    np.testing.assert_array_equal(new.sums, exact.astype(np.float32))
    assert new.count == n
    np.testing.assert_allclose(new.embedding, unit(exact), atol=1e-6)
    refined = mean_row(z, rows.embeddings[0], rows)
    more = exact + TRAINED_WEIGHT * rows.embeddings[0].astype(np.float64)
    np.testing.assert_allclose(refined.sums, more, rtol=1e-6, atol=1e-6)
    assert (refined.offset, refined.count) == (0.0, n)


@given(seeds, st.integers(2, 12), st.floats(0.1, 10))
def test_the_length_of_embeddings_does_not_matter(seed, n, length):
    rng = np.random.default_rng(seed)
    rows, z = host_rows(unit_rows(rng, 4, DIM)), drawn(rng, n)
    long = z.copy()
    long[0] *= np.float32(length)
    found, wanted = mean_row(long, None, rows), mean_row(z, None, rows)
    np.testing.assert_allclose(found.embedding, wanted.embedding, atol=1e-6)


def test_a_new_mean_stands_as_far_from_its_drawings_as_trained_rows():
    rng = np.random.default_rng(0)
    z = drawn(rng, 10, 0.98)
    row = mean_row(z, None, host_rows(unit_rows(rng, 4, DIM), radius=0.5))
    fresh = 2 - 2 * query_cosine(z)
    assert row.offset == pytest.approx(0.5 - fresh)
    assert row.radius == pytest.approx(0.5)
    far = mean_row(z, None, host_rows(unit_rows(rng, 4, DIM), radius=0.0))
    assert far.offset == 0
    assert far.radius == pytest.approx(fresh)


@pytest.mark.parametrize("cosine", [0.95, 0.8, 0.6])
@pytest.mark.parametrize("n", [1, 3, 10])
def test_the_expected_cosine_is_what_a_simulation_finds(cosine, n):
    rng = np.random.default_rng([n, int(100 * cosine)])
    dim, runs = 64, 2_000
    centre = np.eye(dim)[0]
    z = around(rng, centre, runs * (n + 1), cosine).reshape(runs, n + 1, dim)
    p = float(
        np.mean([each[0] @ each[1] for each in around_pairs(rng, centre, cosine)])
    )
    found = (unit(z[:, :n].sum(1)) * z[:, n]).sum(-1).mean()
    assert found == pytest.approx(p / np.sqrt(p + (1 - p) / n), abs=0.01)
    many = around(rng, centre, 400, cosine)
    assert pair_cosine(many) == pytest.approx(p, abs=0.01)
    assert query_cosine(many) == pytest.approx(np.sqrt(p), abs=0.01)


def around_pairs(rng, centre, cosine):
    return around(rng, centre, 20_000, cosine).reshape(-1, 2, len(centre))


def test_a_lone_drawing_says_what_is_usual():
    z = unit_rows(np.random.default_rng(0), 1, DIM)
    assert pair_cosine(z) == pytest.approx(0.8)
    assert query_cosine(z) == pytest.approx(0.8)


# The fit


def separable(rng, apart=1.0):
    """Two symbols side by side: drawings of the new one, and the known one's."""
    first, second = np.eye(DIM)[:2]
    other = unit(first + apart * second)
    z, known = around(rng, first, 8, 0.98), around(rng, other, 30, 0.98)
    return (
        z,
        ReplaySet(known, np.zeros(30, np.int32)),
        host_rows(other[None].astype("f4")),
    )


@pytest.mark.parametrize("seed", range(5))
def test_what_can_be_told_apart_is(seed):
    rng = np.random.default_rng(seed)
    z, known, rows = separable(rng)
    row = sgd_row(z, None, rows, known, owner=5)
    both = host_rows(np.stack([rows.embeddings[0], row.embedding]))
    assert (both.owners(z) == 1).all()
    assert (both.owners(known.z) == 0).all()
    assert np.linalg.norm(row.embedding) == pytest.approx(1, abs=1e-6)
    assert (row.count, row.offset) == (8, 0.0)


@given(seeds, st.integers(1, 12))
def test_the_order_of_drawings_hardly_matters_and_runs_agree(seed, n):
    rng = np.random.default_rng(seed)
    _, known, rows = separable(rng, apart=0.5)
    z = drawn(rng, n, centre=np.eye(DIM)[0])
    found = sgd_row(z, None, rows, known, owner=5)
    again = sgd_row(z, None, rows, known, owner=5)
    np.testing.assert_array_equal(again.embedding, found.embedding)
    other = sgd_row(z[rng.permutation(n)], None, rows, known, owner=5)
    np.testing.assert_allclose(other.embedding, found.embedding, atol=ORDER)
    assert np.linalg.norm(found.embedding) == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize("n", [MAX_SHOTS - 1, MAX_SHOTS, MAX_SHOTS + 1, 1000])
def test_any_number_of_drawings_fits(n):
    rng = np.random.default_rng(n)
    _, known, rows = separable(rng)
    row = sgd_row(drawn(rng, n, centre=np.eye(DIM)[0]), None, rows, known, owner=5)
    assert row.count == n
    assert row.embedding @ np.eye(DIM)[0] > 0.9


def test_a_first_symbol_needs_no_others():
    rng = np.random.default_rng(0)
    rows = host_rows(unit_rows(rng, 1, DIM))
    rows = rows._replace(slots=rows.slots._replace(active=np.array([False])))
    known = ReplaySet(np.zeros((0, DIM), np.float32), np.zeros(0, np.int32))
    z = drawn(rng, 3)
    for row in (sgd_row(z, None, rows, known, 0), mean_row(z, None, rows)):
        assert row.embedding @ unit(z.sum(0)) > 0.99
        assert np.isinf(row.scale)


def test_only_the_row_moves_and_nothing_of_the_encoder():
    stored = load_model("nn-sampling")
    rng = np.random.default_rng(0)
    encoder = jax.tree.map(np.array, stored.encoder)
    encoder["out"]["bias"][:4] = [-0.0, 0.0, np.float32(1e-45), -np.inf]
    statistics = jax.tree.map(np.array, stored.model_state)
    start = unit_rows(rng, 1, 64)[0]
    params = {"encoder": encoder, "table": {"embeddings": start}}
    z, n = unit_rows(rng, 20, 64), 20
    zeros, side = np.zeros(n, np.float32), np.where(np.arange(n) < 10, 1, -1)
    weight = np.ones(n, np.float32)
    moved = fit_row(params, z, zeros, side.astype(np.float32), weight, np.float32(10))
    kept = jax.tree.map(lambda x: np.asarray(x).tobytes(), moved["encoder"])
    assert kept == jax.tree.map(lambda x: np.asarray(x).tobytes(), encoder)
    jax.tree.map(np.testing.assert_array_equal, statistics, stored.model_state)
    row = np.asarray(moved["table"]["embeddings"])
    assert row @ start < 0.999
    assert np.linalg.norm(row) == pytest.approx(1, abs=1e-6)


def test_registering_leaves_encoder_statistics_and_other_rows_alone():
    rng = np.random.default_rng(0)
    model, store = model_of(rng), Store()
    before = jax.tree.map(np.array, (model.encoder, model.model_state, model.table))
    after = registered(model, store, "new", drawn(rng, 5), "sgd")
    assert after.encoder is model.encoder
    assert after.model_state is model.model_state
    jax.tree.map(
        np.testing.assert_array_equal,
        (model.encoder, model.model_state, model.table),
        before,
    )
    changed = np.flatnonzero(
        (after.table["embeddings"] != model.table["embeddings"]).any(1)
    )
    np.testing.assert_array_equal(changed, [6])


def test_a_thousand_registrations_compile_nothing_anew(monkeypatch):
    monkeypatch.setattr(online, "REPLAY", 64)
    rng = np.random.default_rng(0)
    traces = []

    def apply(params, model_state, inputs, mask, *, train, key=None):
        traces.append(1)
        return inputs["image"].reshape(len(mask), -1), model_state

    encoder = Encoder(lambda key, inputs: ({}, {}), apply)
    query = {"image": jnp.asarray(unit_rows(rng, 1, DIM)[None])}
    known = ReplaySet(
        unit_rows(rng, 60, DIM), np.repeat(np.arange(6, dtype=np.int32), 10)
    )

    def answer(rows):
        table = {"embeddings": rows.embeddings, "log_scale": np.float32(2)}
        params = {"encoder": {}, "table": table}
        return knn.knn_forward_pass(encoder, params, {}, rows.slots, query, 3)

    fits = []
    for capacity in (1024, 2048):
        rows = host_rows(unit_rows(rng, capacity, DIM))
        active = np.arange(capacity) < 24
        rows = rows._replace(slots=rows.slots._replace(active=active))
        for new in range(24, 1024 if capacity == 1024 else 30):
            z = drawn(rng, 1 + new % 12)
            row = sgd_row(z, None, rows, known, owner=new)
            rows.embeddings[new] = row.embedding
            active[new] = True
            slot, *_ = answer(rows)
            assert (np.asarray(slot) < new + 1).all()
            fits.append(fit_row._cache_size())
        assert len(traces) == (1 if capacity == 1024 else 2)
    assert len(set(fits)) == 1


# Ways of drawing


def test_two_far_groups_are_two_ways_and_near_ones_are_one():
    rng = np.random.default_rng(0)
    first, second = np.eye(DIM)[:2]
    for apart, count in ((second, 2), (first + 0.5 * second, 1)):
        z = np.concatenate(
            [drawn(rng, 5, 0.97, first), drawn(rng, 4, 0.97, unit(apart))]
        )
        order = rng.permutation(9)
        found = clusters(z[order])
        assert len(found) == count
        np.testing.assert_array_equal(np.sort(np.concatenate(found)), np.arange(9))
        if count == 2:
            assert {frozenset(order[part]) for part in found} == {
                frozenset(range(5)),
                frozenset(range(5, 9)),
            }


@given(seeds, st.integers(1, 20))
def test_ways_share_out_the_drawings_and_none_is_too_small(seed, n):
    rng = np.random.default_rng(seed)
    found = clusters(unit_rows(rng, n, 4))
    np.testing.assert_array_equal(np.sort(np.concatenate(found)), np.arange(n))
    assert len(found) <= MAX_PROTOTYPES
    assert len(found) == 1 or min(map(len, found)) >= MIN_DRAWINGS


def test_a_symbol_drawn_in_two_ways_has_two_rows_and_one_name():
    rng = np.random.default_rng(0)
    model, store = model_of(rng), Store()
    z = np.concatenate([drawn(rng, 4, 0.98), drawn(rng, 4, 0.98)])
    assert abs(z[0] @ z[-1]) < 0.5
    for method in ("mean", "sgd"):
        after = registered(model, store, "new", z, method)
        slots = after.symbols.slots_of("new")
        assert len(slots) == 2
        np.testing.assert_array_equal(after.slots.owner[slots], slots[0])
        assert (rows_of(after).owners(z) == slots[0]).all()


def test_another_way_of_a_trained_symbol_stands_beside_its_row():
    rng = np.random.default_rng(3)
    model, store = model_of(rng), Store()
    other = drawn(rng, 4, 0.98)
    assert other[0] @ model.calibration.rows[0] < 0.3
    after = registered(model, store, "a", other, "mean")
    slots = after.symbols.slots_of("a")
    assert slots == [0, 6]
    np.testing.assert_array_equal(
        after.table["embeddings"][0], model.table["embeddings"][0]
    )
    own = model.calibration.z[model.calibration.label == 0]
    assert (rows_of(after).owners(np.concatenate([own, other])) == 0).mean() > 0.9


def test_a_way_in_a_lower_slot_is_still_the_same_symbol():
    rng = np.random.default_rng(3)
    model, store = model_of(rng), Store()
    model = with_symbols(model, model.symbols.drop([0]))  # "a" is forgotten
    wider = model._replace(samples=store.add("f", drawn(rng, 4, 0.98)))
    found = learn(wider, store, "f", "sgd", against=model)
    assert found.model.symbols.slots_of("f") == [0, 5]
    own = model.calibration.z[model.calibration.label == 5]
    assert (rows_of(found.model).owners(own) == 0).mean() > 0.9
    assert found.coach["old_loss"]["symbol"] != "f"


# Calibration


def test_a_calibration_keeps_the_first_drawings_of_each_row():
    rng = np.random.default_rng(0)
    rows = unit_rows(rng, 3, DIM)
    label = rng.integers(0, 2, 200)
    z = np.concatenate([around(rng, rows[i], 1, 0.9) for i in label])
    found, radius, scale = calibrate(z, label, 2 * rows, z[:0], per_class=7)
    np.testing.assert_allclose(found.rows, rows, atol=1e-6)
    np.testing.assert_array_equal(np.bincount(found.label), [7, 7])
    for i in (0, 1):
        np.testing.assert_array_equal(found.z[found.label == i], z[label == i][:7])
        assert radius[i] == pytest.approx(2 - 2 * 0.9, abs=0.08)
        assert 0 < scale[i] < 0.3
    assert np.isinf(scale[2])
