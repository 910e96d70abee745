"""What networks are made of, as plain functions; nothing here needs Linen."""

import jax
import jax.numpy as jnp

from strokejax.ink.raster import rasterize
from strokejax.models import winograd

BN_MOMENTUM = 0.9
BN_EPS = 1e-5


def conv3x3(x, kernel):
    """3x3 convolution, stride 1, zero padding 1: f32[b h h i], f32[3 3 i o].

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


def unit(x, eps: float = 1e-12):
    """Rows scaled to length 1; a zero row stays zero, with a finite gradient."""
    return x * jax.lax.rsqrt(jnp.maximum(jnp.sum(x * x, -1, keepdims=True), eps))


def to_images(inputs, *, size: int = 28, margin: int = 4, width: float = 3.0):
    """The network's pictures f32[b size size 1]: "image", or drawn from "points".

    A leaf "width" f32[b] replaces the pen's width in pixels.
    """
    if "image" in inputs:
        image = inputs["image"]
        if image.dtype == jnp.uint8:
            image = image.astype(jnp.float32) / 255.0
    else:
        pen = inputs.get("width", width)
        image = rasterize(inputs["points"], pen, size=size, margin=margin)
    return image[..., None]
