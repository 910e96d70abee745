"""Text drawn in a font, and the degradation that turns it into a realistic picture.

Pillow draws the glyphs with FreeType and, where it is built with HarfBuzz, shapes the
text with it. Hinted text is drawn at its own size. Unhinted text, which browsers and
phones show, is drawn larger and reduced.
"""

import io
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from strokejax.types import InputError

OVERSAMPLING = 4
"""How many times larger unhinted text is drawn before it is reduced."""
MAX_BOX = 8
"""Limit of a text's bounding box: ems of width a letter, and ems of height besides the
leading. A font that exceeds it draws pages, not letters."""


class TextStyle(NamedTuple):
    """How text is typeset."""

    size: float
    """Pixels of the em."""
    hinted: bool = False
    spacing: float = 0.0
    """Extra space between letters, in ems."""
    leading: float = 1.3
    """Distance between baselines, in ems."""
    align: str = "left"
    axes: tuple[float, ...] = ()
    """Coordinates of a variable font, one an axis; () for the font's default."""


class Augmentation(NamedTuple):
    """Colours and degradation of a picture; the default is sharp black on white."""

    ink: tuple[tuple[int, int, int], ...] = ((0, 0, 0),)
    """One colour, or a gradient's colours at the left and the right end."""
    paper: tuple[tuple[int, int, int], ...] = ((255, 255, 255),)
    """One colour, or a gradient's colours at the top and the bottom."""
    texture: float = 0.0
    """Standard deviation of the paper's texture, of 255."""
    grain: int = 8
    """Size of the texture's spots in pixels."""
    corners: tuple[tuple[float, float], ...] = ()
    """Shifts of the four corners (clockwise from top left), of the height."""
    blur: float = 0.0
    """Standard deviation of the Gaussian blur, in pixels."""
    noise: float = 0.0
    """Standard deviation of the pixel noise, of 255."""
    quality: int = 0
    """JPEG quality; 0 for no compression."""
    seed: int = 0
    """Seed of the texture and the noise."""


# Typesetting.


def typeset(file: str, index: int, lines: list[str], style: TextStyle) -> np.ndarray:
    """u8[h w]: how much of each pixel the text covers, with a margin of a third em.

    An empty `file` stands for Pillow's default font. InputError if the font draws
    nothing, or a box beyond `MAX_BOX`.
    """
    from PIL import Image, ImageDraw

    scale = 1 if style.hinted else OVERSAMPLING
    em = style.size * scale
    font = _load_font(file, index, em, style.axes)
    leading = style.leading * em
    offsets = [_letter_offsets(font, text, style.spacing * em) for text in lines]
    boxes = [_box(font, text, at) for text, at in zip(lines, offsets, strict=True)]
    left = min(box[0] for box in boxes)
    right = max(box[2] for box in boxes)
    top = boxes[0][1]
    bottom = max(box[3] + i * leading for i, box in enumerate(boxes))
    max_width = MAX_BOX * em * max(map(len, lines))
    max_height = MAX_BOX * em + leading * len(lines)
    if not (0 < right - left <= max_width and 0 < bottom - top <= max_height):
        raise InputError(
            f"{file} draws {lines[0]!r} {right - left:,.0f} x {bottom - top:,.0f} "
            f"pixels large at {em:.0f} pixels an em; it is not a text font: leave it "
            f"out."
        )
    margin = em / 3
    size = [int(np.ceil(x + 2 * margin)) for x in (right - left, bottom - top)]
    # Both sides are multiples of the scale, so that `reduce` drops no pixels.
    canvas = Image.new("L", [-(-x // scale) * scale for x in size])
    draw = ImageDraw.Draw(canvas)
    for i, (text, at) in enumerate(zip(lines, offsets, strict=True)):
        slack = (right - left) - (boxes[i][2] - boxes[i][0])
        shift = {"left": 0.0, "center": slack / 2, "right": slack}[style.align]
        x, y = margin - left + shift, margin - top + i * leading
        for part, offset in _parts(text, at):
            draw.text((x + offset, y), part, fill=255, font=font)
    if scale > 1:
        canvas = canvas.reduce(scale)
    coverage = np.asarray(canvas)
    if not coverage.any():
        raise InputError(
            f"{file} draws nothing for {lines[0]!r}; it is not a text font: leave it "
            f"out."
        )
    return coverage


@lru_cache(32)
def _load_font(file: str, index: int, size: float, axes: tuple[float, ...]):
    from PIL import ImageFont

    if not file:
        return ImageFont.load_default(size)
    font = ImageFont.truetype(file, size, index=index)
    if axes:
        font.set_variation_by_axes(list(axes))
    return font


def _letter_offsets(font, text: str, spacing: float) -> list[float]:
    """Offset of each letter in pixels; [] without extra spacing."""
    if not spacing:
        return []
    # Lengths of prefixes, not sums of advances, so that kerning stays.
    return [font.getlength(text[:i]) + i * spacing for i in range(len(text))]


def _parts(text: str, offsets: list[float]):
    """Letters with their offsets; the whole text at once without extra spacing."""
    return zip(text, offsets, strict=True) if offsets else [(text, 0.0)]


def _box(font, text: str, offsets: list[float]) -> tuple[float, float, float, float]:
    """The bounding box x0, y0, x1, y1 of a line's ink, in pixels."""
    boxes = [
        (x0 + offset, y0, x1 + offset, y1)
        for part, offset in _parts(text, offsets)
        for x0, y0, x1, y1 in [font.getbbox(part)]
    ]
    x0, y0, x1, y1 = zip(*boxes, strict=True)
    return min(x0), min(y0), max(x1), max(y1)


# Augmentation.


def augment(
    coverage: np.ndarray, augmentation: Augmentation, grey: bool = False
) -> np.ndarray:
    """u8[h w 3], or u8[h w] in grey: text of coverage u8[h w] as a picture shows it."""
    from PIL import Image, ImageFilter

    rng = np.random.default_rng(augmentation.seed)
    image = Image.fromarray(coverage)
    if augmentation.corners:
        image = _warp(image, augmentation.corners)
    if augmentation.blur:
        image = image.filter(ImageFilter.GaussianBlur(augmentation.blur))
    alpha = np.asarray(image, np.float32) / 255
    height, width = alpha.shape
    channels = 1 if grey else 3
    paper = _gradient(augmentation.paper, height, grey)[:, None]
    ink = _gradient(augmentation.ink, width, grey)[None]
    if augmentation.texture:
        texture = _smooth_noise(rng, (height, width), augmentation.grain)
        paper = paper + augmentation.texture * texture
    picture = paper + alpha[..., None] * (ink - paper)
    if augmentation.noise:
        shape = (height, width, channels)
        picture = picture + augmentation.noise * rng.standard_normal(shape, np.float32)
    values = np.rint(np.clip(picture, 0, 255)).astype(np.uint8)
    values = values[..., 0] if grey else values
    quality = augmentation.quality
    return _compress_jpeg(values, quality) if quality else values


def _gradient(colours, count: int, grey: bool) -> np.ndarray:
    """f32[n 3], or luma f32[n 1] (ITU-R BT.601): from the first colour to the last."""
    ends = np.array(colours, np.float32)
    if grey:
        ends = ends @ np.array([[0.299], [0.587], [0.114]], np.float32)
    fraction = np.linspace(0, 1, count, dtype=np.float32)[:, None]
    return ends[0] + fraction * (ends[-1] - ends[0])


def _smooth_noise(
    rng: np.random.Generator, shape: tuple[int, int], grain: int
) -> np.ndarray:
    """f32[h w 1]: noise of standard deviation about 1, smooth over `grain` pixels."""
    from PIL import Image

    coarse = rng.standard_normal([-(-x // grain) + 1 for x in shape], np.float32)
    image = Image.fromarray(coarse)
    fine = image.resize((shape[1], shape[0]), Image.Resampling.BICUBIC)
    return np.asarray(fine)[..., None]


def _warp(image, corners: tuple[tuple[float, float], ...]):
    """The image in perspective, with its corners moved; what surrounds it is paper."""
    from PIL import Image

    width, height = image.size
    source = [(0, 0), (width, 0), (width, height), (0, height)]
    moved = [
        (x + dx * height, y + dy * height)
        for (x, y), (dx, dy) in zip(source, corners, strict=True)
    ]
    low = np.floor(np.min(moved, axis=0))
    size = np.ceil(np.max(moved, axis=0) - low).astype(int)
    moved = np.array(moved) - low
    # Pillow wants the inverse map: where in the source each pixel comes from.
    return image.transform(
        tuple(size.tolist()),
        Image.Transform.PERSPECTIVE,
        _homography(moved, np.array(source, float)),
        Image.Resampling.BICUBIC,
    )


def _homography(source: np.ndarray, target: np.ndarray) -> tuple[float, ...]:
    """The 8 coefficients of the projective map that takes 4 points to 4 others.

    u = (a x + b y + c) / (g x + h y + 1) and v likewise; multiplied by the denominator,
    each pair of points gives two linear equations.
    """
    rows, values = [], []
    for (x, y), (u, v) in zip(source, target, strict=True):
        rows += [[x, y, 1, 0, 0, 0, -u * x, -u * y], [0, 0, 0, x, y, 1, -v * x, -v * y]]
        values += [u, v]
    return tuple(np.linalg.solve(rows, values).tolist())


def _compress_jpeg(values: np.ndarray, quality: int) -> np.ndarray:
    from PIL import Image

    data = io.BytesIO()
    Image.fromarray(values).save(data, "JPEG", quality=quality)
    return np.asarray(Image.open(data))
