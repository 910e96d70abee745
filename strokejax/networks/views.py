"""Test-time augmentation: mean embeddings over slightly turned and slanted views."""

from functools import cache

import jax
import jax.numpy as jnp
import numpy as np

from strokejax.ink.augment import boxed, grid, sample_bilinear
from strokejax.networks.functions import unit
from strokejax.types import Encoder

TURN, SLANT = 6.0, 0.12
"""Degrees, and horizontal shift per unit of height, between neighbouring views."""


def views() -> np.ndarray:
    """f32[9 2 2]: linear maps of x and y, three turns by three slants.

    The first is the identity.
    """
    maps = []
    for angle in np.deg2rad([0.0, -TURN, TURN]):
        cos, sin = np.cos(angle), np.sin(angle)
        for slant in (0.0, -SLANT, SLANT):
            maps.append(np.array([[cos, -sin], [sin, cos]]) @ [[1, slant], [0, 1]])
    return np.array(maps, np.float32)


def apply_view(view, inputs):
    """A batch's inputs after the map f32[2 2] of x and y.

    Points are fitted to their box again; pictures keep their frame.
    """
    mapped = {}
    if "points" in inputs:
        xy, pen = inputs["points"][..., :2], inputs["points"][..., 2:]
        mapped["points"] = jnp.concatenate([boxed(xy @ view.T), pen], -1)
    if "image" in inputs:
        images = inputs["image"]
        full = 255.0 if images.dtype == jnp.uint8 else 1.0
        images = images.astype(jnp.float32) / full
        # Each output pixel looks up its source, hence the inverse.
        source = grid(*images.shape[1:]) @ jnp.linalg.inv(view).T
        source = jnp.broadcast_to(source, (len(images), *source.shape))
        mapped["image"] = sample_bilinear(images, source)
    return inputs | mapped


@cache
def averaged(encoder: Encoder, *, normalise: bool) -> Encoder:
    """The encoder of the mean output over all views, at nine times the cost."""

    def apply(params, model_state, inputs, mask, *, train=False, key=None):
        def one(view):
            mapped = apply_view(view, inputs)
            return encoder.apply(
                params, model_state, mapped, mask, train=train, key=key
            )

        out, _ = jax.lax.map(one, jnp.asarray(views()))
        mean = out.mean(0)
        return (unit(mean) if normalise else mean), model_state

    return Encoder(encoder.init, apply)
