"""Models on disk: what people use and share.

A model is a folder of immutable files, each named by the hash of its contents, and one
pointer that a change moves last:

    CURRENT                            the name of the current version's file
    encoder-<sha256>.safetensors       network weights and statistics, its spec as JSON
    calibration-<sha256>.safetensors   embeddings of known drawings, to measure changes
    samples-<sha256>.safetensors       drawings that one change registered
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
from strokejax.table.rejection import Calibration, limit_for, no_calibration
from strokejax.table.symbols import SymbolTable
from strokejax.table.table import Rows, Slots, init_slots
from strokejax.types import InputError, PyTree

FORMAT, READ = 3, (2, 3)
"""What is written, and what is read."""
SPELT = {"reach": "radius", "spread": "scale"}
"""Names of slots in format 2, and today's; read until release 0.3."""
COARSE = ("z", "background")
"""Of a calibration, stored in steps of 1/127: their distances move by 1e-3."""
_VERSION = re.compile(r"version-(\d{6,12})-[0-9a-f]{64}\.safetensors")


class Sample(NamedTuple):
    """Where a registered drawing is kept."""

    symbol: str
    file: str
    """The `samples-*` file in the model's folder."""
    row: int
    """Which drawing of that file."""
    digest: str
    """Hash of the drawing: the same drawing is registered once."""
    source: str
    """The name of the file it came from, "" for none."""
    variant: str = ""
    """What was done to the drawing, by `variants`; "" for the drawing itself."""

    @property
    def drawing(self) -> tuple[str, int, str]:
        """What a drawing and its variants share."""
        return self.file, self.row, self.digest


class Files(NamedTuple):
    """What the versions of a model share, by the names of files in its folder."""

    encoder: str = ""
    calibration: str = ""


class StoredModel(NamedTuple):
    """One version of a model as numpy arrays, in float32 whatever it is stored in."""

    spec: EncoderSpec
    encoder: PyTree
    """Network weights."""
    model_state: PyTree
    table: dict[str, np.ndarray]
    """embeddings f32[c d], log_scale f32[]; empty under argmax."""
    slots: Slots
    symbols: SymbolTable
    about: dict[str, Any]
    """Provenance of the encoder: how it was made, when, from what."""
    calibration: Calibration
    origin: np.ndarray
    """i32[c]: the calibration row a slot began as, -1 for a registered one."""
    samples: tuple[Sample, ...] = ()
    change: Mapping[str, Any] = MappingProxyType({})
    """What made this version: {"verb", "made", ...}."""
    before: int = 0
    """The version that undoing the change leads back to; 0 for none."""
    version: int = 1
    files: Files = Files()
    """Where encoder and calibration were read from."""
    name: str = ""
    """The version's own file; "" where it was not read."""

    @property
    def mode(self) -> str:
        """ "nn-sampling" or "argmax"."""
        return "nn-sampling" if self.spec.normalise else "argmax"

    def limit_for(self, false_accepts: float) -> float:
        """The novelty that this share of background ink stays below."""
        rows = Rows(self.table.get("embeddings", np.zeros((0, 1))), 1.0, self.slots)
        return limit_for(rows, self.calibration.background, false_accepts)


def model_without_table(
    spec: EncoderSpec,
    encoder: PyTree,
    model_state: PyTree,
    outputs: Sequence[str],
    about: dict[str, Any],
) -> StoredModel:
    """A model whose network gives logits, from weights as numpy arrays.

    `outputs` names the first of its outputs; `about` has "job" and "made". No slot is
    in use, so no symbol can be registered.
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
    """Writes what is new of a model, then the pointer.

    `dtype` is what network weights are stored in; float16 halves their size.
    """
    folder = Path(folder)
    network = flatten({"params": model.encoder, "state": model.model_state})
    network = {name: np.asarray(x, dtype) for name, x in network.items()}
    encoder = write_hashed(folder, "encoder", network, {"spec": model.spec._asdict()})
    known = model.calibration._asdict()
    known |= {name: np.rint(127 * known[name]).astype(np.int8) for name in COARSE}
    calibration = write_hashed(folder, "calibration", known, {})
    save_version(folder, model._replace(files=Files(encoder, calibration)))
    return folder


def save_version(folder: Path, model: StoredModel) -> None:
    """Writes a version that refers to `model.files`, then the pointer."""
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
        (folder / name).unlink(missing_ok=True)  # no version that never was
        raise


def load_model(model: str | Path | None = None, usual: str = STROKES) -> StoredModel:
    """The current version of a model; of the `usual` one where none is named.

    Where its file is damaged, a warning names it and the last good version is loaded.
    InputError where none can be, or what they share is damaged.
    """
    folder = resolve(model, usual)
    wanted = _pointed_at(folder)
    damage: InputError | None = None
    for number, path in reversed(list(versions(folder))):
        if wanted is not None and number > wanted:
            continue
        try:
            version = load_version(path)
        except InputError as error:
            damage = damage or error
            continue
        if number == wanted:
            return version
        lost = f"version {wanted}" if wanted else f"the pointer {folder / CURRENT}"
        warnings.warn(
            f"{damage or f'{lost} of the model is missing or damaged.'} "
            f"Version {number} is used instead.",
            stacklevel=2,
        )
        return version
    raise damage or InputError(
        f"{folder} has no version file that {CURRENT} could mean; copy the model again."
    )


def load_version(path: Path) -> StoredModel:
    """One version, whole; InputError names the file that is damaged."""
    folder = path.parent
    header, tensors = read_hashed(path)
    try:
        if header["format"] not in READ:
            raise KeyError(f"format {header['format']}")
        files = Files(*(Path(header[name]).name for name in Files._fields))
        about, weights = read_hashed(folder / files.encoder)
        _, known = read_hashed(folder / files.calibration)
        known |= {name: known[name].astype(np.float32) / 127 for name in COARSE}
        network, rows = unflatten(weights), unflatten(tensors)
        slots: dict[str, Any] = rows["slots"]
        slots = {SPELT.get(name, name): leaf for name, leaf in slots.items()}
        return StoredModel(
            EncoderSpec(**about["spec"]),
            network["params"],
            network.get("state", {}),
            rows.get("table", {}),
            Slots(**slots),
            SymbolTable(
                tuple(header["symbols"]), header["aliases"], header.get("texts", {})
            ),
            header["about"],
            Calibration(**known),
            rows["origin"],
            tuple(Sample(*each) for each in header["samples"]),
            header["change"],
            header["before"],
            int(path.name.split("-")[1]),
            files,
            path.name,
        )
    except (KeyError, TypeError) as error:
        raise InputError(
            f"{folder} holds no model that this version can read ({error}); update "
            f"strokejax, or use another model."
        ) from error


def versions(folder: Path) -> Iterator[tuple[int, Path]]:
    """Number and file of each version, oldest first; damaged ones too."""
    numbered = [
        (int(m[1]), p) for p in folder.iterdir() if (m := _VERSION.fullmatch(p.name))
    ]
    yield from sorted(numbered)


def pointer(folder: Path) -> str:
    """The name of the current version's file, "" where there is none."""
    path = folder / CURRENT
    return path.read_text(errors="replace").strip() if path.is_file() else ""


def _pointed_at(folder: Path) -> int | None:
    named = _VERSION.fullmatch(pointer(folder))
    return int(named[1]) if named else None
