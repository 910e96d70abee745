"""Lines over HTTP: what is read of pictures and of ink, and what is refused."""

import base64
import io
import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import jax
import numpy as np
import pytest
from fastapi.testclient import TestClient
from PIL import Image

from strokejax.ink.synthesis.handwriting import Writer, write
from strokejax.networks.spec import EncoderSpec
from strokejax.serve.app import create_app
from strokejax.serve.guard import Limits
from strokejax.serve.studio import Studio
from strokejax.store.paths import CURRENT
from strokejax.tasks import pages
from strokejax.tasks.lines import page as lines
from strokejax.tasks.lines import reader as reading
from strokejax.tasks.lines.decode import Character, Reading
from strokejax.tasks.lines.network import line_net
from strokejax.tasks.lines.reader import LineReader
from tests.support.answered import content

ALPHABET = (*"abc ",)
PNG = {"content-type": "image/png"}
HELLO = [
    (stroke[:, :2] + (150 * i, 0)).tolist()
    for i, symbol in enumerate("hello")
    for stroke in write(symbol, Writer(size=120), np.random.default_rng(i)).strokes
]


def tiny_reader():
    """Untrained; it reads something."""
    encoder = line_net(len(ALPHABET) + 1)
    image = np.zeros((1, 40, 64), np.uint8)
    example = {"image": image, "width": np.full(1, 64, np.int32)}
    params, state = jax.jit(encoder.init)(jax.random.key(0), example)
    spec = EncoderSpec("line_cnn", out_dim=len(ALPHABET) + 1, normalise=False)
    return LineReader(spec, encoder, params, state, ALPHABET)


class Stub:
    """Reads "a b" in every line and remembers what it was given."""

    alphabet = ALPHABET

    def __init__(self):
        self.languages, self.busy, self.wait = [], 0, threading.Event()
        self.wait.set()

    prepare = staticmethod(lambda picture, where: tiny.prepare(picture, where))

    def read(self, prepared, language):
        self.busy += 1
        assert self.busy == 1 and len(prepared) == 1
        self.wait.wait(10)
        self.languages.append(language)
        self.busy -= 1
        others = (("a", 0.75), ("b", 0.25))
        places = ((-0.5, 10.0), (10.0, 12.5), (12.5, 9e9))
        characters = [
            Character(char, 0.75, *place, others)
            for char, place in zip("a b", places, strict=True)
        ]
        return [Reading("a b", 0.5, tuple(characters))]


tiny = tiny_reader()


@pytest.fixture(scope="module")
def studio(tmp_path_factory):
    home = tmp_path_factory.mktemp("lines")
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("STROKEJAX_HOME", str(home))
        studio = Studio(None)
        yield studio
        studio.close()


@pytest.fixture
def packaged(tmp_path, monkeypatch):
    """A folder in which a model of lines seems to be."""
    (tmp_path / lines.READER).mkdir()
    (tmp_path / lines.READER / CURRENT).touch()
    monkeypatch.setattr(lines, "PACKAGED", tmp_path)


@pytest.fixture
def loads(packaged, monkeypatch):
    """What readers are loaded."""
    loaded = []

    def load(model):
        time.sleep(0.05)
        loaded.append(Stub())
        return loaded[-1]

    monkeypatch.setattr(reading, "load_reader", load)
    return loaded


@pytest.fixture
def ask(studio):
    """Asks, and gives the JSON of an answer with the expected status."""
    app = create_app(studio, Limits(rate=0, file=1 << 20), pages())
    with TestClient(app, headers={"host": "localhost:8000"}) as client:

        def asked(status=200, **more):
            return content(client.post("/api/lines", **more), status)

        yield asked


def png(pixels):
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def picture(height=40, width=200):
    """A wave on white paper."""
    x = np.arange(10, width - 10)
    pixels = np.full((height, width), 255, np.uint8)
    for thick in range(3):
        pixels[(height // 2 + height / 4 * np.sin(x / 9)).astype(int) + thick, x] = 0
    return png(pixels)


def test_a_picture_is_read_with_places_in_it(ask, loads):
    found = ask(content=picture(), headers=PNG)
    assert found["text"] == "a b" and found["confidence"] == 0.5
    assert (found["width"], found["height"]) == (200, 40)
    assert found["picture"] is None
    first, _, last = found["characters"]
    assert first == {
        "char": "a",
        "confidence": 0.75,
        "x0": 0.0,
        "x1": 10.0,
        "others": [
            {"char": "a", "probability": 0.75},
            {"char": "b", "probability": 0.25},
        ],
    }
    assert last["x1"] == 200


def test_ink_is_drawn_and_read(ask, loads):
    found = ask(json={"strokes": HELLO})
    head, data = found["picture"].split(",")
    drawn = Image.open(io.BytesIO(base64.b64decode(data)))
    assert head == "data:image/png;base64"
    assert drawn.size == (found["width"], found["height"])
    assert drawn.height < 70 < drawn.width
    small = [[[x / 1e4, y / 1e4] for x, y in stroke] for stroke in HELLO]
    again = ask(json={"strokes": small, "language": None})
    assert (again["width"], again["height"]) == (found["width"], found["height"])


def test_the_reader_and_each_language_are_loaded_once(ask, loads):
    def one(i):
        if i % 2:
            return ask(json={"strokes": HELLO, "language": "en"})
        return ask(content=picture(), headers=PNG)

    with ThreadPoolExecutor(4) as threads:
        assert len([*threads.map(one, range(6))]) == 6
    ask(content=picture(), headers=PNG, params={"language": "en"})
    (stub,) = loads
    assert len(stub.languages) == 7
    assert len({id(language) for language in stub.languages}) == 2


def test_a_reader_of_lines_reads(ask, packaged, monkeypatch):
    monkeypatch.setattr(reading, "load_reader", lambda model: tiny)
    found = ask(json={"strokes": HELLO})
    assert found["text"] == "".join(each["char"] for each in found["characters"])
    assert set(found["text"]) <= {*ALPHABET}
    for each in found["characters"]:
        assert 0 <= each["x0"] <= each["x1"] <= found["width"]
        assert each["char"] in [other["char"] for other in each["others"]]


MANY = [[[i % 9, i % 7] for i in range(200_000)]]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({}, "strokes"),
        ({"strokes": []}, "no points"),
        ({"strokes": [[[1, 2]]]}, "one point"),
        ({"strokes": [[[1, 2], [3]]]}, "does not hold ink"),
        ({"strokes": [[[1e300, 2], [3, 4]]]}, "finite"),
        ({"strokes": MANY}, "200,000"),
        ({"strokes": [[[0, 0], [1000, 0]]]}, "limit of 8,192"),
        ({"strokes": HELLO, "language": "klingon"}, "klingon"),
        ({"strokes": HELLO, "colour": "red"}, "colour"),
    ],
)
def test_bad_ink_is_refused(ask, loads, body, words):
    assert words in ask(400, json=body)["error"]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "not a picture"),
        (b"\x89PNG nothing", "not a picture"),
        (picture()[:-60], "damaged"),
        (png(np.full((40, 200), 255, np.uint8)), "blank"),
        (picture(2_000, 40), "turn it"),
        (picture(40, 40_000), "above the limit of 8,192"),
        (png(np.full((4_001, 4_000), 255, np.uint8)), "16,000,000"),
    ],
)
def test_bad_pictures_are_refused(ask, loads, content, words):
    assert words in ask(400, content=content, headers=PNG)["error"]


def test_what_is_too_much_or_unknown_is_refused(ask, loads):
    assert "1,048,576" in ask(413, content=b"x" * (1 << 21), headers=PNG)["error"]
    said = ask(422, content=picture(), headers=PNG, params={"language": "tlh"})
    assert "tlh" in said["error"]
    assert "JSON" in ask(400, content=b"[" * 1_000)["error"]


def test_a_model_that_is_missing_is_said_to_be(ask, monkeypatch, tmp_path):
    monkeypatch.setattr(lines, "PACKAGED", tmp_path)
    said = ask(400, content=picture(), headers=PNG)["error"]
    assert lines.READER in said and "install" in said


def test_others_are_answered_while_lines_wait(studio, loads, monkeypatch):
    monkeypatch.setattr(lines, "MAX_WAITING", 2)
    app = create_app(studio, Limits(rate=0), pages())
    with (
        TestClient(app, headers={"host": "localhost:8000"}) as client,
        ThreadPoolExecutor(2) as threads,
    ):
        assert client.post("/api/lines", json={"strokes": HELLO}).is_success
        loads[0].wait.clear()
        slow = [
            threads.submit(client.post, "/api/lines", json={"strokes": HELLO})
            for _ in range(2)
        ]
        while app.state.lines.queue._waiting < 2:
            time.sleep(0.01)
        assert client.get("/health").is_success
        refused = client.post("/api/lines", json={"strokes": HELLO})
        loads[0].wait.set()
        assert all(each.result().is_success for each in slow)
    assert refused.status_code == 429
    assert "2 lines wait" in json.loads(refused.text)["error"]
