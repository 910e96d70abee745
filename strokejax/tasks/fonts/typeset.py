"""Text set in a font, as pictures of it come: sharp, blurred, coloured, bent.

FreeType draws the glyphs (by Pillow), HarfBuzz shapes them where Pillow has it. Hinted
text is drawn at its size; text without hints, as browsers and phones show it, larger
and reduced.
"""

import io
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from strokejax.types import InputError

REDUCED = 4
"""How much larger text without hints is drawn."""
MAX_GLYPH = 8
"""Widths and heights of a text's box over what its size lets expect: beyond lies a
font that draws pages."""


class Setting(NamedTuple):
    """How text is set."""

    size: float
    """Pixels of the em."""
    hinted: bool = False
    spacing: float = 0.0
    """Between letters, of the em."""
    leading: float = 1.3
    """From line to line, of the em."""
    align: str = "left"
    axes: tuple[float, ...] = ()
    """Where a variable font stands, axis by axis; () = as usual."""


class Look(NamedTuple):
    """What becomes of set text on its way to a picture."""

    ink: tuple[tuple[int, int, int], ...] = ((0, 0, 0),)
    """One colour, or those at the left and the right end."""
    paper: tuple[tuple[int, int, int], ...] = ((255, 255, 255),)
    """One colour, or those at the top and the bottom."""
    texture: float = 0.0
    """Deviation of the paper's spots, of 255."""
    grain: int = 8
    """Pixels of a spot."""
    corners: tuple[tuple[float, float], ...] = ()
    """How far the four corners move (from top left, clockwise), of the height."""
    blur: float = 0.0
    """Deviation in pixels."""
    noise: float = 0.0
    """Deviation, of 255."""
    quality: int = 0
    """Of a JPEG file in between; 0 = none."""
    seed: int = 0
    """Of texture and noise."""


@lru_cache(32)
def _font(file: str, index: int, size: float, axes: tuple[float, ...]):
    from PIL import ImageFont

    if not file:
        return ImageFont.load_default(size)
    font = ImageFont.truetype(file, size, index=index)
    if axes:
        font.set_variation_by_axes(list(axes))
    return font


def typeset(file: str, index: int, lines: list[str], setting: Setting) -> np.ndarray:
    """u8[h w]: how much of each pixel the text covers, with a margin of a third em.

    Without a `file` in the font that Pillow brings.
    InputError where the font draws nothing, or far more than text of that size.
    """
    from PIL import Image, ImageDraw

    scale = 1 if setting.hinted else REDUCED
    em = setting.size * scale
    font = _font(file, index, em, setting.axes)
    step = setting.leading * em
    starts = [_starts(font, text, setting.spacing * em) for text in lines]
    boxes = [_box(font, text, where) for text, where in zip(lines, starts, strict=True)]
    left = min(box[0] for box in boxes)
    right = max(box[2] for box in boxes)
    top = boxes[0][1]
    bottom = max(box[3] + i * step for i, box in enumerate(boxes))
    most = MAX_GLYPH * em * max(map(len, lines)), MAX_GLYPH * em + step * len(lines)
    if not (0 < right - left <= most[0] and 0 < bottom - top <= most[1]):
        raise InputError(
            f"{file} draws {lines[0]!r} {right - left:,.0f} x {bottom - top:,.0f} "
            f"pixels large at {em:.0f} pixels an em; it is no font to read."
        )
    margin = em / 3
    size = [int(np.ceil(x + 2 * margin)) for x in (right - left, bottom - top)]
    sheet = Image.new("L", [-(-x // scale) * scale for x in size])
    draw = ImageDraw.Draw(sheet)
    for i, (text, where) in enumerate(zip(lines, starts, strict=True)):
        room = (right - left) - (boxes[i][2] - boxes[i][0])
        shift = {"left": 0.0, "center": room / 2, "right": room}[setting.align]
        x, y = margin - left + shift, margin - top + i * step
        for part, at in _parts(text, where):
            draw.text((x + at, y), part, fill=255, font=font)
    if scale > 1:
        sheet = sheet.reduce(scale)
    found = np.asarray(sheet)
    if not found.any():
        raise InputError(f"{file} draws nothing for {lines[0]!r}; it is no text font.")
    return found


def _starts(font, text: str, spacing: float) -> list[float]:
    """Where each letter begins where they are spaced out; [] where they are not."""
    if not spacing:
        return []
    return [font.getlength(text[:i]) + i * spacing for i in range(len(text))]


def _parts(text: str, where: list[float]):
    return zip(text, where, strict=True) if where else [(text, 0.0)]


def _box(font, text: str, where: list[float]) -> tuple[float, float, float, float]:
    boxes = [
        (x0 + at, y0, x1 + at, y1)
        for part, at in _parts(text, where)
        for x0, y0, x1, y1 in [font.getbbox(part)]
    ]
    x0, y0, x1, y1 = zip(*boxes, strict=True)
    return min(x0), min(y0), max(x1), max(y1)


def photograph(cover: np.ndarray, look: Look, grey: bool = False) -> np.ndarray:
    """u8[h w 3], or u8[h w] in grey: a cover u8[h w] with ink, paper and wear."""
    from PIL import Image, ImageFilter

    rng = np.random.default_rng(look.seed)
    sheet = Image.fromarray(cover)
    if look.corners:
        sheet = _bent(sheet, look.corners)
    if look.blur:
        sheet = sheet.filter(ImageFilter.GaussianBlur(look.blur))
    share = np.asarray(sheet, np.float32) / 255
    height, width = share.shape
    colours = 1 if grey else 3
    paper = _blend(look.paper, height, grey)[:, None]
    ink = _blend(look.ink, width, grey)[None]
    if look.texture:
        paper = paper + look.texture * _spots(rng, (height, width), look.grain)
    picture = paper + share[..., None] * (ink - paper)
    if look.noise:
        shape = (height, width, colours)
        picture = picture + look.noise * rng.standard_normal(shape, np.float32)
    values = np.rint(np.clip(picture, 0, 255)).astype(np.uint8)
    values = values[..., 0] if grey else values
    return _through_jpeg(values, look.quality) if look.quality else values


def _blend(colours, count: int, grey: bool) -> np.ndarray:
    """f32[n 3], or f32[n 1]: from the first colour to the last; luma by ITU-R 601."""
    ends = np.array(colours, np.float32)
    if grey:
        ends = ends @ np.array([[0.299], [0.587], [0.114]], np.float32)
    along = np.linspace(0, 1, count, dtype=np.float32)[:, None]
    return ends[0] + along * (ends[-1] - ends[0])


def _spots(rng: np.random.Generator, shape: tuple[int, int], grain: int) -> np.ndarray:
    """f32[h w 1]: smooth noise of deviation about 1."""
    from PIL import Image

    coarse = rng.standard_normal([-(-x // grain) + 1 for x in shape], np.float32)
    sheet = Image.fromarray(coarse)
    fine = sheet.resize((shape[1], shape[0]), Image.Resampling.BICUBIC)
    return np.asarray(fine)[..., None]


def _bent(sheet, corners: tuple[tuple[float, float], ...]):
    """The sheet seen at an angle; what lies beyond it is paper."""
    from PIL import Image

    width, height = sheet.size
    usual = [(0, 0), (width, 0), (width, height), (0, height)]
    moved = [
        (x + dx * height, y + dy * height)
        for (x, y), (dx, dy) in zip(usual, corners, strict=True)
    ]
    low = np.floor(np.min(moved, axis=0))
    size = np.ceil(np.max(moved, axis=0) - low).astype(int)
    moved = np.array(moved) - low
    return sheet.transform(
        tuple(size.tolist()),
        Image.Transform.PERSPECTIVE,
        _homography(moved, np.array(usual, float)),
        Image.Resampling.BICUBIC,
    )


def _homography(source: np.ndarray, target: np.ndarray) -> tuple[float, ...]:
    """The 8 numbers of the projective map from 4 points to 4 others."""
    rows, values = [], []
    for (x, y), (u, v) in zip(source, target, strict=True):
        rows += [[x, y, 1, 0, 0, 0, -u * x, -u * y], [0, 0, 0, x, y, 1, -v * x, -v * y]]
        values += [u, v]
    return tuple(np.linalg.solve(rows, values).tolist())


def _through_jpeg(values: np.ndarray, quality: int) -> np.ndarray:
    from PIL import Image

    data = io.BytesIO()
    Image.fromarray(values).save(data, "JPEG", quality=quality)
    return np.asarray(Image.open(data))
