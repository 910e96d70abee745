"""Metric writers, progress, and the scores that they carry."""

import io
import itertools
import json
import math
import sys
import types

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from strokejax.evaluation.scores import (
    TWINS,
    bootstrap_interval,
    confusion_counts,
    margins,
    merge_twins,
    summary,
    top_k_accuracy,
)
from strokejax.files import write_atomically
from strokejax.train.logging import JsonLines, Progress, TensorBoard, WandB, read_jsonl
from strokejax.types import InputError

steps = st.lists(st.integers(0, 30), max_size=12)
seeds = st.integers(0, 2**32 - 1)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("metrics")


_names = itertools.count()


def written(folder, steps):
    path = folder / f"{next(_names)}.jsonl"
    writer = JsonLines(path)
    for step in steps:
        writer.write(step, {"loss": step / 3, "größe": 1.0})
    writer.close()
    return path


@given(steps=steps, resume=st.integers(-1, 31), place=st.integers(0, 10_000))
def test_a_killed_and_resumed_file_keeps_the_whole_rows_up_to_its_step(
    folder, steps, resume, place
):
    path = written(folder, steps)
    before, whole = read_jsonl(path), path.read_bytes()
    ends = np.cumsum([len(line) for line in whole.splitlines(keepends=True)])
    # The times in the rows make the file's length vary between runs.
    cut = place % (len(whole) + 1)
    path.write_bytes(whole[:cut])
    # A row is whole once its closing brace is there, with or without the newline.
    kept = [row for row, end in zip(before, ends, strict=True) if end - 1 <= cut]
    assert read_jsonl(path) == kept

    writer = JsonLines(path, resume_step=resume)
    writer.write(99, {"loss": 0.5})
    rows = read_jsonl(path)
    assert rows[:-1] == [row for row in kept if row["step"] <= resume]
    assert (rows[-1]["step"], rows[-1]["loss"]) == (99, 0.5)
    assert path.read_bytes().endswith(b"}\n")


@given(steps=steps)
def test_opening_without_a_step_keeps_every_row(folder, steps):
    path = written(folder, steps)
    before = path.read_bytes()
    JsonLines(path)
    assert path.read_bytes() == before
    assert [row["step"] for row in read_jsonl(path)] == steps


def test_a_line_is_strict_json_and_there_as_soon_as_it_is_written(tmp_path):
    path = tmp_path / "new" / "metrics.jsonl"
    writer = JsonLines(path)
    values = {"a": math.nan, "b": -math.inf, "c": np.float32(0.5), "d": 3}
    writer.write(7, values)

    def refuse(constant):
        raise AssertionError(constant)

    row = json.loads(path.read_text(), parse_constant=refuse)
    assert row.pop("time") > 1.6e9
    assert row == {"step": 7, "a": None, "b": None, "c": 0.5, "d": 3.0}


def test_rows_of_a_missing_and_of_a_broken_file(tmp_path):
    assert read_jsonl(tmp_path / "none.jsonl") == []
    broken = tmp_path / "broken.jsonl"
    broken.write_text('{"step": 1}\n{"step"\n{"step": 3}\n')
    with pytest.raises(InputError, match="line 2 "):
        read_jsonl(broken)


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    path = tmp_path / "file"
    write_atomically(path, b"old")

    def fail(*_):
        raise OSError("no space left")

    monkeypatch.setattr("os.fsync", fail)
    with pytest.raises(OSError, match="no space"):
        write_atomically(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_new_file_never_takes_the_place_of_another(tmp_path):
    path = tmp_path / "folder" / "file"
    write_atomically(path, b"old", replace=False)
    with pytest.raises(FileExistsError):
        write_atomically(path, b"new", replace=False)
    assert path.read_bytes() == b"old"
    assert list(path.parent.iterdir()) == [path]


class FakeTensorBoard(types.ModuleType):
    """Records what is asked of tensorboardX."""

    def __init__(self):
        super().__init__("tensorboardX")
        self.calls = []

    def SummaryWriter(self, *args, **kwargs):
        self.calls.append(("open", args, kwargs))
        return self

    def add_scalar(self, *args):
        self.calls.append(("scalar", *args))

    def flush(self):
        pass

    def close(self):
        self.calls.append("close")


def test_tensorboard_gets_each_value_with_its_step(tmp_path, monkeypatch):
    fake = FakeTensorBoard()
    monkeypatch.setitem(sys.modules, "tensorboardX", fake)
    writer = TensorBoard(tmp_path, resume_step=4)
    writer.write(5, {"loss": 0.5, "learning_rate": 1e-3})
    writer.close()
    assert fake.calls == [
        ("open", (str(tmp_path),), {"purge_step": 5}),
        ("scalar", "loss", 0.5, 5),
        ("scalar", "learning_rate", 1e-3, 5),
        "close",
    ]


def test_tensorboard_writes_an_event_file(tmp_path):
    pytest.importorskip("tensorboardX", reason="the extra tensorboard is missing")
    writer = TensorBoard(tmp_path)
    writer.write(1, {"loss": 0.5})
    writer.close()
    (events,) = tmp_path.iterdir()
    assert b"loss" in events.read_bytes()


class FakeWandB(types.ModuleType):
    """Records what is asked of wandb."""

    def __init__(self):
        super().__init__("wandb")
        self.opened, self.logged, self.finished = [], [], 0

    def init(self, **kwargs):
        self.opened.append(kwargs)
        return self

    def log(self, values, step):
        self.logged.append((step, values))

    def finish(self):
        self.finished += 1


def test_a_resumed_job_goes_on_in_its_own_wandb_run(tmp_path, monkeypatch):
    fake = FakeWandB()
    monkeypatch.setitem(sys.modules, "wandb", fake)
    for place in ("a", "a", "b"):
        writer = WandB("strokes", {"seed": 0}, tmp_path / place)
        writer.write(3, {"loss": np.float32(0.5)})
        writer.close()
    first, resumed, other = fake.opened
    assert first == resumed
    assert first["id"] != other["id"]
    assert (first["project"], first["config"]) == ("strokes", {"seed": 0})
    assert (first["dir"], first["resume"]) == (str(tmp_path / "a"), "allow")
    assert fake.logged == [(3, {"loss": 0.5})] * 3
    assert fake.finished == 3


@pytest.mark.parametrize("extra", ["tensorboard", "wandb"])
def test_a_missing_extra_says_how_to_get_it(extra, tmp_path, monkeypatch):
    for package in ("tensorboardX", "wandb"):
        monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(InputError, match=rf"pip install 'strokejax\[{extra}\]'"):
        TensorBoard(tmp_path) if extra == "tensorboard" else WandB("p", {}, tmp_path)


class Clock:
    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_plain_progress_leaves_the_first_step_out_of_the_rate():
    clock, stream = Clock(), io.StringIO()
    progress = Progress(104, 3, batch_size=32, stream=stream, clock=clock)
    clock.now += 60  # the first step compiles
    progress.update(4, loss=2.0)
    for step in range(5, 55):
        clock.now += 0.5
        progress.update(step, loss=1.0)
    progress.close()
    lines = stream.getvalue().splitlines()
    assert lines[0] == "step 4 of 104, loss 2"
    assert lines[1] == "step 24 of 104, 64 examples/s, 0:40 left, loss 1"
    assert lines[2] == "step 44 of 104, 64 examples/s, 0:30 left, loss 1"
    assert lines[3] == "step 54 of 104, 64 examples/s, 0:25 left, loss 1"
    assert len(lines) == 4


def test_closing_says_the_last_line_once():
    stream = io.StringIO()
    progress = Progress(5, stream=stream)
    progress.close()
    assert stream.getvalue() == ""
    progress.update(5)
    progress.close()
    assert stream.getvalue() == "step 5 of 5\n"


def test_a_terminal_gets_a_bar():
    clock, stream = Clock(), Terminal()
    progress = Progress(40, 20, batch_size=8, stream=stream, clock=clock)
    progress.update(21, loss=2.0)
    clock.now += 2
    progress.update(40, loss=1.5)
    progress.close()
    last = stream.getvalue().rstrip("\n").split("\r")[-1]
    assert "step 40 of 40" in last
    assert "76 examples/s, loss 1.5" in last


def test_twins_merge_into_one_name_each_and_nothing_else_moves():
    for twins in TWINS:
        assert set(merge_twins(list(twins))) == {twins[0]}
    letters = [c for twins in TWINS for c in twins]
    assert len(set(letters)) == len(letters)
    rest = np.array([["a", "space"], ["", "\\alpha"]])
    np.testing.assert_array_equal(merge_twins(rest), rest)


@given(seed=seeds, n=st.integers(1, 20), k=st.integers(1, 6))
def test_merging_is_idempotent_and_helps_accuracy_only(seed, n, k):
    rng = np.random.default_rng(seed)
    names = np.array(list("0oO1lIcCab"))
    ranked, truth = rng.choice(names, (n, k)), rng.choice(names, n)
    merged = merge_twins(ranked)
    np.testing.assert_array_equal(merge_twins(merged), merged)
    at = [top_k_accuracy(ranked[:, :i], truth) for i in range(1, k + 1)]
    assert at == sorted(at)
    assert at[0] <= top_k_accuracy(merged[:, :1], merge_twins(truth))
    expected = np.mean([t in row for row, t in zip(ranked, truth, strict=True)])
    assert at[-1] == expected


def scored(rng, groups=40, each=25, spread=0.1):
    """Answers whose probability of being right differs from group to group."""
    skill = np.clip(0.7 + spread * rng.normal(size=groups), 0, 1)
    group = np.repeat(np.arange(groups), each)
    return rng.random(len(group)) < skill[group], group


@given(seed=seeds, groups=st.integers(2, 40), each=st.integers(1, 30))
def test_an_interval_lies_around_the_mean(seed, groups, each):
    right, group = scored(np.random.default_rng(seed), groups, each)
    low, high = bootstrap_interval(right, group, draws=200)
    assert 0 <= low <= right.mean() <= high <= 1


@given(seed=seeds, value=st.sampled_from([0, 1]), groups=st.integers(1, 5))
def test_an_interval_of_equal_answers_is_a_point(seed, value, groups):
    group = np.random.default_rng(seed).integers(0, groups, 30)
    assert bootstrap_interval(np.full(30, value), group, draws=50) == (value, value)


@given(seed=seeds, groups=st.integers(1, 6))
def test_order_of_samples_and_names_of_groups_do_not_matter(seed, groups):
    rng = np.random.default_rng(seed)
    right, group = rng.random(40) < 0.6, rng.integers(0, groups, 40)
    order = rng.permutation(40)
    expected = bootstrap_interval(right, group, draws=50)
    assert bootstrap_interval(right[order], group[order], draws=50) == expected
    renamed = np.array([f"writer {g:03}" for g in group])
    assert bootstrap_interval(right, renamed, draws=50) == expected


def width(right, group):
    low, high = bootstrap_interval(right, group)
    return high - low


def test_groups_that_differ_more_widen_the_interval():
    rng = np.random.default_rng(0)
    widths = [width(*scored(rng, spread=spread)) for spread in (0.0, 0.1, 0.3)]
    assert widths[0] < 0.8 * widths[1] < 0.8 * widths[2]
    right, group = scored(rng, spread=0.3)
    assert width(right, group) > 1.5 * width(right, np.arange(len(right)))


def test_one_group_and_distinct_groups_give_the_binomial_interval():
    right = np.arange(400) % 4 != 0
    expected = 2 * 1.96 * math.sqrt(0.75 * 0.25 / 400)
    assert width(right, np.zeros(400)) == pytest.approx(expected, rel=0.1)
    assert width(right, np.arange(400)) == pytest.approx(expected, rel=0.1)


def test_interval_covers_the_true_accuracy_as_often_as_it_says():
    rng = np.random.default_rng(0)
    hits = 0
    for _ in range(200):
        # Each group is right with 0.6 or 0.8, so that the truth is 0.7.
        skill = rng.choice([0.6, 0.8], 40)
        right = rng.random((40, 10)) < skill[:, None]
        group = np.repeat(np.arange(40), 10)
        low, high = bootstrap_interval(right.ravel(), group, draws=200)
        hits += low <= 0.7 <= high
    assert 0.89 <= hits / 200 <= 0.99


def test_summary_of_answers_counted_by_hand():
    ranked = np.array(
        [
            ["a", "b", "c", "d", "e"],
            ["O", "b", "a", "o", "e"],
            ["b", "c", "d", "e", "a"],
            ["", "", "", "", ""],
        ]
    )
    found = summary(ranked, ["a", "o", "a", "b"], ["w", "w", "v", "u"], "writer")
    assert json.loads(json.dumps(found)) == found
    low, high = found.pop("interval95")
    assert 0 <= low <= high <= 1
    assert found == {
        "n": 4,
        "top1": 0.25,
        "top3": 0.25,
        "top5": 0.75,
        "twins_merged": 0.5,
        "per_class": {
            "a": {"n": 2, "top1": 0.5},
            "b": {"n": 1, "top1": 0.0},
            "o": {"n": 1, "top1": 0.0},
        },
        "worst_writers": [
            {"group": "u", "n": 1, "top1": 0.0},
            {"group": "v", "n": 1, "top1": 0.0},
            {"group": "w", "n": 2, "top1": 0.5},
        ],
    }


@given(seed=seeds)
def test_summary_does_not_depend_on_the_order_of_samples(seed):
    rng = np.random.default_rng(seed)
    names = np.array(list("0oO1lab"))
    ranked, truth = rng.choice(names, (30, 5)), rng.choice(names, 30)
    groups, order = rng.choice(list("stuvwxyz"), 30), rng.permutation(30)
    found = summary(ranked, truth, groups, "drawer")
    assert summary(ranked[order], truth[order], groups[order], "drawer") == found
    assert sum(row["n"] for row in found["per_class"].values()) == 30
    worst = [row["top1"] for row in found["worst_writers"]]
    assert worst == sorted(worst)
    assert len(worst) == min(5, len(set(groups)))


@pytest.mark.parametrize(
    ("ranked", "truth", "groups"),
    [([], [], []), ([["a"]], ["a", "b"], ["w"]), ([["a"]], ["a"], ["w", "v"])],
)
def test_scoring_refuses_lists_of_different_lengths(ranked, truth, groups):
    with pytest.raises(InputError, match="as many of each"):
        summary(ranked, truth, groups, "writer")
    with pytest.raises(InputError, match="at least one"):
        bootstrap_interval([], [])


def test_confusions_count_answers_and_leave_out_silence():
    truth, answer = np.array([0, 0, 1, 2]), np.array([0, 1, 1, -1])
    expected = [[1, 1, 0], [0, 1, 0], [0, 0, 0]]
    np.testing.assert_array_equal(confusion_counts(truth, answer, 3), expected)


def test_margin_is_largest_on_the_far_side():
    z = np.array([[3, 0], [5, 0], [0, 2], [0, 9], [0, 1], [np.nan, 0]], np.float32)
    truth, answer = np.array([0, 0, 1, 1, 0, 0]), np.array([0, 1, 1, 1, 1, 1])
    found = margins(z, truth, answer)
    # Class 0 has its mean along (2, 1), class 1 along (0, 1).
    expected = [0, -2 / 5**0.5, 0, 0, 1 - 1 / 5**0.5, -2]
    np.testing.assert_allclose(found, expected, atol=1e-12)
