"""Convolutional networks over pictures, StrokeNet and a small ResNet, as `Encoder`s.

StrokeNet, over 28x28 pictures: three blocks of (3x3 convolution without bias, norm,
ReLU) twice, channels 16-32, 64-64, 128-128, each block followed by 2x2 max pooling
(28 -> 14 -> 7 -> 3); channel dropout; global average pooling; Linear 128 -> 128, ReLU,
dropout, Linear 128 -> `out_dim`. It has 306,735 parameters with 63 logits and 306,864
with a 64-dimensional embedding.

ResNet (He et al. 2016): a 3x3 stem and four residual blocks of two 3x3 convolutions,
channels 16, 32, 64, 128, with pooling between the blocks; the same head.
"""

from collections.abc import Callable
from typing import Any, Literal

import flax.linen as nn
import jax
import jax.numpy as jnp

from strokejax.networks.functions import (
    HIDDEN,
    RESIDUAL,
    SHAPE,
    Layout,
    conv3x3,
    max_pool,
    scaled,
    to_images,
    unit,
)
from strokejax.networks.layers import BatchNorm, GroupNorm
from strokejax.types import Encoder, PyTree

Norm = Literal["batch", "group"]


class Conv(nn.Module):
    """A 3x3 convolution without bias, stride 1, one pixel of zero padding."""

    features: int

    @nn.compact
    def __call__(self, x):
        shape = (3, 3, x.shape[-1], self.features)
        return conv3x3(x, self.param("kernel", nn.initializers.he_uniform(), shape))


# StrokeNet


class Block(nn.Module):
    """Convolutions, each with its norm and ReLU, then 2x2 max pooling."""

    features: tuple[int, ...]
    norm: Norm

    @nn.compact
    def __call__(self, x, mask, train):
        for i, features in enumerate(self.features, start=1):
            x = Conv(features, name=f"conv{i}")(x)
            if self.norm == "batch":
                x = BatchNorm(name=f"norm{i}")(x, mask, train)
            else:
                x = GroupNorm(name=f"norm{i}")(x)
            x = nn.relu(x)
        return max_pool(x)


class StrokeNet(nn.Module):
    """f32[b 28 28 1] -> f32[b out_dim]."""

    out_dim: int
    layout: Layout = SHAPE
    norm: Norm = "batch"
    channel_dropout: float = 0.1
    dropout: float = 0.25
    frozen: tuple[str, ...] = ()
    """Blocks whose BatchNorm runs in inference mode; else its statistics drift."""

    @nn.compact
    def __call__(self, x, mask, train):
        for i, features in enumerate(self.layout, start=1):
            name = f"block{i}"
            train_norm = train and name not in self.frozen
            x = Block(features, self.norm, name=name)(x, mask, train_norm)
        drop = nn.Dropout(self.channel_dropout, broadcast_dims=(1, 2))
        x = drop(x, deterministic=not train)
        x = x.mean((1, 2))
        x = nn.relu(nn.Dense(HIDDEN, name="hidden")(x))
        x = nn.Dropout(self.dropout)(x, deterministic=not train)
        return nn.Dense(self.out_dim, name="out")(x)


def stroke_net(
    out_dim: int,
    *,
    normalise: bool,
    norm: Norm = "batch",
    channel_dropout: float = 0.1,
    dropout: float = 0.25,
    frozen: tuple[str, ...] = (),
    channels: float = 1.0,
    convs: int = 2,
    **raster,
) -> Encoder:
    """StrokeNet as a pair of pure functions over pictures or resampled ink.

    With `normalise` the output is an embedding of length 1, else logits. `channels`
    multiplies the channels; each block has `convs` convolutions, 1 or 2. BatchNorm
    averages over unmasked examples. `raster` goes to `to_images` (size, margin, width).
    """
    layout = scaled(SHAPE, channels, convs)
    net = StrokeNet(out_dim, layout, norm, channel_dropout, dropout, frozen)
    return picture_encoder(net, normalise, **raster)


# ResNet


class ResidualBlock(nn.Module):
    """`relu(norm(conv(relu(norm(conv(x))))) + shortcut(x))`."""

    features: tuple[int, ...]

    @nn.compact
    def __call__(self, x, mask, train):
        first, last = self.features
        y = nn.relu(BatchNorm(name="norm1")(Conv(first, name="conv1")(x), mask, train))
        y = BatchNorm(name="norm2")(Conv(last, name="conv2")(y), mask, train)
        if x.shape[-1] != last:
            kernel = self.param(
                "shortcut_kernel", nn.initializers.he_uniform(), (x.shape[-1], last)
            )
            x = BatchNorm(name="shortcut_norm")(x @ kernel, mask, train)
        return nn.relu(x + y)


class ResNet(nn.Module):
    """f32[b h w 1] -> f32[b out_dim]."""

    out_dim: int
    layout: Layout = RESIDUAL
    channel_dropout: float = 0.1
    dropout: float = 0.25
    frozen: tuple[str, ...] = ()
    """Blocks whose BatchNorm runs in inference mode: "stem", "stage1" to "stage4"."""

    @nn.compact
    def __call__(self, x, mask, train):
        train_stem = train and "stem" not in self.frozen
        x = Conv(self.layout[0][0], name="stem")(x)
        x = nn.relu(BatchNorm(name="stem_norm")(x, mask, train_stem))
        for i, features in enumerate(self.layout, start=1):
            name = f"stage{i}"
            x = x if i == 1 else max_pool(x)
            train_norm = train and name not in self.frozen
            x = ResidualBlock(features, name=name)(x, mask, train_norm)
        drop = nn.Dropout(self.channel_dropout, broadcast_dims=(1, 2))
        x = drop(x, deterministic=not train)
        x = nn.relu(nn.Dense(HIDDEN, name="hidden")(x.mean((1, 2))))
        x = nn.Dropout(self.dropout)(x, deterministic=not train)
        return nn.Dense(self.out_dim, name="out")(x)


def resnet(
    out_dim: int,
    *,
    normalise: bool,
    channel_dropout: float = 0.1,
    dropout: float = 0.25,
    frozen: tuple[str, ...] = (),
    channels: float = 1.0,
    **raster,
) -> Encoder:
    """ResNet over pictures or resampled ink, with the options of `stroke_net`."""
    layout = scaled(RESIDUAL, channels)
    net = ResNet(out_dim, layout, channel_dropout, dropout, frozen)
    return picture_encoder(net, normalise, **raster)


# From a Linen module to an Encoder


def picture_encoder(net: nn.Module, normalise: bool, **raster) -> Encoder:
    """A module over f32[b h w 1], a mask and `train` as a pair of pure functions."""

    def prepare(inputs, key):
        return (to_images(inputs, **raster),)

    return as_encoder(net, prepare, normalise)


def as_encoder(
    net: nn.Module,
    prepare: Callable[[PyTree, Any], tuple[Any, ...]],
    normalise: bool,
) -> Encoder:
    """A Linen module as a pair of pure functions.

    The module's arguments are those that `prepare(inputs, key)` returns, then the mask
    and `train`. The key is None except in training.
    """

    def init(key, inputs):
        prepared = prepare(inputs, None)
        mask = jnp.ones(len(jax.tree.leaves(inputs)[0]), bool)
        variables = dict(net.init(key, *prepared, mask, train=False))
        params = variables.pop("params")
        return params, variables

    def apply(params, model_state, inputs, mask, *, train, key: Any = None):
        variables = {"params": params, **model_state}
        if train:
            prepare_key, dropout_key = jax.random.split(key)
            out, model_state = net.apply(
                variables,
                *prepare(inputs, prepare_key),
                mask,
                train=True,
                rngs={"dropout": dropout_key},
                mutable=list(model_state),
            )
        else:
            out = net.apply(variables, *prepare(inputs, None), mask, train=False)
        return (unit(out) if normalise else out), model_state

    return Encoder(init, apply)
