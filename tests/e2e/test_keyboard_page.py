"""People in a browser: they swipe words, correct, teach and block them."""

import json

import numpy as np
import pytest
from playwright.sync_api import expect

from tests.e2e.conftest import kill, start
from tests.e2e.test_studio import DESK, PHONE, opened

LONG = 60_000
"""Milliseconds until a keyboard is open: it is compiled."""


@pytest.fixture(scope="module")
def keyboard_server(tmp_path_factory):
    """A studio with a layout and words of its user's own."""
    home = tmp_path_factory.mktemp("keyboard")
    for folder in ("layouts", "words"):
        (home / "keyboards" / folder).mkdir(parents=True)
    keys = [
        {"label": letter, "hitbox": {"x": 100 * i, "y": 0, "w": 100, "h": 90}}
        for i, letter in enumerate("arept")
    ]
    row = {"width": 500, "height": 90, "keys": keys}
    (home / "keyboards" / "layouts" / "row.json").write_text(json.dumps(row))
    (home / "keyboards" / "words" / "five.txt").write_text("tape 3\npear 2\n")
    server = start(home, "--rate=0")
    yield server
    kill(server)


@pytest.fixture
def desk(browser, keyboard_server):
    for page in opened(browser, keyboard_server.url, DESK):
        page.get_by_test_id("tab-keyboard").click()
        ready(page)
        yield page


def ready(page):
    """Waits until the keyboard is open."""
    expect(page.locator(".keycap").first).to_be_visible(timeout=LONG)
    opened = page.locator("#page-keyboard:not([aria-busy])")
    expect(opened).to_be_visible(timeout=LONG)


def swipe(page, word):
    """With the button down over the keys of a word, at a hand's pace."""
    boxes = [page.locator(f'[data-key="{letter}"]').bounding_box() for letter in word]
    way = np.array([(b["x"] + b["width"] / 2, b["y"] + b["height"] / 2) for b in boxes])
    page.mouse.move(*way[0])
    page.mouse.down()
    for x, y in way[1:]:
        page.mouse.move(x, y, steps=8)
    page.mouse.up()


def text(page):
    return page.get_by_test_id("keyboard-text")


def test_words_are_swiped_and_corrected(desk):
    swipe(desk, "hello")
    expect(text(desk)).to_have_text("hello", timeout=LONG)
    swipe(desk, "world")
    expect(text(desk)).to_have_text("hello world")
    text(desk).get_by_role("button", name="hello").click()
    other = desk.get_by_test_id("keyboard-others").get_by_role("button").nth(1)
    wanted = other.inner_text()
    other.click()
    expect(text(desk)).to_have_text(f"{wanted} world")
    desk.get_by_test_id("keyboard-erase").click()
    expect(text(desk)).to_have_text(wanted)


def test_words_are_spelled_taught_blocked_and_forgotten(desk):
    desk.locator('[data-key="j"]').click()
    for letter in "axon":
        desk.locator(f'[data-key="{letter}"]').press("Enter")
    desk.get_by_test_id("keyboard-space").click()
    expect(text(desk)).to_have_text("jaxon")
    expect(desk.get_by_test_id("keyboard-word")).to_have_value("jaxon")
    desk.get_by_test_id("keyboard-teach").click()
    taught = desk.get_by_test_id("keyboard-taught")
    expect(taught).to_have_text("jaxon")
    swipe(desk, "jaxon")
    expect(text(desk)).to_have_text("jaxon jaxon", timeout=LONG)
    desk.get_by_test_id("keyboard-never").click()
    blocked = desk.get_by_test_id("keyboard-blocked")
    expect(blocked).to_have_text("jaxon")
    expect(taught).to_be_hidden()
    expect(text(desk)).not_to_have_text("jaxon jaxon")
    desk.reload()
    ready(desk)
    expect(blocked).to_have_text("jaxon")
    blocked.get_by_role("button").click()
    expect(blocked).to_be_hidden()


def test_layout_and_words_are_chosen_and_remembered(desk):
    desk.get_by_test_id("keyboard-layout").select_option("row")
    ready(desk)
    expect(desk.get_by_test_id("keyboard-status")).to_contain_text("cannot be written")
    expect(desk.locator(".keycap")).to_have_count(5)
    desk.get_by_test_id("keyboard-words").select_option("five")
    ready(desk)
    expect(desk.get_by_test_id("keyboard-status")).to_contain_text("2 words are known")
    swipe(desk, "pear")
    expect(text(desk)).to_have_text("pear", timeout=LONG)
    desk.reload()
    ready(desk)
    expect(desk.get_by_test_id("keyboard-layout")).to_have_value("row")
    expect(desk.get_by_test_id("keyboard-status")).to_contain_text("2 words are known")


def test_what_the_server_refuses_is_said(browser, keyboard_server):
    """The console tells refusals too, so it is not looked at."""
    page = browser.new_page(viewport=DESK)
    page.goto(f"{keyboard_server.url}/#keyboard")
    ready(page)
    page.get_by_test_id("keyboard-word").fill("two words")
    page.get_by_test_id("keyboard-block").click()
    expect(page.get_by_text("is several words")).to_be_visible()
    expect(page.get_by_test_id("keyboard-word")).to_have_value("two words")
    failed = {"status": 429, "json": {"error": "16 swipes wait."}}
    page.route("**/api/swipes", lambda route: route.fulfill(**failed))
    swipe(page, "to")
    expect(page.get_by_text("16 swipes wait.")).to_be_visible()
    expect(text(page)).to_have_text("")
    page.close()


def test_a_phone_has_room_for_the_keys(browser, keyboard_server):
    for page in opened(browser, keyboard_server.url, PHONE):
        page.get_by_test_id("tab-keyboard").click()
        ready(page)
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
        swipe(page, "quick")
        expect(text(page)).to_have_text("quick", timeout=LONG)
