"""Characters of many hands, to write lines with."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from strokejax.data.dataset import data_file
from strokejax.data.sets.unipen import FILE, take_packed
from strokejax.data.splits import split_mask
from strokejax.ink.formats import PackedInk, pack, read_packed, unpack
from strokejax.ink.resample import longer_side
from strokejax.ink.synthesis.handwriting import SYMBOLS, random_writer, write
from strokejax.table.symbols import SPACE
from strokejax.types import InputError

MARKS = "unipen_punct_dev.npz"
ENOUGH = 20
"""Different characters that a hand must have written."""
SIZES = 0.03, 2.5
"""What is beyond, of a usual letter, was cut out of the page wrongly."""
HELD_OUT_SEED = 1 << 20
"""Built-in writers of the validation set; those of the training set come before."""


@dataclass(frozen=True, repr=False, eq=False)
class Glyphs:
    """Ink of characters by the hand that wrote it."""

    name: str
    packed: PackedInk
    size: np.ndarray
    """f32[n]: the longer side over the hand's usual letter; NaN where unknown."""
    of_hand: dict[str, dict[str, np.ndarray]]
    """Rows of each character, by hand."""
    of_all: dict[str, np.ndarray]
    """Rows of each character, whosever they are."""

    def ink(self, row: int) -> list[np.ndarray]:
        """Strokes f32[m 2]; the longer side is `size` of the hand's usual letter."""
        ink = unpack(self.packed, row)
        size = self.size[row] if np.isfinite(self.size[row]) else 1.0
        size = min(max(size, SIZES[0]), SIZES[1])
        scale = size / max(longer_side(ink), 1e-6)
        return [scale * stroke[:, :2] for stroke in ink.strokes]


def unipen_glyphs(split: str, root: str | Path | None = None) -> Glyphs:
    """Letters, digits and marks of UNIPEN's writers of a split."""
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
        _joined(packs),
        np.concatenate(sizes).astype(np.float32),
        np.concatenate(labels),
        np.concatenate(writers),
    )


def built_in_glyphs(split: str, hands: int, samples: int) -> Glyphs:
    """The characters of that many built-in hands."""
    if split not in ("train", "validation"):
        raise InputError(f"There is no split {split!r}; use 'train' or 'validation'.")
    first = HELD_OUT_SEED if split == "validation" else 0
    inks, sizes, labels, names = [], [], [], []
    for hand in range(hands):
        rng = np.random.default_rng(first + hand)
        writer = random_writer(rng)
        for symbol in SYMBOLS:
            if symbol == SPACE or len(symbol) > 1:
                continue
            for _ in range(samples):
                inks.append(write(symbol, writer, rng))
                # A capital's height is about 1.15 of the usual letter.
                sizes.append(1.15 * longer_side(inks[-1]) / writer.size)
                labels.append(symbol)
                names.append(f"hand {hand}")
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
    of_hand: dict[str, dict[str, np.ndarray]] = {}
    for writer in np.unique(writers):
        rows = np.flatnonzero(writers == writer)
        own, which = np.unique(labels[rows], return_inverse=True)
        if len(own) >= ENOUGH:
            of_hand[str(writer)] = {
                str(character): rows[which == i] for i, character in enumerate(own)
            }
    of_all = {str(each): np.flatnonzero(labels == each) for each in np.unique(labels)}
    return Glyphs(name, packed, size, of_hand, of_all)


def _joined(packs: Sequence[PackedInk]) -> PackedInk:
    points = np.concatenate([each.points for each in packs])
    stroke = np.concatenate([np.diff(each.stroke_start) for each in packs])
    sample = np.concatenate([np.diff(each.sample_start) for each in packs])
    starts = (np.concatenate([[0], np.cumsum(x)]) for x in (stroke, sample))
    return PackedInk(points, *starts)
