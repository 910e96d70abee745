"""Networks for inference: BatchNorm folded into the convolutions; Linen is not needed.

With running mean m and variance v, BatchNorm after a convolution w is
`scale * (w * x - m) / sqrt(v + eps) + bias`. This is the convolution `w * g` plus
`bias - m * g`, where `g = scale / sqrt(v + eps)`.
"""

from functools import cache, partial

import jax
import jax.numpy as jnp
import numpy as np

from strokejax.networks import winograd
from strokejax.networks.functions import (
    BN_EPS,
    SIZE_LIMIT,
    conv1d,
    max_pool,
    motion_features,
    pool_pairs,
    quadrant_means,
    split_modalities,
    to_images,
    unit,
)
from strokejax.types import Encoder, PyTree

AFTER_POOLING = (1, 3)
"""Indices of the 1-D convolutions that follow a pooling over pairs of points."""
TILE, LAST_TILE = 4, 3
"""Winograd's tiles; 3 suits the 6x6 outputs that the last block's pooling uses."""

# Folding


def fold(params: PyTree, model_state: PyTree, *, fast: bool = True) -> PyTree:
    """The parameters of `folded_net`: kernels and biases, dense layers as they are.

    On a CPU, `fast` stores kernels in Winograd's domain, which halves the time a
    picture takes and doubles the time to compile.
    """
    statistics = model_state["batch_stats"]
    folded = {"hidden": params["hidden"], "out": params["out"]}
    if "block1" in params:
        folded["convs"] = _folded_blocks(params, statistics, fast)
    if "motion" in params:
        folded["motion"] = _folded_motion(params["motion"], statistics["motion"])
    return folded


def _folded_blocks(params, statistics, fast):
    """`(kernel, bias)` pairs by block; a kernel in Winograd's domain has 3 axes."""
    names = sorted(name for name in params if name.startswith("block"))
    blocks = []
    for block in names:
        convs = []
        for i in range(1, len(params[block]) // 2 + 1):
            norm, running = params[block][f"norm{i}"], statistics[block][f"norm{i}"]
            gain, bias = _gain_and_bias(norm, running)
            kernel = np.asarray(params[block][f"conv{i}"]["kernel"]) * gain
            if fast and jax.default_backend() == "cpu" and kernel.shape[2] > 1:
                # numpy, because jax would spend seconds compiling these few products.
                last = block == names[-1] and f"conv{i + 1}" not in params[block]
                kernel = _kernel_tiles(kernel, LAST_TILE if last else TILE)
            convs.append((kernel, bias))
        blocks.append(convs)
    return blocks


def _folded_motion(params, statistics):
    convs = []
    for name in sorted(name for name in params if name.endswith("_kernel")):
        norm = name.replace("_kernel", "_norm")
        gain, bias = _gain_and_bias(params[norm], statistics[norm])
        convs.append((np.asarray(params[name]) * gain, bias))
    return {"convs": convs, "out": params["out"]}


def _gain_and_bias(norm, running):
    """BatchNorm at inference as `x * gain + bias`."""
    gain = np.asarray(norm["scale"]) / np.sqrt(running["var"] + BN_EPS)
    return gain, norm["bias"] - running["mean"] * gain


def _kernel_tiles(kernel, m):
    g = winograd.matrices(m)[2]
    u = np.einsum("ai,bj,ijco->abco", g, g, kernel)
    return u.reshape(-1, *kernel.shape[2:]).astype(np.float32)


# The network


@cache
def folded_net(*, normalise: bool, fused: bool = False, **raster) -> Encoder:
    """The inference twin of `cnn.stroke_net` and `fused.fused_net`, on folded params.

    Cached by its settings, so that every version of a model shares one compilation.
    """

    def apply(params, model_state, inputs, mask, *, train=False, key=None):
        parts = []
        if "convs" in params:
            pool = quadrant_means if fused else _mean
            parts.append(_shape(params, to_images(inputs, **raster), pool))
        if fused:
            parts = _with_motion_and_size(params, inputs, parts)
        x = jnp.concatenate(parts, -1)
        x = jax.nn.relu(_dense(params["hidden"], x))
        x = _dense(params["out"], x)
        return (unit(x) if normalise else x), model_state

    return Encoder(init=_no_init, apply=apply)


def _no_init(key, inputs):
    raise TypeError("a folded network has no init; make its parameters with `fold`")


def _mean(x):
    return x.mean((1, 2))


def _shape(params, images, pool):
    """The last block's features, pooled: f32[b 128], or f32[b 512] by quadrants."""
    if jax.default_backend() == "cpu" and jax.device_count() == 1:
        # The buffers of one picture stay in the cache; those of a batch do not.
        return jax.lax.map(partial(_one_shape, params, pool), images)
    return pool(_features(params, images))


def _one_shape(params, pool, image):
    return pool(_features(params, image[None]))[0]


def _with_motion_and_size(params, inputs, parts):
    """The inputs of the hidden layer, as in `fused.Fused`."""
    points, size, present = split_modalities(inputs)
    present = {name: x.astype(jnp.float32)[:, None] for name, x in present.items()}
    parts = [x for part in parts for x in (part * present["shape"], present["shape"])]
    if "motion" in params:
        has_motion = present["motion"]
        parts += [_motion(params["motion"], points) * has_motion, has_motion]
    size = jnp.clip(size, -SIZE_LIMIT, SIZE_LIMIT)[:, None]
    return [*parts, size * present["size"], present["size"]]


def _motion(params, points):
    """f32[b 128], as `fused.MotionNet`."""
    x = motion_features(points)
    for i, (kernel, bias) in enumerate(params["convs"]):
        if i in AFTER_POOLING:
            x = pool_pairs(x)
        x = jax.nn.relu(conv1d(x, kernel) + bias)
    x = jnp.concatenate([x.mean(1), x.max(1)], -1)
    return jax.nn.relu(_dense(params["out"], x))


def _dense(layer, x):
    return x @ layer["kernel"] + layer["bias"]


# Convolutions, by Winograd's algorithm where the kernel is stored in its domain


def _features(params, x):
    """f32[b h w 1] -> f32[b h/8 w/8 128]."""
    for block in params["convs"]:
        for i, (kernel, bias) in enumerate(block, start=1):
            pooled = i == len(block)
            if kernel.ndim == 3:
                x = _winograd(x, kernel, bias, pooled)
            else:
                x = _shifted(x, kernel) if x.shape[-1] == 1 else _direct(x, kernel)
                x = jax.nn.relu((max_pool(x) if pooled else x) + bias)
            # Without the barrier XLA may compute x again for each of its users.
            x = jax.lax.optimization_barrier(x)
    return x


def _winograd(x, u, bias, pooled):
    """Convolution, bias, ReLU, and with even tiles 2x2 pooling inside them."""
    m = round(len(u) ** 0.5) - 2
    if not pooled:
        return jax.nn.relu(winograd.convolve(x, u, m) + bias)
    h, w = x.shape[1] // 2, x.shape[2] // 2
    if m % 2:
        y = winograd.convolve(x, u, m, (2 * h, 2 * w))
        return jax.nn.relu(max_pool(y) + bias)
    tiles = -(-x.shape[1] // m), -(-x.shape[2] // m)
    y = winograd.multiply(winograd.input_tiles(x, m, tiles), u)
    y = winograd.output_tiles(y, m)
    y = jnp.maximum(y[0::2], y[1::2])
    y = jnp.maximum(y[:, 0::2], y[:, 1::2])
    y = winograd.untile(jax.nn.relu(y + bias), len(x), tiles)
    return y[:, :h, :w]


def _shifted(x, kernel):
    """The convolution of a single channel as nine shifted products."""
    h, w = x.shape[1:3]
    x = jnp.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
    taps = [(i, j) for i in range(3) for j in range(3)]
    return sum(x[:, i : i + h, j : j + w] * kernel[i, j, 0] for i, j in taps)


def _direct(x, kernel):
    return jax.lax.conv_general_dilated(
        x, kernel, (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC")
    )
