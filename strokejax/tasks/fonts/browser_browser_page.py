"""A page of texts in fonts, drawn by a browser: Chromium, run by playwright."""

import shutil
from base64 import b64decode
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import numpy as np

from strokejax.pictures.images import decode_picture
from strokejax.types import InputError

PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
OPTIONS = ("--no-sandbox", "--disable-background-networking")
STEPS = 10
"""Most pixels of CSS among which one is a whole pixel of the picture."""
WIDE, LONGEST = 2_400, 12_000
"""Pixels across a page where its texts allow it, and most pixels of a side."""

_PAGE = """<!doctype html><meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none';
 font-src file:; style-src 'unsafe-inline'">
<style>
html { overflow: hidden; }
body { margin: 0; display: flex; flex-wrap: wrap; align-items: flex-start; }
div { flex: none; white-space: pre; overflow: hidden; font-synthesis: none; }
</style>"""

_DRAW = """async ({fonts, texts, wide, step}) => {
  document.body.style.width = `${wide}px`;
  const refused = {};
  await Promise.all(Object.entries(fonts).map(async ([file, [name, url]]) => {
    try {
      document.fonts.add(await new FontFace(name, `url("${url}")`).load());
    } catch (error) {
      refused[file] = String(error);
    }
  }));
  const boxes = texts.map(([file, text, style]) => {
    const box = document.createElement("div");
    box.textContent = text;
    Object.assign(box.style, style, {fontFamily: fonts[file][0]});
    return document.body.appendChild(box);
  });
  await document.fonts.ready;
  const room = (size) => `${Math.ceil(size / step) * step - size}px`;
  boxes.map((box) => [box, box.getBoundingClientRect()]).forEach(([box, at]) => {
    box.style.margin = `0 ${room(at.width)} ${room(at.height)} 0`;
  });
  return [refused, boxes.map((box) => {
    const {left, top, right, bottom} = box.getBoundingClientRect();
    return [left, top, right, bottom];
  })];
}"""


class Text(NamedTuple):
    """A text on a page."""

    file: str
    """Of its font."""
    text: str
    style: dict[str, str]
    """CSS by property, as scripts spell it."""


class Browser(NamedTuple):
    """A running browser with one page."""

    page: Any
    commands: Any
    address: str


@contextmanager
def browser() -> Iterator[Browser]:
    """A browser without a network; InputError where there is none, or it ends."""
    try:
        from playwright.sync_api import Error, sync_playwright
    except ImportError as error:
        raise InputError(
            "Pictures by a browser need playwright, which is not installed; pip "
            "install playwright, or draw with FreeType."
        ) from error
    program = next(filter(None, map(shutil.which, PROGRAMS)), None)
    if program is None:
        raise InputError(
            f"There is no {', '.join(PROGRAMS[:-1])} or {PROGRAMS[-1]} on this system; "
            f"apt-get install chromium, or draw with FreeType."
        )
    try:
        with TemporaryDirectory() as folder, sync_playwright() as playwright:
            file = Path(folder) / "page.html"
            file.write_text(_PAGE)
            running = playwright.chromium.launch(
                executable_path=program, args=[*OPTIONS]
            )
            context = running.new_context(offline=True)
            page = context.new_page()
            yield Browser(page, context.new_cdp_session(page), file.as_uri())
            running.close()
    except Error as error:
        raise InputError(
            f"{program} does not start, or ended ({str(error).splitlines()[0][:80]}); "
            f"install it again, or draw with FreeType."
        ) from error


def page_of(
    running: Browser, texts: Sequence[Text], zoom: float
) -> tuple[np.ndarray, np.ndarray, dict[str, str]]:
    """u8[h w 3] a picture of texts side by side, i64[n 4] their boxes, fonts refused.

    Boxes are left, top, right and bottom in pixels; those that end beyond `LONGEST`
    may be missing in the picture. Of fonts that do not load, why is said by file.
    """
    fonts = {
        file: (f"font{i}", Path(file).absolute().as_uri())
        for i, file in enumerate(sorted({text.file for text in texts}))
    }
    running.page.goto(running.address)
    _resize(running, WIDE, WIDE, zoom)
    # Every box begins at a whole pixel: a text looks the same wherever it is.
    step = Fraction(zoom).limit_denominator(STEPS).denominator
    told = {"fonts": fonts, "texts": texts, "wide": WIDE / zoom, "step": step}
    refused, found = running.page.evaluate(_DRAW, told)
    ends = np.array(found) * zoom
    # Boxes end at whole pixels, near where they should; beyond is another's colour.
    inside = [np.ceil(ends[:, :2]) + 1, np.floor(ends[:, 2:]) - 1]
    boxes = np.concatenate(inside, 1).astype(int)
    right, bottom = ends[(ends[:, 2:] <= LONGEST).all(1), 2:].max(0, initial=1).tolist()
    _resize(running, right, bottom, zoom)
    how = {"format": "png", "optimizeForSpeed": True}
    data = running.commands.send("Page.captureScreenshot", how)["data"]
    return decode_picture(b64decode(data), "the page"), boxes, refused


def _resize(running: Browser, width: float, height: float, zoom: float) -> None:
    """The page as large as so many pixels of its picture."""
    size = {"width": int(np.ceil(width / zoom)), "height": int(np.ceil(height / zoom))}
    how = size | {"deviceScaleFactor": zoom, "mobile": False}
    running.commands.send("Emulation.setDeviceMetricsOverride", how)
