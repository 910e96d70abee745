"""Lines of handwriting, written from single characters: one hand a line.

Characters stand on a baseline that drifts, each as large as the hand made it, with gaps
of the line's own; the line leans, and its pen is as wide as it happens to be. What the
characters' ink does not tell, where they stand, is `_place`'s rule.
"""

import io
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from strokejax.tasks.lines.glyphs import Glyphs
from strokejax.types import InputError

# Ink and scans as pictures of lines, by chance fainter, leaning or on paper.


FINE = 2
"""Pixels drawn for each, a side: their mean is anti-aliased."""

TALL = 48.0
"""Pixels between the highest and the lowest point of ink that is drawn as a line."""
WIDEST = 8_192
"""Pixels of such a line."""
PEN = 1.8


class Paper(NamedTuple):
    """What a picture of ink may look like; (low, high) of uniform choices."""

    ink: tuple[float, float] = (0.5, 1.0)
    """Share of full ink."""
    blur: tuple[float, float] = (0.0, 0.8)
    """Pixels of a Gaussian's deviation."""
    grain: tuple[float, float] = (0.0, 0.06)
    """Deviation of the paper's texture, of full ink; only what is darker is seen."""


CLEAN = Paper((1, 1), (0, 0), (0, 0))
"""Nothing changes."""


def draw_line(
    strokes: Sequence[np.ndarray], scale: float, pen: float, margin: int = 4
) -> np.ndarray:
    """Strokes `(n, >= 2)` as u8[h w], ink high: `scale` pixels a unit, a round pen.

    A stroke of one point, or one that does not move, is a dot.
    """
    from PIL import Image, ImageDraw

    every = np.concatenate([stroke[:, :2] for stroke in strokes])
    low = every.min(0)
    size = np.ceil((every.max(0) - low) * scale).astype(int) + 2 * margin + 1
    picture = Image.new("L", (FINE * int(size[0]), FINE * int(size[1])))
    brush, width = ImageDraw.Draw(picture), max(1, round(FINE * pen))
    radius = width / 2
    for stroke in strokes:
        xy = FINE * ((stroke[:, :2] - low) * scale + margin)
        if len(xy) > 1 and np.ptp(xy, axis=0).max() > 0:
            brush.line(xy.ravel().tolist(), 255, width)
        for x, y in (xy[0], xy[-1]):
            brush.ellipse((x - radius, y - radius, x + radius, y + radius), 255)
    return np.asarray(picture.reduce(FINE))


def usual_line(strokes: Sequence[np.ndarray]) -> np.ndarray:
    """Strokes of a line, of any size, as u8[h w]: `TALL`, or smaller if too wide."""
    wide, tall = np.ptp(np.concatenate([s[:, :2] for s in strokes]), axis=0).tolist()
    return draw_line(
        strokes, min(TALL / max(tall, 1e-6), WIDEST / max(wide, 1e-6)), PEN
    )


def on_paper(picture: np.ndarray, rng: np.random.Generator, paper: Paper) -> np.ndarray:
    """A drawn u8[h w] as a pen and a camera make it: fainter, blurred, with texture."""
    from PIL import Image, ImageFilter

    blur = ImageFilter.GaussianBlur(rng.uniform(*paper.blur))
    ink = np.asarray(Image.fromarray(picture).filter(blur), np.float32)
    ink = rng.uniform(*paper.ink) * ink
    grain = 255 * rng.uniform(*paper.grain) * rng.normal(size=ink.shape)
    return np.rint(np.clip(ink + np.maximum(grain, 0), 0, 255)).astype(np.uint8)


def shaken(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A scan that leans, is wider or fainter by chance."""
    from PIL import Image

    height, width = picture.shape
    lean, wide = 0.2 * rng.normal(), float(np.exp(0.12 * rng.normal()))
    tall = float(np.exp(0.05 * rng.normal()))
    moved = (1 / wide, lean, -lean * height / 2, 0, 1 / tall, 0)
    size = max(8, round(width * wide)), max(8, round(height * tall))
    image = Image.fromarray(picture).transform(
        size, Image.Transform.AFFINE, moved, Image.Resampling.BILINEAR
    )
    ink = np.asarray(image, np.float32) / 255
    ink = ink ** np.exp(0.3 * rng.normal())
    return np.rint(255 * np.clip(ink, 0, 1)).astype(np.uint8)


def pressed(pixels: np.ndarray, width: int) -> np.ndarray:
    """u8[h w] with at most that many columns."""
    if pixels.shape[1] <= width:
        return pixels
    from PIL import Image

    size = width, len(pixels)
    return np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.BILINEAR))


def png(picture: np.ndarray) -> bytes:
    """u8[h w], ink high, as a file: dark on white."""
    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(255 - picture).save(file, "PNG")
    return file.getvalue()


CELL = 0.45
"""Blank beside a character without overlap, in usual letters: 9 pixels beside 19, as
where the published lines are drawn."""
SCALE = 18.0
"""Pixels of a usual letter where a line is drawn."""
BELOW = {**dict.fromkeys("gpqy", 0.42), "j": 0.33, ",": 0.6, ";": 0.3, "Q": 0.1}
"""How much of a character hangs below the baseline, of its height."""
RAISED = frozenset("\"'`^*°’")
CENTRED = frozenset("-+=~<>•")
TOP, MIDDLE = -1.1, -0.38
"""Where raised characters begin and centred ones lie, in usual letters, y down."""


class Style(NamedTuple):
    """What a line may look like; (low, high) of a uniform choice, or a deviation."""

    overlap: tuple[float, float] = (0.0, 0.33)
    """Of neighbouring cells, once a line."""
    gap: float = 0.08
    """Deviation of each gap, in usual letters."""
    space: tuple[float, float] = (0.45, 0.9)
    """Between words, in usual letters."""
    lean: float = 0.15
    """Deviation of the slant."""
    drift: float = 0.08
    """Height of the baseline's waves, in usual letters."""
    slope: float = 0.02
    size: float = 0.06
    """Deviation of each character's size, as a logarithm."""
    pen: tuple[float, float] = (0.9, 2.8)
    """Pixels where a usual letter has `SCALE`."""
    paper: Paper = Paper()


USUAL = Style()
PLAIN = Style((0, 0), 0, (0.6, 0.6), 0, 0, 0, 0, (1.7, 1.7), CLEAN)
"""Neither slant nor waves nor chance."""


def write_line(
    text: str,
    glyphs: Glyphs,
    hand: str,
    rng: np.random.Generator,
    style: Style = USUAL,
) -> np.ndarray | None:
    """u8[h w], ink high: the text in a hand; None without a drawn character.

    A character that the hand has not written comes from another one; what nobody has
    written is a space.
    """
    known, overlap = glyphs.of_all | glyphs.of_hand[hand], rng.uniform(*style.overlap)
    space = rng.uniform(*style.space)
    strokes: list[np.ndarray] = []
    x = 0.0
    for character in text:
        if character not in known:
            x += space
            continue
        ink = glyphs.ink(int(rng.choice(known[character])))
        grown = np.float32(np.exp(style.size * rng.normal()))
        ink = _place(character, [grown * stroke for stroke in ink])
        every = np.concatenate(ink)
        width = float(np.ptp(every[:, 0]))
        side = CELL / 2 + style.gap * rng.normal()
        shift = np.array([x + side - every[:, 0].min(), 0.0], np.float32)
        strokes += [stroke + shift for stroke in ink]
        x += (1 - overlap) * (width + CELL)
    if not strokes:
        return None
    return _drawn(strokes, rng, style)


def _place(character: str, strokes: list[np.ndarray]) -> list[np.ndarray]:
    """Strokes where the character stands; the baseline is y = 0, y down."""
    y = np.concatenate(strokes)[:, 1]
    top, bottom = float(y.min()), float(y.max())
    if character in RAISED:
        move = TOP - top
    elif character in CENTRED:
        move = MIDDLE - (top + bottom) / 2
    else:
        move = BELOW.get(character, 0.0) * (bottom - top) - bottom
    return [stroke + np.array([0, move], np.float32) for stroke in strokes]


def _drawn(
    strokes: list[np.ndarray], rng: np.random.Generator, style: Style
) -> np.ndarray:
    lean, slope = style.lean * rng.normal(), style.slope * rng.normal()
    phase, period = rng.uniform(0, 2 * np.pi), rng.uniform(4, 16)
    bent = []
    for stroke in strokes:
        x, y = stroke.T
        wave = style.drift * np.sin(2 * np.pi * x / period + phase) + slope * x
        bent.append(np.stack([x - lean * y, y + wave], -1))
    picture = draw_line(bent, SCALE, rng.uniform(*style.pen))
    return on_paper(picture, rng, style.paper)


class Spans:
    """Spans of whole words of at most `limit` characters, from texts by their length.

    InputError where no text has a word that short.
    """

    def __init__(self, texts: Sequence[str], limit: int = 30):
        words = ([w for w in text.split() if len(w) <= limit] for text in texts)
        self._words = [each for each in words if each]
        if not self._words:
            raise InputError(
                f"The text has no word of at most {limit} characters; give other text "
                f"or longer lines."
            )
        weight = np.cumsum([len(each) for each in self._words])
        self._share = weight / weight[-1]
        self._limit = limit

    def one(self, rng: np.random.Generator) -> str:
        """One of them, of as many characters as another."""
        words = self._words[int(np.searchsorted(self._share, rng.random()))]
        wanted, span = int(rng.integers(1, self._limit + 1)), ""
        for word in words[int(rng.integers(len(words))) :]:
            longer = f"{span} {word}".strip()
            if len(longer) > self._limit:
                break
            span = longer
            if len(span) >= wanted:
                break
        return span
