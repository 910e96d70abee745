"""Networks that read lines: from pictures of any width to logits along them.

`LineNet`: 3x3 convolutions with norms and ReLU, pooled to a quarter of the width and an
eighth of the height; the rows become channels; then residual 1-D convolutions along the
line, or one of them and transformer layers (pre-norm, Vaswani et al. 2017, without
position embeddings: the convolutions encode position). The last logit is CTC's blank.

`WindowNet` is the published lab's: one CNN for characters on windows of 28 columns.
"""

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from strokejax.networks.cnn import Conv, as_encoder
from strokejax.networks.functions import max_pool
from strokejax.networks.spec import EncoderSpec
from strokejax.networks.text import ResidualConv1D, Stem
from strokejax.pictures.lines import HEIGHT
from strokejax.tasks.lines.emnist_lines import CLASSES, SIZE, SPECIAL
from strokejax.tasks.lines.settings import WINDOWS
from strokejax.types import Encoder

STRIDE = 4
"""Pixels between two steps of the logits."""
BLOCKS, HEADS, LAYERS = 4, 4, 3
"""Residual convolutions without attention; heads and layers with it."""
FEATURES = 64
"""Channels of `CharacterNet`."""


def build_encoder(spec: EncoderSpec, dropout: float = 0.0) -> Encoder:
    """The trainable network of a spec: logits for each step of a line, or window."""
    if spec.architecture == WINDOWS:
        return windows_net(spec.out_dim)
    attention = spec.architecture == "line_transformer"
    return line_net(spec.out_dim, attention=attention, dropout=dropout)


def line_height(spec: EncoderSpec) -> int:
    """Height in pixels of the lines that a network reads."""
    return SIZE if spec.architecture == WINDOWS else HEIGHT


# Lines by CTC


class TransformerLayer(nn.Module):
    """A pre-norm transformer layer; attention covers the valid steps."""

    dropout: float

    @nn.compact
    def __call__(self, x, valid, train):
        drop = nn.Dropout(self.dropout, deterministic=not train)
        b, t, c = x.shape
        y = nn.LayerNorm(name="norm1")(x)
        parts = nn.Dense(3 * c, name="qkv")(y).reshape(b, t, 3, HEADS, c // HEADS)
        q, k, v = jnp.moveaxis(parts, 2, 0)
        y = jax.nn.dot_product_attention(q, k, v, mask=valid[:, None, None, :, 0])
        x = x + drop(nn.Dense(c, name="out")(y.reshape(b, t, c)))
        y = nn.LayerNorm(name="norm2")(x)
        y = nn.Dense(c, name="down")(nn.relu(nn.Dense(2 * c, name="up")(y)))
        return (x + drop(y)) * valid


class LineNet(nn.Module):
    """f32[b h w 1] and i32[b] widths -> f32[b w/4 outputs]."""

    outputs: int
    attention: bool = False
    dropout: float = 0.1

    @nn.compact
    def __call__(self, x, width, mask, train):
        column = jnp.arange(x.shape[2])[None, None, :, None]
        valid = (column < width[:, None, None, None]) & mask[:, None, None, None]
        x, valid = Stem(name="stem")(x, valid, train)
        for i in range(1 if self.attention else BLOCKS):
            x = ResidualConv1D(name=f"along{i + 1}")(x, valid, train)
        for i in range(LAYERS if self.attention else 0):
            x = TransformerLayer(self.dropout, name=f"layer{i + 1}")(x, valid, train)
        x = nn.Dropout(self.dropout, deterministic=not train)(x)
        return nn.Dense(self.outputs, name="out")(x)


def line_net(outputs: int, *, attention: bool = False, dropout: float = 0.1) -> Encoder:
    """A `LineNet` as a pair of pure functions over "image" u8[b h w], "width" i32[b].

    w is a multiple of `STRIDE`. Pixels beyond a line's width have no effect.
    """

    def prepare(inputs, key: Any):
        image = inputs["image"].astype(jnp.float32)[..., None] / 255
        return image, inputs["width"]

    return as_encoder(LineNet(outputs, attention, dropout), prepare, normalise=False)


def step_count(width):
    """Steps of the logits for a line of that width in pixels."""
    return -(-width // STRIDE)


# Lines window by window


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


class WindowNet(nn.Module):
    """f32[b 28 w 1] -> f32[b w/28 outputs]: the windows of all lines as one batch."""

    outputs: int = len(CLASSES)

    @nn.compact
    def __call__(self, x, mask, train):
        windows = split_windows(x)
        z = CharacterNet(self.outputs, name="windows")(
            windows.reshape(-1, *windows.shape[2:]), train
        )
        return z.reshape(*windows.shape[:2], -1)


def split_windows(x: Float[Array, "b h w c"]) -> Float[Array, "b n h s c"]:
    """Windows of `SIZE` columns, side by side; columns left over are dropped."""
    b, h, w, c = x.shape
    x = x[:, :, : w - w % SIZE].reshape(b, h, w // SIZE, SIZE, c)
    return x.swapaxes(1, 2)


def windows_net(outputs: int = len(CLASSES)) -> Encoder:
    """A `WindowNet` as a pair of pure functions over "image" u8[b 28 w]."""

    def prepare(inputs, key):
        return (inputs["image"].astype(jnp.float32)[..., None] / 255,)

    return as_encoder(WindowNet(outputs), prepare, normalise=False)


def windows_to_ctc(logits: Float[Array, "b n k"]) -> Float[Array, "b 2n c"]:
    """Logits of windows as log probabilities for CTC, the blank last.

    The classes that are not characters add up to the blank. A step of pure blank
    follows each window, so that a repeated character is read twice.
    """
    log_p = jax.nn.log_softmax(logits)
    special, characters = log_p[..., : len(SPECIAL)], log_p[..., len(SPECIAL) :]
    blank = jax.nn.logsumexp(special, -1, keepdims=True)
    windows = jnp.concatenate([characters, blank], -1)
    between = jnp.full_like(windows, -jnp.inf).at[..., -1].set(0.0)
    both = jnp.stack([windows, between], 2)
    return both.reshape(len(logits), -1, windows.shape[-1])
