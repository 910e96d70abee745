"""Layers that read text: from the picture of a line to a sequence of steps."""

import flax.linen as nn

from strokejax.networks.cnn import Conv
from strokejax.networks.functions import (
    KERNEL_WIDTH,
    Layout,
    conv1d,
    max_pool,
    pool_pairs,
)
from strokejax.networks.layers import BatchNorm

STEM: Layout = ((16,), (32, 32), (64, 64), (96,))
"""Channels of the 3x3 convolutions, group by group."""
CHANNELS = 192
"""Features of each step."""


class Stem(nn.Module):
    """f32[b h w 1] and valid bool[b 1 w 1] -> f32[b w/s channels] and bool[b w/s 1].

    Pooling between the groups halves height and width, then the height alone; the rows
    that remain become channels. Columns that are not valid stay zero throughout.
    """

    layout: Layout = STEM
    channels: int = CHANNELS
    strides: int = 2
    """Number of poolings that halve the width; s is 2 to this power."""

    @nn.compact
    def __call__(self, x, valid, train):
        x = x * valid
        for i, group in enumerate(self.layout):
            for j, features in enumerate(group):
                name = f"conv{i + 1}_{j + 1}"
                x = Conv(features, name=name)(x)
                x = BatchNorm(name=f"{name}_norm")(x, valid, train)
                # The norm's bias would fill blank columns, and leak into the line.
                x = nn.relu(x) * valid
            if i < self.strides:
                x, valid = max_pool(x), pool_pairs(valid[:, 0])[:, None]
            elif i < len(self.layout) - 1:
                x = pool_pairs(x)
        x = x.swapaxes(1, 2).reshape(x.shape[0], x.shape[2], -1)
        valid = valid[:, 0]
        shape = (x.shape[-1], self.channels)
        kernel = self.param("kernel", nn.initializers.he_uniform(), shape)
        x = BatchNorm(name="norm")(x @ kernel, valid, train)
        return nn.relu(x) * valid, valid


class ResidualConv1D(nn.Module):
    """A residual 1-D convolution: `x + relu(norm(conv(x)))`."""

    @nn.compact
    def __call__(self, x, valid, train):
        shape = (KERNEL_WIDTH, x.shape[-1], x.shape[-1])
        kernel = self.param("kernel", nn.initializers.he_uniform(), shape)
        y = BatchNorm(name="norm")(conv1d(x, kernel), valid, train)
        return x + nn.relu(y) * valid
