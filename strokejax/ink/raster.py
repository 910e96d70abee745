"""Ink to pixels: jitted, batched, no loop over points.

Two modes. `rasterize_binary` is the published rule, pixel for pixel: scale so that the
longer side spans `size - 1 - 2 * margin` pixels, walk each segment in `int(length) + 1`
even steps (length = the longer of |dx|, |dy|), round half to even, dilate by 3x3.
`rasterize` is the anti-aliased mode that training uses: a pixel's ink is how much of it
lies within half the pen's width of the nearest segment.
"""

from collections.abc import Sequence
from functools import partial

import jax
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


@partial(jax.jit, static_argnames=("slots", "drawings", "size"))
def _walk(xy, joined, drawing, slots, drawings, size):
    """Marks every pixel that the steps of the segments round to, then dilates by 3x3.

    The points of all drawings in a row: `xy` f32[p 2] in pixels; `joined` bool[p]:
    point i starts a segment to i + 1; `drawing` i32[p]: whose it is. `slots` is at
    least the number of steps.
    """
    delta = jnp.roll(xy, -1, axis=0) - xy
    longer = jnp.max(jnp.abs(delta), -1)
    steps = jnp.where(joined, longer.astype(jnp.int32) + 1, 0)
    first = jnp.cumsum(steps) - steps
    # The last point starts no segment: slots that are left over go to it, unused.
    segment = jnp.repeat(jnp.arange(len(xy)), steps, total_repeat_length=slots)
    rank = jnp.arange(slots) - first[segment]
    t = (rank / jnp.maximum(steps[segment] - 1, 1)).astype(xy.dtype)[:, None]
    # copysign keeps compilers from fusing the product with the sum: that would round
    # once where the rule rounds twice, and break ties the other way.
    way = delta[segment]
    pixel = xy[segment] + jnp.copysign(t * jnp.abs(way), way)
    x, y = jnp.clip(jnp.round(pixel).astype(jnp.int32), 0, size - 1).T
    flat = (drawing[segment] * size + y) * size + x
    flat = jnp.where(rank < steps[segment], flat, drawings * size * size)
    hit = jnp.zeros(drawings * size * size + 1).at[flat].set(1.0)
    return _dilate(hit[:-1].reshape(drawings, size, size))


def _dilate(image):
    """The largest of each 3x3 neighbourhood, rows then columns."""
    for axis in (1, 2):
        pad = [(0, 0)] * 3
        pad[axis] = (1, 1)
        wide = jnp.pad(image, pad)
        parts = [
            jax.lax.slice_in_dim(wide, i, i + image.shape[axis], axis=axis)
            for i in range(3)
        ]
        image = jnp.maximum(jnp.maximum(parts[0], parts[1]), parts[2])
    return image


def rasterize_binary(
    strokes: Sequence[Sequence[np.ndarray]], *, size: int = 28, margin: int = 4
) -> Float[Array, "b size size"]:
    """The published rule for many drawings, in one call.

    Each drawing is a sequence of strokes `(n, >= 2)`; pen-ups are kept, and a stroke of
    one point is a dot. Returns 1.0 for ink and 0.0 for paper. A drawing of fewer than
    two points stays blank.
    """
    kept = [_drawable(drawing) for drawing in strokes]
    parts = [stroke for drawing in kept for stroke in drawing]
    b = _bucket(len(kept))
    if not parts:
        return jnp.zeros((len(kept), size, size))
    xy = np.concatenate(parts).astype(np.float32)
    counts = np.array([sum(map(len, drawing)) for drawing in kept])
    xy = _to_pixels(xy, counts[counts > 0], size, margin)
    joined = np.ones(len(xy), bool)
    joined[np.cumsum([len(stroke) for stroke in parts]) - 1] = False
    longer = np.abs(np.diff(xy, axis=0)).max(-1).astype(np.int64) + 1
    slots = _bucket(int(longer[joined[:-1]].sum()))
    drawing = np.repeat(np.arange(len(kept), dtype=np.int32), counts)
    # One more point than there are, at least: the last one must start no segment.
    spare = _bucket(len(xy) + 1) - len(xy)
    images = _walk(
        np.pad(xy, ((0, spare), (0, 0))),
        np.pad(joined, (0, spare)),
        np.pad(drawing, (0, spare)),
        slots,
        b,
        size,
    )
    return images[: len(kept)]


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


def _bucket(n: int) -> int:
    """The next power of two, so that few shapes are compiled."""
    return 1 << max(4, (n - 1).bit_length())
