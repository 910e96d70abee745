"""People in a browser: they draw, teach, read lines, collect and look at the map."""

import json
import os
import re
import shutil
import time
import urllib.request
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import expect

from strokejax.ink.synthesis.handwriting import Writer, write
from strokejax.tasks.lines.handwriting import draw_line, png
from tests.e2e.conftest import kill, start, stop
from tests.support.shapes import shape

DESK = {"width": 1280, "height": 800}
PHONE = {"width": 390, "height": 844}
PACKAGE = Path(__file__).parents[2] / "strokejax"
SCRIPTS = {path.name: path for path in PACKAGE.rglob("static/*.*")}
"""The files of all pages by name: the shell's, and each task's beside it."""
FRAME = 8
"""Milliseconds between two points of a pointer."""


@pytest.fixture
def page(browser, server):
    yield from opened(browser, server.url, DESK)


@pytest.fixture
def phone(browser, server):
    yield from opened(browser, server.url, PHONE)


def opened(browser, url, viewport, **more):
    """A page whose console stays quiet."""
    context = browser.new_context(viewport=viewport, **more)
    page = context.new_page()
    said = []
    page.on("console", lambda each: said.append(each.text))
    page.on("pageerror", lambda each: said.append(str(each)))
    page.goto(url)
    status = page.get_by_test_id("status")
    expect(status).to_have_attribute("data-state", "open", timeout=20_000)
    try:
        yield page
    finally:
        context.close()
    assert said == []


def letter(symbol, seed=0):
    """Strokes of a plain hand."""
    ink = write(symbol, Writer(size=120), np.random.default_rng(seed))
    return [stroke[::3, :2] for stroke in ink.strokes]


def shape_of(name, seed):
    return [stroke[::2, :2] for stroke in shape(name, seed).strokes]


def heart(seed):
    return shape_of("heart", seed)


def placed(page, pad, strokes, share=0.5):
    """Strokes on the screen: in the middle of a pad, at a share of its height."""
    box = page.get_by_test_id(pad).bounding_box()
    every = np.concatenate(strokes)
    low, high = every.min(0), every.max(0)
    scale = share * box["height"] / max((high - low).max(), 1e-6)
    middle = np.array([box["x"] + box["width"] / 2, box["y"] + box["height"] / 2])
    return [(stroke - (low + high) / 2) * scale + middle for stroke in strokes]


def draw(page, pad, strokes, share=0.5):
    """Draws with the mouse."""
    for at in placed(page, pad, strokes, share):
        page.mouse.move(*at[0])
        page.mouse.down()
        for xy in at[1:]:
            page.mouse.move(*xy)
            page.wait_for_timeout(FRAME)
        page.mouse.up()


def touch(page, pad, strokes):
    """Draws with a finger."""
    finger = page.context.new_cdp_session(page)

    def send(kind, *points):
        finger.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    for at in placed(page, pad, strokes):
        for i, (x, y) in enumerate(at):
            send("touchMove" if i else "touchStart", {"x": float(x), "y": float(y)})
            page.wait_for_timeout(FRAME)
        send("touchEnd")


def first_answer(page):
    return page.get_by_test_id("draw-answers").locator("[data-symbol]").first


def teach(page, name, drawings, types=""):
    """Teaches a symbol to its end."""
    page.get_by_test_id("tab-teach").click()
    page.get_by_test_id("teach-name").fill(name)
    page.get_by_label("Types").fill(types)
    for strokes in drawings:
        draw(page, "teach-pad", strokes)
        page.get_by_test_id("teach-next").click()
    save = page.get_by_test_id("teach-save")
    expect(save).to_be_enabled()
    save.click()
    expect(page.get_by_test_id("teach-saved")).to_be_visible()


def symbols(server):
    with urllib.request.urlopen(f"{server.url}/symbols") as answer:
        return {each["name"]: each for each in json.load(answer)["symbols"]}


def test_what_is_drawn_is_named_while_it_is_drawn(page):
    draw(page, "draw-pad", letter("w"))
    expect(first_answer(page)).to_have_attribute("data-symbol", re.compile("[wW]"))
    line = page.get_by_test_id("draw-line")
    expect(line).to_have_text(re.compile("[wW]"))
    draw(page, "draw-pad", letter("m"))
    expect(line).to_have_text(re.compile("[wW][mM]"))
    page.get_by_label("Delete the last symbol").click()
    expect(line).to_have_text(re.compile("^[wW]$"))


def test_a_stroke_is_taught_used_kept_and_undone(own_server, browser):
    for page in opened(browser, own_server.url, DESK):
        _taught_and_used(page)
    assert stop(own_server) in (0, -15)
    again = start(own_server.home, "--rate=0")
    try:
        assert symbols(again)["heart"]["samples"] == 10
        for page in opened(browser, again.url, DESK):
            draw(page, "draw-pad", heart(51))
            expect(first_answer(page)).to_have_attribute("data-symbol", "heart")
            page.get_by_test_id("tab-teach").click()
            page.get_by_test_id("history-undo").click()
            row = page.get_by_test_id("symbols-list").locator('[data-symbol="heart"]')
            expect(row).to_have_count(0)
            assert "heart" not in symbols(again)
    finally:
        kill(again)


def _taught_and_used(page):
    teach(page, "heart", [heart(i) for i in range(10)])
    expect(page.get_by_test_id("teach-coach")).to_contain_text(re.compile("."))
    page.get_by_test_id("tab-draw").click()
    draw(page, "draw-pad", heart(50))
    expect(first_answer(page)).to_have_attribute("data-symbol", "heart")
    expect(page.get_by_test_id("draw-line")).to_have_text("heart")


def test_a_wrong_answer_is_corrected_by_one_click(page, server):
    draw(page, "draw-pad", letter("o"))
    line = page.get_by_test_id("draw-line")
    expect(line).not_to_have_text("")
    before = line.text_content()
    line.locator("button").first.click()
    candidate = page.locator(".candidate").first
    name = candidate.get_attribute("data-symbol")
    candidate.click()
    expect(line).to_have_text(name if name != "space" else " ")
    assert name != before
    for _ in range(50):
        if kept := [*server.collected.rglob("trial_*")]:
            break
        time.sleep(0.1)
    assert len(kept) == 1


def test_a_new_name_given_to_an_answer_makes_a_symbol(page, server):
    draw(page, "draw-pad", heart(1))
    line = page.get_by_test_id("draw-line")
    line.locator("button").first.click()
    page.get_by_label("Another name, known or new").fill("love")
    page.get_by_label("Another name, known or new").press("Enter")
    expect(line).to_have_text("love")
    for _ in range(50):
        if "love" in symbols(server):
            break
        time.sleep(0.1)
    assert symbols(server)["love"]["samples"] == 1


def test_a_second_tab_sees_the_new_symbol(page, server, browser):
    for other in opened(browser, server.url, DESK):
        teach(page, "heart", [heart(i) for i in range(5)])
        draw(other, "draw-pad", heart(60))
        expect(first_answer(other)).to_have_attribute("data-symbol", "heart")


def test_drawings_are_collected_and_taken_back(page, server):
    page.get_by_test_id("tab-collect").click()
    symbol = page.get_by_test_id("collect-symbol")
    expect(symbol).to_have_text("a")
    draw(page, "collect-pad", letter("a"))
    page.keyboard.press("Enter")
    expect(symbol).not_to_have_text("a")
    assert len([*server.collected.rglob("trial_*")]) == 1
    page.get_by_test_id("collect-undo").click()
    expect(symbol).to_have_text("a")


def test_the_map_tells_neighbours_by_pointer_and_keyboard(page):
    page.get_by_test_id("tab-map").click()
    place = page.get_by_test_id("map-svg").locator('[data-symbol="w"]')
    expect(place).to_be_visible()
    place.focus()
    detail = page.get_by_test_id("map-detail")
    expect(detail).to_contain_text("w")
    page.keyboard.press("ArrowRight")
    focused = page.evaluate("document.activeElement.dataset.symbol")
    assert focused and focused != "w"
    expect(detail).to_contain_text(focused)


def line_of(word):
    """Strokes of a word in a plain hand, letter beside letter."""
    right = np.array([110, 0])
    return [
        stroke + i * right for i, symbol in enumerate(word) for stroke in letter(symbol)
    ]


def character(x, *others):
    """As the server says it, with the first of its alternatives chosen."""
    return {
        "char": others[0][0],
        "confidence": others[0][1],
        "x0": x,
        "x1": x + 4,
        "others": [{"char": char, "probability": p} for char, p in others],
    }


READ = {
    "text": "g x",
    "confidence": 0.4,
    "width": 200,
    "height": 50,
    "picture": "data:image/gif;base64,R0lGODlhAQABAAAAACw=",
    "characters": [
        character(20, ("g", 0.4), ("9", 0.3)),
        character(90, (" ", 0.9)),
        character(160, ("x", 0.9), ("X", 0.1)),
    ],
}


def test_a_drawn_line_is_read_and_its_characters_chosen(page):
    asked = []

    def answer(route):
        asked.append(route.request.post_data_json)
        route.fulfill(json=READ)

    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.route("**/api/lines*", answer)
    page.get_by_test_id("tab-lines").click()
    read = page.get_by_test_id("lines-read")
    expect(read).to_be_disabled()
    draw(page, "lines-pad", line_of("gx"))
    page.keyboard.press("Enter")
    text = page.get_by_test_id("lines-text")
    expect(text).to_have_text("g x")
    assert len(asked[0]["strokes"]) >= 2 and asked[0]["language"] is None
    first = page.get_by_role("button", name="1: g, 40 %")
    others = page.get_by_test_id("lines-others").get_by_role("button")
    page.get_by_role("button", name="3: x, 90 %").hover()
    expect(others).to_have_text([re.compile("x"), re.compile("X")])
    first.focus()
    page.keyboard.press("ArrowRight")
    expect(others).to_have_count(1)
    page.keyboard.press("ArrowLeft")
    page.get_by_role("button", name="9, 30 %", exact=True).click()
    expect(text).to_have_text("9 x")
    expect(page.get_by_role("button", name="1: 9, 30 %")).to_be_visible()
    page.get_by_test_id("lines-copy").click()
    assert page.evaluate("navigator.clipboard.readText()") == "9 x"
    page.get_by_role("button", name="English").click()
    expect(text).to_have_text("g x")
    assert asked[1] == asked[0] | {"language": "en"}


def test_a_picture_of_a_line_is_read_where_it_is_dropped(phone):
    phone.get_by_test_id("tab-lines").click()
    picture = png(draw_line(line_of("hello"), 0.4, 2.0))
    phone.get_by_test_id("lines-file").set_input_files(
        {"name": "line.png", "mimeType": "image/png", "buffer": picture}
    )
    text = phone.get_by_test_id("lines-text")
    expect(text).to_have_text(re.compile("."), timeout=60_000)
    before = phone.locator(".line-picture img").get_attribute("src")
    dropped = phone.evaluate_handle(
        """bytes => {
            const held = new DataTransfer(), data = Uint8Array.from(bytes);
            held.items.add(new File([data], 'line.png', {type: 'image/png'}));
            return held;
        }""",
        [*picture],
    )
    phone.dispatch_event("#page-lines", "drop", {"dataTransfer": dropped})
    image = phone.locator(".line-picture img")
    expect(image).not_to_have_attribute("src", before, timeout=60_000)
    expect(phone.locator(".box").first).to_be_visible()
    assert phone.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]


def test_a_name_that_is_a_script_is_only_a_name(page, server):
    name = "<script>window.hacked = 1</script><img src=x onerror=hacked=1>"
    teach(page, name, [heart(i) for i in range(3)])
    for tab in ("draw", "teach", "lines", "fonts", "collect", "map"):
        page.get_by_test_id(f"tab-{tab}").click()
        page.wait_for_timeout(200)
    page.reload()
    page.get_by_test_id("tab-draw").click()
    draw(page, "draw-pad", heart(9))
    expect(first_answer(page)).to_have_attribute("data-symbol", name)
    assert page.evaluate("window.hacked") is None
    assert name in symbols(server)


@pytest.mark.parametrize("tab", ["draw", "teach", "lines", "fonts", "collect", "map"])
def test_a_phone_has_room_for_every_page(phone, tab):
    phone.get_by_test_id(f"tab-{tab}").click()
    phone.wait_for_timeout(200)
    wide = phone.evaluate("document.documentElement.scrollWidth")
    assert wide <= PHONE["width"]
    if tab == "draw":
        draw(phone, "draw-pad", letter("m"))
        expect(first_answer(phone)).to_have_attribute("data-symbol", re.compile("[mM]"))


def test_a_finger_draws_on_a_phone(browser, server):
    more = {"has_touch": True, "is_mobile": True, "device_scale_factor": 3}
    for page in opened(browser, server.url, PHONE, **more):
        touch(page, "draw-pad", letter("m"))
        expect(first_answer(page)).to_have_attribute("data-symbol", re.compile("[mM]"))
        expect(page.get_by_test_id("draw-line")).to_have_text(re.compile("[mM]"))


def test_nothing_that_was_said_to_be_saved_is_lost_by_a_kill(own_server, browser):
    for page in opened(browser, own_server.url, DESK):
        teach(page, "heart", [heart(i) for i in range(3)])
        kill(own_server)
        break
    again = start(own_server.home, "--rate=0")
    try:
        assert symbols(again)["heart"]["samples"] == 3
    finally:
        kill(again)


def test_every_control_can_be_reached_and_has_a_name(page):
    for tab in ("draw", "teach", "lines", "fonts", "collect", "map"):
        page.get_by_test_id(f"tab-{tab}").click()
        nameless = page.evaluate(
            """() => [...document.querySelectorAll('button, input, [role=tab]')]
                .filter(each => each.offsetParent && !each.labels?.length
                    && !each.ariaLabel && !each.textContent.trim())
                .map(each => each.outerHTML)"""
        )
        assert nameless == []


def test_the_four_pages_in_pictures(own_server, browser, tmp_path):
    """Kept in STROKEJAX_PICTURES, if that is set."""
    for page in opened(browser, own_server.url, DESK):
        for name, types in (("arrow", "→"), ("heart", "♥")):
            teach(page, name, [shape_of(name, i) for i in range(6)], types)
            page.reload()
        page.get_by_test_id("tab-teach").click()
        page.get_by_test_id("teach-name").fill("house")
        for i in range(4):
            draw(page, "teach-pad", shape_of("house", i))
            page.get_by_test_id("teach-next").click()
        page.wait_for_timeout(800)
        page.screenshot(path=tmp_path / "studio-teach.png")
        page.get_by_test_id("tab-draw").click()
        for symbol in "hello":
            draw(page, "draw-pad", letter(symbol, 4), 0.28 if symbol in "eo" else 0.5)
            page.wait_for_timeout(1_000)
        draw(page, "draw-pad", shape_of("heart", 7))
        page.wait_for_timeout(60)
        page.screenshot(path=tmp_path / "studio-draw.png")
        page.get_by_test_id("tab-collect").click()
        for symbol in "abcdefgh":
            draw(page, "collect-pad", letter(symbol))
            page.keyboard.press("Enter")
            page.wait_for_timeout(300)
        draw(page, "collect-pad", letter("i"))
        page.screenshot(path=tmp_path / "studio-collect.png")
        page.get_by_test_id("tab-map").click()
        page.get_by_test_id("map-svg").locator('[data-symbol="heart"]').focus()
        page.wait_for_timeout(500)
        page.screenshot(path=tmp_path / "studio-map.png")
    pictures = sorted(tmp_path.glob("studio-*.png"))
    assert len(pictures) == 4
    assert all(picture.stat().st_size > 20_000 for picture in pictures)
    if folder := os.environ.get("STROKEJAX_PICTURES"):
        for picture in pictures:
            shutil.copy(picture, Path(folder))


def test_the_pages_are_light(browser, server):
    """At most 150 kB until one can draw; other pages are read when they are chosen."""
    context = browser.new_context()
    page = context.new_page()
    asked = []
    page.on(
        "request",
        lambda sent: asked.append(sent.url.rsplit("/", 1)[-1] or "index.html"),
    )
    page.goto(server.url, wait_until="networkidle")
    drawing = SCRIPTS.keys() & asked
    assert {"index.html", "style.css", "main.js", "draw.js"} <= drawing
    assert sum(SCRIPTS[name].stat().st_size for name in drawing) < 150_000
    page.get_by_role("tab", name="Keyboard").click()
    expect(page.get_by_test_id("keyboard-status")).to_be_visible()
    later = SCRIPTS.keys() & asked
    assert later - drawing == {"keyboard.js", "keys.js", "userwords.js"}
    context.close()


def test_a_page_that_cannot_be_read_says_so(browser, server):
    context = browser.new_context()
    page = context.new_page()
    page.route("**/lines.js", lambda asked: asked.abort())
    page.goto(server.url)
    status = page.get_by_test_id("status")
    expect(status).to_have_attribute("data-state", "open", timeout=20_000)
    page.get_by_role("tab", name="Lines").click()
    expect(page.locator("#page-lines")).to_contain_text("could not be loaded")
    page.get_by_role("tab", name="Map").click()
    expect(page.get_by_test_id("map-svg")).to_be_visible()
    context.close()
