"""What is measured of online learning: nobody is asked what they showed."""

import json
import re
import tempfile
from contextlib import closing
from pathlib import Path

import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ml_collections import ConfigDict

from strokejax.cli import main
from strokejax.ink.formats import write_json
from strokejax.ink.packed import pack, write_packed
from strokejax.ink.synthesis.handwriting import scribble
from strokejax.recognizer import from_stored
from strokejax.registration import registry
from strokejax.registration.samples import SampleStore
from strokejax.store.model import load_model, save_model
from strokejax.store.paths import resolve
from strokejax.table.symbols import STROKES
from strokejax.table.table import unit
from strokejax.tasks.symbols.evaluation.incremental import (
    LabelledEmbeddings,
    on_top,
    open_set,
    personal,
    without_unnamed,
)
from strokejax.tasks.symbols.register_job import fresh_state
from strokejax.train.checkpoint import BEST, Checkpoints
from strokejax.types import InputError
from tests.support import jobs
from tests.support.shapes import shapes

DIM = 128
NAME = "<b>heart</b>"


@pytest.fixture(scope="module")
def model():
    return load_model("nn-sampling")


def clusters(rng, names, writers, each, noise=0.25):
    """Drawings of symbols as clusters on the sphere, some by every writer."""
    means = {name: unit(rng.normal(size=DIM)) for name in names}
    rows = [(n, w) for n in names for w in range(writers) for _ in range(each)]
    z = [unit(means[n] + noise * rng.normal(size=DIM) / np.sqrt(DIM)) for n, _ in rows]
    truth, groups = zip(*((n, f"writer {w}") for n, w in rows), strict=True)
    return LabelledEmbeddings(
        np.array(z, np.float32), np.array(truth), np.array(groups)
    )


def known(model, per_symbol=4):
    """The model's own calibration as drawings of its symbols."""
    label = model.calibration.label
    kept = np.concatenate([np.flatnonzero(label == c)[:per_symbol] for c in range(63)])
    names = np.array(STROKES)[label[kept]]
    groups = np.array([f"writer {i % 3}" for i in range(len(kept))])
    return LabelledEmbeddings(model.calibration.z[kept], names, groups)


@pytest.mark.parametrize("method", ["sgd", "mean"])
def test_symbols_far_from_the_others_are_learned_and_cost_nothing(model, rng, method):
    new = clusters(rng, ["heart", "star"], writers=4, each=5)
    shown = np.isin(new.groups, ["writer 0", "writer 1"])
    found = on_top(model, new, known(model), shown, 5, method=method, count=2)
    assert found["new"] == 1.0
    assert found["old_after"] >= found["old_before"] - 0.01
    assert found["n"] == (~shown).sum()
    assert found["ways"] == 65


def test_a_twin_is_named_as_the_twin_it_is_taken_for(model, rng):
    own = model.calibration.z[model.calibration.label == STROKES.index("v")]
    z = unit(own + 0.002 * rng.normal(size=own.shape)).astype(np.float32)
    groups = np.where(np.arange(len(z)) % 2, "a", "b")
    new = LabelledEmbeddings(z, np.full(len(z), "check"), groups)
    found = on_top(model, new, known(model), groups == "a", 5, count=1)
    assert found["new"] < 0.6
    assert found["hardest"][0]["taken_for"] in "vV"


def test_too_few_shots_are_told(model, rng):
    new = clusters(rng, ["heart"], writers=2, each=3)
    with pytest.raises(InputError, match="fewer than 5 drawings"):
        on_top(model, new, known(model), new.groups == "writer 0", 5)


@given(st.integers(0, 3))
def test_a_writers_queries_are_never_shots(seed):
    model = load_model("nn-sampling")
    rng = np.random.default_rng(seed)
    drawn = clusters(rng, ["a", "b", "c"], writers=2, each=4)
    found = personal(model, drawn, 3, seed=seed)
    assert found["n"] == 2 * 3 * 1
    assert found["accuracy"] == 1.0
    assert found["before"] < 1.0


@given(st.integers(0, 2**31), st.sampled_from(["sgd", "mean"]))
@settings(max_examples=5)
def test_registered_symbols_change_no_evaluation_that_does_not_name_them(seed, method):
    """Neither a new symbol nor drawings of a trained one, in any order."""
    rng = np.random.default_rng(seed)
    drawn = clusters(rng, ["a", "b", "c"], writers=2, each=4)
    new = clusters(rng, ["tree"], writers=4, each=5)
    model = load_model("nn-sampling")
    arguments = new, known(model), np.isin(new.groups, ["writer 0"]), 2
    with tempfile.TemporaryDirectory() as folder:
        folder = save_model(Path(folder) / "model", model)
        for name in rng.permutation(["heart", "d", "house"]):
            inks = shapes("heart", int(rng.integers(1, 5)), int(rng.integers(1000)))
            registry.register(folder, name, inks, method=method, force=True)
        changed, store = load_model(folder), SampleStore(folder)
        as_before = without_unnamed(changed, ["a", "b", "c"])
        assert personal(as_before, drawn, 2, store=store) == personal(model, drawn, 2)
        found = on_top(as_before, *arguments, count=2, store=store)
        assert found == on_top(model, *arguments, count=2)


def test_registered_symbols_that_are_named_take_part(own_home):
    """Their stored embeddings are read, whatever the rows of the evaluated data."""
    inks = shapes("heart", 6, 3)
    registry.register(None, "heart", inks, force=True)
    stored, store = load_model(None), SampleStore(resolve(None))
    z = from_stored(stored, fast=False).embed_many(inks[:3])
    drawn = LabelledEmbeddings(z, np.full(3, "heart"), np.full(3, "writer"))
    found = personal(stored, drawn, 1, store=store)
    assert (found["n"], found["accuracy"], found["before"]) == (2, 1.0, 1.0)


def test_what_is_taken_out_is_strange(model):
    old = known(model, 12)
    found = open_set(model, old, {0.05: 0.0, 0.5: 2.0}, count=4)
    assert found["auroc"] > 0.9
    assert 0 <= found["fpr95"] <= 0.5
    assert found["kept_at"]["0.05"] <= found["kept_at"]["0.5"]
    promised = found["promised"]
    assert promised["0.05"]["kept"] < promised["0.5"]["kept"]
    assert found["interval95"][0] <= found["auroc"] <= found["interval95"][1]


# Commands


def packed(path, rng, names, writers=4, each=3):
    shapes = {name: scribble(rng).strokes for name in names}
    inks, label, writer = [], [], []
    for name in names:
        for w in range(writers):
            for _ in range(each):
                moved = [
                    s + np.pad(rng.normal(0, 0.01, (len(s), 2)), ((0, 0), (0, 1)))
                    for s in shapes[name]
                ]
                inks.append(type(scribble(rng))(tuple(moved)))
                label.append(name)
                writer.append(f"w{w}")
    write_packed(path, pack(inks), label=label, writer=writer)
    return str(path)


def evaluated(capsys, *arguments):
    assert main(["evaluate", *arguments, "--json"]) == 0
    out = capsys.readouterr().out
    assert out.count("\n") == 1
    return json.loads(out)


def test_the_command_measures_what_its_options_ask(tmp_path, rng, capsys):
    file = packed(tmp_path / "new.npz", rng, ["x1", "x2", "x3", "x4"])
    few = evaluated(capsys, file, "--shots", "1,3", "--ways", "3", "--episodes", "20")
    assert [row["k"] for row in few["shots"]] == [1, 3]
    assert few["shots"][1]["accuracy"] > 0.8
    wanted = {"k", "ways", "episodes", "n", "accuracy", "interval95"}
    assert set(few["shots"][0]) == wanted
    (top,) = evaluated(capsys, file, "--shots", "2", "--on-top")["shots"]
    assert wanted | {"new", "old_before", "old_after"} <= set(top)
    assert top["ways"] == 67


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--on-top"], "add --shots"),
        (["--shots", "1", "--on-top", "--within", "writer"], "choose one"),
        (["--shots", "1", "--ways", "1"], "--ways: 1 is out of range"),
        (["--shots", "1", "--within", "alphabet"], "no alphabet"),
        (["--shots", "1", "--ways", "9"], "fewer ways"),
        (["--shots", "50"], "too few"),
        (["--open-set", "10"], "cannot be drawn|no part"),
    ],
)
def test_what_cannot_be_measured_is_told(tmp_path, rng, capsys, options, sentence):
    file = packed(tmp_path / "new.npz", rng, ["x1", "x2", "x3"], each=1)
    assert main(["evaluate", file, *options]) == 2
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert re.search(sentence, err)


# The job


def test_a_run_learns_a_symbol_and_its_encoder_stays(
    shared_cache, one_device, tmp_path, rng
):
    for i in range(3):
        write_json(tmp_path / f"drawings/{i}.json", scribble(rng))
    workdir = tmp_path / "run"
    arguments = (
        "--config=configs/register.py",
        f"--config.model.init={one_device}",
        f"--config.symbol.name={NAME}",
        f"--config.symbol.samples={tmp_path / 'drawings'}",
        "--config.symbol.force=True",
        "--config.symbol.ignore=direction",
        "--config.symbol.usual_size=30",  # the former name of reference_size
        f"--workdir={workdir}",
    )
    line, _ = jobs.run(shared_cache, *arguments)
    assert line["metrics"]["symbol"] == NAME
    assert NAME not in (workdir / "report.html").read_text()
    assert line["metrics"]["samples"] == 3
    models = [load_model(folder) for folder in (one_device, workdir)]
    assert [each.variant for each in models[1].samples] == ["", "backwards"] * 3
    slot = models[1].symbols.slot(NAME)
    assert slot is not None
    assert models[0].symbols.slot(NAME) is None
    states = [
        best_state(*each) for each in zip((one_device, workdir), models, strict=True)
    ]
    for name in ("encoder", "model_state", "table"):
        before, after = (part(state, name) for state in states)
        assert (before != after) == (name == "table")
    rows = [np.asarray(state.params["table"]["embeddings"]) for state in states]
    moved = np.flatnonzero((rows[0] != rows[1]).any(1))
    assert moved.tolist() == [slot]
    assert int(states[0].step) == int(states[1].step) == line["steps"]


def best_state(folder, stored):
    config = ConfigDict(json.loads((folder / "config.json").read_text()))
    with closing(Checkpoints(folder)) as checkpoints:
        found = checkpoints.restore(BEST, fresh_state(config, stored))
    assert found is not None
    return found.state


def part(state, name):
    tree = state.model_state if name == "model_state" else state.params[name]
    return [np.asarray(leaf).tobytes() for leaf in jax.tree.leaves(tree)]
