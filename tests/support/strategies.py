"""Ink, packed ink and batches for property tests."""

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from strokejax.ink.packed import PackedInk
from strokejax.types import Batch

seeds = st.integers(0, 2**32 - 1)
reals = st.floats(-1e3, 1e3, width=32, allow_subnormal=False)
# Whole numbers put points on lines, midpoints and ties that random floats never meet.
lattice = st.integers(-12, 12).map(np.float32)


@st.composite
def strokes(draw, *, min_points=1, max_points=5, coordinates=None):
    """One stroke f32[n 2]."""
    kinds = [reals, lattice] if coordinates is None else [coordinates]
    elements = draw(st.sampled_from(kinds))
    shape = (draw(st.integers(min_points, max_points)), 2)
    return draw(hnp.arrays(np.float32, shape, elements=elements))


def drawings(*, max_strokes=3, **stroke):
    """Strokes of one drawing, as a tuple; a stroke of one point is a dot."""
    drawing = st.lists(strokes(**stroke), min_size=1, max_size=max_strokes)
    return drawing.map(tuple)


def packed(drawings) -> PackedInk:
    """Drawings (sequences of strokes) as packed ink."""
    strokes = [stroke for drawing in drawings for stroke in drawing]
    return PackedInk(
        np.concatenate(strokes),
        np.cumsum([0, *map(len, strokes)]),
        np.cumsum([0, *map(len, drawings)]),
    )


def packed_inks(*, max_samples=3, **drawing):
    """Packed ink of one to `max_samples` drawings."""
    return st.lists(drawings(**drawing), min_size=1, max_size=max_samples).map(packed)


@st.composite
def picture_batches(draw, *, rows=6, side=12, classes=5):
    """A batch of random pictures f32[rows side side], one example unmasked at least."""
    rng = np.random.default_rng(draw(seeds))
    mask = np.array(draw(st.lists(st.booleans(), min_size=rows, max_size=rows)))
    mask[draw(st.integers(0, rows - 1))] = True
    images = rng.random((rows, side, side), np.float32)
    labels = rng.integers(0, classes, rows).astype(np.int32)
    return Batch({"image": images}, labels, mask)


def unit_rows(rng: np.random.Generator, rows: int, dim: int) -> np.ndarray:
    """f32[rows dim] of length 1."""
    z = rng.normal(size=(rows, dim))
    return (z / np.linalg.norm(z, axis=1, keepdims=True)).astype(np.float32)
