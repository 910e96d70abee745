"""Networks that read lines: pictures of any width to logits along them.

3x3 convolutions with norms and ReLU, pooled to a quarter of the width and an eighth of
the height, whose rows become channels; then residual 1-D convolutions along the line,
or one and layers of attention (pre-norm, Vaswani et al. 2017; places are known by the
convolutions). The last of the logits is CTC's blank.
"""

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from strokejax.networks.cnn import Conv, as_encoder
from strokejax.networks.functions import WIDTH, Layout, conv5, halve, max_pool
from strokejax.networks.layers import BatchNorm
from strokejax.tasks.lines.emnist_lines import CLASSES, SIZE, SPECIAL
from strokejax.types import Encoder

STRIDE = 4
"""Pixels a step of the logits."""
STEM: Layout = ((16,), (32, 32), (64, 64), (96,))
"""Channels of the 3x3 convolutions, group by group."""
CHANNELS, BLOCKS = 192, 4
HEADS, LAYERS = 4, 3


class Stem(nn.Module):
    """f32[b h w 1] and bool[b 1 w 1] -> f32[b w/s channels] and bool[b w/s 1]."""

    layout: Layout = STEM
    channels: int = CHANNELS
    strides: int = 2
    """So often the width is halved, between the first groups; s is 2 to that power."""

    @nn.compact
    def __call__(self, x, there, train):
        x = x * there
        for i, group in enumerate(self.layout):
            for j, features in enumerate(group):
                name = f"conv{i + 1}_{j + 1}"
                x = Conv(features, name=name)(x)
                x = BatchNorm(name=f"{name}_norm")(x, there, train)
                x = nn.relu(x) * there
            if i < self.strides:
                x, there = max_pool(x), halve(there[:, 0])[:, None]
            elif i < len(self.layout) - 1:
                x = halve(x)
        x = x.swapaxes(1, 2).reshape(x.shape[0], x.shape[2], -1)
        there = there[:, 0]
        shape = (x.shape[-1], self.channels)
        kernel = self.param("kernel", nn.initializers.he_uniform(), shape)
        x = BatchNorm(name="norm")(x @ kernel, there, train)
        return nn.relu(x) * there, there


class Along(nn.Module):
    """A residual 1-D convolution: `x + relu(norm(conv(x)))`."""

    @nn.compact
    def __call__(self, x, there, train):
        shape = (WIDTH, x.shape[-1], x.shape[-1])
        kernel = self.param("kernel", nn.initializers.he_uniform(), shape)
        y = BatchNorm(name="norm")(conv5(x, kernel), there, train)
        return x + nn.relu(y) * there


class Attention(nn.Module):
    """A pre-norm transformer layer over what is there."""

    dropout: float

    @nn.compact
    def __call__(self, x, there, train):
        drop = nn.Dropout(self.dropout, deterministic=not train)
        b, t, c = x.shape
        y = nn.LayerNorm(name="norm1")(x)
        parts = nn.Dense(3 * c, name="qkv")(y).reshape(b, t, 3, HEADS, c // HEADS)
        q, k, v = jnp.moveaxis(parts, 2, 0)
        y = jax.nn.dot_product_attention(q, k, v, mask=there[:, None, None, :, 0])
        x = x + drop(nn.Dense(c, name="out")(y.reshape(b, t, c)))
        y = nn.LayerNorm(name="norm2")(x)
        y = nn.Dense(c, name="down")(nn.relu(nn.Dense(2 * c, name="up")(y)))
        return (x + drop(y)) * there


class LineNet(nn.Module):
    """f32[b h w 1] and i32[b] widths -> f32[b w/4 outputs]."""

    outputs: int
    attention: bool = False
    dropout: float = 0.1

    @nn.compact
    def __call__(self, x, width, mask, train):
        column = jnp.arange(x.shape[2])[None, None, :, None]
        there = (column < width[:, None, None, None]) & mask[:, None, None, None]
        x, there = Stem(name="stem")(x, there, train)
        for i in range(1 if self.attention else BLOCKS):
            x = Along(name=f"along{i + 1}")(x, there, train)
        for i in range(LAYERS if self.attention else 0):
            x = Attention(self.dropout, name=f"layer{i + 1}")(x, there, train)
        x = nn.Dropout(self.dropout, deterministic=not train)(x)
        return nn.Dense(self.outputs, name="out")(x)


def line_net(outputs: int, *, attention: bool = False, dropout: float = 0.1) -> Encoder:
    """A `LineNet` as a pair of pure functions over "image" u8[b h w], "width" i32[b].

    w is a multiple of `STRIDE`. What lies behind a line's width changes nothing.
    """

    def prepare(inputs, key: Any):
        image = inputs["image"].astype(jnp.float32)[..., None] / 255
        return image, inputs["width"]

    return as_encoder(LineNet(outputs, attention, dropout), prepare, normalise=False)


def steps(width):
    """Steps of the logits that a line of that many pixels has."""
    return -(-width // STRIDE)


# The published lab's networks: a character's CNN, and the same CNN along a line.


FEATURES = 64


class CharacterNet(nn.Module):
    """f32[b 28 28 1] -> f32[b outputs]."""

    outputs: int = len(CLASSES)

    @nn.compact
    def __call__(self, x, train):
        x = nn.relu(self._conv(x, "conv1"))
        x = max_pool(nn.relu(self._conv(x, "conv2")))
        x = nn.Dropout(0.25, deterministic=not train)(x)
        x = nn.relu(nn.Dense(128, name="hidden")(x.reshape(len(x), -1)))
        return nn.Dense(self.outputs, name="out")(x)

    def _conv(self, x, name):
        bias = self.param(f"{name}_bias", nn.initializers.zeros, (FEATURES,))
        return Conv(FEATURES, name=name)(x) + bias


class Windows(nn.Module):
    """f32[b 28 w 1] -> f32[b w/28 outputs]: all windows of all lines in one batch."""

    outputs: int = len(CLASSES)

    @nn.compact
    def __call__(self, x, mask, train):
        windows = cut(x)
        z = CharacterNet(self.outputs, name="windows")(
            windows.reshape(-1, *windows.shape[2:]), train
        )
        return z.reshape(*windows.shape[:2], -1)


def cut(x: Float[Array, "b h w c"]) -> Float[Array, "b n h s c"]:
    """Windows of `SIZE` columns, side by side; what is left over is not seen."""
    b, h, w, c = x.shape
    x = x[:, :, : w - w % SIZE].reshape(b, h, w // SIZE, SIZE, c)
    return x.swapaxes(1, 2)


def windows_net(outputs: int = len(CLASSES)) -> Encoder:
    """`Windows` as a pair of pure functions over "image" u8[b 28 w]."""

    def prepare(inputs, key):
        return (inputs["image"].astype(jnp.float32)[..., None] / 255,)

    return as_encoder(Windows(outputs), prepare, normalise=False)


def as_ctc(logits: Float[Array, "b n k"]) -> Float[Array, "b 2n c"]:
    """Logits of windows as CTC's: what is no character is the blank, the last.

    Behind each window comes a step of the blank alone, so a character that stands twice
    is read twice.
    """
    log_p = jax.nn.log_softmax(logits)
    special, others = log_p[..., : len(SPECIAL)], log_p[..., len(SPECIAL) :]
    blank = jax.nn.logsumexp(special, -1, keepdims=True)
    windows = jnp.concatenate([others, blank], -1)
    between = jnp.full_like(windows, -jnp.inf).at[..., -1].set(0.0)
    both = jnp.stack([windows, between], 2)
    return both.reshape(len(logits), -1, windows.shape[-1])
