"""Shape, motion and size in one embedding; what is missing is masked.

The blocks of StrokeNet give 128 features of each quarter of the picture, `MotionNet`
128 of the way the pen went, and the size relative to the writer's usual one two more; a
hidden layer joins them. A picture has shape alone, ink has motion, ink of a known
writer has size: one network serves all, since training hides each part now and then.
"""

from typing import NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp

from strokejax.networks.cnn import Block, as_encoder
from strokejax.networks.functions import (
    FEATURES,
    HIDDEN,
    MOTION,
    SHAPE,
    SIZE_LIMIT,
    WIDTH,
    Layout,
    conv5,
    halve,
    highest,
    motion_features,
    quarters,
    scaled,
    to_images,
    what_is_seen,
)
from strokejax.networks.layers import BatchNorm
from strokejax.types import Encoder

# What a drawing is by how it was made: its resampled points, as 128 features.


class MotionNet(nn.Module):
    """f32[b p 3], points as `ink.resample` gives them -> f32[b 128]."""

    layout: Layout = MOTION

    @nn.compact
    def __call__(self, points, mask, train):
        x = motion_features(points)
        for block, pair in enumerate(self.layout, start=1):
            if block > 1:
                x = halve(x)
            for i, features in enumerate(pair, start=1):
                name = f"block{block}_{i}"
                shape = (WIDTH, x.shape[-1], features)
                kernel = self.param(
                    f"{name}_kernel", nn.initializers.he_uniform(), shape
                )
                x = BatchNorm(name=f"{name}_norm")(conv5(x, kernel), mask, train)
                x = nn.relu(x)
        x = jnp.concatenate([x.mean(1), highest(x)], -1)
        return nn.relu(nn.Dense(FEATURES, name="out")(x))


class Hidden(NamedTuple):
    """How often training hides what an example has, and how wrong its size may be."""

    shape: float = 0.1
    motion: float = 0.2
    size: float = 0.3
    size_error: float = 0.15
    """Standard deviation of the logarithm to base 2."""


USUAL = Hidden()


class Fused(nn.Module):
    """f32[b h w 1], f32[b p 3] or None, f32[b] -> f32[b out_dim]."""

    out_dim: int
    shape: Layout | None = SHAPE
    """None: the network has no such part."""
    motion: Layout | None = MOTION
    channel_dropout: float = 0.1
    dropout: float = 0.25

    @nn.compact
    def __call__(self, images, points, size, seen, mask, train):
        seen = {name: x.astype(jnp.float32)[:, None] for name, x in seen.items()}
        parts = []
        if self.shape:
            x = images
            for i, features in enumerate(self.shape, start=1):
                x = Block(features, "batch", name=f"block{i}")(x, mask, train)
            drop = nn.Dropout(self.channel_dropout, broadcast_dims=(1, 2))
            x = quarters(drop(x, deterministic=not train))
            parts += [x * seen["shape"], seen["shape"]]
        if self.motion:
            known = seen["motion"]
            # Without points there is nothing to normalise by either.
            x = MotionNet(self.motion, name="motion")(
                points, mask & (known[:, 0] > 0), train
            )
            parts += [x * known, known]
        parts += [size[:, None] * seen["size"], seen["size"]]
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
    hidden: Hidden = USUAL,
    channels: float = 1.0,
    convs: int = 2,
    **raster,
) -> Encoder:
    """The fused network over "image" u8 or f32[b h w], "points" f32[b p 3] and "size".

    "size" f32[b] is the longer side over the writer's usual one, NaN where unknown.
    Where an input has both picture and points, "has_ink" bool[b] says which count.
    Without `shape` or `motion` that part is left out of the network. `channels`
    multiplies the widths of both; blocks over pictures have `convs` convolutions.
    """
    net = Fused(
        out_dim,
        scaled(SHAPE, channels, convs) if shape else None,
        scaled(MOTION, channels) if motion else None,
        channel_dropout,
        dropout,
    )
    if not (shape and motion):  # what is alone is never hidden
        hidden = hidden._replace(shape=0.0, motion=0.0)

    def prepare(inputs, key):
        points, size, seen = what_is_seen(inputs)
        if key is not None:
            seen, size = _hide(key, seen, size, hidden)
        images = to_images(inputs, **raster) if shape else None
        return images, points, jnp.clip(size, -SIZE_LIMIT, SIZE_LIMIT), seen

    return as_encoder(net, prepare, normalise)


def _hide(key, seen, size, hidden: Hidden):
    """Parts hidden at random, but never both shape and motion; sizes a little wrong."""
    keys = jax.random.split(key, 4)
    b = len(size)
    rates = {"shape": hidden.shape, "motion": hidden.motion, "size": hidden.size}
    kept = {
        name: jax.random.bernoulli(k, 1 - rate, (b,))
        for k, (name, rate) in zip(keys, rates.items(), strict=False)
    }
    found = {name: seen[name] & kept[name] for name in seen}
    found["shape"] |= ~found["motion"]
    size = size + hidden.size_error * jax.random.normal(keys[3], (b,))
    return found, size
