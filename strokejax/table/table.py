"""The table on the device: one row a symbol, in a fixed number of slots.

The capacity never changes while a program runs, so registering a symbol does not
recompile anything. `params["table"]` is trained; `Slots` stands beside the parameters
and is never seen by an optimizer.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Bool, Float, Int

from strokejax.types import PyTree

# The one distance of the house.

Array = jax.Array | np.ndarray
"""What the functions of this folder take; what they compute are jax arrays."""


def squared_distance(
    z: Float[Array, "b d"], rows: Float[Array, "c d"]
) -> Float[Array, "b c"]:
    """Squared Euclidean distances, in difference form.

    The expanded form `|z|^2 + |e|^2 - 2 z.e` cancels in float32: two unit vectors at a
    true squared distance of 1e-4 may come out negative.
    """
    return jnp.sum((z[:, None, :] - rows[None, :, :]) ** 2, axis=-1)


PART = 1024
"""Embeddings that are compared at once on the host."""
REJECT_ABOVE = 1.5
"""How many spreads beyond its radius a symbol is named, unless somebody says."""


class Slots(NamedTuple):
    """What is known of each slot, apart from its trained row."""

    sums: Float[Array, "c d"]
    """Sums of normalised embeddings; a registered row is their normalisation."""
    counts: Int[Array, "c"]
    """Samples behind each sum; 0 for a row that offline training made."""
    active: Bool[Array, "c"]
    owner: Int[Array, "c"]
    """The first slot of the same symbol: a symbol is as near as its nearest row."""
    offset: Float[Array, "c"]
    """Added to squared distances: the row stands that far, squared, off the sphere."""
    radius: Float[Array, "c"]
    """Squared distance, offset included, that its own drawings are likely at."""
    scale: Float[Array, "c"]
    """The unit of novelty; inf where it is not known: nothing is rejected."""


def init_table(
    key: jax.Array, capacity: int, dim: int, scale: float = 16.0
) -> dict[str, jax.Array]:
    """Random unit rows and the logarithm of the scale.

    With unit vectors and C classes, softmax(-d^2) cannot put more than
    1 / (1 + (C - 1) exp(-4)) on a class, and its class-balanced mean loss stays above
    2.21 nats for 63: without a scale (start at 10 to 20) nothing is learned.

    >>> import jax, strokejax
    >>> table = strokejax.init_table(jax.random.key(0), capacity=4, dim=8)
    >>> table["embeddings"].shape, round(float(jax.numpy.exp(table["log_scale"])))
    ((4, 8), 16)
    """
    rows = jax.random.normal(key, (capacity, dim))
    rows = rows / jnp.linalg.norm(rows, axis=-1, keepdims=True)
    return {"embeddings": rows, "log_scale": jnp.log(jnp.float32(scale))}


def init_slots(active: np.ndarray, dim: int) -> Slots:
    """Slots without samples; `active` bool[c] marks those in use.

    >>> import numpy as np, strokejax
    >>> slots = strokejax.init_slots(np.array([True, True, False]), dim=8)
    >>> int(slots.active.sum()), slots.sums.shape
    (2, (3, 8))
    """
    c = len(active)
    return Slots(
        sums=jnp.zeros((c, dim)),
        counts=jnp.zeros(c, jnp.int32),
        active=jnp.asarray(active),
        owner=jnp.arange(c, dtype=jnp.int32),
        offset=jnp.zeros(c),
        radius=jnp.zeros(c),
        scale=jnp.full(c, jnp.inf),
    )


def rows(table: PyTree) -> Float[Array, "c d"]:
    """The rows at length 1."""
    embeddings = table["embeddings"]
    length2 = jnp.sum(embeddings**2, -1, keepdims=True)
    return embeddings * jax.lax.rsqrt(jnp.maximum(length2, 1e-12))


def table_logits(table: PyTree, z: Float[Array, "b d"]) -> Float[Array, "b c"]:
    """`-scale * |z - e|^2` to the row of every slot, free ones included."""
    return -jnp.exp(table["log_scale"]) * squared_distance(z, rows(table))


def training_logits(table: PyTree, z: Float[Array, "b d"]) -> Float[Array, "b c"]:
    """`table_logits` of z of length 1, as one matmul: 2 - 2 z.e is |z - e|^2.

    Within 1e-6 times the scale of the difference form, which among thousands of rows
    takes most of a training step; answers, where near ties count, keep that form.
    """
    return -jnp.exp(table["log_scale"]) * (2.0 - 2.0 * z @ rows(table).T)


class Rows(NamedTuple):
    """A table on the host, for the few embeddings that a change is measured by."""

    embeddings: np.ndarray
    """f32[c d]"""
    scale: float
    slots: Slots

    def scores(self, z: np.ndarray) -> np.ndarray:
        """f32[n c]: `-scale * (dist2 + offset)`, -inf where a slot is free."""
        used = np.flatnonzero(self.slots.active)
        rows = unit(self.embeddings[used]).astype(np.float32)
        offset = np.asarray(self.slots.offset, np.float32)[used]
        scores = np.full((len(z), len(self.embeddings)), -np.inf, np.float32)
        near = np.asarray(z, np.float32) @ rows.T
        scores[:, used] = -self.scale * (2 - 2 * near + offset)
        return scores

    def owners(self, z: np.ndarray) -> np.ndarray:
        """i32[n]: the first slot of the nearest symbol of each embedding."""
        parts = range(0, max(len(z), 1), PART)
        best = [self.scores(z[i : i + PART]).argmax(1) for i in parts]
        return np.asarray(self.slots.owner)[np.concatenate(best)]

    def novelty(self, z: np.ndarray) -> np.ndarray:
        """f32[n]: how far embeddings lie beyond the radius of their nearest row, in its
        spreads."""
        dist2 = -self.scores(z) / self.scale
        slot = dist2.argmin(1)
        excess = dist2[np.arange(len(z)), slot] - np.asarray(self.slots.radius)[slot]
        return excess / np.asarray(self.slots.scale)[slot]

    def usual(self) -> tuple[float, float]:
        """Mean radius and scale of the rows that know theirs; 0 and inf for none."""
        calibrated = np.asarray(self.slots.active) & np.isfinite(self.slots.scale)
        if not calibrated.any():
            return 0.0, np.inf
        radius, scale = self.slots.radius[calibrated], self.slots.scale[calibrated]
        return float(radius.mean()), float(scale.mean())


def unit(x: np.ndarray) -> np.ndarray:
    """Vectors at length 1."""
    return x / np.maximum(np.linalg.norm(x, axis=-1, keepdims=True), 1e-12)
