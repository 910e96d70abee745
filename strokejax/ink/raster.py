"""Rasterises ink in batches, without a loop over points.

Two modes. `rasterize_binary` is the published rule, pixel for pixel: scale so that the
longer side spans `size - 1 - 2 * margin` pixels, walk each segment in `int(length) + 1`
even steps (length = the larger of |dx|, |dy|), round half to even, dilate by 3x3. It
runs in numpy, because every segment has its own number of steps. `rasterize` is the
anti-aliased mode for training, in JAX: the ink of a pixel is the part of it that lies
within half the pen's width of the nearest segment.
"""

from collections.abc import Sequence

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

# The anti-aliased mode


def rasterize(
    points: Float[Array, "b p 3"],
    width: Float[Array, "b"] | float = 3.0,
    *,
    size: int = 28,
    margin: int = 4,
) -> Float[Array, "b size size"]:
    """Anti-aliased pictures of resampled ink (`ink.resample`).

    `points` are x, y in units of the longer side (-0.5 to 0.5) and pen (0.0 where a
    stroke starts); `width` is the pen's width in pixels. Returns ink in 0..1 with rows
    growing downwards. A pixel's coverage is approximated by the clipped distance
    `width / 2 + 1 / 2 - d` of its centre to the nearest segment.
    """
    scale = size - 1 - 2 * margin
    xy = points[..., :2] * scale + (size - 1) / 2
    start = jnp.concatenate([xy[:, :1], xy[:, :-1]], axis=1)
    # A stroke's first point is a segment of length 0: it draws the dot of a tap.
    start = jnp.where(points[..., 2:] > 0.5, start, xy)
    delta = xy - start
    length2 = jnp.maximum(jnp.sum(delta**2, -1), 1e-12)
    grid = jnp.arange(size, dtype=xy.dtype)
    # Separable halves of the projection: (b, p, size) instead of (b, p, size, size).
    dx = grid - start[..., :1]
    dy = grid - start[..., 1:]
    tx = dx * (delta[..., :1] / length2[..., None])
    ty = dy * (delta[..., 1:] / length2[..., None])
    # t is the foot of the perpendicular, clipped to the ends of the segment.
    t = jnp.clip(tx[:, :, None, :] + ty[:, :, :, None], 0.0, 1.0)
    ex = dx[:, :, None, :] - t * delta[..., 0, None, None]
    ey = dy[:, :, :, None] - t * delta[..., 1, None, None]
    # The minimum comes before the root: one root per pixel, not one per segment.
    distance = jnp.sqrt(jnp.min(ex**2 + ey**2, axis=1))
    half = jnp.asarray(width, xy.dtype) / 2
    return jnp.clip(jnp.reshape(half, (-1, 1, 1)) + 0.5 - distance, 0.0, 1.0)


# The published rule


def rasterize_binary(
    strokes: Sequence[Sequence[np.ndarray]], *, size: int = 28, margin: int = 4
) -> Float[np.ndarray, "b size size"]:
    """Pictures of many drawings by the published rule, in one call.

    Each drawing is a sequence of strokes `(n, >= 2)`; pen-ups stay gaps, and a stroke
    of one point is a dot. Returns 1.0 for ink and 0.0 for paper. A drawing of fewer
    than two points stays blank.
    """
    drawings = [_drawable(drawing) for drawing in strokes]
    polylines = [stroke for drawing in drawings for stroke in drawing]
    # A border of one pixel, so that the dilation needs no special case at the edges.
    padded = np.zeros((len(drawings), size + 2, size + 2), bool)
    if polylines:
        xy = np.concatenate(polylines).astype(np.float32)
        counts = np.array([sum(map(len, drawing)) for drawing in drawings])
        xy = _to_pixels(xy, counts[counts > 0], size, margin)
        joined = np.ones(len(xy), bool)
        joined[np.cumsum([len(stroke) for stroke in polylines]) - 1] = False
        start = np.flatnonzero(joined)
        pixels, segment = _walk(xy[start], xy[start + 1])
        drawing = np.repeat(np.arange(len(drawings)), counts)[start]
        padded[drawing[segment], pixels[:, 1] + 1, pixels[:, 0] + 1] = True
    # The 3x3 dilation is separable: rows first, then columns.
    rows = padded[:, :-2] | padded[:, 1:-1] | padded[:, 2:]
    return (rows[..., :-2] | rows[..., 1:-1] | rows[..., 2:]).astype(np.float32)


def _walk(start, end):
    """Pixels `[m 2]` on segments `[n 2]` in even steps, and the segment of each."""
    delta = end - start
    steps = np.abs(delta).max(-1).astype(np.int64) + 1
    segment = np.repeat(np.arange(len(delta)), steps)
    rank = np.arange(len(segment)) - (np.cumsum(steps) - steps)[segment]
    t = rank.astype(np.float32) / np.maximum(steps - 1, 1).astype(np.float32)[segment]
    pixels = np.rint(start[segment] + t[:, None] * delta[segment]).astype(np.int64)
    return pixels, segment


def _drawable(drawing):
    """The strokes `[n 2]` with n >= 2: a dot becomes a segment of length 0."""
    strokes = [stroke[:, :2] for stroke in drawing if len(stroke)]
    if sum(map(len, strokes)) < 2:
        return []
    return [np.repeat(s, 2, 0) if len(s) == 1 else s for s in strokes]


def _to_pixels(xy, counts, size, margin):
    """Scales and centres each drawing, the next `counts` points of `xy`, in float32."""
    start = np.cumsum(counts) - counts
    low, high = np.minimum.reduceat(xy, start), np.maximum.reduceat(xy, start)
    span = np.maximum(high - low, np.float32(1e-6)).max(-1, keepdims=True)
    scale = np.float32(size - 1 - 2 * margin) / span
    centre = (low + high) * np.float32(0.5)
    scale, centre = (np.repeat(x, counts, axis=0) for x in (scale, centre))
    pixels = (xy - centre) * scale + np.float32((size - 1) * 0.5)
    return np.clip(pixels, 0, size - 1)
