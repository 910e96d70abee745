"""Which groups of letters are lines: the best of those that overlap, complete."""

from typing import NamedTuple

import numpy as np

from strokejax.pictures.text_groups import LEAST, Group, groups_in
from strokejax.pictures.text_parts import FRAME, block_highest

MOST = 64
CLEARLY = 20.0
"""Contrast over deviation of a single letter, where there is nothing else; of several
that look less like text, half of it."""
CERTAIN = 8.0
"""And of what is taken for text however faint it is."""


def lines_of(groups: list[Group]) -> list[Group]:
    """At most `MOST` groups apart from each other, with dots, accents and marks."""
    found = [cell for group in _apart(groups) for cell in _cells(group)]
    return _apart(_with_marks(found))


def _apart(groups: list[Group]) -> list[Group]:
    """The best of those that overlap, best first."""
    likely = [group for group in groups if group.sure >= 0]
    best = max((group.contrast for group in likely), default=0.0)
    likely = [g for g in likely if g.clear > CERTAIN or g.contrast > _needed(g) * best]
    groups = likely or [
        g for g in groups if g.clear > (CLEARLY if g.sure < -1 else CLEARLY / 2)
    ]
    full = _holds_text(groups)
    groups = [groups[i] for i in np.flatnonzero(~full)]
    boxes = np.array([group.box for group in groups]).reshape(-1, 4)
    area = np.prod(boxes[:, 2:] - boxes[:, :2], axis=1)
    worth = np.array([(group.sure + 3) * group.contrast**1.5 for group in groups])
    order = np.argsort(-worth * np.sqrt(area), kind="stable")
    kept: list[int] = []
    for i in order:
        shared = _shared(boxes[i], boxes[kept])
        if not (shared > 0.4 * np.minimum(area[i], area[kept])).any():
            kept.append(int(i))
        if len(kept) == MOST:
            break
    return [groups[i] for i in (kept if likely else kept[:1])]


def _holds_text(groups: list[Group]) -> np.ndarray:
    """bool[n]: whether a group is no text but holds some, as buttons do."""
    boxes = np.array([group.box for group in groups]).reshape(-1, 4)
    tall = boxes[:, 3] - boxes[:, 1]
    area = tall * (boxes[:, 2] - boxes[:, 0])
    contrast = np.array([group.contrast for group in groups])
    sheet = np.unique([id(group.parts) for group in groups], return_inverse=True)[1]
    count = np.array([_letters(group) for group in groups])
    text = (count > 2) & np.array([group.sure > 0.6 for group in groups], bool)
    found = []
    for i, group in enumerate(groups):
        inner = text & (tall < 0.5 * tall[i]) & (contrast > 0.5 * contrast[i])
        inner &= _shared(boxes[i], boxes) > 0.8 * area
        letters = np.bincount(sheet[inner], count[inner], 1).max()
        own = len(group.members)
        few = 2 * own if _fill(group) > 0.55 else 4 * own + 4
        found.append(bool(letters > few))
    return np.array(found, bool)


def _letters(group: Group) -> float:
    """About how many: a piece may be a word."""
    parts, members = group.parts, group.members
    wide = parts.width[members] / parts.height[members]
    return float(np.maximum(1, wide / 0.8).sum())


def _fill(group: Group) -> float:
    parts, members = group.parts, group.members
    room = (parts.width * parts.height)[members].sum()
    return float(parts.area[members].sum() / room)


def _needed(group: Group) -> float:
    """The contrast of few letters on uneven paper, of that of the clearest line."""
    count = len(group.members)
    return 0.45 if count < 3 else 0.3 if count < 8 else 0.1


def _shared(box: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """f64[n]: the area that a box f64[4] shares with each of f64[n 4]."""
    low = np.maximum(box[:2], boxes[:, :2])
    high = np.minimum(box[2:], boxes[:, 2:])
    return np.prod(np.maximum(high - low, 0), axis=1)


def _cells(group: Group) -> list[Group]:
    """The group in parts where rules of a table stand between its letters."""
    parts, m = group.parts, group.members[np.argsort(group.parts.x0[group.members])]
    left, _, top, bottom = group.band
    ends = np.maximum.accumulate(parts.x1[m])[:-1]
    cuts = []
    for k in np.flatnonzero(parts.x0[m][1:] - ends > 0.5 * (bottom - top)):
        a, b = int(ends[k]), int(parts.x0[m[k + 1]])
        down = group.slope * ((a + b) / 2 - left)
        rows = slice(max(0, int(top + down)), max(0, int(bottom + down)))
        gap = parts.labels[rows, a:b]
        rules = gap[len(gap) // 2, (gap > 0).all(0)] - 1 if gap.size else gap
        if (parts.height[rules] > 1.5 * (bottom - top)).any():
            cuts.append(k + 1)
    if not cuts:
        return [group]
    return [_part(group, members) for members in np.split(m, cuts)]


def _part(group: Group, members: np.ndarray) -> Group:
    parts, (left, _, top, bottom) = group.parts, group.band
    x0, x1 = float(parts.x0[members].min()), float(parts.x1[members].max())
    down = group.slope * (x0 - left)
    band = np.array([x0, x1, top + down, bottom + down])
    return group._replace(members=members, band=band)


def _with_marks(groups: list[Group]) -> list[Group]:
    """Each group completed by what no other one of its parts has."""
    done = []
    for group in groups:
        others = [g.members for g in groups if g.parts is group.parts]
        done.append(_completed(group, np.concatenate(others)))
    return done


def _completed(group: Group, taken: np.ndarray) -> Group:
    """With dots, accents and marks; `taken` pieces belong to other lines."""
    parts = group.parts
    left, right, top, bottom = group.band
    tall = bottom - top
    x, y = (parts.x0 + parts.x1) / 2, (parts.y0 + parts.y1) / 2
    y = y - group.slope * (x - left)
    good = (y > top - 0.45 * tall) & (y < bottom + 0.3 * tall)
    good &= (parts.x0 > left - 0.8 * tall) & (parts.x1 < right + 0.8 * tall)
    good &= (parts.height < 1.5 * tall) & (parts.width < 3 * tall)
    good &= parts.area > max(1, 0.002 * tall**2)
    good &= parts.contrast > 0.4 * np.median(parts.contrast[group.members])
    good[taken] = False
    good[group.members] = True
    return group._replace(members=np.flatnonzero(good))


# One line of text cut out of a picture: level, alone, paper 0 and ink 255.


HIGHEST = 256
"""Pixels: higher lines are reduced."""
BLANK = 4
"""Pixels around the ink."""
LEVEL = 0.006
"""Rise over run of what need not be turned."""


def cut_line(
    picture: np.ndarray,
    own: np.ndarray,
    other: np.ndarray,
    origin: tuple[float, float],
    scale: float,
    slope: float,
) -> np.ndarray:
    """u8[h w], ink high: what bool[h w] `own` shows of a picture u8[h w] or u8[h w 3].

    The masks' pixels are `scale` of the picture's wide and begin at its `origin` x, y;
    `other` is ink of the same kind that does not belong to the line.
    """
    step = max(1, round(len(own) * scale / HIGHEST))
    patch, own, other = _aligned(picture, own, other, origin, scale, step)
    soft = 1 + round(scale / step)
    reach = max(soft, round(0.06 * len(own)))
    near = _grown(own, reach)
    share = _share(patch, own, _grown(own | other, soft), len(own) // 2)
    share *= near & ~(_grown(other, soft) & ~_grown(own, 1))
    return _trimmed(_turned(share, slope))


def _aligned(picture, own, other, origin, scale: float, step: int):
    """The picture's patch f32[h w c], reduced `step` times, and masks of its size."""
    from PIL import Image

    height, width = (round(n * scale) for n in own.shape)
    x, y = round(origin[0]), round(origin[1])
    x0, y0 = max(0, x), max(0, y)
    x1, y1 = min(picture.shape[1], x + width), min(picture.shape[0], y + height)
    patch = picture[y0:y1, x0:x1]
    image = Image.fromarray(np.ascontiguousarray(patch)).reduce(step)
    box = (x0 - x) / scale, (y0 - y) / scale, (x1 - x) / scale, (y1 - y) / scale
    box = (*box[:2], min(box[2], own.shape[1]), min(box[3], own.shape[0]))
    masks = [
        np.asarray(Image.fromarray(mask.view(np.uint8)).resize(image.size, 0, box))
        for mask in (own, other)
    ]
    values = np.asarray(image, np.float32)
    values = values[..., None] if values.ndim == 2 else values
    return values, masks[0] > 0, masks[1] > 0


def _grown(mask: np.ndarray, by: int) -> np.ndarray:
    from scipy import ndimage

    return ndimage.maximum_filter(mask.view(np.uint8), 2 * by + 1).view(bool)


def _share(
    patch: np.ndarray, own: np.ndarray, inked: np.ndarray, reach: int
) -> np.ndarray:
    """f32[h w]: 0 on paper, 1 on full ink, along the line from paper's colour to it."""
    if inked.all() or not own.any():
        return own.astype(np.float32)
    offset = patch - _local_mean(patch, ~inked, reach)
    towards = offset[own].mean(0)
    share = offset @ (towards / max(float(towards @ towards), 1e-3))
    full = float(np.percentile(share[own], 90))
    share = share / max(full, 1e-3)
    core = own & (share > 0.7)
    if not core.any():
        return np.clip(share, 0, 1)
    # Ink may change its colour along the line.
    here = _local_mean(share[..., None], core, 3 * reach)[..., 0]
    return np.clip(share * (share[core].mean() / np.maximum(here, 0.3)), 0, 1)


def _local_mean(values: np.ndarray, mask: np.ndarray, reach: int) -> np.ndarray:
    """f32[h w c]: the mean of where the mask holds, nearby or else anywhere."""
    from scipy import ndimage

    size = 2 * reach + 1
    weight = ndimage.uniform_filter(mask.astype(np.float32), size, mode="nearest")
    usual = values[mask].mean(0)
    planes = [
        ndimage.uniform_filter((v - u) * mask, size, mode="nearest")
        for v, u in zip(np.moveaxis(values, -1, 0), usual, strict=True)
    ]
    near = np.stack(planes, -1) / np.maximum(weight, 0.01)[..., None]
    return usual + near


def _turned(share: np.ndarray, slope: float) -> np.ndarray:
    """u8[h w], turned until the line is level."""
    from PIL import Image

    image = Image.fromarray(np.rint(255 * share).astype(np.uint8))
    if abs(slope) > LEVEL:
        angle = float(np.degrees(np.arctan(slope)))
        image = image.rotate(angle, Image.Resampling.BICUBIC, expand=True)
    return np.asarray(image)


def _trimmed(ink: np.ndarray) -> np.ndarray:
    rows, columns = (np.flatnonzero(ink.max(k) > 40) for k in (1, 0))
    if len(rows):
        ink = ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    return np.pad(ink, BLANK)


# Where text stands in any picture: its lines, each alone and level.


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
