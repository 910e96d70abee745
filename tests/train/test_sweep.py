"""Sweeps: what is tried, what is kept, and how a stopped one goes on."""

import json
import signal
import sys
import time
from itertools import count
from types import SimpleNamespace

import numpy as np
import pytest

from strokejax.config import default_config, validate
from strokejax.settings import span
from strokejax.tasks.symbols.job import prepare
from strokejax.train.logging import JsonLines, read_jsonl
from strokejax.train.loop import Stopped
from strokejax.train.sweep import best_first
from strokejax.types import InputError
from tests.support import jobs

why = "optuna is missing: pip install 'strokejax[sweep]'"
pytest.importorskip("optuna", reason=why)

from strokejax.train import sweep as module  # noqa: E402

TRIALS = 12
"""More than TPE's first ten, which are random."""
SETTINGS = (
    "embed_dim",
    "channels",
    "learning_rate",
    "weight_decay",
    "augment",
    "loss",
)


def settings(**changes):
    config = default_config()
    config.job = "sweep"
    config.sweep.trials = TRIALS
    config.update_from_flattened_dict({f"sweep.{k}": v for k, v in changes.items()})
    return config


def score_of(config):
    """The best are broad and proxy-trained."""
    rate = np.log10(config.optim.learning_rate)
    return 0.8 - 0.1 * abs(rate + 2.5) - 0.1 * (config.loss.name != "proxy")


@pytest.fixture
def fits(monkeypatch):
    """Trainings that take no time; the list of their configs."""
    seen = []

    def fit(config, folder, prepare):
        assert not folder.exists()
        seen.append(config)
        folder.mkdir()
        writer = JsonLines(folder / "metrics.jsonl")
        writer.write(5, {"valid_top1": 0.1})
        writer.write(9, {"valid_top1": score_of(config)})
        job = SimpleNamespace(params={"encoder": {"out": np.zeros((3, 4))}})
        return module.Trained(job, None, None, 9)  # type: ignore[arg-type]

    monkeypatch.setattr(module, "fit", fit)
    return seen


def tried(workdir):
    """Scores and settings of the finished trials."""
    rows = read_jsonl(workdir / "trials.jsonl")
    assert [row["trial"] for row in rows] == list(range(1, len(rows) + 1))
    return [{name: row[name] for name in ("score", *SETTINGS)} for row in rows]


@pytest.fixture
def uninterrupted(fits, tmp_path):
    workdir = tmp_path / "whole"
    module.sweep(settings(), workdir, time.time(), prepare)
    fits.clear()
    return tried(workdir)


def test_a_sweep_keeps_its_scores_and_nothing_else(fits, tmp_path, capsys):
    workdir = tmp_path / "run"
    line = module.sweep(settings(), workdir, time.time(), prepare)
    assert len(fits) == TRIALS
    assert {path.name for path in workdir.iterdir()} == {
        "config.json",
        "journal.log",
        "report.html",
        "trials.jsonl",
    }
    rows = tried(workdir)
    best = max(rows, key=lambda row: row["score"])
    assert line["metrics"]["best"].items() >= best.items()
    assert line["metrics"]["best"]["parameters"] == 12
    assert json.loads(json.dumps(line)) == line
    page = (workdir / "report.html").read_text()
    for section in ("Score by trial", "Score against each setting", "What mattered"):
        assert section in page
    assert f"{100 * best['score']:.1f} %" in page
    assert page.count("<circle") >= 5 * TRIALS
    table = capsys.readouterr().err.splitlines()
    assert table[-2].split()[1] == f"{min(row['score'] for row in rows):.4f}"


def test_trials_stay_within_their_spans_and_their_configs_are_valid(fits, tmp_path):
    config = settings(augment="0:4", losses="proxy,triplet")
    module.sweep(config, tmp_path / "run", time.time(), prepare)
    for row in tried(tmp_path / "run"):
        for name in SETTINGS[:-1]:
            low, high = span(config, name)
            assert low <= row[name] <= high
    assert {each.loss.name for each in fits} == {"proxy", "triplet"}
    assert len({each.optim.learning_rate for each in fits}) == TRIALS
    for each in fits:
        validate(each)
        assert each.job == "pretrain"
        assert each.loop.steps == config.sweep.examples // each.loop.batch_size
        ratio = each.augment.rotation / config.augment.rotation
        assert each.augment.shear == pytest.approx(ratio * config.augment.shear)
        wide = each.augment.width_high - each.augment.width_low
        assert wide <= 4.001 * ratio


def test_later_trials_learn_from_earlier_ones(uninterrupted):
    # The first ten are drawn evenly; the two that follow lean towards the best.
    assert len({row["loss"] for row in uninterrupted[:10]}) > 2
    assert len(uninterrupted) == TRIALS


@pytest.mark.parametrize("stop", [KeyboardInterrupt, Stopped])
def test_a_stopped_sweep_goes_on_as_if_never_stopped(
    stop, uninterrupted, fits, tmp_path, monkeypatch
):
    workdir, quick, calls = tmp_path / "run", module.fit, count(1)

    def stopped_once(config, folder, prepare):
        if next(calls) == 11:
            folder.mkdir()
            raise stop("halfway")
        return quick(config, folder, prepare)

    monkeypatch.setattr(module, "fit", stopped_once)
    with pytest.raises(Stopped, match="trial 11 of 12"):
        module.sweep(settings(), workdir, time.time(), prepare)
    assert not (workdir / "trial").exists()
    assert tried(workdir) == uninterrupted[:10]
    module.sweep(settings(), workdir, time.time(), prepare)
    assert tried(workdir) == uninterrupted
    assert len(fits) == TRIALS


def test_what_a_killed_process_leaves_is_mended(uninterrupted, fits, tmp_path):
    import optuna

    workdir, config = tmp_path / "run", settings(trials=10)
    module.sweep(config, workdir, time.time(), prepare)
    config.sweep.trials = TRIALS
    (workdir / "config.json").write_text(config.to_json())
    study = module._study(optuna, workdir / "journal.log")
    study.ask().suggest_float("channels", 0.5, 1.5)
    with (workdir / "journal.log").open("ab") as journal:
        journal.write(b'{"op_code": 5, "wor')
    (workdir / "trial" / "checkpoints").mkdir(parents=True)
    module.sweep(config, workdir, time.time(), prepare)
    assert tried(workdir) == uninterrupted
    assert not (workdir / "trial").exists()


def test_a_finished_sweep_is_not_run_again(fits, tmp_path):
    line = module.sweep(settings(), tmp_path / "run", time.time(), prepare)
    again = module.sweep(settings(), tmp_path / "run", time.time(), prepare)
    assert again["metrics"] == line["metrics"]
    assert len(fits) == TRIALS
    with pytest.raises(InputError, match=r"config\.sweep\.score="):
        module.sweep(settings(score="one_shot"), tmp_path / "run", time.time(), prepare)


def test_a_finished_sweep_can_be_lengthened(uninterrupted, fits, tmp_path):
    workdir = tmp_path / "run"
    module.sweep(settings(trials=10), workdir, time.time(), prepare)
    line = module.sweep(settings(), workdir, time.time(), prepare)
    assert line["metrics"]["trials"] == TRIALS == len(fits)
    assert tried(workdir) == uninterrupted
    kept = json.loads((workdir / "config.json").read_text())
    assert kept["sweep"]["trials"] == TRIALS


def test_one_shot_scores_are_those_of_episodes():
    labels = np.repeat(np.arange(5), 12)
    held_out = SimpleNamespace(labels=labels, groups=np.arange(60) % 4)
    scoring = SimpleNamespace(
        inference_state=lambda state: state,
        predict=lambda state, dataset: SimpleNamespace(out=np.eye(5)[labels]),
        held_out=held_out,
    )
    job = SimpleNamespace()
    trained = module.Trained(job, scoring, None, 1)  # type: ignore[arg-type]
    assert module._score(settings(score="one_shot"), trained, None) == 1.0


def test_equals_stay_in_their_order():
    rows = [{"trial": i, "score": s} for i, s in enumerate((0.1, 0.3, 0.3), start=1)]
    assert [row["trial"] for row in best_first(rows)] == [2, 3, 1]


def test_without_optuna_one_sentence_says_how_to_get_it(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(InputError, match=r"pip install 'strokejax\[sweep\]'\.$"):
        module.sweep(settings(), tmp_path / "run", time.time(), prepare)
    assert not (tmp_path / "run").exists()


SMALL = (
    "--config=configs/sweep.py",
    *jobs.SMALL[1:],
    "--config.data.name=synthetic",
    "--config.sweep.trials=1",
    "--config.sweep.examples=64",
    "--config.sweep.embed_dim=8",
    "--config.sweep.channels=0.25",
    "--config.sweep.losses=triplet",
    "--config.loss.classes_per_batch=8",
)


def test_a_killed_sweep_goes_on(shared_cache, tmp_path):
    workdir = tmp_path / "run"
    arguments = (*SMALL, f"--workdir={workdir}")
    process = jobs.start(shared_cache, *arguments)
    deadline = time.monotonic() + 240
    while time.monotonic() < deadline and not (workdir / "trial").exists():
        assert process.poll() is None, process.communicate()[1]
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=60)
    assert (workdir / "trial").exists()
    line, err = jobs.run(shared_cache, *arguments)
    (row,) = read_jsonl(workdir / "trials.jsonl")
    assert line["metrics"]["trials"] == 1
    assert line["metrics"]["best"] == row
    assert 0 <= row["score"] <= 1
    assert "Trial 1 of 1" in err
    assert not (workdir / "trial").exists()
