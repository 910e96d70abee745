"""Jobs as a user starts them: what they print, how they end, how they resume."""

import json
import signal
import time
from pathlib import Path

import numpy as np
import pytest
from orbax.checkpoint import v1 as ocp

from strokejax.train.logging import read_jsonl
from tests.support import jobs

LINE = {
    "job",
    "workdir",
    "report",
    "checkpoint",
    "model",
    "steps",
    "seconds",
    "metrics",
}


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("compiled")


@pytest.fixture(scope="module")
def finished(cache, tmp_path_factory):
    workdir = tmp_path_factory.mktemp("finished") / "run"
    line, err = jobs.run(cache, *jobs.SMALL, f"--workdir={workdir}")
    return workdir, line, err


def last_state(workdir: Path):
    """The arrays of the newest checkpoint, by path."""
    import jax

    newest = max((workdir / "checkpoints/last").iterdir(), key=lambda p: int(p.name))
    leaves = jax.tree_util.tree_leaves_with_path(ocp.load(newest))
    return {jax.tree_util.keystr(path): np.asarray(leaf) for path, leaf in leaves}


def assert_same_run(workdir: Path, other: Path):
    ours, theirs = last_state(workdir), last_state(other)
    assert ours.keys() == theirs.keys()
    for name, leaf in ours.items():
        np.testing.assert_array_equal(leaf, theirs[name], err_msg=name)
    losses = [
        [
            (row["step"], row["loss"])
            for row in read_jsonl(path / "metrics.jsonl")
            if "loss" in row
        ]
        for path in (workdir, other)
    ]
    assert losses[0] == losses[1]


def test_a_job_ends_with_one_line_a_report_and_a_model(finished):
    workdir, line, err = finished
    assert line.keys() == LINE
    assert line["steps"] == 12
    assert {"n", "top1", "top3", "top5", "interval95"} <= line["metrics"].keys()
    assert "<html" in Path(line["report"]).read_text()
    assert (Path(line["model"]) / "CURRENT").exists()
    assert "315,120" in err
    assert "synthetic/train: 126 samples" in err
    rows = read_jsonl(workdir / "metrics.jsonl")
    assert [row["step"] for row in rows if "loss" in row] == list(range(1, 13))
    assert all(row["learning_rate"] >= 0 for row in rows if "loss" in row)
    assert [row["epoch"] for row in rows if "valid_top1" in row] == [1, 2, 3, 4]


def test_a_finished_run_is_not_trained_again(finished, cache):
    workdir, line, _ = finished
    again, err = jobs.run(cache, *jobs.SMALL, f"--workdir={workdir}")
    assert "after step 12 of 12" in err
    assert again["metrics"] == line["metrics"]


def test_a_changed_config_is_refused(finished, cache):
    workdir, _, _ = finished
    arguments = (*jobs.SMALL, f"--workdir={workdir}", "--config.seed=1")
    _, err = jobs.run(cache, *arguments, code=2)
    assert "config.seed=0" in err
    assert "--workdir" in err
    assert "Traceback" not in err


# The test compares arrays on one machine: any sharding will do.
@pytest.mark.filterwarnings("ignore:Sharding info not provided")
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_a_stopped_run_ends_as_if_never_stopped(how, finished, cache, tmp_path):
    workdir = tmp_path / "run"
    arguments = (*jobs.SMALL, f"--workdir={workdir}")
    process = jobs.start(cache, *arguments)
    deadline = time.monotonic() + 240
    while time.monotonic() < deadline and process.poll() is None:
        rows = read_jsonl(workdir / "metrics.jsonl")
        if rows and rows[-1]["step"] >= 4:
            break
        time.sleep(0.01)
    process.send_signal(how)
    _, err = process.communicate(timeout=120)
    if how == signal.SIGTERM:
        assert process.returncode == 143, err
        assert "resume" in err
    _, err = jobs.run(cache, *arguments)
    assert "Resuming after step" in err
    assert_same_run(workdir, finished[0])


def test_both_heads_train_and_answer(cache, tmp_path):
    from strokejax.recognizer import load

    line, _ = jobs.run(
        cache,
        *jobs.SMALL,
        f"--workdir={tmp_path}/run",
        "--config.mode=argmax",
        "--config.loop.epochs=1",
        "--config.optim.train=block3_head",
        "--config.loss.class_weights=True",
        "--config.model.norm=group",
    )
    model = load(line["model"])
    assert model.mode == "argmax"
    answer = model.recognize(np.eye(30), 3)
    assert answer.dist2 is None
    assert len(answer.symbols) == 3


def test_overfitting_one_batch_learns_it_and_zero_inputs_learn_nothing(cache, tmp_path):
    common = (
        *jobs.SMALL,
        "--config.optim.learning_rate=3e-3",
        "--config.optim.warmup=0",
    )
    overfit, _ = jobs.run(
        cache,
        *common,
        # The network that is trained by default; what is not optimised has no NaN.
        "--config.model.name=fused",
        f"--workdir={tmp_path}/a",
        "--config.loop.epochs=30",
        "--config.sanity=overfit_one_batch",
        "--config.loop.statistics=1",
        "--config.loop.checkpoint_every=100",
        "--config.model.dropout=0.0",
        "--config.model.channel_dropout=0.0",
    )
    zero, _ = jobs.run(
        cache,
        *common,
        f"--workdir={tmp_path}/b",
        "--config.sanity=zero_inputs",
    )
    assert overfit["metrics"]["top1"] > 0.95
    assert zero["metrics"]["top1"] < 0.1


BAD = {
    "--config.optim.learning_rate=abc": "learning_rate",
    "--config.optim.learning_rat=1e-3": "did you mean config.optim.learning_rate",
    "--config.optim.learning_rate=-1": "0 to 10",
    "--config.data.name=unipenn": "did you mean 'unipen'",
    "--config.data.name=scribble": "data.root",
    "--config.model.init=/no/such/model": "no model at",
    "--config.log.profile=soon": "FIRST:LAST",
    "--config=configs/nothing.py": "nothing.py",
    "--config=configs/pretrain.py:none": "cannot be loaded: there is no recipe 'none'",
    "--config.data.root=/no/such/folder --config.data.name=unipen": "no/such",
    "stray": "stray",
    "--no_such_flag=1": "no_such_flag",
    "": "--config=configs/finetune.py",
}


def test_bad_settings_are_one_sentence(cache, tmp_path):
    started = {}
    for i, arguments in enumerate(BAD):
        first = () if "=configs" in arguments or not arguments else jobs.SMALL[:1]
        extra = (*first, f"--workdir={tmp_path}/{i}", *arguments.split())
        started[arguments] = jobs.start(cache, *extra)
    for arguments, process in started.items():
        out, err = process.communicate(timeout=300)
        assert process.returncode == 2, (arguments, err)
        assert not out
        assert "Traceback" not in err
        sentence = err.strip().splitlines()[-1]
        assert sentence.startswith("strokejax: "), (arguments, err)
        assert BAD[arguments] in sentence, (arguments, sentence)


def test_traces_are_written_on_request(cache, tmp_path):
    jobs.run(
        cache,
        *jobs.SMALL,
        f"--workdir={tmp_path}/run",
        "--config.log.profile=2:3",
        "--config.log.tensorboard=True",
    )
    assert list((tmp_path / "run/trace").rglob("*.xplane.pb"))
    assert list((tmp_path / "run/tensorboard").glob("events*"))


def test_the_config_of_a_run_is_kept(finished):
    config = json.loads((finished[0] / "config.json").read_text())
    assert config["data"]["writers"] == 2
