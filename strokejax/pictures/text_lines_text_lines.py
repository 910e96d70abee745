"""Where text stands in any picture: its lines, each alone and level.

Letters are pieces of ink, dark or light, looked for at several sizes; those next to
each other on a baseline are a line.
"""

from typing import NamedTuple

import numpy as np

from strokejax.pictures.text_groups_text_groups import LEAST, Group, groups_in
from strokejax.pictures.text_lines import lines_of
from strokejax.pictures.text_lines_text_cuts import cut_line
from strokejax.pictures.text_parts import FRAME, block_highest

ENOUGH = 2_000_000
"""Pixels: larger pictures are reduced before text is looked for."""


class TextLine(NamedTuple):
    """A line of text."""

    box: tuple[int, int, int, int]
    """x0, y0, x1, y1 in the picture's pixels: the upright rectangle around it."""
    ink: np.ndarray
    """u8[h w]: the line alone and level, paper 0 and ink 255, a few pixels around."""


def find_text(picture: np.ndarray) -> list[TextLine]:
    """The lines of text of a picture u8[h w] or u8[h w 3], in reading order.

    Dark or light text in any colours, level or rising by up to 30 degrees; at most
    64 lines. [] where there is no text.
    """
    if min(picture.shape[:2]) < LEAST:
        return []
    small, scale = _reduced(picture)
    groups = [group for plane in _planes(small) for group in groups_in(plane)]
    lines = lines_of(groups)
    order = _reading_order(np.array([line.box for line in lines]).reshape(-1, 4))
    return [_cut(picture, lines[i], scale) for i in order]


def _reduced(picture: np.ndarray) -> tuple[np.ndarray, float]:
    """The picture with at most `ENOUGH` pixels, and how much larger its own are."""
    from PIL import Image

    height, width = picture.shape[:2]
    scale = max(1.0, (height * width / ENOUGH) ** 0.5)
    if scale == 1:
        return picture, 1.0
    size = max(1, round(width / scale)), max(1, round(height / scale))
    image = Image.fromarray(np.ascontiguousarray(picture))
    return np.asarray(image.resize(size, Image.Resampling.BOX)), scale


def _planes(picture: np.ndarray) -> list[np.ndarray]:
    """f32[h w] each: luma, and a colour that shows what luma does not."""
    values = picture.astype(np.float32)
    if values.ndim == 2:
        return [values]
    luma = values @ np.array([0.299, 0.587, 0.114], np.float32)
    planes = [luma, *np.moveaxis(values, -1, 0)]
    ranges = np.stack([_block_ranges(plane) for plane in planes])
    hidden = (ranges[1:] > 3 * ranges[0] + 40).sum((1, 2))
    best = int(np.argmax(hidden))
    return [luma, planes[1 + best]] if hidden[best] else [luma]


def _block_ranges(plane: np.ndarray) -> np.ndarray:
    return block_highest(plane, 8) + block_highest(-plane, 8)


def _reading_order(boxes: np.ndarray) -> list[int]:
    """Rows from top to bottom, each from left to right, of boxes f64[n 4]."""
    middle = (boxes[:, 1] + boxes[:, 3]) / 2
    rest, order = np.argsort(middle, kind="stable"), []
    while len(rest):
        row = middle[rest] < boxes[rest[0], 3]
        order += rest[row][np.argsort(boxes[rest[row], 0], kind="stable")].tolist()
        rest = rest[~row]
    return order


def _cut(picture: np.ndarray, group: Group, size: float) -> TextLine:
    """The line of a group in a picture, `size` times as large as what was searched."""
    parts, scale = group.parts, group.scale * size
    x0, y0, x1, y1 = (group.box / group.scale + FRAME).astype(int)
    tall = group.band[3] - group.band[2]
    around = int(np.ceil(max(3, tall / 2)))
    height, width = parts.labels.shape
    a, b = max(0, x0 - around), max(0, y0 - around)
    labels = parts.labels[b : min(height, y1 + around), a : min(width, x1 + around)]
    mine = np.zeros(len(parts.area) + 1, bool)
    mine[group.members + 1] = True
    own = mine[labels]
    origin = (a - FRAME) * scale, (b - FRAME) * scale
    ink = cut_line(picture, own, (labels > 0) & ~own, origin, scale, group.slope)
    ends = [*np.floor(group.box[:2] * size), *np.ceil(group.box[2:] * size)]
    height, width = picture.shape[:2]
    x0, y0, x1, y1 = (
        int(np.clip(end, 0, most))
        for end, most in zip(ends, (width, height) * 2, strict=True)
    )
    return TextLine((x0, y0, x1, y1), ink)
