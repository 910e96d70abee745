"""The table: one row per symbol in a fixed number of slots, and the distance to rows.

The capacity does not change while a program runs, so that registering a symbol
recompiles nothing. Training changes `params["table"]`, and never `Slots`.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Bool, Float, Int

from strokejax.types import PyTree

Array = jax.Array | np.ndarray
"""Arguments of the functions in this folder; the results are jax arrays."""
Scalar = float | Float[Array, ""]
"""A number, traced or not."""
PART = 1024
"""Embeddings per distance matrix on the host."""
REJECT_ABOVE = 1.5
"""The default novelty threshold."""


def squared_distance(
    z: Float[Array, "b d"], rows: Float[Array, "c d"]
) -> Float[Array, "b c"]:
    """Squared Euclidean distances, in difference form; the only distance for answers.

    The expanded form `|z|^2 + |e|^2 - 2 z.e` cancels in float32: two unit vectors at a
    true squared distance of 1e-4 may come out negative.
    """
    return jnp.sum((z[:, None, :] - rows[None, :, :]) ** 2, axis=-1)


class Slots(NamedTuple):
    """The state of each slot apart from its trained row."""

    sums: Float[Array, "c d"]
    """Sums of normalised embeddings; a registered row is their normalisation."""
    counts: Int[Array, "c"]
    """Samples in each sum; 0 for a row of offline training."""
    active: Bool[Array, "c"]
    owner: Int[Array, "c"]
    """The first slot of the same symbol; only the nearest row of a symbol counts."""
    offset: Float[Array, "c"]
    """Added to squared distances, as if the row were that far off the sphere."""
    radius: Float[Array, "c"]
    """Typical squared distance, with offset, of drawings of the symbol."""
    scale: Float[Array, "c"]
    """The unit of novelty; inf if unknown, so that nothing is rejected."""


def pad_rows(x: np.ndarray, count: int, fill: float = 0) -> np.ndarray:
    """[count ...]: x [n ...] with rows of `fill` behind, so that few shapes compile."""
    padding = np.full((count - len(x), *x.shape[1:]), fill, x.dtype)
    return np.concatenate([x, padding])


def init_table(
    key: jax.Array, capacity: int, dim: int, scale: float = 16.0
) -> dict[str, jax.Array]:
    """Random unit rows and the logarithm of the scale.

    With unit vectors and C classes, softmax(-d^2) gives a class at most
    1 / (1 + (C - 1) exp(-4)), and its class-balanced mean loss stays above 2.21 nats
    for 63: without a scale (start at 10 to 20) nothing is learned.

    >>> import jax, strokejax
    >>> table = strokejax.init_table(jax.random.key(0), capacity=4, dim=8)
    >>> table["embeddings"].shape, round(float(jax.numpy.exp(table["log_scale"])))
    ((4, 8), 16)
    """
    rows = jax.random.normal(key, (capacity, dim))
    rows = rows / jnp.linalg.norm(rows, axis=-1, keepdims=True)
    return {"embeddings": rows, "log_scale": jnp.log(jnp.float32(scale))}


def init_slots(active: np.ndarray, dim: int) -> Slots:
    """Slots without samples; `active` bool[c] marks the slots in use.

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
    """The normalised rows."""
    embeddings = table["embeddings"]
    length2 = jnp.sum(embeddings**2, -1, keepdims=True)
    return embeddings * jax.lax.rsqrt(jnp.maximum(length2, 1e-12))


def table_logits(table: PyTree, z: Float[Array, "b d"]) -> Float[Array, "b c"]:
    """`-scale * |z - e|^2` for the rows of all slots, active or not."""
    return -jnp.exp(table["log_scale"]) * squared_distance(z, rows(table))


def training_logits(table: PyTree, z: Float[Array, "b d"]) -> Float[Array, "b c"]:
    """`table_logits` for unit vectors z as one matmul: |z - e|^2 is 2 - 2 z.e.

    The error is below 1e-6 times the scale. With thousands of rows the difference form
    takes most of a training step; answers use it, because near ties matter there.
    """
    return -jnp.exp(table["log_scale"]) * (2.0 - 2.0 * z @ rows(table).T)


class Rows(NamedTuple):
    """A table on the host, to measure changes with a few embeddings."""

    embeddings: np.ndarray
    """f32[c d]"""
    scale: float
    slots: Slots

    def scores(self, z: np.ndarray) -> np.ndarray:
        """f32[n c]: `-scale * (dist2 + offset)`, -inf for inactive slots."""
        active = np.flatnonzero(self.slots.active)
        rows = unit(self.embeddings[active]).astype(np.float32)
        offset = np.asarray(self.slots.offset, np.float32)[active]
        scores = np.full((len(z), len(self.embeddings)), -np.inf, np.float32)
        cosine = np.asarray(z, np.float32) @ rows.T
        scores[:, active] = -self.scale * (2 - 2 * cosine + offset)
        return scores

    def owners(self, z: np.ndarray) -> np.ndarray:
        """i32[n]: the first slot of each embedding's nearest symbol."""
        parts = range(0, max(len(z), 1), PART)
        best = [self.scores(z[i : i + PART]).argmax(1) for i in parts]
        return np.asarray(self.slots.owner)[np.concatenate(best)]

    def novelty(self, z: np.ndarray) -> np.ndarray:
        """f32[n]: (dist2 - radius) / scale of the nearest row of each embedding."""
        dist2 = -self.scores(z) / self.scale
        slot = dist2.argmin(1)
        excess = dist2[np.arange(len(z)), slot] - np.asarray(self.slots.radius)[slot]
        return excess / np.asarray(self.slots.scale)[slot]

    def mean_calibration(self) -> tuple[float, float]:
        """Mean radius and scale of the calibrated rows; 0 and inf if there are none."""
        calibrated = np.asarray(self.slots.active) & np.isfinite(self.slots.scale)
        if not calibrated.any():
            return 0.0, np.inf
        radius, scale = self.slots.radius[calibrated], self.slots.scale[calibrated]
        return float(radius.mean()), float(scale.mean())


def unit(x: np.ndarray) -> np.ndarray:
    """Vectors scaled to length 1."""
    return x / np.maximum(np.linalg.norm(x, axis=-1, keepdims=True), 1e-12)
