"""Ink to pixels: batched, no loop over points.

Two modes. `rasterize_binary` is the published rule, pixel for pixel: scale so that the
longer side spans `size - 1 - 2 * margin` pixels, walk each segment in `int(length) + 1`
even steps (length = the longer of |dx|, |dy|), round half to even, dilate by 3x3. It is
numpy's, as every segment has its own number of steps. `rasterize` is the anti-aliased
mode that training uses, in JAX: a pixel's ink is how much of it lies within half the
pen's width of the nearest segment.
"""

from collections.abc import Sequence

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float


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
    # A stroke's first point is a segment of no length: it draws the dot of a tap.
    start = jnp.where(points[..., 2:] > 0.5, start, xy)
    delta = xy - start
    length2 = jnp.maximum(jnp.sum(delta**2, -1), 1e-12)
    grid = jnp.arange(size, dtype=xy.dtype)
    # Separable halves of the projection: (b, p, size) instead of (b, p, size, size).
    dx = grid - start[..., :1]
    dy = grid - start[..., 1:]
    tx = dx * (delta[..., :1] / length2[..., None])
    ty = dy * (delta[..., 1:] / length2[..., None])
    t = jnp.clip(tx[:, :, None, :] + ty[:, :, :, None], 0.0, 1.0)
    ex = dx[:, :, None, :] - t * delta[..., 0, None, None]
    ey = dy[:, :, :, None] - t * delta[..., 1, None, None]
    dist = jnp.sqrt(jnp.min(ex**2 + ey**2, axis=1))
    half = jnp.asarray(width, xy.dtype) / 2
    return jnp.clip(jnp.reshape(half, (-1, 1, 1)) + 0.5 - dist, 0.0, 1.0)


def rasterize_binary(
    strokes: Sequence[Sequence[np.ndarray]], *, size: int = 28, margin: int = 4
) -> Float[np.ndarray, "b size size"]:
    """The published rule for many drawings, in one call.

    Each drawing is a sequence of strokes `(n, >= 2)`; pen-ups are kept, and a stroke of
    one point is a dot. Returns 1.0 for ink and 0.0 for paper. A drawing of fewer than
    two points stays blank.
    """
    kept = [_drawable(drawing) for drawing in strokes]
    parts = [stroke for drawing in kept for stroke in drawing]
    wide = np.zeros((len(kept), size + 2, size + 2), bool)
    if parts:
        xy = np.concatenate(parts).astype(np.float32)
        counts = np.array([sum(map(len, drawing)) for drawing in kept])
        xy = _to_pixels(xy, counts[counts > 0], size, margin)
        joined = np.ones(len(xy), bool)
        joined[np.cumsum([len(stroke) for stroke in parts]) - 1] = False
        start = np.flatnonzero(joined)
        place, segment = _walk(xy[start], xy[start + 1])
        drawing = np.repeat(np.arange(len(kept)), counts)[start]
        wide[drawing[segment], place[:, 1] + 1, place[:, 0] + 1] = True
    rows = wide[:, :-2] | wide[:, 1:-1] | wide[:, 2:]
    return (rows[..., :-2] | rows[..., 1:-1] | rows[..., 2:]).astype(np.float32)


def _walk(start, end):
    """Pixels `[m 2]` that steps along segments `[n 2]` round to, and whose they are."""
    way = end - start
    steps = np.abs(way).max(-1).astype(np.int64) + 1
    segment = np.repeat(np.arange(len(way)), steps)
    rank = np.arange(len(segment)) - (np.cumsum(steps) - steps)[segment]
    t = rank.astype(np.float32) / np.maximum(steps - 1, 1).astype(np.float32)[segment]
    return np.rint(start[segment] + t[:, None] * way[segment]).astype(np.int64), segment


def _drawable(drawing):
    """The strokes `[n 2]` with n >= 2: a dot is a segment of no length."""
    strokes = [stroke[:, :2] for stroke in drawing if len(stroke)]
    if sum(map(len, strokes)) < 2:
        return []
    return [np.repeat(s, 2, 0) if len(s) == 1 else s for s in strokes]


def _to_pixels(xy, counts, size, margin):
    """Each drawing, `counts` points of `xy` in a row, scaled and centred in float32."""
    start = np.cumsum(counts) - counts
    low, high = np.minimum.reduceat(xy, start), np.maximum.reduceat(xy, start)
    span = np.maximum(high - low, np.float32(1e-6)).max(-1, keepdims=True)
    scale = np.float32(size - 1 - 2 * margin) / span
    centre = (low + high) * np.float32(0.5)
    scale, centre = (np.repeat(x, counts, axis=0) for x in (scale, centre))
    pixels = (xy - centre) * scale + np.float32((size - 1) * 0.5)
    return np.clip(pixels, 0, size - 1)
