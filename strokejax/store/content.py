"""Immutable safetensors files, each named by the hash of its contents."""

import hashlib
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load, save

from strokejax.files import write_atomically
from strokejax.store.paths import CURRENT
from strokejax.types import InputError

MAX_BYTES, MAX_HEADER = 1 << 30, 64 << 20
"""Limits on a file and its header, in bytes."""
_NAME = re.compile(r"[a-z0-9-]+-([0-9a-f]{64})\.safetensors")
_KEY = "strokejax"


def write_hashed(
    folder: Path, kind: str, tensors: dict[str, np.ndarray], header: Any
) -> str:
    """Writes `KIND-<sha256>.safetensors` if it does not exist; returns its name."""
    name, data = named(kind, tensors, header)
    write_named(folder / name, data)
    return name


def named(kind: str, tensors: dict[str, np.ndarray], header: Any) -> tuple[str, bytes]:
    """The name and the bytes of a file for `write_named`."""
    data = to_bytes(tensors, header)
    return f"{kind}-{hashlib.sha256(data).hexdigest()}.safetensors", data


def write_named(path: Path, data: bytes) -> None:
    """Writes a file unless it exists undamaged."""
    if not path.is_file() or path.read_bytes() != data:
        write_atomically(path, data)


def to_bytes(tensors: dict[str, np.ndarray], header: Any) -> bytes:
    """The bytes of a safetensors file with a JSON header; `parse` is the inverse."""
    text = json.dumps(header, ensure_ascii=False, sort_keys=True)
    contiguous = {name: np.asarray(x, order="C") for name, x in tensors.items()}
    return save(contiguous, {_KEY: text})


def read_hashed(path: Path) -> tuple[Any, dict[str, np.ndarray]]:
    """`(header, tensors)` of a file; float16 becomes float32.

    InputError for a file that is missing, too large, or differs from its hash.
    """
    try:
        size = path.stat().st_size
        if size > MAX_BYTES:
            raise InputError(
                f"{path} has {size:,} bytes; above the limit of {MAX_BYTES:,}; give a "
                f"file of a strokejax model."
            )
        data = path.read_bytes()
    except OSError as error:
        raise InputError(
            f"{path} cannot be read ({error.strerror}); copy the model again."
        ) from error
    digest = hashlib.sha256(data).hexdigest()
    match = _NAME.fullmatch(path.name)
    if not match or match[1] != digest:
        raise InputError(
            f"{path} is damaged: its contents do not match the hash in its name; copy "
            f"the model again."
        )
    return parse(data, str(path))


def read_header(path: Path) -> Any:
    """The header of a file; reads nothing else and does not check the hash."""
    try:
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            if length > MAX_HEADER:
                raise ValueError(f"a header of {length:,} bytes")
            return json.loads(json.loads(file.read(length))["__metadata__"][_KEY])
    except (OSError, KeyError, TypeError, ValueError, RecursionError) as error:
        raise InputError(
            f"{path} is not a valid model file ({error}); copy the model again."
        ) from error


def read_spec(folder: Path) -> dict[str, Any] | None:
    """The fields of the `EncoderSpec` of a model, read from the headers of its files.

    None for damaged files: `load_model` reports the damage.
    """
    try:
        version = read_header(folder / (folder / CURRENT).read_text().strip())
        return read_header(folder / Path(version["encoder"]).name)["spec"]
    except (InputError, OSError, KeyError, TypeError, ValueError):
        return None


def parse(data: bytes, where: str) -> tuple[Any, dict[str, np.ndarray]]:
    """`(header, tensors)` from the bytes of a file; InputError if they are invalid."""
    try:
        length = int.from_bytes(data[:8], "little")
        header = json.loads(data[8 : 8 + length])["__metadata__"][_KEY]
        tensors = load(data)
        return json.loads(header), {
            name: x.astype(np.float32) if x.dtype == np.float16 else x
            for name, x in tensors.items()
        }
    except (SafetensorError, KeyError, TypeError, ValueError, RecursionError) as error:
        reason = " ".join(str(error).split())[:100]
        raise InputError(
            f"{where} is not a valid strokejax file ({reason}); copy it again, or give "
            f"another."
        ) from error


def flatten(tree: Any, prefix: str = "") -> dict[str, np.ndarray]:
    """Flattens nested dicts of arrays to one dict with names like "a/b"."""
    if isinstance(tree, dict):
        flat = {}
        for name, branch in tree.items():
            flat |= flatten(branch, f"{prefix}/{name}" if prefix else name)
        return flat
    return {prefix: np.asarray(tree)}


def unflatten(flat: dict[str, np.ndarray]) -> dict[str, Any]:
    """The inverse of `flatten`."""
    tree: dict[str, Any] = {}
    for name, leaf in flat.items():
        *parents, last = name.split("/")
        node = tree
        for parent in parents:
            node = node.setdefault(parent, {})
        node[last] = leaf
    return tree
