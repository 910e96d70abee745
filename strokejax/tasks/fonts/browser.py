"""Text in fonts as a browser shows it.

A second way from outlines to pixels (Skia), to test what pictures by
`strokejax.tasks.fonts.typeset` train.
"""

import hashlib
import shutil
from base64 import b64decode
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from fractions import Fraction
from itertools import islice, repeat
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import numpy as np

from strokejax.pictures.images import decode_picture
from strokejax.tasks.fonts.data import Texts, random_look, random_setting
from strokejax.tasks.fonts.faces import Face, characters
from strokejax.tasks.fonts.typeset import Setting
from strokejax.types import InputError

# A page of texts in fonts, drawn by a browser: Chromium, run by playwright.


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


ZOOMS = (2 / 3, 0.8, 1.0, 1.25, 1.5, 2.0)
"""Steps of browsers and of the screens of phones."""
LINES = (0.6, 0.25, 0.15)
"""Shares of pictures with one line, two and three."""
ROOM = 0.75
"""Around a text, of the em: letters reach out of their lines."""
MARGIN = 1 / 3
"""That stays around what was drawn, of the em; what `typeset` leaves."""
AT_ONCE = 256
"""Shots that wait for each other, so that those of one zoom share pages."""
TRIES = 20
"""Texts drawn until a font has all their characters."""


class Shot(NamedTuple):
    """A text as a browser shows it."""

    face: Face
    lines: tuple[str, ...]
    setting: Setting
    """Its size is in CSS pixels; hinting is the browser's."""
    ink: tuple[int, int, int] = (0, 0, 0)
    paper: tuple[int, int, int] = (255, 255, 255)
    zoom: float = 1.0
    """Pixels of the picture for one of CSS."""


class Taken(NamedTuple):
    """What became of a shot."""

    shot: Shot
    picture: np.ndarray
    """u8[h w 3]; empty where it was refused."""
    refused: str = ""
    """Why there is no picture; "" where there is."""


def screen_pictures(
    faces: Sequence[Face], words: Mapping[str, float], count: int, seed: int = 0
) -> Iterator[tuple[int, Taken]]:
    """`count` random pictures of each face, face by face, with the face's number.

    `words` have frequencies. InputError where there is no browser.
    """
    texts = Texts(dict(words))
    numbers = [(i, number) for i in range(len(faces)) for number in range(count)]
    shots = (
        random_shot(faces[i], texts, _random(faces[i], seed, number))
        for i, number in numbers
    )
    for (i, _), taken in zip(numbers, screenshots(shots), strict=True):
        yield i, taken


def _random(face: Face, seed: int, number: int) -> np.random.Generator:
    own = hashlib.sha256(face.name.encode()).digest()[:8]
    return np.random.default_rng([*own, face.index, seed, number])


def random_shot(face: Face, texts: Texts, rng: np.random.Generator) -> Shot:
    """One to three lines, their setting, two colours and a zoom."""
    zoom = float(rng.choice(ZOOMS))
    setting = random_setting(rng, face.axes)
    look = random_look(rng, setting.size)
    setting = setting._replace(size=float(max(1, round(setting.size / zoom))))
    count = int(rng.choice([1, 2, 3], p=LINES))
    lines = ()
    for _ in range(TRIES):
        lines = tuple(texts.line(rng) for _ in range(count))
        if face.index or not _missing(face, lines):
            break
    return Shot(face, lines, setting, look.ink[0], look.paper[0], zoom)


def screenshots(shots: Iterable[Shot]) -> Iterator[Taken]:
    """What became of every shot, in their order; InputError where there is no browser.

    A font that the browser does not load, or that lacks a character, is refused by
    name: another one would show.
    """
    left = iter(shots)
    with browser() as running:
        while some := [*islice(left, AT_ONCE)]:
            whys = [_why_not(shot) for shot in some]
            done = [Taken(*job) for job in zip(some, repeat(_NONE), whys, strict=False)]
            for page in _pages({i: s for i, s in enumerate(some) if not whys[i]}):
                taken = _take(running, [some[i] for i in page])
                for i, one in zip(page, taken, strict=True):
                    done[i] = one
            yield from done


_NONE = np.zeros((0, 0, 3), np.uint8)


def _why_not(shot: Shot) -> str:
    """Why a shot is not even tried."""
    face, high = shot.face, _height(shot)
    if face.index:
        return (
            f"{face.name} is number {face.index} of the collection {face.file}, and "
            f"browsers load none; give it as a file of its own."
        )
    if missing := _missing(face, shot.lines):
        return (
            f"{face.name} lacks {len(missing)} characters of {shot.lines[0]!r} "
            f"({missing[:8]}), and another font would show; give other words."
        )
    if high > LONGEST:
        return (
            f"{shot.lines[0]!r} in {shot.setting.size:,g} pixels is a picture of up to "
            f"{high:,.0f} pixels, above the limit of {LONGEST:,}; set it smaller."
        )
    return ""


def _missing(face: Face, lines: Iterable[str]) -> str:
    # A space of another font shows nothing.
    return "".join(sorted(set("".join(lines)) - characters(face.file) - {" "}))


def _height(shot: Shot) -> float:
    """Pixels that a shot takes at most."""
    em = shot.setting.size * shot.zoom
    return em * (2 * ROOM + shot.setting.leading * len(shot.lines)) + 2


def _pages(shots: Mapping[int, Shot]) -> Iterator[list[int]]:
    """Shots of one zoom that fit a page, were each in a row of its own."""
    for zoom in sorted({shot.zoom for shot in shots.values()}):
        page, high = [], 0.0
        for i in (i for i, shot in shots.items() if shot.zoom == zoom):
            high += _height(shots[i])
            if high > LONGEST:
                yield page
                page, high = [], _height(shots[i])
            page.append(i)
        yield page


def _take(running: Browser, shots: list[Shot]) -> list[Taken]:
    """Shots of one zoom, by one picture of a page with all of them."""
    texts = [Text(s.face.file, "\n".join(s.lines), _style(s)) for s in shots]
    sheet, boxes, refused = page_of(running, texts, shots[0].zoom)
    taken = []
    for shot, box in zip(shots, boxes.tolist(), strict=True):
        if why := refused.get(shot.face.file):
            why = (
                f"{shot.face.name} ({shot.face.file}) loads in no browser ({why[:80]})"
            )
            taken.append(Taken(shot, _NONE, f"{why}; leave it out."))
        else:
            taken.append(_cut(shot, sheet, box))
    return taken


def _style(shot: Shot) -> dict[str, str]:
    setting, face = shot.setting, shot.face
    usual = tuple(axis[2] for axis in face.axes)
    axes = zip(face.axes, setting.axes or usual, strict=True)
    return {
        "fontSize": f"{setting.size}px",
        "lineHeight": str(setting.leading),
        "letterSpacing": f"{setting.spacing}em",
        "textAlign": setting.align,
        # Weights asked for by CSS would move a variable font from where it stands.
        "fontVariationSettings": ", ".join(f'"{a[0]}" {at}' for a, at in axes),
        "padding": f"{ROOM}em",
        "color": f"rgb{shot.ink}",
        "backgroundColor": f"rgb{shot.paper}",
    }


def _cut(shot: Shot, sheet: np.ndarray, box: list[int]) -> Taken:
    """The shot out of the page, with an even margin around what was drawn."""
    left, top, right, bottom = box
    if right > sheet.shape[1] or bottom > sheet.shape[0]:
        why = (
            f"{shot.lines[0]!r} in {shot.face.name} is {right - left:,} pixels long, "
            f"above the limit of {LONGEST:,}; set it smaller."
        )
        return Taken(shot, _NONE, why)
    part = sheet[top:bottom, left:right]
    drawn = (part != np.array(shot.paper, np.uint8)).any(2)
    if not drawn.any():
        why = f"{shot.face.name} draws nothing for {shot.lines[0]!r}; leave it out."
        return Taken(shot, _NONE, why)
    margin = round(MARGIN * shot.setting.size * shot.zoom)
    rows, columns = (np.flatnonzero(drawn.any(axis)) for axis in (1, 0))
    return Taken(
        shot,
        part[
            max(rows[0] - margin, 0) : rows[-1] + 1 + margin,
            max(columns[0] - margin, 0) : columns[-1] + 1 + margin,
        ].copy(),
    )
