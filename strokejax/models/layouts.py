"""Channels and widths of the networks, for all who must agree on them."""

SHAPE = ((16, 32), (64, 64), (128, 128))
"""StrokeNet: channels of the 3x3 convolutions, two a block, then pooling."""
MOTION = ((64,), (64, 128), (128, 128))
"""Channels of the 1-D convolutions; the points are halved between the groups."""
WIDTH = 5
"""Points that a 1-D convolution sees."""
POINTS = 64
"""Points that ink is resampled to."""
