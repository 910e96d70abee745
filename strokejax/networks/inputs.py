"""Make a network's inputs from drawings, and tell which modalities it uses of them."""

import math
from collections.abc import Iterable, Iterator, Sequence
from numbers import Real
from os import PathLike
from typing import Any

import numpy as np

from strokejax.ink.limits import check_ink
from strokejax.ink.packed import PackedInk, pack, unpack
from strokejax.ink.raster import rasterize_binary
from strokejax.ink.resample import longer_side, resample
from strokejax.networks.functions import POINTS
from strokejax.networks.spec import EncoderSpec
from strokejax.pictures.images import to_ink_image
from strokejax.pictures.normalise import normalise_image
from strokejax.types import Drawing, Ink, InputError

CHUNK = 128
"""Inks that the published rule rasterises at a time."""

Inputs = dict[str, np.ndarray]
"""One row an example: "points", "image", "size"."""


def validate(drawing: Ink | np.ndarray | Any) -> Ink | np.ndarray:
    """Ink within all limits, or a picture as u8[h w] with ink high.

    InputError for anything else.
    """
    if isinstance(drawing, Ink):
        return check_ink(drawing, "the ink")
    if isinstance(drawing, str | PathLike):
        raise InputError(
            f"{str(drawing)!r} is a file name, not a drawing; read the file first, by "
            f"strokejax.read_image or strokejax.read_ink."
        )
    if isinstance(drawing, list | tuple):
        raise InputError(
            "A list is not a drawing; make one of its points, "
            "strokejax.Ink((numpy.array(points),)), or of its pixels, numpy.array."
        )
    return to_ink_image(np.asarray(drawing), "the picture")


def validate_size(reference_size: Any, where: str) -> float | None:
    """A reference size above 0, or None; InputError for anything else."""
    if reference_size is None:
        return None
    number = isinstance(reference_size, Real) and not isinstance(reference_size, bool)
    size = float(reference_size) if number else math.nan
    if not 0 < size < math.inf:
        raise InputError(
            f"The reference size of {where} is {reference_size!r}; give the longer "
            f"side of a typical letter, a number above 0 in the ink's units."
        )
    return size


def make_inputs(
    spec: EncoderSpec,
    drawings: Sequence[Ink | np.ndarray],
    reference_sizes: Sequence[float | None],
) -> Iterator[tuple[list[int], Inputs]]:
    """`(indices, inputs)` for all inks, then for all pictures among the drawings.

    The drawings come from `validate`; indices are their positions. A writer's reference
    size is the longer side of a typical letter, in the ink's units.
    """
    inks = {i: x for i, x in enumerate(drawings) if isinstance(x, Ink)}
    if inks:
        size = [
            longer_side(ink) / reference
            if (reference := reference_sizes[i])
            else np.nan
            for i, ink in inks.items()
        ]
        packed = pack([*inks.values()])
        yield [*inks], draw(spec, packed, np.array(size, np.float32))
    pictures = {i: x for i, x in enumerate(drawings) if not isinstance(x, Ink)}
    if pictures:
        images = [normalise_image(x, **spec.raster) for x in pictures.values()]
        yield [*pictures], {"image": np.rint(255 * np.stack(images)).astype(np.uint8)}


def draw(
    spec: EncoderSpec, packed: PackedInk, size: np.ndarray | None = None
) -> Inputs:
    """The inputs for many inks.

    "points" f32[n p 3], which the network rasterises anti-aliased; or "image" u8[n h w]
    for a model whose pictures follow the published binary rule. A network that uses
    sizes also gets "size" f32[n], relative to the writer's reference size, NaN where
    unknown.
    """
    n = len(packed.sample_start) - 1
    if not spec.binary:
        inputs = {"points": resample(packed, POINTS)}
        if "size" in spec.uses:
            unknown = np.full(n, np.nan, np.float32)
            inputs["size"] = unknown if size is None else size
        return inputs
    images = np.zeros((n, spec.size, spec.size), np.uint8)
    for start in range(0, n, CHUNK):
        inks = (unpack(packed, i) for i in range(n)[start : start + CHUNK])
        strokes = [ink.strokes for ink in inks]
        pixels = rasterize_binary(strokes, size=spec.size, margin=spec.margin)
        images[start : start + CHUNK] = 255 * pixels
    return {"image": images}


def modalities(spec: EncoderSpec, inputs: Inputs) -> list[tuple[str, ...]]:
    """The modalities that the network uses of each input: "shape", "motion", "size"."""
    if "image" in inputs:
        return [("shape",)] * len(inputs["image"])
    size = inputs.get("size", np.full(len(inputs["points"]), np.nan))
    sized = np.isfinite(size) & (size > 0)  # a dot has no size
    return [tuple(use for use in spec.uses if use != "size" or x) for x in sized]


def modalities_of(
    spec: EncoderSpec, drawing: Drawing, reference_size: float | None
) -> tuple[str, ...]:
    """The modalities that the network uses of one drawing; see `modalities`."""
    if not isinstance(drawing, Ink) or spec.binary:
        return ("shape",)
    sized = reference_size is not None and longer_side(drawing) > 0  # a dot has no size
    return tuple(use for use in spec.uses if use != "size" or sized)


def count_modalities(spec: EncoderSpec, parts: Iterable[Inputs]) -> dict[str, int]:
    """The number of examples of which the network uses each modality."""
    rows = [row for inputs in parts for row in modalities(spec, inputs)]
    return {use: sum(use in row for row in rows) for use in spec.uses}
