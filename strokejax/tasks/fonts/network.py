"""Networks that tell fonts apart: pictures of lines of text to one embedding each.

`font_net` reads a line of any width: 3x3 convolutions with norms and ReLU, pooled to an
eighth of both sides; what is above each other becomes one patch; a residual 1-D
convolution lets neighbours see each other; attention says how much each patch counts,
and their weighted mean and deviation make the embedding (attentive statistics, Okabe et
al. 2018). `simple_cnn` is the published one, for pictures of 64 x 64.
"""

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from strokejax.networks.cnn import Conv, as_encoder
from strokejax.networks.functions import SIMPLE, TEXT, Layout, max_pool, scaled
from strokejax.tasks.lines.network import Along, Stem
from strokejax.types import Encoder

PATCH, SCORES = 256, 64
"""Features of a patch, and units that its weight is made by."""
STRIDE = 8
"""Pixels of a patch's width."""


class FontNet(nn.Module):
    """f32[b h w 1] and i32[b] widths -> f32[b out_dim]."""

    out_dim: int
    layout: Layout = TEXT
    dropout: float = 0.1

    @nn.compact
    def __call__(self, x, width, mask, train):
        column = jnp.arange(x.shape[2])[None, None, :, None]
        there = (column < width[:, None, None, None]) & mask[:, None, None, None]
        stem = Stem(self.layout, PATCH, strides=3, name="stem")
        x, there = stem(x, there, train)
        x = Along(name="along1")(x, there, train)
        x = Pooling(name="pooling")(x, there)
        x = nn.Dropout(self.dropout, deterministic=not train)(x)
        return nn.Dense(self.out_dim, name="out")(x)


class Pooling(nn.Module):
    """f32[b p c] patches, those that are there -> f32[b 2c] mean and deviation."""

    @nn.compact
    def __call__(self, x, there):
        score = nn.Dense(1, name="score")(jnp.tanh(nn.Dense(SCORES, name="hidden")(x)))
        # Where nothing is there, a finite floor gives even weights and no NaN.
        weight = jax.nn.softmax(jnp.where(there, score, -1e9), axis=1) * there
        mean = jnp.sum(weight * x, 1)
        spread = jnp.sum(weight * (x - mean[:, None]) ** 2, 1)
        return jnp.concatenate([mean, jnp.sqrt(spread + 1e-5)], -1)


class Blocks(nn.Module):
    """3x3 convolutions with bias, each with its ReLU; after each group 2x2 pooling."""

    layout: Layout

    @nn.compact
    def __call__(self, x):
        for i, group in enumerate(self.layout, start=1):
            for j, features in enumerate(group, start=1):
                name = f"conv{i}_{j}"
                bias = self.param(f"{name}_bias", nn.initializers.zeros, (features,))
                x = nn.relu(Conv(features, name=name)(x) + bias)
            x = max_pool(x)
        return x


class SimpleCNN(nn.Module):
    """f32[b 64 64 1] -> f32[b out_dim], as published: ReLU, dropout 0.25, Linear.

    Four blocks of (3x3 convolution, ReLU) twice and 2x2 max pooling, channels 16, 32,
    64, 128; Linear 2,048 -> `embed_dim`.
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

    w is a multiple of `STRIDE`. What lies behind a line's width changes nothing.
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
    return inputs["image"].astype(jnp.float32)[..., None] / 255
