"""Fonts over HTTP: what pictures of text are set in, what is drawn and kept."""

import hashlib
import io
import json
import shutil
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from unittest.mock import Mock

import numpy as np
import pytest
from fastapi.testclient import TestClient
from PIL import Image

from strokejax.serve.app import create_app
from strokejax.serve.guard import Limits
from strokejax.serve.studio import Studio, Threads
from strokejax.store.model import save_model
from strokejax.tasks import pages
from strokejax.tasks.fonts import answers as font_answers
from strokejax.tasks.fonts import page as fonts
from strokejax.tasks.fonts import page as kept
from strokejax.tasks.fonts.faces import faces
from strokejax.tasks.fonts.finder import FontFinder
from strokejax.tasks.fonts.settings import FONTS
from tests.support import indexed, typefaces
from tests.support.answered import content

PNG = {"content-type": "image/png"}
FACES = {face.name: face for path in typefaces.ALL for face in faces(path)}


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """Where a model of four fonts lies."""
    home = tmp_path_factory.mktemp("fonts")
    save_model(home / FONTS, indexed.indexed())
    return home


@pytest.fixture(scope="module")
def studio():
    """The threads of one, without its model of strokes: that takes long to load."""
    threads = {name: Threads(1, name) for name in ("run_large", "run_heavy")}
    yield Mock(Studio, **threads)
    for each in threads.values():
        each.executor.shutdown()


@pytest.fixture(scope="module")
def shared(studio):
    return create_app(studio, Limits(rate=0, file=9 << 20), pages())


def asking(app):
    """Asks, and gives an answer with the expected status; errors are one sentence."""

    def asked(status=200, method="POST", path="/api/fonts", **more):
        found = content(client.request(method, path, **more), status)
        return found["error"] if status >= 400 else found

    client = TestClient(app, headers={"host": "localhost:8000"})
    return asked


@pytest.fixture
def ask(shared, home, monkeypatch):
    monkeypatch.setenv("STROKEJAX_HOME", str(home))
    return asking(shared)


@pytest.fixture
def bare(studio, tmp_path, monkeypatch):
    """Asks a server in a home of its own, without an index."""
    monkeypatch.setenv("STROKEJAX_HOME", str(tmp_path))
    return asking(create_app(studio, Limits(rate=0), pages()))


def png(pixels):
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def page(*names):
    """White paper with a line in each font, and the lines' boxes."""
    sheet, boxes = np.full((110 * len(names) + 20, 700), 255, np.uint8), []
    for i, name in enumerate(names):
        ink = indexed.line(FACES[name], indexed.TEXTS[0])
        top = 20 + 110 * i
        sheet[top : top + len(ink), 30 : 30 + ink.shape[1]] -= ink
        boxes.append((30, top, 30 + ink.shape[1], top + len(ink)))
    return png(sheet), boxes


def inside(box, outer):
    x0, y0, x1, y1 = outer
    return x0 <= box[0] < box[2] <= x1 and y0 <= box[1] < box[3] <= y1


def test_every_line_of_a_picture_has_its_font(ask):
    names = ("Fredoka One", "Caladea")
    picture, boxes = page(*names)
    found = ask(content=picture, headers=PNG, params={"k": 3})
    assert (found["width"], found["height"]) == (700, 240)
    assert [region["symbols"][0] for region in found["regions"]] == [*names]
    for region, box in zip(found["regions"], boxes, strict=True):
        assert inside(region["box"], box)
        assert len(region["symbols"]) == len(region["dist2"]) == 3
    assert found["symbols"][0] in names and len(found["probability"]) == 3
    assert found["dist2"] == sorted(found["dist2"])
    assert [each["symbol"] in indexed.TRAINED for each in found["classifier"]]
    assert len(found["classifier"]) == 3
    assert {*found["symbols"]} <= {*found["drawable"]} <= {*FACES}
    assert found["kept"] is None and not kept.picture_folder().exists()


def test_a_crop_is_looked_at_alone_and_its_places_are_the_pictures(ask):
    picture, boxes = page("Fredoka One", "Caladea", "Fredoka One")
    x0, y0, x1, y1 = boxes[1]
    crop = {"x0": x0, "y0": y0, "x1": x1, "y1": y1}
    found = ask(content=picture, headers=PNG, params=crop)
    assert found["symbols"][0] == "Caladea"
    (region,) = found["regions"]
    assert inside(region["box"], boxes[1])
    assert (found["width"], found["height"]) == (700, 350)


@pytest.mark.parametrize(
    ("params", "status", "words"),
    [
        ({"k": 0}, 422, "k is"),
        ({"k": 21}, 422, "20"),
        ({"x0": 1}, 400, "all four"),
        (
            {"x0": 9, "y0": 0, "x1": 9, "y1": 9},
            400,
            "not inside a picture of 700 x 130",
        ),
        ({"x0": 0, "y0": 0, "x1": 701, "y1": 9}, 400, "(701, 9)"),
        ({"x0": -1, "y0": 0, "x1": 9, "y1": 9}, 422, "x0"),
        ({"x0": 0, "y0": 0, "x1": 9, "y1": 9}, 400, "blank"),
        ({"x0": 0, "y0": 0, "x1": 1, "y1": 1}, 400, "blank"),
        ({"keep": "perhaps"}, 422, "keep"),
        ({"colour": "red"}, 422, "colour"),
    ],
)
def test_bad_questions_are_refused(ask, params, status, words):
    picture, _ = page("Caladea")
    assert words in ask(status, content=picture, headers=PNG, params=params)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "not a picture"),
        (page("Caladea")[0][:-60], "damaged"),
        (png(np.full((40, 200), 255, np.uint8)), "blank"),
        (png(np.full((4_001, 4_000), 255, np.uint8)), "16,000,000"),
    ],
)
def test_bad_pictures_are_refused_and_not_kept(ask, content, words):
    params = {"keep": True} if words != "blank" else {}
    assert words in ask(400, content=content, headers=PNG, params=params)
    assert not kept.picture_folder().exists()


def drawing(ask, name, text="", status=200):
    query = {"name": name, "text": text}
    return ask(status, "GET", "/api/fonts/drawing", params=query)


def test_fonts_are_drawn_as_pictures(ask):
    def pixels(*what):
        return np.asarray(Image.open(io.BytesIO(drawing(ask, *what))))

    plain, other = pixels("Caladea"), pixels("Fredoka One", "Caladea")
    assert plain.dtype == np.uint8 and plain[0, 0] == 255 and plain.min() == 0
    assert not np.array_equal(plain, other)
    assert np.array_equal(plain, pixels("Caladea", "Caladea"))
    assert np.array_equal(pixels("Caladea", "a\nb"), pixels("Caladea", "a b"))
    assert pixels("Caladea", "W" * 80).shape[1] < 80 * fonts.EM


def test_what_cannot_be_drawn_is_said(ask):
    assert "no font 'Helvetica'" in drawing(ask, "Helvetica", status=404)
    assert "no font '../../etc/passwd'" in drawing(ask, "../../etc/passwd", status=404)
    assert "cannot draw '   '" in drawing(ask, "Caladea", "   ", status=400)
    assert "text is" in drawing(ask, "Caladea", "x" * 81, status=422)
    assert "name is" in drawing(ask, "", status=422)


def test_a_font_whose_file_is_gone_is_named_and_not_drawn(ask, monkeypatch, tmp_path):
    gone = FACES["Caladea"]._replace(file=str(tmp_path / "gone.ttf"))
    files = {"Caladea": gone._asdict(), "Intuitive": FACES["Intuitive"]._asdict()}
    monkeypatch.setattr(FontFinder, "file_of", lambda _, name: files.get(name))
    found = ask(content=page("Caladea")[0], headers=PNG, params={"k": 4})
    assert {*found["symbols"]} == {*FACES} and found["drawable"] == ["Intuitive"]
    assert "is gone" in drawing(ask, "Caladea", status=404)
    assert "no font" in drawing(ask, "Fredoka One", status=404)


def test_the_index_is_counted_and_seen_once_it_changes(bare, home, tmp_path):
    def count():
        return bare(method="GET")

    packaged = count()  # fonts without files, which it was trained on
    assert packaged["fonts"] == 0 and packaged["trained"] > 500
    drawing(bare, "Caladea", status=404)
    shutil.copytree(home / FONTS, tmp_path / FONTS)
    assert count()["fonts"] == 4
    save_model(tmp_path / FONTS, indexed.untrained()._replace(version=2))
    assert count() == {
        "fonts": 0,
        "trained": 6,
        "folder": str(tmp_path / "font-pictures"),
        "reason": "",
    }


class TestKeeping:
    @pytest.fixture(autouse=True)
    def own_folder(self, tmp_path, monkeypatch):
        monkeypatch.setattr(kept, "home", lambda: tmp_path)

    def test_a_picture_is_kept_once_under_its_hash(self, ask, tmp_path):
        picture, _ = page("Caladea")
        for _ in range(2):
            found = ask(content=picture, headers=PNG, params={"keep": "true"})
        (file,) = (tmp_path / "font-pictures").iterdir()
        assert file.read_bytes() == picture and found["kept"] == str(file)
        assert file.name == f"{hashlib.sha256(picture).hexdigest()}.png"

    def test_no_more_are_kept_than_fit(self, tmp_path, ask, monkeypatch):
        monkeypatch.setattr(kept, "MAX_PICTURES", 2)
        keep = {"headers": PNG, "params": {"keep": "true"}}
        for name in ("Caladea", "Intuitive"):
            ask(content=page(name)[0], **keep)
        said = ask(400, content=page("Fredoka One")[0], **keep)
        assert "holds 2 files, and at most 2" in said
        ask(content=page("Caladea")[0], **keep)  # it is there already
        assert len([*(tmp_path / "font-pictures").iterdir()]) == 2

    def test_large_pictures_are_not_kept(self, ask, tmp_path):
        noise = np.random.default_rng(0).integers(0, 256, (1_700, 1_700, 3), np.uint8)
        large = png(noise)
        said = ask(400, content=large, headers=PNG, params={"keep": "true"})
        assert f"{len(large):,} bytes" in said and "8,388,608" in said
        assert not (tmp_path / "font-pictures").exists()

    def test_a_folder_that_cannot_be_is_said(self, ask, tmp_path):
        (tmp_path / "font-pictures").write_text("a file")
        keep = {"headers": PNG, "params": {"keep": "true"}}
        assert "cannot be written" in ask(400, content=page("Caladea")[0], **keep)


def test_the_finder_is_loaded_once_by_many(studio, shared, ask, monkeypatch):
    ask(method="GET")
    loaded = []

    def slowly():
        time.sleep(0.05)
        loaded.append(shared.state.fonts._finder)
        return loaded[-1]

    monkeypatch.setattr(font_answers, "load_finder", slowly)
    ask = asking(create_app(studio, Limits(rate=0), pages()))
    picture, _ = page("Caladea")

    def one(i):
        more = {"content": picture, "headers": PNG} if i % 2 else {"method": "GET"}
        return ask(**more)

    with ThreadPoolExecutor(4) as threads:
        assert len([*threads.map(one, range(6))]) == 6
    assert len(loaded) == 1


def test_others_are_answered_while_pictures_wait(studio, home, monkeypatch):
    monkeypatch.setenv("STROKEJAX_HOME", str(home))
    monkeypatch.setattr(fonts, "MAX_WAITING", 2)
    app = create_app(studio, Limits(rate=0), pages())
    go, identify = threading.Event(), FontFinder.identify

    def waits(self, *given):
        go.wait(10)
        return identify(self, *given)

    monkeypatch.setattr(FontFinder, "identify", waits)
    picture, _ = page("Caladea")
    with (
        TestClient(app, headers={"host": "localhost:8000"}) as client,
        ThreadPoolExecutor(2) as threads,
    ):
        asked = {"content": picture, "headers": PNG}
        slow = [threads.submit(client.post, "/api/fonts", **asked) for _ in range(2)]
        while app.state.fonts.queue._waiting < 2:
            time.sleep(0.01)
        assert client.get("/openapi.json").is_success
        assert client.get("/api/fonts/drawing?name=Caladea").is_success
        refused = client.post("/api/fonts", **asked)
        go.set()
        assert all(each.result().is_success for each in slow)
    assert refused.status_code == 429
    assert "2 pictures wait" in json.loads(refused.text)["error"]
