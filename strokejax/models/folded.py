"""StrokeNet for inference: BatchNorm folded into the convolutions, no Linen needed."""

import jax

from strokejax.models.functions import BN_EPS, conv3x3, max_pool, to_images, unit
from strokejax.types import Encoder, PyTree


def fold(params: PyTree, model_state: PyTree) -> PyTree:
    """BatchNorm folded into the convolutions before it: kernels, biases, dense layers.

    With running mean m and variance v, `scale * (w * x - m) / sqrt(v + eps) + bias` is
    the convolution with `w * g` plus `bias - m * g`, where `g = scale / sqrt(v + eps)`.
    """
    statistics = model_state["batch_stats"]
    convs = []
    for block in (f"block{i}" for i in range(1, 4)):
        for i in (1, 2):
            norm = params[block][f"norm{i}"]
            running = statistics[block][f"norm{i}"]
            gain = norm["scale"] * jax.lax.rsqrt(running["var"] + BN_EPS)
            kernel = params[block][f"conv{i}"]["kernel"] * gain
            convs.append((kernel, norm["bias"] - running["mean"] * gain))
    return {"convs": convs, "hidden": params["hidden"], "out": params["out"]}


def folded_stroke_net(*, normalise: bool, **raster) -> Encoder:
    """The inference twin of `stroke_net`: `apply` takes the parameters of `fold`."""

    def apply(params, model_state, inputs, mask, *, train=False, key=None):
        x = to_images(inputs, **raster)
        for i, (kernel, bias) in enumerate(params["convs"]):
            x = conv3x3(x, kernel)
            if i % 2:
                x = max_pool(x)  # ReLU and adding a bias commute with max
            x = jax.nn.relu(x + bias)
        x = x.mean((1, 2))
        x = jax.nn.relu(x @ params["hidden"]["kernel"] + params["hidden"]["bias"])
        x = x @ params["out"]["kernel"] + params["out"]["bias"]
        return (unit(x) if normalise else x), model_state

    return Encoder(init=None, apply=apply)  # type: ignore[arg-type]
