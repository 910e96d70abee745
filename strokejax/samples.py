"""Drawings that people registered, kept so that rows can be made of them again."""

import hashlib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from strokejax.hashed import named, read_hashed, write_named
from strokejax.ink.formats import PackedInk, check_ink, pack, unpack
from strokejax.ink.images import to_ink_image
from strokejax.ink.normalise import shrunk
from strokejax.ink.packed import check_packed
from strokejax.model_store import Sample
from strokejax.types import Ink, InputError

Drawing = Ink | np.ndarray
"""Ink, or a picture u8[h w] with ink high."""


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


def from_tensors(
    header: Any, tensors: dict[str, np.ndarray], where: str
) -> list[Drawing]:
    """The drawings that `to_tensors` wrote; InputError where they are none."""
    try:
        found: list[Drawing] = []
        inks, packed = 0, None
        if "ink" in header["kinds"]:
            packed = PackedInk(*(tensors[name] for name in PackedInk._fields))
            check_packed(packed, {}, where)
        for row, kind in enumerate(header["kinds"]):
            if kind == "picture" or packed is None:
                found.append(_picture(tensors[f"picture/{row}"], where))
                continue
            found.append(check_ink(unpack(packed, inks), f"{where}, drawing {row}"))
            inks += 1
    except (KeyError, IndexError, TypeError, AttributeError) as error:
        raise InputError(
            f"{where} holds no drawings that this version can read ({error})."
        ) from error
    return found


def _picture(picture: np.ndarray, where: str) -> np.ndarray:
    """A picture as `prepared` left it: what is ink is not asked anew."""
    if picture.ndim != 2 or picture.dtype != np.uint8 or not picture.size:
        raise InputError(
            f"{where} has a picture of {picture.dtype}{list(picture.shape)}; drawings "
            f"are kept as uint8[height, width]."
        )
    return picture


class Embeddings(Protocol):
    """Whatever knows the embeddings of samples."""

    def z(self, samples: Iterable[Sample]) -> np.ndarray:
        """f32[n d]: embeddings of samples."""
        ...


class SampleStore:
    """The samples of a model's folder; each file is read once."""

    def __init__(self, folder: Path):
        self._folder = folder
        self._z: dict[str, np.ndarray] = {}
        self._drawings: dict[str, list[Drawing]] = {}
        self._unwritten: dict[str, bytes] = {}

    def add(
        self,
        symbol: str,
        drawings: Sequence[Drawing],
        z: np.ndarray,
        sources: Sequence[str],
    ) -> tuple[Sample, ...]:
        """Samples of drawings with embeddings f32[n d], for `write` to keep."""
        header, tensors = to_tensors(drawings)
        tensors["z"] = np.asarray(z, np.float32)
        file, data = named("samples", tensors, header)
        self._unwritten[file] = data
        self._z[file] = tensors["z"]
        both = zip(header["hash"], sources, strict=True)
        return tuple(Sample(symbol, file, row, *each) for row, each in enumerate(both))

    def write(self) -> None:
        """Writes what was added."""
        for file, data in self._unwritten.items():
            write_named(self._folder / file, data)
        self._unwritten.clear()

    def z(self, samples: Iterable[Sample]) -> np.ndarray:
        """f32[n d]: embeddings of samples, of one at least."""
        found = []
        for each in samples:
            if each.file not in self._z:
                self._z[each.file] = self._read(each)[1]["z"]
            found.append(self._z[each.file][each.row])
        return np.array(found)

    def drawing(self, sample: Sample) -> Drawing:
        """What was drawn."""
        if sample.file not in self._drawings:
            header, tensors = self._read(sample)
            where = str(self._folder / sample.file)
            self._drawings[sample.file] = from_tensors(header, tensors, where)
        return self._drawings[sample.file][sample.row]

    def _read(self, sample: Sample) -> tuple[Any, dict[str, np.ndarray]]:
        return read_hashed(self._folder / Path(sample.file).name)
