"""What a network is given of drawings, and what it will have seen of them."""

import math
from collections.abc import Iterable, Iterator, Sequence
from numbers import Real
from typing import Any

import numpy as np

from strokejax.ink.formats import PackedInk, pack, unpack
from strokejax.ink.limits import check_ink
from strokejax.ink.raster import rasterize_binary
from strokejax.ink.resample import longer_side, resample
from strokejax.networks.functions import POINTS
from strokejax.networks.spec import EncoderSpec
from strokejax.pictures.images import to_ink_image
from strokejax.pictures.normalise import normalise_image
from strokejax.types import Ink, InputError

CHUNK = 128
"""Inks drawn at a time by the published rule."""

Inputs = dict[str, np.ndarray]
"""One row an example: "points", "image", "size"."""


def checked(drawing: Ink | np.ndarray | Any) -> Ink | np.ndarray:
    """Ink, or a picture as u8[h w] with ink high; InputError for what is neither."""
    if isinstance(drawing, Ink):
        return check_ink(drawing, "the ink")
    return to_ink_image(np.asarray(drawing), "the picture")


def checked_size(usual_size: Any, where: str) -> float | None:
    """A usual size above 0, or None; InputError for what is neither."""
    if usual_size is None:
        return None
    number = isinstance(usual_size, Real) and not isinstance(usual_size, bool)
    size = float(usual_size) if number else math.nan
    if not 0 < size < math.inf:
        raise InputError(
            f"The usual size of {where} is {usual_size!r}; give the longer side of a "
            f"usual letter, a number above 0 in the ink's units."
        )
    return size


def see(
    spec: EncoderSpec,
    drawings: Sequence[Ink | np.ndarray],
    usual_sizes: Sequence[float | None],
) -> Iterator[tuple[list[int], Inputs]]:
    """The inputs for `checked` drawings: all inks and all pictures, with their places.

    A usual size is the longer side of a writer's usual letter, in the ink's units.
    """
    inks = {i: each for i, each in enumerate(drawings) if isinstance(each, Ink)}
    if inks:
        size = [
            longer_side(ink) / usual if (usual := usual_sizes[i]) else np.nan
            for i, ink in inks.items()
        ]
        packed = pack([*inks.values()])
        yield [*inks], draw(spec, packed, np.array(size, np.float32))
    pictures = {i: x for i, x in enumerate(drawings) if not isinstance(x, Ink)}
    if pictures:
        seen = [normalise_image(each, **spec.raster) for each in pictures.values()]
        yield [*pictures], {"image": np.rint(255 * np.stack(seen)).astype(np.uint8)}


def draw(
    spec: EncoderSpec, packed: PackedInk, size: np.ndarray | None = None
) -> Inputs:
    """The inputs for many inks.

    "points" f32[n p 3], which the network draws anti-aliased, or "image" u8[n h w]
    where the model's pictures follow the published rule; and where the network has a
    use for it, "size" f32[n] relative to the writer's usual one, NaN where unknown.
    """
    n = len(packed.sample_start) - 1
    if not spec.binary:
        found = {"points": resample(packed, POINTS)}
        if "size" in spec.uses:
            unknown = np.full(n, np.nan, np.float32)
            found["size"] = unknown if size is None else size
        return found
    images = np.zeros((n, spec.size, spec.size), np.uint8)
    for start in range(0, n, CHUNK):
        inks = (unpack(packed, i) for i in range(n)[start : start + CHUNK])
        strokes = [ink.strokes for ink in inks]
        drawn = rasterize_binary(strokes, size=spec.size, margin=spec.margin)
        images[start : start + CHUNK] = 255 * drawn
    return {"image": images}


def seen(spec: EncoderSpec, inputs: Inputs) -> list[tuple[str, ...]]:
    """Which of "shape", "motion" and "size" the network sees of each input."""
    if "image" in inputs:
        return [("shape",)] * len(inputs["image"])
    size = inputs.get("size", np.full(len(inputs["points"]), np.nan))
    known = np.isfinite(size) & (size > 0)  # a dot has none
    return [tuple(u for u in spec.uses if u != "size" or each) for each in known]


def counted(spec: EncoderSpec, parts: Iterable[Inputs]) -> dict[str, int]:
    """Of how many examples the network sees "shape", "motion" and "size"."""
    uses = [each for inputs in parts for each in seen(spec, inputs)]
    return {use: sum(use in each for each in uses) for use in spec.uses}
