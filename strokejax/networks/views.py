"""Embeddings as means over slightly turned and slanted views of a drawing."""

from functools import cache

import jax
import jax.numpy as jnp
import numpy as np

from strokejax.ink.augment import boxed, grid, look_up
from strokejax.networks.functions import unit
from strokejax.types import Encoder

TURN, SLANT = 6.0, 0.12
"""Degrees, and horizontal shift per unit of height, between neighbouring views."""


def views() -> np.ndarray:
    """f32[9 2 2]: maps of x and y by three turns and three slants, one of each none."""
    found = []
    for angle in np.deg2rad([0.0, -TURN, TURN]):
        cos, sin = np.cos(angle), np.sin(angle)
        for slant in (0.0, -SLANT, SLANT):
            found.append(np.array([[cos, -sin], [sin, cos]]) @ [[1, slant], [0, 1]])
    return np.array(found, np.float32)


def seen_by(view, inputs):
    """The inputs of a batch after a map f32[2 2] of x and y, fitted to their box."""
    changed = {}
    if "points" in inputs:
        xy, pen = inputs["points"][..., :2], inputs["points"][..., 2:]
        changed["points"] = jnp.concatenate([boxed(xy @ view.T), pen], -1)
    if "image" in inputs:
        images = inputs["image"]
        full = 255.0 if images.dtype == jnp.uint8 else 1.0
        images = images.astype(jnp.float32) / full
        source = grid(*images.shape[1:]) @ jnp.linalg.inv(view).T
        source = jnp.broadcast_to(source, (len(images), *source.shape))
        changed["image"] = look_up(images, source)
    return inputs | changed


@cache
def averaged(encoder: Encoder, *, normalise: bool) -> Encoder:
    """The encoder of the mean output over all views, at nine times the cost."""

    def apply(params, model_state, inputs, mask, *, train=False, key=None):
        def one(view):
            given = seen_by(view, inputs)
            return encoder.apply(params, model_state, given, mask, train=train, key=key)

        out, _ = jax.lax.map(one, jnp.asarray(views()))
        mean = out.mean(0)
        return (unit(mean) if normalise else mean), model_state

    return Encoder(encoder.init, apply)
