"""Layers of the networks that write words of swipes; each norm is behind its part."""

import flax.linen as nn
import jax
import jax.numpy as jnp

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
