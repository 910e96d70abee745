"""strokejax live: lines of events in, lines of answers out, nothing lost."""

import json
import os
import re
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

import strokejax
from benchmarks.pen_events import write_page
from strokejax.cli import main
from strokejax.data.collection import keep
from strokejax.data.sets.collected import load_scribble
from strokejax.ink.formats import read_ink
from strokejax.ink.synthesis.handwriting import Writer
from strokejax.tasks.symbols.live.events import MAX_LINE, Line, read_lines
from strokejax.tasks.symbols.live.session import CORRECTABLE, Session
from strokejax.tasks.symbols.live.stream import Settings
from strokejax.types import InputError

HAND = Writer(size=120, overlap=0.3)


@pytest.fixture(scope="module")
def model():
    return strokejax.load()


def written(symbols="the", seed=0):
    """Lines of events of a hand."""
    events, _ = write_page(symbols, HAND, np.random.default_rng(seed))
    keys = ("t", "x", "y", "down")
    return [json.dumps(dict(zip(keys, e, strict=True))) for e in events.tolist()]


@pytest.fixture
def live(tmp_path, capsys):
    """Runs the command on lines: exit code, answers, stderr."""

    def run(content, *arguments):
        path = tmp_path / "events.jsonl"
        data = content if isinstance(content, bytes) else "\n".join(content).encode()
        path.write_bytes(data)
        code = main(["live", str(path), "--json", *arguments])
        out, err = capsys.readouterr()
        return code, [json.loads(line) for line in out.splitlines()], err

    return run


@pytest.mark.parametrize("model", ["nn-sampling", "argmax"])
def test_a_file_is_read_by_both_heads(live, model):
    code, answers, err = live(
        written(), "--model", model, "-k", "3", "--language", "en"
    )
    assert (code, err) == (0, "")
    ends = [a for a in answers if a["final"]]
    assert [a["symbols"][0] for a in ends] == ["t", "h", "e"]
    assert [a["text"] for a in ends] == ["t", "th", "the"]
    assert [a["id"] for a in ends] == [0, 1, 2]
    assert len(answers) > 6
    for a in answers:
        assert a.keys() >= {"id", "t", "final", "symbols", "dist2", "latency_ms"}
        assert len(a["symbols"]) == 3
        assert a["latency_ms"] >= 0
        if model == "argmax":
            assert a["dist2"] is None
        else:
            assert a["dist2"] == sorted(a["dist2"])


def test_times_of_a_file_may_be_milliseconds(live):
    lines = [json.loads(line) for line in written("hA")]
    slow = [json.dumps(line | {"t": 1000 * line["t"]}) for line in lines]
    ended = [
        [(a["symbols"], round(a["t"], 3)) for a in answers if a["final"]]
        for _, answers, _ in (live(map(json.dumps, lines)), live(slow))
    ]
    assert ended[0] == ended[1]
    assert [symbols[0] for symbols, _ in ended[0]] == ["h", "A"]


def test_for_people_each_symbol_is_one_line(tmp_path, capsys):
    path = tmp_path / "events.jsonl"
    path.write_text("\n".join(written("m2")))
    assert main(["live", str(path), "--language", "en"]) == 0
    out, err = capsys.readouterr()
    assert [line.split()[:2] for line in out.splitlines()] == [["0", "m"], ["1", "2"]]
    assert out.splitlines()[1].endswith("| m2")
    assert err == ""


BAD = [
    ("no event", "not an event"),
    ('{"t": 1, "x": 2}', "not an event"),
    ('{"t": "1", "x": 2, "y": 3}', "not an event"),
    ('{"t": true, "x": 2, "y": 3}', "not an event"),
    ('{"t": 1, "x": 2, "y": 3, "down": "yes"}', "not an event"),
    ('{"t": 1, "x": 1' + "0" * 400 + ', "y": 3}', "not an event"),
    ("[" * 2000, "not an event"),
    ("[1, 2]", "not an event"),
    ("7", "not an event"),
    ('{"t": 9, "x": NaN, "y": 3}', "finite"),
    ('{"t": 9, "x": 1e9, "y": 3}', "1e\\+07"),
    ('{"t": -5, "x": 1, "y": 3}', "in the order"),
    ('{"correct": "a", "name": "b"}', "not an event"),
    ('{"correct": 5, "name": "b"}', "symbol 5 is not among"),
    ('{"correct": 0, "name": ""}', "0 characters"),
    ("x" * (MAX_LINE + 1), "longer than"),
    (b"\xff\xfe".decode("latin1"), "not an event"),
]


@pytest.mark.parametrize(("bad", "words"), BAD)
def test_a_bad_line_is_one_sentence_and_nothing_is_lost(model, bad, words):
    session = Session(model, Settings(interval=np.inf))
    good = written("ab")
    told = followed(session, [*good[:30], bad, *good[30:]])
    (error,) = [t["error"] for t in told if "error" in t]
    assert error.startswith("line 31: ")
    assert error.count(". ") == 0
    assert re.search(words, error)
    assert session.refused == 1
    alone = followed(Session(model, Settings(interval=np.inf)), good)
    assert finals(told) == finals(alone) and len(finals(told)) == 2


def followed(session, content):
    """What is told of lines that come through a pipe."""
    read_end, write_end = os.pipe()
    text = "\n".join(content)
    threading.Thread(target=_write, args=(write_end, text), daemon=True).start()
    told = list(session.follow(read_end))
    os.close(read_end)
    return told


def finals(told):
    return [t["symbols"] for t in told if t.get("final")]


def _write(descriptor, text):
    with open(descriptor, "w") as file:
        file.write(text)


def test_refused_lines_give_exit_code_2(live):
    good = written("ab")
    code, answers, err = live([*good, "{}", "", "nonsense"])
    assert code == 2
    assert len([a for a in answers if a["final"]]) == 2
    sentences = err.splitlines()
    assert len(sentences) == 2
    assert f"line {len(good) + 1}: " in sentences[0]
    assert f"line {len(good) + 3}: " in sentences[1]


def test_input_that_ends_within_a_symbol_is_answered(live):
    code, answers, _ = live(written("m")[:-3])
    assert code == 0
    assert answers[-1]["final"]
    assert answers[-1]["symbols"][0] == "m"


@pytest.mark.parametrize(
    "content", [b"", b"\n\n", b'{"t": 0, "x": 1, "y": 2, "down": false}']
)
def test_nothing_drawn_is_nothing_answered(live, content):
    assert live(content) == (0, [], "")


def test_files_and_settings_that_cannot_be_used(tmp_path, capsys):
    for arguments, words in (
        ([str(tmp_path)], "is a folder"),
        ([str(tmp_path / "none")], "cannot be read"),
        (["x", "-k", "0"], "-k is 0"),
        (["x", "--lifted", "nan"], "--lifted"),
        ([str(tmp_path / "e"), "--language", "klingon"], "klingon"),
    ):
        (tmp_path / "e").touch()
        assert main(["live", *arguments]) == 2
        out, err = capsys.readouterr()
        assert out == ""
        assert err.startswith("strokejax: ")
        assert err.count("\n") == 1
        assert words in err


def test_lines_are_whole_however_they_arrive():
    read_end, write_end = os.pipe()
    source = read_lines(read_end)
    os.write(write_end, b"one\ntw")
    assert next(source).text == b"one"
    os.write(write_end, b"o\n" + b"l" * MAX_LINE)
    assert next(source)[:2] == (2, b"two")
    os.write(write_end, b"ong\n\nlast")
    assert next(source)[:2] == (3, None)
    assert next(source)[:2] == (4, b"")
    os.close(write_end)
    assert [line[:2] for line in source] == [(5, b"last")]
    os.close(read_end)


# Corrections


def corrected(model, symbols, **more):
    """What is told of a session that corrects its first symbol."""
    read_end, write_end = os.pipe()
    session = Session(model, Settings(lifted=0.3), **more)
    text = "\n".join([*written(symbols), '{"correct": 0, "name": "heart"}'])
    _write(write_end, text)
    told = list(session.follow(read_end))
    os.close(read_end)
    return session, next(t for t in told if "corrected" in t)


def test_a_correction_becomes_a_sample_of_a_collected_folder(model, tmp_path):
    _, first = corrected(model, "eb", collect=tmp_path)
    _, second = corrected(model, "tb", collect=tmp_path)
    assert first == {
        "id": 0,
        "corrected": "heart",
        "file": str(tmp_path / "heart" / "trial_1.csv"),
    }
    assert second["file"] == str(tmp_path / "heart" / "trial_2.json")
    assert len(read_ink(second["file"])[0].strokes) == 2
    dataset = load_scribble(tmp_path)
    assert len(dataset.labels) == 2
    assert {dataset.symbols[label] for label in dataset.labels} == {"heart"}


def test_a_correction_is_registered_and_the_new_model_answers_at_once(model):
    known = []
    new = strokejax.load("argmax")

    def register(name, ink, reference_size):
        known.append((name, reference_size))
        return new, {"version": 7}

    session, told = corrected(model, "eb", register=register)
    assert told == {"id": 0, "corrected": "heart", "version": 7}
    assert known == [("heart", None)]
    assert session.stream.answer == new.recognize


def test_a_registration_that_is_refused_is_a_sentence(model):
    def register(name, ink, reference_size):
        raise InputError("the others would lose too much")

    session = Session(model, Settings(), register=register)
    session.finished[0] = read_like(), None
    (told,) = session.process(_line(b'{"correct": 0, "name": "x y"}', 4), 0.0)
    assert told == {"id": 0, "error": "line 4: the others would lose too much"}
    assert session.refused == 1


def test_only_the_last_symbols_are_remembered(model):
    session = Session(model, Settings())
    for number in range(CORRECTABLE + 10):
        session._remember(number, read_like(), 1.0)
    assert len(session.finished) == CORRECTABLE
    assert min(session.finished) == 10


def test_a_place_that_cannot_be_written_is_a_sentence(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="cannot be written"):
        keep(tmp_path / "file", "heart", read_like())


def read_like():
    return strokejax.Ink((np.array([[0, 0, 0], [1, 2, 0.1]], np.float32),))


def _line(text, number):
    return Line(number, text, time.perf_counter())


# As people run it


def test_a_pipe_that_stays_open_is_answered_while_it_waits():
    command = [sys.executable, "-m", "strokejax.cli", "live", "--json"]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
    ) as process:
        for text in written("m"):
            print(text, file=process.stdin)
        process.stdin.flush()
        answers = []
        while not (answers and answers[-1]["final"]):
            answers.append(json.loads(process.stdout.readline()))
        assert answers[-1]["symbols"][0] == "m"
        print('{"correct": 0, "name": "heart"}', file=process.stdin)
        process.stdin.flush()
        told = json.loads(process.stdout.readline())
        assert told == {"id": 0, "corrected": "heart"}
        process.stdin.close()
        assert process.wait(timeout=30) == 0
