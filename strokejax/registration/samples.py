"""Registered drawings, stored so that any encoder can embed them again."""

import hashlib
import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np

from strokejax.ink.limits import check_ink
from strokejax.ink.packed import PackedInk, check_packed, pack, unpack
from strokejax.ink.variants import apply_variant, by_name, variant_names
from strokejax.networks.inputs import validate_size
from strokejax.pictures.images import to_ink_image
from strokejax.pictures.normalise import crop_to_ink
from strokejax.recognizer import Recognizer
from strokejax.store.content import named, read_hashed, write_named
from strokejax.store.model import Sample
from strokejax.types import Drawing, Ink, InputError


class StoredDrawing(NamedTuple):
    """A drawing with all that is needed to embed it again."""

    drawing: Drawing
    reference_size: float | None = None
    """Longer side of the writer's typical letter, in the ink's units."""
    variants: tuple[str, ...] = ()
    """Names of variants that are registered too, see `ink.variants`."""
    digest: str = ""
    """`digest` of the drawing."""


def prepare_drawing(
    drawing: Any,
    where: str,
    reference_size: float | None = None,
    ignore: Collection[str] = (),
) -> StoredDrawing:
    """Checks ink or a picture, and names its variants; InputError if it is unusable."""
    if isinstance(drawing, Ink):
        drawing = check_ink(drawing, where)
        reference_size = validate_size(reference_size, where)
    else:  # a picture has no units
        drawing = crop_to_ink(to_ink_image(np.asarray(drawing), where))
        reference_size = None
    variants = variant_names(drawing, reference_size, ignore)
    return StoredDrawing(drawing, reference_size, variants, digest(drawing))


def embed_drawings(
    model: Recognizer, drawings: Sequence[StoredDrawing]
) -> dict[str, np.ndarray]:
    """Embeddings f32[n d] of drawings under "", and of each variant under its name.

    Rows of drawings without that variant are NaN.
    """
    variants = dict.fromkeys(name for each in drawings for name in each.variants)
    embeddings = {}
    for name in ["", *variants]:
        rows = [i for i, each in enumerate(drawings) if name in ("", *each.variants)]
        inputs = [
            apply_variant(drawings[i].drawing, drawings[i].reference_size, name)
            for i in rows
        ]
        z = np.full((len(drawings), model.spec.out_dim), np.nan, np.float32)
        z[rows] = model.embed_many(*zip(*inputs, strict=True))
        embeddings[name] = z
    return embeddings


def digest(drawing: Drawing) -> str:
    """A hash of a drawing's shape; times do not count."""
    sha256 = hashlib.sha256()
    if isinstance(drawing, Ink):
        for stroke in drawing.strokes:
            sha256.update(f"{len(stroke)};".encode())
            sha256.update(np.ascontiguousarray(stroke[:, :2], "<f4").tobytes())
    else:
        sha256.update(f"{drawing.shape}".encode())
        sha256.update(np.ascontiguousarray(drawing).tobytes())
    return sha256.hexdigest()[:32]


def new_drawings(
    samples: Sequence[Sample],
    drawings: Sequence[StoredDrawing],
    sources: Sequence[str],
    skip_known: bool,
) -> list[int]:
    """Indices of drawings that are not among a symbol's samples, nor repeated.

    InputError for any others, unless `skip_known`.
    """
    known = {each.digest: each.source or "one registered before" for each in samples}
    new = []
    for i, (drawing, source) in enumerate(zip(drawings, sources, strict=True)):
        source = source or f"drawing {i + 1}"
        if drawing.digest not in known:
            new.append(i)
        elif not skip_known:
            raise InputError(
                f"{source} is the same drawing as {known[drawing.digest]}; draw each "
                f"sample anew, since copies teach nothing."
            )
        known.setdefault(drawing.digest, source)
    return new


# Drawings as the tensors of a file


def to_tensors(
    stored: Sequence[StoredDrawing],
) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Drawings as a JSON header and arrays; `from_tensors` is the inverse."""
    drawings = [each.drawing for each in stored]
    tensors: dict[str, np.ndarray] = {}
    inks = [each for each in drawings if isinstance(each, Ink)]
    if inks:
        packed = pack(inks)
        points = packed.points.astype(np.float32)
        tensors |= packed._replace(points=points)._asdict()
    for row, each in enumerate(drawings):
        if not isinstance(each, Ink):
            tensors[f"picture/{row}"] = each
    header = {
        "kinds": ["ink" if isinstance(each, Ink) else "picture" for each in drawings],
        "hash": [each.digest or digest(each.drawing) for each in stored],
        "usual_size": [each.reference_size for each in stored],
        "variants": [list(each.variants) for each in stored],
    }
    return header, tensors


def from_tensors(
    header: Any, tensors: dict[str, np.ndarray], where: str
) -> list[StoredDrawing]:
    """The drawings that `to_tensors` wrote; InputError for invalid ones.

    Headers of older files lack "usual_size" and "variants".
    """
    try:
        drawings: list[StoredDrawing] = []
        inks, packed = 0, None
        if "ink" in header["kinds"]:
            packed = PackedInk(*(tensors[name] for name in PackedInk._fields))
            check_packed(packed, {}, where)
        sizes = header.get("usual_size", [None] * len(header["kinds"]))
        variants = header.get("variants", [()] * len(header["kinds"]))
        for row, kind in enumerate(header["kinds"]):
            if kind == "picture" or packed is None:
                drawing = _check_picture(tensors[f"picture/{row}"], where)
            else:
                drawing = check_ink(unpack(packed, inks), f"{where}, drawing {row}")
                inks += 1
            drawings.append(_stored_drawing(drawing, sizes[row], variants[row]))
    except (KeyError, IndexError, TypeError, AttributeError) as error:
        raise InputError(
            f"{where} has drawings that this version cannot read ({error}); update "
            f"strokejax, or copy the file again."
        ) from error
    return drawings


def _stored_drawing(
    drawing: Drawing, reference_size: Any, variants: Any
) -> StoredDrawing:
    """The fields of a header, checked; KeyError or TypeError for invalid ones."""
    number = isinstance(reference_size, int | float) and isinstance(drawing, Ink)
    if reference_size is not None and not (number and 0 < reference_size < math.inf):
        raise KeyError(f"reference size {reference_size!r}")
    names = tuple(by_name()[name].name for name in variants)
    if len({"", *names}) <= len(names):
        raise KeyError(f"variants {names}")
    return StoredDrawing(drawing, reference_size, names, digest(drawing))


def _check_picture(picture: np.ndarray, where: str) -> np.ndarray:
    # `prepare_drawing` made ink high already, so the polarity is not detected again.
    if picture.ndim != 2 or picture.dtype != np.uint8 or not picture.size:
        raise InputError(
            f"{where} has a picture of {picture.dtype}{list(picture.shape)}; stored "
            f"pictures are uint8[height, width]."
        )
    return picture


# Samples on disk


class Embeddings(Protocol):
    """Any store of the embeddings of samples."""

    def z(self, samples: Iterable[Sample]) -> np.ndarray:
        """f32[n d]: embeddings of samples."""
        ...


class SampleStore:
    """The samples in a model's folder; each file is read once."""

    def __init__(self, folder: Path):
        self._folder = folder
        self._z: dict[str, dict[str, np.ndarray]] = {}
        self._drawings: dict[str, list[StoredDrawing]] = {}
        self._unwritten: dict[str, bytes] = {}

    def put(
        self, drawings: Sequence[StoredDrawing], z: Mapping[str, np.ndarray]
    ) -> str:
        """Adds a file of drawings and their `embed_drawings`; returns its name."""
        header, tensors = to_tensors(drawings)
        tensors |= {_key(variant): rows for variant, rows in z.items()}
        file, data = named("samples", tensors, header)
        self._unwritten[file] = data
        self._z[file], self._drawings[file] = dict(z), list(drawings)
        return file

    def add(
        self,
        symbol: str,
        drawings: Sequence[StoredDrawing],
        z: Mapping[str, np.ndarray],
        sources: Sequence[str],
    ) -> tuple[Sample, ...]:
        """`put`, and the samples of the drawings and of their variants."""
        file = self.put(drawings, z)
        return tuple(
            Sample(symbol, file, row, each.digest, source, variant)
            for row, (each, source) in enumerate(zip(drawings, sources, strict=True))
            for variant in ("", *each.variants)
        )

    def write(self) -> None:
        """Writes the files that were added."""
        for file, data in self._unwritten.items():
            write_named(self._folder / file, data)
        self._unwritten.clear()

    def z(self, samples: Iterable[Sample]) -> np.ndarray:
        """f32[n d]: embeddings of one sample or more."""
        rows = []
        for sample in samples:
            if sample.file not in self._z:
                _, tensors = self._read(sample.file)
                self._z[sample.file] = {
                    variant: tensors[_key(variant)]
                    for variant in by_name()
                    if _key(variant) in tensors
                }
            rows.append(self._z[sample.file][sample.variant][sample.row])
        return np.array(rows)

    def drawings(self, file: str) -> list[StoredDrawing]:
        """The drawings of a file."""
        if file not in self._drawings:
            where = str(self._folder / file)
            self._drawings[file] = from_tensors(*self._read(file), where)
        return self._drawings[file]

    def _read(self, file: str) -> tuple[Any, dict[str, np.ndarray]]:
        return read_hashed(self._folder / Path(file).name)


def _key(variant: str) -> str:
    return f"z/{variant}" if variant else "z"
