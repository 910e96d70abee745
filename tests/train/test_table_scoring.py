"""Rows as class means: what they are of, and the scale that fits them."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from strokejax.data.dataset import Dataset
from strokejax.evaluation.few_shot import rows_of
from strokejax.table.losses import cross_entropy
from strokejax.table.table import table_logits
from strokejax.train.table_scoring import PER_CLASS, SCALES, examples_of, mean_table
from tests.support.strategies import seeds, unit_rows


@given(seeds, st.integers(1, 40))
def test_rows_are_the_means_of_their_examples(seed, count):
    rng = np.random.default_rng(seed)
    z, labels = unit_rows(rng, count, 5), rng.integers(0, 7, count)
    found = mean_table(z, labels, 9)["embeddings"]
    assert found.shape == (9, 5)
    for c in range(9):
        own = z[labels == c]
        wanted = rows_of(own) if len(own) else np.zeros(5)
        np.testing.assert_allclose(found[c], wanted, atol=1e-4)


@given(seeds)
def test_no_other_scale_makes_the_labels_likelier(seed):
    rng = np.random.default_rng(seed)
    z, labels = unit_rows(rng, 30, 4), rng.integers(0, 5, 30).astype(np.int32)
    found = mean_table(z, labels, 6)
    active = np.isin(np.arange(6), labels)

    def loss(log_scale):
        logits = table_logits(found | {"log_scale": log_scale}, z)
        return float(cross_entropy(logits, labels, np.ones(30, bool), active))

    best = loss(found["log_scale"])
    assert all(best <= loss(np.log(scale)) + 1e-4 for scale in SCALES[::6])


def test_examples_are_of_active_classes_and_rare_ones_are_all_there(rng):
    labels = np.repeat(np.arange(4), [3 * PER_CLASS, 5, 2 * PER_CLASS, 7])
    labels = rng.permutation(labels).astype(np.int32)
    count = len(labels)
    dataset = Dataset(
        "some",
        {"image": np.zeros((count, 2, 2), np.uint8)},
        labels,
        tuple("abcd"),
        np.arange(count).astype(str),
        "sample",
    )
    active = np.array([True, True, False, True, False])
    found = examples_of(dataset, active, 0)
    assert np.bincount(found.labels).tolist() == [PER_CLASS, 5, 0, 7]
    assert len(np.unique(found.groups)) == len(found)
    other = examples_of(dataset, active, 1)
    assert set(found.groups) != set(other.groups)
