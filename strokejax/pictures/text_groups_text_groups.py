"""Letters of a picture in groups that may be lines of text."""

from typing import NamedTuple

import numpy as np

from strokejax.pictures.text_groups import chains, quantile
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
