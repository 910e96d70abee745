"""Benchmarks record their figures where they are told to, and docs/ has valid ones."""

import argparse
import re
import shlex
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BENCHMARKS = ROOT / "benchmarks"
sys.path.insert(0, str(BENCHMARKS))

import recording  # noqa: E402

from strokejax.evaluation.figure import Figure, read_figures, record  # noqa: E402

ONE = Figure("one", 0.5, (0.4, 0.6), 9)


@pytest.fixture
def file(tmp_path, monkeypatch) -> Path:
    monkeypatch.setattr(recording, "FIGURES", tmp_path / "figures.json")
    return tmp_path / "figures.json"


@pytest.fixture
def run(monkeypatch, file):
    """Starts a benchmark with these arguments that measures one figure."""

    def start(*arguments: str):
        monkeypatch.setattr(sys, "argv", ["/any/benchmarks/swipe.py", *arguments])
        parser = argparse.ArgumentParser()
        parser.add_argument("--only", action="append")
        parser.add_argument("--beam", type=int, default=24)
        parser.add_argument("--fit", action="store_true")
        options, write = recording.parse(parser)
        write([ONE])
        return options

    return start


def test_without_the_option_nothing_is_written(run, file):
    assert run("--beam", "6").beam == 6
    assert not file.exists()


@pytest.mark.parametrize(
    ("arguments", "title"),
    [
        ("", "swipe"),
        ("--only real --only speed --beam=24", "swipe"),
        ("--beam 6", "swipe --beam 6"),
        ("--fit --beam=6 --only 'a b'", "swipe --beam 6 --fit"),
    ],
)
def test_a_figure_is_named_by_what_changes_it(run, file, arguments, title):
    words = shlex.split(arguments)
    run("--record", *words)
    (row,) = read_figures(file)
    assert row["name"] == f"{title}: one"
    assert shlex.split(row["command"]) == ["python", "benchmarks/swipe.py", *words]


def test_a_broken_file_ends_the_run_before_it_measures(run, file, capsys):
    file.write_text("[")
    run()
    with pytest.raises(SystemExit) as error:
        run("--record")
    assert error.value.code == 2
    message = capsys.readouterr().err.splitlines()[-1]
    assert "figures.json is not a valid list of figures" in message
    assert file.read_text() == "["


# The file in docs/


def test_the_recorded_figures_are_valid(tmp_path):
    path = ROOT / "docs" / "figures.json"
    rows = read_figures(path)
    assert rows
    for row in rows:
        assert isinstance(row["value"], float) and isinstance(row["unit"], str)
        low, high = row["interval"] or (row["value"],) * 2
        assert low <= row["value"] <= high
        assert row["n"] is None or row["n"] > 0
        assert re.fullmatch(r"\d{4}-\d\d-\d\d", row["date"])
        python, script, *_ = shlex.split(row["command"])
        assert python == "python" and (ROOT / script).is_file(), row["command"]
        assert Path(script).parent.name == "benchmarks"
        assert row["name"].startswith(Path(script).stem)
    # Sorted, one for each name, and formatted as `record` does it.
    copy = tmp_path / "figures.json"
    copy.write_bytes(path.read_bytes())
    record([], copy, "")
    assert copy.read_bytes() == path.read_bytes()


def quoted() -> list[str]:
    """The benchmarks that the README quotes."""
    text = (ROOT / "README.md").read_text().replace("\n", " ")
    return sorted(set(re.findall(r"python benchmarks/(\w+\.py)", text)))


def test_the_readme_quotes_benchmarks():
    assert len(quoted()) > 10


@pytest.mark.parametrize("script", quoted())
def test_a_benchmark_that_the_readme_quotes_can_record(script):
    text = (BENCHMARKS / script).read_text()
    assert "from recording import parse" in text
    assert re.search(r"^ +record\(", text, re.M)
    assert "parse_args()" not in text
