"""Drawings that people registered, kept so that rows can be made of them again."""

import hashlib
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np

from strokejax.hashed import read_hashed, write_hashed
from strokejax.ink.formats import PackedInk, check_ink, pack, unpack
from strokejax.ink.images import to_ink_image
from strokejax.ink.normalise import shrunk
from strokejax.model_store import Sample
from strokejax.types import Ink, InputError

Drawing = Ink | np.ndarray
"""Ink, or a picture u8[h w] with ink high."""


class Drawings(NamedTuple):
    """What one file of samples holds."""

    drawings: list[Drawing]
    z: np.ndarray
    """f32[n d]: embeddings by the model's encoder."""


def prepared(drawing: Any, where: str) -> Drawing:
    """A drawing as it is kept; InputError for what cannot be used."""
    if isinstance(drawing, Ink):
        return check_ink(drawing, where)
    return shrunk(to_ink_image(np.asarray(drawing), where))


def digest(drawing: Drawing) -> str:
    """A hash of what was drawn: of the shape alone, not of time."""
    found = hashlib.sha256()
    if isinstance(drawing, Ink):
        for stroke in drawing.strokes:
            found.update(f"{len(stroke)};".encode())
            found.update(np.ascontiguousarray(stroke[:, :2], "<f4").tobytes())
    else:
        found.update(f"{drawing.shape}".encode())
        found.update(np.ascontiguousarray(drawing).tobytes())
    return found.hexdigest()[:32]


def write_samples(
    folder: Path, drawings: Sequence[Drawing], z: np.ndarray
) -> tuple[str, list[str]]:
    """Keeps drawings and their embeddings; the file's name and the drawings' hashes."""
    header, tensors = to_tensors(drawings)
    tensors["z"] = np.asarray(z, np.float32)
    return write_hashed(folder, "samples", tensors, header), header["hash"]


def to_tensors(
    drawings: Sequence[Drawing],
) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Drawings as a header of JSON and arrays; `from_tensors` takes them back."""
    kinds = ["ink" if isinstance(each, Ink) else "picture" for each in drawings]
    tensors: dict[str, np.ndarray] = {}
    inks = [each for each in drawings if isinstance(each, Ink)]
    if inks:
        packed = pack(inks)
        points = packed.points.astype(np.float32)
        tensors |= packed._replace(points=points)._asdict()
    for row, each in enumerate(drawings):
        if not isinstance(each, Ink):
            tensors[f"picture/{row}"] = each
    return {"kinds": kinds, "hash": [digest(each) for each in drawings]}, tensors


def read_samples(path: Path) -> Drawings:
    """The drawings of a file; InputError names one that is damaged."""
    header, tensors = read_hashed(path)
    drawings = from_tensors(header, tensors, str(path))
    z = tensors.get("z")
    if z is None or len(z) != len(drawings):
        raise InputError(f"{path} has not one embedding a drawing; copy it again.")
    return Drawings(drawings, z)


def from_tensors(
    header: Any, tensors: dict[str, np.ndarray], where: str
) -> list[Drawing]:
    """The drawings that `to_tensors` wrote; InputError where they are none."""
    try:
        found: list[Drawing] = []
        inks, packed = 0, None
        if "ink" in header["kinds"]:
            packed = PackedInk(*(tensors[name] for name in PackedInk._fields))
        for row, kind in enumerate(header["kinds"]):
            if kind == "picture" or packed is None:
                found.append(to_ink_image(tensors[f"picture/{row}"], where))
                continue
            found.append(check_ink(unpack(packed, inks), f"{where}, drawing {row}"))
            inks += 1
    except (KeyError, IndexError, TypeError, AttributeError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(
            f"{where} holds no drawings that this version can read ({error})."
        ) from error
    return found


class Embeddings(Protocol):
    """Whatever knows the embeddings of samples."""

    def z(self, samples: Iterable[Sample]) -> np.ndarray:
        """f32[n d]: embeddings of samples."""
        ...


class SampleStore:
    """The samples of a model's folder; each file is read once."""

    def __init__(self, folder: Path):
        self._folder = folder
        self._read = cache(lambda name: read_samples(folder / Path(name).name))

    def z(self, samples: Iterable[Sample]) -> np.ndarray:
        """f32[n d]: embeddings of samples; one row at least of no samples is wrong."""
        return np.array([self._read(each.file).z[each.row] for each in samples])

    def drawing(self, sample: Sample) -> Drawing:
        """What was drawn."""
        return self._read(sample.file).drawings[sample.row]
