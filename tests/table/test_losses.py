"""The loss: by hand, under padding, and its floor without a scale."""

import jax
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from strokejax.table.losses import class_weights, cross_entropy
from strokejax.table.table import table_logits
from tests.support.strategies import seeds, unit_rows

CLASSES = 5
ROWS = 6
EVERY = np.ones(CLASSES, bool)

loss = jax.jit(cross_entropy)
loss_and_gradient = jax.jit(jax.value_and_grad(cross_entropy))


def example(seed):
    """Logits, labels, mask and active classes, every label active."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(size=(ROWS, CLASSES)).astype(np.float32) * 3
    active = rng.random(CLASSES) < 0.7
    active[0] = True
    labels = rng.choice(np.flatnonzero(active), ROWS).astype(np.int32)
    return logits, labels, rng.random(ROWS) < 0.6, active


def test_two_examples_by_hand():
    logits = np.log(np.array([[0.5, 0.25, 0.25], [0.1, 0.1, 0.8]], np.float32))
    labels, both = np.array([0, 1]), np.ones(2, bool)
    every = np.ones(3, bool)
    # -ln 0.5 and -ln 0.1.
    assert cross_entropy(logits, labels, both, every) == pytest.approx(
        (0.6931472 + 2.3025851) / 2, abs=1e-6
    )
    # Without class 2: 0.5 of 0.75, and 0.1 of 0.2.
    some = np.array([True, True, False])
    assert cross_entropy(logits, labels, both, some) == pytest.approx(
        (0.4054651 + 0.6931472) / 2, abs=1e-6
    )
    weights = np.array([3.0, 1.0, 7.0])
    assert cross_entropy(logits, labels, both, every, weights=weights) == pytest.approx(
        (3 * 0.6931472 + 2.3025851) / 4, abs=1e-6
    )


def test_smoothing_by_hand():
    logits = np.log(np.array([[0.5, 0.25, 0.25]], np.float32))
    label, one = np.array([0]), np.ones(1, bool)
    # 0.7 ln 2 + 0.3 (ln 2 + 2 ln 4) / 3 = ln 2 (0.7 + 0.5)
    found = cross_entropy(logits, label, one, np.ones(3, bool), label_smoothing=0.3)
    assert found == pytest.approx(1.2 * np.log(2), abs=1e-6)
    # Over the two active classes, at 2/3 and 1/3.
    some = np.array([True, True, False])
    found = cross_entropy(logits, label, one, some, label_smoothing=0.3)
    assert found == pytest.approx(0.85 * np.log(1.5) + 0.15 * np.log(3), abs=1e-6)


@given(seeds, st.floats(0, 0.9))
def test_equals_the_definition(seed, smoothing):
    logits, labels, mask, active = example(seed)
    mask[0] = True
    weights = np.random.default_rng(seed).uniform(0.1, 3, CLASSES).astype(np.float32)
    found = loss(
        logits, labels, mask, active, weights=weights, label_smoothing=smoothing
    )
    total, weight = 0.0, 0.0
    for row, label in zip(logits[mask].astype(float), labels[mask], strict=True):
        p = np.exp(row[active]) / np.exp(row[active]).sum()
        target = np.full(len(p), smoothing / len(p))
        target[np.flatnonzero(active) == label] += 1 - smoothing
        total -= weights[label] * (target * np.log(p)).sum()
        weight += weights[label]
    assert found == pytest.approx(total / weight, rel=1e-4, abs=1e-5)


@given(seeds, st.floats(-1e30, 1e30))
def test_padding_changes_neither_value_nor_gradient(seed, garbage):
    logits, labels, mask, active = example(seed)
    other = np.where(mask[:, None], logits, np.float32(garbage))
    wrong = np.where(mask, labels, (labels + 1) % CLASSES)
    value, gradient = loss_and_gradient(logits, labels, mask, active)
    same, still = loss_and_gradient(other, wrong, mask, active)
    np.testing.assert_array_equal(same, value)
    np.testing.assert_array_equal(still, gradient)
    assert not np.asarray(gradient)[~mask].any()


@given(seeds, st.integers(0, CLASSES - 1))
def test_more_padding_changes_nothing(seed, label):
    logits, labels, mask, active = example(seed)
    longer = np.concatenate([logits, logits[::-1]])
    other = np.concatenate([labels, np.full(ROWS, label, np.int32)])
    padded = loss(longer, other, np.concatenate([mask, np.zeros(ROWS, bool)]), active)
    alone = loss(logits, labels, mask, active)
    np.testing.assert_allclose(padded, alone, rtol=1e-5, atol=1e-6)


@given(seeds)
def test_inactive_classes_get_no_gradient(seed):
    logits, labels, mask, active = example(seed)
    _, gradient = loss_and_gradient(logits, labels, mask, active)
    assert not np.asarray(gradient)[:, ~active].any()
    assert np.isfinite(gradient).all()


def test_an_empty_mask_is_zero_with_zero_gradient(rng):
    logits = rng.normal(size=(ROWS, CLASSES)).astype(np.float32)
    none, labels = np.zeros(ROWS, bool), np.zeros(ROWS, np.int32)
    value, gradient = loss_and_gradient(logits, labels, none, EVERY)
    assert value == 0
    assert not np.asarray(gradient).any()


@given(seeds)
def test_permuting_examples_or_classes_changes_nothing(seed):
    logits, labels, mask, active = example(seed)
    rng = np.random.default_rng(seed)
    rows, classes = rng.permutation(ROWS), rng.permutation(CLASSES)
    value = loss(logits, labels, mask, active)
    permuted = loss(logits[rows], labels[rows], mask[rows], active)
    np.testing.assert_allclose(permuted, value, rtol=1e-5, atol=1e-6)
    renamed = np.argsort(classes)[labels].astype(np.int32)
    relabelled = loss(logits[:, classes], renamed, mask, active[classes])
    np.testing.assert_allclose(relabelled, value, rtol=1e-5, atol=1e-6)


# Data sets together, each with its own rows

SETS = np.array([[True, True, False, False, False], [False, False, True, True, True]])


def two_sets(seed):
    """Logits, labels, mask, what each example's softmax runs over, and its set."""
    rng = np.random.default_rng(seed)
    of = rng.integers(0, 2, ROWS)
    labels = np.array([rng.choice(np.flatnonzero(SETS[i])) for i in of], np.int32)
    logits = rng.normal(size=(ROWS, CLASSES)).astype(np.float32) * 3
    return logits, labels, rng.random(ROWS) < 0.7, SETS[of], of


@given(seeds, st.floats(0, 0.9))
def test_active_for_all_is_active_for_each(seed, smoothing):
    logits, labels, mask, active = example(seed)
    each = np.broadcast_to(active, logits.shape)
    for_all = loss_and_gradient(logits, labels, mask, active, label_smoothing=smoothing)
    for_each = loss_and_gradient(logits, labels, mask, each, label_smoothing=smoothing)
    jax.tree.map(np.testing.assert_array_equal, for_all, for_each)


@given(seeds, st.floats(0, 0.9))
def test_data_sets_together_are_the_mean_of_each_alone(seed, smoothing):
    logits, labels, mask, active, of = two_sets(seed)
    found = loss(logits, labels, mask, active, label_smoothing=smoothing)
    total = 0.0
    for i, rows in enumerate(SETS):
        own = mask & (of == i)
        alone = loss(logits, labels, own, rows, label_smoothing=smoothing)
        total += own.sum() * float(alone)
    assert found == pytest.approx(total / max(mask.sum(), 1), rel=1e-5, abs=1e-6)


@given(seeds)
def test_an_example_leaves_the_rows_of_other_sets_alone(seed):
    logits, labels, mask, active, _ = two_sets(seed)
    value, gradient = loss_and_gradient(logits, labels, mask, active)
    assert not np.asarray(gradient)[~active].any()
    far = np.where(active, logits, 1e30).astype(np.float32)
    np.testing.assert_array_equal(loss(far, labels, mask, active), value)


@given(seeds, st.sampled_from([np.nan, np.inf, 1e30]))
def test_padding_needs_no_rows_and_no_numbers(seed, garbage):
    logits, labels, mask, active, _ = two_sets(seed)
    wanted = loss_and_gradient(logits, labels, mask, active)
    other = np.where(mask[:, None], logits, np.float32(garbage))
    for rows in active, active & mask[:, None]:
        found = loss_and_gradient(other, labels, mask, rows)
        jax.tree.map(np.testing.assert_array_equal, found, wanted)
        assert np.isfinite(found[1]).all()


# Class weights


@given(st.lists(st.integers(0, 1000), min_size=1, max_size=8).filter(any))
def test_class_weights_have_mean_one_and_balance_the_classes(counts):
    counts = np.array(counts, np.float32)
    weights = class_weights(counts)
    present = counts > 0
    assert weights[present].mean() == pytest.approx(1, rel=1e-5)
    assert not weights[~present].any()
    shares = (weights * counts)[present]
    np.testing.assert_allclose(shares, shares[0], rtol=1e-5)


def test_class_weights_by_hand():
    found = class_weights(np.array([1.0, 3.0, 0.0]))
    np.testing.assert_allclose(found, [1.5, 0.5, 0], rtol=1e-6)


def test_class_weights_without_examples_are_zero():
    np.testing.assert_array_equal(class_weights(np.zeros(3)), np.zeros(3))


# The floor of unit embeddings without a scale


def floor(classes):
    """Nats; reached by a regular simplex: cosines of -1 / (classes - 1)."""
    return np.log1p((classes - 1) * np.exp(-2 * classes / (classes - 1)))


def simplex(classes):
    corners = np.eye(classes) - 1 / classes
    return corners / np.linalg.norm(corners, axis=1, keepdims=True)


def balanced_loss(z, rows, scale):
    table = {"embeddings": rows, "log_scale": np.float32(np.log(scale))}
    logits = table_logits(table, z)
    every = np.ones(len(rows), bool)
    return cross_entropy(logits, np.arange(len(rows)), every, every)


def test_the_floor_of_63_classes_is_2_21_nats():
    assert floor(63) == pytest.approx(2.211, abs=5e-4)
    corners = simplex(63)
    assert balanced_loss(corners, corners, 1.0) == pytest.approx(floor(63), abs=1e-5)
    assert balanced_loss(corners, corners, 16.0) < 1e-6


@given(seeds, st.floats(0, 0.5))
def test_no_unit_embeddings_go_below_the_floor(seed, noise):
    rng = np.random.default_rng(seed)
    near = simplex(CLASSES) + noise * unit_rows(rng, 2 * CLASSES, CLASSES).reshape(
        2, CLASSES, CLASSES
    )
    z, rows = near / np.linalg.norm(near, axis=-1, keepdims=True)
    assert balanced_loss(z, rows, 1.0) >= floor(CLASSES) - 1e-6
