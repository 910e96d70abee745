"""The table's nearest rows: exact, stable, compiled once."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from strokejax.table.knn import best, knn_forward_pass, nearest
from strokejax.table.table import (
    PART,
    Rows,
    init_slots,
    init_table,
    rows,
    squared_distance,
    table_logits,
    training_logits,
)
from strokejax.types import Encoder
from tests.support.strategies import seeds, unit_rows

CAPACITY = 7
DIM = 6
ROWS = 4

search = jax.jit(nearest, static_argnames="k")


def table_of(embeddings, scale=16.0):
    return {"embeddings": embeddings, "log_scale": np.float32(np.log(scale))}


def example(seed):
    """Unit z f32[4 6], unit rows f32[7 6], and slots, at least one active."""
    rng = np.random.default_rng(seed)
    active = rng.random(CAPACITY) < 0.6
    active[rng.integers(CAPACITY)] = True
    z, embeddings = unit_rows(rng, ROWS, DIM), unit_rows(rng, CAPACITY, DIM)
    return z, embeddings, init_slots(active, DIM)


def exact(z, embeddings):
    """Squared distances in float64."""
    difference = z.astype(float)[:, None] - embeddings.astype(float)
    return (difference**2).sum(-1)


# Distances


@given(seeds, st.sampled_from([1.0, 1e-2, 1e-3, 1e-4, 0.0]))
def test_distances_are_exact_even_between_near_equals(seed, apart):
    rng = np.random.default_rng(seed)
    z = unit_rows(rng, ROWS, 64)
    others = z + np.float32(apart) * unit_rows(rng, ROWS, 64)
    found = np.asarray(squared_distance(z, others))
    wanted = exact(z, others)
    assert (found >= 0).all()
    np.testing.assert_allclose(found, wanted, rtol=1e-6 * 64, atol=1e-12)
    np.testing.assert_allclose(found, wanted, atol=1e-6 * max(1, wanted.max()))


@given(seeds, st.floats(1e-3, 1e3))
def test_rows_have_length_one_whatever_is_stored(seed, scale):
    _, embeddings, _ = example(seed)
    found = rows(table_of(embeddings * np.float32(scale)))
    np.testing.assert_allclose(found, embeddings, atol=1e-6)


def test_a_row_of_zeros_is_finite_with_a_finite_gradient():
    zeros = jnp.zeros((2, DIM))
    found, back = jax.vjp(jax.jit(lambda e: rows({"embeddings": e})), zeros)
    assert not np.asarray(found).any()
    assert np.isfinite(back(jnp.ones_like(zeros))[0]).all()


@given(seeds, st.floats(0.1, 30))
def test_logits_are_scaled_distances(seed, scale):
    z, embeddings, _ = example(seed)
    found = table_logits(table_of(embeddings, scale), z)
    np.testing.assert_allclose(found, -scale * exact(z, embeddings), rtol=1e-4)


def test_a_new_table_has_random_unit_rows_and_its_scale():
    table = init_table(jax.random.key(0), CAPACITY, DIM, scale=12.0)
    assert table["embeddings"].shape == (CAPACITY, DIM)
    lengths = np.linalg.norm(table["embeddings"], axis=1)
    np.testing.assert_allclose(lengths, 1, atol=1e-6)
    assert np.exp(table["log_scale"]) == pytest.approx(12, rel=1e-6)
    assert table["log_scale"].shape == ()


def test_new_slots_hold_no_samples_and_accept_everything():
    active = np.arange(CAPACITY) < 3
    slots = init_slots(active, DIM)
    assert slots.sums.shape == (CAPACITY, DIM)
    assert not np.asarray(slots.sums).any()
    assert not np.asarray(slots.counts).any()
    np.testing.assert_array_equal(slots.active, active)
    assert np.isinf(slots.scale).all()
    np.testing.assert_array_equal(slots.owner, np.arange(CAPACITY))
    assert not np.asarray(slots.offset).any()


# Neighbours


@given(seeds, st.integers(1, CAPACITY + 3))
def test_neighbours_are_the_sorted_active_rows(seed, k):
    z, embeddings, slots = example(seed)
    dist2, slot = map(np.asarray, search(z, table_of(embeddings), slots, k))
    active = np.flatnonzero(slots.active)
    wanted = exact(z, embeddings)[:, active]
    order = np.argsort(wanted, axis=1, kind="stable")
    count = min(k, len(active))
    np.testing.assert_array_equal(slot[:, :count], active[order][:, :count])
    sorted_distances = np.take_along_axis(wanted, order, 1)[:, :count]
    np.testing.assert_allclose(dist2[:, :count], sorted_distances, atol=1e-6)
    assert (slot[:, count:] == -1).all()
    assert np.isposinf(dist2[:, count:]).all()
    assert dist2.shape == slot.shape == (ROWS, k)
    assert slot.dtype == np.int32


@given(seeds)
def test_a_rigid_motion_of_all_embeddings_changes_nothing(seed):
    z, embeddings, slots = example(seed)
    motion, _ = np.linalg.qr(np.random.default_rng(seed).normal(size=(DIM, DIM)))
    motion = motion.astype(np.float32)
    dist2, slot = search(z, table_of(embeddings), slots, CAPACITY)
    moved2, moved = search(z @ motion, table_of(embeddings @ motion), slots, CAPACITY)
    np.testing.assert_array_equal(moved, slot)
    np.testing.assert_allclose(moved2, dist2, atol=1e-5)


@given(seeds)
def test_permuting_queries_permutes_answers(seed):
    z, embeddings, slots = example(seed)
    order = np.random.default_rng(seed).permutation(ROWS)
    dist2, slot = map(np.asarray, search(z, table_of(embeddings), slots, 3))
    again2, again = search(z[order], table_of(embeddings), slots, 3)
    np.testing.assert_array_equal(again, slot[order])
    np.testing.assert_array_equal(again2, dist2[order])


@given(seeds)
def test_permuting_slots_permutes_their_names(seed):
    z, embeddings, slots = example(seed)
    order = np.random.default_rng(seed).permutation(CAPACITY)
    moved = slots._replace(active=slots.active[order])
    dist2, slot = map(np.asarray, search(z, table_of(embeddings), slots, CAPACITY))
    again2, again = map(
        np.asarray, search(z, table_of(embeddings[order]), moved, CAPACITY)
    )
    np.testing.assert_array_equal(np.where(again < 0, -1, order[again]), slot)
    np.testing.assert_array_equal(again2, dist2)


def test_ties_go_to_the_lower_slot(rng):
    one = unit_rows(rng, 1, DIM)
    embeddings = np.repeat(one, CAPACITY, 0)
    slots = init_slots(np.arange(CAPACITY) != 2, DIM)
    _, slot = search(one, table_of(embeddings), slots, 4)
    np.testing.assert_array_equal(slot, [[0, 1, 3, 4]])


def test_without_active_slots_there_is_no_neighbour(rng):
    slots = init_slots(np.zeros(CAPACITY, bool), DIM)
    z, embeddings = unit_rows(rng, 1, DIM), unit_rows(rng, CAPACITY, DIM)
    dist2, slot = search(z, table_of(embeddings), slots, 2)
    np.testing.assert_array_equal(slot, [[-1, -1]])
    assert np.isposinf(dist2).all()


def test_best_scores_by_hand():
    scores = jnp.array([[1.0, -jnp.inf, 3.0, 3.0]])
    top, slot = best(scores, 5)
    np.testing.assert_array_equal(slot, [[2, 3, 0, -1, -1]])
    np.testing.assert_array_equal(top, [[3, 3, 1, -np.inf, -np.inf]])


# Several rows a symbol


def shared(seed):
    """An example whose slots belong to three symbols, with offsets."""
    rng = np.random.default_rng(seed)
    z, embeddings, slots = example(seed)
    symbol = rng.integers(0, 3, CAPACITY)
    first = {s: i for i, s in reversed([*enumerate(symbol)])}
    owner = np.array([first[s] for s in symbol], np.int32)
    offset = rng.choice([0.0, 0.1, 0.7], CAPACITY).astype(np.float32)
    return z, embeddings, slots._replace(owner=owner, offset=offset)


@given(seeds, st.integers(1, CAPACITY + 2))
def test_a_symbol_is_named_once_at_its_nearest_row(seed, k):
    z, embeddings, slots = shared(seed)
    dist2, slot = map(np.asarray, search(z, table_of(embeddings), slots, k))
    every = exact(z, embeddings) + slots.offset
    active, owner = np.asarray(slots.active), np.asarray(slots.owner)
    for i in range(ROWS):
        rows = sorted(np.flatnonzero(active), key=lambda j: (every[i, j], j))
        nearest = list({owner[j]: j for j in reversed(rows)}.values())
        nearest = sorted(nearest, key=lambda j: (every[i, j], j))[:k]
        found = slot[i][slot[i] >= 0]
        assert len(found) == min(k, len({*owner[active]}))
        np.testing.assert_array_equal(found, nearest)
        np.testing.assert_allclose(dist2[i, : len(found)], every[i, found], atol=1e-6)
        assert (slot[i, len(found) :] == -1).all()
        assert np.isposinf(dist2[i, len(found) :]).all()


@given(seeds)
def test_host_and_device_agree(seed):
    z, embeddings, slots = shared(seed)
    host = Rows(embeddings, 16.0, slots)
    dist2, slot = map(np.asarray, search(z, table_of(embeddings), slots, 1))
    np.testing.assert_array_equal(host.owners(z), slots.owner[slot[:, 0]])
    np.testing.assert_allclose(-host.scores(z).max(1) / 16, dist2[:, 0], atol=1e-5)
    far = slots._replace(radius=np.full(CAPACITY, 0.5), scale=np.full(CAPACITY, 0.25))
    strange = Rows(embeddings, 16.0, far).novelty(z)
    np.testing.assert_allclose(strange, (dist2[:, 0] - 0.5) / 0.25, atol=1e-4)
    assert not host.novelty(z).any()


def test_equal_rows_of_one_symbol_are_one_answer(rng):
    one = unit_rows(rng, 1, DIM)
    embeddings = np.repeat(one, CAPACITY, 0)
    slots = init_slots(np.arange(CAPACITY) != 2, DIM)
    slots = slots._replace(owner=jnp.array([0, 1, 2, 1, 0, 5, 5]))
    dist2, slot = search(one, table_of(embeddings), slots, 5)
    np.testing.assert_array_equal(slot, [[0, 1, 5, -1, -1]])
    np.testing.assert_array_equal(dist2[0, :3], [0, 0, 0])


def test_an_offset_stands_for_distance(rng):
    embeddings = unit_rows(rng, CAPACITY, DIM)
    slots = init_slots(np.ones(CAPACITY, bool), DIM)
    slots = slots._replace(offset=jnp.zeros(CAPACITY).at[3].set(4.5))
    dist2, slot = search(embeddings[3:4], table_of(embeddings), slots, CAPACITY)
    assert slot[0, -1] == 3
    assert dist2[0, -1] == pytest.approx(4.5, abs=1e-6)


def test_many_embeddings_are_compared_in_parts(rng):
    z, embeddings = unit_rows(rng, 2 * PART + 3, DIM), unit_rows(rng, CAPACITY, DIM)
    rows = Rows(embeddings, 16.0, init_slots(np.ones(CAPACITY, bool), DIM))
    np.testing.assert_array_equal(rows.owners(z), exact(z, embeddings).argmin(1))
    assert rows.owners(z[:0]).shape == (0,)


# The whole pass


@pytest.fixture(scope="module")
def linear():
    """An encoder of one matrix: what is under test is not the network."""

    def apply(params, model_state, inputs, mask, *, train, key=None):
        z = inputs["image"].reshape(len(mask), -1) @ params["kernel"]
        return z / jnp.linalg.norm(z, axis=-1, keepdims=True), model_state

    return Encoder(lambda key, inputs: ({}, {}), apply)


def test_the_pass_encodes_and_searches(linear, rng):
    kernel = rng.normal(size=(9, DIM)).astype(np.float32)
    images = rng.normal(size=(ROWS, 3, 3)).astype(np.float32)
    embeddings = unit_rows(rng, CAPACITY, DIM)
    params = {"encoder": {"kernel": kernel}, "table": table_of(embeddings)}
    slots = init_slots(np.ones(CAPACITY, bool), DIM)
    dist2, slot = knn_forward_pass(linear, params, {}, slots, {"image": images}, 2)
    z = images.reshape(ROWS, 9) @ kernel
    z /= np.linalg.norm(z, axis=1, keepdims=True)
    wanted = exact(z, embeddings)
    np.testing.assert_array_equal(slot, np.argsort(wanted, 1)[:, :2])
    np.testing.assert_allclose(dist2, np.sort(wanted, 1)[:, :2], atol=1e-5)


def test_registering_compiles_nothing(linear, rng):
    images = {"image": rng.normal(size=(ROWS, 3, 3)).astype(np.float32)}
    kernel = jnp.asarray(rng.normal(size=(9, DIM)), jnp.float32)
    compiled = []
    for used in range(1, CAPACITY + 1):
        embeddings = jnp.asarray(unit_rows(rng, CAPACITY, DIM))
        params = {"encoder": {"kernel": kernel}, "table": table_of(embeddings)}
        slots = init_slots(np.arange(CAPACITY) < used, DIM)
        _, slot = knn_forward_pass(linear, params, {}, slots, images, 3)
        assert ((slot >= 0).sum(1) == min(3, used)).all()
        compiled.append(knn_forward_pass._cache_size())
    assert len(set(compiled)) == 1


@given(seeds, st.sampled_from([1.0, 1e-2, 1e-4, 0.0]))
def test_training_logits_are_within_a_millionth_of_the_scale(seed, apart):
    rng = np.random.default_rng(seed)
    z = unit_rows(rng, ROWS, 64)
    near = z + np.float32(apart) * unit_rows(rng, ROWS, 64)
    near /= np.linalg.norm(near, axis=1, keepdims=True)
    table = table_of(near, scale=16.0)
    wanted = -16.0 * exact(z, near)
    np.testing.assert_allclose(training_logits(table, z), wanted, atol=16 * 1e-6)
