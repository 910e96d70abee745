"""Batches of lines of similar width: a pure function of the seed and the step."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from strokejax.pictures.lines import HEIGHT, normalise_line
from strokejax.tasks.lines.data import LineSet
from strokejax.tasks.lines.handwriting import squeeze
from strokejax.types import Batch, InputError

WIDTHS = (128, 256, 384, 512, 768, 1024)
"""Widths of batches in pixels; wider lines are squeezed into the last."""
MAX_LETTERS = 96
"""Characters of a text; lines with longer texts are left out."""
POOL = 16
"""Batches whose lines are sorted by width together."""


class TrainingLine(NamedTuple):
    """A normalised line, u8[HEIGHT w], and its text."""

    pixels: np.ndarray
    text: str


def line_batches(
    lines: LineSet, alphabet: Sequence[str], size: int, *, seed: int, rows: slice
) -> Callable[[int], Batch]:
    """`at(step)`: `rows` of a global batch of `size` lines.

    Inputs are "image" u8[b HEIGHT w], w one of `WIDTHS`, and "width" i32[b]. Labels are
    indices into the alphabet, i32[b MAX_LETTERS], -1 after the end; characters outside
    the alphabet are dropped. InputError for a set with too few usable lines.
    """
    index = {character: i for i, character in enumerate(alphabet)}
    pool = lru_cache(2)(lambda which: _pool(lines, size, seed, which))

    def at(step: int) -> Batch:
        batch = pool(step // POOL)[step % POOL]
        widest = max(line.pixels.shape[1] for line in batch)
        width = next((width for width in WIDTHS if widest <= width), WIDTHS[-1])
        return collate(batch[rows], index, width)

    return at


def collate(lines: Sequence[TrainingLine], index: dict[str, int], width: int) -> Batch:
    """Lines as one batch, padded or squeezed to a width in pixels."""
    image = np.zeros((len(lines), HEIGHT, width), np.uint8)
    widths = np.zeros(len(lines), np.int32)
    labels = np.full((len(lines), MAX_LETTERS), -1, np.int32)
    for i, line in enumerate(lines):
        pixels = squeeze(line.pixels, width)
        widths[i] = pixels.shape[1]
        image[i, :, : widths[i]] = pixels
        codes = [index[c] for c in line.text if c in index][:MAX_LETTERS]
        labels[i, : len(codes)] = codes
    mask = np.ones(len(lines), bool)
    return Batch({"image": image, "width": widths}, labels, mask)


def _pool(lines: LineSet, size: int, seed: int, which: int) -> list[list[TrainingLine]]:
    """`POOL` batches in random order, each of lines of similar width."""
    count = POOL * size
    pool: list[TrainingLine] = []
    start = which * count
    # The next lines replace unusable ones, which are few.
    for i in range(start, start + 3 * count):
        line = lines.line(_shuffled(lines.count, seed, i), True)
        if line is not None and 0 < len(line.text) <= MAX_LETTERS:
            with suppress(InputError):  # a blank picture, or an extremely wide one
                pool.append(
                    TrainingLine(normalise_line(line.picture).pixels, line.text)
                )
        if len(pool) == count:
            break
    else:
        raise InputError(
            f"{lines.name} has {len(pool)} lines of {3 * count} that training can use; "
            f"give lines of ink with texts of 1 to {MAX_LETTERS} characters."
        )
    pool.sort(key=lambda line: line.pixels.shape[1])
    batches = [pool[i : i + size] for i in range(0, count, size)]
    order = np.random.default_rng([seed, which]).permutation(POOL)
    return [batches[i] for i in order]


def _shuffled(count: int, seed: int, i: int) -> int:
    """The number of the i-th line; each epoch permutes anew and has new numbers.

    `LineSet.line` augments by number, so no epoch repeats another's pictures.
    """
    if not count:
        return i
    epoch, place = divmod(i, count)
    return epoch * count + int(_order(count, seed, epoch)[place])


@lru_cache(4)
def _order(count: int, seed: int, epoch: int) -> np.ndarray:
    return np.random.default_rng([seed, epoch, 1]).permutation(count)
