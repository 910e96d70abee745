"""The studio's server: what it answers, what it refuses, and what others see of it."""

import asyncio
import base64
import io
import json
import shutil
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from unittest.mock import Mock

import numpy as np
import pytest
import uvicorn
from fastapi.testclient import TestClient
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from starlette.websockets import WebSocketDisconnect

import strokejax
from benchmarks.pen_events import write_page
from strokejax.ink.raster import rasterize_binary
from strokejax.ink.synthesis.handwriting import Writer, random_writer, write
from strokejax.registration import coach, registry
from strokejax.serve import run
from strokejax.serve.app import create_app
from strokejax.serve.guard import Limits, RateLimiter
from strokejax.serve.studio import K, Studio
from strokejax.store.model import load_model
from strokejax.store.paths import PACKAGED
from strokejax.tasks import pages
from strokejax.tasks.symbols.live.events import Line
from strokejax.tasks.symbols.live.session import Session
from strokejax.tasks.symbols.live.stream import Settings
from strokejax.tasks.symbols.pages.live import INTERVAL
from tests.support.answered import content
from tests.support.shapes import shape

MINE = {"host": "localhost:8000"}
HAND = Writer(size=120, overlap=0.3)


def json_ink(ink):
    return {"strokes": [stroke[:, :2].tolist() for stroke in ink.strokes]}


def letter(symbol="w", seed=3):
    rng = np.random.default_rng(seed)
    return write(symbol, random_writer(rng), rng)


HEARTS = [json_ink(shape("heart", i)) for i in range(6)]


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return tmp_path_factory.mktemp("served")


@pytest.fixture(autouse=True)
def own_home(home, monkeypatch):
    """All tests here share one server and one model."""
    monkeypatch.setenv("STROKEJAX_HOME", str(home))
    return home


@pytest.fixture(scope="module")
def studio(home):
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("STROKEJAX_HOME", str(home))
        collected = home / "collected"
        collected.mkdir()
        studio = Studio(None, collected)
        yield studio
        studio.close()


@pytest.fixture(scope="module")
def client(studio):
    app = create_app(studio, Limits(rate=0), pages())
    with TestClient(app, headers=MINE) as client:
        yield client


@pytest.fixture
def asked(client):
    """Asks, and gives the JSON of an answer with the expected status."""

    def ask(method, path, status=200, **more):
        return content(client.request(method, path, **more), status)

    return ask


@pytest.fixture
def heart(asked):
    """A registered heart, gone again after the test."""
    found = asked("POST", "/symbols", json={"name": "heart", "drawings": HEARTS[:5]})
    yield found
    names = [each["name"] for each in asked("GET", "/symbols")["symbols"]]
    if "heart" in names:
        asked("DELETE", "/symbols", params={"name": "heart"})


# Predictions


def test_the_published_request_gets_the_published_answer(asked):
    steps = np.diff(letter("s").strokes[0][:, :2], axis=0, prepend=0)
    body = {"velocities": [{"vx": x, "vy": y} for x, y in steps.tolist()]}
    found = asked("POST", "/predict", json=body)
    assert {
        "predicted_char",
        "confidence",
        "inference_ms",
        "image_base64",
        "image_data_url",
        "num_classes",
    } <= found.keys()
    assert found["predicted_char"] in ("s", "S")
    assert 0 < found["confidence"] <= 1
    assert found["num_classes"] == len(asked("GET", "/symbols")["symbols"])
    png = base64.b64decode(found["image_base64"])
    assert found["image_data_url"].endswith(found["image_base64"])
    image = np.asarray(Image.open(io.BytesIO(png)))
    line = np.cumsum(steps, axis=0)
    np.testing.assert_array_equal(image, 255 * rasterize_binary([[line]])[0])


def test_predictions_are_those_of_the_library(asked):
    ink = letter()
    answer = strokejax.load().recognize(ink, K)
    found = asked("POST", "/predict", json={"ink": json_ink(ink)})
    assert tuple(found["symbols"]) == answer.symbols
    np.testing.assert_allclose(found["probability"], answer.probability, atol=1e-5)
    assert found["inputs"] == ["shape", "motion"]
    for name in ("reference_size", "usual_size"):  # the former name, too
        sized = asked("POST", "/predict", json={"ink": json_ink(ink), name: 40})
        assert sized["inputs"] == ["shape", "motion", "size"]


def test_only_models_of_drawings_are_listed(asked):
    assert asked("GET", "/models")["models"] == ["argmax", "nn-sampling"]


@pytest.mark.parametrize("kind", ["png", "jpeg"])
def test_pictures_are_named(asked, kind):
    page = np.full((80, 100), 255, np.uint8)
    page[20:60, 45:52] = 0
    file = io.BytesIO()
    Image.fromarray(page).save(file, kind)
    content, kinds = file.getvalue(), {"content-type": f"image/{kind}"}
    found = asked("POST", "/predict", content=content, headers=kinds)
    assert found["symbols"] == list(strokejax.load().recognize(page, K).symbols)
    assert found["inputs"] == ["shape"]


BAD = [
    ({}, "either"),
    ({"velocities": [], "ink": HEARTS[0]}, "either"),
    ({"velocities": []}, "ink"),
    ({"velocities": [{"vx": 1}]}, "velocities.0.vy"),
    ({"velocities": [{"vx": 1, "vy": "much"}]}, "velocities.0.vy"),
    ({"ink": {"strokes": []}}, "request"),
    ({"ink": {"strokes": [[[1, 2], [3]]]}}, "does not hold ink"),
    ({"ink": {"strokes": [[[1e300, 2], [3, 4]]]}}, "request"),
    ({"ink": HEARTS[0], "num_classes": 27}, "num_classes is 27"),
    ({"ink": HEARTS[0], "reference_size": 0}, "reference_size"),
    ({"ink": HEARTS[0], "colour": "red"}, "colour"),
    ({"ink": {"strokes": [[[i % 9, i % 7] for i in range(200_000)]]}}, "200,000"),
]


@pytest.mark.parametrize(("body", "words"), BAD)
def test_bad_predictions_are_refused_with_a_sentence(asked, body, words):
    assert words in asked("POST", "/predict", 400, json=body)["error"]


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"{", "application/json"),
        (b'{"ink": {"strokes": [[[NaN, 1], [2, 3]]]}}', "application/json"),
        (b"\x89PNG nothing", "image/png"),
        (b"", "image/png"),
        (b"[" * 100_000, "application/json"),
    ],
)
def test_what_is_no_drawing_is_refused(asked, content, kind):
    asked("POST", "/predict", 400, content=content, headers={"content-type": kind})


# Teaching


def test_a_symbol_is_taught_used_and_taken_back(asked, heart):
    assert heart["symbol"] == "heart" and heart["samples"] == 5
    assert load_model(None).version == heart["version"]
    found = asked("POST", "/predict", json={"ink": HEARTS[5]})
    assert found["predicted_char"] == "heart"
    assert asked("GET", "/health")["version"] == heart["version"]
    (listed,) = [s for s in asked("GET", "/symbols")["symbols"] if s["name"] == "heart"]
    assert (listed["samples"], listed["origin"]) == (5, "registered")
    shown = asked("GET", "/symbols/drawings", params={"name": "heart"})
    assert len(shown["drawings"]) == 5 and shown["typical"] is None
    for drawn, mine in zip(shown["drawings"], HEARTS, strict=False):
        np.testing.assert_allclose(drawn["strokes"][0], mine["strokes"][0], atol=0.01)
    assert asked("GET", "/history")["history"][0]["verb"] == "register"
    assert asked("POST", "/undo")["undone"]["symbol"] == "heart"
    assert asked("POST", "/predict", json={"ink": HEARTS[5]})["symbols"][0] != "heart"


def test_the_coach_speaks_before_anything_is_saved(asked):
    version = asked("GET", "/health")["version"]
    body = {"name": "heart", "drawings": HEARTS[:3]}
    said = asked("POST", "/symbols/preview", json=body)
    assert said["samples"] == 3 and said["more"] > 0
    assert asked("GET", "/health")["version"] == version
    found = asked("POST", "/symbols", json=body)
    assert said == {name: x for name, x in found.items() if name != "version"}
    asked("DELETE", "/symbols", params={"name": "heart"})


def test_a_symbol_is_taught_with_its_text_in_one_version(asked):
    body = {"name": "heart", "drawings": HEARTS[:3], "text": "love"}
    version = asked("GET", "/health")["version"]
    assert asked("POST", "/symbols", json=body)["version"] == version + 1
    (row,) = [s for s in asked("GET", "/symbols")["symbols"] if s["name"] == "heart"]
    assert row["text"] == "love"
    asked("POST", "/undo")
    names = [each["name"] for each in asked("GET", "/symbols")["symbols"]]
    assert "heart" not in names


def test_names_texts_and_drawings_change(asked, heart):
    asked("PATCH", "/symbols", json={"name": "heart", "text": "I love you"})
    found = asked("PATCH", "/symbols", json={"name": "heart", "to": "<b>love</b>"})
    assert found["name"] == "<b>love</b>"
    name = {"name": "<b>love</b>"}
    drawn = asked("POST", "/predict", json={"ink": HEARTS[5]})
    assert drawn["symbols"][0] == name["name"]
    assert drawn["predicted_char"] == "I love you"
    asked("DELETE", "/symbols", params=name | {"drawing": 0})
    assert len(asked("GET", "/symbols/drawings", params=name)["drawings"]) == 4
    asked("DELETE", "/symbols", 400, params=name | {"drawing": 7})
    asked("DELETE", "/symbols", params=name)
    asked("DELETE", "/symbols", 400, params=name)


def test_what_harms_the_others_needs_force(asked):
    drawings = [json_ink(letter("o", seed)) for seed in range(6)]
    body = {"name": "ring", "drawings": drawings}
    said = asked("POST", "/symbols", 409, json=body)["error"]
    assert '"force": true' in said and "--" not in said
    assert asked("POST", "/symbols", json=body | {"force": True})["symbol"] == "ring"
    asked("DELETE", "/symbols", params={"name": "ring"})


def test_an_export_comes_back_by_import(client, asked, heart):
    file = client.get("/export", params={"name": "heart"})
    assert file.status_code == 200
    asked("DELETE", "/symbols", params={"name": "heart"})
    binary = {"content-type": "application/octet-stream"}
    found = asked("POST", "/import", content=file.content, headers=binary)
    assert [each["symbol"] for each in found["symbols"]] == ["heart"]
    damaged = file.content[:-1] + b"?"
    asked("POST", "/import", 400, content=damaged, headers=binary)
    asked("POST", "/import", 400, content=b"", headers=binary)
    asked("GET", "/export", 400, params={"name": "nothing"})


@pytest.mark.parametrize(
    "body",
    [
        {"name": "", "drawings": HEARTS[:1]},
        {"name": "x" * 65, "drawings": HEARTS[:1]},
        {"name": "x", "drawings": []},
        {"name": "x", "drawings": HEARTS[:1] * 101},
        {"name": "x"},
        [],
    ],
)
def test_what_is_no_teaching_is_refused(asked, body):
    asked("POST", "/symbols", 422, json=body)


@pytest.mark.parametrize(
    "body",
    [
        {"name": "\u202e", "drawings": HEARTS[:1]},
        {"name": "x", "drawings": [{"strokes": "none"}]},
        {"name": "x", "drawings": HEARTS[:1] * 2},
        {"name": "x", "drawings": HEARTS[:1], "ignore": ["colour"]},
    ],
)
def test_teaching_is_refused_whole(asked, body):
    version = asked("GET", "/health")["version"]
    asked("POST", "/symbols", 400, json=body)
    assert asked("GET", "/health")["version"] == version


def test_two_teachers_of_one_name_are_both_heard(asked):
    def teach(drawings):
        return asked("POST", "/symbols", json={"name": "duo", "drawings": drawings})

    with ThreadPoolExecutor(2) as pool:
        found = list(pool.map(teach, (HEARTS[:3], HEARTS[3:])))
    assert sorted(each["samples"] for each in found) == [3, 6]
    (listed,) = [s for s in asked("GET", "/symbols")["symbols"] if s["name"] == "duo"]
    assert listed["samples"] == 6
    asked("DELETE", "/symbols", params={"name": "duo"})


def test_what_another_process_teaches_is_seen(asked, studio):
    registry.register(None, "far", [shape("arrow", i) for i in range(4)])
    version, waiting = load_model(None).version, threading.Event()
    for _ in range(100):
        if asked("GET", "/health")["version"] == version:
            break
        waiting.wait(0.1)
    assert studio.recognizer.version == version
    assert studio.recognizer.symbols.symbol("far") == "far"
    asked("DELETE", "/symbols", params={"name": "far"})


# Collecting and the map


def test_drawings_are_kept_and_counted(asked, studio):
    def counts():
        found = asked(
            "GET", "/collect", params={"symbols": ["a", "heart"], "target": 2}
        )
        return {each["name"]: each["samples"] for each in found["symbols"]}

    assert counts() == {"a": 0, "heart": 0}
    kept = asked("POST", "/collect", json={"symbol": "a", "ink": json_ink(letter("a"))})
    assert (studio.collect / kept["file"]).is_file() and kept["samples"] == 1
    assert counts() == {"a": 1, "heart": 0}
    gone = asked("POST", "/collect/undo", json={"file": kept["file"]})
    assert gone["samples"] == 0 == counts()["a"]
    assert (studio.collect / ".rejected" / kept["file"]).is_file()
    for file in (kept["file"], "../../etc/passwd", ""):
        asked("POST", "/collect/undo", 400, json={"file": file})
    for ask in ({"target": 0}, {"symbols": "x" * 65}):
        asked("GET", "/collect", 400, params=ask)
    kept = asked("POST", "/collect", json={"symbol": "../x", "ink": HEARTS[0]})
    assert kept["file"].startswith("%2E%2E%2Fx/")
    asked("POST", "/collect/undo", json={"file": kept["file"]})


def test_the_map_shows_every_symbol(asked, heart):
    found = asked("GET", "/map")
    names = {each["name"] for each in asked("GET", "/symbols")["symbols"]}
    assert {each["name"] for each in found["symbols"]} == names
    for each in found["symbols"]:
        assert 0 <= each["x"] <= 1 and 0 <= each["y"] <= 1
        assert {n["name"] for n in each["neighbours"]} <= names - {each["name"]}
        assert all(0 < c["rate"] <= 1 for c in each["confusions"])
        assert each["strokes"] is None or len(each["strokes"][0][0]) == 2
    (mine,) = [each for each in found["symbols"] if each["name"] == "heart"]
    assert mine["origin"] == "registered" and mine["strokes"]


# Live


def events(symbols="ab", seed=0):
    """Lines of events of a hand."""
    found, _ = write_page(symbols, HAND, np.random.default_rng(seed))
    keys = ("t", "x", "y", "down")
    return [json.dumps(dict(zip(keys, e, strict=True))) for e in found.tolist()]


def drawn_heart():
    """Lines of events of a heart."""
    points = 20 * shape("heart", 7).strokes[0][:, :2].astype(float)
    lines = [{"t": i / 60, "x": x, "y": y} for i, (x, y) in enumerate(points.tolist())]
    lines.append(lines[-1] | {"t": len(points) / 60, "down": False})
    return [json.dumps(line) for line in lines]


def heard(socket, until):
    """Messages up to the first one that `until` is true of."""
    told = []
    while not told or not until(told[-1]):
        told.append(json.loads(socket.receive_text()))
    return told


def test_what_is_drawn_is_answered_as_by_the_command(client, studio):
    lines = events("abc")
    with client.websocket_connect("/live", subprotocols=["strokejax"]) as socket:
        assert socket.accepted_subprotocol == "strokejax"
        first = json.loads(socket.receive_text())
        assert first == {"changed": studio.recognizer.version}
        for i in range(0, len(lines), 7):
            socket.send_text("\n".join(lines[i : i + 7]))
        socket.send_text('{"flush": true}')
        told = heard(socket, lambda each: each["id"] == 2 and each["final"])
    session = Session(studio.recognizer, Settings(interval=INTERVAL, k=K))
    alone = [
        each
        for i, line in enumerate(lines)
        for each in session.process(Line(i, line.encode(), 0.0), 0.0)
    ] + session.finish()
    for each in (*told, *alone):
        del each["latency_ms"]
    assert told == json.loads(json.dumps(alone))
    assert any(not each["final"] for each in told)


def test_time_alone_ends_a_symbol(client):
    with client.websocket_connect("/live") as socket:
        socket.send_text("\n".join(events("o")))
        started = time.perf_counter()
        told = heard(socket, lambda each: each.get("final"))
    assert time.perf_counter() - started < 5
    assert told[-1]["symbols"][0] in ("o", "O", "0")


def test_what_is_cancelled_was_never_drawn(client):
    with client.websocket_connect("/live") as socket:
        socket.send_text("\n".join(events("o")[:20]) + '\n{"cancel": true}')
        later = [
            json.dumps(each | {"t": each["t"] + 9})
            for each in map(json.loads, events("w"))
        ]
        socket.send_text("\n".join(later) + '\n{"flush": true}')
        told = heard(socket, lambda each: each.get("final"))
    assert told[-1]["id"] == 0
    with client.websocket_connect("/live") as socket:
        socket.send_text("\n".join(events("w")) + '\n{"flush": true}')
        alone = heard(socket, lambda each: each.get("final"))
    assert told[-1]["symbols"] == alone[-1]["symbols"]
    np.testing.assert_allclose(told[-1]["dist2"], alone[-1]["dist2"], atol=1e-5)


def test_bad_lines_are_told_and_the_rest_is_answered(client):
    lines = events("w")
    with client.websocket_connect("/live") as socket:
        socket.send_text("\n".join([*lines[:5], "nonsense", "x" * 5_000, *lines[5:]]))
        socket.send_text('{"flush": true}')
        told = heard(socket, lambda each: each.get("final"))
    errors = [each["error"] for each in told if "error" in each]
    assert [each.split(":")[0] for each in errors] == ["line 6", "line 7"]
    assert {"w", "W"} & set(told[-1]["symbols"][:2])


def test_a_correction_is_kept_learned_and_seen_by_all(client, studio, asked):
    before = studio.recognizer.version
    with (
        client.websocket_connect("/live") as socket,
        client.websocket_connect("/live") as other,
    ):
        assert json.loads(other.receive_text()) == {"changed": before}
        socket.send_text("\n".join(drawn_heart()))
        socket.send_text('{"flush": true}\n{"correct": 0, "name": "love"}')
        told = heard(socket, lambda each: "corrected" in each)[-1]
        assert told["corrected"] == "love" and told["version"] == before + 1
        assert (studio.collect / "love").is_dir()
        assert json.loads(other.receive_text()) == {"changed": before + 1}
    assert "love" in [each["name"] for each in asked("GET", "/symbols")["symbols"]]
    asked("DELETE", "/symbols", params={"name": "love"})


def test_a_correction_that_would_harm_is_kept_but_not_learned(
    client, studio, asked, monkeypatch
):
    monkeypatch.setattr(coach, "MAX_MEAN_LOSS", -1.0)
    version = asked("GET", "/health")["version"]
    with client.websocket_connect("/live") as socket:
        socket.send_text("\n".join(events("o")))
        socket.send_text('{"flush": true}\n{"correct": 0, "name": "ring"}')
        told = heard(socket, lambda each: "corrected" in each)[-1]
    assert told["error"].startswith("saved, but not learned: ")
    assert (studio.collect / "ring").is_dir()
    assert asked("GET", "/health")["version"] == version


def test_a_correction_that_is_refused_says_which(client):
    with client.websocket_connect("/live") as socket:
        socket.send_text('{"correct": 7, "name": "x"}')
        (told,) = heard(socket, lambda each: "error" in each)[1:]
    assert told["id"] == 7


def test_a_client_that_vanishes_leaves_nothing_behind(client):
    for _ in range(3):
        with client.websocket_connect("/live") as socket:
            socket.send_text("\n".join(events("abc")))
    for _ in range(50):
        if not client.app.state.sockets:
            break
        time.sleep(0.1)
    assert not client.app.state.sockets


def test_sockets_are_closed_with_a_reason(studio):
    with bounded(studio, rate=0, sockets=1, idle=0.3) as client:
        with client.websocket_connect("/live") as socket:
            socket.receive_text()
            with client.websocket_connect("/live") as other:
                assert last_code(other) == 1013
            assert last_code(socket) == 1001
        with client.websocket_connect("/live") as socket:
            socket.receive_text()
            socket.send_text("x" * 300_000)
            assert last_code(socket) == 1009


def test_a_message_of_too_many_lines_is_one_refusal(client):
    with client.websocket_connect("/live") as socket:
        socket.receive_text()
        socket.send_text("\n".join(["x"] * 1_001))
        assert "1,001 lines" in json.loads(socket.receive_text())["error"]
        socket.send_text("x")
        assert "line 1:" in json.loads(socket.receive_text())["error"]


def test_connections_that_never_ask_are_closed(monkeypatch):
    def connection(**cycle):
        return Mock(spec=["transport", *cycle], transport=Mock(), **cycle)

    silent, asking, socket = connection(cycle=None), connection(cycle=1), connection()
    server = run._Server(uvicorn.Config(Mock()))
    server.server_state.connections = {silent, asking, socket}
    for now in (0.0, run.MAX_SILENCE - 1.0, run.MAX_SILENCE + 1.0):
        monkeypatch.setattr(run.time, "monotonic", lambda now=now: now)
        assert not silent.transport.close.called
        asyncio.run(server.on_tick(10))
    assert silent.transport.close.called
    assert not asking.transport.close.called and not socket.transport.close.called


def test_wrong_tokens_count_for_the_rate(studio):
    with bounded(studio, rate=5, token="t" * 20) as client:
        found = [client.get("/symbols").status_code for _ in range(30)]
    assert found[0] == 401 and found[-1] == 429


@pytest.mark.parametrize("origin", ["http://[", "null", "http://testserver:80:80"])
def test_an_origin_that_is_none_is_refused(client, origin):
    answer = client.get("/health", headers={"origin": origin})
    assert answer.status_code == 403 and "may not use" in answer.json()["error"]


def test_a_change_of_name_and_text_is_whole_or_not_made(asked, heart):
    bad = {"name": "heart", "text": "Q", "to": "a"}
    asked("PATCH", "/symbols", 400, json=bad)
    listed = {s["name"]: s for s in asked("GET", "/symbols")["symbols"]}
    assert listed["heart"]["text"] == "heart"
    version = asked("GET", "/symbols")["version"]
    asked("PATCH", "/symbols", json={"name": "heart", "text": "<3", "to": "love"})
    found = asked("GET", "/symbols")
    assert found["version"] == version + 1
    assert {s["name"]: s["text"] for s in found["symbols"]}["love"] == "<3"


def test_maps_are_made_once(asked, studio, monkeypatch):
    from strokejax.tasks.symbols.pages import symbols as maps

    made = []

    def counted(studio):
        made.append(1)
        time.sleep(0.1)
        return {"symbols": []}

    monkeypatch.setattr(maps, "_map", counted)

    async def all_at_once():
        request = SimpleNamespace(app=SimpleNamespace(state=SimpleNamespace()))
        request.app.state.map = None
        return await asyncio.gather(
            *(maps.symbol_map(request, studio) for _ in range(9))
        )

    assert len(asyncio.run(all_at_once())) == 9 and made == [1]


def test_the_watcher_outlives_a_model_that_is_gone_for_a_while(tmp_path):
    folder, away = tmp_path / "model", tmp_path / "away"
    shutil.copytree(PACKAGED / "nn-sampling", folder)
    studio = Studio(folder)

    async def moved():
        watching = asyncio.create_task(studio.watch())
        folder.rename(away)
        await asyncio.sleep(1.5)
        away.rename(folder)
        assert not watching.done()
        watching.cancel()

    asyncio.run(moved())
    studio.close()


def closing_code(connection):
    """How a WebSocket that is refused is closed."""
    with pytest.raises(WebSocketDisconnect) as closed, connection:
        pass
    return closed.value.code


def last_code(socket):
    """How a WebSocket is closed whose next message is its end."""
    with pytest.raises(WebSocketDisconnect) as closed:
        socket.receive_text()
    return closed.value.code


# Limits


def bounded(studio, **limits):
    """Another server over the same studio."""
    return TestClient(create_app(studio, Limits(**limits), pages()), headers=MINE)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"host": "localhost"}, 200),
        ({"host": "127.0.0.1:1234"}, 200),
        ({"host": "[::1]:8000"}, 200),
        ({"host": "evil.example"}, 421),
        ({"host": "localhost.evil.example"}, 421),
        ({"host": "[::1"}, 421),
        ({"host": ""}, 421),
        ({"origin": "http://localhost:8000"}, 200),
        ({"origin": "http://evil.example"}, 403),
        ({"origin": "http://localhost:9000"}, 403),
        ({"origin": "null"}, 403),
    ],
)
def test_only_its_own_pages_may_ask(client, headers, status):
    answer = client.get("/health", headers=headers)
    assert answer.status_code == status
    if status != 200:
        assert answer.json()["error"].count(". ") == 0
        assert closing_code(client.websocket_connect("/live", headers=headers)) == 1008


def test_a_token_is_asked_for_where_there_is_one(studio):
    token = "a-token-of-some-length"
    with bounded(studio, token=token, rate=0) as client:
        for path in ("/", "/health", "/static/index.html", "/openapi.json"):
            assert client.get(path).status_code == 200
        assert client.get("/health").json()["token"] is True
        for said in ("", "Bearer x", token[:-1]):
            no = {"authorization": said}
            assert client.get("/symbols", headers=no).status_code == 401
            assert closing_code(client.websocket_connect("/live", headers=no)) == 1008
        mine = {"authorization": f"Bearer {token}"}
        assert client.get("/symbols", headers=mine).status_code == 200
        protocols = ["strokejax", f"token.{token}"]
        with client.websocket_connect("/live", subprotocols=protocols) as socket:
            assert "changed" in socket.receive_text()


def test_bodies_are_bounded(studio):
    with bounded(studio, body=1_000, rate=0) as client:
        large = {"ink": HEARTS[0], "more": "x" * 2_000}
        assert client.post("/predict", json=large).status_code == 413

        def parts():
            for _ in range(100):
                yield b"x" * 100

        assert client.post("/predict", content=parts()).status_code == 413


def test_requests_have_a_rate(studio):
    with bounded(studio, rate=5) as client:
        codes = [client.get("/health").status_code for _ in range(20)]
    assert codes.count(200) in (10, 11) and codes[-1] == 429


@given(st.lists(st.floats(0, 1), max_size=60), st.floats(1, 50))
def test_no_rate_is_above_its_bucket(pauses, rate):
    bucket, now, allowed = RateLimiter(rate), 0.0, 0
    for pause in pauses:
        now += pause
        allowed += bucket.allow("somebody", now)
        assert bucket.allow("somebody else", now) or allowed
    assert allowed <= 2 * rate + rate * now + 1
    assert RateLimiter(0).allow("anybody", 0.0)


def test_answers_carry_their_bounds(client):
    for path in ("/", "/health", "/nothing"):
        headers = client.get(path).headers
        assert "default-src 'self'" in headers["content-security-policy"]
        assert "unsafe" not in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nothing", 404),
        ("DELETE", "/health", 405),
        ("GET", "/static/../studio.py", 404),
        ("GET", "/static/%2e%2e/studio.py", 404),
        ("GET", "/symbols/drawings", 422),
    ],
)
def test_what_there_is_not_is_a_sentence(asked, method, path, status):
    asked(method, path, status)
