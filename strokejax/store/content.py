"""Tensors in files that are named by the hash of their contents, so never change."""

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
_NAME = re.compile(r"[a-z0-9-]+-([0-9a-f]{64})\.safetensors")
_KEY = "strokejax"


def write_hashed(
    folder: Path, kind: str, tensors: dict[str, np.ndarray], header: Any
) -> str:
    """Writes `KIND-<sha256>.safetensors` unless it is there; returns its name."""
    name, data = named(kind, tensors, header)
    write_named(folder / name, data)
    return name


def named(kind: str, tensors: dict[str, np.ndarray], header: Any) -> tuple[str, bytes]:
    """The name and the contents of a file for `write_named`."""
    data = to_bytes(tensors, header)
    return f"{kind}-{hashlib.sha256(data).hexdigest()}.safetensors", data


def write_named(path: Path, data: bytes) -> None:
    """Writes a file unless it is there, undamaged."""
    if not path.is_file() or path.read_bytes() != data:
        write_atomically(path, data)


def to_bytes(tensors: dict[str, np.ndarray], header: Any) -> bytes:
    """A safetensors file with a header of JSON; `parse` reads it."""
    text = json.dumps(header, ensure_ascii=False, sort_keys=True)
    whole = {name: np.asarray(x, order="C") for name, x in tensors.items()}
    return save(whole, {_KEY: text})


def read_hashed(path: Path) -> tuple[Any, dict[str, np.ndarray]]:
    """`(header, tensors)`, float16 widened to float32.

    InputError names a file that is missing, too large, or not what its name promises.
    """
    try:
        size = path.stat().st_size
        if size > MAX_BYTES:
            raise InputError(
                f"{path} has {size:,} bytes; at most {MAX_BYTES:,} are read; this is "
                f"not a model of strokejax."
            )
        data = path.read_bytes()
    except OSError as error:
        raise InputError(
            f"{path} cannot be read ({error.strerror}); copy the model again."
        ) from error
    digest = hashlib.sha256(data).hexdigest()
    named = _NAME.fullmatch(path.name)
    if not named or named[1] != digest:
        raise InputError(
            f"{path} does not have the contents its name promises: it is damaged; "
            f"copy the model again."
        )
    return parse(data, str(path))


def read_header(path: Path) -> Any:
    """The header alone of a file that `read_hashed` reads, unchecked by its hash."""
    try:
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            if length > MAX_HEADER:
                raise ValueError(f"a header of {length:,} bytes")
            return json.loads(json.loads(file.read(length))["__metadata__"][_KEY])
    except (OSError, KeyError, TypeError, ValueError, RecursionError) as error:
        raise InputError(
            f"{path} is not a valid file of a model ({error}); copy the model again."
        ) from error


def read_spec(folder: Path) -> dict[str, Any] | None:
    """The fields of the `EncoderSpec` of a model, from the headers of its files alone.

    None where they are damaged: who loads the model says what is wrong with it.
    """
    try:
        version = read_header(folder / (folder / CURRENT).read_text().strip())
        return read_header(folder / Path(version["encoder"]).name)["spec"]
    except (InputError, OSError, KeyError, TypeError, ValueError):
        return None


def parse(data: bytes, where: str) -> tuple[Any, dict[str, np.ndarray]]:
    """`(header, tensors)` of the bytes of a file; InputError where they are none."""
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
    """Nested dicts of arrays as one dict with names like "a/b"."""
    if isinstance(tree, dict):
        flat = {}
        for name, branch in tree.items():
            flat |= flatten(branch, f"{prefix}/{name}" if prefix else name)
        return flat
    return {prefix: np.asarray(tree)}


def unflatten(flat: dict[str, np.ndarray]) -> dict[str, Any]:
    """The nested dicts that `flatten` made flat."""
    tree: dict[str, Any] = {}
    for name, leaf in flat.items():
        *parents, last = name.split("/")
        node = tree
        for parent in parents:
            node = node.setdefault(parent, {})
        node[last] = leaf
    return tree
