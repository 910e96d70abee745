"""The one distance of the house."""

import jax.numpy as jnp
from jaxtyping import Array, Float


def squared_distance(
    z: Float[Array, "b d"], rows: Float[Array, "c d"]
) -> Float[Array, "b c"]:
    """Squared Euclidean distances, in difference form.

    The expanded form `|z|^2 + |e|^2 - 2 z.e` cancels in float32: two unit vectors at a
    true squared distance of 1e-4 may come out negative.
    """
    return jnp.sum((z[:, None, :] - rows[None, :, :]) ** 2, axis=-1)
