"""Handwritten characters of many writers, to compose lines from."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from strokejax.data.dataset import data_file
from strokejax.data.sets.unipen import FILE, take_packed
from strokejax.data.splits import check_split, split_mask
from strokejax.ink.packed import PackedInk, pack, read_packed, unpack
from strokejax.ink.resample import longer_side
from strokejax.ink.synthesis.handwriting import SYMBOLS, random_writer, write
from strokejax.table.symbols import SPACE

MARKS = "unipen_punct_dev.npz"
MIN_CHARACTERS = 20
"""Different characters of a writer; those with fewer write no lines of their own."""
MIN_SIZE, MAX_SIZE = 0.03, 2.5
"""Over the writer's reference letter. A glyph beyond them was segmented wrongly, and is
drawn at the limit."""
CAPITAL = 1.15
"""About the height of a capital, over the reference letter."""
HELD_OUT_SEED = 1 << 20
"""Seed of the first validation writer; training writers have smaller ones."""


@dataclass(frozen=True, repr=False, eq=False)
class Glyphs:
    """Ink of single characters, by writer."""

    name: str
    packed: PackedInk
    size: np.ndarray
    """f32[n]: the longer side over the writer's reference letter; NaN where unknown."""
    by_writer: dict[str, dict[str, np.ndarray]]
    """Rows of each character, for each writer with enough of them."""
    by_character: dict[str, np.ndarray]
    """Rows of each character, over all writers."""

    def ink(self, row: int) -> list[np.ndarray]:
        """Strokes f32[m 2], in units of the writer's reference letter."""
        ink = unpack(self.packed, row)
        size = self.size[row] if np.isfinite(self.size[row]) else 1.0
        size = min(max(size, MIN_SIZE), MAX_SIZE)
        scale = size / max(longer_side(ink), 1e-6)
        return [scale * stroke[:, :2] for stroke in ink.strokes]


def unipen_glyphs(split: str, root: str | Path | None = None) -> Glyphs:
    """Letters, digits and marks by UNIPEN's writers of a split."""
    packs, sizes, labels, writers = [], [], [], []
    for file in (FILE, MARKS):
        packed, extra = read_packed(data_file(file, root))
        chosen = np.flatnonzero(split_mask(split, "writer", extra["writer"]))
        packs.append(take_packed(packed, chosen))
        sizes.append(extra["relative_size"][chosen])
        labels.append(extra["label"][chosen])
        writers.append(extra["writer"][chosen])
    return _glyphs(
        f"unipen/{split}",
        _concatenated(packs),
        np.concatenate(sizes).astype(np.float32),
        np.concatenate(labels),
        np.concatenate(writers),
    )


def built_in_glyphs(split: str, writers: int, samples: int) -> Glyphs:
    """`samples` of each character by each of `writers` synthetic writers."""
    check_split(split)
    first = HELD_OUT_SEED if split == "validation" else 0
    inks, sizes, labels, names = [], [], [], []
    for number in range(writers):
        rng = np.random.default_rng(first + number)
        writer = random_writer(rng)
        # Symbols with longer names are not characters of a text.
        for symbol in SYMBOLS:
            if symbol == SPACE or len(symbol) > 1:
                continue
            for _ in range(samples):
                inks.append(write(symbol, writer, rng))
                sizes.append(CAPITAL * longer_side(inks[-1]) / writer.size)
                labels.append(symbol)
                names.append(f"hand {number}")
    size = np.array(sizes, np.float32)
    return _glyphs(
        f"built-in/{split}", pack(inks), size, np.array(labels), np.array(names)
    )


def _glyphs(
    name: str,
    packed: PackedInk,
    size: np.ndarray,
    labels: np.ndarray,
    writers: np.ndarray,
) -> Glyphs:
    by_writer: dict[str, dict[str, np.ndarray]] = {}
    for writer in np.unique(writers):
        rows = np.flatnonzero(writers == writer)
        characters, which = np.unique(labels[rows], return_inverse=True)
        if len(characters) >= MIN_CHARACTERS:
            by_writer[str(writer)] = {
                str(character): rows[which == i]
                for i, character in enumerate(characters)
            }
    by_character = {
        str(label): np.flatnonzero(labels == label) for label in np.unique(labels)
    }
    return Glyphs(name, packed, size, by_writer, by_character)


def _concatenated(packs: Sequence[PackedInk]) -> PackedInk:
    # Starts are cumulative, so the lengths are concatenated and added up again.
    points = np.concatenate([packed.points for packed in packs])
    stroke = np.concatenate([np.diff(packed.stroke_start) for packed in packs])
    sample = np.concatenate([np.diff(packed.sample_start) for packed in packs])
    starts = (np.concatenate([[0], np.cumsum(x)]) for x in (stroke, sample))
    return PackedInk(points, *starts)
