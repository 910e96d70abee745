"""Load and save models.

A model is a folder of immutable files, each named by the hash of its contents, and the
pointer CURRENT, which a change replaces last:

    CURRENT                            the name of the current version file
    encoder-<sha256>.safetensors       network weights and statistics; the spec as JSON
    calibration-<sha256>.safetensors   labelled embeddings, to measure changes against
    samples-<sha256>.safetensors       the drawings that one change registered
    version-000001-<sha256>.safetensors   rows, slots, names, samples, provenance
"""

import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from strokejax.files import write_atomically
from strokejax.networks.spec import EncoderSpec
from strokejax.store.content import flatten, read_hashed, unflatten, write_hashed
from strokejax.store.paths import CURRENT, STROKES, resolve
from strokejax.table.rejection import Calibration, no_calibration, threshold_for
from strokejax.table.symbols import SymbolTable
from strokejax.table.table import Rows, Slots, init_slots
from strokejax.types import InputError, PyTree

FORMAT, READABLE = 3, (2, 3)
"""The format that is written, and those that can be read."""
RENAMED = {"reach": "radius", "spread": "scale"}
"""Names of `Slots` in format 2 and their new names; supported until release 0.3."""
QUANTISED = ("z", "background")
"""Calibration tensors stored as int8 in steps of 1/127: distances change by 1e-3."""
_VERSION = re.compile(r"version-(\d{6,12})-[0-9a-f]{64}\.safetensors")


class Sample(NamedTuple):
    """The place of a registered drawing."""

    symbol: str
    file: str
    """The `samples-*` file in the folder of the model."""
    row: int
    """The index of the drawing in that file."""
    digest: str
    """Hash of the drawing, so that no drawing is registered twice."""
    source: str
    """The name of the imported file, "" if there is none."""
    variant: str = ""
    """The transformation of the drawing, see `ink.variants`; "" for none."""

    @property
    def drawing(self) -> tuple[str, int, str]:
        """The key that a drawing shares with its variants."""
        return self.file, self.row, self.digest


class Files(NamedTuple):
    """The names of the files that versions of a model share."""

    encoder: str = ""
    calibration: str = ""


class StoredModel(NamedTuple):
    """One version of a model as numpy arrays; weights are float32 in memory."""

    spec: EncoderSpec
    encoder: PyTree
    """Network weights."""
    model_state: PyTree
    table: dict[str, np.ndarray]
    """embeddings f32[c d], log_scale f32[]; empty under argmax."""
    slots: Slots
    symbols: SymbolTable
    about: dict[str, Any]
    """Provenance of the encoder: job, time, data."""
    calibration: Calibration
    origin: np.ndarray
    """i32[c]: the calibration row that a slot started as, -1 for a registered slot."""
    samples: tuple[Sample, ...] = ()
    change: Mapping[str, Any] = MappingProxyType({})
    """The change that made this version: {"verb", "made", ...}."""
    before: int = 0
    """The version that `undo` restores; 0 for none."""
    version: int = 1
    files: Files = Files()
    """The files of encoder and calibration."""
    name: str = ""
    """The version file that this was read from; "" if it was not read."""

    @property
    def mode(self) -> str:
        """ "nn-sampling" or "argmax"."""
        return "nn-sampling" if self.spec.normalise else "argmax"

    def threshold_for(self, false_accepts: float) -> float:
        """The novelty threshold for a false-accept rate on background ink."""
        rows = Rows(self.table.get("embeddings", np.zeros((0, 1))), 1.0, self.slots)
        return threshold_for(rows, self.calibration.background, false_accepts)


def model_without_table(
    spec: EncoderSpec,
    encoder: PyTree,
    model_state: PyTree,
    outputs: Sequence[str],
    about: dict[str, Any],
) -> StoredModel:
    """A model whose network computes logits, from weights as numpy arrays.

    `outputs` names the first logits; `about` has "job" and "made". No slot is active,
    so no symbol can be registered.
    """
    count = spec.out_dim
    slots = Slots(*map(np.asarray, init_slots(np.zeros(count, bool), 1)))
    return StoredModel(
        spec,
        encoder,
        model_state,
        {},
        slots,
        SymbolTable(tuple(outputs)),
        about,
        no_calibration({}, 1),
        np.full(count, -1, np.int32),
        change={"verb": about["job"], "made": about["made"]},
    )


def save_model(folder: str | Path, model: StoredModel, dtype: Any = np.float32) -> Path:
    """Writes the files of a model that do not exist yet, then the pointer.

    `dtype` is the stored type of the network weights; float16 halves their size.
    """
    folder = Path(folder)
    network = flatten({"params": model.encoder, "state": model.model_state})
    network = {name: np.asarray(x, dtype) for name, x in network.items()}
    encoder = write_hashed(folder, "encoder", network, {"spec": model.spec._asdict()})
    tensors = model.calibration._asdict()
    for name in QUANTISED:
        tensors[name] = np.rint(127 * tensors[name]).astype(np.int8)
    calibration = write_hashed(folder, "calibration", tensors, {})
    save_version(folder, model._replace(files=Files(encoder, calibration)))
    return folder


def save_version(folder: Path, model: StoredModel) -> None:
    """Writes the version file of a model whose `files` exist, then the pointer."""
    tensors = flatten(
        {
            "table": model.table,
            "slots": model.slots._asdict(),
            "origin": np.asarray(model.origin, np.int32),
        }
    )
    header = {
        "format": FORMAT,
        "encoder": model.files.encoder,
        "calibration": model.files.calibration,
        "symbols": model.symbols.names,
        "aliases": dict(model.symbols.aliases),
        "texts": dict(model.symbols.texts),
        "about": model.about,
        "samples": [list(sample) for sample in model.samples],
        "change": dict(model.change),
        "before": model.before,
    }
    name = write_hashed(folder, f"version-{model.version:06d}", tensors, header)
    try:
        write_atomically(folder / CURRENT, name.encode())
    except OSError:
        (folder / name).unlink(missing_ok=True)  # `history` lists all version files
        raise


def load_model(model: str | Path | None = None, default: str = STROKES) -> StoredModel:
    """The current version of a model; None is the user's copy of `default`.

    If its version file is damaged, a warning names it and the latest intact version is
    loaded. InputError if there is none, or if encoder or calibration are damaged.
    """
    folder = resolve(model, default)
    match = _VERSION.fullmatch(pointer(folder))
    current = int(match[1]) if match else None
    damage: InputError | None = None
    for number, path in reversed(list(versions(folder))):
        if current is not None and number > current:
            continue  # written by a process that ended before it moved the pointer
        try:
            version = load_version(path)
        except InputError as error:
            damage = damage or error
            continue
        if number == current:
            return version
        lost = f"version {current}" if current else f"the pointer {folder / CURRENT}"
        warnings.warn(
            f"{damage or f'{lost} of the model is missing or damaged.'} "
            f"Version {number} is used instead.",
            stacklevel=2,
        )
        return version
    raise damage or InputError(
        f"{folder} has no version file for its {CURRENT}; copy the model again."
    )


def load_version(path: Path) -> StoredModel:
    """Loads one version; InputError names a damaged file."""
    folder = path.parent
    header, tensors = read_hashed(path)
    try:
        if header["format"] not in READABLE:
            raise KeyError(f"format {header['format']}")
        files = Files(*(Path(header[name]).name for name in Files._fields))
        about, weights = read_hashed(folder / files.encoder)
        _, calibration = read_hashed(folder / files.calibration)
        for name in QUANTISED:
            calibration[name] = calibration[name].astype(np.float32) / 127
        network, arrays = unflatten(weights), unflatten(tensors)
        slots: dict[str, Any] = arrays["slots"]
        slots = {RENAMED.get(name, name): leaf for name, leaf in slots.items()}
        return StoredModel(
            EncoderSpec(**about["spec"]),
            network["params"],
            network.get("state", {}),
            arrays.get("table", {}),
            Slots(**slots),
            SymbolTable(
                tuple(header["symbols"]), header["aliases"], header.get("texts", {})
            ),
            header["about"],
            Calibration(**calibration),
            arrays["origin"],
            tuple(Sample(*sample) for sample in header["samples"]),
            header["change"],
            header["before"],
            int(path.name.split("-")[1]),
            files,
            path.name,
        )
    except (KeyError, TypeError) as error:
        raise InputError(
            f"This version cannot read the model in {folder} ({error}); update "
            f"strokejax, or use another model."
        ) from error


def versions(folder: Path) -> Iterator[tuple[int, Path]]:
    """Yields the number and file of each version, oldest first, damaged or not."""
    matches = ((_VERSION.fullmatch(path.name), path) for path in folder.iterdir())
    yield from sorted((int(match[1]), path) for match, path in matches if match)


def pointer(folder: Path) -> str:
    """The name of the current version file, "" if CURRENT is missing."""
    path = folder / CURRENT
    return path.read_text(errors="replace").strip() if path.is_file() else ""
