"""A small residual network over pictures, as an `Encoder` (He et al. 2016).

A 3x3 convolution to 16 channels, then four stages with 16, 32, 64 and 128: 2x2 max
pooling, but before the first, and two 3x3 convolutions with norms around which a
shortcut leads, by a 1x1 convolution with norm where the channels change. Channel
dropout, global average pooling and StrokeNet's two dense layers: 332,016 parameters.
"""

import flax.linen as nn

from strokejax.networks.cnn import Conv, of_pictures
from strokejax.networks.functions import max_pool
from strokejax.networks.functions_layouts import HIDDEN, RESIDUAL, Layout, scaled
from strokejax.networks.layers import BatchNorm
from strokejax.types import Encoder


class Stage(nn.Module):
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
    """Groups whose BatchNorm stays as in inference."""

    @nn.compact
    def __call__(self, x, mask, train):
        moving = train and "stem" not in self.frozen
        x = Conv(self.layout[0][0], name="stem")(x)
        x = nn.relu(BatchNorm(name="stem_norm")(x, mask, moving))
        for i, features in enumerate(self.layout, start=1):
            name = f"stage{i}"
            x = x if i == 1 else max_pool(x)
            x = Stage(features, name=name)(x, mask, train and name not in self.frozen)
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
    """The network over pictures or resampled ink; settings as of `cnn.stroke_net`."""
    layout = scaled(RESIDUAL, channels)
    net = ResNet(out_dim, layout, channel_dropout, dropout, frozen)
    return of_pictures(net, normalise, **raster)
