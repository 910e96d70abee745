"""The published EMNISTLines: pictures of characters side by side, with any glyphs."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from strokejax.data.dataset import Dataset
from strokejax.table.symbols import SPACE
from strokejax.tasks.lines.data import Line, LineSet
from strokejax.tasks.lines.glyphs import Glyphs
from strokejax.tasks.lines.handwriting import Spans, draw_line
from strokejax.types import Batch

# Classes and sizes of the published lab of lines (EMNISTLines); numbers only.


SIZE = 28
"""Pixels of a window, and from one to the next."""
PAD = "<P>"
SPECIAL = ("<B>", "<S>", "<E>", PAD)
"""Classes that are no character: CTC's blank, a text's start and end, and nothing."""
CHARACTERS = (
    *"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz",
    *" !\"#&'()*+,-./:;?",
)
CLASSES = (*SPECIAL, *CHARACTERS)


MARGIN = 4
"""Blank pixels beside the longer side of a letter or digit; marks keep their size."""
USUAL = 14.0
"""Pixels of a usual letter, where a mark is drawn."""
PEN = 2.0
NUMBER = {name: i for i, name in enumerate(CLASSES)}


@dataclass(frozen=True)
class Drawn:
    """Rows of a character's ink as pictures u8[28 28]; each is drawn when asked for."""

    glyphs: Glyphs
    rows: np.ndarray
    letter: bool

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, i: int) -> np.ndarray:
        strokes = self.glyphs.ink(int(self.rows[i]))
        every = np.concatenate(strokes)
        side, room = max(float(np.ptp(every, axis=0).max()), 1e-6), SIZE - 2 * MARGIN
        scale = room / side if self.letter else min(USUAL, room / side)
        drawn = draw_line(strokes, scale, PEN)[:SIZE, :SIZE]
        spare = SIZE - np.array(drawn.shape)
        before = spare // 2
        return np.pad(drawn, np.stack([before, spare - before], 1))


def cells(characters: int) -> int:
    """Of a line whose text has up to so many characters: two are blank, as published.

    A single character is a line of its own.
    """
    return characters + 2 if characters > 1 else 1


def pictures_of(source: Glyphs | Dataset) -> Mapping[str, np.ndarray | Drawn]:
    """Pictures u8[28 28] by character: drawn ink, or those of a data set."""
    if isinstance(source, Glyphs):
        return {
            character: Drawn(source, rows, character.isalnum())
            for character, rows in source.of_all.items()
        }
    image, labels = np.asarray(source.inputs["image"]), source.labels
    return {
        symbol: image[labels == i]
        for i, symbol in enumerate(source.symbols)
        if symbol != SPACE and (labels == i).any()
    }


def published_line(
    text: str,
    pictures: Mapping[str, np.ndarray | Drawn],
    rng: np.random.Generator,
    *,
    overlap: tuple[float, float] = (0.0, 0.33),
    length: int = 32,
) -> np.ndarray:
    """u8[28 28 * length]: a line as the published EMNISTLines draws it.

    Of each character one picture is chosen. Cells overlap by one share of their width,
    drawn once a line; sums are clipped at 255; a character without pictures is blank.
    """
    line = np.zeros((SIZE, SIZE * length), np.uint16)
    step = int(SIZE * (1 - rng.uniform(*overlap)))
    for i, character in enumerate(text[:length]):
        if (known := pictures.get(character)) is not None and len(known):
            x = i * step
            line[:, x : x + SIZE] += known[int(rng.integers(len(known)))]
    return np.minimum(line, 255).astype(np.uint8)


def published_lines(
    source: Glyphs | Dataset,
    texts: Sequence[str],
    *,
    seed: int = 0,
    overlap: tuple[float, float] = (0.0, 0.33),
    length: int = 32,
) -> LineSet:
    """Such lines without end: spans of texts, or with a `length` of 1 characters.

    `length` is `cells` of the longest text; of single characters each is as frequent as
    another.
    """
    pictures = pictures_of(source)
    single = sorted({*pictures} & {*CHARACTERS})
    some = Spans(_known(texts), length - 2) if length > 2 else None

    def line(i: int, train: bool) -> Line:
        rng = np.random.default_rng([seed, i])
        text = some.one(rng) if some else str(rng.choice(single))
        picture = published_line(text, pictures, rng, overlap=overlap, length=length)
        return Line(picture, text, str(i))

    name = f"published lines of {source.name}"
    return LineSet(name, 0, frozenset(CHARACTERS), line, "line")


def _known(texts: Sequence[str]) -> list[str]:
    """Texts without what is no class."""
    return ["".join(c for c in text if c in NUMBER) for text in texts]


def window_batches(
    lines: LineSet, size: int, length: int, *, rows: slice
) -> Callable[[int], Batch]:
    """`at(step)`: `rows` of a global batch; labels i32[b length] are of windows."""

    def at(step: int) -> Batch:
        first = step * size
        found = [lines.line(first + i, True) for i in range(*rows.indices(size))]
        return windows([line for line in found if line], length)

    return at


def windows(lines: Sequence[Line], length: int) -> Batch:
    """Lines as one batch: "image" u8[b 28 28 * length], labels padded with `PAD`."""
    image = np.stack([line.picture for line in lines])
    labels = np.full((len(lines), length), NUMBER[PAD], np.int32)
    for i, line in enumerate(lines):
        codes = [NUMBER[c] for c in line.text[:length]]
        labels[i, : len(codes)] = codes
    return Batch({"image": image}, labels, np.ones(len(lines), bool))
