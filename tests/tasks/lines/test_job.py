"""Jobs that train readers of lines, as whole processes; what they leave is used."""

import json

import jax
import numpy as np
import pytest
from ml_collections import ConfigDict

from strokejax.cli import main
from strokejax.recognizer import load
from strokejax.store.model import load_model
from strokejax.tasks.lines.data import TABLE
from strokejax.tasks.lines.job import set_up
from strokejax.tasks.lines.reader import LineReader, load_language, load_reader
from strokejax.types import InputError
from tests.support.jobs import run

SMALL = (
    "--config=configs/lines.py",
    "--config.data.writers=4",
    "--config.data.samples=1",
    "--config.loop.steps=3",
    "--config.loop.batch_size=2",
    "--config.loop.overfit_batches=1",
    "--config.loop.keep_best=3",
    "--config.lines.length=5",
    "--config.lines.overlap=0",
    "--config.lines.valid=3",
)


@pytest.fixture(scope="module", params=["line_cnn", "line_cnn_simple"])
def finished(request, shared_cache, tmp_path_factory):
    """A finished run: its folder and its last line."""
    workdir = tmp_path_factory.mktemp("lines") / "run"
    line, err = run(
        shared_cache,
        *SMALL,
        f"--config.model.name={request.param}",
        f"--workdir={workdir}",
    )
    assert "The model:" in err and "character errors" in err
    return workdir, line


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """A folder of three lines, as `strokejax lines make` writes it."""
    folder = tmp_path_factory.mktemp("written")
    (folder / "text.txt").write_text("some quick words 12")
    out = folder / "out"
    given = ["--text", str(folder / "text.txt"), "--out", str(out), "--count", "3"]
    assert main(["lines", "make", *given, "--length", "9"]) == 0
    return out


def test_a_run_leaves_a_report_a_model_and_its_scores(finished):
    workdir, line = finished
    assert line["job"] == "lines" and line["steps"] == 3
    figures = line["metrics"]
    assert figures["n"] == 3 and figures["cer"] >= 0
    assert {"wer", "interval95", "cer_lower_case"} <= figures.keys()
    page = (workdir / "report.html").read_text()
    assert page.count('class="reading"') == 6
    reader = load_reader(workdir)
    if isinstance(reader, LineReader) and reader.windows:
        assert 0 <= figures["windows_without_padding"] <= 1
        assert 0 < figures["always_padding"] < 1
    for character in "aZ7 ":
        assert character in reader.alphabet


def test_a_trained_reader_reads_pictures(finished, written, capsys):
    capsys.readouterr()
    files = sorted(map(str, written.glob("*.png")))
    broken = written.parent / "broken.png"
    broken.write_bytes(b"no picture")
    given = ["lines", "read", *files, str(broken), "--model", str(finished[0])]
    assert main([*given, "--json"]) == 2
    results = json.loads(capsys.readouterr().out)["results"]
    assert [each["file"] for each in results] == [*files, str(broken)]
    assert "is not a picture" in results[-1]["error"]
    for each in results[:-1]:
        assert each.keys() == {"file", "text", "confidence", "characters"}
        for character in each["characters"]:
            assert character.keys() == {"char", "confidence", "x0", "x1"}
            assert character["x0"] <= character["x1"]


def test_a_trained_reader_is_scored_on_a_table(finished, written, tmp_path, capsys):
    capsys.readouterr()
    table = tmp_path / TABLE
    rows = [line.split("\t") for line in (written / TABLE).read_text().splitlines()]
    rows = [[str(written / file), group, text] for file, group, text in rows]
    rows += [["missing.png", "a", "text"], [rows[0][0], "a", "\N{SNOWMAN} text"]]
    table.write_text("\n".join("\t".join(row) for row in rows) + "\n")
    code = main(["evaluate", str(table), "--model", str(finished[0]), "--json"])
    out, err = capsys.readouterr()
    found = json.loads(out)
    assert code == 2 and found["failed"] == 1 and found["n"] == 4
    assert {"n", "cer", "wer", "interval95", "cer_lower_case"} <= found.keys()
    assert "line 4" in err and "missing.png" in err
    assert "line 5" in err and "'\N{SNOWMAN}' at 1" in err


def test_a_language_and_a_lexicon_steer_the_search(finished, written, tmp_path, capsys):
    lexicon = tmp_path / "lexicon.txt"
    lexicon.write_text("quick\nwords\n12\n")
    capsys.readouterr()
    file = str(min(written.glob("*.png")))
    given = ["lines", "read", file, "--model", str(finished[0]), "--json"]
    assert main([*given, "--lexicon", str(lexicon)]) == 0
    text = json.loads(capsys.readouterr().out)["results"][0]["text"]
    assert {w.lower() for w in text.split() if w.isalnum()} <= {"quick", "words", "12"}
    assert main([*given, "--language", "en"]) == 0
    assert main([*given, "--language", "nowhere"]) == 2
    assert "no language 'nowhere'" in capsys.readouterr().err


def test_a_reader_names_no_single_symbols(finished):
    with pytest.raises(InputError, match="use a model of single symbols"):
        load(finished[0])


@pytest.mark.parametrize("finished", ["line_cnn_simple"], indirect=True)
def test_training_goes_on_from_a_reader(finished):
    """With the same weights, and outputs by their names where the alphabet grew."""
    workdir, _ = finished
    stored = load_model(workdir)
    config = ConfigDict(json.loads((workdir / "config.json").read_text()))
    config.model.init = str(workdir)
    setup = set_up(config)
    own, there = setup.params["encoder"], stored.encoder
    for ours, theirs in zip(jax.tree.leaves(own), jax.tree.leaves(there), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    config.model.name = "line_cnn"
    with pytest.raises(InputError, match=f"is a {stored.spec.architecture}"):
        set_up(config)


@pytest.mark.parametrize("finished", ["line_cnn"], indirect=True)
def test_new_characters_are_new_outputs(finished, tmp_path):
    workdir, _ = finished
    stored = load_model(workdir)
    text = tmp_path / "text.txt"
    text.write_text("h\N{LATIN SMALL LETTER E WITH ACUTE} ho", "utf-8")
    config = ConfigDict(json.loads((workdir / "config.json").read_text()))
    config.model.init, config.lines.text = str(workdir), str(text)
    setup = set_up(config)
    new = np.asarray(setup.params["encoder"]["out"]["kernel"])
    old = np.asarray(stored.encoder["out"]["kernel"])
    assert new.shape[1] == old.shape[1] + 1
    np.testing.assert_array_equal(new[:, :95], old[:, :95])
    np.testing.assert_array_equal(new[:, -1], old[:, -1])
    assert setup.outputs[95] == "\N{LATIN SMALL LETTER E WITH ACUTE}"


def test_a_symbol_model_reads_what_stands_apart(capsys, tmp_path):
    """Single letters of the built-in hand; and a symbol registered a moment ago."""
    reader = load_reader("nn-sampling")
    picture = np.zeros((60, 240), np.uint8)
    picture[10:50, 20:24] = picture[10:50, 60:64] = 255  # l l
    picture[10:14, 44:80] = 255  # the second is a T
    picture[10:50, 180:184] = picture[46:50, 180:210] = 255  # L, far away
    read = reader.read([reader.prepare(picture)])[0]
    assert len(read.text) == 4 and read.text[2] == " "
    assert read.text[1] == "T" and read.text[3] == "L"
    assert read.characters[1].x0 == pytest.approx(44, abs=2)
    assert load_language(reader).weight == 0
