"""Losses over a masked batch: padding changes neither the value nor the gradient."""

import jax.numpy as jnp
import numpy as np
from jax.nn import log_softmax
from jaxtyping import Array, Bool, Float, Int


def cross_entropy(
    logits: Float[Array, "b c"],
    labels: Int[Array, "b"],
    mask: Bool[Array, "b"],
    active: Bool[Array | np.ndarray, "c"] | Bool[Array | np.ndarray, "b c"],
    *,
    weights: Float[np.ndarray, "c"] | None = None,
    label_smoothing: float = 0.0,
) -> Float[Array, ""]:
    """Mean cross entropy (nats) over unmasked examples and active classes.

    `active` holds for all examples, or says for each what its softmax runs over: data
    sets that train together, each with its own rows. The label of an unmasked example
    is active.
    `weights` weigh the examples by class: sum(w l) / sum(w), PyTorch's convention.
    Label smoothing spreads its share evenly over the active classes (Szegedy et al.
    2016). An empty mask gives 0.
    """
    # Padding may hold anything, and may have no active class.
    used = active & mask[:, None]
    log_p = log_softmax(jnp.where(used, logits, -jnp.inf), axis=-1)
    picked = jnp.take_along_axis(log_p, labels[:, None], axis=-1)[:, 0]
    smooth = jnp.sum(jnp.where(used, log_p, 0.0), -1)
    smooth = smooth / jnp.maximum(jnp.sum(used, -1), 1)
    nll = -(1.0 - label_smoothing) * picked - label_smoothing * smooth
    weight = mask.astype(nll.dtype)
    if weights is not None:
        weight = weight * jnp.asarray(weights)[labels]
    total = jnp.sum(jnp.where(mask, nll, 0.0) * weight)
    return total / jnp.maximum(jnp.sum(weight), 1e-12)


def class_weights(counts: Float[np.ndarray, "c"]) -> Float[np.ndarray, "c"]:
    """Inverse frequencies with mean 1 over the classes that have examples, else 0."""
    present = counts > 0
    inverse = np.where(present, 1.0 / np.maximum(counts, 1), 0.0)
    return (inverse * present.sum() / max(inverse.sum(), 1e-12)).astype(np.float32)
