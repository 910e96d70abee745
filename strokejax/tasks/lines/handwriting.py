"""Synthetic lines of handwriting, composed of single characters by one writer a line.

Characters stand on a drifting baseline, each at the size that its writer gave it, with
random gaps between them; the line has a random slant and stroke width. A character's
ink does not tell where it stands: `_on_baseline` places it by a rule.
"""

import io
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from strokejax.tasks.lines.glyphs import Glyphs
from strokejax.types import InputError

INK_HEIGHT = 48.0
"""Pixels between the highest and the lowest point of recorded ink, drawn as a line."""
MAX_INK_WIDTH = 8_192
"""Maximum width of such a line, in pixels."""
PEN = 1.8
"""Stroke width of recorded ink, in pixels."""
SUPERSAMPLING = 2
"""Pixels drawn per pixel and axis; their mean is anti-aliased."""
SCALE = 18.0
"""Pixels of the reference letter in a synthetic line."""
CELL = 0.45
"""Blank beside a character without overlap, in reference letters: 9 pixels beside 19,
as in the published lines."""

# Where characters stand, by shares of their height and in reference letters, y down.
DESCENT = {**dict.fromkeys("gpqy", 0.42), "j": 0.33, ",": 0.6, ";": 0.3, "Q": 0.1}
"""Share of a character's height that is below the baseline."""
RAISED = frozenset("\"'`^*°’")
CENTRED = frozenset("-+=~<>•")
RAISED_TOP, CENTRE = -1.1, -0.38
"""Top of raised characters, and centre of centred ones."""


class PaperStyle(NamedTuple):
    """Augmentation of a picture of ink; each is the (low, high) of a uniform choice."""

    ink: tuple[float, float] = (0.5, 1.0)
    """Darkness, as a share of full ink."""
    blur: tuple[float, float] = (0.0, 0.8)
    """Standard deviation of a Gaussian, in pixels."""
    grain: tuple[float, float] = (0.0, 0.06)
    """Standard deviation of the paper's texture, as a share of full ink; only its
    darker half shows."""


CLEAN = PaperStyle((1, 1), (0, 0), (0, 0))
"""No change."""


class LineStyle(NamedTuple):
    """Augmentation of a line: the (low, high) of a uniform choice, or a deviation.

    Lengths are in reference letters.
    """

    overlap: tuple[float, float] = (0.0, 0.33)
    """Overlap of neighbouring cells, chosen once a line."""
    gap: float = 0.08
    """Standard deviation of each gap."""
    space: tuple[float, float] = (0.45, 0.9)
    """Space between words."""
    slant: float = 0.15
    """Standard deviation of the slant."""
    drift: float = 0.08
    """Amplitude of the baseline's waves."""
    slope: float = 0.02
    """Standard deviation of the baseline's slope."""
    size: float = 0.06
    """Standard deviation of each character's log size."""
    pen: tuple[float, float] = (0.9, 2.8)
    """Stroke width, in pixels where the reference letter has `SCALE`."""
    paper: PaperStyle = PaperStyle()


DEFAULT_STYLE = LineStyle()
PLAIN = LineStyle((0, 0), 0, (0.6, 0.6), 0, 0, 0, 0, (1.7, 1.7), CLEAN)
"""No slant, no drift, no randomness."""


# From text to ink


class SpanSampler:
    """Samples spans of whole words, of at most `limit` characters, from texts.

    A text is chosen in proportion to its length. InputError where every word is longer
    than the limit.
    """

    def __init__(self, texts: Sequence[str], limit: int = 30):
        words = ([w for w in text.split() if len(w) <= limit] for text in texts)
        self._words = [text for text in words if text]
        if not self._words:
            raise InputError(
                f"The text has no word of at most {limit} characters; give other text "
                f"or longer lines."
            )
        weight = np.cumsum([len(text) for text in self._words])
        self._share = weight / weight[-1]
        self._limit = limit

    def sample(self, rng: np.random.Generator) -> str:
        """A span; its target length is uniform from 1 to the limit."""
        words = self._words[int(np.searchsorted(self._share, rng.random()))]
        target, span = int(rng.integers(1, self._limit + 1)), ""
        for word in words[int(rng.integers(len(words))) :]:
            longer = f"{span} {word}".strip()
            if len(longer) > self._limit:
                break
            span = longer
            if len(span) >= target:
                break
        return span


def write_line(
    text: str,
    glyphs: Glyphs,
    writer: str,
    rng: np.random.Generator,
    style: LineStyle = DEFAULT_STYLE,
) -> np.ndarray | None:
    """u8[h w], ink high: the text by one writer; None if no character has ink.

    Other writers supply the characters that this one lacks; a character that nobody
    wrote is a space.
    """
    rows = glyphs.by_character | glyphs.by_writer[writer]
    overlap, space = rng.uniform(*style.overlap), rng.uniform(*style.space)
    strokes: list[np.ndarray] = []
    x = 0.0
    for character in text:
        if character not in rows:
            x += space
            continue
        ink = glyphs.ink(int(rng.choice(rows[character])))
        factor = np.float32(np.exp(style.size * rng.normal()))
        ink = _on_baseline(character, [factor * stroke for stroke in ink])
        points = np.concatenate(ink)
        width = float(np.ptp(points[:, 0]))
        side = CELL / 2 + style.gap * rng.normal()
        shift = np.array([x + side - points[:, 0].min(), 0.0], np.float32)
        strokes += [stroke + shift for stroke in ink]
        x += (1 - overlap) * (width + CELL)
    if not strokes:
        return None
    return _draw_styled(strokes, rng, style)


def _on_baseline(character: str, strokes: list[np.ndarray]) -> list[np.ndarray]:
    """Strokes moved to where the character stands; the baseline is y = 0."""
    y = np.concatenate(strokes)[:, 1]
    top, bottom = float(y.min()), float(y.max())
    if character in RAISED:
        move = RAISED_TOP - top
    elif character in CENTRED:
        move = CENTRE - (top + bottom) / 2
    else:
        move = DESCENT.get(character, 0.0) * (bottom - top) - bottom
    return [stroke + np.array([0, move], np.float32) for stroke in strokes]


def _draw_styled(
    strokes: list[np.ndarray], rng: np.random.Generator, style: LineStyle
) -> np.ndarray:
    slant, slope = style.slant * rng.normal(), style.slope * rng.normal()
    phase, period = rng.uniform(0, 2 * np.pi), rng.uniform(4, 16)
    styled = []
    for stroke in strokes:
        x, y = stroke.T
        wave = style.drift * np.sin(2 * np.pi * x / period + phase) + slope * x
        styled.append(np.stack([x - slant * y, y + wave], -1))
    picture = draw_line(styled, SCALE, rng.uniform(*style.pen))
    return add_paper(picture, rng, style.paper)


# From ink to pictures


def draw_line(
    strokes: Sequence[np.ndarray], scale: float, pen: float, margin: int = 4
) -> np.ndarray:
    """Strokes `(n, >= 2)` as u8[h w], ink high, drawn with a round pen.

    `scale` is in pixels per unit, `pen` and `margin` are in pixels. A stroke that does
    not move is a dot.
    """
    from PIL import Image, ImageDraw

    points = np.concatenate([stroke[:, :2] for stroke in strokes])
    low = points.min(0)
    size = np.ceil((points.max(0) - low) * scale).astype(int) + 2 * margin + 1
    picture = Image.new(
        "L", (SUPERSAMPLING * int(size[0]), SUPERSAMPLING * int(size[1]))
    )
    brush, width = ImageDraw.Draw(picture), max(1, round(SUPERSAMPLING * pen))
    radius = width / 2
    for stroke in strokes:
        xy = SUPERSAMPLING * ((stroke[:, :2] - low) * scale + margin)
        if len(xy) > 1 and np.ptp(xy, axis=0).max() > 0:
            brush.line(xy.ravel().tolist(), 255, width)
        for x, y in (xy[0], xy[-1]):
            brush.ellipse((x - radius, y - radius, x + radius, y + radius), 255)
    return np.asarray(picture.reduce(SUPERSAMPLING))


def draw_recorded(strokes: Sequence[np.ndarray]) -> np.ndarray:
    """Strokes of a line in any units as u8[h w]: `INK_HEIGHT`, less if too wide."""
    width, height = np.ptp(np.concatenate([s[:, :2] for s in strokes]), axis=0).tolist()
    scale = min(INK_HEIGHT / max(height, 1e-6), MAX_INK_WIDTH / max(width, 1e-6))
    return draw_line(strokes, scale, PEN)


def png(picture: np.ndarray) -> bytes:
    """u8[h w], ink high, as a PNG file, dark on white."""
    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(255 - picture).save(file, "PNG")
    return file.getvalue()


# Augmentation of pictures


def add_paper(
    picture: np.ndarray, rng: np.random.Generator, style: PaperStyle
) -> np.ndarray:
    """A drawn u8[h w] as on paper, by pen and camera: fainter, blurred, with grain."""
    from PIL import Image, ImageFilter

    blur = ImageFilter.GaussianBlur(rng.uniform(*style.blur))
    ink = np.asarray(Image.fromarray(picture).filter(blur), np.float32)
    ink = rng.uniform(*style.ink) * ink
    grain = 255 * rng.uniform(*style.grain) * rng.normal(size=ink.shape)
    return np.rint(np.clip(ink + np.maximum(grain, 0), 0, 255)).astype(np.uint8)


def distort_scan(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A scanned u8[h w] with random slant, width, height and contrast."""
    from PIL import Image

    height, width = picture.shape
    slant, wider = 0.2 * rng.normal(), float(np.exp(0.12 * rng.normal()))
    taller = float(np.exp(0.05 * rng.normal()))
    affine = (1 / wider, slant, -slant * height / 2, 0, 1 / taller, 0)
    size = max(8, round(width * wider)), max(8, round(height * taller))
    image = Image.fromarray(picture).transform(
        size, Image.Transform.AFFINE, affine, Image.Resampling.BILINEAR
    )
    ink = np.asarray(image, np.float32) / 255
    ink = ink ** np.exp(0.3 * rng.normal())
    return np.rint(255 * np.clip(ink, 0, 1)).astype(np.uint8)


def squeeze(pixels: np.ndarray, width: int) -> np.ndarray:
    """u8[h w] resized to `width` columns if it has more."""
    if pixels.shape[1] <= width:
        return pixels
    from PIL import Image

    size = width, len(pixels)
    return np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.BILINEAR))
