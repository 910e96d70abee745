"""Channels and widths of the networks, for all who must agree on them."""

Layout = tuple[tuple[int, ...], ...]
"""Channels of the convolutions, block by block."""

SHAPE: Layout = ((16, 32), (64, 64), (128, 128))
"""StrokeNet: channels of the 3x3 convolutions, two a block, then pooling."""
MOTION: Layout = ((64,), (64, 128), (128, 128))
"""Channels of the 1-D convolutions; the points are halved between the groups."""
RESIDUAL: Layout = ((16, 16), (32, 32), (64, 64), (128, 128))
"""ResNet: channels of the 3x3 convolutions, a shortcut around each two."""
TEXT: Layout = ((16,), (32, 32), (64, 64), (128, 128))
"""FontNet: channels of the 3x3 convolutions; pooling between the groups."""
SIMPLE: Layout = ((16, 16), (32, 32), (64, 64), (128, 128))
"""The published SimpleCNN: channels of the 3x3 convolutions, two a block, pooled."""
FEATURES, HIDDEN = 128, 128
"""What `MotionNet` gives, and the units of the dense layer before the output."""
WIDTH = 5
"""Points that a 1-D convolution sees."""
POINTS = 64
"""Points that ink is resampled to."""


def scaled(layout: Layout, channels: float, convs: int = 2) -> Layout:
    """A layout with that many times the channels, in multiples of 8, at least 8.

    Of each block the last `convs` convolutions are kept.
    """
    return tuple(
        tuple(8 * max(1, round(channels * c / 8)) for c in block[-convs:])
        for block in layout
    )
