"""What a network is given of drawings, and what it will have seen of them."""

from collections.abc import Iterator, Sequence

import numpy as np

from strokejax.ink.formats import PackedInk, pack, unpack
from strokejax.ink.normalise import normalise_image
from strokejax.ink.raster import rasterize_binary
from strokejax.ink.resample import longer_side, resample
from strokejax.models.build import EncoderSpec
from strokejax.models.layouts import POINTS
from strokejax.types import Ink

CHUNK = 128
"""Inks drawn at a time by the published rule."""

Inputs = dict[str, np.ndarray]
"""One row an example: "points", "image", "size"."""


def see(
    spec: EncoderSpec, drawing: Ink | np.ndarray, usual_size: float | None = None
) -> Inputs:
    """The input for one drawing: ink, or a picture u8[h w] with ink high.

    `usual_size` is the longer side of the writer's usual letter, in the ink's units.
    """
    if isinstance(drawing, Ink):
        size = longer_side(drawing) / usual_size if usual_size else np.nan
        return draw(spec, pack([drawing]), np.array([size], np.float32))
    image = normalise_image(drawing, **spec.raster)
    return {"image": np.rint(255 * image).astype(np.uint8)[None]}


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
        images[start : start + CHUNK] = 255 * np.asarray(drawn)
    return {"image": images}


def seen(spec: EncoderSpec, inputs: Inputs) -> list[tuple[str, ...]]:
    """Which of "shape", "motion" and "size" the network sees of each input."""
    if "image" in inputs:
        return [("shape",)] * len(inputs["image"])
    known = np.isfinite(inputs.get("size", np.full(len(inputs["points"]), np.nan)))
    return [tuple(u for u in spec.uses if u != "size" or each) for each in known]


def by_kind(inputs: Sequence[Inputs]) -> Iterator[tuple[list[int], Inputs]]:
    """Inputs of one kind joined, with their places among all."""
    for kind in ("points", "image"):
        chosen = [i for i, each in enumerate(inputs) if kind in each]
        if chosen:
            names = inputs[chosen[0]]
            yield (
                chosen,
                {n: np.concatenate([inputs[i][n] for i in chosen]) for n in names},
            )
