"""What a drawing is by how it was made: its resampled points, as 128 features.

1-D convolutions of width 5 over points of equal arc length, with 64; 64 and 128; 128
and 128 channels, the points halved between; then mean and maximum over the points.
"""

import flax.linen as nn
import jax.numpy as jnp

from strokejax.networks.functions import conv5, halve, highest, motion_features
from strokejax.networks.functions_layouts import FEATURES, MOTION, WIDTH, Layout
from strokejax.networks.layers import BatchNorm


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
