"""The published EMNISTLines, pictures of characters side by side, from any glyphs."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from strokejax.data.dataset import Dataset
from strokejax.table.symbols import SPACE
from strokejax.tasks.lines.data import Line, LineSet
from strokejax.tasks.lines.glyphs import Glyphs
from strokejax.tasks.lines.handwriting import SpanSampler, draw_line
from strokejax.types import Batch

# The classes and sizes are those of the published lab.
SIZE = 28
"""Pixels of a window, and from one window to the next."""
PAD = "<P>"
SPECIAL = ("<B>", "<S>", "<E>", PAD)
"""Classes that are not characters: CTC's blank, start and end of a text, padding."""
CHARACTERS = (
    *"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz",
    *" !\"#&'()*+,-./:;?",
)
CLASSES = (*SPECIAL, *CHARACTERS)
CLASS_INDEX = {name: i for i, name in enumerate(CLASSES)}

MARGIN = 4
"""Blank pixels on each side of a letter or digit, whose longer side fills the rest."""
REFERENCE = 14.0
"""Pixels of a reference letter; marks are drawn at this scale."""
PEN = 2.0


# Pictures of characters


@dataclass(frozen=True)
class RenderedGlyphs:
    """A character's glyphs as pictures u8[28 28], rendered on access."""

    glyphs: Glyphs
    rows: np.ndarray
    alphanumeric: bool

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, i: int) -> np.ndarray:
        strokes = self.glyphs.ink(int(self.rows[i]))
        points = np.concatenate(strokes)
        side, room = max(float(np.ptp(points, axis=0).max()), 1e-6), SIZE - 2 * MARGIN
        scale = room / side if self.alphanumeric else min(REFERENCE, room / side)
        picture = draw_line(strokes, scale, PEN)[:SIZE, :SIZE]
        spare = SIZE - np.array(picture.shape)
        before = spare // 2
        return np.pad(picture, np.stack([before, spare - before], 1))


def pictures_of(source: Glyphs | Dataset) -> Mapping[str, np.ndarray | RenderedGlyphs]:
    """Pictures u8[28 28] by character: rendered glyphs, or those of a data set."""
    if isinstance(source, Glyphs):
        return {
            character: RenderedGlyphs(source, rows, character.isalnum())
            for character, rows in source.by_character.items()
        }
    image, labels = np.asarray(source.inputs["image"]), source.labels
    return {
        symbol: image[labels == i]
        for i, symbol in enumerate(source.symbols)
        if symbol != SPACE and (labels == i).any()
    }


# Lines


def cell_count(characters: int) -> int:
    """Cells of a line for texts of at most `characters`: two more, as published.

    A line for a single character has one cell.
    """
    return characters + 2 if characters > 1 else 1


def published_line(
    text: str,
    pictures: Mapping[str, np.ndarray | RenderedGlyphs],
    rng: np.random.Generator,
    *,
    overlap: tuple[float, float] = (0.0, 0.33),
    length: int = 32,
) -> np.ndarray:
    """u8[28 28 * length]: a line as the published EMNISTLines draws it.

    Each character is a random picture of its class, or blank without one. The overlap
    of cells, a share of their width, is sampled once a line; sums are clipped at 255.
    """
    line = np.zeros((SIZE, SIZE * length), np.uint16)
    step = int(SIZE * (1 - rng.uniform(*overlap)))
    for i, character in enumerate(text[:length]):
        if (choices := pictures.get(character)) is not None and len(choices):
            x = i * step
            line[:, x : x + SIZE] += choices[int(rng.integers(len(choices)))]
    return np.minimum(line, 255).astype(np.uint8)


def published_lines(
    source: Glyphs | Dataset,
    texts: Sequence[str],
    *,
    seed: int = 0,
    overlap: tuple[float, float] = (0.0, 0.33),
    length: int = 32,
) -> LineSet:
    """An endless set of published lines: spans of texts, or single characters.

    `length` is the `cell_count` of the longest text; with 1, the characters are
    uniformly distributed.
    """
    pictures = pictures_of(source)
    single = sorted({*pictures} & {*CHARACTERS})
    spans = SpanSampler(_in_classes(texts), length - 2) if length > 2 else None

    def line(i: int, train: bool) -> Line:
        rng = np.random.default_rng([seed, i])
        text = spans.sample(rng) if spans else str(rng.choice(single))
        picture = published_line(text, pictures, rng, overlap=overlap, length=length)
        return Line(picture, text, str(i))

    name = f"published lines of {source.name}"
    return LineSet(name, 0, frozenset(CHARACTERS), line, "line")


def _in_classes(texts: Sequence[str]) -> list[str]:
    """Texts without the characters that are not classes."""
    return ["".join(c for c in text if c in CLASS_INDEX) for text in texts]


# Batches


def window_batches(
    lines: LineSet, size: int, length: int, *, rows: slice
) -> Callable[[int], Batch]:
    """`at(step)`: `rows` of a global batch; labels i32[b length], one a window."""

    def at(step: int) -> Batch:
        first = step * size
        batch = [lines.line(first + i, True) for i in range(*rows.indices(size))]
        return collate_windows([line for line in batch if line], length)

    return at


def collate_windows(lines: Sequence[Line], length: int) -> Batch:
    """Lines as one batch: "image" u8[b 28 28 * length], labels padded with `PAD`."""
    image = np.stack([line.picture for line in lines])
    labels = np.full((len(lines), length), CLASS_INDEX[PAD], np.int32)
    for i, line in enumerate(lines):
        codes = [CLASS_INDEX[c] for c in line.text[:length]]
        labels[i, : len(codes)] = codes
    return Batch({"image": image}, labels, np.ones(len(lines), bool))
