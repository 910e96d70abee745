"""Models on disk: what people use and share.

A model is a folder: the encoder once, named by the hash of its contents, one small
immutable version a change, and a pointer to the current version.

    CURRENT                        "000001"
    encoder-<sha256>.safetensors   network weights and statistics, its spec as JSON
    version-000001.safetensors     table rows, slots, names, where they came from
"""

import hashlib
import json
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from strokejax.atomic import write_atomically
from strokejax.models.build import EncoderSpec
from strokejax.symbols import SymbolTable
from strokejax.table import Slots
from strokejax.types import InputError, PyTree

CURRENT = "CURRENT"
PACKAGED = Path(__file__).parent / "weights"
FORMAT = 1
MAX_BYTES = 1 << 30


class StoredModel(NamedTuple):
    """A model as numpy arrays, in float32 whatever it is stored in."""

    spec: EncoderSpec
    encoder: PyTree
    """Network weights."""
    model_state: PyTree
    table: dict[str, np.ndarray]
    """embeddings f32[c d], log_scale f32[]; empty under argmax."""
    slots: Slots
    symbols: SymbolTable
    about: dict[str, Any]
    """Provenance: how it was made, when, from what."""
    version: int = 1

    @property
    def mode(self) -> str:
        """ "nn-sampling" or "argmax"."""
        return "nn-sampling" if self.spec.normalise else "argmax"


def resolve(model: str | Path | None) -> Path:
    """The folder of a model: a path, a run's folder, or a packaged model's name.

    None is the packaged nn-sampling model.
    """
    name = str(model or "nn-sampling")
    if (PACKAGED / name / CURRENT).is_file() and not Path(name).exists():
        return PACKAGED / name
    for folder in (Path(name), Path(name) / "model"):
        if (folder / CURRENT).is_file():
            return folder
    packaged = ", ".join(sorted(p.parent.name for p in PACKAGED.glob(f"*/{CURRENT}")))
    raise InputError(
        f"There is no model at {name}: it is no folder with a file {CURRENT}; give the "
        f"folder of a model or of a finished run, or one of the packaged: {packaged}."
    )


def save_model(folder: str | Path, model: StoredModel, dtype: Any = np.float32) -> Path:
    """Writes the encoder (if it is new), a version, then the pointer.

    `dtype` is what network weights are stored in; float16 halves their size.
    """
    folder = Path(folder)
    tensors = _flatten({"params": model.encoder, "state": model.model_state})
    tensors = {name: np.asarray(x, dtype) for name, x in tensors.items()}
    data = save(tensors, {"strokejax": _json({"spec": model.spec._asdict()})})
    digest = hashlib.sha256(data).hexdigest()
    path = folder / f"encoder-{digest}.safetensors"
    if not path.exists():
        write_atomically(path, data)
    rows = _flatten({"table": model.table, "slots": model.slots._asdict()})
    header = {
        "format": FORMAT,
        "encoder": digest,
        "symbols": model.symbols.names,
        "about": model.about,
    }
    name = f"{model.version:06d}"
    rows = {key: np.ascontiguousarray(x) for key, x in rows.items()}
    write_atomically(
        folder / f"version-{name}.safetensors", save(rows, {"strokejax": _json(header)})
    )
    write_atomically(folder / CURRENT, name.encode())
    return folder


def load_model(model: str | Path | None = None) -> StoredModel:
    """The current version of a model; InputError names the file that is damaged."""
    folder = resolve(model)
    name = (folder / CURRENT).read_text().strip()
    if not name.isdigit():
        raise InputError(
            f"{folder / CURRENT} says {name[:20]!r} and not a version's number; write "
            f"the number of the newest version-*.safetensors into it."
        )
    header, tensors = _read(folder / f"version-{name}.safetensors")
    digest = str(header.get("encoder"))
    path = folder / f"encoder-{digest}.safetensors"
    about, weights = _read(path, digest)
    try:
        network, rows = _unflatten(weights), _unflatten(tensors)
        spec = EncoderSpec(**about["spec"])
        slots = Slots(**rows["slots"])
        symbols = SymbolTable(tuple(header["symbols"]))
        version = int(name)
    except (KeyError, TypeError) as error:
        raise InputError(
            f"{folder} holds no model that this version can read ({error}); update "
            f"strokejax, or use another model."
        ) from error
    table = rows.get("table", {})
    return StoredModel(
        spec,
        network["params"],
        network.get("state", {}),
        table,
        slots,
        symbols,
        header["about"],
        version,
    )


def _read(path: Path, digest: str | None = None):
    try:
        if path.stat().st_size > MAX_BYTES:
            raise InputError(
                f"{path} has {path.stat().st_size:,} bytes; at most {MAX_BYTES:,} are "
                f"read; this is not a model of strokejax."
            )
        if digest and hashlib.sha256(path.read_bytes()).hexdigest() != digest:
            raise InputError(
                f"{path} does not have the contents its name promises: it is damaged; "
                f"copy the model again."
            )
        with safe_open(path, framework="numpy") as file:
            header = json.loads((file.metadata() or {})["strokejax"])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (OSError, SafetensorError, KeyError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(
            f"{path} cannot be read ({error}); copy the model again, or train it."
        ) from error
    widened = {
        name: x.astype(np.float32) if x.dtype == np.float16 else x
        for name, x in tensors.items()
    }
    return header, widened


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True)


def _flatten(tree: Any, prefix: str = "") -> dict[str, np.ndarray]:
    if isinstance(tree, dict):
        flat = {}
        for name, branch in tree.items():
            flat |= _flatten(branch, f"{prefix}/{name}" if prefix else name)
        return flat
    return {prefix: np.asarray(tree)}


def _unflatten(flat: dict[str, np.ndarray]) -> dict[str, Any]:
    tree: dict[str, Any] = {}
    for name, leaf in flat.items():
        *parents, last = name.split("/")
        node = tree
        for parent in parents:
            node = node.setdefault(parent, {})
        node[last] = leaf
    return tree
