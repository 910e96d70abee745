"""Ink as a fixed number of points at even steps along the trajectory; numpy only."""

from itertools import pairwise

import numpy as np

from strokejax.ink.packed import PackedInk
from strokejax.types import Ink

# Resampling


def resample(packed: PackedInk, count: int = 64) -> np.ndarray:
    """Every sample as `count` points at equal steps of arc length.

    Returns f32[n count 3]: x and y relative to the centre of the bounding box, in units
    of its longer side (-0.5 to 0.5); `pen` is 1.0 where a point is joined to the one
    before it and 0.0 where a stroke starts. A tap has all its points at 0. Strokes
    share the points by length, at least two each; a sample with more than `count / 2`
    strokes is reduced to the longest ones.
    """
    points = _normalised(np.asarray(packed.points[:, :2], np.float64), packed)
    lengths, arc_lengths = _arc_lengths(points, packed.stroke_start)
    counts = _points_per_stroke(lengths, packed.sample_start, count)
    stroke = np.repeat(np.arange(len(counts)), counts)
    first = np.cumsum(counts) - counts
    rank = np.arange(len(stroke)) - first[stroke]
    fraction = rank / np.maximum(counts[stroke] - 1, 1)
    # One increasing coordinate over all strokes lets a single np.interp serve them all;
    # the gap of 1.0 between strokes keeps the end of one from the start of the next.
    offset = np.cumsum(lengths + 1.0) - (lengths + 1.0)
    position = arc_lengths + np.repeat(offset, np.diff(packed.stroke_start))
    targets = offset[stroke] + fraction * lengths[stroke]
    xy = np.stack(
        [np.interp(targets, position, points[:, axis]) for axis in (0, 1)], axis=-1
    )
    n = len(packed.sample_start) - 1
    out = np.empty((n, count, 3), np.float32)
    out[..., :2] = xy.reshape(n, count, 2)
    out[..., 2] = (rank > 0).reshape(n, count)
    return out


def _normalised(points, packed):
    """Points relative to the centre of their sample's box, whose longer side is 1."""
    first = np.asarray(packed.stroke_start)[packed.sample_start]
    low, high = _boxes(points, first)
    span = (high - low).max(-1)
    scale = 1.0 / np.where(span > 0, span, 1.0)
    sizes = np.diff(first)
    centre = np.repeat((low + high) / 2, sizes, axis=0)
    return (points - centre) * np.repeat(scale, sizes)[:, None]


def _boxes(points, first):
    """Corners f64[n 2] of samples that start at the points `first`."""
    low = np.minimum.reduceat(points, first[:-1], axis=0)
    return low, np.maximum.reduceat(points, first[:-1], axis=0)


def _arc_lengths(points, stroke_start):
    """Length of each stroke, and the arc length of each point within its stroke."""
    step = np.zeros(len(points))
    step[1:] = np.hypot(*np.diff(points, axis=0).T)
    # Pen-ups have no length.
    step[stroke_start[:-1]] = 0.0
    total = np.cumsum(step)
    base = total[stroke_start[:-1]]
    arc_lengths = total - np.repeat(base, np.diff(stroke_start))
    return arc_lengths[np.asarray(stroke_start[1:]) - 1], arc_lengths


def _points_per_stroke(lengths, sample_start, count):
    """The number of points of each stroke; those of a sample add up to `count`."""
    counts = np.zeros(len(lengths), np.int64)
    # Equal strokes stay equal, wherever the drawing lies: rounding removes the last
    # bits, which depend on its position.
    lengths = np.round(lengths, 9)
    for a, b in pairwise(sample_start):
        chosen = np.arange(a, b)
        if b - a > count // 2:
            longest = np.argsort(-lengths[a:b], kind="stable")[: count // 2]
            chosen = a + np.sort(longest)
        share = lengths[chosen]
        spare = count - 2 * len(chosen)
        total = share.sum()
        share = share / total if total > 0 else np.full(len(chosen), 1 / len(chosen))
        extra = np.floor(spare * share).astype(np.int64)
        # Shares are rounded down; the longest stroke takes the remainder.
        extra[np.argmax(share)] += spare - extra.sum()
        counts[chosen] = 2 + extra
    return counts


# Sizes


def longer_sides(packed: PackedInk) -> np.ndarray:
    """f64[n]: the longer side of each sample's bounding box, in the ink's units."""
    first = np.asarray(packed.stroke_start)[packed.sample_start]
    low, high = _boxes(np.asarray(packed.points[:, :2], np.float64), first)
    return (high - low).max(-1)


def longer_side(ink: Ink) -> float:
    """The longer side of the ink's bounding box, in the ink's units."""
    points = np.concatenate(ink.strokes)[:, :2]
    return float(np.ptp(points, axis=0).max())
