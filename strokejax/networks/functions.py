"""What networks are made of, as plain functions; nothing here needs Linen."""

import functools

import jax
import jax.numpy as jnp

from strokejax.ink.raster import rasterize
from strokejax.networks import winograd

BN_MOMENTUM = 0.9
BN_EPS = 1e-5
SIZE_LIMIT = 3.0
"""Sizes beyond 2 to the power of this, either way, are as good as that."""


def conv3x3(x, kernel):
    """3x3 convolution, stride 1, zero padding 1: f32[b h w i], f32[3 3 i o].

    On a CPU by Winograd's algorithm, but for a single input channel, where its
    transforms would cost more than they save; elsewhere the accelerator's own.
    """
    if jax.default_backend() == "cpu" and x.shape[-1] > 1:
        return winograd.conv3x3(x, kernel)
    return jax.lax.conv_general_dilated(
        x, kernel, (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC")
    )


def max_pool(x):
    """2x2 max pooling; an odd last row or column is dropped.

    Written as comparisons of two: on a CPU the gradient of `reduce_window` is ten times
    slower, and that of a `max` over axes looks for elements equal to the result, of
    which there are none (NaN) where XLA computes them again with another rounding.
    """
    b, h, w, c = x.shape
    x = x[:, : h // 2 * 2, : w // 2 * 2].reshape(b, h // 2, 2, w // 2, 2, c)
    x = jnp.maximum(x[:, :, 0], x[:, :, 1])
    return jnp.maximum(x[..., 0, :], x[..., 1, :])


def quarters(x):
    """Means of the four quarters, which tell where a feature is: [b h w c] -> [b 4c].

    An odd middle row or column belongs to both sides.
    """
    h, w = -(-x.shape[1] // 2), -(-x.shape[2] // 2)
    rows = (x[:, :h], x[:, -h:])
    parts = [part.mean((1, 2)) for r in rows for part in (r[:, :, :w], r[:, :, -w:])]
    return jnp.concatenate(parts, -1)


def motion_features(points):
    """f32[b p 3] -> f32[b p 6]: x, y, direction (cosine, sine), stroke start and end.

    The direction is that of the pen's way to the point, 0 where none leads there.
    """
    xy, pen = points[..., :2], points[..., 2:]
    step = jnp.diff(xy, axis=1, prepend=xy[:, :1]) * pen
    length2 = jnp.sum(step * step, -1, keepdims=True)
    # Steps too short to have a direction, those of a tap say, keep none.
    known = length2 > 1e-8
    direction = jnp.where(known, step * jax.lax.rsqrt(jnp.where(known, length2, 1)), 0)
    start = 1.0 - pen
    end = jnp.concatenate([start[:, 1:], jnp.ones_like(start[:, :1])], 1)
    return jnp.concatenate([2.0 * xy, direction, start, end], -1)


def conv5(x, kernel):
    """1-D convolution, stride 1, zero padding: f32[b p i], f32[w i o] with w odd.

    One matmul over the w shifted copies, which a CPU does faster than convolutions.
    """
    width, count = len(kernel), x.shape[1]
    x = jnp.pad(x, ((0, 0), (width // 2, width // 2), (0, 0)))
    x = jnp.concatenate([x[:, i : i + count] for i in range(width)], -1)
    return x @ kernel.reshape(-1, kernel.shape[-1])


def halve(x):
    """Maximum of neighbouring points: f32[b p c] -> f32[b p/2 c], less an odd last."""
    last = x.shape[1] // 2 * 2
    return jnp.maximum(x[:, 0:last:2], x[:, 1:last:2])


def highest(x):
    """Maximum over the points: f32[b p c] -> f32[b c], by twos, as in `max_pool`."""
    return functools.reduce(jnp.maximum, jnp.unstack(x, axis=1))


def unit(x, eps: float = 1e-12):
    """Rows scaled to length 1; a zero row stays zero, with a finite gradient."""
    return x * jax.lax.rsqrt(jnp.maximum(jnp.sum(x * x, -1, keepdims=True), eps))


def to_images(inputs, *, size: int = 28, margin: int = 4, width: float = 3.0):
    """The network's pictures f32[b size size 1]: "image", or drawn from "points".

    A leaf "width" f32[b] replaces the pen's width in pixels. Where both are there,
    "has_ink" bool[b] says which examples have points.
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


def what_is_seen(inputs):
    """`(points f32[b p 3], size f32[b], seen)` of whatever an input holds.

    "size" is the longer side over the writer's usual one; here its logarithm to base 2,
    0 where unknown. `seen` says for "shape", "motion" and "size" bool[b] which examples
    have it; points are blank where there are none. Leaves "has_shape" and "has_ink"
    bool[b] hide what is there: the shape, or the motion and with it the size.
    """
    b = len(jax.tree.leaves(inputs)[0])
    points = inputs.get("points", jnp.zeros((b, 8, 3)))
    ink = inputs.get("has_ink", jnp.full(b, "points" in inputs))
    size = inputs.get("size", jnp.full(b, jnp.nan))
    known = jnp.isfinite(size) & (size > 0) & ink
    size = jnp.log2(jnp.where(known, size, 1.0))
    shape = inputs.get("has_shape", jnp.ones(b, bool))
    return points, size, {"shape": shape, "motion": ink, "size": known}


# Channels and widths of the networks, for all who must agree on them.


Layout = tuple[tuple[int, ...], ...]
"""Channels of the convolutions, block by block."""

SHAPE: Layout = ((16, 32), (64, 64), (128, 128))
"""StrokeNet: channels of the 3x3 convolutions, two a block, then pooling."""
MOTION: Layout = ((64,), (64, 128), (128, 128))
"""Channels of the 1-D convolutions; the points are halved between the groups."""
RESIDUAL: Layout = ((16, 16), (32, 32), (64, 64), (128, 128))
"""ResNet: channels of the 3x3 convolutions, a shortcut around each two."""
TEXT: Layout = ((16,), (32, 32), (64, 64), (128, 128))
"""FontNet: channels of the 3x3 convolutions; pooling between the groups."""
SIMPLE: Layout = ((16, 16), (32, 32), (64, 64), (128, 128))
"""The published SimpleCNN: channels of the 3x3 convolutions, two a block, pooled."""
FEATURES, HIDDEN = 128, 128
"""What `MotionNet` gives, and the units of the dense layer before the output."""
WIDTH = 5
"""Points that a 1-D convolution sees."""
POINTS = 64
"""Points that ink is resampled to."""


def scaled(layout: Layout, channels: float, convs: int = 2) -> Layout:
    """A layout with that many times the channels, in multiples of 8, at least 8.

    Of each block the last `convs` convolutions are kept.
    """
    return tuple(
        tuple(8 * max(1, round(channels * c / 8)) for c in block[-convs:])
        for block in layout
    )
