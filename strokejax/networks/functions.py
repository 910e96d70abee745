"""Layouts and pure functions that the networks share; Linen is not imported here."""

import functools

import jax
import jax.numpy as jnp

from strokejax.ink.raster import rasterize
from strokejax.networks import winograd

BN_MOMENTUM = 0.9
BN_EPS = 1e-5
SIZE_LIMIT = 3.0
"""Relative sizes are clipped at 2 to the power of this, and at its inverse."""
POINTS = 64
"""Points that ink is resampled to."""

# Layouts


Layout = tuple[tuple[int, ...], ...]
"""Channels of the convolutions, block by block."""

SHAPE: Layout = ((16, 32), (64, 64), (128, 128))
"""StrokeNet: 3x3 convolutions, two a block, each block followed by pooling."""
MOTION: Layout = ((64,), (64, 128), (128, 128))
"""MotionNet: 1-D convolutions, with pooling between the blocks."""
RESIDUAL: Layout = ((16, 16), (32, 32), (64, 64), (128, 128))
"""ResNet: 3x3 convolutions, with a shortcut around each two."""
TEXT: Layout = ((16,), (32, 32), (64, 64), (128, 128))
"""FontNet: 3x3 convolutions, with pooling between the blocks."""
SIMPLE: Layout = ((16, 16), (32, 32), (64, 64), (128, 128))
"""The published SimpleCNN: 3x3 convolutions, two a block, each followed by pooling."""
FEATURES, HIDDEN = 128, 128
"""Outputs of `MotionNet`, and units of the dense layer before the output."""
KERNEL_WIDTH = 5
"""Points that a 1-D convolution covers."""


def scaled(layout: Layout, channels: float, convs: int = 2) -> Layout:
    """A layout with its channels multiplied and rounded to multiples of 8, at least 8.

    Each block keeps its last `convs` convolutions.
    """
    return tuple(
        tuple(8 * max(1, round(channels * c / 8)) for c in block[-convs:])
        for block in layout
    )


# Operations on pictures


def conv3x3(x, kernel):
    """3x3 convolution, stride 1, zero padding 1: f32[b h w i], f32[3 3 i o].

    On a CPU it runs by Winograd's algorithm, except for a single input channel, where
    the transforms would cost more than they save.
    """
    if jax.default_backend() == "cpu" and x.shape[-1] > 1:
        return winograd.conv3x3(x, kernel)
    return jax.lax.conv_general_dilated(
        x, kernel, (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC")
    )


def max_pool(x):
    """2x2 max pooling; an odd last row or column is dropped.

    Pairwise maxima have two advantages on a CPU. The gradient of `reduce_window` is ten
    times slower. The gradient of `max` over axes goes to the elements equal to the
    result, and there are none (NaN) where XLA recomputes them with another rounding.
    """
    b, h, w, c = x.shape
    x = x[:, : h // 2 * 2, : w // 2 * 2].reshape(b, h // 2, 2, w // 2, 2, c)
    x = jnp.maximum(x[:, :, 0], x[:, :, 1])
    return jnp.maximum(x[..., 0, :], x[..., 1, :])


def quadrant_means(x):
    """The mean of each quadrant, which keeps coarse positions: [b h w c] -> [b 4c].

    An odd middle row or column belongs to both sides.
    """
    h, w = -(-x.shape[1] // 2), -(-x.shape[2] // 2)
    rows = (x[:, :h], x[:, -h:])
    parts = [part.mean((1, 2)) for r in rows for part in (r[:, :, :w], r[:, :, -w:])]
    return jnp.concatenate(parts, -1)


# Operations on sequences of points


def motion_features(points):
    """f32[b p 3] -> f32[b p 6]: x, y, direction (cosine, sine), stroke start and end.

    The direction is that of the step to the point; it is 0 at the start of a stroke.
    """
    xy, pen = points[..., :2], points[..., 2:]
    step = jnp.diff(xy, axis=1, prepend=xy[:, :1]) * pen
    length2 = jnp.sum(step * step, -1, keepdims=True)
    # Steps too short to have a direction, such as those of a tap, get 0.
    known = length2 > 1e-8
    direction = jnp.where(known, step * jax.lax.rsqrt(jnp.where(known, length2, 1)), 0)
    start = 1.0 - pen
    end = jnp.concatenate([start[:, 1:], jnp.ones_like(start[:, :1])], 1)
    return jnp.concatenate([2.0 * xy, direction, start, end], -1)


def conv1d(x, kernel):
    """1-D convolution, stride 1, zero padding: f32[b p i], f32[w i o] with w odd.

    One matmul over the w shifted copies: a CPU runs it faster than a convolution.
    """
    width, count = len(kernel), x.shape[1]
    x = jnp.pad(x, ((0, 0), (width // 2, width // 2), (0, 0)))
    x = jnp.concatenate([x[:, i : i + count] for i in range(width)], -1)
    return x @ kernel.reshape(-1, kernel.shape[-1])


def pool_pairs(x):
    """Maxima over pairs of points: [b p c] -> [b p/2 c]; an odd last is dropped."""
    last = x.shape[1] // 2 * 2
    return jnp.maximum(x[:, 0:last:2], x[:, 1:last:2])


def max_over_points(x):
    """f32[b p c] -> f32[b c], by pairwise maxima as in `max_pool`."""
    return functools.reduce(jnp.maximum, jnp.unstack(x, axis=1))


def unit(x, eps: float = 1e-12):
    """Rows scaled to length 1; a zero row stays zero, with a finite gradient."""
    return x * jax.lax.rsqrt(jnp.maximum(jnp.sum(x * x, -1, keepdims=True), eps))


# From a batch's inputs to the arrays of a network


def to_images(inputs, *, size: int = 28, margin: int = 4, width: float = 3.0):
    """The network's pictures f32[b size size 1]: "image", or rasterised "points".

    A leaf "width" f32[b] replaces the stroke width in pixels. In a batch with both,
    "has_ink" bool[b] selects the examples that use their points.
    """
    if "image" in inputs:
        image = inputs["image"]
        if image.dtype == jnp.uint8:
            image = image.astype(jnp.float32) / 255.0
        if "points" not in inputs:
            return image[..., None]
    pen = inputs.get("width", width)
    drawn = rasterize(inputs["points"], pen, size=size, margin=margin)
    if "image" in inputs:
        drawn = jnp.where(inputs["has_ink"][:, None, None], drawn, image)
    return drawn[..., None]


def split_modalities(inputs):
    """`(points f32[b p 3], log_size f32[b], present)` of a batch's inputs.

    "size" is the longer side over the writer's reference size; `log_size` is its
    logarithm to base 2, 0 where unknown. `present` has a bool[b] for each of "shape",
    "motion" and "size"; absent points are zeros. The leaves "has_shape" and "has_ink"
    bool[b] mask modalities: the shape, or the motion together with the size.
    """
    b = len(jax.tree.leaves(inputs)[0])
    points = inputs.get("points", jnp.zeros((b, 8, 3)))
    ink = inputs.get("has_ink", jnp.full(b, "points" in inputs))
    size = inputs.get("size", jnp.full(b, jnp.nan))
    known = jnp.isfinite(size) & (size > 0) & ink
    log_size = jnp.log2(jnp.where(known, size, 1.0))
    shape = inputs.get("has_shape", jnp.ones(b, bool))
    return points, log_size, {"shape": shape, "motion": ink, "size": known}
