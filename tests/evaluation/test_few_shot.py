"""Samplers, few-shot figures, calibration, and the page that shows them."""

import os
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from strokejax.evaluation.episodes import episodes, open_set_draws, within_writer
from strokejax.evaluation.few_shot import (
    RunEmbeddings,
    auroc,
    fpr_at,
    kshot,
    lake_error,
    nearest_row,
    queries_correct,
    rows_of,
    tpr_at,
)
from strokejax.evaluation.scores import (
    TWINS,
    calibration_bins,
    expected_calibration_error,
)
from strokejax.report import charts
from strokejax.table.symbols import STROKES
from strokejax.tasks.symbols.evaluation.curves import write_curves
from strokejax.types import InputError
from tests.report.test_run import HOSTILE, Page
from tests.support.strategies import seeds, unit_rows

WITH_TWINS = {symbol for twins in TWINS for symbol in twins}


@st.composite
def labelled(draw, most=80):
    """Labels i64[n] of up to 6 classes, groups str[n], alphabets str[n]."""
    n = draw(st.integers(1, most))
    rng = np.random.default_rng(draw(seeds))
    labels = rng.integers(0, draw(st.integers(1, 6)), n) * 7
    groups = np.array([f"w{g}" for g in rng.integers(0, draw(st.integers(1, 9)), n)])
    return labels, groups, np.where(labels < 21, "abc", "runes")


def make(columns, **options):
    """Episodes, where the choice of numbers allows any."""
    labels, groups, _ = columns
    try:
        return episodes(labels, groups=groups, **options)
    except InputError:
        assume(False)


sizes = {
    "ways": st.integers(1, 3),
    "shots": st.integers(1, 3),
    "queries": st.integers(1, 3),
    "seed": st.integers(0, 5),
}

# Episodes


@given(labelled(), st.fixed_dictionaries(sizes), st.booleans())
def test_an_episode_holds_what_was_asked_and_parts_the_groups(columns, asked, alphabet):
    labels, groups, within = columns
    made = make(columns, count=4, within=within if alphabet else None, **asked)
    assert len(made) == 4
    for classes, support, query in made:
        assert len(set(classes)) == asked["ways"]
        assert support.shape == (asked["ways"], asked["shots"])
        assert query.shape == (asked["ways"], asked["queries"])
        every = np.concatenate([support.ravel(), query.ravel()])
        assert len(set(every)) == every.size
        for label, shown, queried in zip(classes, support, query, strict=True):
            assert (labels[shown] == label).all() and (labels[queried] == label).all()
            assert not set(groups[shown]) & set(groups[queried])
        if alphabet:
            assert len(set(within[every])) == 1


@given(labelled(), st.fixed_dictionaries(sizes))
def test_an_episode_depends_on_the_seed_and_its_place_alone(columns, asked):
    few, many = (make(columns, count=count, **asked) for count in (2, 5))
    for one, other in zip(few, many, strict=False):
        for x, y in zip(one, other, strict=True):
            np.testing.assert_array_equal(x, y)


def test_another_seed_gives_other_episodes_and_all_classes_and_samples_occur():
    labels = np.repeat(np.arange(10), 6)
    options = {"ways": 3, "shots": 2, "queries": 1, "count": 200}
    first, second = (episodes(labels, seed=seed, **options) for seed in (0, 1))
    assert any(
        (x.support != y.support).any() for x, y in zip(first, second, strict=True)
    )
    for part in ("classes", "support", "query"):
        counts = np.unique([getattr(e, part) for e in first], return_counts=True)[1]
        # A class 60 times of 200, a sample 20 times as shot, 10 as query: 5 sigma.
        mean = counts.sum() / len(counts)
        assert len(counts) == (10 if part == "classes" else 60)
        assert abs(counts - mean).max() < 5 * np.sqrt(mean)


@given(labelled(), st.fixed_dictionaries(sizes))
def test_a_class_is_used_exactly_where_any_order_of_groups_leaves_enough(
    columns, asked
):
    labels, groups, _ = columns
    shots, queries = asked["shots"], asked["queries"]
    usable = set()
    for c in np.unique(labels):
        counts = np.unique(groups[labels == c], return_counts=True)[1]
        if counts.sum() - (shots - 1 + counts.max()) >= queries:
            usable.add(int(c))
    options = {"shots": shots, "queries": queries, "groups": groups, "count": 1}
    if usable:
        (one,) = episodes(labels, ways=len(usable), **options)
        assert set(one.classes.tolist()) == usable
    words = f"{len(usable)} of {len(set(labels))} classes have"
    with pytest.raises(InputError, match=words):
        episodes(labels, ways=len(usable) + 1, **options)


def test_queries_come_from_all_other_groups():
    labels, groups = np.zeros(60, int), np.repeat(np.arange(6), 10)
    made = episodes(labels, ways=1, shots=1, queries=8, count=20, groups=groups)
    asked = [len(set(groups[each.query.ravel()])) for each in made]
    assert min(asked) > 1 and max(asked) == 5


def test_one_drawer_shows_all_classes_of_an_alphabet_and_others_are_asked():
    labels, groups = np.repeat(np.arange(20), 20), np.tile(np.arange(20), 20)
    made = episodes(labels, ways=20, shots=1, queries=3, count=3, groups=groups)
    for _, support, query in made:
        assert len(set(groups[support.ravel()])) == 1
        assert not set(groups[support.ravel()]) & set(groups[query.ravel()])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"ways": 0}, "ways is 0"),
        ({"shots": -1}, "shots is -1"),
        ({"count": 0}, "count is 0"),
        ({"shots": 4}, "0 of 3 classes have the samples for 4 shots and 1 queries"),
        ({"ways": 4}, "3 of 3 classes .* too few for 4 ways"),
        ({"groups": np.zeros(5)}, "5 groups for 12 labels"),
        ({"within": np.arange(12)}, "lies in 4 alphabets"),
        ({"within": np.repeat([0, 0, 1], 4), "ways": 3}, "2 of 3 classes of one alph"),
    ],
)
def test_impossible_episodes_are_refused(change, words):
    options = {"ways": 2, "shots": 1, "queries": 1, "count": 1, **change}
    with pytest.raises(InputError, match=words):
        episodes(np.repeat(np.arange(3), 4), **options)


# Batches, a writer's own, open sets


@given(labelled(), st.integers(1, 3), st.integers(0, 3))
def test_a_writers_own_samples_are_shots_or_queries_each_once(columns, shots, seed):
    labels, groups, _ = columns
    pairs, counts = np.unique(
        np.column_stack([groups, labels.astype(str)]), axis=0, return_counts=True
    )
    wanted = {
        tuple(pair): n for pair, n in zip(pairs, counts, strict=True) if n > shots
    }
    if not wanted:
        with pytest.raises(InputError, match=f"has {shots + 1} samples"):
            within_writer(labels, groups, shots, seed)
        return
    found = {}
    made = within_writer(labels, groups, shots, seed)
    assert [each.group for each in made] == sorted({group for group, _ in wanted})
    for name, classes, support, query in made:
        assert support.shape == (len(classes), shots)
        every = np.concatenate([support.ravel(), query])
        assert len(set(every)) == every.size
        assert (groups[every] == name).all()
        assert (labels[support] == classes[:, None]).all()
        for c in classes:
            found[name, str(c)] = int((labels[every] == c).sum())
            assert (labels[query] == c).any()
    assert found == wanted


@given(
    symbols=st.lists(st.sampled_from(STROKES), min_size=1, unique=True),
    classes=st.integers(1, 12),
    seed=st.integers(0, 9),
    apart=st.booleans(),
)
def test_twins_leave_together_or_not_at_all(symbols, classes, seed, apart):
    options = {"classes": classes, "seed": seed, "apart": apart}
    alone = [s for s in symbols if not has_twin(s, symbols)]
    try:
        draws = open_set_draws(symbols, TWINS, count=5, **options)
    except InputError as error:
        assert f"{classes} classes cannot be drawn" in str(error)
        assert len(alone) < classes
        return
    assert open_set_draws(symbols, TWINS, count=2, **options) == draws[:2]
    for drawn in draws:
        assert len(drawn) == len(set(drawn)) == classes
        assert drawn == tuple(s for s in symbols if s in drawn)
        assert not apart or set(drawn) <= set(alone)
        for symbol in drawn:
            mates = {s for s in symbols for t in TWINS if {s, symbol} <= set(t)}
            assert mates <= set(drawn)


def has_twin(symbol, symbols):
    return any(
        symbol in twins and len(set(twins) & set(symbols)) > 1
        for twins in map(set, TWINS)
    )


def test_every_symbol_is_drawn_at_some_time():
    draws = open_set_draws(STROKES, TWINS, count=200)
    assert set().union(*draws) == set(STROKES)
    alone = open_set_draws(STROKES, TWINS, count=200, apart=True)
    assert set().union(*alone) == set(STROKES) - WITH_TWINS


# In embedding space


def clustered(classes=12, per=10, spread=0.1, seed=0):
    rng = np.random.default_rng(seed)
    labels = np.repeat(np.arange(classes), per)
    z = unit_rows(rng, classes, 16)[labels] + spread * rng.normal(
        size=(len(labels), 16)
    )
    return z.astype(np.float32), labels, np.tile(np.arange(per), classes)


@given(seeds)
def test_a_rigid_motion_and_a_scale_change_no_answer(seed):
    rng = np.random.default_rng(seed)
    z, labels, groups = clustered(spread=0.4, seed=seed)
    turn, _ = np.linalg.qr(rng.normal(size=(16, 16)))
    (one,) = episodes(labels, ways=8, shots=3, queries=4, count=1, groups=groups)
    moved = (z @ turn) * rng.uniform(0.5, 3, (len(z), 1))
    np.testing.assert_array_equal(queries_correct(z, one), queries_correct(moved, one))


def test_rows_are_normalised_sums_of_normalised_shots():
    shots = np.array([[[3.0, 0.0], [0.0, 0.5]], [[0.0, 0.0], [0.0, -2.0]]])
    half = np.sqrt(0.5)
    np.testing.assert_allclose(rows_of(shots), [[half, half], [0, -1]], atol=1e-12)
    np.testing.assert_array_equal(nearest_row(np.eye(2), rows_of(shots)), [0, 0])


def test_kshot_on_clusters_that_are_apart_and_on_noise():
    z, labels, groups = clustered()
    found = kshot(z, labels, groups, shots=(1, 5), ways=10, count=30)["shots"]
    for row, k in zip(found, (1, 5), strict=True):
        assert row == {
            "k": k,
            "ways": 10,
            "episodes": 30,
            "n": 300,
            "accuracy": 1.0,
            "interval95": [1.0, 1.0],
        }
    noise = unit_rows(np.random.default_rng(0), len(z), 16)
    (row,) = kshot(noise, labels, groups, shots=(1,), ways=10, count=200)["shots"]
    low, high = row["interval95"]
    assert low <= 0.1 <= high and low < row["accuracy"] < high


def test_the_interval_follows_classes_not_episodes():
    z, labels, groups = clustered(spread=0.8)
    widths = []
    for count in (50, 800):
        (row,) = kshot(z, labels, groups, shots=(1,), ways=10, count=count)["shots"]
        low, high = row["interval95"]
        assert low < row["accuracy"] < high
        widths.append(high - low)
    assert widths[1] > widths[0] / 2  # over episodes it would be a quarter


def test_damaged_embeddings_are_no_figures():
    z, labels, groups = clustered()
    z[3, 2] = np.nan
    with pytest.raises(InputError, match="1 of 120 embeddings are not finite"):
        kshot(z, labels, groups, shots=(1,), ways=2)


def test_lakes_error_is_the_share_of_wrong_answers():
    rng = np.random.default_rng(0)
    runs = []
    for i in range(4):
        training = unit_rows(rng, 20, 16)
        answer = rng.permutation(20)
        test = training[answer].copy()
        test[: 5 * i] = training[(answer[: 5 * i] + 1) % 20]
        runs.append(RunEmbeddings(f"run{i}", training, test, answer))
    found = lake_error(runs)
    assert found["n"] == 80 and found["error"] == pytest.approx(30 / 80)
    rates = [row["error"] for row in found["per_run"]]
    assert rates == pytest.approx([0, 0.25, 0.5, 0.75])
    low, high = found["interval95"]
    assert 0 <= low < 0.375 < high <= 0.75
    with pytest.raises(InputError, match="no run"):
        lake_error([])


values = st.lists(st.integers(-4, 4), min_size=1, max_size=30)


@given(values, values)
def test_auroc_is_the_share_of_ordered_pairs(known, novel):
    pairs = [(k > n) + 0.5 * (k == n) for k in known for n in novel]
    assert auroc(known, novel) == pytest.approx(np.mean(pairs))
    assert auroc(known, novel) + auroc(novel, known) == pytest.approx(1)
    cubes = [k**3 for k in known], [n**3 for n in novel]
    assert auroc(*cubes) == pytest.approx(auroc(known, novel))


@given(values, values, st.sampled_from([0, 0.05, 0.25, 0.5, 1]))
def test_thresholds_keep_their_promise_and_no_better_one_does(known, novel, rate):
    known, novel = np.array(known), np.array(novel)
    tried = [np.inf, *(t + d for t in range(-5, 6) for d in (0, 0.5))]
    points = [((known >= t).mean(), (novel >= t).mean()) for t in tried]
    assert tpr_at(known, novel, rate) == max(
        kept for kept, false in points if false <= rate + 1e-9
    )
    if rate:
        assert fpr_at(known, novel, rate) == min(
            false for kept, false in points if kept >= rate - 1e-9
        )


@pytest.mark.parametrize("score", [auroc, fpr_at, lambda k, n: tpr_at(k, n, 0.1)])
def test_scores_of_nothing_and_of_no_number_are_refused(score):
    for pair in ([], [1]), ([1], []), ([np.nan], [1]), ([1, 2], [0, np.nan]):
        with pytest.raises(InputError, match="NaN"):
            score(*pair)


# Calibration


def test_calibration_by_hand():
    probability = [0.05, 0.15, 0.15, 0.95, 1.0]
    right = [False, True, False, True, True]
    confidence, accuracy, counts = calibration_bins(probability, right)
    assert counts.tolist() == [1, 2, 0, 0, 0, 0, 0, 0, 0, 2]
    assert confidence[[0, 1, 9]] == pytest.approx([0.05, 0.15, 0.975])
    assert accuracy[[0, 1, 9]] == pytest.approx([0, 0.5, 1])
    assert np.isnan(accuracy[2:9]).all()
    error = (0.05 + 2 * 0.35 + 2 * 0.025) / 5
    assert expected_calibration_error(probability, right) == pytest.approx(error)


@given(seeds, st.integers(1, 30))
def test_one_bin_compares_the_means_and_more_bins_see_no_less(seed, n):
    rng = np.random.default_rng(seed)
    probability, right = rng.random(n), rng.random(n) < 0.5
    gap = abs(probability.mean() - right.mean())
    whole, half, quarter = (
        expected_calibration_error(probability, right, bins) for bins in (1, 2, 4)
    )
    assert whole == pytest.approx(gap)
    assert whole <= half + 1e-9 <= quarter + 2e-9 <= 1 + 1e-8
    assert expected_calibration_error(right, right) == 0


@pytest.mark.parametrize(
    ("probability", "right"), [([], []), ([0.1], []), ([1.1], [1]), ([np.nan], [1])]
)
def test_calibration_of_what_is_no_probability_is_refused(probability, right):
    with pytest.raises(InputError, match="probabilit"):
        expected_calibration_error(probability, right)


# On a page


def row(k, accuracy, width=0.05):
    return {
        "k": k,
        "ways": 20,
        "episodes": 500,
        "n": 10_000,
        "accuracy": accuracy,
        "interval95": [accuracy - width, accuracy + width],
    }


CURVES = {
    "random": [row(1, 0.80), row(5, 0.90), row(10, 0.93)],
    HOSTILE: [row(10, 0.85), row(1, 0.60)],
}


def test_the_page_shows_every_figure_and_runs_nothing(tmp_path):
    rng = np.random.default_rng(0)
    chance = rng.random(500)
    extra = {"Calibration": charts.reliability(chance, rng.random(500) < chance)}
    path = tmp_path / "curves.html"
    write_curves(path, HOSTILE, CURVES, "strokejax evaluate x.npz --shots 1", extra)
    page = Page(path.read_text("utf-8"))
    assert not page.having("script") and not page.having("link")
    (policy,) = page.having("meta", **{"http-equiv": "Content-Security-Policy"})
    assert policy["content"].startswith("default-src 'none'")
    for shown in ("80.0 %", "95 % interval 85.0 to 95.0", "55.0 % to 65.0 %", "10,000"):
        assert shown in page.text, shown
    assert HOSTILE in page.text and "strokejax evaluate x.npz --shots 1" in page.text
    assert len(page.having("section")) == 3
    assert len(page.having("path", **{"class": "band"})) == 2
    with pytest.raises(InputError, match="needs a row"):
        write_curves(path, "nothing", {"random": []}, "")


def points(path):
    return [tuple(map(float, pair.split())) for pair in path.strip("MZ").split("L")]


def test_a_curve_lies_in_its_band_in_the_order_of_shots():
    page = Page(charts.shot_curves("Accuracy", {"one": CURVES[HOSTILE]}))
    (band,) = page.having("path", **{"class": "band"})
    (line,) = [
        tag for name, tag in page.tags if name == "path" and not tag.get("class")
    ]
    edge, middle = points(band["d"]), points(line["d"])
    lower, upper = edge[: len(middle)], edge[len(middle) :][::-1]
    assert all(a[0] < b[0] for a, b in pairwise(middle))
    for low, at, high in zip(lower, middle, upper, strict=True):
        assert low[0] == at[0] == high[0]
        assert low[1] > at[1] > high[1]  # y grows downwards
    assert len(page.having("circle")) == 2


def test_the_reliability_diagram_shows_counts_and_the_error():
    probability = np.array([0.05, 0.15, 0.15, 0.95, 1.0])
    right = np.array([False, True, False, True, True])
    page = Page(charts.reliability(probability, right))
    assert any("ECE 0.16 over 5 answers" in text for text in page.text)
    bars = page.having("rect", **{"class": "count"})
    heights = [float(bar["height"]) for bar in bars]
    assert heights[1] == heights[2] == pytest.approx(2 * heights[0], abs=0.11)
    (line,) = [
        tag for name, tag in page.tags if name == "path" and not tag.get("class")
    ]
    (ideal,) = page.having("path", **{"class": "ideal"})
    (x0, y0), (x1, y1) = points(ideal["d"])
    at = [((x - x0) / (x1 - x0), (y - y0) / (y1 - y0)) for x, y in points(line["d"])]
    np.testing.assert_allclose(at, [(0.05, 0), (0.15, 0.5), (0.975, 1)], atol=0.002)


@pytest.mark.skipif(
    not os.environ.get("STROKEJAX_DATA"),
    reason="STROKEJAX_DATA is not set: no folder of real data",
)
def test_alphabets_held_out_give_the_episodes_that_are_promised():
    from strokejax.data.sets.omniglot import FILE
    from strokejax.data.splits import split_mask

    with np.load(Path(os.environ["STROKEJAX_DATA"]) / FILE) as stored:
        columns = [stored[name] for name in ("alphabet", "character", "drawer")]
    held_out = split_mask("validation", "alphabet", columns[0])
    alphabet, character, drawer = (column[held_out] for column in columns)
    names = np.char.add(alphabet, character)
    labels = np.unique(names, return_inverse=True)[1]
    asked = {"ways": 20, "shots": 10, "queries": 10, "count": 5}
    made = episodes(labels, groups=drawer, within=alphabet, **asked)
    for _, support, query in made:
        assert len(set(alphabet[support.ravel()])) == 1
        assert not set(drawer[support.ravel()]) & set(drawer[query.ravel()])
