"""Groups of embeddings that share a row: several clusters, and variants of one."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from strokejax.registration.prototypes import (
    MAX_PROTOTYPES,
    MERGE_ABOVE,
    MIN_DRAWINGS,
    clusters,
    groups,
)
from strokejax.registration.rows import (
    ReplaySet,
    by_drawing,
    mean_row,
    pair_cosine,
    sgd_row,
)
from strokejax.table.table import unit
from tests.support.strategies import seeds, unit_rows
from tests.support.tables import DIM, around, host_rows


def parts(found):
    return {frozenset(part.tolist()) for part in found}


@pytest.mark.parametrize("count", [1, 2, 3, 5])
@pytest.mark.parametrize("seed", range(3))
def test_far_groups_are_found_however_many(seed, count):
    rng = np.random.default_rng(seed)
    z = np.concatenate([around(rng, e, 4, 0.97) for e in np.eye(DIM)[:count]])
    order = rng.permutation(4 * count)
    found = {frozenset(order[part].tolist()) for part in clusters(z[order])}
    assert found == {frozenset(range(4 * i, 4 * i + 4)) for i in range(count)}


def views(rng, drawings, variants, apart):
    """Embeddings of drawings and of their variants, as many as named."""
    centres = unit_rows(rng, 1, DIM) if not apart else np.eye(DIM)
    names = ["", *map(str, range(1, variants))]
    z, drawing, variant = [], [], []
    for i, name in enumerate(names):
        z.append(around(rng, centres[i * apart], drawings, 0.99))
        drawing += range(drawings)
        variant += [name] * drawings
    return np.concatenate(z), np.array(drawing), np.array(variant)


@pytest.mark.parametrize("drawings", [1, 2, 5])
def test_variants_far_apart_have_a_row_each_and_alike_ones_share_it(rng, drawings):
    z, drawing, variant = views(rng, drawings, 8, apart=1)
    wanted = {frozenset(np.flatnonzero(variant == v).tolist()) for v in variant}
    assert parts(groups(z, drawing, variant)) == wanted
    z, drawing, variant = views(rng, drawings, 8, apart=0)
    assert len(groups(z, drawing, variant)) == 1


@given(seeds, st.integers(1, 6), st.integers(1, 30))
def test_groups_share_out_what_there_is(seed, drawings, variants):
    rng = np.random.default_rng(seed)
    z = unit_rows(rng, drawings * variants, 4)
    drawing = np.tile(np.arange(drawings), variants)
    variant = np.repeat(["", *map(str, range(1, variants))], drawings)
    found = groups(z, drawing, variant)
    assert 1 <= len(found) <= MAX_PROTOTYPES
    np.testing.assert_array_equal(np.sort(np.concatenate(found)), np.arange(len(z)))
    order = rng.permutation(len(z))
    again = groups(z[order], drawing[order], variant[order])
    assert parts(order[part] for part in again) == parts(found)


def test_means_of_groups_are_not_alike():
    rng = np.random.default_rng(1)
    z = unit_rows(rng, 12, 3)
    found = groups(z, np.zeros(12, int), np.array(["", *map(str, range(1, 12))]))
    means = np.stack([z[part].mean(0) for part in found])
    means /= np.linalg.norm(means, axis=1, keepdims=True)
    assert 1 < len(found) < 12
    assert np.triu(means @ means.T, 1).max() <= MERGE_ABOVE


@given(seeds, st.integers(1, 20))
def test_without_variants_groups_are_ways(seed, n):
    z = unit_rows(np.random.default_rng(seed), n, 4)
    plain = np.array([""] * n)
    assert parts(groups(z, np.arange(n), plain)) == parts(clusters(z))
    assert n >= 2 * MIN_DRAWINGS or len(clusters(z)) == 1


# Several embeddings of one drawing weigh as much as one


def rows_and_known(rng):
    z = around(rng, unit(np.eye(DIM)[0] + 0.5 * np.eye(DIM)[1]), 30, 0.98)
    return host_rows(z[:1]), ReplaySet(z, np.zeros(30, np.int32))


@given(seeds, st.integers(1, 6), st.integers(1, 5))
def test_copies_of_all_drawings_change_no_row(seed, n, copies):
    rng = np.random.default_rng(seed)
    rows, known = rows_and_known(rng)
    z = around(rng, np.eye(DIM)[0], n, 0.9)
    more, drawing = np.tile(z, (copies, 1)), np.tile(np.arange(n), copies)
    for trained in (None, known.z[1]):
        once, twice = mean_row(z, trained, rows), mean_row(more, trained, rows, drawing)
        for ours, theirs in zip(twice, once, strict=True):
            np.testing.assert_allclose(ours, theirs, atol=1e-5)
        once = sgd_row(z, trained, rows, known, 5)
        twice = sgd_row(more, trained, rows, known, 5, drawing)
        assert (twice.count, once.count) == (n, n)
        np.testing.assert_allclose(twice.embedding, once.embedding, atol=1e-4)
        assert twice.radius == pytest.approx(once.radius, abs=1e-4)


@given(seeds, st.integers(2, 6), st.integers(1, 5))
def test_pairs_are_of_different_drawings(seed, n, copies):
    rng = np.random.default_rng(seed)
    z = around(rng, np.eye(DIM)[0], n, 0.9)
    more, drawing = np.repeat(z, copies, 0), np.repeat(np.arange(n), copies)
    assert pair_cosine(by_drawing(more, drawing)) == pytest.approx(pair_cosine(z))


def test_more_variants_than_usual_are_fitted_all():
    rng = np.random.default_rng(0)
    rows, known = rows_and_known(rng)
    z = np.concatenate([around(rng, e, 100, 0.99) for e in np.eye(DIM)[:3]])
    row = sgd_row(z, None, rows, known, 5, np.tile(np.arange(100), 3))
    assert row.count == 100
    assert (row.embedding @ np.eye(DIM)[:3].T > 0.3).all()
