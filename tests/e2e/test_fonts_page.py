"""People in a browser: they ask what font a picture of text is set in."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import expect

from strokejax import cli
from strokejax.tasks.fonts.faces import faces
from strokejax.tasks.fonts.settings import FONTS
from strokejax.tasks.lines.handwriting import png
from tests.e2e.conftest import kill, start
from tests.e2e.test_studio import DESK, PHONE, opened
from tests.support import indexed, typefaces

ROOT = Path(__file__).parents[2]
TRAINING = (
    "--config=configs/fonts.py:demo",
    "--config.data.samples=60",
    "--config.loop.batch_size=32",
    "--config.loop.epochs=10",
    "--config.loss.label_smoothing=0.0",
)
LONG = 90_000
"""Milliseconds for an answer: the first one is compiled."""


OTHERS = (("font_caladea", "Caladea-Bold"), ("font_manrope", "Manrope-Regular"))


@pytest.fixture(scope="module")
def indexed_server(tmp_path_factory):
    """A studio with six fonts in its index, by a network trained for them."""
    home, files = (tmp_path_factory.mktemp(name) for name in ("fonts", "files"))
    for path in (*typefaces.ALL, *(typefaces.font(*other) for other in OTHERS)):
        shutil.copy(path, files)
    launch = [sys.executable, "-m", "strokejax.launch", *TRAINING]
    settings = os.environ | {"JAX_PLATFORMS": "cpu"}
    where = [f"--config.data.root={files}", f"--workdir={home / 'run'}"]
    subprocess.run([*launch, *where], check=True, env=settings, cwd=ROOT)
    (home / "run" / "model").rename(home / FONTS)
    model = ["--model", str(home / FONTS)]
    assert cli.main(["fonts", "index", str(files), *model]) == 0
    server = start(home, "--rate=0")
    yield server
    kill(server)


def picture(*paths):
    """A file with a line of text in each font."""
    sheet = np.zeros((130 * len(paths) + 30, 640), np.uint8)
    for i, path in enumerate(paths):
        ink = indexed.line(faces(path)[0], indexed.TEXTS[0])
        sheet[30 + 130 * i :, 30:][: len(ink), : ink.shape[1]] = ink
    return {"name": "text.png", "mimeType": "image/png", "buffer": png(sheet)}


def give(page, *paths):
    page.get_by_test_id("tab-fonts").click()
    page.get_by_test_id("fonts-file").set_input_files(picture(*paths))
    first = page.get_by_test_id("fonts-nearest").locator("[data-symbol]").first
    expect(first).to_be_visible(timeout=LONG)
    return first


def widths(page, testid):
    """Natural widths of the drawings of a list, once they are there."""
    images = page.get_by_test_id(testid).locator("img:not([hidden])")
    expect(images.first).to_be_visible()
    page.wait_for_load_state("networkidle")
    return images.evaluate_all("all => all.map(each => each.naturalWidth)")


def test_a_picture_is_answered_by_fonts_drawn_in_themselves(browser, indexed_server):
    for page in opened(browser, indexed_server.url, DESK):
        first = give(page, typefaces.FREDOKA, typefaces.CALADEA)
        told = page.get_by_test_id("fonts-status")
        expect(told).to_contain_text("2 lines of text")
        expect(page.get_by_test_id("fonts-indexed")).to_contain_text("6 fonts are")
        nearest = widths(page, "fonts-nearest")
        assert len(nearest) == 5 and all(width > 0 for width in nearest)
        classifier = page.get_by_test_id("fonts-classifier").locator("[data-symbol]")
        expect(classifier).to_have_count(5)
        assert not [*indexed_server.home.glob("font-pictures/*")]

        lines = page.locator(".region")
        lines.nth(1).click()
        expect(first).to_have_attribute("data-symbol", "Caladea")
        lines.nth(1).press("ArrowLeft")
        page.keyboard.press("Enter")
        expect(first).to_have_attribute("data-symbol", "Fredoka One")
        page.get_by_test_id("fonts-text").fill("Quite another, longer text")
        image = first.locator("img")
        expect(image).to_have_attribute("alt", re.compile("Quite another"))
        page.wait_for_load_state("networkidle")
        assert widths(page, "fonts-nearest")[0] > nearest[0]

        _cropped(page, first, told)
        page.get_by_test_id("fonts-keep").check()
        expect(told).to_contain_text("Saved in")
        assert len([*indexed_server.home.glob("font-pictures/*.png")]) == 1


def _cropped(page, first, told):
    """The second line is cut out by the mouse, and by numbers."""
    box = page.get_by_test_id("fonts-stage").bounding_box()
    page.mouse.move(box["x"] + 2, box["y"] + 0.52 * box["height"])
    page.mouse.down()
    right, low = box["x"] + box["width"] - 2, box["y"] + box["height"] - 2
    page.mouse.move(right, low, steps=5)
    page.mouse.up()
    expect(told).to_contain_text("1 line of text", timeout=LONG)
    expect(first).to_have_attribute("data-symbol", "Caladea")
    page.get_by_test_id("fonts-whole").click()
    expect(told).to_contain_text("2 lines of text", timeout=LONG)
    page.get_by_text("Crop by numbers").click()
    bottom = page.get_by_test_id("fonts-bottom")
    expect(bottom).to_have_value("290")
    bottom.fill("150")
    bottom.press("Enter")
    expect(told).to_contain_text("1 line of text", timeout=LONG)
    expect(first).to_have_attribute("data-symbol", "Fredoka One")


def test_a_phone_has_room_for_fonts(browser, indexed_server):
    for page in opened(browser, indexed_server.url, PHONE):
        give(page, typefaces.CALADEA)
        widths(page, "fonts-nearest")
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]


NONE = {"fonts": 0, "trained": 9, "folder": "", "reason": ""}
UNKNOWN = {
    "symbols": ["Lato"],
    "dist2": [2.0],
    "probability": [0.3],
    "unknown": True,
    "reason": "novelty 9.0",
    "regions": [],
    "classifier": [],
    "drawable": [],
    "kept": None,
    "width": 640,
    "height": 160,
}


def answers(found):
    """Says that instead of the server."""
    return lambda route: route.fulfill(json=found)


def test_without_an_index_the_page_says_how_to_make_one(browser, server):
    for page in opened(browser, server.url, DESK):
        page.route("**/api/fonts", answers(NONE))
        page.get_by_test_id("tab-fonts").click()
        said = page.get_by_test_id("fonts-indexed")
        expect(said).to_contain_text("strokejax fonts index --system")
        page.route("**/api/fonts?*", answers(UNKNOWN))
        give(page, typefaces.CALADEA)
        unknown = page.get_by_test_id("fonts-unknown")
        expect(unknown).to_contain_text("Unknown")
        expect(page.get_by_test_id("fonts-nearest")).to_contain_text("Not indexed here")
