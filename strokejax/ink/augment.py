"""Label-preserving augmentations of ink and pictures, drawn per sample on the device.

Ink is distorted before it is rasterised, so that strokes stay crisp lines; its bounding
box is then fitted again, as every reader of ink does. Pictures are warped by the same
affine maps. Every draw is per sample: one draw per batch (of the pen's width, say)
makes BatchNorm's running statistics drift.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.scipy.ndimage import map_coordinates
from jaxtyping import Array, Float

from strokejax.types import PyTree


class Augment(NamedTuple):
    """Magnitudes of the augmentations; each is drawn uniformly from -value..value."""

    rotation: float = 15.0
    """Degrees."""
    shear: float = 0.3
    """Horizontal shift per unit of height (slant)."""
    aspect: float = 0.2
    """Natural logarithm of width over height."""
    scale: float = 0.1
    """Fraction of the size."""
    shift: float = 0.04
    """Fraction of the size."""
    elastic: float = 0.04
    """Amplitude of a smooth displacement field, fraction of the size."""
    jitter: float = 0.01
    """Amplitude of a smooth displacement along the trajectory, fraction of the size."""
    width_low: float = 1.5
    """Thinnest pen, pixels; the width is uniform between the two."""
    width_high: float = 3.5
    """Thickest pen, pixels."""


def augment(key: jax.Array, inputs: PyTree, spec: Augment) -> PyTree:
    """Augments a batch: "points" f32[b p 3], "image" [b h w], or both.

    Other leaves pass through unchanged. Ink also gets a pen "width" f32[b].
    """
    changed = {}
    if "points" in inputs:
        changed |= augment_points(key, inputs["points"], spec)
    if "image" in inputs:
        changed["image"] = augment_images(key, inputs["image"], spec)
    return inputs | changed


def augment_points(
    key: jax.Array, points: Float[Array, "b p 3"], spec: Augment
) -> dict[str, jax.Array]:
    """Distorted "points" in the units of `ink.resample`, and a pen "width" f32[b].

    The width is in pixels. The pen column of the points does not change.
    """
    affine_key, elastic_key, jitter_key, place_key, width_key = jax.random.split(key, 5)
    b = len(points)
    xy, pen = points[..., :2], points[..., 2:]
    xy = jnp.einsum("bpi,bji->bpj", xy, _affine(affine_key, b, spec))
    elastic, jitter = _elastic_field(elastic_key, xy), _pen_jitter(jitter_key, pen)
    xy = boxed(xy + spec.elastic * elastic + spec.jitter * jitter)
    # Scale and shift come after the box is fitted, which would undo them.
    scale_key, shift_key = jax.random.split(place_key)
    size = 1.0 + spec.scale * _uniform(scale_key, (b, 1, 1))
    xy = xy * size + spec.shift * _uniform(shift_key, (b, 1, 2))
    widths = jax.random.uniform(
        width_key, (b,), minval=spec.width_low, maxval=spec.width_high
    )
    return {"points": jnp.concatenate([xy, pen], -1), "width": widths}


def boxed(xy: Float[Array, "b p 2"]) -> Float[Array, "b p 2"]:
    """Points centred on their bounding box, whose longer side becomes 1."""
    low, high = xy.min(1, keepdims=True), xy.max(1, keepdims=True)
    span = (high - low).max(-1, keepdims=True)
    # A tap stays a tap: its jitter must not be magnified into a drawing.
    return (xy - (low + high) / 2) / jnp.maximum(span, 0.1)


def augment_images(key: jax.Array, images: jax.Array, spec: Augment) -> jax.Array:
    """Pictures f32[b h w] in 0..1, warped like ink but without jitter or pen width.

    `images` are u8 in 0..255 or floats in 0..1. Pixels from outside are blank.
    """
    affine_key, scale_key, shift_key, elastic_key = jax.random.split(key, 4)
    b, h, w = images.shape
    images = images.astype(jnp.float32) / (255.0 if images.dtype == jnp.uint8 else 1.0)
    size = 1.0 + spec.scale * _uniform(scale_key, (b, 1, 1))
    # Each output pixel samples its source, hence the inverse map.
    inverse = jnp.linalg.inv(_affine(affine_key, b, spec) * size)
    shift = spec.shift * _uniform(shift_key, (b, 2))
    source = jnp.einsum("bpi,bji->bpj", grid(h, w) - shift[:, None], inverse)
    source = source + spec.elastic * _elastic_field(elastic_key, source)
    return sample_bilinear(images, source)


def grid(h: int, w: int) -> Float[Array, "p 2"]:
    """Positions of a picture's pixels as x and y from -0.5 to 0.5, row by row."""
    y, x = jnp.meshgrid(
        jnp.linspace(-0.5, 0.5, h), jnp.linspace(-0.5, 0.5, w), indexing="ij"
    )
    return jnp.stack([x, y], -1).reshape(h * w, 2)


def sample_bilinear(
    images: Float[Array, "b h w"], source: Float[Array, "b p 2"]
) -> Float[Array, "b h w"]:
    """Pictures resampled at `source`, one x, y per pixel in the units of `grid`.

    Bilinear interpolation; positions outside of a picture are blank.
    """
    h, w = images.shape[1:]
    positions = (source + 0.5) * jnp.array([w - 1, h - 1])

    def sample(image, xy):
        return map_coordinates(image, [xy[:, 1], xy[:, 0]], order=1).reshape(h, w)

    return jax.vmap(sample)(images, positions)


def _uniform(key, shape):
    return jax.random.uniform(key, shape, minval=-1.0, maxval=1.0)


def _affine(key, b, spec):
    """f32[b 2 2]: rotation times shear times aspect, of determinant 1."""
    angle, shear, aspect = _uniform(key, (3, b))
    angle = jnp.deg2rad(spec.rotation) * angle
    # Half of the logarithm widens and half flattens, so that the area stays.
    stretch = jnp.exp(0.5 * spec.aspect * aspect)
    cos, sin = jnp.cos(angle), jnp.sin(angle)
    rotation = jnp.stack([cos, -sin, sin, cos], -1).reshape(b, 2, 2)
    zero, one = jnp.zeros(b), jnp.ones(b)
    slant = jnp.stack([one, spec.shear * shear, zero, one], -1).reshape(b, 2, 2)
    squeeze = jnp.stack([stretch, zero, zero, 1 / stretch], -1).reshape(b, 2, 2)
    return rotation @ slant @ squeeze


def _elastic_field(key, xy, waves: int = 4):
    """A smooth displacement f32[b p 2] of unit size: plane waves at random angles."""
    direction_key, phase_key = jax.random.split(key)
    b = len(xy)
    wave_vectors = 2.0 * jnp.pi * _uniform(direction_key, (b, 2, 2 * waves))
    phase = 2.0 * jnp.pi * _uniform(phase_key, (b, 1, 2 * waves))
    height = jnp.sin(jnp.einsum("bpi,biw->bpw", xy, wave_vectors) + phase)
    # The mean of n independent waves shrinks as 1 / sqrt(n); the factor restores it.
    return height.reshape(*xy.shape[:2], 2, waves).mean(-1) * jnp.sqrt(waves)


def _pen_jitter(key, pen, knots: int = 12):
    """A displacement f32[b p 2] along the trajectory, linear between random knots."""
    b, p = pen.shape[:2]
    values = _uniform(key, (b, knots, 2))
    position = jnp.linspace(0.0, knots - 1.0, p)
    # The last point lies on the last knot; it belongs to the interval before it.
    left = jnp.minimum(position.astype(jnp.int32), knots - 2)
    fraction = (position - left)[:, None]
    return values[:, left] * (1 - fraction) + values[:, left + 1] * fraction
