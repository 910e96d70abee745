"""Keyboards over HTTP, and what users add to them at home."""

import json
import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from fastapi.testclient import TestClient
from hypothesis import given, settings
from hypothesis import strategies as st

from strokejax.serve.app import create_app
from strokejax.serve.guard import Limits
from strokejax.serve.studio import BoundedQueue, Studio
from strokejax.tasks import pages
from strokejax.tasks.swipes import keyboard as own_keyboards
from strokejax.tasks.swipes import page as keyboards
from strokejax.tasks.swipes.keyboard import (
    UserWords,
    choices,
    set_fate,
    taught_frequencies,
    user_words,
)
from strokejax.tasks.swipes.layouts import layout
from strokejax.types import InputError
from tests.support.answered import content

QWERTY = layout("qwerty")
PLACES = dict(zip(QWERTY.letters, QWERTY.centres.tolist(), strict=True))


def curve(word, places=PLACES):
    """A straight and even way over the keys of a word."""
    way = np.array([places[c] for c in word])
    steps = np.linspace(0, len(way) - 1, 12 * len(way))
    x, y = (np.interp(steps, range(len(way)), way[:, i]) for i in (0, 1))
    return {"x": x.tolist(), "y": y.tolist(), "t": (90 * steps).tolist()}


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("STROKEJAX_HOME", str(tmp_path))
    return tmp_path


@pytest.fixture(scope="module")
def studio(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("STROKEJAX_HOME", str(tmp_path_factory.mktemp("keyboards")))
        studio = Studio(None)
        yield studio
        studio.close()


@pytest.fixture(scope="module")
def client(studio):
    app = create_app(studio, Limits(rate=0), pages())
    with TestClient(app, headers={"host": "localhost:8000"}) as client:
        yield client


@pytest.fixture
def ask(client, home):
    """Asks, and gives the JSON of an answer with the expected status."""

    def asked(path, body=None, status=200):
        answer = client.post(path, json=body) if body else client.get(path)
        return content(answer, status)

    return asked


class TestUserWords:
    @settings(max_examples=20, deadline=None)
    @given(
        st.lists(
            st.tuples(
                st.sampled_from(["tea", "Tea", "café", "o'clock"]),
                st.sampled_from(["taught", "blocked", "forgotten"]),
            ),
            max_size=8,
        )
    )
    def test_the_last_fate_of_a_word_is_what_counts(self, tmp_path_factory, fates):
        with pytest.MonkeyPatch.context() as patched:
            patched.setenv("STROKEJAX_HOME", str(tmp_path_factory.mktemp("own")))
            for word, fate in fates:
                assert set_fate(word, fate) == user_words()
            last = dict(fates)
            for fate, words in user_words()._asdict().items():
                assert [*words] == sorted(w for w, f in last.items() if f == fate)

    @pytest.mark.parametrize(
        "word", ["", " ", "x" * 32, "two words", "tab\there", "12", "a" + "-" * 70]
    )
    def test_no_words_are_refused(self, home, word):
        with pytest.raises(InputError):
            set_fate(word, "taught")
        assert user_words() == UserWords()

    def test_there_may_be_so_many(self, home, monkeypatch):
        monkeypatch.setattr(own_keyboards, "MAX_WORDS", 2)
        set_fate("one", "taught")
        set_fate("two", "taught")
        set_fate("three", "blocked")
        with pytest.raises(InputError, match="forget some"):
            set_fate("four", "taught")
        assert user_words() == UserWords(("one", "two"), ("three",))

    def test_a_damaged_file_is_told_and_left(self, home):
        set_fate("tea", "taught")
        path = own_keyboards.folder() / own_keyboards.FILE
        path.write_text('{"taught": 3')
        with pytest.raises(InputError, match="damaged"):
            set_fate("two", "taught")
        assert path.read_text() == '{"taught": 3'

    def test_nothing_is_lost_when_many_change_at_once(self, home):
        words = [a + b for a in "abcdef" for b in "xyz"]
        with ThreadPoolExecutor(6) as threads:
            assert (
                len([*threads.map(lambda word: set_fate(word, "taught"), words)]) == 18
            )
        assert [*user_words().taught] == sorted(words)

    def test_a_kill_loses_nothing_that_was_acknowledged(self, home):
        code = (
            "import itertools\n"
            "from strokejax.tasks.swipes.keyboard import set_fate\n"
            "for i in itertools.count():\n"
            "    word = ''.join(chr(97 + int(c)) for c in str(i))\n"
            "    set_fate(word, 'taught')\n"
            "    print(word, flush=True)\n"
        )
        process = subprocess.Popen(
            [sys.executable, "-c", code], stdout=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        said = [process.stdout.readline().strip() for _ in range(20)]
        os.kill(process.pid, signal.SIGKILL)
        said += process.stdout.read().split()
        process.stdout.close()
        process.wait()
        assert {*said} - {""} <= {*user_words().taught}

    def test_taught_words_occur_often(self):
        own = UserWords(("tea", "the"), ())
        assert taught_frequencies(own.taught, {"the": 900.0, "a": 100.0}) == {
            "tea": 1,
            "the": 900,
        }


def test_what_lies_at_home_can_be_chosen(home):
    assert choices().models == {"swipe": "swipe"}
    place = own_keyboards.folder()
    for path in ("layouts/Mine.json", "words/French.txt", "models/new/CURRENT"):
        (place / path).parent.mkdir(parents=True)
        (place / path).touch()
    found = choices()
    assert [*found.models] == ["swipe", "new"]
    assert found.layouts["Mine"] == str(place / "layouts" / "Mine.json")
    assert found.words == {"en": "en", "French": str(place / "words" / "French.txt")}


def test_a_swipe_is_typed(ask):
    found = ask("/api/keyboards", {"layout": "qwerty"})
    assert {key["letter"]: [key["x"], key["y"]] for key in found["keys"]} == PLACES
    assert (found["width"], found["pitch"]) == (360, [36, 54])
    assert found["known"] > 8_000
    typed = ask("/api/swipes", {"curve": curve("quick"), "count": 3})
    assert typed["words"][0] == "quick" and len(typed["words"]) == 3
    assert typed["scores"] == sorted(typed["scores"], reverse=True)


def test_own_layouts_and_words_are_opened(ask, home):
    place = own_keyboards.folder()
    (place / "layouts").mkdir(parents=True)
    (place / "words").mkdir()
    keys = [
        {"label": letter, "hitbox": {"x": 100 * i, "y": 0, "w": 100, "h": 80}}
        for i, letter in enumerate("aeprt")
    ]
    row = {"width": 500, "height": 80, "keys": keys}
    (place / "layouts" / "row.json").write_text(json.dumps(row))
    (place / "words" / "five.txt").write_text("tape 3\npear 2\nzebra 1\n")
    mine = {"layout": "row", "words": "five"}
    found = ask("/api/keyboards", mine)
    assert (found["known"], found["left_out"]) == (2, 1)
    places = {key["letter"]: [key["x"], key["y"]] for key in found["keys"]}
    typed = ask("/api/swipes", {**mine, "curve": curve("pear", places)})
    assert typed["words"][0] == "pear"


def test_words_are_taught_and_blocked(ask):
    swipe = {"curve": curve("quicl"), "count": 12}
    assert "quicl" not in ask("/api/swipes", swipe)["words"]
    found = ask("/api/words", {"word": "quicl", "fate": "taught"})
    assert found == {"taught": ["quicl"], "blocked": []} == ask("/api/words")
    assert "quicl" in ask("/api/swipes", swipe)["words"][:2]
    ask("/api/words", {"word": "quicl", "fate": "blocked"})
    assert "quicl" not in ask("/api/swipes", swipe)["words"]


def test_few_keyboards_stay_open(ask, client, monkeypatch):
    monkeypatch.setattr(keyboards, "MAX_OPEN", 1)
    ask("/api/keyboards", {"layout": "azerty"})
    ask("/api/keyboards", {"layout": "dvorak"})
    assert [*client.app.state.typing._keyboards] == [("swipe", "dvorak", "en")]


@pytest.mark.parametrize(
    ("path", "body", "status", "words"),
    [
        ("/api/keyboards", {"layout": "../x"}, 400, "qwerty, azerty"),
        ("/api/keyboards", {"model": "nn-sampling"}, 400, "no model"),
        ("/api/keyboards", {"words": "klingon"}, 400, "list of words"),
        ("/api/keyboards", {"colour": "red"}, 422, "colour"),
        ("/api/swipes", {"curve": 3}, 400, "no curve"),
        ("/api/swipes", {"curve": {"x": [1], "y": [1], "t": [0]}}, 400, "1 point"),
        ("/api/swipes", {"curve": {"x": [1, 2], "y": [1], "t": [0]}}, 400, "2 x"),
        (
            "/api/swipes",
            {"curve": {"x": [1, 9e5], "y": [1, 2], "t": [0, 9]}},
            400,
            "far off",
        ),
        ("/api/swipes", {"curve": curve("to"), "count": 99}, 422, "count"),
        ("/api/words", {"word": "two words", "fate": "taught"}, 400, "several"),
        ("/api/words", {"word": "tea", "fate": "loved"}, 422, "fate"),
    ],
)
def test_what_cannot_be_is_refused(ask, path, body, status, words):
    assert words in ask(path, body, status)["error"]


def test_others_are_answered_while_swipes_wait(ask, client, studio, monkeypatch):
    queue = BoundedQueue(studio, 0, "swipes")
    monkeypatch.setattr(client.app.state.typing, "queue", queue)
    assert "ask again" in ask("/api/swipes", {"curve": curve("to")}, 429)["error"]
    assert client.get("/health").is_success
