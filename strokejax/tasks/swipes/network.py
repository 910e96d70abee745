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

# Layers of the networks that write words of swipes; each norm is behind its part.


CHANNELS, HEADS = 128, 4
KERNEL = 31
"""Points that a conformer's convolution sees."""


class Attending(nn.Module):
    """Multi-head attention in parts, so that keys and values may be kept."""

    def setup(self):
        self.query, self.key, self.value, self.out = (
            nn.Dense(CHANNELS) for _ in range(4)
        )

    def kept(self, x):
        """Keys and values f32[... HEADS d] of what is attended to."""
        return _heads(self.key(x)), _heads(self.value(x))

    def __call__(self, x, kept, mask=None):
        """f32[b l c] -> f32[b l c] over keys and values [b p HEADS d]."""
        y = jax.nn.dot_product_attention(_heads(self.query(x)), *kept, mask=mask)
        return self.out(y.reshape(x.shape))

    def ready(self, x):
        """What `of` attends to, turned for it: f32[b HEADS d p], f32[b HEADS p d]."""
        key, value = self.kept(x)
        return key.transpose(0, 2, 3, 1), value.transpose(0, 2, 1, 3)

    def of(self, x, ready, seen=None):
        """f32[b w c] -> f32[b w c] over what is `ready`, where bool[b w p] `seen`."""
        key, value = ready
        q = _heads(self.query(x)).transpose(0, 2, 1, 3) * (CHANNELS // HEADS) ** -0.5
        score = q @ key
        if seen is not None:
            score = jnp.where(seen[:, None], score, -jnp.inf)
        share = jax.nn.softmax(score, -1)
        return self.out((share @ value).transpose(0, 2, 1, 3).reshape(x.shape))

    def look(self, x, kept):
        """f32[b l p]: the mean over the heads of how much is looked at what."""
        q = _heads(self.query(x)) * (CHANNELS // HEADS) ** -0.5
        return jax.nn.softmax(jnp.einsum("blhd,bphd->bhlp", q, kept[0]), -1).mean(1)


class Dense2(nn.Module):
    """Two layers over each place."""

    wide: int = CHANNELS

    @nn.compact
    def __call__(self, x, activate=nn.relu):
        return nn.Dense(CHANNELS, name="down")(
            activate(nn.Dense(self.wide, name="up")(x))
        )


class EncoderLayer(nn.Module):
    """Attention among points, then two layers over each."""

    dropout: float

    @nn.compact
    def __call__(self, x, train):
        drop = nn.Dropout(self.dropout, deterministic=not train)
        own = Attending(name="own")
        x = nn.LayerNorm(name="norm1")(x + drop(own(x, own.kept(x))))
        return nn.LayerNorm(name="norm2")(x + drop(Dense2(name="wide")(x)))


class ConformerLayer(nn.Module):
    """Two layers by half, attention, convolution, two layers by half (Gulati 2020)."""

    dropout: float

    @nn.compact
    def __call__(self, x, train):
        drop = nn.Dropout(self.dropout, deterministic=not train)
        y = nn.LayerNorm(name="norm1")(x)
        x = x + 0.5 * drop(Dense2(name="wide1")(y, nn.silu))
        own, y = Attending(name="own"), nn.LayerNorm(name="norm2")(x)
        x = x + drop(own(y, own.kept(y)))
        x = x + drop(self._convolved(nn.LayerNorm(name="norm3")(x)))
        y = nn.LayerNorm(name="norm4")(x)
        x = x + 0.5 * drop(Dense2(name="wide2")(y, nn.silu))
        return nn.LayerNorm(name="norm5")(x)

    def _convolved(self, x):
        y = nn.glu(nn.Dense(2 * CHANNELS, name="gate")(x))
        kernel = self.param("kernel", nn.initializers.normal(0.1), (KERNEL, CHANNELS))
        y = jnp.pad(y, ((0, 0), (KERNEL // 2, KERNEL // 2), (0, 0)))
        y = sum(y[:, i : i + x.shape[1]] * kernel[i] for i in range(KERNEL))
        y = nn.silu(nn.LayerNorm(name="norm")(y))
        return nn.Dense(CHANNELS, name="out")(y)


class Gru(nn.Module):
    """Gated recurrent units in both directions, beside what came in."""

    @nn.compact
    def __call__(self, x, train):
        one = nn.RNN(nn.GRUCell(CHANNELS // 2), name="forth")
        two = nn.RNN(
            nn.GRUCell(CHANNELS // 2), reverse=True, keep_order=True, name="back"
        )
        sides: list = [one(x), two(x)]
        return nn.LayerNorm(name="norm")(x + jnp.concatenate(sides, -1))


class Writing(nn.Module):
    """Attention among letters, attention to the points, two layers."""

    dropout: float

    def setup(self):
        self.own, self.swipe, self.wide = Attending(), Attending(), Dense2()
        self.norm1, self.norm2, self.norm3 = (nn.LayerNorm() for _ in range(3))
        self.drop = nn.Dropout(self.dropout)

    def __call__(self, x, memory, train):
        """f32[b l c]: of whole words, each letter after those before it."""
        causal = jnp.tril(jnp.ones((x.shape[1],) * 2, bool))
        y = self.own(x, self.own.kept(x), causal[None, None])
        x = self.norm1(x + self.drop(y, deterministic=not train))
        y = self.swipe(x, self.swipe.kept(memory))
        x = self.norm2(x + self.drop(y, deterministic=not train))
        return self.norm3(x + self.drop(self.wide(x), deterministic=not train))

    def begin(self, memory, width, limit):
        """What is kept: of the letters nothing yet, of the points all.

        Letters are kept where they were written, those of all words of a swipe together
        (key f32[b HEADS d l*w], value f32[b HEADS l*w d]), and never moved.
        """
        shape = len(memory), HEADS, CHANNELS // HEADS, limit * width
        empty = jnp.zeros(shape)
        own = empty, empty.swapaxes(2, 3)
        return {"own": own, "swipe": self.swipe.ready(memory)}

    def step(self, x, cache, place, seen):
        """f32[b w c] of the letter at a place of each of w words, and what is kept.

        bool[b w l*w] `seen` says which letters are a word's own.
        """
        at = place * x.shape[1]
        own = tuple(
            jax.lax.dynamic_update_slice_in_dim(old, new, at, axis)
            for old, new, axis in zip(
                cache["own"], self.own.ready(x), (3, 2), strict=True
            )
        )
        x = self.norm1(x + self.own.of(x, own, seen))
        x = self.norm2(x + self.swipe.of(x, cache["swipe"]))
        return self.norm3(x + self.wide(x)), cache | {"own": own}

    def look(self, x, memory):
        """f32[b l p]: how much the letters look at the points."""
        causal = jnp.tril(jnp.ones((x.shape[1],) * 2, bool))
        x = self.norm1(x + self.own(x, self.own.kept(x), causal[None, None]))
        return self.swipe.look(x, self.swipe.kept(memory))


def _heads(x):
    return x.reshape(*x.shape[:-1], HEADS, -1)


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
