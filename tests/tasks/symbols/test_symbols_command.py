"""strokejax register, symbols, recognize: contracts, exit codes, sentences."""

import io
import json
import os
import subprocess
import sys
from contextlib import redirect_stdout

import numpy as np
import pytest
from PIL import Image

from strokejax.arguments import rate
from strokejax.cli import main
from strokejax.ink.collected_csv import write_csv
from strokejax.ink.formats import write_json
from strokejax.ink.packed import pack, write_packed
from strokejax.ink.synthesis.handwriting import random_writer, write
from strokejax.registration.registry import register
from tests.support.shapes import REGISTERED, picture, shape, shapes


def run(capsys, *arguments):
    """Exit code, the one line of JSON, stderr."""
    code = main([*map(str, arguments), "--json"])
    out, err = capsys.readouterr()
    assert out.count("\n") == (1 if out else 0)
    return code, json.loads(out) if out else None, err


def refused(capsys, *arguments):
    """The one sentence of a command that must exit with 2 and print nothing."""
    code = main([*map(str, arguments), "--json"])
    out, err = capsys.readouterr()
    assert (code, out) == (2, "")
    assert err.startswith("strokejax: ")
    assert err.count("\n") == 1
    assert "Traceback" not in err
    return err


@pytest.fixture
def folder(tmp_path):
    """A folder of hearts: five of ink, one picture."""
    inside = tmp_path / "hearts"
    inside.mkdir()
    for seed, ink in enumerate(shapes("heart", 5)):
        (write_json if seed % 2 else write_csv)(
            inside / f"{seed}.{'json' if seed % 2 else 'csv'}", ink
        )
    Image.fromarray(picture("heart", 9)).save(inside / "9.png")
    (inside / ".hidden").write_text("not ink")
    return inside


@pytest.fixture
def heart():
    """The user's own model knows a heart."""
    return register(None, "heart", shapes("heart", 3))


def query(tmp_path, name="heart", seed=50):
    write_json(tmp_path / f"q{seed}.json", shape(name, seed))
    return tmp_path / f"q{seed}.json"


# register


def test_register_says_what_the_contract_says(folder, capsys, own_home):
    code, line, err = run(capsys, "register", "heart", folder)
    assert (code, err) == (0, "")
    assert line.keys() == REGISTERED
    assert (line["symbol"], line["version"], line["samples"]) == ("heart", 2, 6)
    assert line["old_loss"].keys() == {"mean", "worst", "symbol"}
    assert line["inputs"] == {"shape": 6, "motion": 5, "size": 0}
    assert line["odd"] == []
    for each in line["confusions"]:
        assert each.keys() == {"symbol", "rate"}
        assert 0 < each["rate"] < 1
    assert isinstance(line["more"], int)
    assert (own_home / "model" / "CURRENT").is_file()
    code, line, _ = run(capsys, "recognize", query(folder))
    assert line["results"][0]["symbols"][0] == "heart"


def test_register_takes_packs_and_single_files(tmp_path, capsys):
    write_packed(tmp_path / "pack.npz", pack(shapes("heart", 3)))
    code, line, _ = run(
        capsys, "register", "heart", tmp_path / "pack.npz", query(tmp_path)
    )
    assert (code, line["samples"]) == (0, 4)
    code, line, _ = run(
        capsys, "register", "heart", query(tmp_path, seed=51), "--method", "mean",
        "--force",
    )  # fmt: skip
    assert (code, line["samples"], line["version"]) == (0, 5, 3)


def test_a_dot_on_a_page_is_ink(tmp_path, capsys):
    page = np.full((250, 250), 255, np.uint8)
    page[100:105, 100:110] = 0
    Image.fromarray(page).save(tmp_path / "dot.png")
    for command in (["recognize"], ["register", "dot", "--force"]):
        code, _, err = run(capsys, *command, tmp_path / "dot.png")
        assert (code, err) == (0, "")


def test_odd_files_are_named_also_when_a_symbol_is_refined(folder, tmp_path, capsys):
    run(capsys, "register", "heart", folder)
    slip, good = query(tmp_path, "arrow", 60), query(tmp_path, "heart", 61)
    code, line, _ = run(capsys, "register", "heart", good, slip, "--force")
    assert (code, line["odd"]) == (0, [str(slip)])
    code, line, _ = run(
        capsys, "register", "heart", query(tmp_path, "heart", 62), "--force"
    )
    assert line["odd"] == ["drawing 7"]
    code, line, _ = run(capsys, "symbols", "show", "heart")
    assert line["drawings"][7]["source"] == slip.name


def rings(folder):
    """Files of a letter o, to be registered under another name."""
    rng = np.random.default_rng(0)
    files = [folder / f"o{i}.json" for i in range(8)]
    for file in files:
        write_json(file, write("o", random_writer(rng), rng))
    return [str(file) for file in files]


def test_register_speaks_to_people(tmp_path, capsys):
    arguments = ["register", "ring", *rings(tmp_path), "--method", "mean", "--force"]
    assert main(arguments) == 0
    out, err = capsys.readouterr()
    assert "'ring' has 8 drawings; the model is at version 2." in out
    assert "Looks like 'o': about" in out
    assert "The other symbols lose" in out
    assert err == ""
    slip = query(tmp_path, "arrow")
    assert main(["register", "ring", str(slip), "--force"]) == 0
    assert "q50.json is unlike the others" in capsys.readouterr().out


def test_register_refuses(folder, tmp_path, capsys):
    blank = tmp_path / "blank.png"
    Image.new("L", (50, 50), 255).save(blank)
    empty, words = tmp_path / "empty", tmp_path / "words.txt"
    empty.mkdir()
    words.write_text("hello")
    good = folder / "1.json"
    for arguments, reason in (
        (["", good], "0 characters"),
        (["x" * 65, good], "65 characters"),
        (["a\tb", good], "cannot be printed"),
        (["heart", blank], "no ink"),
        (["heart", empty], "no files"),
        (["heart", words], "words.txt"),
        (["heart", tmp_path / "none.csv"], "does not exist"),
        (["heart", "n" * 5000], "too long"),
        (["heart", "n" * 5000 + ".png"], "too long"),
        (["heart", good, good], "same drawing"),
        (["heart", good, "--model", "nn-sampling"], "never changed"),
        (["heart", good, "--model", "argmax"], "class head"),
        (["heart", good, "--model", good], "no model"),
        (["heart", good, "--model", "m" * 5000], "too long"),
        (["heart", good, "--model", folder], "no model"),
        (["heart", "/dev/null"], "not a regular file"),
    ):
        assert reason in refused(capsys, "register", *arguments), arguments
    assert run(capsys, "symbols", "list")[1]["version"] == 1


def test_the_guard_refuses_and_force_overrules(tmp_path, capsys):
    files = rings(tmp_path)
    sentence = refused(capsys, "register", "ring", *files, "--method", "mean")
    assert "limits 1 and 10" in sentence
    assert "--force" in sentence
    code, line, _ = run(
        capsys, "register", "ring", *files, "--method", "mean", "--force"
    )
    assert code == 0
    assert line["old_loss"]["worst"] > 0.1
    assert line["old_loss"]["symbol"] in "oO0"
    assert line["confusions"][0]["symbol"] in "oO0"


def test_missing_arguments_are_usage_errors(capsys):
    for arguments in (
        ["register"],
        ["register", "heart"],
        ["register", "heart", "x", "--method", "guess"],
        ["symbols", "fly"],
        ["recognize"],
        ["fly"],
    ):
        assert main(arguments) == 2
        out, err = capsys.readouterr()
        assert (out, err.count("\n")) == ("", 1)
        assert "--help" in err


# symbols


def test_symbols_as_the_contract_says(heart, tmp_path, capsys):
    code, line, _ = run(capsys, "symbols", "list")
    assert (code, line.keys(), line["version"]) == (0, {"version", "symbols"}, 2)
    assert line["symbols"][-1] == {
        "name": "heart",
        "samples": 3,
        "aliases": [],
        "text": "heart",
        "origin": "registered",
    }
    assert line["symbols"][0]["origin"] == "trained"
    assert len(line["symbols"]) == 64

    png = tmp_path / "sheet.png"
    code, line, _ = run(capsys, "symbols", "show", "heart", png)
    assert [each["number"] for each in line["drawings"]] == [0, 1, 2]
    assert line["drawings"][0].keys() == {"number", "source", "hash"}
    with Image.open(png) as sheet:
        assert sheet.width > 0 < sheet.height
    assert run(capsys, "symbols", "show", "a")[1]["drawings"] == []

    for version, *arguments in (
        (3, "alias", "heart", "love"),
        (4, "rename", "heart", "a/b"),
        (5, "forget", "love", "1"),
    ):
        code, line, _ = run(capsys, "symbols", *arguments)
        assert (code, line["version"]) == (0, version)
    assert run(capsys, "symbols", "list")[1]["symbols"][-1] == {
        "name": "a/b",
        "samples": 2,
        "aliases": ["love"],
        "text": "a/b",
        "origin": "registered",
    }
    file = tmp_path / "shared"
    code, line, _ = run(capsys, "symbols", "export", file)
    assert line == {"file": str(file), "symbols": {"a/b": 2}}
    assert run(capsys, "symbols", "forget", "a/b")[1]["version"] == 6
    code, line, _ = run(capsys, "symbols", "import", file)
    assert (code, line["version"]) == (0, 7)
    assert line["symbols"][0]["symbol"] == "a/b"
    assert line["symbols"][0]["samples"] == 2
    code, line, _ = run(capsys, "symbols", "undo")
    assert (line["version"], line["undone"]["verb"]) == (8, "import")
    code, line, _ = run(capsys, "symbols", "history")
    assert line.keys() == {"history"}
    assert [each["version"] for each in line["history"]] == list(range(1, 9))
    assert {"version", "verb", "made"} <= line["history"][-1].keys()


def test_symbols_speaks_to_people(heart, tmp_path, capsys):
    for arguments, wanted in (
        (["list"], "version 2, 64 symbols"),
        (["show", "heart"], "  0  -"),
        (["show", "a"], "no drawings of its own"),
        (["alias", "heart", "♥"], "Version 3: '♥' means 'heart'."),
        (["rename", "♥", "x y"], "Version 4: '♥' is now called 'x y'."),
        (["export", str(tmp_path / "f"), "♥"], "'x y' (3)"),
        (["import", str(tmp_path / "f")], "nothing new"),
        (["forget", "♥"], "Version 5: '♥' is forgotten."),
        (["undo"], "Version 6: forget 'x y' is undone."),
        (["undo"], "Version 7: rename 'heart' as 'x y' is undone."),
        (["history"], "undo of rename 'heart' as 'x y'"),
    ):
        assert main(["symbols", *arguments]) == 0
        out, err = capsys.readouterr()
        assert wanted in out
        assert err == ""


def test_symbols_refuses(heart, tmp_path, capsys):
    junk = tmp_path / "junk"
    junk.write_text("junk")
    for arguments, reason in (
        (["list", "x"], "`strokejax symbols list` does not take x"),
        (["show"], "required: NAME"),
        (["rename", "heart"], "required: NEW"),
        (["rename", "hart", "x"], "did you mean 'heart'"),
        (["rename", "heart", "a"], "taken"),
        (["alias", "heart", "a"], "taken"),
        (["forget", "hart"], "no symbol"),
        (["forget", "heart", "3"], "3 drawings"),
        (["forget", "--", "heart", "-1"], "not the number"),
        (["forget", "heart", "\N{SUPERSCRIPT TWO}"], "not the number"),
        (["forget", "heart", "9" * 5000], "not the number"),
        (["show", "a", tmp_path / "a.png"], "no drawings"),
        (["show", "heart", tmp_path], "cannot be written"),
        (["export", tmp_path], "cannot be written"),
        (["export", tmp_path / "x", "a"], "no drawings of 'a'"),
        (["import", junk], "not a valid strokejax file"),
        (["import", tmp_path], "is a folder"),
        (["import", tmp_path / "none"], "does not exist"),
        (["import", "n" * 5000], "too long"),
    ):
        code = main(["symbols", "--json", *map(str, arguments)])
        out, err = capsys.readouterr()
        assert (code, out) == (2, ""), arguments
        assert reason in err, arguments
        assert err.count("\n") == 1, arguments
    assert run(capsys, "symbols", "list")[1]["version"] == 2


# recognize


def test_strange_drawings_are_unknown_with_a_reason(tmp_path, capsys):
    rng = np.random.default_rng(0)
    write_json(tmp_path / "w.json", write("w", random_writer(rng), rng))
    files = [tmp_path / "w.json", query(tmp_path, "house"), query(tmp_path, "arrow", 7)]
    keys = {
        "file",
        "symbols",
        "dist2",
        "probability",
        "inputs",
        "unknown",
        "reason",
    }
    unknown = {}
    for text in ("1/200", "0.005", "0.5%", "1", "100%"):
        code, line, _ = run(capsys, "recognize", *files, "--false-accepts", text)
        assert code == 0
        for each in line["results"]:
            assert each.keys() == keys
            assert isinstance(each["unknown"], bool)
            assert bool(each["reason"]) == each["unknown"]
        unknown[text] = [each["unknown"] for each in line["results"]]
    assert unknown["1/200"] == unknown["0.005"] == unknown["0.5%"]
    assert unknown["1/200"][1:] == [True, True]
    assert not any(unknown["1"] + unknown["100%"])
    assert main(["recognize", str(files[1]), "--false-accepts", "1/200"]) == 0
    assert ": unknown (" in capsys.readouterr().out


@pytest.mark.parametrize(
    "text", ["0", "2", "-0.1", "1/-2", "0/5", "nan", "inf", "101%"]
)
def test_rates_outside_of_0_to_1_are_refused(text, tmp_path, capsys):
    sentence = refused(capsys, "recognize", query(tmp_path), f"--false-accepts={text}")
    assert "1/200" in sentence


@pytest.mark.parametrize("text", ["abc", "1/0", "", "1/", "/2", "1/2/3", "%", "1e9/x"])
def test_rates_that_are_none_are_usage_errors(text, capsys):
    assert main(["recognize", "x", f"--false-accepts={text}"]) == 2
    assert "write one like 1/200" in capsys.readouterr().err


def test_a_rate_takes_no_time_to_read():
    assert rate("1e-999999999") == 0
    assert rate("1/1e999999999") == 0
    assert rate("1e999999999") == float("inf")
    assert rate("1/200") == 0.005


# Names of any kind, outputs of any kind


def test_files_whose_names_are_no_text(tmp_path, capsys):
    odd = os.fsencode(query(tmp_path)).replace(b"q50", b"\xff\xfe")
    os.rename(query(tmp_path), odd)
    odd = os.fsdecode(odd)
    code, line, _ = run(capsys, "register", "heart", odd)
    assert (code, line["samples"]) == (0, 1)
    code, line, _ = run(capsys, "symbols", "show", "heart")
    assert line["drawings"][0]["source"].endswith(".json")
    code, line, _ = run(capsys, "recognize", odd)
    assert (code, line["results"][0]["symbols"][0]) == (0, "heart")


def test_names_print_on_any_terminal(heart):
    command = [sys.executable, "-m", "strokejax.cli", "symbols", "alias", "heart", "♥"]
    environment = os.environ | {"PYTHONIOENCODING": "ascii", "JAX_PLATFORMS": "cpu"}
    done = subprocess.run(command, capture_output=True, env=environment)
    assert done.returncode == 0, done.stderr
    assert done.stdout.decode() == "Version 3: '♥' means 'heart'.\n"


def test_output_may_be_redirected(heart):
    with redirect_stdout(io.StringIO()) as text:
        assert main(["symbols", "list", "--json"]) == 0
    assert json.loads(text.getvalue())["version"] == 2
