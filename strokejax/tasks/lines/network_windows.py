"""The published lab's networks: a character's CNN, and the same CNN along a line.

3x3 convolutions 1 -> 64 -> 64 with ReLU, 2x2 max pooling, dropout 0.25, Linear
12,544 -> 128, ReLU, Linear -> 83: 1,654,035 parameters. Along a line it looks through
windows as wide as a character, side by side, and answers each by itself.
"""

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from strokejax.networks.cnn import Conv, as_encoder
from strokejax.networks.functions import max_pool
from strokejax.tasks.lines.emnist_lines_published import CLASSES, SIZE, SPECIAL
from strokejax.types import Encoder

FEATURES = 64


class CharacterNet(nn.Module):
    """f32[b 28 28 1] -> f32[b outputs]."""

    outputs: int = len(CLASSES)

    @nn.compact
    def __call__(self, x, train):
        x = nn.relu(self._conv(x, "conv1"))
        x = max_pool(nn.relu(self._conv(x, "conv2")))
        x = nn.Dropout(0.25, deterministic=not train)(x)
        x = nn.relu(nn.Dense(128, name="hidden")(x.reshape(len(x), -1)))
        return nn.Dense(self.outputs, name="out")(x)

    def _conv(self, x, name):
        bias = self.param(f"{name}_bias", nn.initializers.zeros, (FEATURES,))
        return Conv(FEATURES, name=name)(x) + bias


class Windows(nn.Module):
    """f32[b 28 w 1] -> f32[b w/28 outputs]: all windows of all lines in one batch."""

    outputs: int = len(CLASSES)

    @nn.compact
    def __call__(self, x, mask, train):
        windows = cut(x)
        z = CharacterNet(self.outputs, name="windows")(
            windows.reshape(-1, *windows.shape[2:]), train
        )
        return z.reshape(*windows.shape[:2], -1)


def cut(x: Float[Array, "b h w c"]) -> Float[Array, "b n h s c"]:
    """Windows of `SIZE` columns, side by side; what is left over is not seen."""
    b, h, w, c = x.shape
    x = x[:, :, : w - w % SIZE].reshape(b, h, w // SIZE, SIZE, c)
    return x.swapaxes(1, 2)


def windows_net(outputs: int = len(CLASSES)) -> Encoder:
    """`Windows` as a pair of pure functions over "image" u8[b 28 w]."""

    def prepare(inputs, key):
        return (inputs["image"].astype(jnp.float32)[..., None] / 255,)

    return as_encoder(Windows(outputs), prepare, normalise=False)


def as_ctc(logits: Float[Array, "b n k"]) -> Float[Array, "b 2n c"]:
    """Logits of windows as CTC's: what is no character is the blank, the last.

    Behind each window comes a step of the blank alone, so a character that stands twice
    is read twice.
    """
    log_p = jax.nn.log_softmax(logits)
    special, others = log_p[..., : len(SPECIAL)], log_p[..., len(SPECIAL) :]
    blank = jax.nn.logsumexp(special, -1, keepdims=True)
    windows = jnp.concatenate([others, blank], -1)
    between = jnp.full_like(windows, -jnp.inf).at[..., -1].set(0.0)
    both = jnp.stack([windows, between], 2)
    return both.reshape(len(logits), -1, windows.shape[-1])
