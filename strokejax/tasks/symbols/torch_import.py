"""Converts a PyTorch StrokeNet to a model of strokejax.

    python -m strokejax.tasks.symbols.torch_import FILE --out MODEL

FILE is a Lightning checkpoint or a bare state dict with the names of `TABLE`.
"""

import argparse
import hashlib
import pickle
import re
import sys
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from strokejax.networks.spec import EncoderSpec
from strokejax.table.symbols import SPACE, STROKES, SymbolTable
from strokejax.types import InputError, PyTree

MAX_BYTES = 256 * 2**20
"""Size of a checkpoint, unpacked."""
OUT = -1
"""In a shape of `TABLE`: the number of outputs, which every checkpoint sets itself."""
_HWIO = (2, 3, 1, 0)
_IO = (1, 0)
_SAME = (0,)
_REFUSED = re.compile(r"GLOBAL (\S+)")
"""The name in the message of `torch.load` about an object that it does not unpickle."""

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
"""PyTorch's name -> path in `(params, model_state)`, transposition, PyTorch's shape."""

COUNTERS = frozenset(
    name.replace("running_mean", "num_batches_tracked")
    for name in TABLE
    if name.endswith("running_mean")
)
"""BatchNorm's counters of batches; a fixed momentum does not need them."""

# From PyTorch's tensors to those of the network.


def convert(state_dict: Mapping[str, np.ndarray]) -> tuple[PyTree, PyTree]:
    """`(params, model_state)` of StrokeNet's encoder, f32, from PyTorch's arrays.

    The number of outputs is free. The result shares no memory with the argument.
    InputError names an entry that is missing, unknown, of another shape or not finite.
    """
    known = TABLE.keys() | COUNTERS
    missing = [name for name in TABLE if name not in state_dict]
    extra = sorted(map(str, state_dict.keys() - known))
    for names, fault in ((missing, "is missing"), (extra, "is not part of StrokeNet")):
        if names:
            raise InputError(
                f"The state dict does not fit StrokeNet's {len(TABLE)} tensors: "
                f"{names[0]!r} {fault}{_and_more(names)}; give one with the names "
                f"block1.0.weight to classifier.3.bias and no others."
            )
    outputs = len(state_dict["classifier.3.bias"])
    converted: dict[str, Any] = {}
    for name, (path, axes, shape) in TABLE.items():
        expected = tuple(outputs if n == OUT else n for n in shape)
        actual = tuple(np.shape(state_dict[name]))
        if actual != expected:
            raise InputError(
                f"The tensor {name!r} has the shape {list(actual)}, but StrokeNet's "
                f"has {list(expected)}; give the checkpoint of a StrokeNet."
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


def _and_more(names: Sequence[str]) -> str:
    return f" (and {len(names) - 1} more)" if len(names) > 1 else ""


def symbols_of(classes: int) -> tuple[str, ...]:
    """The class names of a published head, in order; InputError for other sizes."""
    heads = {
        27: (*STROKES[:26], SPACE),
        53: (*STROKES[:52], SPACE),
        62: STROKES[:62],
        63: STROKES,
    }
    if classes not in heads:
        raise InputError(
            f"The checkpoint has {classes} classes; known are 27 (a-z, space), 53 "
            f"(a-z, A-Z, space), 62 (a-z, A-Z, 0-9) and 63 (a-z, A-Z, 0-9, space)."
        )
    return heads[classes]


# From a file to a stored model.


def read_checkpoint(path: str | Path) -> dict[str, np.ndarray]:
    """The tensors of a checkpoint by name, f32; code in the file never runs.

    InputError if PyTorch is missing, and for files that are damaged, above 256 MiB or
    hold more than numbers and plain containers.
    """
    try:
        import torch  # pyright: ignore[reportMissingImports]
    except ImportError as error:
        raise InputError(
            "Reading PyTorch's checkpoints needs PyTorch, which is not installed; run "
            "pip install 'strokejax[parity]'."
        ) from error
    path = Path(path)
    _check_size(path)
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # hostile bytes lead to errors of any kind
        raise InputError(_reason(path, error)) from error
    tensors = content.get("state_dict", content) if isinstance(content, dict) else None
    if not isinstance(tensors, dict) or not tensors:
        raise InputError(
            f"{path} holds no state dict; save one with "
            f"torch.save({{'state_dict': model.state_dict()}}, FILE)."
        )
    return {str(name): _array(path, name, x) for name, x in tensors.items()}


def _check_size(path: Path) -> None:
    """Checks the unpacked size of zip files, too: a few bytes may inflate to many."""
    if not path.is_file():
        raise InputError(f"{path} is not a file; name a checkpoint.")
    size = path.stat().st_size
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            size = max(size, sum(entry.file_size for entry in archive.infolist()))
    if size > MAX_BYTES:
        raise InputError(
            f"{path} holds {size:,} bytes, above the limit of {MAX_BYTES:,}; save only "
            f"the state dict."
        )


def _reason(path: Path, error: Exception) -> str:
    refused = _REFUSED.search(str(error))
    if isinstance(error, pickle.UnpicklingError) and refused:
        return (
            f"{path} needs {refused[1]} to be read, but only tensors and plain "
            f"containers are allowed; save only the state dict with "
            f"torch.save({{'state_dict': model.state_dict()}}, FILE)."
        )
    detail = " ".join(str(error).split())[:80]
    return (
        f"{path} is not a valid PyTorch checkpoint ({type(error).__name__}: {detail}); "
        f"copy or save it again."
    )


def _array(path: Path, name: Any, tensor: Any) -> np.ndarray:
    try:
        if tensor.numel() > MAX_BYTES // 4:  # a stride of 0 makes giants of few bytes
            raise ValueError(f"it has {tensor.numel():,} numbers")
        return tensor.detach().float().numpy()
    except Exception as error:  # sparse, quantised, complex, or not a tensor at all
        detail = " ".join(str(error).split())[:80]
        raise InputError(
            f"{path}: the entry {name!r} is not a plain tensor of numbers ({detail}); "
            f"save the state dict of a StrokeNet."
        ) from error


def import_checkpoint(file: str | Path, out: str | Path) -> Path:
    """Writes the checkpoint as a class-head model to the folder `out`; returns it.

    Its pictures follow the published rule: 28x28 pixels, margin 4, 3x3 dilation, no
    grey. InputError as of `read_checkpoint`, `convert` and `symbols_of`, and where
    `out` holds a model or cannot be written.
    """
    # Imported late: the conversion alone needs no store.
    from strokejax import __version__
    from strokejax.store.model import StoredModel, save_model
    from strokejax.store.paths import CURRENT
    from strokejax.table.rejection import no_calibration
    from strokejax.table.table import init_slots

    file, out = Path(file), Path(out)
    params, model_state = convert(read_checkpoint(file))
    names = symbols_of(len(params["out"]["bias"]))
    if (out / CURRENT).exists():
        raise InputError(f"There is a model in {out} already; give another folder.")
    spec = EncoderSpec(
        out_dim=len(names), normalise=False, margin=4, width=3.0, binary=True
    )
    about = {
        "job": "torch_import",
        "source": file.name,
        "sha256": hashlib.sha256(file.read_bytes()).hexdigest(),
        "strokejax": __version__,
    }
    slots = init_slots(np.ones(len(names), bool), len(names))
    model = StoredModel(
        spec,
        params,
        model_state,
        {},
        slots,
        SymbolTable.of(names),
        about,
        no_calibration({}, len(names)),
        np.full(len(names), -1, np.int32),
    )
    try:
        return save_model(out, model)
    except OSError as error:
        raise InputError(
            f"The model cannot be written to {out} ({error.strerror}); name a folder "
            f"that can be made."
        ) from error


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command; returns 0, or 2 if the input was refused."""
    parser = argparse.ArgumentParser(
        prog="python -m strokejax.tasks.symbols.torch_import",
        description="Turn a PyTorch checkpoint of StrokeNet with 27, 53, 62 or 63 "
        "classes into a model for strokejax recognize and evaluate.",
    )
    parser.add_argument("file", metavar="FILE", help="a checkpoint, .ckpt or .pt")
    parser.add_argument("--out", metavar="MODEL", required=True, help="folder to write")
    args = parser.parse_args(argv)
    try:
        print(import_checkpoint(args.file, args.out))
    except InputError as error:
        print(f"strokejax: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
