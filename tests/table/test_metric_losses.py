"""Losses on unit embeddings: laws, definitions in numpy, and values by hand."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from strokejax.table import losses as metric_losses
from strokejax.table.losses import cross_entropy
from strokejax.table.table import table_logits
from tests.support import jobs
from tests.support.strategies import seeds, unit_rows

# Every setting may be traced, save which of the two triplet losses it is.
batch_hard_triplet = jax.jit(metric_losses.batch_hard_triplet)
contrastive = jax.jit(metric_losses.contrastive)
first_shots = jax.jit(metric_losses.first_shots)
prototypical = jax.jit(metric_losses.prototypical)
supervised_contrastive = jax.jit(metric_losses.supervised_contrastive)

ROWS, DIM, CLASSES = 10, 4, 3
SCALE, TEMPERATURE, MARGIN, NEAR, APART = 1.7, 0.3, 0.4, 0.3, 1.3
ANGLE = 0.9
EVERY = np.ones(CLASSES, bool)


@jax.jit
def margin_logits(table, z, labels, margin):
    logits = table_logits(table, z)
    return metric_losses.margin_logits(logits, table, z, labels, margin)


def additive_margin(z, labels, mask, table, margin=ANGLE):
    logits = margin_logits(table, z, labels, margin)
    return cross_entropy(logits, labels, mask, np.ones(logits.shape[1], bool))


def table_of(rows, scale=SCALE):
    return {"embeddings": rows, "log_scale": np.float32(np.log(scale))}


# Of z, labels, mask and support: what one batch holds against itself.
LOSSES = {
    "prototypical": lambda z, y, m, s: prototypical(z, y, m, s, np.log(SCALE)),
    "supcon": lambda z, y, m, s: supervised_contrastive(z, y, m, TEMPERATURE),
    "contrastive": lambda z, y, m, s: contrastive(z, y, m, NEAR, APART),
    "soft_triplet": lambda z, y, m, s: batch_hard_triplet(z, y, m),
    "triplet": lambda z, y, m, s: batch_hard_triplet(z, y, m, MARGIN),
}
COMPILED = {name: jax.jit(jax.value_and_grad(f)) for name, f in LOSSES.items()}
with_margin = jax.jit(jax.value_and_grad(additive_margin, (0, 3)))
each_loss = pytest.mark.parametrize("name", LOSSES)


def example(seed):
    """Unit embeddings, labels, mask and support, some classes with one example."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, CLASSES, ROWS).astype(np.int32)
    mask, support = rng.random((2, ROWS)) < [[0.8], [0.5]]
    return unit_rows(rng, ROWS, DIM), labels, mask, support


def close(found, wanted, tolerance=2e-5):
    jax.tree.map(
        partial(np.testing.assert_allclose, rtol=tolerance, atol=tolerance),
        found,
        wanted,
    )


# Definitions, one example after the other


def softmax_nll(scores, i):
    return np.log(np.exp(scores - scores[i]).sum())


def prototypical_by_definition(z, labels, support):
    classes = np.unique(labels[support])
    means = np.array([z[support & (labels == c)].mean(0) for c in classes])
    return [
        softmax_nll(-SCALE * ((x - means) ** 2).sum(1), list(classes).index(c))
        for x, c in zip(z[~support], labels[~support], strict=True)
        if c in classes
    ]


def supcon_by_definition(z, labels, _):
    found = []
    for i in range(len(z)):
        others = np.arange(len(z)) != i
        scores, alike = z[others] @ z[i] / TEMPERATURE, labels[others] == labels[i]
        if alike.any():
            found.append(
                np.mean([softmax_nll(scores, p) for p in np.flatnonzero(alike)])
            )
    return found


def pairs(z, labels):
    """Distances between two of a class, and between two of different classes."""
    d = {True: [], False: []}
    for i in range(len(z)):
        for j in range(i):
            d[labels[i] == labels[j]].append(np.sqrt(((z[i] - z[j]) ** 2).sum()))
    return d[True], d[False]


def contrastive_by_definition(z, labels, _):
    alike, unlike = pairs(z, labels)
    pull = [max(0, d - NEAR) ** 2 / 2 for d in alike] or [0]
    push = [max(0, APART - d) ** 2 / 2 for d in unlike] or [0]
    return [np.mean(pull) + np.mean(push)]


def gaps_by_definition(z, labels):
    found = []
    for i in range(len(z)):
        d = np.sqrt(((z - z[i]) ** 2).sum(1))
        alike = (labels == labels[i]) & (np.arange(len(z)) != i)
        if alike.any() and (labels != labels[i]).any():
            found.append(d[alike].max() - d[labels != labels[i]].min())
    return np.array(found)


DEFINITIONS = {
    "prototypical": prototypical_by_definition,
    "supcon": supcon_by_definition,
    "contrastive": contrastive_by_definition,
    "soft_triplet": lambda z, y, _: np.log1p(np.exp(gaps_by_definition(z, y))),
    "triplet": lambda z, y, _: np.maximum(gaps_by_definition(z, y) + MARGIN, 0),
}


def defined(name, z, labels, mask, support):
    kept = z[mask].astype(float), labels[mask], support[mask]
    found = DEFINITIONS[name](*kept)
    return np.mean(found) if len(found) else 0.0


def slopes(f, z, step=1e-5):
    """Central differences of a float64 function."""
    found = np.zeros(z.shape)
    for at in np.ndindex(z.shape):
        there, back = z.astype(float), z.astype(float)
        there[at] += step
        back[at] -= step
        found[at] = (f(there) - f(back)) / (2 * step)
    return found


@each_loss
@given(seeds)
def test_equals_the_definition(name, seed):
    batch = example(seed)
    close(COMPILED[name](*batch)[0], defined(name, *batch))


@each_loss
def test_gradients_are_the_slopes_of_the_definition(name):
    steepest = 0.0
    for seed in range(3):
        z, *rest = example(seed)
        _, gradient = COMPILED[name](z, *rest)
        close(gradient, slopes(lambda x, rest=rest: defined(name, x, *rest), z), 1e-3)
        steepest = max(steepest, np.abs(gradient).max())
    assert steepest > 0.1


# Laws


@each_loss
@given(seeds, st.sampled_from([np.nan, np.inf, 1e30, 0.0]))
def test_padding_changes_neither_value_nor_gradient(name, seed, garbage):
    z, labels, mask, support = example(seed)
    wanted = COMPILED[name](z, labels, mask, support)
    rng = np.random.default_rng(seed)
    other = np.where(mask[:, None], z, np.float32(garbage))
    wrong = np.where(mask, labels, rng.integers(0, CLASSES, ROWS)).astype(np.int32)
    found = COMPILED[name](other, wrong, mask, support | ~mask)
    jax.tree.map(np.testing.assert_array_equal, found, wanted)
    assert not np.asarray(found[1])[~mask].any()


@each_loss
@given(seeds)
def test_more_padding_changes_nothing(name, seed):
    batch = example(seed)
    z, labels, mask, support = (np.concatenate([x, x[::-1]]) for x in batch)
    mask[ROWS:] = False
    value, gradient = COMPILED[name](z, labels, mask, support)
    close((value, gradient[:ROWS]), COMPILED[name](*batch))


@each_loss
@given(seeds)
def test_permuting_a_batch_permutes_its_gradient(name, seed):
    batch = example(seed)
    order = np.random.default_rng(seed).permutation(ROWS)
    value, gradient = COMPILED[name](*batch)
    close(COMPILED[name](*(x[order] for x in batch)), (value, gradient[order]))


@each_loss
@given(seeds, st.lists(st.integers(-9, 9999), min_size=3, max_size=3, unique=True))
def test_relabelling_changes_nothing(name, seed, names):
    z, labels, mask, support = example(seed)
    renamed = np.array(names, np.int32)[labels]
    found = COMPILED[name](z, renamed, mask, support)
    close(found, COMPILED[name](z, labels, mask, support))


def turn(seed):
    """An orthogonal map, which may mirror."""
    rng = np.random.default_rng(seed)
    return np.linalg.qr(rng.normal(size=(DIM, DIM)))[0].astype(np.float32)


@each_loss
@given(seeds)
def test_a_rigid_motion_turns_the_gradient_along(name, seed):
    z, *rest = example(seed)
    value, gradient = COMPILED[name](z, *rest)
    close(COMPILED[name](z @ turn(seed), *rest), (value, gradient @ turn(seed)))


@each_loss
def test_an_empty_mask_is_zero_with_zero_gradient(name):
    z, labels, _, support = example(0)
    value, gradient = COMPILED[name](z, labels, np.zeros(ROWS, bool), support)
    assert value == 0
    assert not np.asarray(gradient).any()


@each_loss
@pytest.mark.parametrize("classes", [1, 2, ROWS])
@pytest.mark.parametrize("places", [1, 2])
@pytest.mark.parametrize("support", [0, 1, 5, ROWS])
def test_gradients_are_finite_where_points_coincide(name, classes, places, support):
    every = np.arange(ROWS, dtype=np.int32)
    z = np.eye(DIM, dtype=np.float32)[every // 2 % places]
    batch = z, every % classes, every >= 0, every < support
    value, gradient = COMPILED[name](*batch)
    close(value, defined(name, *batch))
    assert np.abs(gradient).max() <= 2 / TEMPERATURE


@pytest.mark.parametrize("name", ["supcon", "soft_triplet", "triplet", "prototypical"])
def test_classes_of_one_example_have_no_anchors(name, rng):
    z, whole = unit_rows(rng, ROWS, DIM), np.ones(ROWS, bool)
    alone = np.arange(ROWS, dtype=np.int32)
    value, gradient = COMPILED[name](z, alone, whole, alone < 5)
    assert value == 0
    assert not np.asarray(gradient).any()


# Lower bounds, and where they are reached


@given(seeds)
def test_bounds(seed):
    batch = z, labels, mask, _ = example(seed)
    found = {name: float(f(*batch)[0]) for name, f in COMPILED.items()}
    assert min(found.values()) >= 0
    _, counts = np.unique(labels[mask], return_counts=True)
    anchors = counts[counts > 1]
    if len(anchors):
        least = (anchors * np.log(anchors - 1)).sum() / anchors.sum()
        assert found["supcon"] >= least - 1e-5
    if len(gaps_by_definition(z[mask], labels[mask])):
        assert found["soft_triplet"] >= np.log1p(np.exp(-2)) - 1e-6


def test_bounds_are_reached_by_collapsed_classes():
    whole, labels = np.ones(ROWS, bool), np.arange(ROWS, dtype=np.int32) % 2
    z = np.eye(DIM, dtype=np.float32)[0] * np.where(labels, 1, -1)[:, None]
    z = z.astype(np.float32)
    support = np.arange(ROWS) < 4
    # Distances of 0 and 2: the log of the four others alike, and a gap of -2.
    assert contrastive(z, labels, whole, 0.0, 2.0) == 0
    assert batch_hard_triplet(z, labels, whole, 2.0) == 0
    assert supervised_contrastive(z, labels, whole, 0.05) == pytest.approx(np.log(4))
    found = batch_hard_triplet(z, labels, whole)
    assert found == pytest.approx(np.log1p(np.exp(-2)))
    assert prototypical(z, labels, whole, support, np.log(16)) < 1e-6
    # One class alone is always right.
    assert prototypical(z, 0 * labels, whole, support, np.log(16)) == 0


# By hand

E1, E2 = np.eye(2, dtype=np.float32)


def ones(n):
    return np.ones(n, bool)


def test_prototypical_by_hand():
    z, support = np.array([E1, E2, E1]), np.array([True, True, False])
    # Squared distances of 0 to its mean and of 2 to the other.
    found = prototypical(z, np.array([0, 1, 0]), ones(3), support, 0.0)
    assert found == pytest.approx(np.log1p(np.exp(-2)), abs=1e-6)
    # The mean of opposite drawings is the origin, 1 away; the other is 0 away.
    z, labels = np.array([E1, -E1, E2, E2]), np.array([0, 0, 1, 0])
    support = np.array([True, True, True, False])
    found = prototypical(z, labels, ones(4), support, np.log(3))
    assert found == pytest.approx(np.log1p(np.exp(3)), abs=1e-6)
    # A query of a class without support is none.
    labels = np.array([0, 0, 1, 2])
    assert prototypical(z, labels, ones(4), support, 0.0) == 0


def test_supervised_contrastive_by_hand():
    z = np.array([E1, E1, E2, E1])
    # Scores of 2 to the one alike and of 0 to the other.
    found = supervised_contrastive(z[:3], np.array([0, 0, 1]), ones(3), 0.5)
    assert found == pytest.approx(0.126928, abs=1e-6)
    # Two alike: log(2 + e^-2).
    found = supervised_contrastive(z, np.array([0, 0, 1, 0]), ones(4), 0.5)
    assert found == pytest.approx(0.758624, abs=1e-6)


def test_contrastive_and_triplets_by_hand():
    z, labels = np.array([E1, E2, -E1]), np.array([0, 0, 1])
    # sqrt 2 between those alike: 2 / 2; others at 2 and sqrt 2: (1.6 - sqrt 2)^2 / 4.
    found = contrastive(z, labels, ones(3), 0.0, 1.6)
    assert found == pytest.approx(1.0086292, abs=1e-6)
    assert contrastive(z, labels, ones(3), 1.0, 1.0) == pytest.approx(0.0857864)
    # Differences of sqrt 2 - 2 and of 0; the third has no other of its class.
    found = batch_hard_triplet(z, labels, ones(3), 1.0)
    assert found == pytest.approx((0.4142136 + 1) / 2, abs=1e-6)
    found = batch_hard_triplet(z, labels, ones(3))
    assert found == pytest.approx((0.4425484 + 0.6931472) / 2, abs=1e-6)


def test_margins_by_hand():
    table, angle = table_of(np.array([E1, E2])), np.pi / 6
    found = margin_logits(table, np.array([E2, -E1]), np.array([0, 0]), angle)
    # 90 degrees become 120; from 180 on, -1 - pi / 12 stands for the cosine.
    wanted = -SCALE * np.array([[3, 0], [4 + np.pi / 6, 2]])
    np.testing.assert_allclose(found, wanted, rtol=1e-6, atol=1e-6)


# Support


@given(seeds, st.integers(0, 4))
def test_first_shots_equals_its_definition(seed, shots):
    _, labels, mask, _ = example(seed)
    found = np.asarray(first_shots(labels, mask, shots))
    wanted = np.zeros(ROWS, bool)
    for c in range(CLASSES):
        wanted[np.flatnonzero(mask & (labels == c))[:shots]] = True
    np.testing.assert_array_equal(found, wanted)


# Margins around the rows of a table


def table_example(seed):
    z, labels, mask, _ = example(seed)
    rows = np.random.default_rng([seed, 1]).normal(size=(CLASSES, DIM))
    return z, labels, mask, table_of(rows.astype(np.float32))


@given(seeds, st.floats(0, np.pi / 2))
def test_margin_logits_equal_the_published_cosines(seed, margin):
    z, labels, _, table = table_example(seed)
    rows = table["embeddings"].astype(float)
    cosine = np.clip(z @ (rows / np.linalg.norm(rows, axis=1, keepdims=True)).T, -1, 1)
    own = np.arange(ROWS), labels
    angle = np.arccos(cosine[own])
    easier = cosine[own] - margin * np.sin(margin)
    cosine[own] = np.where(angle < np.pi - margin, np.cos(angle + margin), easier)
    found = margin_logits(table, z, labels, margin)
    close(found, -2 * SCALE + 2 * SCALE * cosine, 1e-4)


@jax.jit
@partial(jax.value_and_grad, argnums=(0, 3))
def proxy_softmax(z, labels, mask, table):
    return cross_entropy(table_logits(table, z), labels, mask, EVERY)


@jax.jit
@partial(jax.value_and_grad, argnums=(0, 3))
def cosine_softmax(z, labels, mask, table):
    rows = table["embeddings"]
    rows = rows / jnp.linalg.norm(rows, axis=1, keepdims=True)
    return cross_entropy(2 * SCALE * z @ rows.T, labels, mask, EVERY)


@given(seeds)
def test_no_margin_is_the_cosine_softmax(seed):
    z, labels, mask, table = table_example(seed)

    found = with_margin(z, labels, mask, table, 0.0)
    close(found, proxy_softmax(z, labels, mask, table))
    value, (gradient, of_table) = found
    wanted, (other, of_other) = cosine_softmax(z, labels, mask, table)
    close((value, of_table["embeddings"]), (wanted, of_other["embeddings"]))
    # They differ only along z, where no unit embedding can go.
    across = [g - np.sum(g * z, 1, keepdims=True) * z for g in (gradient, other)]
    close(*across)


@given(seeds, st.integers(0, CLASSES - 1))
def test_margin_pads_permutes_and_turns_like_the_others(seed, label):
    z, labels, mask, table = table_example(seed)
    value, (gradient, of_table) = with_margin(z, labels, mask, table)
    other = np.where(mask[:, None], z, z[::-1])
    wrong = np.where(mask, labels, label).astype(np.int32)
    found = with_margin(other, wrong, mask, table)
    jax.tree.map(np.testing.assert_array_equal, found, (value, (gradient, of_table)))
    order = np.random.default_rng(seed).permutation(ROWS)
    found = with_margin(z[order], labels[order], mask[order], table)
    close(found, (value, (gradient[order], of_table)))
    turned = table | {"embeddings": table["embeddings"] @ turn(seed)}
    of_turned = of_table | {"embeddings": of_table["embeddings"] @ turn(seed)}
    found = with_margin(z @ turn(seed), labels, mask, turned)
    close(found, (value, (gradient @ turn(seed), of_turned)))


@given(st.floats(0, np.pi / 2), st.floats(0, np.pi / 2))
def test_own_logits_fall_with_the_angle_and_with_the_margin(margin, other):
    angles = np.linspace(0, np.pi, 50)
    z = np.stack([np.cos(angles), np.sin(angles)], 1).astype(np.float32)
    zeros, table = np.zeros(50, np.int32), table_of(np.array([E1, E2]))

    def own(margin):
        return np.asarray(margin_logits(table, z, zeros, margin))[:, 0]

    assert (np.diff(own(margin)) < 1e-5).all()
    small, large = sorted([margin, other])
    assert (own(large) <= own(small) + 1e-5).all()
    found = margin_logits(table, z, zeros, margin)[:, 1]
    close(found, table_logits(table, z)[:, 1], 1e-6)


@pytest.mark.parametrize("margin", [0.0, 0.5, np.pi / 2])
@pytest.mark.parametrize("noise", [0.0, 1e-7, 1e-4])
def test_margins_have_gradients_on_a_row_and_opposite_of_it(margin, noise, rng):
    rows = np.eye(DIM, dtype=np.float32)
    z = np.concatenate([rows, -rows]) + noise * rng.normal(size=(2 * DIM, DIM))
    labels, whole = np.tile(np.arange(DIM), 2), np.ones(2 * DIM, bool)
    _, found = with_margin(z.astype(np.float32), labels, whole, table_of(rows), margin)
    assert all(np.abs(x).max() < 5 * SCALE for x in jax.tree.leaves(found))


# Split over devices

EIGHT = """
import json, jax, jax.numpy as jnp, numpy as np
from strokejax.table.losses import cross_entropy
from strokejax.table.losses import *
from strokejax.train.distributed import data_mesh, to_global
from strokejax.train.distributed import replicate, to_host
from strokejax.table.table import table_logits
mesh, rng = data_mesh(), np.random.default_rng(0)
z = rng.normal(size=(16, 4)).astype(np.float32)
z /= np.linalg.norm(z, axis=1, keepdims=True)
batch = z, rng.integers(0, 4, 16), rng.random(16) < 0.8
table = {"embeddings": z[:5], "log_scale": np.float32(1)}
def losses(z, table, labels, mask):
    logits = margin_logits(table_logits(table, z), table, z, labels, 0.5)
    own = jnp.arange(5) <= labels[:, None]
    each = jnp.stack([
        cross_entropy(logits, labels, mask, own),
        prototypical(z, labels, mask, first_shots(labels, mask, 2), 1.0),
        supervised_contrastive(z, labels, mask),
        contrastive(z, labels, mask),
        batch_hard_triplet(z, labels, mask),
    ])
    return each.sum(), each
both = jax.jit(jax.grad(losses, has_aux=True))
first, *rest = to_global(batch, mesh)
split = to_host(both(first, replicate(table, mesh), *rest))
alone = jax.device_get(both(batch[0], table, *batch[1:]))
print(json.dumps({
    "devices": mesh.size,
    "values": alone[1].tolist(),
    "apart": [float(abs(a - b).max()) for a, b in zip(alone, split)],
}))
"""


def test_eight_devices_find_what_one_finds(shared_cache):
    found = jobs.script(shared_cache, EIGHT, devices=8)
    assert found["devices"] == 8
    assert min(found["values"]) > 0
    assert max(found["apart"]) < 1e-5
