"""Headline figures: what each sees, what they are of, and the page they stand on."""

import json
import time
from functools import partial

import jax
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from strokejax.config import default_config, validate
from strokejax.data import splits
from strokejax.data.sets.detexify import FILE as DETEXIFY
from strokejax.data.sets.omniglot import FILE as OMNIGLOT
from strokejax.data.sets.unipen import FILE as UNIPEN
from strokejax.evaluation.few_shot import auroc, auroc_interval
from strokejax.evaluation.figure import Figure
from strokejax.evaluation.scores import calibration_interval, expected_calibration_error
from strokejax.ink.packed import pack, write_packed
from strokejax.ink.synthesis.handwriting import random_writer, scribble, write
from strokejax.networks.functions import split_modalities, to_images
from strokejax.networks.spec import EncoderSpec, build_encoder, build_inference
from strokejax.report import charts
from strokejax.store.model import load_model
from strokejax.tasks.symbols.evaluation.accuracy import rank_in_batches
from strokejax.tasks.symbols.evaluation.job import figures, groups
from strokejax.tasks.symbols.evaluation.validation import (
    PUNCTUATION,
    Validation,
    ablations,
    mask_modalities,
)
from strokejax.tasks.symbols.settings import FIGURES
from strokejax.types import InputError
from tests.networks.test_fused import ink_inputs
from tests.report.test_run import Page
from tests.support import jobs

FUSED = ("shape", "motion", "size")
LETTERS = "abdefghijmnqrty"


# What a network is shown


def test_parts_grow_and_end_with_everything():
    assert ablations(FUSED) == [("shape",), ("motion",), ("shape", "motion"), FUSED]
    assert ablations(("motion", "size")) == [("motion",), ("motion", "size")]
    assert ablations(("shape",)) == [("shape",)]


@pytest.mark.parametrize("view", ablations(FUSED))
def test_what_is_hidden_is_as_if_it_were_not_there(view):
    inputs = ink_inputs(4)
    shown = mask_modalities(inputs, view, FUSED)
    _, size, seen = split_modalities(shown)
    for name in FUSED:
        assert (np.asarray(seen[name]) == (name in view)).all()
    plain = {"points": inputs["points"]}
    plain |= {"size": inputs["size"]} if "size" in view else {}
    np.testing.assert_array_equal(size, split_modalities(plain)[1])
    np.testing.assert_array_equal(to_images(shown), to_images(plain))


def test_a_hidden_part_of_the_network_answers_nothing():
    spec = EncoderSpec(architecture="fused", size=12, margin=1)
    start = jax.jit(build_encoder(spec).init)
    ink, mask = ink_inputs(4, 2), np.ones(2, bool)
    pair = [start(jax.random.key(seed), ink) for seed in (0, 1)]
    (params, state), (others, _) = pair
    encoder = build_inference(spec, params, state, fast=False)[0]
    apply = jax.jit(partial(encoder.apply, train=False))

    def answers(view, *parts):
        weights = params | {part: others[part] for part in parts}
        folded = build_inference(spec, weights, state, fast=False)[1]
        return np.asarray(apply(folded, {}, mask_modalities(ink, view, FUSED), mask)[0])

    for view, part in ((("motion",), "block1"), (("shape",), "motion")):
        np.testing.assert_array_equal(answers(view), answers(view, part))
        assert not np.array_equal(answers(FUSED), answers(FUSED, part))


def test_a_network_that_sees_one_thing_is_shown_what_there_is():
    inputs = ink_inputs(1)
    assert mask_modalities(inputs, ("shape",), ("shape",)) is inputs


# Figures


@given(st.integers(0, 9))
def test_the_intervals_hold_their_figure(seed):
    rng = np.random.default_rng(seed)
    known, novel = rng.normal(1, 1, 200), rng.normal(0, 1, 90)
    sides = rng.integers(0, 12, 200), rng.integers(0, 9, 90)
    low, high = auroc_interval(known, novel, *sides, draws=200)
    assert low < auroc(known, novel) < high
    swapped = auroc_interval(novel, known, *sides[::-1], draws=200)
    assert swapped[0] + high == pytest.approx(1, abs=0.05)
    said = rng.random(300)
    right = rng.random(300) < said**2
    low, high = calibration_interval(said, right, rng.integers(0, 20, 300), draws=200)
    assert low < expected_calibration_error(said, right) < high


def test_groups_that_are_one_leave_no_doubt():
    known, novel = np.arange(9.0), np.arange(3.0, 8.0)
    low, high = auroc_interval(known, novel, np.zeros(9), np.zeros(5))
    assert low == high == auroc(known, novel)


# The job, on files of the real form


def shaky(rng, ink):
    moved = [
        s + np.pad(rng.normal(0, 0.01, (len(s), 2)), ((0, 0), (0, 1)))
        for s in ink.strokes
    ]
    return type(ink)(tuple(moved))


def scribbled(rng, names, groups):
    """`groups` drawings of each name, one a group; inks, names, groups."""
    shapes = {name: scribble(rng) for name in names}
    rows = [(name, group) for name in names for group in groups]
    inks = [shaky(rng, shapes[name]) for name, _ in rows]
    return inks, *(np.array(column) for column in zip(*rows, strict=True))


def held_out(kind, count):
    return sorted(splits.validation_groups(kind))[:count]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    rng, folder = np.random.default_rng(0), tmp_path_factory.mktemp("data")
    hands = [random_writer(rng) for _ in range(2)]
    writers = held_out("writer", 2)
    rows = [(c, w) for c in LETTERS for w in (0, 1) for _ in range(6)]
    write_packed(
        folder / UNIPEN,
        pack([write(c, hands[w], rng) for c, w in rows]),
        label=np.array([c for c, _ in rows]),
        writer=np.array([writers[w] for _, w in rows]),
        relative_size=np.ones(len(rows), np.float32),
    )
    who = [*writers, *(f"new:{i}" for i in range(10))]
    inks, label, writer = scribbled(rng, [",", "?"], who)
    size = np.ones(len(inks), np.float32)
    columns = {"label": label, "writer": writer, "relative_size": size}
    write_packed(folder / PUNCTUATION, pack(inks), **columns)
    inks, label, _ = scribbled(rng, held_out("class", 21), range(12))
    write_packed(folder / DETEXIFY, pack(inks), label=label)
    pictures = rng.random((21, 1, 105, 105)) < rng.random((1, 8, 105, 105)) / 20
    np.savez(
        folder / OMNIGLOT,
        bits=np.packbits(pictures.reshape(21 * 8, -1), axis=1),
        alphabet=np.repeat(held_out("alphabet", 1), 21 * 8),
        character=np.repeat([f"character{i:02}" for i in range(21)], 8),
        drawer=np.tile(np.arange(8), 21),
    )
    return folder


def config_of(folder, **settings):
    config = default_config()
    config.job = "figures"
    config.data.root = str(folder)
    config.figures.update(settings)
    return config


@pytest.fixture(scope="module")
def measured(folder, tmp_path_factory):
    workdir = tmp_path_factory.mktemp("figures")
    line = figures(config_of(folder, episodes=20), workdir, time.time())
    return workdir, line


def test_every_group_is_measured(measured):
    workdir, line = measured
    stored = json.loads((workdir / "figures.json").read_text())["figures"]
    names = [figure["name"] for figure in stored]
    for part in (
        "top-1, shape",
        "own samples, 5 a class",
        "2 marks on top, 10 shots: old lose",
        "one alphabet, 20 ways, 1 shot",
        "random 20 ways, 10 shots",
        "random 21 ways (all there are, 200 asked), 5 shots",
        "10 classes taken out, AUROC",
        "unseen symbols, let in at 1 in 200",
        "calibration error",
        "one recognition, ink to names",
        "parameters",
    ):
        assert part in names, part
    assert len(stored) == len(line["metrics"])
    for figure in stored:
        low, high = figure["interval95"] or (figure["value"],) * 2
        assert low <= figure["value"] + 1e-9 and figure["value"] <= high + 1e-9
        assert figure["n"] > 0


def test_the_figures_are_those_of_the_model(measured, folder):
    _, line = measured
    found = Validation(load_model("nn-sampling"), folder)
    truth = np.array(found.letters.symbols)[found.letters.labels]
    answers = found.model.ranked(dict(found.letters.inputs), 5)
    named = found.model.names(answers.slot)
    assert (
        line["metrics"]["UNIPEN: top-1, shape + motion + size"]
        == (named[:, 0] == truth).mean()
    )
    again = rank_in_batches(found.model, found.letter_embeddings.z, 5)
    np.testing.assert_array_equal(again.slot, answers.slot)
    np.testing.assert_allclose(again.probability, answers.probability, atol=1e-6)
    assert line["metrics"]["parameters"] == pytest.approx(0.642, abs=1e-3)


def test_the_page_has_a_bar_for_every_interval(measured):
    workdir, _ = measured
    page = Page((workdir / "report.html").read_text("utf-8"))
    assert not page.having("script")
    assert len(page.having("section")) == len(FIGURES) + 1
    stored = json.loads((workdir / "figures.json").read_text())["figures"]
    shares = [figure for figure in stored if not figure["unit"]]
    assert len(page.having("circle")) == len(shares)
    targets = [figure for figure in shares if figure["target"] is not None]
    assert len(page.having("path", **{"class": "ideal"})) == len(targets)
    # The file of the release before had the key `asked`.
    assert all(figure["asked"] == figure["target"] for figure in stored)


def test_a_bar_lies_around_its_dot_and_names_are_escaped():
    row = Figure("<b>", 0.5, (0.4, 0.7), 9, "", 0.6)
    drawn = charts.interval_bars("title", [row])
    page = Page(drawn)
    assert "<b>" not in drawn.replace("</b>", "")
    (band,) = page.having("path", **{"class": "band"})
    (dot,) = page.having("circle")
    left = float(band["d"][1:].split()[0])
    right = float(band["d"].split("H")[1].split("V")[0])
    assert left < float(dot["cx"]) < right
    assert (right - float(dot["cx"])) == pytest.approx(
        2 * (float(dot["cx"]) - left), abs=0.3
    )


# Settings


def test_the_groups_are_those_of_the_config(tmp_path):
    assert tuple(name for name, *_ in groups(tmp_path, 1, ())) == FIGURES


def test_some_are_measured_where_only_some_are_asked(folder, tmp_path, capsys):
    config = config_of(folder, only="cost, unipen", episodes=5)
    line = figures(config, tmp_path / "run", time.time())
    assert len(line["metrics"]) == 3 * len(ablations(FUSED)) + 3
    out, err = capsys.readouterr()
    assert out.count("\n") == len(line["metrics"]) + 1
    assert "unipen: " in err and "personal" not in err
    other = config_of(folder, only="cost", episodes=5)
    with pytest.raises(InputError, match=r"figures\.only"):
        figures(other, tmp_path / "run", time.time())


def test_unknown_groups_are_told():
    with pytest.raises(InputError, match=r"figures.only has 'unipenn'; choose some"):
        validate(config_of("", only="unipenn"))


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"model.init": "none"}, "no weights to measure"),
        ({"mode": "argmax"}, "class head"),
        ({"figures.lake": "/no/such.zip"}, "no/such.zip"),
    ],
)
def test_what_cannot_be_measured_is_told_first(folder, tmp_path, settings, words):
    config = config_of(folder)
    config.update_from_flattened_dict(settings)
    with pytest.raises(InputError, match=words):
        figures(config, tmp_path / "run", time.time())
    assert not (tmp_path / "run").exists()


def test_without_data_the_command_ends_with_a_sentence(
    shared_cache, tmp_path, monkeypatch
):
    monkeypatch.delenv("STROKEJAX_DATA", raising=False)
    command = ("--config=configs/figures.py", f"--workdir={tmp_path}/run")
    _, err = jobs.run(shared_cache, *command, code=2)
    assert err.startswith("strokejax: STROKEJAX_DATA is not set")
    assert err.count("\n") == 1
