"""What the version before has written opens in this one; see `tests/data_before`."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file

from strokejax.cli import main
from strokejax.config import FIELDS
from strokejax.registration.exchange import import_symbols
from strokejax.registration.registry import drawings
from strokejax.settings import FORMER_NAMES
from strokejax.store.model import load_model, load_version, versions
from strokejax.train.logging import read_jsonl
from strokejax.types import Ink
from tests.support import jobs

BEFORE = Path(__file__).parents[1] / "data_before"
RECORDED = json.loads((BEFORE / "recorded.json").read_text(encoding="utf-8"))
SAID = RECORDED["model"]
SLOTS = ("sums", "counts", "active", "owner", "offset", "reach", "spread")
"""The parts of the slots in order, as they are called in older files."""
TOLERANCE = 1e-5


@pytest.fixture
def model(tmp_path) -> Path:
    """A copy of the stored model."""
    return unpacked("model", tmp_path)


@pytest.fixture
def ask(model, capsys):
    """What a command prints as JSON of the copy."""

    def ask(*arguments: Any) -> dict[str, Any]:
        shared = ("--model", model, "--json")
        assert main([*map(str, arguments), *map(str, shared)]) == 0
        return json.loads(capsys.readouterr().out)

    return ask


def unpacked(name: str, folder: Path) -> Path:
    """A fixture's folder, to be changed."""
    archive = BEFORE / f"{name}.tar.xz"
    shutil.unpack_archive(archive, folder / name, filter="data")
    return folder / name


def drawn(folder: Path, inks: list[Any]) -> list[Path]:
    """Files of drawings."""
    paths = [folder / f"drawing{i}.json" for i in range(len(inks))]
    for path, strokes in zip(paths, inks, strict=True):
        path.write_text(json.dumps({"strokes": strokes}))
    return paths


def assert_holds(ours: list[dict[str, Any]], theirs: list[dict[str, Any]]) -> None:
    """As many rows, with the fields of the older ones at least, and their values."""
    for row, older in zip(ours, theirs, strict=True):
        assert row | older == row


def fields(value: Any, name: str = "") -> Iterator[str]:
    """Names of all fields in JSON, with those they are in before them."""
    if isinstance(value, dict):
        for key, part in value.items():
            yield f"{name}.{key}"
            yield from fields(part, f"{name}.{key}")
    if isinstance(value, list):
        for part in value:
            yield from fields(part, f"{name}[]")


# A stored model


def test_every_version_opens_with_its_symbols_and_slots(model):
    known = list(versions(model))
    assert [number for number, _ in known] == list(range(1, 11))
    for number, path in known:
        stored, tensors = load_version(path), load_file(path)
        assert stored.version == number
        for part, name in zip(stored.slots[: len(SLOTS)], SLOTS, strict=True):
            np.testing.assert_array_equal(part, tensors[f"slots/{name}"])
        rows = stored.table["embeddings"]
        np.testing.assert_array_equal(rows, tensors["table/embeddings"])
        np.testing.assert_array_equal(stored.origin, tensors["origin"])


def test_symbols_aliases_texts_and_history_are_the_same(ask):
    found = ask("symbols", "list")
    assert found["version"] == SAID["list"]["version"]
    assert_holds(found["symbols"], SAID["list"]["symbols"])
    found = ask("symbols", "history")
    assert_holds(found["history"], SAID["history"]["history"])


def test_drawings_are_kept_as_ink_and_as_pictures(model):
    found = [drawing for _, drawing in drawings(model, "luv")]
    assert len(found) == 3
    assert all(isinstance(each, Ink) for each in found)
    ((_, picture),) = drawings(model, "house")
    assert picture.dtype == np.uint8


@pytest.mark.parametrize(
    ("said", "options"),
    [("recognize", ["-k", "4"]), ("fewer", ["--false-accepts", "1/20"])],
)
def test_answers_are_the_same(tmp_path, ask, said, options):
    files = drawn(tmp_path, SAID["queries"])
    found = ask("recognize", *files, *options)["results"]
    for ours, theirs in zip(found, SAID[said]["results"], strict=True):
        for name in ("symbols", "inputs", "unknown"):
            assert ours[name] == theirs[name]
        for name in ("dist2", "probability"):
            np.testing.assert_allclose(ours[name], theirs[name], atol=TOLERANCE)


def test_a_change_is_made_and_undone_past_older_ones(tmp_path, ask):
    files = drawn(tmp_path, SAID["star"])
    found = ask("register", "star", *files, "--force")
    assert found["version"] == SAID["register"]["version"]
    assert found["samples"] == len(files)
    for theirs in SAID["undone"]:
        ours = ask("symbols", "undo")
        assert ours["version"] == theirs["version"]
        for name in ("verb", "symbol"):
            assert ours["undone"][name] == theirs["undone"][name]
    found, theirs = ask("symbols", "list"), SAID["list after undo"]
    assert found["version"] == theirs["version"]
    assert_holds(found["symbols"], theirs["symbols"])


# Fields of JSON


def test_no_field_of_json_has_gone(tmp_path, ask):
    queries, star = tmp_path / "queries", tmp_path / "star"
    for folder in (queries, star):
        folder.mkdir()
    asked = {
        "recognize": ("recognize", *drawn(queries, SAID["queries"])),
        "list": ("symbols", "list"),
        "history": ("symbols", "history"),
        "register": ("register", "star", *drawn(star, SAID["star"]), "--force"),
    }
    for name, arguments in asked.items():
        gone = {*fields(SAID[name])} - {*fields(ask(*arguments))}
        assert not gone, name


# A pack of symbols


def test_a_pack_is_imported_into_the_own_model():
    found = import_symbols(None, BEFORE / "symbols.pack", force=True)
    counts = {each["symbol"]: each["samples"] for each in found["symbols"]}
    assert counts == {"love": 3, "arrow": 2, "house": 1, "a": 1}
    assert len(drawings(None, "love")) == 3
    stored = load_model(None)
    assert {"", "backwards"} == {
        each.variant for each in stored.samples if each.symbol == "love"
    }
    again = import_symbols(None, BEFORE / "symbols.pack", force=True)
    assert again["symbols"] == []


# A run and its settings


def test_a_run_goes_on_as_if_never_stopped(shared_cache, tmp_path):
    run, said = unpacked("run", tmp_path), RECORDED["run"]
    line, err = jobs.run(shared_cache, *said["arguments"], f"--workdir={run}")
    assert f"Resuming after step {said['step']} of {said['steps']}" in err
    assert line["steps"] == said["steps"]
    losses = {str(step): loss for step, loss in jobs.losses(run).items()}
    assert losses == pytest.approx(said["losses"], rel=1e-4)
    assert said["metrics"].keys() <= line["metrics"].keys()
    assert line["metrics"]["n"] == said["metrics"]["n"]
    rows = read_jsonl(run / "metrics.jsonl")
    assert [row["step"] for row in rows if "valid_top1" in row] == [3, 4]
    assert load_model(run).version == 1


def test_settings_have_the_names_and_defaults_that_they_had():
    sections = (name.rpartition(".") for name in RECORDED["settings"])
    names = [f"{s}{dot}{FORMER_NAMES.get(name, name)}" for s, dot, name in sections]
    settings = dict(zip(names, RECORDED["settings"].values(), strict=True))
    assert len(settings) > 100
    assert {*settings} - {*FIELDS} == set()
    changed = {n for n, value in settings.items() if FIELDS[n].default != value}
    assert changed == set()
