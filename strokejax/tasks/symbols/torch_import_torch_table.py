"""PyTorch's names, axes and shapes of StrokeNet's tensors, beside those used here."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from strokejax.types import InputError, PyTree

OUT = -1
"""In a shape: the number of outputs, which is the checkpoint's own."""
_HWIO = (2, 3, 1, 0)
_IO = (1, 0)
_SAME = (0,)

TABLE: dict[str, tuple[str, tuple[int, ...], tuple[int, ...]]] = {
    "block1.0.weight": ("params/block1/conv1/kernel", _HWIO, (16, 1, 3, 3)),
    "block1.1.weight": ("params/block1/norm1/scale", _SAME, (16,)),
    "block1.1.bias": ("params/block1/norm1/bias", _SAME, (16,)),
    "block1.1.running_mean": ("batch_stats/block1/norm1/mean", _SAME, (16,)),
    "block1.1.running_var": ("batch_stats/block1/norm1/var", _SAME, (16,)),
    "block1.3.weight": ("params/block1/conv2/kernel", _HWIO, (32, 16, 3, 3)),
    "block1.4.weight": ("params/block1/norm2/scale", _SAME, (32,)),
    "block1.4.bias": ("params/block1/norm2/bias", _SAME, (32,)),
    "block1.4.running_mean": ("batch_stats/block1/norm2/mean", _SAME, (32,)),
    "block1.4.running_var": ("batch_stats/block1/norm2/var", _SAME, (32,)),
    "block2.0.weight": ("params/block2/conv1/kernel", _HWIO, (64, 32, 3, 3)),
    "block2.1.weight": ("params/block2/norm1/scale", _SAME, (64,)),
    "block2.1.bias": ("params/block2/norm1/bias", _SAME, (64,)),
    "block2.1.running_mean": ("batch_stats/block2/norm1/mean", _SAME, (64,)),
    "block2.1.running_var": ("batch_stats/block2/norm1/var", _SAME, (64,)),
    "block2.3.weight": ("params/block2/conv2/kernel", _HWIO, (64, 64, 3, 3)),
    "block2.4.weight": ("params/block2/norm2/scale", _SAME, (64,)),
    "block2.4.bias": ("params/block2/norm2/bias", _SAME, (64,)),
    "block2.4.running_mean": ("batch_stats/block2/norm2/mean", _SAME, (64,)),
    "block2.4.running_var": ("batch_stats/block2/norm2/var", _SAME, (64,)),
    "block3.0.weight": ("params/block3/conv1/kernel", _HWIO, (128, 64, 3, 3)),
    "block3.1.weight": ("params/block3/norm1/scale", _SAME, (128,)),
    "block3.1.bias": ("params/block3/norm1/bias", _SAME, (128,)),
    "block3.1.running_mean": ("batch_stats/block3/norm1/mean", _SAME, (128,)),
    "block3.1.running_var": ("batch_stats/block3/norm1/var", _SAME, (128,)),
    "block3.3.weight": ("params/block3/conv2/kernel", _HWIO, (128, 128, 3, 3)),
    "block3.4.weight": ("params/block3/norm2/scale", _SAME, (128,)),
    "block3.4.bias": ("params/block3/norm2/bias", _SAME, (128,)),
    "block3.4.running_mean": ("batch_stats/block3/norm2/mean", _SAME, (128,)),
    "block3.4.running_var": ("batch_stats/block3/norm2/var", _SAME, (128,)),
    "classifier.0.weight": ("params/hidden/kernel", _IO, (128, 128)),
    "classifier.0.bias": ("params/hidden/bias", _SAME, (128,)),
    "classifier.3.weight": ("params/out/kernel", _IO, (OUT, 128)),
    "classifier.3.bias": ("params/out/bias", _SAME, (OUT,)),
}
"""PyTorch's name -> path here, transposition, PyTorch's shape."""

COUNTERS = frozenset(
    name.replace("running_mean", "num_batches_tracked")
    for name in TABLE
    if name.endswith("running_mean")
)
"""Names that BatchNorm keeps besides; a fixed momentum has no use for them."""


def convert(state_dict: Mapping[str, np.ndarray]) -> tuple[PyTree, PyTree]:
    """`(params, model_state)` of StrokeNet's encoder, f32, from PyTorch's arrays.

    Any number of outputs is converted, and nothing is shared with the argument.
    InputError names an entry that is missing, unknown, of another shape or not finite.
    """
    known = TABLE.keys() | COUNTERS
    missing = [name for name in TABLE if name not in state_dict]
    extra = sorted(map(str, state_dict.keys() - known))
    for names, fault in ((missing, "is missing"), (extra, "is not part of StrokeNet")):
        if names:
            raise InputError(
                f"The state dict does not fit StrokeNet's {len(TABLE)} tensors: "
                f"{names[0]!r} {fault}{_more(names)}; give one with the names "
                f"block1.0.weight to classifier.3.bias and no others."
            )
    outputs = len(state_dict["classifier.3.bias"])
    converted: dict[str, Any] = {}
    for name, (path, axes, shape) in TABLE.items():
        wanted = tuple(outputs if n == OUT else n for n in shape)
        found = tuple(np.shape(state_dict[name]))
        if found != wanted:
            raise InputError(
                f"The tensor {name!r} has the shape {list(found)}, and StrokeNet's has "
                f"{list(wanted)}; give the checkpoint of a StrokeNet."
            )
        array = np.array(np.transpose(state_dict[name], axes), np.float32, order="C")
        if not np.isfinite(array).all():
            raise InputError(
                f"The tensor {name!r} holds numbers that are not finite; give a "
                f"checkpoint from before the training diverged."
            )
        *parents, leaf = path.split("/")
        node = converted
        for parent in parents:
            node = node.setdefault(parent, {})
        node[leaf] = array
    return converted.pop("params"), converted


def _more(names: Sequence[str]) -> str:
    return f" (and {len(names) - 1} more)" if len(names) > 1 else ""
