"""Drawings that people registered, kept so that rows can be made of them again."""

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
    """A drawing as it is kept, with what has to be known to embed it again."""

    drawing: Drawing
    usual_size: float | None = None
    """The longer side of the writer's usual letter, in the ink's units."""
    variants: tuple[str, ...] = ()
    """What it stands for as well, by the names of `variants`."""
    digest: str = ""
    """A hash of what was drawn."""


def prepared(
    drawing: Any,
    where: str,
    usual_size: float | None = None,
    ignore: Collection[str] = (),
) -> StoredDrawing:
    """A drawing as it is kept; InputError for what cannot be used."""
    if not isinstance(drawing, Ink):
        picture = crop_to_ink(to_ink_image(np.asarray(drawing), where))
        variants = variant_names(picture, None, ignore)
        return StoredDrawing(picture, None, variants, digest(picture))
    ink = check_ink(drawing, where)
    usual_size = validate_size(usual_size, where)
    variants = variant_names(ink, usual_size, ignore)
    return StoredDrawing(ink, usual_size, variants, digest(ink))


def embedded(
    model: Recognizer, drawings: Sequence[StoredDrawing]
) -> dict[str, np.ndarray]:
    """f32[n d] of drawings under "", and of each variant under its name.

    Rows are NaN where a drawing has no such variant.
    """
    names = dict.fromkeys(["", *(name for each in drawings for name in each.variants)])
    embeddings = {}
    for name in names:
        has = [
            i for i, each in enumerate(drawings) if not name or name in each.variants
        ]
        shown = [
            apply_variant(drawings[i].drawing, drawings[i].usual_size, name)
            for i in has
        ]
        embeddings[name] = np.full(
            (len(drawings), model.spec.out_dim), np.nan, np.float32
        )
        embeddings[name][has] = model.embed_many(*zip(*shown, strict=True))
    return embeddings


def digest(drawing: Drawing) -> str:
    """A hash of what was drawn: of the shape alone, not of time."""
    hashed = hashlib.sha256()
    if isinstance(drawing, Ink):
        for stroke in drawing.strokes:
            hashed.update(f"{len(stroke)};".encode())
            hashed.update(np.ascontiguousarray(stroke[:, :2], "<f4").tobytes())
    else:
        hashed.update(f"{drawing.shape}".encode())
        hashed.update(np.ascontiguousarray(drawing).tobytes())
    return hashed.hexdigest()[:32]


def to_tensors(
    stored: Sequence[StoredDrawing],
) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Drawings as a header of JSON and arrays; `from_tensors` takes them back."""
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
        "usual_size": [each.usual_size for each in stored],
        "variants": [list(each.variants) for each in stored],
    }
    return header, tensors


def from_tensors(
    header: Any, tensors: dict[str, np.ndarray], where: str
) -> list[StoredDrawing]:
    """The drawings that `to_tensors` wrote; InputError where they are none.

    Headers of older files know neither usual sizes nor variants.
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
                drawing = _picture(tensors[f"picture/{row}"], where)
            else:
                drawing = check_ink(unpack(packed, inks), f"{where}, drawing {row}")
                inks += 1
            drawings.append(_kept(drawing, sizes[row], variants[row]))
    except (KeyError, IndexError, TypeError, AttributeError) as error:
        raise InputError(
            f"{where} holds no drawings that this version can read ({error})."
        ) from error
    return drawings


def _kept(drawing: Drawing, usual_size: Any, variants: Any) -> StoredDrawing:
    """KeyError and TypeError for what is none of its fields."""
    number = isinstance(usual_size, int | float) and isinstance(drawing, Ink)
    if usual_size is not None and not (number and 0 < usual_size < math.inf):
        raise KeyError(f"usual size {usual_size!r}")
    names = tuple(by_name()[name].name for name in variants)
    if len({"", *names}) <= len(names):
        raise KeyError(f"variants {names}")
    return StoredDrawing(drawing, usual_size, names, digest(drawing))


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
        self._z: dict[str, dict[str, np.ndarray]] = {}
        self._kept: dict[str, list[StoredDrawing]] = {}
        self._unwritten: dict[str, bytes] = {}

    def put(
        self, drawings: Sequence[StoredDrawing], z: Mapping[str, np.ndarray]
    ) -> str:
        """The name of a file of drawings and their `embedded`, for `write` to keep."""
        header, tensors = to_tensors(drawings)
        tensors |= {_key(name): each for name, each in z.items()}
        file, data = named("samples", tensors, header)
        self._unwritten[file] = data
        self._z[file], self._kept[file] = dict(z), list(drawings)
        return file

    def add(
        self,
        symbol: str,
        drawings: Sequence[StoredDrawing],
        z: Mapping[str, np.ndarray],
        sources: Sequence[str],
    ) -> tuple[Sample, ...]:
        """Samples of drawings and of their variants, for `write` to keep."""
        file = self.put(drawings, z)
        return tuple(
            Sample(symbol, file, row, each.digest, source, variant)
            for row, (each, source) in enumerate(zip(drawings, sources, strict=True))
            for variant in ("", *each.variants)
        )

    def write(self) -> None:
        """Writes what was added."""
        for file, data in self._unwritten.items():
            write_named(self._folder / file, data)
        self._unwritten.clear()

    def z(self, samples: Iterable[Sample]) -> np.ndarray:
        """f32[n d]: embeddings of samples, of one at least."""
        rows = []
        for each in samples:
            if each.file not in self._z:
                _, tensors = self._read(each.file)
                self._z[each.file] = {
                    name: tensors[_key(name)]
                    for name in by_name()
                    if _key(name) in tensors
                }
            rows.append(self._z[each.file][each.variant][each.row])
        return np.array(rows)

    def kept(self, file: str) -> list[StoredDrawing]:
        """The drawings of a file."""
        if file not in self._kept:
            header, tensors = self._read(file)
            where = str(self._folder / file)
            self._kept[file] = from_tensors(header, tensors, where)
        return self._kept[file]

    def _read(self, file: str) -> tuple[Any, dict[str, np.ndarray]]:
        return read_hashed(self._folder / Path(file).name)


def _key(variant: str) -> str:
    return f"z/{variant}" if variant else "z"


def unknown_to(
    samples: Sequence[Sample],
    drawings: Sequence[StoredDrawing],
    sources: Sequence[str],
    skip: bool,
) -> list[int]:
    """Which drawings a symbol does not have; InputError for others unless `skip`."""
    seen = {each.digest: each.source or "one registered before" for each in samples}
    new = []
    for i, each in enumerate(drawings):
        digest, source = each.digest, sources[i] or f"drawing {i + 1}"
        if digest not in seen:
            new.append(i)
        elif not skip:
            raise InputError(
                f"{source} is the same drawing as {seen[digest]}; draw each sample "
                f"anew, copies teach nothing."
            )
        seen.setdefault(digest, source)
    return new
