"""Networks that write the word of a swipe, letter by letter.

An encoder sees the points, a decoder attends to them and to the letters so far (A.
Vaswani et al., 2017): 4 + 4 layers of 128 channels with 4 heads, norms behind. The
keyboard comes with each swipe as the places of its keys, so any layout will do.
"""

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from strokejax.tasks.swipes import features
from strokejax.tasks.swipes.network_swipe_layers import (
    CHANNELS,
    ConformerLayer,
    EncoderLayer,
    Gru,
    Writing,
)

LAYERS = 4
EMBEDDED = 40
"""Dimensions of a key at each of the widths."""
LONGEST = 32
"""Letters of a word, at the most."""


class Points(nn.Module):
    """Raw points and the keyboard -> f32[b p CHANNELS]."""

    kind: str
    letters: int

    @nn.compact
    def __call__(self, inputs):
        points = features.resampled(inputs["points"])
        moved = features.movement(points)
        if self.kind == "trajectory":
            return nn.Dense(CHANNELS, name="moved")(moved)
        known, letters = inputs["known"], inputs["letters"]
        if self.kind == "one_hot":
            seen = features.one_hot(points, inputs["keys"], letters, self.letters)
            return nn.Dense(CHANNELS, name="seen")(seen)
        offset = features.offsets(points, inputs["keys"], known)
        there = (letters >= 0)[:, None, None]
        felt = self._felt(offset, there, letters)
        felt = felt.reshape(*felt.shape[:2], -1)
        return jnp.concatenate([felt, moved], -1)

    def _felt(self, offset, there, letters):
        """f32[b p w EMBEDDED]: which letters the points mean."""
        start = nn.initializers.normal(1.0)
        if self.kind == "distances":
            near = features.distances(offset, letters, self.letters)
            return nn.Dense(EMBEDDED, name="near")(near)
        rows = self.param("rows", start, (self.letters, EMBEDDED))
        keys = rows[jnp.maximum(letters, 0)]
        if self.kind == "nearest":
            which = features.nearest(offset, there)
            return jax.vmap(lambda table, at: table[at])(keys, which)
        scale = 1.0
        if self.kind == "gaussian":
            wide = self.param("wide", nn.initializers.zeros, (self.letters, 2))
            scale = jnp.exp(wide)[jnp.maximum(letters, 0)][:, None, None]
        weights = features.weights(offset, there, scale)
        return jnp.einsum("bpwk,bke->bpwe", weights, keys)


class SwipeNet(nn.Module):
    """Encoder and decoder; `outputs` letters, of which the last is the word's end."""

    outputs: int
    encoder: str = "transformer"
    kind: str = "weighted"
    dropout: float = 0.1

    def setup(self):
        self.points = Points(self.kind, self.outputs - 1)
        self.layers = self._encoder()
        self.align = nn.Dense(self.outputs, name="align")
        # The last row begins a word.
        self.embed = nn.Embed(self.outputs + 1, CHANNELS)
        self.writers = [Writing(self.dropout) for _ in range(LAYERS)]
        self.out = nn.Dense(self.outputs)
        self.drop = nn.Dropout(self.dropout)

    def _encoder(self):
        if self.encoder == "rnn":
            return [Gru() for _ in range(2)]
        layer = ConformerLayer if self.encoder == "conformer" else EncoderLayer
        return [layer(self.dropout) for _ in range(LAYERS)]

    def encode(self, inputs: dict, train: bool = False) -> Float[Array, "b p c"]:
        """What is known of the swipes."""
        x = self.points(inputs)
        x = x + waves(x.shape[1])
        x = self.drop(x, deterministic=not train)
        for layer in self.layers:
            x = layer(x, train)
        return x

    def decode(
        self,
        memory: Float[Array, "b p c"],
        letters: Int[Array, "b l"],
        train: bool = False,
    ) -> Float[Array, "b l o"]:
        """Logits of each letter, given those before it; -1 pads `letters`."""
        count = letters.shape[1]
        before = jnp.pad(letters[:, :-1], ((0, 0), (1, 0)), constant_values=-2)
        x = self._embedded(before) + waves(count)
        x = self.drop(x, deterministic=not train)
        for layer in self.writers:
            x = layer(x, memory, train)
        return self.out(x)

    def begin(self, memory: Float[Array, "b p c"], width: int, limit: int) -> Any:
        """A cache for `width` words a swipe of up to `limit` letters."""
        return [layer.begin(memory, width, limit) for layer in self.writers]

    def step(
        self,
        cache: Any,
        last: Int[Array, "b w"],
        place: Int[Array, ""],
        writer: Int[Array, "b w l"],
    ) -> tuple[Float[Array, "b w o"], Any]:
        """Logits of the letter at a place, given the last one (-2 = none).

        `writer` says which word wrote a word's letters, up to this place; -1 behind it.
        """
        seen = writer[..., None] == jnp.arange(last.shape[1])
        seen = seen.reshape(*last.shape, -1)
        x = self._embedded(last) + jax.lax.dynamic_slice_in_dim(
            waves(LONGEST + 1), place, 1
        )
        after = []
        for layer, own in zip(self.writers, cache, strict=True):
            x, own = layer.step(x, own, place, seen)
            after.append(own)
        return self.out(x), after

    def attention(
        self, memory: Float[Array, "b p c"], letters: Int[Array, "b l"]
    ) -> Float[Array, "b l p"]:
        """How much each letter looked at each point, the mean over layers and heads."""
        before = jnp.pad(letters[:, :-1], ((0, 0), (1, 0)), constant_values=-2)
        x = self._embedded(before) + waves(letters.shape[1])
        looks = []
        for layer in self.writers:
            looks.append(layer.look(x, memory))
            x = layer(x, memory, False)
        return jnp.stack(looks).mean(0)

    def __call__(self, inputs: dict, mask: Any, train: bool):
        """Logits of the "word", and of its letters along the points; for training."""
        memory = self.encode(inputs, train)
        return {
            "write": self.decode(memory, inputs["word"], train),
            "align": self.align(memory),
        }

    def _embedded(self, last):
        """Of letters; -1 and -2 are the start of a word."""
        return self.embed(jnp.where(last < 0, self.outputs, last)) * CHANNELS**0.5


def waves(count: int) -> np.ndarray:
    """f32[count CHANNELS]: places as sines and cosines (Vaswani et al., 2017)."""
    rate = 10_000.0 ** (-np.arange(0, CHANNELS, 2) / CHANNELS)
    angle = np.arange(count)[:, None] * rate
    pair = np.stack([np.sin(angle), np.cos(angle)], -1)
    return pair.reshape(count, CHANNELS).astype(np.float32)
