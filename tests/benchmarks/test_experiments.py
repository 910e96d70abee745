"""The journal of short runs: nothing is run twice, and words survive the tables."""

import sys
from argparse import Namespace
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
sys.path.insert(0, str(BENCHMARKS))

import experiments  # noqa: E402
import questions  # noqa: E402
from questions import EXPERIMENTS, Experiment, key, planned, recipe  # noqa: E402

from strokejax.evaluation.figure import Figure  # noqa: E402
from strokejax.settings import shares  # noqa: E402
from strokejax.train.logging import read_jsonl  # noqa: E402

TWO = Experiment(
    "two",
    "Which of two?",
    {"a": {"model.embed_dim": 16}, "b": {"model.embed_dim": 64}},
    seeds=(0, 1),
)
SAME = Experiment("same", "The recipe again?", {"as it is": {}}, seeds=(0,))


@pytest.fixture
def given(tmp_path):
    names = {"journal": tmp_path / "runs.jsonl", "page": tmp_path / "page.md"}
    return Namespace(steps=5, model="nn-sampling", **names)


@pytest.fixture
def made(monkeypatch):
    """The runs that were started, in order; none takes any time."""
    started = []

    def run(line):
        started.append((line["arm"], line["seed"]))
        value = 0.5 + 0.1 * line["seed"]
        return experiments.finished(
            line, {"top-1": Figure("top-1", value, (0.4, 0.7), 9, "")}, 0.0
        )

    monkeypatch.setattr(experiments, "trained", run)
    return started


def test_a_run_that_is_there_is_not_run_again(given, made):
    experiments.run(TWO, given)
    assert made == [("a", 0), ("b", 0), ("a", 1), ("b", 1)]
    experiments.run(TWO, given)
    # What "b" changes the recipe has anyway: it is the run that "same" asks for.
    experiments.run(SAME, given)
    assert len(made) == len(read_jsonl(given.journal)) == 4
    given.steps = 6
    experiments.run(SAME, given)
    assert made[4:] == [("as it is", 0)]


def test_a_line_cut_short_is_run_again(given, made):
    experiments.run(TWO, given)
    text = given.journal.read_bytes()
    given.journal.write_bytes(text[:-40])
    experiments.run(TWO, given)
    assert made[4:] == [("b", 1)]
    assert len(read_jsonl(given.journal)) == 4


def test_a_line_says_all_that_its_run_was(given, made):
    experiments.run(TWO, given)
    line = read_jsonl(given.journal)[0]
    assert line["settings"] == {"model.embed_dim": 16}
    assert {"experiment", "arm", "seed", "steps", "seconds", "commit"} <= set(line)
    assert line["figures"]["top-1"] == {"value": 0.5, "interval95": [0.4, 0.7], "n": 9}


def test_tables_are_means_over_seeds_and_words_survive(given, made, monkeypatch):
    monkeypatch.setattr(experiments, "EXPERIMENTS", (TWO, SAME))
    experiments.run(TWO, given)
    given.page.write_text("# Words before\n")
    experiments.render(given.page, given.journal, 5)
    first = given.page.read_text()
    assert "| a | `model.embed_dim=16` | 2 | 0.5500 ± 0.0707 [0.400, 0.700] |" in first
    assert "| b | the recipe | 2 |" in first
    assert "| as it is | the recipe | 1 | 0.5000 [0.400, 0.700] |" in first
    between = first.replace("\n## Same", "\nAn answer: \\1 of 2.\n\n## Same")
    given.page.write_text(between)
    experiments.render(given.page, given.journal, 5)
    assert given.page.read_text() == between
    experiments.render(given.page, given.journal, 6)
    assert "An answer: \\1 of 2." in given.page.read_text()
    assert "0.5500" not in given.page.read_text()


def test_a_failed_run_leaves_the_others_and_no_line(given, monkeypatch):
    def fail(line):
        raise experiments.subprocess.CalledProcessError(2, "launch")

    monkeypatch.setattr(experiments, "trained", fail)
    assert experiments.run(TWO, given) == 4
    assert not given.journal.exists()


@pytest.mark.parametrize("experiment", EXPERIMENTS, ids=lambda each: each.name)
def test_every_experiment_asks_for_runs_that_differ(experiment):
    lines = planned(experiment, 800)
    assert len({key(line) for line in lines}) == len(lines)
    assert len(lines) == len(experiment.arms) * len(experiment.seeds)
    assert bool(lines) != bool(experiment.untrained)
    for line in lines:
        shares(line["settings"].get("data.also", ""))
        flags = experiments.arguments(line["settings"], line["seed"], 800)
        assert flags[0] == "--config=configs/pretrain.py:fused"
        assert "--config.loop.steps=800" in flags


def test_runs_of_another_recipe_are_others(monkeypatch):
    before = {key(line) for line in planned(TWO, 5)}
    changed = recipe() | {"augment.rotation": 3.0}
    monkeypatch.setattr(questions, "recipe", lambda: changed)
    assert before.isdisjoint(key(line) for line in planned(TWO, 5))
