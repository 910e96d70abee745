"""Letters that stand next to each other on a common baseline, as chains."""

from typing import NamedTuple

import numpy as np

from strokejax.pictures.text_parts import (
    FRAME,
    WINDOW,
    Parts,
    above_paper,
    framed,
    may_be_letters,
    parts_of,
    smoothed,
)

NEIGHBOURS = 8
LETTER_GAP, WORD_GAP = 0.7, 1.7
"""Between neighbours, of the height of what is on both sides."""
OFFSET, WIDE_OFFSET = 0.3, 0.45
"""Between their tops, bottoms or middles, of the height; and where all else is done."""
UNEVEN = 2.8
"""How much higher a neighbour may be."""
STEEPEST = 0.65
"""Rise over run of a line."""
STEEP = 0.05
"""Below it, letters are joined as if they stood level."""
WORD = 2.0
"""Times as wide as high: several joined letters."""
VOTERS, NEAR = 400, 12
"""Letters that tell the usual slope, and how many others near each."""
GRID = np.linspace(-STEEPEST, STEEPEST, 27)


class Items(NamedTuple):
    """Letters or chains of them as bands: tops and bottoms at both ends, f64[n]."""

    left: np.ndarray
    right: np.ndarray
    top_left: np.ndarray
    bottom_left: np.ndarray
    top_right: np.ndarray
    bottom_right: np.ndarray


def chains(boxes: np.ndarray, own: np.ndarray) -> tuple[np.ndarray, np.ndarray, Items]:
    """Each letter's chain i[n], the chains' slopes f64[m] and bands.

    Boxes f64[n 4] are x0, y0, x1, y1; y goes down, and so does a line of positive
    slope. f64[n] `own` are slopes of the letters' pixels, of use where one is a word.
    """
    wide, tall = boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1]
    level = np.maximum(tall - np.abs(own) * wide, 0.2 * tall)
    own = np.where((wide > WORD * level) & (np.abs(own) < STEEPEST), own, 0)
    lean = _usual_slope(boxes, own)
    group = _joined(_letters(boxes, own, lean), LETTER_GAP, lean)
    for offset in (OFFSET, OFFSET, WIDE_OFFSET):
        words = _bands(boxes, group, own, lean)[1]
        group = _joined(words, WORD_GAP, lean, offset)[group]
    slopes, words = _bands(boxes, group, own, lean)
    return group, slopes, words


def quantile(values: np.ndarray, group: np.ndarray, share: float) -> np.ndarray:
    """f64[m]: the value below which that share of each group's lies."""
    order = np.lexsort((values, group))
    count = np.bincount(group)
    start = np.cumsum(count) - count
    return values[order][start + np.rint(share * (count - 1)).astype(int)]


def _letters(boxes: np.ndarray, own: np.ndarray, lean: float) -> Items:
    x0, y0, x1, y1 = boxes.T
    rise = np.where(own == 0, lean, own) * (x1 - x0) / 2
    # A sloping word's box is higher than its letters.
    less = np.where(own == 0, 0, np.minimum(np.abs(rise), 0.4 * (y1 - y0)))
    y0, y1 = y0 + less, y1 - less
    return Items(x0, x1, y0 - rise, y1 - rise, y0 + rise, y1 + rise)


def _joined(
    items: Items, reach: float, lean: float, offset: float = OFFSET
) -> np.ndarray:
    """i[n]: the chain of each item."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    i, j = _best(*_links(items, reach, lean, offset), len(items.left))
    graph = coo_array((np.ones(len(i)), (i, j)), (len(items.left),) * 2)
    return connected_components(graph, directed=False)[1]


def _best(i: np.ndarray, j: np.ndarray, cost: np.ndarray, count: int):
    """The links i, j that are the best ones of both ends."""
    order = np.argsort(cost, kind="stable")
    i, j = i[order], j[order]
    after, before = np.full(count, -1), np.full(count, -1)
    after[i[::-1]], before[j[::-1]] = j[::-1], i[::-1]
    i = np.flatnonzero((after >= 0) & (before[after] == np.arange(count)))
    return i, after[i]


def _links(items: Items, reach: float, lean: float, offset: float):
    """Items i and their possible right neighbours j, with what each link costs."""
    from scipy.spatial import KDTree

    near = min(NEIGHBOURS, len(items.left))
    starts = np.stack([items.left, items.top_left + items.bottom_left], 1)
    ends = np.stack([items.right, items.top_right + items.bottom_right], 1)
    j = KDTree(starts).query(ends, near)[1].reshape(len(ends), near)
    i = np.broadcast_to(np.arange(len(ends))[:, None], j.shape)
    i, j = i.ravel(), j.ravel()
    gap = items.left[j] - items.right[i]
    rise = lean * gap
    tops = items.top_left[j] - items.top_right[i] - rise
    bottoms = items.bottom_left[j] - items.bottom_right[i] - rise
    tall_i = items.bottom_right[i] - items.top_right[i]
    tall_j = items.bottom_left[j] - items.top_left[j]
    most, least = np.maximum(tall_i, tall_j), np.minimum(tall_i, tall_j)
    middles = (tops + bottoms) / 2
    off = np.min(np.abs([tops, bottoms, middles]), axis=0)
    wide_i, wide_j = (items.right - items.left)[i], (items.right - items.left)[j]
    good = (i != j) & (gap < reach * most) & (gap > -0.6 * np.minimum(wide_i, wide_j))
    good &= (most <= UNEVEN * least) & (off <= offset * most + 1)
    good &= np.abs(middles) < 0.5 * (tall_i + tall_j)
    cost = np.maximum(gap, 0) + 2 * off
    return i[good], j[good], cost[good]


def _fits(boxes: np.ndarray, group: np.ndarray, lean: float) -> np.ndarray:
    """f64[m]: slopes through the bottoms of each group, from the usual slope on."""
    x, y = (boxes[:, 0] + boxes[:, 2]) / 2, boxes[:, 3]
    tall = quantile(boxes[:, 3] - boxes[:, 1], group, 0.5)[group]
    slope = np.full(len(tall) and group.max() + 1, lean)
    level = quantile(y - lean * x, group, 0.5)
    for _ in range(4):
        away = (y - slope[group] * x - level[group]) / (0.2 * tall)
        weight = 1 / (1 + away**2) ** 2
        total = np.bincount(group, weight)
        mean_x = np.bincount(group, weight * x) / total
        mean_y = np.bincount(group, weight * y) / total
        dx, dy = x - mean_x[group], y - mean_y[group]
        along = np.bincount(group, weight * dx * dx)
        slope = np.bincount(group, weight * dx * dy) / np.maximum(along, 1e-6)
        slope = np.clip(slope, -STEEPEST, STEEPEST)
        level = mean_y - slope * mean_x
    return slope


def _usual_slope(boxes: np.ndarray, own: np.ndarray) -> float:
    """Of most pairs of letters near each other; 0.0 where that is about level."""
    from scipy.spatial import KDTree

    if len(boxes) < 2:
        return float(own[0]) if abs(own[0]) > STEEP else 0.0
    few = boxes[:: -(-len(boxes) // VOTERS)]
    middles = [(each[:, :2] + each[:, 2:]) / 2 for each in (few, boxes)]
    near = KDTree(middles[1]).query(middles[0], min(NEAR, len(boxes)))[1].ravel()
    one, other = few.repeat(len(near) // len(few), 0), boxes[near]
    across = (other[:, 0] + other[:, 2] - one[:, 0] - one[:, 2]) / 2
    tall, tall_other = one[:, 3] - one[:, 1], other[:, 3] - other[:, 1]
    fit = (
        (across > 0.3 * tall)
        & (across < 5 * tall)
        & (np.abs(tall_other / tall - 1) < 1)
    )
    down = [(other[:, k] - one[:, k])[fit] / across[fit] for k in (1, 3)]
    words = own[own != 0]
    slopes = np.concatenate([*down, words])
    weight = np.concatenate([np.ones(2 * fit.sum()), np.full(len(words), 8.0)])
    fit = np.abs(slopes) < STEEPEST
    slopes, weight = slopes[fit], weight[fit]
    votes = np.exp(-(((GRID[:, None] - slopes) / 0.05) ** 2)) @ weight
    # What is level needs less proof.
    votes += 0.1 * weight.sum() * (np.abs(GRID) < STEEP)
    lean = float(GRID[np.argmax(votes)])
    if abs(lean) < STEEP:
        return 0.0
    near = np.abs(slopes - lean) < 0.08
    return float(np.average(slopes[near], weights=weight[near])) if near.any() else lean


def _bands(boxes: np.ndarray, group: np.ndarray, own: np.ndarray, lean: float):
    """Slopes f64[m] and bands of groups; short ones have the usual slope."""
    slope, count = _fits(boxes, group, lean), np.bincount(group)
    x = (boxes[:, 0] + boxes[:, 2]) / 2
    left, right = (quantile(boxes[:, k], group, k / 2) for k in (0, 2))
    tall = quantile(boxes[:, 3] - boxes[:, 1], group, 0.5)
    lone = np.bincount(group, own) / count
    short = np.where((count == 1) & (lone != 0), lone, lean)
    slope = np.where((count >= 5) & (right - left > 5 * tall), slope, short)
    across = slope[group] * (x - left[group])
    less = np.where(own == 0, 0, np.abs(own) * (boxes[:, 2] - boxes[:, 0]) / 2)
    less = np.minimum(less, 0.4 * (boxes[:, 3] - boxes[:, 1]))
    top = quantile(boxes[:, 1] + less - across, group, 0.25)
    bottom = quantile(boxes[:, 3] - less - across, group, 0.5)
    bottom = np.maximum(bottom, top + 1)
    rise = slope * (right - left)
    return slope, Items(left, right, top, bottom, top + rise, bottom + rise)


# Letters of a picture in groups that may be lines of text.


LEAST, LEAST_REDUCED = 5, 9
"""Pixels of the smallest letters, in the picture and in its reductions."""
MOST_GROUPS = 128
"""Of one size and polarity."""
CLEAR = 4.0
"""Contrast of text over the deviation of the paper around it; half as much again for
fewer than four pieces."""


class Group(NamedTuple):
    """Pieces that may be a line."""

    parts: Parts
    members: np.ndarray
    scale: float
    """Pixels of the searched picture for one of the parts'."""
    slope: float
    band: np.ndarray
    """f64[4]: left, right, and at the left top and bottom, in the parts' pixels."""
    contrast: float
    clear: float
    """That over the deviation of the paper."""
    sure: float
    """How much it looks like text; below 0 only where there is nothing else."""

    @property
    def box(self) -> np.ndarray:
        """f64[4] in the searched picture's pixels."""
        p, m = self.parts, self.members
        ends = p.x0[m].min(), p.y0[m].min(), p.x1[m].max(), p.y1[m].max()
        return (np.array(ends, float) - FRAME) * self.scale


def groups_in(plane: np.ndarray) -> list[Group]:
    """What may be lines, at all sizes and in both polarities."""
    found, scale, least = [], 1.0, LEAST
    plane = smoothed(plane)
    while min(plane.shape) >= least:
        above = above_paper(framed(plane))
        for side in (-above, above):
            found += _groups_of(parts_of(side), side, scale, least)
        height, width = (n // 2 * 2 for n in plane.shape)
        if min(height, width) < WINDOW:
            break
        plane = plane[:height, :width].reshape(height // 2, 2, -1, 2).mean((1, 3))
        scale, least = 2 * scale, LEAST_REDUCED
    return found


def _groups_of(
    parts: Parts, above: np.ndarray, scale: float, least: int
) -> list[Group]:
    letters = np.flatnonzero(may_be_letters(parts, least))
    if not len(letters):
        return []
    boxes = np.stack([parts.x0, parts.y0, parts.x1, parts.y1], 1)[letters]
    group, slopes, bands = chains(boxes.astype(float), parts.slope[letters])
    sure = _looks(parts, letters, group, slopes, bands)
    order = np.lexsort((-np.bincount(group), -sure.round(1)))[:MOST_GROUPS]
    found = []
    least_sure = -1 if sure.max() >= 0 else -2
    for k in order[sure[order] > least_sure]:
        members = letters[group == k]
        contrast, clear = _contrast(parts, members, above)
        if clear > (CLEAR if len(members) > 3 else 1.5 * CLEAR):
            band = np.array([each[k] for each in bands[:4]])
            light = contrast, clear, float(sure[k])
            found.append(Group(parts, members, scale, float(slopes[k]), band, *light))
    return found


def _looks(parts: Parts, letters, group, slopes, bands) -> np.ndarray:
    """f64[m]: how much each group looks like text, 0 to 1; below 0 for single parts."""
    count = np.bincount(group)
    tall = (bands.bottom_left - bands.top_left)[group]
    middle = (parts.x0 + parts.x1)[letters] / 2
    across = slopes[group] * (middle - bands.left[group])
    top = np.abs(parts.y0[letters] - across - bands.top_left[group])
    bottom = np.abs(parts.y1[letters] - across - bands.bottom_left[group])
    on_line = np.minimum(top, bottom) < np.maximum(0.15 * tall, 1.5)
    aligned = np.bincount(group, on_line) / count
    stroke = (parts.area / np.maximum(parts.runs, 1))[letters]
    low, high = (quantile(stroke, group, share) for share in (0.2, 0.8))
    even = np.clip(1.5 - high / np.maximum(low, 1) / 4, 0, 1)
    fill = parts.area / np.maximum(parts.width * parts.height, 1)
    solid = np.bincount(group, fill[letters] > 0.85) / count
    crossed = np.bincount(group, (parts.runs / np.maximum(parts.height, 1))[letters])
    wide = quantile((parts.width / np.maximum(parts.height, 1))[letters], group, 1)
    boxy = np.bincount(group, (fill[letters] > 0.8) | parts.framed[letters]) / count
    word = (crossed > 2) & (wide > 1.3)
    aligned = np.where(word, np.maximum(aligned, 0.8), aligned)
    sure = aligned * even * np.where(solid > 0.7, 0.3, 1)
    sure = np.where(count > 2, sure, 0.7 * sure)
    alone = ((count < 2) & ~word) | ((count < 3) & (boxy == 1))
    sure = np.where(alone, sure - 2, sure)
    return np.where((sure < 0.5) & (sure >= 0), sure - 1, sure)


def _contrast(parts: Parts, members: np.ndarray, above: np.ndarray):
    """The group's difference from its paper, and that over the paper's deviation."""
    from scipy import ndimage

    x0, y0 = parts.x0[members].min(), parts.y0[members].min()
    x1, y1 = parts.x1[members].max(), parts.y1[members].max()
    around = (y1 - y0) // 2
    y0, x0, y1, x1 = max(0, y0 - around), max(0, x0 - around), y1 + around, x1 + around
    step = max(1, int(((y1 - y0) * (x1 - x0) / 8_000) ** 0.5))
    where = slice(y0, y1, step), slice(x0, x1, step)
    mine = np.zeros(len(parts.area) + 1, bool)
    mine[members + 1] = True
    # Their blurred rims are neither ink nor paper.
    letters = mine[parts.labels[where]]
    rim = ndimage.maximum_filter(letters.view(np.uint8), 3).view(bool)
    paper = above[where][~(rim if rim.mean() < 0.9 else letters)]
    ink = float(parts.contrast[members].mean())
    if not len(paper):
        return ink, np.inf
    usual = float(np.median(paper))
    # Text and edges nearby must not count: most of the rest tells the deviation.
    spread = 1.9 * float(np.quantile(np.abs(paper - usual), 0.4)) + 1
    return ink - usual, (ink - usual) / spread
