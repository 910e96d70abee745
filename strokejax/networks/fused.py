"""Shape, motion and size in one embedding; missing modalities are masked.

StrokeNet's blocks give 128 features of each quadrant of the picture, `MotionNet` gives
128 of the pen's trajectory, and the size relative to the writer's reference size gives
one more. Each is multiplied by a flag that tells whether it is present, and the flag is
an input, too; a hidden layer joins them all. A picture has shape alone, ink has motion
as well, ink of a known writer also has size: one network serves all three, because
training drops modalities at random.
"""

from typing import NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp

from strokejax.networks.cnn import Block, as_encoder
from strokejax.networks.functions import (
    FEATURES,
    HIDDEN,
    KERNEL_WIDTH,
    MOTION,
    SHAPE,
    SIZE_LIMIT,
    Layout,
    conv1d,
    max_over_points,
    motion_features,
    pool_pairs,
    quadrant_means,
    scaled,
    split_modalities,
    to_images,
)
from strokejax.networks.layers import BatchNorm
from strokejax.types import Encoder


class ModalityDropout(NamedTuple):
    """Rates at which training hides modalities, and the noise that it adds to sizes."""

    shape: float = 0.1
    motion: float = 0.2
    size: float = 0.3
    size_error: float = 0.15
    """Standard deviation of the logarithm to base 2."""


MODALITY_DROPOUT = ModalityDropout()


class MotionNet(nn.Module):
    """f32[b p 3] points of `ink.resample` -> f32[b 128]."""

    layout: Layout = MOTION

    @nn.compact
    def __call__(self, points, mask, train):
        x = motion_features(points)
        for block, pair in enumerate(self.layout, start=1):
            if block > 1:
                x = pool_pairs(x)
            for i, features in enumerate(pair, start=1):
                name = f"block{block}_{i}"
                shape = (KERNEL_WIDTH, x.shape[-1], features)
                kernel = self.param(
                    f"{name}_kernel", nn.initializers.he_uniform(), shape
                )
                x = BatchNorm(name=f"{name}_norm")(conv1d(x, kernel), mask, train)
                x = nn.relu(x)
        x = jnp.concatenate([x.mean(1), max_over_points(x)], -1)
        return nn.relu(nn.Dense(FEATURES, name="out")(x))


class Fused(nn.Module):
    """f32[b h w 1] or None, f32[b p 3], f32[b] log sizes -> f32[b out_dim].

    `present` has a bool[b] for each of "shape", "motion" and "size".
    """

    out_dim: int
    shape: Layout | None = SHAPE
    """None leaves this part out of the network."""
    motion: Layout | None = MOTION
    """None leaves this part out of the network."""
    channel_dropout: float = 0.1
    dropout: float = 0.25

    @nn.compact
    def __call__(self, images, points, size, present, mask, train):
        present = {name: x.astype(jnp.float32)[:, None] for name, x in present.items()}
        parts = []
        if self.shape:
            x = images
            for i, features in enumerate(self.shape, start=1):
                x = Block(features, "batch", name=f"block{i}")(x, mask, train)
            drop = nn.Dropout(self.channel_dropout, broadcast_dims=(1, 2))
            x = quadrant_means(drop(x, deterministic=not train))
            parts += [x * present["shape"], present["shape"]]
        if self.motion:
            has_motion = present["motion"]
            # Examples without points must not contribute to BatchNorm's statistics.
            x = MotionNet(self.motion, name="motion")(
                points, mask & (has_motion[:, 0] > 0), train
            )
            parts += [x * has_motion, has_motion]
        parts += [size[:, None] * present["size"], present["size"]]
        x = nn.relu(nn.Dense(HIDDEN, name="hidden")(jnp.concatenate(parts, -1)))
        x = nn.Dropout(self.dropout)(x, deterministic=not train)
        return nn.Dense(self.out_dim, name="out")(x)


def fused_net(
    out_dim: int,
    *,
    normalise: bool,
    shape: bool = True,
    motion: bool = True,
    channel_dropout: float = 0.1,
    dropout: float = 0.25,
    hidden: ModalityDropout = MODALITY_DROPOUT,
    channels: float = 1.0,
    convs: int = 2,
    **raster,
) -> Encoder:
    """The fused network over "image" u8 or f32[b h w], "points" f32[b p 3] and "size".

    "size" f32[b] is the longer side over the writer's reference size, NaN where
    unknown. In a batch with pictures and points, "has_ink" bool[b] selects the examples
    that use their points. Without `shape` or `motion` the network lacks that part.
    `channels` multiplies the channels of both; blocks over pictures have `convs`
    convolutions. `hidden` sets the rates of modality dropout.
    """
    net = Fused(
        out_dim,
        scaled(SHAPE, channels, convs) if shape else None,
        scaled(MOTION, channels) if motion else None,
        channel_dropout,
        dropout,
    )
    if not (shape and motion):  # the only modality is never hidden
        hidden = hidden._replace(shape=0.0, motion=0.0)

    def prepare(inputs, key):
        points, size, present = split_modalities(inputs)
        if key is not None:
            present, size = _drop_modalities(key, present, size, hidden)
        images = to_images(inputs, **raster) if shape else None
        return images, points, jnp.clip(size, -SIZE_LIMIT, SIZE_LIMIT), present

    return as_encoder(net, prepare, normalise)


def _drop_modalities(key, present, size, rates: ModalityDropout):
    """Hides modalities at random, never both shape and motion; adds noise to sizes."""
    keys = jax.random.split(key, 4)
    b = len(size)
    drop_rates = {"shape": rates.shape, "motion": rates.motion, "size": rates.size}
    visible = {
        name: present[name] & jax.random.bernoulli(k, 1 - rate, (b,))
        for k, (name, rate) in zip(keys, drop_rates.items(), strict=False)
    }
    visible["shape"] |= ~visible["motion"]
    size = size + rates.size_error * jax.random.normal(keys[3], (b,))
    return visible, size
