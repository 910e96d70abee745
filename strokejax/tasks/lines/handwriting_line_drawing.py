"""Ink and scans as pictures of lines, by chance fainter, leaning or on paper."""

import io
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

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
