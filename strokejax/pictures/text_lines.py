"""Finds the lines of text in any picture and cuts each out, level and alone.

A picture is searched for candidates (`text_groups`); of those that overlap, the best
are selected and completed by dots, accents and punctuation; then each line is cut out
of the full picture with its neighbours blanked.
"""

from typing import NamedTuple

import numpy as np

from strokejax.pictures.text_groups import MIN_HEIGHT, Candidate, find_candidates
from strokejax.pictures.text_parts import PADDING, block_max

MAX_LINES = 64
MAX_SEARCH_PIXELS = 2_000_000
"""Larger pictures are reduced before the search."""
LONE_CLARITY = 20.0
"""Smallest contrast over deviation of a single letter, if there is nothing else; half
of it for several letters that look less like text."""
SURE_CLARITY = 8.0
"""Contrast over deviation from which text counts, however faint it is."""
MAX_INK_HEIGHT = 256
"""Pixels: higher lines are reduced."""
MARGIN = 4
"""Blank pixels around the ink."""
LEVEL_SLOPE = 0.006
"""Rise over run below which a line is not rotated."""


class TextLine(NamedTuple):
    """A line of text."""

    box: tuple[int, int, int, int]
    """x0, y0, x1, y1 in the picture's pixels: the upright rectangle around it."""
    ink: np.ndarray
    """u8[h w]: the line alone and level, paper 0 and ink 255, with a small margin."""


# Searching a picture


def find_text(picture: np.ndarray) -> list[TextLine]:
    """The lines of text of a picture u8[h w] or u8[h w 3], in reading order.

    Dark or light text in any colours, level or rising by up to 30 degrees; at most
    64 lines. [] if there is no text.
    """
    if min(picture.shape[:2]) < MIN_HEIGHT:
        return []
    small, scale = _reduce(picture)
    candidates = [c for plane in _planes(small) for c in find_candidates(plane)]
    lines = select_lines(candidates)
    order = _reading_order(np.array([line.box for line in lines]).reshape(-1, 4))
    return [_extract(picture, lines[i], scale) for i in order]


def _reduce(picture: np.ndarray) -> tuple[np.ndarray, float]:
    """The picture with at most `MAX_SEARCH_PIXELS`, and the factor of reduction."""
    from PIL import Image

    height, width = picture.shape[:2]
    scale = max(1.0, (height * width / MAX_SEARCH_PIXELS) ** 0.5)
    if scale == 1:
        return picture, 1.0
    size = max(1, round(width / scale)), max(1, round(height / scale))
    image = Image.fromarray(np.ascontiguousarray(picture))
    return np.asarray(image.resize(size, Image.Resampling.BOX)), scale


def _planes(picture: np.ndarray) -> list[np.ndarray]:
    """f32[h w] each: luma, and a colour channel if it shows text that luma does not."""
    values = picture.astype(np.float32)
    if values.ndim == 2:
        return [values]
    luma = values @ np.array([0.299, 0.587, 0.114], np.float32)
    planes = [luma, *np.moveaxis(values, -1, 0)]
    ranges = np.stack([_block_ranges(plane) for plane in planes])
    # Blocks in which a channel varies by far more than luma.
    hidden = (ranges[1:] > 3 * ranges[0] + 40).sum((1, 2))
    best = int(np.argmax(hidden))
    return [luma, planes[1 + best]] if hidden[best] else [luma]


def _block_ranges(plane: np.ndarray) -> np.ndarray:
    """f32[ceil(h/8) ceil(w/8)]: maximum minus minimum of each block."""
    return block_max(plane, 8) + block_max(-plane, 8)


def _reading_order(boxes: np.ndarray) -> list[int]:
    """Order of boxes f64[n 4]: rows from top to bottom, each from left to right."""
    middle = (boxes[:, 1] + boxes[:, 3]) / 2
    rest, order = np.argsort(middle, kind="stable"), []
    while len(rest):
        # A row is every box whose middle lies above the bottom of the first one.
        row = middle[rest] < boxes[rest[0], 3]
        order += rest[row][np.argsort(boxes[rest[row], 0], kind="stable")].tolist()
        rest = rest[~row]
    return order


# Selecting among overlapping candidates


def select_lines(candidates: list[Candidate]) -> list[Candidate]:
    """At most `MAX_LINES` disjoint candidates, with dots, accents and punctuation."""
    lines = _suppress_overlaps(candidates)
    cells = [cell for line in lines for cell in _split_at_rules(line)]
    return _suppress_overlaps(_add_marks(cells))


def _suppress_overlaps(candidates: list[Candidate]) -> list[Candidate]:
    """Non-maximum suppression: the best of those that overlap, best first."""
    likely = [c for c in candidates if c.score >= 0]
    best = max((c.contrast for c in likely), default=0.0)
    likely = [
        c
        for c in likely
        if c.clarity > SURE_CLARITY or c.contrast > _min_contrast(c) * best
    ]
    candidates = likely or [
        c
        for c in candidates
        if c.clarity > (LONE_CLARITY if c.score < -1 else LONE_CLARITY / 2)
    ]
    is_container = _contain_text(candidates)
    candidates = [candidates[i] for i in np.flatnonzero(~is_container)]
    boxes = np.array([c.box for c in candidates]).reshape(-1, 4)
    area = np.prod(boxes[:, 2:] - boxes[:, :2], axis=1)
    worth = np.array([(c.score + 3) * c.contrast**1.5 for c in candidates])
    order = np.argsort(-worth * np.sqrt(area), kind="stable")
    selected: list[int] = []
    for i in order:
        shared = _intersections(boxes[i], boxes[selected])
        if not (shared > 0.4 * np.minimum(area[i], area[selected])).any():
            selected.append(int(i))
        if len(selected) == MAX_LINES:
            break
    # Without likely text, only the best candidate is a line.
    return [candidates[i] for i in (selected if likely else selected[:1])]


def _contain_text(candidates: list[Candidate]) -> np.ndarray:
    """bool[n]: whether a candidate is not text but contains some, as buttons do."""
    boxes = np.array([c.box for c in candidates]).reshape(-1, 4)
    tall = boxes[:, 3] - boxes[:, 1]
    area = tall * (boxes[:, 2] - boxes[:, 0])
    contrast = np.array([c.contrast for c in candidates])
    # Several searches may see the same letters, so these are counted per search.
    sources = [id(c.components) for c in candidates]
    source = np.unique(sources, return_inverse=True)[1]
    count = np.array([_letter_count(c) for c in candidates])
    text = (count > 2) & np.array([c.score > 0.6 for c in candidates], bool)
    contain = []
    for i, candidate in enumerate(candidates):
        inner = text & (tall < 0.5 * tall[i]) & (contrast > 0.5 * contrast[i])
        inner &= _intersections(boxes[i], boxes) > 0.8 * area
        letters = np.bincount(source[inner], count[inner], 1).max()
        size = len(candidate.members)
        limit = 2 * size if _fill(candidate) > 0.55 else 4 * size + 4
        contain.append(bool(letters > limit))
    return np.array(contain, bool)


def _letter_count(candidate: Candidate) -> float:
    """Estimated number of letters: a component may be a word."""
    components, members = candidate.components, candidate.members
    aspect = components.width[members] / components.height[members]
    return float(np.maximum(1, aspect / 0.8).sum())


def _fill(candidate: Candidate) -> float:
    """Fraction of the members' boxes that is inked."""
    components, members = candidate.components, candidate.members
    room = (components.width * components.height)[members].sum()
    return float(components.area[members].sum() / room)


def _min_contrast(candidate: Candidate) -> float:
    """Smallest contrast relative to the clearest line's; higher for few letters."""
    count = len(candidate.members)
    return 0.45 if count < 3 else 0.3 if count < 8 else 0.1


def _intersections(box: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """f64[n]: the area that a box f64[4] shares with each of f64[n 4]."""
    low = np.maximum(box[:2], boxes[:, :2])
    high = np.minimum(box[2:], boxes[:, 2:])
    return np.prod(np.maximum(high - low, 0), axis=1)


# Completing lines


def _split_at_rules(line: Candidate) -> list[Candidate]:
    """The line in parts if rules of a table stand between its letters."""
    c, m = line.components, line.members[np.argsort(line.components.x0[line.members])]
    left, _, top, bottom = line.band
    ends = np.maximum.accumulate(c.x1[m])[:-1]
    cuts = []
    for k in np.flatnonzero(c.x0[m][1:] - ends > 0.5 * (bottom - top)):
        a, b = int(ends[k]), int(c.x0[m[k + 1]])
        rise = line.slope * ((a + b) / 2 - left)
        rows = slice(max(0, int(top + rise)), max(0, int(bottom + rise)))
        gap = c.labels[rows, a:b]
        # A rule inks a whole column of the gap, and is higher than the line.
        rules = gap[len(gap) // 2, (gap > 0).all(0)] - 1 if gap.size else gap
        if (c.height[rules] > 1.5 * (bottom - top)).any():
            cuts.append(k + 1)
    if not cuts:
        return [line]
    return [_part_of(line, members) for members in np.split(m, cuts)]


def _part_of(line: Candidate, members: np.ndarray) -> Candidate:
    c, (left, _, top, bottom) = line.components, line.band
    x0, x1 = float(c.x0[members].min()), float(c.x1[members].max())
    rise = line.slope * (x0 - left)
    band = np.array([x0, x1, top + rise, bottom + rise])
    return line._replace(members=members, band=band)


def _add_marks(lines: list[Candidate]) -> list[Candidate]:
    """Each line with nearby components that belong to none of the others."""
    complete = []
    for line in lines:
        members = [x.members for x in lines if x.components is line.components]
        complete.append(_with_marks(line, np.concatenate(members)))
    return complete


def _with_marks(line: Candidate, taken: np.ndarray) -> Candidate:
    """Adds dots, accents and punctuation; `taken` components belong to lines."""
    c = line.components
    left, right, top, bottom = line.band
    tall = bottom - top
    x, y = (c.x0 + c.x1) / 2, (c.y0 + c.y1) / 2
    y = y - line.slope * (x - left)
    good = (y > top - 0.45 * tall) & (y < bottom + 0.3 * tall)
    good &= (c.x0 > left - 0.8 * tall) & (c.x1 < right + 0.8 * tall)
    good &= (c.height < 1.5 * tall) & (c.width < 3 * tall)
    good &= c.area > max(1, 0.002 * tall**2)
    good &= c.contrast > 0.4 * np.median(c.contrast[line.members])
    good[taken] = False
    good[line.members] = True
    return line._replace(members=np.flatnonzero(good))


# Cutting a line out of the picture


def _extract(picture: np.ndarray, line: Candidate, reduction: float) -> TextLine:
    """The line cut out of a picture `reduction` times as large as the searched one."""
    c, scale = line.components, line.scale * reduction
    x0, y0, x1, y1 = (line.box / line.scale + PADDING).astype(int)
    tall = line.band[3] - line.band[2]
    room = int(np.ceil(max(3, tall / 2)))
    height, width = c.labels.shape
    a, b = max(0, x0 - room), max(0, y0 - room)
    labels = c.labels[b : min(height, y1 + room), a : min(width, x1 + room)]
    is_member = np.zeros(len(c.area) + 1, bool)
    is_member[line.members + 1] = True
    mask = is_member[labels]
    origin = (a - PADDING) * scale, (b - PADDING) * scale
    ink = cut_line(picture, mask, (labels > 0) & ~mask, origin, scale, line.slope)
    ends = [*np.floor(line.box[:2] * reduction), *np.ceil(line.box[2:] * reduction)]
    height, width = picture.shape[:2]
    x0, y0, x1, y1 = (
        int(np.clip(end, 0, side))
        for end, side in zip(ends, (width, height) * 2, strict=True)
    )
    return TextLine((x0, y0, x1, y1), ink)


def cut_line(
    picture: np.ndarray,
    mask: np.ndarray,
    other: np.ndarray,
    origin: tuple[float, float],
    scale: float,
    slope: float,
) -> np.ndarray:
    """u8[h w], ink high: the ink under a mask of a picture u8[h w] or u8[h w 3].

    `mask` and `other` are bool[h w]: ink of this line, and ink of the same kind that
    does not belong to it. Their pixels are `scale` pixels of the picture wide and start
    at its `origin` x, y. `slope` is the rise over run that is levelled.
    """
    step = max(1, round(len(mask) * scale / MAX_INK_HEIGHT))
    patch, mask, other = _align(picture, mask, other, origin, scale, step)
    # The blurred rim of the ink lies around the mask and is cut out with it.
    rim = 1 + round(scale / step)
    near = _dilate(mask, max(rim, round(0.06 * len(mask))))
    alpha = _alpha(patch, mask, _dilate(mask | other, rim), len(mask) // 2)
    alpha *= near & ~(_dilate(other, rim) & ~_dilate(mask, 1))
    return _trim(_rotate_level(alpha, slope))


def _align(picture, mask, other, origin, scale: float, step: int):
    """The picture's patch f32[h w c], reduced `step` times, and masks of its size."""
    from PIL import Image

    height, width = (round(n * scale) for n in mask.shape)
    x, y = round(origin[0]), round(origin[1])
    x0, y0 = max(0, x), max(0, y)
    x1, y1 = min(picture.shape[1], x + width), min(picture.shape[0], y + height)
    patch = picture[y0:y1, x0:x1]
    image = Image.fromarray(np.ascontiguousarray(patch)).reduce(step)
    # The same rectangle in the masks' pixels, which may reach beyond the picture.
    box = (x0 - x) / scale, (y0 - y) / scale, (x1 - x) / scale, (y1 - y) / scale
    box = (*box[:2], min(box[2], mask.shape[1]), min(box[3], mask.shape[0]))
    masks = [
        np.asarray(Image.fromarray(pixels.view(np.uint8)).resize(image.size, 0, box))
        for pixels in (mask, other)
    ]
    values = np.asarray(image, np.float32)
    values = values[..., None] if values.ndim == 2 else values
    return values, masks[0] > 0, masks[1] > 0


def _dilate(mask: np.ndarray, radius: int) -> np.ndarray:
    from scipy import ndimage

    return ndimage.maximum_filter(mask.view(np.uint8), 2 * radius + 1).view(bool)


def _alpha(
    patch: np.ndarray, mask: np.ndarray, inked: np.ndarray, radius: int
) -> np.ndarray:
    """f32[h w]: 0 on paper, 1 on full ink, along the line from paper's colour to it."""
    if inked.all() or not mask.any():
        return mask.astype(np.float32)
    offset = patch - _local_mean(patch, ~inked, radius)
    # Each pixel's offset from the paper is projected on the mean offset of the ink.
    direction = offset[mask].mean(0)
    alpha = offset @ (direction / max(float(direction @ direction), 1e-3))
    full = float(np.percentile(alpha[mask], 90))
    alpha = alpha / max(full, 1e-3)
    core = mask & (alpha > 0.7)
    if not core.any():
        return np.clip(alpha, 0, 1)
    # Ink may change its colour along the line.
    local = _local_mean(alpha[..., None], core, 3 * radius)[..., 0]
    return np.clip(alpha * (alpha[core].mean() / np.maximum(local, 0.3)), 0, 1)


def _local_mean(values: np.ndarray, mask: np.ndarray, radius: int) -> np.ndarray:
    """f32[h w c]: the mean over the mask within `radius`, or else over all of it."""
    from scipy import ndimage

    size = 2 * radius + 1
    weight = ndimage.uniform_filter(mask.astype(np.float32), size, mode="nearest")
    mean = values[mask].mean(0)
    # Deviations from the global mean are averaged: far from the mask they are 0.
    planes = [
        ndimage.uniform_filter((v - u) * mask, size, mode="nearest")
        for v, u in zip(np.moveaxis(values, -1, 0), mean, strict=True)
    ]
    deviation = np.stack(planes, -1) / np.maximum(weight, 0.01)[..., None]
    return mean + deviation


def _rotate_level(alpha: np.ndarray, slope: float) -> np.ndarray:
    """u8[h w], rotated until the line is level."""
    from PIL import Image

    image = Image.fromarray(np.rint(255 * alpha).astype(np.uint8))
    if abs(slope) > LEVEL_SLOPE:
        angle = float(np.degrees(np.arctan(slope)))
        image = image.rotate(angle, Image.Resampling.BICUBIC, expand=True)
    return np.asarray(image)


def _trim(ink: np.ndarray) -> np.ndarray:
    """The ink's bounding box with a blank margin."""
    rows, columns = (np.flatnonzero(ink.max(k) > 40) for k in (1, 0))
    if len(rows):
        ink = ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    return np.pad(ink, MARGIN)
