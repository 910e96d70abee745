"""Networks that embed pictures of lines of text, so that fonts can be told apart.

`font_net` reads a line of any width. 3x3 convolutions with BatchNorm and ReLU are
pooled to an eighth of the height and the width, and each column becomes one patch. A
residual 1-D convolution mixes neighbouring patches. Attention weighs the patches, and
their weighted mean and standard deviation give the embedding (attentive statistics
pooling, Okabe et al. 2018). `simple_cnn` is the published network, for pictures of
64 x 64 pixels.
"""

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from strokejax.networks import spec as networks
from strokejax.networks.cnn import Conv, as_encoder
from strokejax.networks.functions import SIMPLE, TEXT, Layout, max_pool, scaled
from strokejax.networks.spec import EncoderSpec
from strokejax.networks.text import ResidualConv1D, Stem
from strokejax.types import Encoder

PATCH, ATTENTION = 256, 64
"""Features of a patch, and hidden units of the attention."""
STRIDE = 8
"""Width of a patch in pixels."""


class FontNet(nn.Module):
    """f32[b h w 1] and widths i32[b] -> f32[b out_dim]."""

    out_dim: int
    layout: Layout = TEXT
    dropout: float = 0.1

    @nn.compact
    def __call__(self, x, width, mask, train):
        column = jnp.arange(x.shape[2])[None, None, :, None]
        valid = (column < width[:, None, None, None]) & mask[:, None, None, None]
        # Three halvings of the width: `STRIDE` pixels a patch.
        stem = Stem(self.layout, PATCH, strides=3, name="stem")
        x, valid = stem(x, valid, train)
        x = ResidualConv1D(name="along1")(x, valid, train)
        x = AttentiveStatistics(name="pooling")(x, valid)
        x = nn.Dropout(self.dropout, deterministic=not train)(x)
        return nn.Dense(self.out_dim, name="out")(x)


class AttentiveStatistics(nn.Module):
    """f32[b p c] patches and valid bool[b p 1] -> f32[b 2c] mean and deviation."""

    @nn.compact
    def __call__(self, x, valid):
        hidden = jnp.tanh(nn.Dense(ATTENTION, name="hidden")(x))
        score = nn.Dense(1, name="score")(hidden)
        # Not -inf: an example without valid patches would get NaN, not even weights.
        weight = jax.nn.softmax(jnp.where(valid, score, -1e9), axis=1) * valid
        mean = jnp.sum(weight * x, 1)
        variance = jnp.sum(weight * (x - mean[:, None]) ** 2, 1)
        # The gradient of the root is infinite at 0.
        return jnp.concatenate([mean, jnp.sqrt(variance + 1e-5)], -1)


class Blocks(nn.Module):
    """3x3 convolutions with bias and ReLU; 2x2 max pooling after each block."""

    layout: Layout

    @nn.compact
    def __call__(self, x):
        for i, block in enumerate(self.layout, start=1):
            for j, features in enumerate(block, start=1):
                name = f"conv{i}_{j}"
                bias = self.param(f"{name}_bias", nn.initializers.zeros, (features,))
                x = nn.relu(Conv(features, name=name)(x) + bias)
            x = max_pool(x)
        return x


class SimpleCNN(nn.Module):
    """f32[b 64 64 1] -> f32[b out_dim], as published.

    Four blocks of (3x3 convolution, ReLU) twice and 2x2 max pooling, channels 16, 32,
    64, 128; Linear 2,048 -> `out_dim`, ReLU, dropout 0.25.
    """

    out_dim: int
    layout: Layout = SIMPLE
    dropout: float = 0.25

    @nn.compact
    def __call__(self, x, mask, train):
        x = Blocks(self.layout, name="stem")(x)
        x = nn.Dense(self.out_dim, name="out")(x.reshape(len(x), -1))
        return nn.Dropout(self.dropout, deterministic=not train)(nn.relu(x))


def font_net(
    out_dim: int,
    *,
    normalise: bool,
    channels: float = 1.0,
    convs: int = 2,
    dropout: float = 0.1,
) -> Encoder:
    """A `FontNet` as a pair of pure functions over "image" u8[b h w], "width" i32[b].

    w is a multiple of `STRIDE`. Pixels beyond a line's width do not affect its output.
    """

    def prepare(inputs, key: Any):
        return _grey(inputs), inputs["width"]

    net = FontNet(out_dim, scaled(TEXT, channels, convs), dropout)
    return as_encoder(net, prepare, normalise)


def simple_cnn(
    out_dim: int,
    *,
    normalise: bool,
    channels: float = 1.0,
    convs: int = 2,
    dropout: float = 0.25,
) -> Encoder:
    """A `SimpleCNN` as a pair of pure functions over "image" u8[b 64 64]."""

    def prepare(inputs, key: Any):
        return (_grey(inputs),)

    net = SimpleCNN(out_dim, scaled(SIMPLE, channels, convs), dropout)
    return as_encoder(net, prepare, normalise)


def _grey(inputs):
    """f32[b h w 1]: the pictures, 0 to 1."""
    return inputs["image"].astype(jnp.float32)[..., None] / 255


def build_encoder(
    spec: EncoderSpec,
    *,
    channel_dropout: float = 0.0,
    dropout: float = 0.0,
    frozen: tuple[str, ...] = (),
) -> Encoder:
    """The trainable network of a spec; `channel_dropout` and `frozen` suit `resnet`."""
    if spec.architecture == "resnet":
        return networks.build_encoder(
            spec, channel_dropout=channel_dropout, dropout=dropout, frozen=frozen
        )
    build = font_net if spec.architecture == "font_net" else simple_cnn
    return build(
        spec.out_dim,
        normalise=spec.normalise,
        channels=spec.channels,
        convs=spec.convs,
        dropout=dropout,
    )
