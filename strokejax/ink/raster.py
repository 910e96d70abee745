"""Ink to pixels: jitted, batched, no loop over points.

Two modes. `rasterize_binary` is the published rule, pixel for pixel: scale so that the
longer side spans `size - 1 - 2 * margin` pixels, walk each segment in `int(length) + 1`
even steps (length = the longer of |dx|, |dy|), round half to even, dilate by 3x3.
`rasterize` is the anti-aliased mode that training uses: a pixel's ink is how much of it
lies within half the pen's width of the nearest segment.
"""

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


@partial(jax.jit, static_argnames=("slots", "size"))
def _walk(xy, joined, slots, size):
    """Marks every pixel that the steps of the segments round to, then dilates by 3x3.

    `xy` f32[b p 2] in pixels; `joined` bool[b p]: point i starts a segment to i + 1.
    """
    start, delta = xy, jnp.roll(xy, -1, axis=1) - xy
    longer = jnp.max(jnp.abs(delta), -1)
    steps = jnp.where(joined, longer.astype(jnp.int32) + 1, 0)
    ends = jnp.cumsum(steps, axis=1)
    slot = jnp.arange(slots)
    segment = jax.vmap(partial(jnp.searchsorted, side="right"), (0, None))(ends, slot)
    used = slot < ends[:, -1:]
    segment = jnp.minimum(segment, xy.shape[1] - 1)
    pick = partial(jnp.take_along_axis, indices=segment, axis=1)
    rank = slot - (pick(ends) - pick(steps))
    t = (rank / jnp.maximum(pick(steps) - 1, 1)).astype(xy.dtype)
    start, delta = (
        jnp.stack([pick(x[..., axis]) for axis in (0, 1)]) for x in (start, delta)
    )
    # copysign keeps compilers from fusing the product with the sum: that would round
    # once where the rule rounds twice, and break ties the other way.
    pixel = start + jnp.copysign(t * jnp.abs(delta), delta)
    x, y = jnp.clip(jnp.round(pixel).astype(jnp.int32), 0, size - 1)
    flat = jnp.where(used, y * size + x, size * size)
    hit = jax.vmap(lambda i: jnp.zeros(size * size + 1).at[i].set(1.0))(flat)
    image = hit[:, :-1].reshape(-1, size, size)
    return jax.lax.reduce_window(image, 0.0, jax.lax.max, (1, 3, 3), (1, 1, 1), "SAME")


def rasterize_binary(
    strokes: list[tuple[np.ndarray, ...]], *, size: int = 28, margin: int = 4
) -> Float[Array, "b size size"]:
    """The published rule for a list of drawings, in one call.

    Each drawing is a tuple of strokes `(n, >= 2)`; pen-ups are kept, and a stroke of
    one point is a dot. Returns 1.0 for ink and 0.0 for paper. A drawing of fewer than
    two points stays blank.
    """
    drawings = [_drawable(drawing) for drawing in strokes]
    counts = [sum(map(len, d)) for d in drawings]
    b, p = len(drawings), _bucket(max([2, *counts]))
    xy = np.zeros((b, p, 2), np.float32)
    joined = np.zeros((b, p), bool)
    steps = np.zeros(b, np.int64)
    for i, (drawing, count) in enumerate(zip(drawings, counts, strict=True)):
        if not drawing:
            continue
        pixels = _to_pixels(np.concatenate(drawing), size, margin)
        xy[i, :count] = pixels
        joined[i, : count - 1] = True
        joined[i, np.cumsum([len(s) for s in drawing]) - 1] = False
        longer = np.abs(np.diff(pixels, axis=0)).max(-1)
        steps[i] = (longer.astype(np.int64) + 1)[joined[i, : count - 1]].sum()
    return _walk(xy, joined, _bucket(int(steps.max(initial=1))), size)


def _drawable(drawing):
    """The strokes as f32[n 2], n >= 2: a dot is a segment of no length."""
    strokes = [np.asarray(s[:, :2], np.float32) for s in drawing if len(s)]
    if sum(map(len, strokes)) < 2:
        return []
    return [np.repeat(s, 2, 0) if len(s) == 1 else s for s in strokes]


def _to_pixels(xy, size, margin):
    low, high = xy.min(0), xy.max(0)
    scale = np.float32(size - 1 - 2 * margin) / np.maximum(high - low, 1e-6).max()
    centre = (low + high) * np.float32(0.5)
    pixels = (xy - centre) * scale + np.float32((size - 1) * 0.5)
    return np.clip(pixels, 0, size - 1)


def _bucket(n: int) -> int:
    """The next power of two, so that few shapes are compiled."""
    return 1 << max(4, (n - 1).bit_length())
