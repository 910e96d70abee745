"""A PyTorch StrokeNet as a model of strokejax.

    python -m strokejax.tasks.symbols.torch_import FILE --out MODEL

FILE is a Lightning checkpoint or a bare state dict with the names of `torch_table`.
This command is the one place in `models/` that imports upwards, inside a function:
`model_store` and `table`, which a stored model is made with.
"""

import argparse
import hashlib
import pickle
import re
import sys
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from strokejax.networks.spec import EncoderSpec
from strokejax.table.symbols import SPACE, STROKES, SymbolTable
from strokejax.tasks.symbols.torch_import_torch_table import convert
from strokejax.types import InputError

MAX_BYTES = 256 * 2**20
_REFUSED = re.compile(r"GLOBAL (\S+)")


def read_checkpoint(path: str | Path) -> dict[str, np.ndarray]:
    """The tensors of a checkpoint by name, f32; code in the file is never run.

    InputError where PyTorch is missing and for files that are damaged, too large, or
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


def symbols_of(classes: int) -> tuple[str, ...]:
    """The names of a published head's classes in order; InputError for other sizes."""
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


def import_checkpoint(file: str | Path, out: str | Path) -> Path:
    """Writes the checkpoint as a class-head model in the folder `out`; returns it.

    Its pictures follow the published rule: 28x28, margin 4, 3x3 dilation, no grey.
    """
    from strokejax import __version__
    from strokejax.store.model import StoredModel, no_calibration, save_model
    from strokejax.store.paths import CURRENT
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
    """Runs the command; 0, or 2 where input was refused."""
    parser = argparse.ArgumentParser(
        prog="python -m strokejax.tasks.symbols.torch_import",
        description="Turn a PyTorch checkpoint of StrokeNet with 27, 53, 62 or 63 "
        "classes into a model for strokejax recognize and evaluate.",
    )
    parser.add_argument("file", metavar="FILE", help="a checkpoint, .ckpt or .pt")
    parser.add_argument("--out", metavar="MODEL", required=True, help="folder to write")
    options = parser.parse_args(argv)
    try:
        print(import_checkpoint(options.file, options.out))
    except InputError as error:
        print(f"strokejax: {error}", file=sys.stderr)
        return 2
    return 0


def _check_size(path: Path) -> None:
    if not path.is_file():
        raise InputError(f"{path} is not there or is no file; name a checkpoint.")
    size = path.stat().st_size
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            size = max(size, sum(entry.file_size for entry in archive.infolist()))
    if size > MAX_BYTES:
        raise InputError(
            f"{path} holds {size:,} bytes and at most {MAX_BYTES:,} are read; save "
            f"only the state dict."
        )


def _reason(path: Path, error: Exception) -> str:
    refused = _REFUSED.search(str(error))
    if isinstance(error, pickle.UnpicklingError) and refused:
        return (
            f"{path} asks for {refused[1]} while it is read, and only tensors and "
            f"plain containers are allowed; save only the state dict with "
            f"torch.save({{'state_dict': model.state_dict()}}, FILE)."
        )
    detail = " ".join(str(error).split())[:80]
    return (
        f"{path} is no whole checkpoint of PyTorch ({type(error).__name__}: {detail}); "
        f"copy or save it again."
    )


def _array(path: Path, name: Any, tensor: Any) -> np.ndarray:
    try:
        if tensor.numel() > MAX_BYTES // 4:  # a stride of 0 makes giants of few bytes
            raise ValueError(f"it has {tensor.numel():,} numbers")
        return tensor.detach().float().numpy()
    except Exception as error:  # sparse, quantised, complex, or no tensor at all
        detail = " ".join(str(error).split())[:80]
        raise InputError(
            f"{path}: the entry {name!r} is no plain tensor of numbers ({detail}); "
            f"save the state dict of a StrokeNet."
        ) from error


if __name__ == "__main__":
    sys.exit(main())
