"""One figure beside its target, and the file in which figures are recorded."""

import json
import re
from concurrent.futures import ThreadPoolExecutor

import pytest

from strokejax.evaluation import figure as module
from strokejax.evaluation.figure import (
    KEYS,
    Figure,
    as_text,
    read_figures,
    record,
    share,
)
from strokejax.types import InputError

COMMAND = "python benchmarks/x.py --only a"
ONE = Figure("one", 0.5, (0.4, 0.6), 9)
SPEED = Figure("speed", 12.0, unit="ms")


@pytest.mark.parametrize(
    ("value", "most", "reached"),
    [(0.8, False, True), (0.79, False, False), (0.8, True, True), (0.81, True, False)],
)
def test_a_figure_says_whether_it_reaches_its_target(value, most, reached):
    figure = Figure("name", value, None, 5, "data", 0.8, most)
    assert figure.reached is reached
    line = as_text([figure]).splitlines()[1]
    assert ("reached" if reached else "missed") in line
    assert ("at most 0.8000" if most else "at least 0.8000") in line
    assert figure._replace(target=None).reached is None


def test_units_are_shown_and_shares_have_four_digits():
    assert Figure("a", 1.25, (1.0, 2.0), 3, "", unit="ms").cells()[1:3] == (
        "1.25 ms",
        "1.00 ms to 2.00 ms",
    )
    assert share("a", [1, 0, 1, 0], list("aabb"), "").cells()[1] == "0.5000"
    assert SPEED.cells() == ("speed", "12.00 ms", "", "", "")


# The file of figures


@pytest.fixture
def path(tmp_path):
    return tmp_path / "docs" / "figures.json"


def test_recorded_twice_is_recorded_once(path):
    record([SPEED, ONE], path, COMMAND)
    first = path.read_bytes()
    record([ONE, SPEED], path, COMMAND)
    assert path.read_bytes() == first
    assert [row["name"] for row in read_figures(path)] == ["one", "speed"]


def test_a_figure_is_recorded_with_all_its_fields(path):
    record([ONE._replace(data="UNIPEN"), SPEED], path, COMMAND)
    share_, speed = read_figures(path)
    date = share_["date"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", date)
    values = ("UNIPEN: one", 0.5, "", [0.4, 0.6], 9, COMMAND, date)
    assert share_ == dict(zip(KEYS, values, strict=True))
    values = ("speed", 12.0, "ms", None, None, COMMAND, date)
    assert speed == dict(zip(KEYS, values, strict=True))


def test_a_new_value_replaces_the_old_one_and_leaves_the_others(path):
    record([ONE, SPEED], path, COMMAND)
    record([SPEED._replace(value=1 / 3)], path, "python benchmarks/y.py")
    one, speed = read_figures(path)
    assert one["command"] == COMMAND
    assert (speed["value"], speed["command"]) == (0.333333, "python benchmarks/y.py")


def test_figures_that_others_record_meanwhile_are_kept(path):
    figures = [ONE._replace(name=f"{i:02}") for i in range(16)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda each: record([each], path, COMMAND), figures))
    assert [row["name"] for row in read_figures(path)] == [x.name for x in figures]
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_a_lock_that_stays_is_named(path, monkeypatch):
    monkeypatch.setattr(module, "PATIENCE", 0.1)
    path.parent.mkdir()
    with (
        module.SoftFileLock(f"{path}.lock"),
        pytest.raises(InputError, match=r"figures\.json\.lock for 0\.1 seconds"),
    ):
        record([ONE], path, COMMAND)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('[{"name": "one", ', "line 1 column"),
        ("<<<<<<< HEAD\n[]\n", "line 1 column 1"),
        ("{}", "not a list"),
        ("[1]", "entry 0"),
        ('[{"name": "one"}]', "entry 0"),
    ],
)
def test_a_broken_file_is_one_sentence_and_stays(path, text, why):
    path.parent.mkdir()
    path.write_text(text)
    with pytest.raises(InputError, match=re.escape(why)) as error:
        record([ONE], path, COMMAND)
    assert str(path) in str(error.value) and "\n" not in str(error.value)
    assert path.read_text() == text


def test_only_finite_numbers_are_recorded(path):
    with pytest.raises(InputError, match="'one' is nan"):
        record([SPEED, ONE._replace(value=float("nan"))], path, COMMAND)
    assert not path.exists()


def test_the_file_has_a_line_a_figure(path, tmp_path):
    record([ONE, SPEED], path, COMMAND)
    lines = path.read_text().splitlines()
    assert lines[0] == "[" and lines[-1] == "]" and len(lines) == 4
    assert json.loads(lines[2]) == read_figures(path)[1]
    copy = tmp_path / "copy.json"
    copy.write_bytes(path.read_bytes())
    record([], copy, "")
    assert copy.read_bytes() == path.read_bytes()
