"""Batches of P classes with K samples: what they hold, and how a run goes on."""

from itertools import islice

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from strokejax.data.dataset import Dataset
from strokejax.data.pipeline import class_batches, train_batches
from tests.support.strategies import seeds


@given(seeds, st.integers(1, 60), st.integers(1, 5), st.integers(1, 4))
def test_batches_hold_p_classes_of_k_samples(seed, count, classes, samples):
    labels = 7 * np.random.default_rng(seed).integers(0, 6, count)
    found = np.unique(labels)
    size = classes * samples
    batches = class_batches(labels, classes=classes, size=size, seed=seed)
    for step in range(4):
        batch = batches(step)
        assert len(batch) == size
        drawn, counts = np.unique(labels[batch], return_counts=True)
        assert len(drawn) == min(classes, len(found), size)
        if classes <= len(found):
            assert (counts == samples).all()
        assert counts.max() - counts.min() <= 1
        for c, n in zip(drawn, counts, strict=True):
            own = batch[labels[batch] == c]
            if n <= (labels == c).sum():
                assert len(set(own)) == n  # nobody twice where there are enough


def test_a_batch_depends_on_the_seed_and_its_step_alone(rng):
    labels = rng.integers(0, 9, 200)
    one, same = (class_batches(labels, classes=4, size=12, seed=3) for _ in "ab")
    other = class_batches(labels, classes=4, size=12, seed=4)
    other_first = same(8)
    np.testing.assert_array_equal(one(7), same(7))
    np.testing.assert_array_equal(one(8), other_first)
    assert not np.array_equal(one(7), one(8))
    assert not np.array_equal(one(7), other(7))


def test_every_sample_has_its_turn(rng):
    labels = rng.integers(0, 5, 40)
    batches = class_batches(labels, classes=2, size=8)
    seen = np.concatenate([batches(step) for step in range(200)])
    assert set(seen) == set(range(40))


def test_classes_of_a_batch_are_of_one_data_set_as_likely_as_it_is_large(rng):
    labels = np.concatenate([rng.integers(0, 5, 300), rng.integers(5, 9, 100)])
    sets = np.repeat([0, 1], [300, 100])
    batches = class_batches(labels, classes=3, size=6, sets=sets)
    chosen = []
    for step in range(400):
        of = np.unique(sets[batches(step)])
        assert len(of) == 1
        chosen.append(of[0])
    # Binomial: 0.25 with a standard error of 0.022.
    assert 0.16 < np.mean(chosen) < 0.34


def stream(start, rows, origin=None):
    labels = np.arange(90, dtype=np.int32) % 9
    dataset = Dataset(
        "some",
        {"image": np.arange(90, dtype=np.float32)[:, None, None]},
        labels,
        tuple("abcdefghi"),
        np.array([str(i) for i in range(90)]),
        "writer",
        origin,
    )
    batches = train_batches(dataset, 12, seed=5, start=start, rows=rows, classes=4)
    return list(islice(batches, 6))


def test_a_stream_goes_on_where_it_stopped_and_hosts_share_its_batches():
    origin = np.array([0] * 5 + [1] * 4, np.int32)
    whole = stream(0, slice(0, 12), origin)
    for batch in whole:
        assert batch.mask.all()
        assert len(np.unique(origin[batch.labels])) == 1
        assert len(np.unique(batch.labels)) == 4
        np.testing.assert_array_equal(batch.inputs["image"].ravel() % 9, batch.labels)
    halves = [stream(2, rows, origin) for rows in (slice(0, 6), slice(6, 12))]
    for i, (first, second) in enumerate(zip(*halves, strict=True)):
        if i + 2 < len(whole):
            both = np.concatenate([first.labels, second.labels])
            np.testing.assert_array_equal(both, whole[i + 2].labels)
            both = np.concatenate([first.inputs["image"], second.inputs["image"]])
            np.testing.assert_array_equal(both, whole[i + 2].inputs["image"])
