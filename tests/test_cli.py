"""The people's commands: contracts of --json, exit codes, one sentence."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from strokejax.cli import main
from strokejax.ink.collected_csv import write_csv
from strokejax.ink.formats import write_json
from strokejax.ink.packed import pack, write_packed
from strokejax.ink.synthesis.handwriting import random_writer, write
from strokejax.table.symbols import STROKES
from strokejax.types import Ink

INKML = """<ink xmlns="http://www.w3.org/2003/InkML">
<trace>10 0, 10 40, 10 80</trace><trace>0 40, 20 40</trace></ink>"""
UNIPEN = """.VERSION 1.0
.COORD X Y
.PEN_DOWN
0 100
0 0
.PEN_UP
"""


def ink(symbol="w", seed=3):
    rng = np.random.default_rng(seed)
    return write(symbol, random_writer(rng), rng)


def run(capsys, *arguments):
    """Exit code, the one JSON line, stderr."""
    code = main([*arguments, "--json"])
    out, err = capsys.readouterr()
    assert out.count("\n") == (1 if out else 0)
    return code, json.loads(out) if out else None, err


@pytest.fixture
def files(tmp_path):
    """One good file of each format."""
    write_csv(tmp_path / "w.csv", ink())
    write_json(tmp_path / "w.json", ink())
    (tmp_path / "t.inkml").write_text(INKML)
    (tmp_path / "l.txt").write_text(UNIPEN)
    write_packed(tmp_path / "two.npz", pack([ink("a"), ink("b")]))
    page = np.full((90, 120, 3), 255, np.uint8)
    page[20:70, 55:62] = 0
    Image.fromarray(page).save(tmp_path / "l.png")
    Image.fromarray(255 - page).save(tmp_path / "l.jpg")
    return tmp_path


@pytest.mark.parametrize("model", ["nn-sampling", "argmax"])
def test_every_format_is_recognised_by_both_heads(files, capsys, model):
    paths = sorted(map(str, files.iterdir()))
    code, line, err = run(capsys, "recognize", *paths, "--model", model, "-k", "3")
    assert code == 0, err
    results = line["results"]
    assert len(results) == len(paths) + 1  # the pack holds two
    for result in results:
        assert len(result["symbols"]) == len(result["probability"]) == 3
        assert set(result["symbols"]) <= set(STROKES)
        drawn = not result["file"].endswith((".png", ".jpg"))
        assert result["inputs"] == ["shape", "motion"][: 1 + drawn]
        assert sorted(result["probability"], reverse=True) == result["probability"]
        if model == "argmax":
            assert result["dist2"] is None
        else:
            assert sorted(result["dist2"]) == result["dist2"]
            assert 0 <= result["dist2"][0] <= 4
    for name in ("w.csv", "w.json"):
        found = next(r for r in results if r["file"].endswith(name))
        assert {"w", "W"} & set(found["symbols"])


def test_a_bad_file_of_several_is_told_and_the_others_answered(files, capsys):
    (files / "bad.json").write_text('{"strokes": [[[1, NaN], [2, 3]]]}')
    bad, good, missing = files / "bad.json", files / "w.csv", files / "none.csv"
    code, line, _ = run(capsys, "recognize", str(bad), str(good), str(missing))
    assert code == 2
    first, second, third = line["results"]
    assert first.keys() == third.keys() == {"file", "error"}
    assert str(bad) in first["error"]
    assert second["symbols"]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("empty.csv", b""),
        ("columns.csv", b"time,x,y\n0,1,2\n"),
        ("point.json", b'{"strokes": [[[1, 2]]]}'),
        ("nothing.json", b"[]"),
        ("infinite.json", b'{"strokes": [[[1, 1e999], [2, 3]]]}'),
        ("cut.png", b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR"),
        ("words.txt", b"hello"),
        ("torn.npz", b"PK\x03\x04"),
    ],
)
def test_bad_files_are_one_sentence(tmp_path, capsys, name, content):
    path = tmp_path / name
    path.write_bytes(content)
    assert main(["recognize", str(path)]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("strokejax: ")
    assert err.count("\n") == 1
    assert name in err


def test_a_million_points_are_refused(tmp_path, capsys):
    path = tmp_path / "long.npz"
    points = np.zeros((1_000_000, 2), np.float32)
    np.savez(path, points=points, stroke_start=[0, len(points)], sample_start=[0, 1])
    code, line, _ = run(capsys, "recognize", str(path))
    assert code == 2
    assert "100,000" in line["results"][0]["error"]


def test_a_wrong_model_or_k_is_one_sentence(files, capsys):
    for extra in (["--model", str(files)], ["-k", "0"]):
        code = main(["recognize", str(files / "w.csv"), *extra])
        out, err = capsys.readouterr()
        assert (code, out) == (2, "")
        assert err.startswith("strokejax: ")


def labelled(path: Path, symbols, **columns):
    inks = [ink(symbol, seed) for seed, symbol in enumerate(symbols)]
    write_packed(path, pack(inks), label=np.array(symbols), **columns)
    return str(path)


def test_evaluate_packed_ink(tmp_path, capsys):
    symbols = list("abcdefgh") * 3
    writers = np.repeat(["ann", "bob", "eve"], 8)
    path = labelled(tmp_path / "ink.npz", symbols, writer=writers)
    code, line, err = run(capsys, "evaluate", path)
    assert code == 0, err
    assert {
        "n",
        "top1",
        "top3",
        "top5",
        "interval95",
        "twins_merged",
        "per_class",
        "worst_writers",
    } <= line.keys()
    assert line["n"] == 24
    low, high = line["interval95"]
    assert 0 <= low <= line["top1"] <= high <= 1
    assert line["top1"] <= line["top3"] <= line["top5"]
    assert set(line["per_class"]) == set("abcdefgh")


def test_evaluate_says_what_the_network_saw(tmp_path, capsys):
    size = np.array([1.0, np.nan, 0.0, 0.5], np.float32)
    path = labelled(tmp_path / "sized.npz", list("abcd"), relative_size=size)
    code, line, err = run(capsys, "evaluate", path)
    assert code == 0, err
    assert line["inputs"] == {"shape": 4, "motion": 4, "size": 2}
    assert main(["evaluate", path]) == 0
    assert (
        "the network saw shape of 4, motion of 4, size of 2" in capsys.readouterr().out
    )


@pytest.mark.parametrize("size", [-1.0, np.inf, "big"])
def test_sizes_that_cannot_be_are_refused(tmp_path, capsys, size):
    sizes = np.array([1.0, size, 1.0] if size != "big" else ["a", "b", "c"])
    path = labelled(tmp_path / "sized.npz", list("abc"), relative_size=sizes)
    assert main(["evaluate", path]) == 2
    err = capsys.readouterr().err
    assert "relative_size is" in err and "NaN for unknown" in err


def test_evaluate_pictures_and_folders(tmp_path, capsys):
    rows = np.zeros((3, 28, 28), np.uint8)
    rows[:, 4:24, 13:16] = 255
    scores = []
    for x in (rows, 255 - rows, rows / 255, rows[..., None]):
        np.savez(tmp_path / "x.npz", x=x, y=np.array([1, 1, 1], np.uint8))
        code, line, err = run(capsys, "evaluate", str(tmp_path / "x.npz"))
        assert code == 0, err
        assert set(line["per_class"]) == {"1"}
        scores.append(line["top3"])
    assert len(set(scores)) == 1
    for folder, symbol in (("uA", "A"), ("d0", "0"), ("space", "space")):
        (tmp_path / "raw_mouse_data" / folder).mkdir(parents=True)
        path = tmp_path / "raw_mouse_data" / folder / "trial_1.csv"
        write_csv(path, ink(symbol))
    code, line, err = run(capsys, "evaluate", str(tmp_path), "--model", "argmax")
    assert code == 0, err
    assert set(line["per_class"]) == {"A", "0", "space"}


def test_unknown_labels_are_refused(tmp_path, capsys):
    path = labelled(tmp_path / "ink.npz", ["a", "b"])
    with np.load(path) as stored:
        arrays = dict(stored) | {"label": np.array(["a", "heart"])}
    np.savez(path, **arrays)
    code, line, err = run(capsys, "evaluate", path)
    assert (code, line) == (2, None)
    assert "'heart'" in err


def test_the_words_of_the_answer(files, capsys):
    assert main(["recognize", str(files / "w.csv")]) == 0
    out, err = capsys.readouterr()
    assert "dist2" in out
    assert err == ""


def test_help_teaches_and_the_version_is_told():
    for arguments, wanted in ((["--help"], "recognize"), (["--version"], "0.")):
        command = [sys.executable, "-m", "strokejax.cli", *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        assert wanted in done.stdout


def test_the_python_interface():
    import strokejax

    model = strokejax.load()
    answer = model.recognize(ink(), k=5)
    assert len(answer.symbols) == 5
    many = model.recognize_many([ink(), np.eye(40), ink()], k=2)
    assert many[0].symbols == many[2].symbols == answer.symbols[:2]
    with pytest.raises(strokejax.InputError):
        model.recognize(Ink(()))
    with pytest.raises(AttributeError):
        strokejax.nothing  # noqa: B018


def test_k_beyond_the_symbols_names_them_all():
    import strokejax

    for name in ("nn-sampling", "argmax"):
        answer = strokejax.load(name).recognize(ink(), k=1000)
        assert sorted(answer.symbols) == sorted(STROKES)
        assert sum(answer.probability) == pytest.approx(1, abs=1e-4)
