"""StrokeNet for inference: BatchNorm folded into the convolutions, no Linen needed."""

from functools import cache

import jax
import jax.numpy as jnp
import numpy as np

from strokejax.models import winograd
from strokejax.models.functions import BN_EPS, max_pool, to_images, unit
from strokejax.types import Encoder, PyTree

TILES = (4, 4, 4, 4, 3)
"""Winograd tiles of convolutions 2 to 6; 3 suits the 6x6 outputs the last pool uses."""


def fold(params: PyTree, model_state: PyTree, *, fast: bool = True) -> PyTree:
    """BatchNorm folded into the convolutions before it: kernels, biases, dense layers.

    With running mean m and variance v, `scale * (w * x - m) / sqrt(v + eps) + bias` is
    the convolution with `w * g` plus `bias - m * g`, where `g = scale / sqrt(v + eps)`.
    On a CPU, kernels come in Winograd's domain where `fast`: half the time a picture,
    twice the time to compile.
    """
    statistics = model_state["batch_stats"]
    convs = []
    for block in ("block1", "block2", "block3"):
        for i in (1, 2):
            norm = params[block][f"norm{i}"]
            running = statistics[block][f"norm{i}"]
            gain = np.asarray(norm["scale"]) / np.sqrt(running["var"] + BN_EPS)
            kernel = np.asarray(params[block][f"conv{i}"]["kernel"]) * gain
            convs.append((kernel, norm["bias"] - running["mean"] * gain))
    if fast and jax.default_backend() == "cpu":
        first, *rest = convs
        tiled = zip(rest, TILES, strict=True)
        # numpy, not jax: compiling these few products would take seconds at start-up.
        convs = [first, *((_kernel_tiles(w, m), b) for (w, b), m in tiled)]
    return {"convs": convs, "hidden": params["hidden"], "out": params["out"]}


def _kernel_tiles(kernel, m):
    g = winograd.matrices(m)[2]
    u = np.einsum("ai,bj,ijco->abco", g, g, kernel)
    return u.reshape(-1, *kernel.shape[2:]).astype(np.float32)


@cache
def folded_stroke_net(*, normalise: bool, **raster) -> Encoder:
    """The inference twin of `cnn.stroke_net`: `apply` takes what `fold` returns.

    One a setting: what is compiled for it serves every version of a model.
    """

    def apply(params, model_state, inputs, mask, *, train=False, key=None):
        images = to_images(inputs, **raster)
        if jax.default_backend() == "cpu" and jax.device_count() == 1:
            # One picture at a time stays in the cache; larger buffers do not.
            x = jax.lax.map(lambda image: _features(params, image[None])[0], images)
        else:
            x = _features(params, images)
        x = jax.nn.relu(x @ params["hidden"]["kernel"] + params["hidden"]["bias"])
        x = x @ params["out"]["kernel"] + params["out"]["bias"]
        return (unit(x) if normalise else x), model_state

    return Encoder(init=_no_init, apply=apply)


def _no_init(key, inputs):
    raise TypeError("folded networks come from `fold`, they are not initialised")


def _features(params, x):
    """f32[b 28 28 1] -> f32[b 128]."""
    for i, (kernel, bias) in enumerate(params["convs"]):
        pooled = i % 2 == 1
        if kernel.ndim == 3:
            x = _winograd(x, kernel, bias, pooled)
        else:
            x = _shifted(x, kernel) if x.shape[-1] == 1 else _direct(x, kernel)
            x = jax.nn.relu((max_pool(x) if pooled else x) + bias)
        # What is stored once must not be computed again for each of its users.
        x = jax.lax.optimization_barrier(x)
    return x.mean((1, 2))


def _winograd(x, u, bias, pooled):
    """Convolution, bias, ReLU, and 2x2 pooling inside the tiles where they are even."""
    m = round(len(u) ** 0.5) - 2
    if not pooled:
        return jax.nn.relu(winograd.convolve(x, u, m) + bias)
    size = x.shape[1]
    if m % 2:
        y = winograd.convolve(x, u, m, size // 2 * 2)
        return jax.nn.relu(max_pool(y) + bias)
    tiles = -(-size // m)
    y = winograd.multiply(winograd.input_tiles(x, m, tiles), u)
    y = winograd.output_tiles(y, m)
    y = jnp.maximum(y[0::2], y[1::2])
    y = jnp.maximum(y[:, 0::2], y[:, 1::2])
    y = winograd.untile(jax.nn.relu(y + bias), len(x), tiles)
    return y[:, : size // 2, : size // 2]


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
