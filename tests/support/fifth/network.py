"""A network that tells which way curves bend."""

import flax.linen as nn

from strokejax.networks.cnn import as_encoder
from strokejax.networks.spec import EncoderSpec
from strokejax.types import Encoder


class BendNet(nn.Module):
    """Two dense layers over all points of a curve."""

    out_dim: int

    @nn.compact
    def __call__(self, points, mask, train):
        x = points.reshape(len(points), -1)
        x = nn.relu(nn.Dense(8, name="hidden")(x))
        return nn.Dense(self.out_dim, name="out")(x)


def build_encoder(spec: EncoderSpec) -> Encoder:
    """The network of a spec; it sees {"points": f32[b POINTS 2]}."""
    return as_encoder(
        BendNet(spec.out_dim), lambda inputs, key: (inputs["points"],), spec.normalise
    )
