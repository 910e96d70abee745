"""Pictures of text in fonts as a browser shows them: Chromium, run by playwright.

Chromium rasterises outlines with Skia, not with FreeType as `typeset` does. Its
pictures test what a network learned from those of `typeset`; they are never trained on.
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
from strokejax.tasks.fonts.data import TextSampler, random_augmentation, random_style
from strokejax.tasks.fonts.faces import Face, characters
from strokejax.tasks.fonts.typeset import TextStyle
from strokejax.types import InputError

PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
OPTIONS = ("--no-sandbox", "--disable-background-networking")
MAX_STEP = 10
"""Maximum number of CSS pixels between two that fall on whole pixels of the picture."""
PAGE_WIDTH, MAX_SIDE = 2_400, 12_000
"""Pixels: width of a page, unless its texts are wider, and limit of a page's sides."""

ZOOMS = (2 / 3, 0.8, 1.0, 1.25, 1.5, 2.0)
"""Zoom levels of browsers, and pixel densities of phones."""
LINE_COUNTS = (0.6, 0.25, 0.15)
"""Shares of pictures with one, two and three lines."""
PADDING = 0.75
"""Ems around a text on the page, because letters can reach beyond their lines."""
MARGIN = 1 / 3
"""Ems around the ink in a finished picture, as in those of `typeset`."""
BATCH = 256
"""Specimens drawn together, so that those of one zoom level share pages."""
TRIES = 20
"""Random texts tried until the font has all their characters."""

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
  const boxes = texts.map(([file, text, css]) => {
    const box = document.createElement("div");
    box.textContent = text;
    Object.assign(box.style, css, {fontFamily: fonts[file][0]});
    return document.body.appendChild(box);
  });
  await document.fonts.ready;
  const padding = (size) => `${Math.ceil(size / step) * step - size}px`;
  boxes.map((box) => [box, box.getBoundingClientRect()]).forEach(([box, at]) => {
    box.style.margin = `0 ${padding(at.width)} ${padding(at.height)} 0`;
  });
  return [refused, boxes.map((box) => {
    const {left, top, right, bottom} = box.getBoundingClientRect();
    return [left, top, right, bottom];
  })];
}"""


class Specimen(NamedTuple):
    """A text to be shown by a browser."""

    face: Face
    lines: tuple[str, ...]
    style: TextStyle
    """Its size is in CSS pixels; hinting is up to the browser."""
    ink: tuple[int, int, int] = (0, 0, 0)
    paper: tuple[int, int, int] = (255, 255, 255)
    zoom: float = 1.0
    """Pixels of the picture for one CSS pixel."""


class Screenshot(NamedTuple):
    """The picture of a specimen, or the reason why there is none."""

    specimen: Specimen
    picture: np.ndarray
    """u8[h w 3]; empty if the specimen was refused."""
    refused: str = ""
    """The reason why there is no picture; "" if there is one."""


_NO_PICTURE = np.zeros((0, 0, 3), np.uint8)


# Random specimens.


def screen_pictures(
    faces: Sequence[Face], words: Mapping[str, float], count: int, seed: int = 0
) -> Iterator[tuple[int, Screenshot]]:
    """`count` random pictures of each face in turn, with the index of the face.

    `words` maps words to frequencies. InputError if there is no browser.
    """
    texts = TextSampler(dict(words))
    indices = [(i, number) for i in range(len(faces)) for number in range(count)]
    specimens = (
        random_specimen(faces[i], texts, _generator(faces[i], seed, number))
        for i, number in indices
    )
    for (i, _), screenshot in zip(indices, screenshots(specimens), strict=True):
        yield i, screenshot


def _generator(face: Face, seed: int, number: int) -> np.random.Generator:
    name_hash = hashlib.sha256(face.name.encode()).digest()[:8]
    return np.random.default_rng([*name_hash, face.index, seed, number])


def random_specimen(
    face: Face, texts: TextSampler, rng: np.random.Generator
) -> Specimen:
    """One to three random lines in a random style, two colours, and a zoom level."""
    zoom = float(rng.choice(ZOOMS))
    style = random_style(rng, face.axes)
    colours = random_augmentation(rng, style.size)
    # In CSS pixels: the zoom brings the text back to the sampled size.
    style = style._replace(size=float(max(1, round(style.size / zoom))))
    count = int(rng.choice([1, 2, 3], p=LINE_COUNTS))
    lines = ()
    for _ in range(TRIES):
        lines = tuple(texts.line(rng) for _ in range(count))
        # Later faces of a collection are refused in any case.
        if face.index or not _missing(face, lines):
            break
    return Specimen(face, lines, style, colours.ink[0], colours.paper[0], zoom)


# Screenshots: specimens of one zoom level share pages, and are cut out of these.


def screenshots(specimens: Iterable[Specimen]) -> Iterator[Screenshot]:
    """The screenshot of each specimen, in order; InputError if there is no browser.

    A font that the browser cannot load, or that lacks a character, is refused: the
    browser would silently show another font.
    """
    remaining = iter(specimens)
    with browser() as running:
        while batch := [*islice(remaining, BATCH)]:
            reasons = [_refusal(specimen) for specimen in batch]
            jobs = zip(batch, repeat(_NO_PICTURE), reasons, strict=False)
            done = [Screenshot(*job) for job in jobs]
            drawable = {i: s for i, s in enumerate(batch) if not reasons[i]}
            for page in _pages(drawable):
                taken = _take(running, [batch[i] for i in page])
                for i, screenshot in zip(page, taken, strict=True):
                    done[i] = screenshot
            yield from done


def _refusal(specimen: Specimen) -> str:
    """The reason why a specimen is not drawn at all; "" if it is."""
    face, height = specimen.face, _max_height(specimen)
    if face.index:
        return (
            f"{face.name} is face {face.index} of the collection {face.file}, which "
            f"browsers cannot load; give it as a file of its own."
        )
    if missing := _missing(face, specimen.lines):
        return (
            f"{face.name} lacks {len(missing)} characters of {specimen.lines[0]!r} "
            f"({missing[:8]}), which another font would show; give other words."
        )
    if height > MAX_SIDE:
        return (
            f"{specimen.lines[0]!r} in {specimen.style.size:,g} pixels is a picture of "
            f"up to {height:,.0f} pixels, above the limit of {MAX_SIDE:,}; set it "
            f"smaller."
        )
    return ""


def _missing(face: Face, lines: Iterable[str]) -> str:
    # A space of another font is invisible.
    return "".join(sorted(set("".join(lines)) - characters(face.file) - {" "}))


def _max_height(specimen: Specimen) -> float:
    """Upper bound of a specimen's height on the page, in pixels."""
    em = specimen.style.size * specimen.zoom
    return em * (2 * PADDING + specimen.style.leading * len(specimen.lines)) + 2


def _pages(specimens: Mapping[int, Specimen]) -> Iterator[list[int]]:
    """Specimens of one zoom level that fit on a page, even if each takes a row."""
    for zoom in sorted({specimen.zoom for specimen in specimens.values()}):
        page, height = [], 0.0
        for i in (i for i, s in specimens.items() if s.zoom == zoom):
            height += _max_height(specimens[i])
            if height > MAX_SIDE:
                yield page
                page, height = [], _max_height(specimens[i])
            page.append(i)
        yield page


def _take(running: "Browser", specimens: list[Specimen]) -> list[Screenshot]:
    """Screenshots of specimens of one zoom level, from one picture of a page."""
    texts = [Text(s.face.file, "\n".join(s.lines), _css(s)) for s in specimens]
    sheet, boxes, refused = render_page(running, texts, specimens[0].zoom)
    taken = []
    for specimen, box in zip(specimens, boxes.tolist(), strict=True):
        face = specimen.face
        if error := refused.get(face.file):
            reason = (
                f"{face.name} ({face.file}) loads in no browser ({error[:80]}); leave "
                f"it out."
            )
            taken.append(Screenshot(specimen, _NO_PICTURE, reason))
        else:
            taken.append(_crop(specimen, sheet, box))
    return taken


def _css(specimen: Specimen) -> dict[str, str]:
    style, face = specimen.style, specimen.face
    defaults = tuple(axis[2] for axis in face.axes)
    axes = zip(face.axes, style.axes or defaults, strict=True)
    return {
        "fontSize": f"{style.size}px",
        "lineHeight": str(style.leading),
        "letterSpacing": f"{style.spacing}em",
        "textAlign": style.align,
        # Always set: otherwise CSS's font-weight moves a variable font's weight axis.
        "fontVariationSettings": ", ".join(f'"{a[0]}" {at}' for a, at in axes),
        "padding": f"{PADDING}em",
        "color": f"rgb{specimen.ink}",
        "backgroundColor": f"rgb{specimen.paper}",
    }


def _crop(specimen: Specimen, sheet: np.ndarray, box: list[int]) -> Screenshot:
    """A specimen cut out of its page, with an even margin around the ink."""
    left, top, right, bottom = box
    text, face = specimen.lines[0], specimen.face
    if right > sheet.shape[1] or bottom > sheet.shape[0]:
        reason = (
            f"{text!r} in {face.name} is {right - left:,} pixels long, above the limit "
            f"of {MAX_SIDE:,}; set it smaller."
        )
        return Screenshot(specimen, _NO_PICTURE, reason)
    picture = sheet[top:bottom, left:right]
    inked = (picture != np.array(specimen.paper, np.uint8)).any(2)
    if not inked.any():
        reason = f"{face.name} draws nothing for {text!r}; leave it out."
        return Screenshot(specimen, _NO_PICTURE, reason)
    margin = round(MARGIN * specimen.style.size * specimen.zoom)
    rows, columns = (np.flatnonzero(inked.any(axis)) for axis in (1, 0))
    return Screenshot(
        specimen,
        picture[
            max(rows[0] - margin, 0) : rows[-1] + 1 + margin,
            max(columns[0] - margin, 0) : columns[-1] + 1 + margin,
        ].copy(),
    )


# The browser, and pages of texts in it.


class Text(NamedTuple):
    """A text on a page."""

    file: str
    """The font file."""
    text: str
    css: dict[str, str]
    """CSS properties by their names in scripts (fontSize)."""


class Browser(NamedTuple):
    """A running browser with one page."""

    page: Any
    devtools: Any
    """Session of the Chrome DevTools protocol."""
    url: str
    """Address of the empty page."""


@contextmanager
def browser() -> Iterator[Browser]:
    """A browser without network access; InputError if there is none, or it crashes."""
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
            f"{program} cannot start, or crashed ({str(error).splitlines()[0][:80]}); "
            f"install it again, or draw with FreeType."
        ) from error


def render_page(
    running: Browser, texts: Sequence[Text], zoom: float
) -> tuple[np.ndarray, np.ndarray, dict[str, str]]:
    """u8[h w 3]: a picture of texts side by side; i64[n 4]: their boxes; failed fonts.

    Boxes are left, top, right and bottom in pixels; those that end beyond `MAX_SIDE`
    can be missing in the picture. Failed fonts map their file to the error.
    """
    fonts = {
        file: (f"font{i}", Path(file).absolute().as_uri())
        for i, file in enumerate(sorted({text.file for text in texts}))
    }
    running.page.goto(running.url)
    _resize(running, PAGE_WIDTH, PAGE_WIDTH, zoom)
    # Every box begins at a whole pixel, so a text looks the same wherever it stands.
    step = Fraction(zoom).limit_denominator(MAX_STEP).denominator
    page = {"fonts": fonts, "texts": texts, "wide": PAGE_WIDTH / zoom, "step": step}
    refused, css_boxes = running.page.evaluate(_DRAW, page)
    ends = np.array(css_boxes) * zoom
    # A pixel inside the edges, which blend with the neighbour's colour.
    inside = [np.ceil(ends[:, :2]) + 1, np.floor(ends[:, 2:]) - 1]
    boxes = np.concatenate(inside, 1).astype(int)
    fits = (ends[:, 2:] <= MAX_SIDE).all(1)
    right, bottom = ends[fits, 2:].max(0, initial=1).tolist()
    _resize(running, right, bottom, zoom)
    options = {"format": "png", "optimizeForSpeed": True}
    data = running.devtools.send("Page.captureScreenshot", options)["data"]
    return decode_picture(b64decode(data), "the page"), boxes, refused


def _resize(running: Browser, width: float, height: float, zoom: float) -> None:
    """Sets the size of the page, in pixels of its picture."""
    size = {"width": int(np.ceil(width / zoom)), "height": int(np.ceil(height / zoom))}
    metrics = size | {"deviceScaleFactor": zoom, "mobile": False}
    running.devtools.send("Emulation.setDeviceMetricsOverride", metrics)
