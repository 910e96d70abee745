"""Candidate lines of text: letters of a plane chained along common baselines.

Each plane is searched at several reductions and in both polarities. Components that may
be letters are linked to their neighbours, and each chain is scored for how much it
looks like text. `text_lines` selects among the candidates.
"""

from typing import NamedTuple

import numpy as np

from strokejax.pictures.text_parts import (
    PADDING,
    WINDOW,
    Components,
    above_local_mean,
    denoise,
    find_components,
    letter_like,
    pad_paper,
)

MIN_HEIGHT, MIN_HEIGHT_REDUCED = 5, 9
"""Pixels of the smallest letters, in the picture and in its reductions."""
MAX_CANDIDATES = 128
"""Of one size and polarity."""
MIN_CLARITY = 4.0
"""Contrast of text over the deviation of the paper around it; half as much again for
fewer than four components."""

NEIGHBOURS = 8
"""Nearest components to which a letter may be linked."""
LETTER_GAP, WORD_GAP = 0.7, 1.7
"""Largest gap between neighbours, in heights of the taller one."""
MAX_OFFSET, WIDE_MAX_OFFSET = 0.3, 0.45
"""Largest offset of tops, bottoms or middles, in heights; the wide one comes last."""
MAX_HEIGHT_RATIO = 2.8
"""Between neighbours."""
MAX_SLOPE = 0.65
"""Rise over run of a line."""
LEVEL_SLOPE = 0.05
"""Rise over run; a page that slopes by less is treated as level."""
WORD_ASPECT = 2.0
"""Width over height; a wider component is several joined letters."""
VOTERS, VOTER_NEIGHBOURS = 400, 12
"""Letters that vote on the slope of the page, and the neighbours of each."""
SLOPES = np.linspace(-MAX_SLOPE, MAX_SLOPE, 27)


class Candidate(NamedTuple):
    """A chain of components that may be a line of text."""

    components: Components
    members: np.ndarray
    """i[k]: numbers of the components in the chain."""
    scale: float
    """Pixels of the searched picture per pixel of the components."""
    slope: float
    band: np.ndarray
    """f64[4]: left, right, and top and bottom at the left; the components' pixels."""
    contrast: float
    clarity: float
    """Contrast over the deviation of the paper."""
    score: float
    """How much it looks like text, 0 to 1; negative for chains of last resort."""

    @property
    def box(self) -> np.ndarray:
        """f64[4]: x0, y0, x1, y1 in the searched picture's pixels."""
        c, m = self.components, self.members
        ends = c.x0[m].min(), c.y0[m].min(), c.x1[m].max(), c.y1[m].max()
        return (np.array(ends, float) - PADDING) * self.scale


class Bands(NamedTuple):
    """Letters or chains as sloping bands: tops and bottoms at both ends, f64[n]."""

    left: np.ndarray
    right: np.ndarray
    top_left: np.ndarray
    bottom_left: np.ndarray
    top_right: np.ndarray
    bottom_right: np.ndarray


# Candidates of a plane


def find_candidates(plane: np.ndarray) -> list[Candidate]:
    """Candidate lines of a plane f32[h w], of all sizes and in both polarities."""
    candidates, scale, min_height = [], 1.0, MIN_HEIGHT
    plane = denoise(plane)
    # Each reduction by 2 brings letters of twice the height into the window.
    while min(plane.shape) >= min_height:
        above = above_local_mean(pad_paper(plane))
        for ink in (-above, above):
            components = find_components(ink)
            candidates += _candidates_of(components, ink, scale, min_height)
        height, width = (n // 2 * 2 for n in plane.shape)
        if min(height, width) < WINDOW:
            break
        plane = plane[:height, :width].reshape(height // 2, 2, -1, 2).mean((1, 3))
        scale, min_height = 2 * scale, MIN_HEIGHT_REDUCED
    return candidates


def _candidates_of(
    components: Components, above: np.ndarray, scale: float, min_height: int
) -> list[Candidate]:
    c, letters = components, np.flatnonzero(letter_like(components, min_height))
    if not len(letters):
        return []
    boxes = np.stack([c.x0, c.y0, c.x1, c.y1], 1)[letters]
    group, slopes, bands = chain_letters(boxes.astype(float), c.slope[letters])
    scores = _text_scores(c, letters, group, slopes, bands)
    # The best chains first; among equals, those of most letters.
    order = np.lexsort((-np.bincount(group), -scores.round(1)))[:MAX_CANDIDATES]
    candidates = []
    # Lone components (-2 to -1) count only if no chain looks like text.
    min_score = -1 if scores.max() >= 0 else -2
    for k in order[scores[order] > min_score]:
        members = letters[group == k]
        contrast, clarity = _contrast(c, members, above)
        if clarity > (MIN_CLARITY if len(members) > 3 else 1.5 * MIN_CLARITY):
            band = np.array([ends[k] for ends in bands[:4]])
            measures = contrast, clarity, float(scores[k])
            slope = float(slopes[k])
            candidates.append(Candidate(c, members, scale, slope, band, *measures))
    return candidates


def _text_scores(components: Components, letters, group, slopes, bands) -> np.ndarray:
    """f64[m]: how much each chain looks like text, 0 to 1, by alignment and strokes.

    1 is subtracted from scores below 0.5, and 2 from lone components.
    """
    c, count = components, np.bincount(group)
    tall = (bands.bottom_left - bands.top_left)[group]
    middle = (c.x0 + c.x1)[letters] / 2
    rise = slopes[group] * (middle - bands.left[group])
    top = np.abs(c.y0[letters] - rise - bands.top_left[group])
    bottom = np.abs(c.y1[letters] - rise - bands.bottom_left[group])
    on_line = np.minimum(top, bottom) < np.maximum(0.15 * tall, 1.5)
    aligned = np.bincount(group, on_line) / count
    # Area over runs is the mean stroke width, which text keeps even.
    stroke_width = (c.area / np.maximum(c.runs, 1))[letters]
    low, high = (group_quantile(stroke_width, group, share) for share in (0.2, 0.8))
    even = np.clip(1.5 - high / np.maximum(low, 1) / 4, 0, 1)
    fill = c.area / np.maximum(c.width * c.height, 1)
    solid = np.bincount(group, fill[letters] > 0.85) / count
    crossings = np.bincount(group, (c.runs / np.maximum(c.height, 1))[letters])
    aspect = group_quantile((c.width / np.maximum(c.height, 1))[letters], group, 1)
    boxy = np.bincount(group, (fill[letters] > 0.8) | c.bordered[letters]) / count
    # A component that is wide and often crossed is a word; it has no letters to align.
    word = (crossings > 2) & (aspect > 1.3)
    aligned = np.where(word, np.maximum(aligned, 0.8), aligned)
    score = aligned * even * np.where(solid > 0.7, 0.3, 1)
    score = np.where(count > 2, score, 0.7 * score)
    alone = ((count < 2) & ~word) | ((count < 3) & (boxy == 1))
    score = np.where(alone, score - 2, score)
    return np.where((score < 0.5) & (score >= 0), score - 1, score)


def _contrast(components: Components, members: np.ndarray, above: np.ndarray):
    """A chain's difference from its paper, and that over the paper's deviation."""
    from scipy import ndimage

    c = components
    x0, y0 = c.x0[members].min(), c.y0[members].min()
    x1, y1 = c.x1[members].max(), c.y1[members].max()
    room = (y1 - y0) // 2
    y0, x0, y1, x1 = max(0, y0 - room), max(0, x0 - room), y1 + room, x1 + room
    # About 8,000 pixels are enough for the statistics.
    step = max(1, int(((y1 - y0) * (x1 - x0) / 8_000) ** 0.5))
    region = slice(y0, y1, step), slice(x0, x1, step)
    is_member = np.zeros(len(c.area) + 1, bool)
    is_member[members + 1] = True
    # The blurred rims of letters are neither ink nor paper.
    letters = is_member[c.labels[region]]
    rim = ndimage.maximum_filter(letters.view(np.uint8), 3).view(bool)
    paper = above[region][~(rim if rim.mean() < 0.9 else letters)]
    ink = float(c.contrast[members].mean())
    if not len(paper):
        return ink, np.inf
    level = float(np.median(paper))
    # Text and edges nearby must not count: 1.9 times the 40 % quantile of the absolute
    # deviation estimates a standard deviation without its tails.
    deviation = 1.9 * float(np.quantile(np.abs(paper - level), 0.4)) + 1
    return ink - level, (ink - level) / deviation


# Chains of letters on a common baseline


def chain_letters(
    boxes: np.ndarray, pixel_slopes: np.ndarray
) -> tuple[np.ndarray, np.ndarray, Bands]:
    """Each letter's chain i[n], the chains' slopes f64[m] and their bands.

    Boxes f64[n 4] are x0, y0, x1, y1; y goes down, and so does a line of positive
    slope. `pixel_slopes` f64[n] are fitted to the letters' pixels; they count only for
    components as wide as words.
    """
    wide, tall = boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1]
    level = np.maximum(tall - np.abs(pixel_slopes) * wide, 0.2 * tall)
    is_word = (wide > WORD_ASPECT * level) & (np.abs(pixel_slopes) < MAX_SLOPE)
    word_slopes = np.where(is_word, pixel_slopes, 0)
    page_slope = _dominant_slope(boxes, word_slopes)
    letters = _letter_bands(boxes, word_slopes, page_slope)
    group = _join(letters, LETTER_GAP, page_slope)
    # Words into lines, in rounds: each join improves the bands for the next one.
    for offset in (MAX_OFFSET, MAX_OFFSET, WIDE_MAX_OFFSET):
        words = _chain_bands(boxes, group, word_slopes, page_slope)[1]
        group = _join(words, WORD_GAP, page_slope, offset)[group]
    slopes, bands = _chain_bands(boxes, group, word_slopes, page_slope)
    return group, slopes, bands


def group_quantile(values: np.ndarray, group: np.ndarray, share: float) -> np.ndarray:
    """f64[m]: the quantile `share` of each group's values, without interpolation."""
    order = np.lexsort((values, group))
    count = np.bincount(group)
    start = np.cumsum(count) - count
    return values[order][start + np.rint(share * (count - 1)).astype(int)]


def _join(
    bands: Bands, max_gap: float, page_slope: float, max_offset: float = MAX_OFFSET
) -> np.ndarray:
    """i[n]: the chain of each band, by connected components of mutual best links."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    n = len(bands.left)
    i, j = _mutual_best(*_links(bands, max_gap, page_slope, max_offset), n)
    graph = coo_array((np.ones(len(i)), (i, j)), (n, n))
    return connected_components(graph, directed=False)[1]


def _mutual_best(i: np.ndarray, j: np.ndarray, cost: np.ndarray, count: int):
    """The links i, j that are the cheapest ones of both their ends."""
    order = np.argsort(cost, kind="stable")
    i, j = i[order], j[order]
    right, left = np.full(count, -1), np.full(count, -1)
    # Assigned in reverse, so that the cheapest link is written last.
    right[i[::-1]], left[j[::-1]] = j[::-1], i[::-1]
    i = np.flatnonzero((right >= 0) & (left[right] == np.arange(count)))
    return i, right[i]


def _links(bands: Bands, max_gap: float, page_slope: float, max_offset: float):
    """Bands i, their possible right neighbours j, and the cost of each link."""
    from scipy.spatial import KDTree

    k = min(NEIGHBOURS, len(bands.left))
    starts = np.stack([bands.left, bands.top_left + bands.bottom_left], 1)
    ends = np.stack([bands.right, bands.top_right + bands.bottom_right], 1)
    j = KDTree(starts).query(ends, k)[1].reshape(len(ends), k)
    i = np.broadcast_to(np.arange(len(ends))[:, None], j.shape)
    i, j = i.ravel(), j.ravel()
    gap = bands.left[j] - bands.right[i]
    rise = page_slope * gap
    tops = bands.top_left[j] - bands.top_right[i] - rise
    bottoms = bands.bottom_left[j] - bands.bottom_right[i] - rise
    tall_i = bands.bottom_right[i] - bands.top_right[i]
    tall_j = bands.bottom_left[j] - bands.top_left[j]
    taller, shorter = np.maximum(tall_i, tall_j), np.minimum(tall_i, tall_j)
    middles = (tops + bottoms) / 2
    # Ascenders move the top and descenders the bottom; one of the three agrees.
    offset = np.min(np.abs([tops, bottoms, middles]), axis=0)
    wide_i, wide_j = (bands.right - bands.left)[i], (bands.right - bands.left)[j]
    good = (i != j) & (gap < max_gap * taller)
    good &= gap > -0.6 * np.minimum(wide_i, wide_j)
    good &= (taller <= MAX_HEIGHT_RATIO * shorter) & (offset <= max_offset * taller + 1)
    good &= np.abs(middles) < 0.5 * (tall_i + tall_j)
    cost = np.maximum(gap, 0) + 2 * offset
    return i[good], j[good], cost[good]


# Bands and slopes


def _letter_bands(
    boxes: np.ndarray, word_slopes: np.ndarray, page_slope: float
) -> Bands:
    x0, y0, x1, y1 = boxes.T
    rise = np.where(word_slopes == 0, page_slope, word_slopes) * (x1 - x0) / 2
    # A sloping word's box is higher than its letters.
    excess = np.minimum(np.abs(rise), 0.4 * (y1 - y0))
    excess = np.where(word_slopes == 0, 0, excess)
    y0, y1 = y0 + excess, y1 - excess
    return Bands(x0, x1, y0 - rise, y1 - rise, y0 + rise, y1 + rise)


def _chain_bands(
    boxes: np.ndarray, group: np.ndarray, word_slopes: np.ndarray, page_slope: float
):
    """Slopes f64[m] and bands of chains; short ones have the slope of the page."""
    slope, count = _fit_baselines(boxes, group, page_slope), np.bincount(group)
    x = (boxes[:, 0] + boxes[:, 2]) / 2
    left, right = (group_quantile(boxes[:, k], group, k / 2) for k in (0, 2))
    tall = group_quantile(boxes[:, 3] - boxes[:, 1], group, 0.5)
    mean_word_slope = np.bincount(group, word_slopes) / count
    lone_word = (count == 1) & (mean_word_slope != 0)
    short = np.where(lone_word, mean_word_slope, page_slope)
    slope = np.where((count >= 5) & (right - left > 5 * tall), slope, short)
    shift = slope[group] * (x - left[group])
    excess = np.abs(word_slopes) * (boxes[:, 2] - boxes[:, 0]) / 2
    excess = np.minimum(excess, 0.4 * (boxes[:, 3] - boxes[:, 1]))
    # Quantiles, not extremes: a few accents or descenders do not move the band.
    top = group_quantile(boxes[:, 1] + excess - shift, group, 0.25)
    bottom = group_quantile(boxes[:, 3] - excess - shift, group, 0.5)
    bottom = np.maximum(bottom, top + 1)
    rise = slope * (right - left)
    return slope, Bands(left, right, top, bottom, top + rise, bottom + rise)


def _fit_baselines(
    boxes: np.ndarray, group: np.ndarray, page_slope: float
) -> np.ndarray:
    """f64[m]: slopes through the bottoms of each chain, from the page's slope on.

    Iteratively reweighted least squares, so that descenders have little weight.
    """
    x, y = (boxes[:, 0] + boxes[:, 2]) / 2, boxes[:, 3]
    tall = group_quantile(boxes[:, 3] - boxes[:, 1], group, 0.5)[group]
    slope = np.full(len(tall) and group.max() + 1, page_slope)
    level = group_quantile(y - page_slope * x, group, 0.5)
    for _ in range(4):
        residual = (y - slope[group] * x - level[group]) / (0.2 * tall)
        weight = 1 / (1 + residual**2) ** 2
        total = np.bincount(group, weight)
        mean_x = np.bincount(group, weight * x) / total
        mean_y = np.bincount(group, weight * y) / total
        dx, dy = x - mean_x[group], y - mean_y[group]
        variance = np.bincount(group, weight * dx * dx)
        slope = np.bincount(group, weight * dx * dy) / np.maximum(variance, 1e-6)
        slope = np.clip(slope, -MAX_SLOPE, MAX_SLOPE)
        level = mean_y - slope * mean_x
    return slope


def _dominant_slope(boxes: np.ndarray, word_slopes: np.ndarray) -> float:
    """The slope of most pairs of letters near each other; 0.0 if that is about level.

    Every pair votes with the slopes of its tops and bottoms, and a word as 8 pairs do.
    """
    from scipy.spatial import KDTree

    if len(boxes) < 2:
        return float(word_slopes[0]) if abs(word_slopes[0]) > LEVEL_SLOPE else 0.0
    voters = boxes[:: -(-len(boxes) // VOTERS)]
    middles = [(corners[:, :2] + corners[:, 2:]) / 2 for corners in (voters, boxes)]
    k = min(VOTER_NEIGHBOURS, len(boxes))
    near = KDTree(middles[1]).query(middles[0], k)[1].ravel()
    one, other = voters.repeat(len(near) // len(voters), 0), boxes[near]
    run = (other[:, 0] + other[:, 2] - one[:, 0] - one[:, 2]) / 2
    tall, tall_other = one[:, 3] - one[:, 1], other[:, 3] - other[:, 1]
    pairs = (run > 0.3 * tall) & (run < 5 * tall) & (np.abs(tall_other / tall - 1) < 1)
    pair_slopes = [(other[:, k] - one[:, k])[pairs] / run[pairs] for k in (1, 3)]
    words = word_slopes[word_slopes != 0]
    slopes = np.concatenate([*pair_slopes, words])
    weight = np.concatenate([np.ones(2 * pairs.sum()), np.full(len(words), 8.0)])
    possible = np.abs(slopes) < MAX_SLOPE
    slopes, weight = slopes[possible], weight[possible]
    votes = np.exp(-(((SLOPES[:, None] - slopes) / 0.05) ** 2)) @ weight
    # Level text needs less evidence.
    votes += 0.1 * weight.sum() * (np.abs(SLOPES) < LEVEL_SLOPE)
    best = float(SLOPES[np.argmax(votes)])
    if abs(best) < LEVEL_SLOPE:
        return 0.0
    near = np.abs(slopes - best) < 0.08
    return float(np.average(slopes[near], weights=weight[near])) if near.any() else best
