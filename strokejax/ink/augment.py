"""Random changes that keep a symbol's name, drawn per sample, on the device.

Ink is bent before it is drawn, so that lines stay lines; then its box is fitted again,
as every reader of ink does. Pictures are warped by the same affine maps. One draw per
batch (of the pen's width, say) makes BatchNorm's running statistics drift: every draw
here is per sample.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.scipy.ndimage import map_coordinates
from jaxtyping import Array, Float

from strokejax.types import PyTree


class Augment(NamedTuple):
    """How far each change may go; each is drawn uniformly from -value..value."""

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
    """Amplitude of a smooth displacement along the pen's way, fraction of the size."""
    width_low: float = 1.5
    """Thinnest pen, pixels."""
    width_high: float = 3.5
    """Thickest pen, pixels."""


def augment(key: jax.Array, inputs: PyTree, spec: Augment) -> PyTree:
    """The inputs of a batch, changed: "points" f32[b p 3], "image" [b h w], or both."""
    changed = {}
    if "points" in inputs:
        changed |= augment_points(key, inputs["points"], spec)
    if "image" in inputs:
        changed["image"] = augment_images(key, inputs["image"], spec)
    return inputs | changed


def augment_points(
    key: jax.Array, points: Float[Array, "b p 3"], spec: Augment
) -> dict[str, jax.Array]:
    """Bent "points", units as in `ink.resample`, and a pen "width" f32[b], pixels."""
    affine, elastic, jitter, place, width = jax.random.split(key, 5)
    b = len(points)
    xy, pen = points[..., :2], points[..., 2:]
    xy = jnp.einsum("bpi,bji->bpj", xy, _affine(affine, b, spec))
    xy = xy + spec.elastic * _field(elastic, xy) + spec.jitter * _wander(jitter, pen)
    xy = boxed(xy)
    scale_key, shift_key = jax.random.split(place)
    size = 1.0 + spec.scale * _uniform(scale_key, (b, 1, 1))
    xy = xy * size + spec.shift * _uniform(shift_key, (b, 1, 2))
    widths = jax.random.uniform(
        width, (b,), minval=spec.width_low, maxval=spec.width_high
    )
    return {"points": jnp.concatenate([xy, pen], -1), "width": widths}


def boxed(xy: Float[Array, "b p 2"]) -> Float[Array, "b p 2"]:
    """Points in the box that every reader of ink fits them to."""
    low, high = xy.min(1, keepdims=True), xy.max(1, keepdims=True)
    span = (high - low).max(-1, keepdims=True)
    # A tap stays a tap: wander must not be blown up into a drawing.
    return (xy - (low + high) / 2) / jnp.maximum(span, 0.1)


def augment_images(key: jax.Array, images: jax.Array, spec: Augment) -> jax.Array:
    """Pictures warped as ink is, but for jitter and the pen; blank outside."""
    affine, scale_key, shift_key, elastic = jax.random.split(key, 4)
    b, h, w = images.shape
    images = images.astype(jnp.float32) / (255.0 if images.dtype == jnp.uint8 else 1.0)
    size = 1.0 + spec.scale * _uniform(scale_key, (b, 1, 1))
    inverse = jnp.linalg.inv(_affine(affine, b, spec) * size)
    shift = spec.shift * _uniform(shift_key, (b, 2))
    source = jnp.einsum("bpi,bji->bpj", grid(h, w) - shift[:, None], inverse)
    source = source + spec.elastic * _field(elastic, source)
    return look_up(images, source)


def grid(h: int, w: int) -> Float[Array, "p 2"]:
    """Where the pixels of a picture [h w] lie, as x and y from -0.5 to 0.5."""
    y, x = jnp.meshgrid(
        jnp.linspace(-0.5, 0.5, h), jnp.linspace(-0.5, 0.5, w), indexing="ij"
    )
    return jnp.stack([x, y], -1).reshape(h * w, 2)


def look_up(
    images: Float[Array, "b h w"], source: Float[Array, "b p 2"]
) -> Float[Array, "b h w"]:
    """Pictures whose pixels come from other places of theirs; blank outside."""
    h, w = images.shape[1:]
    at = (source + 0.5) * jnp.array([w - 1, h - 1])

    def one(image, at):
        return map_coordinates(image, [at[:, 1], at[:, 0]], order=1).reshape(h, w)

    return jax.vmap(one)(images, at)


def _uniform(key, shape):
    return jax.random.uniform(key, shape, minval=-1.0, maxval=1.0)


def _affine(key, b, spec):
    """f32[b 2 2]: rotation times shear times aspect, of determinant 1."""
    angle, shear, aspect = _uniform(key, (3, b))
    angle = jnp.deg2rad(spec.rotation) * angle
    stretch = jnp.exp(0.5 * spec.aspect * aspect)
    cos, sin = jnp.cos(angle), jnp.sin(angle)
    turn = jnp.stack([cos, -sin, sin, cos], -1).reshape(b, 2, 2)
    zero, one = jnp.zeros(b), jnp.ones(b)
    slant = jnp.stack([one, spec.shear * shear, zero, one], -1).reshape(b, 2, 2)
    squeeze = jnp.stack([stretch, zero, zero, 1 / stretch], -1).reshape(b, 2, 2)
    return turn @ slant @ squeeze


def _field(key, xy, waves: int = 4):
    """A smooth displacement f32[b p 2] of unit size: plane waves at random angles."""
    direction, phase = jax.random.split(key)
    b = len(xy)
    wave = 2.0 * jnp.pi * _uniform(direction, (b, 2, 2 * waves))
    start = 2.0 * jnp.pi * _uniform(phase, (b, 1, 2 * waves))
    height = jnp.sin(jnp.einsum("bpi,biw->bpw", xy, wave) + start)
    return height.reshape(*xy.shape[:2], 2, waves).mean(-1) * jnp.sqrt(waves)


def _wander(key, pen, knots: int = 12):
    """A smooth displacement f32[b p 2] along the pen's way: linear between knots."""
    b, p = pen.shape[:2]
    values = _uniform(key, (b, knots, 2))
    position = jnp.linspace(0.0, knots - 1.0, p)
    left = jnp.minimum(position.astype(jnp.int32), knots - 2)
    part = (position - left)[:, None]
    return values[:, left] * (1 - part) + values[:, left + 1] * part
