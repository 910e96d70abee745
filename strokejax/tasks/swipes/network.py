"""Networks that write the word of a swipe, letter by letter.

An encoder reads the points; a decoder attends to them and to the letters so far (A.
Vaswani et al., 2017). Both have 4 layers of 128 channels with 4 heads; each norm
follows its sublayer. The keyboard comes with each swipe as a set of key centres, so one
network serves any layout.

Explicit names of submodules are keys of stored weights.
"""

from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from strokejax.networks.cnn import as_encoder
from strokejax.networks.spec import EncoderSpec
from strokejax.tasks.swipes import features
from strokejax.types import Encoder

CHANNELS, HEADS, LAYERS = 128, 4, 4
KERNEL = 31
"""Points under a conformer's convolution."""
KEY_CHANNELS = 40
"""Dimensions of a key's embedding, at each width of the keyboard."""
MAX_LETTERS = 32
"""Letters of a word."""
START = -2
"""Code in place of the letter before the first one."""


# Layers.


class Attention(nn.Module):
    """Multi-head attention in parts, so that a search can cache keys and values."""

    def setup(self):
        self.query, self.key, self.value, self.out = (
            nn.Dense(CHANNELS) for _ in range(4)
        )

    def keys_values(self, x):
        """f32[b p c] -> keys and values f32[b p HEADS d]."""
        return _split_heads(self.key(x)), _split_heads(self.value(x))

    def __call__(self, x, keys_values, mask=None):
        """f32[b l c] -> f32[b l c] over keys and values f32[b p HEADS d]."""
        query = _split_heads(self.query(x))
        y = jax.nn.dot_product_attention(query, *keys_values, mask=mask)
        return self.out(y.reshape(x.shape))

    def cached(self, x):
        """Keys f32[b HEADS d p] and values f32[b HEADS p d], laid out for `step`."""
        key, value = self.keys_values(x)
        return key.transpose(0, 2, 3, 1), value.transpose(0, 2, 1, 3)

    def step(self, x, cached, visible=None):
        """f32[b w c] -> f32[b w c] over `cached` keys and values.

        `visible` bool[b w p] says which of them each of the w hypotheses attends to.
        """
        key, value = cached
        query = _split_heads(self.query(x)).transpose(0, 2, 1, 3)
        score = (query * (CHANNELS // HEADS) ** -0.5) @ key
        if visible is not None:
            score = jnp.where(visible[:, None], score, -jnp.inf)
        weight = jax.nn.softmax(score, -1)
        return self.out((weight @ value).transpose(0, 2, 1, 3).reshape(x.shape))

    def weights(self, x, keys_values):
        """f32[b l p]: attention weights, averaged over the heads."""
        query = _split_heads(self.query(x)) * (CHANNELS // HEADS) ** -0.5
        score = jnp.einsum("blhd,bphd->bhlp", query, keys_values[0])
        return jax.nn.softmax(score, -1).mean(1)


def _split_heads(x):
    return x.reshape(*x.shape[:-1], HEADS, -1)


class FeedForward(nn.Module):
    """Two dense layers at each position."""

    hidden: int = CHANNELS

    @nn.compact
    def __call__(self, x, activation=nn.relu):
        x = activation(nn.Dense(self.hidden, name="up")(x))
        return nn.Dense(CHANNELS, name="down")(x)


class TransformerLayer(nn.Module):
    """Self-attention and a feed-forward network."""

    dropout: float

    @nn.compact
    def __call__(self, x, train):
        drop = nn.Dropout(self.dropout, deterministic=not train)
        attention = Attention(name="own")
        y = attention(x, attention.keys_values(x))
        x = nn.LayerNorm(name="norm1")(x + drop(y))
        return nn.LayerNorm(name="norm2")(x + drop(FeedForward(name="wide")(x)))


class ConformerLayer(nn.Module):
    """Half a feed-forward network, attention, convolution, and the other half.

    A. Gulati et al., 2020.
    """

    dropout: float

    @nn.compact
    def __call__(self, x, train):
        drop = nn.Dropout(self.dropout, deterministic=not train)
        y = nn.LayerNorm(name="norm1")(x)
        x = x + 0.5 * drop(FeedForward(name="wide1")(y, nn.silu))
        attention, y = Attention(name="own"), nn.LayerNorm(name="norm2")(x)
        x = x + drop(attention(y, attention.keys_values(y)))
        x = x + drop(self._convolved(nn.LayerNorm(name="norm3")(x)))
        y = nn.LayerNorm(name="norm4")(x)
        x = x + 0.5 * drop(FeedForward(name="wide2")(y, nn.silu))
        return nn.LayerNorm(name="norm5")(x)

    def _convolved(self, x):
        y = nn.glu(nn.Dense(2 * CHANNELS, name="gate")(x))
        kernel = self.param("kernel", nn.initializers.normal(0.1), (KERNEL, CHANNELS))
        # A depthwise convolution as a sum of shifted products.
        y = jnp.pad(y, ((0, 0), (KERNEL // 2, KERNEL // 2), (0, 0)))
        y = sum(y[:, i : i + x.shape[1]] * kernel[i] for i in range(KERNEL))
        y = nn.silu(nn.LayerNorm(name="norm")(y))
        return nn.Dense(CHANNELS, name="out")(y)


class GruLayer(nn.Module):
    """A bidirectional gated recurrent network with a residual connection."""

    @nn.compact
    def __call__(self, x, train):
        forward = nn.RNN(nn.GRUCell(CHANNELS // 2), name="forth")
        backward = nn.RNN(
            nn.GRUCell(CHANNELS // 2), reverse=True, keep_order=True, name="back"
        )
        directions: list = [forward(x), backward(x)]
        return nn.LayerNorm(name="norm")(x + jnp.concatenate(directions, -1))


class LayerCache(NamedTuple):
    """Cached keys and values of a decoder layer, as `Attention.cached` lays them out.

    Letters stay at the place where they were written, those of all hypotheses of a
    swipe side by side: keys f32[b HEADS d l*w], values f32[b HEADS l*w d].
    """

    letters: tuple[Array, Array]
    points: tuple[Array, Array]


class DecoderLayer(nn.Module):
    """Attention to the letters so far, attention to the points, feed-forward."""

    dropout: float

    def setup(self):
        self.to_letters = Attention(name="own")
        self.to_points = Attention(name="swipe")
        self.feed_forward = FeedForward(name="wide")
        self.norm1, self.norm2, self.norm3 = (nn.LayerNorm() for _ in range(3))
        self.drop = nn.Dropout(self.dropout)

    def __call__(self, x, memory, train):
        """f32[b l c] of whole words: each letter sees those before it and itself."""
        y = self.to_letters(x, self.to_letters.keys_values(x), _causal_mask(x))
        x = self.norm1(x + self.drop(y, deterministic=not train))
        y = self.to_points(x, self.to_points.keys_values(memory))
        x = self.norm2(x + self.drop(y, deterministic=not train))
        return self.norm3(x + self.drop(self.feed_forward(x), deterministic=not train))

    def init_cache(self, memory, width, limit):
        """The cache of `width` hypotheses of `limit` letters: all points, no letter."""
        key = jnp.zeros((len(memory), HEADS, CHANNELS // HEADS, limit * width))
        letters = key, key.swapaxes(2, 3)
        return LayerCache(letters, self.to_points.cached(memory))

    def step(self, x, cache, place, visible):
        """`(f32[b w c], cache)` after the letter at a place of each of w hypotheses.

        `visible` bool[b w l*w] says which cached letters belong to a hypothesis.
        """
        at = place * x.shape[1]
        letters = tuple(
            jax.lax.dynamic_update_slice_in_dim(old, new, at, axis)
            for old, new, axis in zip(
                cache.letters, self.to_letters.cached(x), (3, 2), strict=True
            )
        )
        x = self.norm1(x + self.to_letters.step(x, letters, visible))
        x = self.norm2(x + self.to_points.step(x, cache.points))
        return self.norm3(x + self.feed_forward(x)), cache._replace(letters=letters)

    def point_weights(self, x, memory):
        """f32[b l p]: attention weights of letters over points."""
        y = self.to_letters(x, self.to_letters.keys_values(x), _causal_mask(x))
        x = self.norm1(x + y)
        return self.to_points.weights(x, self.to_points.keys_values(memory))


def _causal_mask(x):
    """bool[1 1 l l]"""
    return jnp.tril(jnp.ones((x.shape[1],) * 2, bool))[None, None]


# The whole network.


class PointEmbedding(nn.Module):
    """Raw points and the keyboard -> f32[b p CHANNELS]."""

    kind: str
    """The features of points and keys, one of `settings.FEATURES`."""
    letters: int

    @nn.compact
    def __call__(self, inputs):
        points = features.resample(inputs["points"])
        movement = features.movement(points)
        if self.kind == "trajectory":
            return nn.Dense(CHANNELS, name="moved")(movement)
        known, letters = inputs["known"], inputs["letters"]
        if self.kind == "one_hot":
            one_hot = features.one_hot(points, inputs["keys"], letters, self.letters)
            return nn.Dense(CHANNELS, name="seen")(one_hot)
        offset = features.offsets(points, inputs["keys"], known)
        exists = (letters >= 0)[:, None, None]
        keys = self._key_embedding(offset, exists, letters)
        # 3 widths of 40 channels and 8 of the movement make 128.
        return jnp.concatenate([keys.reshape(*keys.shape[:2], -1), movement], -1)

    def _key_embedding(self, offset, exists, letters):
        """f32[b p w KEY_CHANNELS]: an embedding of the keys near each point."""
        normal = nn.initializers.normal(1.0)
        if self.kind == "distances":
            proximity = features.proximities(offset, letters, self.letters)
            return nn.Dense(KEY_CHANNELS, name="near")(proximity)
        rows = self.param("rows", normal, (self.letters, KEY_CHANNELS))
        keys = rows[jnp.maximum(letters, 0)]
        if self.kind == "nearest":
            nearest = features.nearest_key(offset, exists)
            return jax.vmap(lambda table, at: table[at])(keys, nearest)
        scale = 1.0
        if self.kind == "gaussian":
            # A learned logarithm of the inverse width for each letter and axis.
            width = self.param("wide", nn.initializers.zeros, (self.letters, 2))
            scale = jnp.exp(width)[jnp.maximum(letters, 0)][:, None, None]
        weights = features.key_weights(offset, exists, scale)
        return jnp.einsum("bpwk,bke->bpwe", weights, keys)


class SwipeNet(nn.Module):
    """Encoder and decoder over `outputs` codes: the letters, then the word's end."""

    outputs: int
    encoder: str = "transformer"
    kind: str = "weighted"
    dropout: float = 0.1

    def setup(self):
        self.points = PointEmbedding(self.kind, self.outputs - 1)
        self.layers = self._encoder_layers()
        self.align = nn.Dense(self.outputs)
        # The last row stands in place of the letter before the first one.
        self.embed = nn.Embed(self.outputs + 1, CHANNELS)
        self.decoder_layers = [
            DecoderLayer(self.dropout, name=f"writers_{i}") for i in range(LAYERS)
        ]
        self.out = nn.Dense(self.outputs)
        self.drop = nn.Dropout(self.dropout)

    def _encoder_layers(self):
        if self.encoder == "rnn":
            return [GruLayer() for _ in range(2)]
        layer = ConformerLayer if self.encoder == "conformer" else TransformerLayer
        return [layer(self.dropout) for _ in range(LAYERS)]

    def encode(self, inputs: dict, train: bool = False) -> Float[Array, "b p c"]:
        """The memory of the swipes, to which the decoder attends."""
        x = self.points(inputs)
        x = x + positional_encoding(x.shape[1])
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
        """Logits of each letter given those before it; -1 pads `letters`."""
        x = self._embed_shifted(letters)
        x = self.drop(x, deterministic=not train)
        for layer in self.decoder_layers:
            x = layer(x, memory, train)
        return self.out(x)

    def init_cache(
        self, memory: Float[Array, "b p c"], width: int, limit: int
    ) -> list[LayerCache]:
        """The cache for `width` hypotheses a swipe of up to `limit` letters."""
        return [layer.init_cache(memory, width, limit) for layer in self.decoder_layers]

    def step(
        self,
        cache: list[LayerCache],
        last: Int[Array, "b w"],
        place: Int[Array, ""],
        writer: Int[Array, "b w l"],
    ) -> tuple[Float[Array, "b w o"], list[LayerCache]]:
        """`(logits, cache)` of the letter at a place, given the last one (-2 = none).

        `writer` is the hypothesis that wrote each letter, up to this place; -1 behind.
        """
        visible = writer[..., None] == jnp.arange(last.shape[1])
        visible = visible.reshape(*last.shape, -1)
        encoding = positional_encoding(MAX_LETTERS + 1)
        x = self._embed_letters(last)
        x = x + jax.lax.dynamic_slice_in_dim(encoding, place, 1)
        caches = []
        for layer, layer_cache in zip(self.decoder_layers, cache, strict=True):
            x, layer_cache = layer.step(x, layer_cache, place, visible)
            caches.append(layer_cache)
        return self.out(x), caches

    def attention(
        self, memory: Float[Array, "b p c"], letters: Int[Array, "b l"]
    ) -> Float[Array, "b l p"]:
        """Attention weights of letters over points, averaged over layers and heads."""
        x = self._embed_shifted(letters)
        weights = []
        for layer in self.decoder_layers:
            weights.append(layer.point_weights(x, memory))
            x = layer(x, memory, False)
        return jnp.stack(weights).mean(0)

    def __call__(self, inputs: dict, mask: Any, train: bool):
        """Logits for training: "write" of the word, "align" of a letter at each point.

        "align" has the end of a word in place of CTC's blank.
        """
        memory = self.encode(inputs, train)
        return {
            "write": self.decode(memory, inputs["word"], train),
            "align": self.align(memory),
        }

    def _embed_shifted(self, letters):
        """f32[b l c]: the letter before each one, with its position."""
        before = jnp.pad(letters[:, :-1], ((0, 0), (1, 0)), constant_values=START)
        return self._embed_letters(before) + positional_encoding(letters.shape[1])

    def _embed_letters(self, letters):
        """f32[... c]; negative codes take the row of the start."""
        rows = jnp.where(letters < 0, self.outputs, letters)
        return self.embed(rows) * CHANNELS**0.5


def positional_encoding(count: int) -> np.ndarray:
    """f32[count CHANNELS]: sines and cosines of positions (A. Vaswani et al., 2017)."""
    rate = 10_000.0 ** (-np.arange(0, CHANNELS, 2) / CHANNELS)
    angle = np.arange(count)[:, None] * rate
    pair = np.stack([np.sin(angle), np.cos(angle)], -1)
    return pair.reshape(count, CHANNELS).astype(np.float32)


def build_encoder(spec: EncoderSpec, dropout: float = 0.0) -> Encoder:
    """The trainable network of a spec."""
    net = SwipeNet(spec.out_dim, spec.architecture, spec.features, dropout)
    return as_encoder(net, lambda inputs, key: (inputs,), normalise=False)
