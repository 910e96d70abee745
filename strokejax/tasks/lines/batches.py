"""Batches of lines of like width: a pure function of the seed and the step."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from strokejax.pictures.lines import HEIGHT, normalise_line
from strokejax.tasks.lines.data import LineSet
from strokejax.tasks.lines.handwriting import pressed
from strokejax.types import Batch, InputError

WIDTHS = (128, 256, 384, 512, 768, 1024)
"""Pixels of a batch's lines; wider lines are pressed into the last."""
LETTERS = 96
"""Of a text; lines with more are left out."""
POOL = 16
"""Batches whose lines are sorted by width together."""


class Normal(NamedTuple):
    """A normalised line with what it says."""

    pixels: np.ndarray
    text: str


def line_batches(
    lines: LineSet, alphabet: Sequence[str], size: int, *, seed: int, rows: slice
) -> Callable[[int], Batch]:
    """`at(step)`: `rows` of a global batch of `size` lines.

    Inputs "image" u8[b HEIGHT w] and "width" i32[b], w one of `WIDTHS`; labels are
    places in the alphabet, i32[b LETTERS], -1 behind the end. What the alphabet lacks
    is left out of texts.
    """
    number = {character: i for i, character in enumerate(alphabet)}
    pool = lru_cache(2)(lambda which: _pool(lines, size, seed, which))

    def at(step: int) -> Batch:
        chosen = pool(step // POOL)[step % POOL]
        widest = max(line.pixels.shape[1] for line in chosen)
        width = next((each for each in WIDTHS if widest <= each), WIDTHS[-1])
        return gathered(chosen[rows], number, width)

    return at


def gathered(lines: Sequence[Normal], number: dict[str, int], width: int) -> Batch:
    """Lines as one batch, padded or pressed to a width."""
    image = np.zeros((len(lines), HEIGHT, width), np.uint8)
    widths = np.zeros(len(lines), np.int32)
    labels = np.full((len(lines), LETTERS), -1, np.int32)
    for i, line in enumerate(lines):
        pixels = pressed(line.pixels, width)
        widths[i] = pixels.shape[1]
        image[i, :, : widths[i]] = pixels
        codes = [number[c] for c in line.text if c in number][:LETTERS]
        labels[i, : len(codes)] = codes
    mask = np.ones(len(lines), bool)
    return Batch({"image": image, "width": widths}, labels, mask)


def _pool(lines: LineSet, size: int, seed: int, which: int) -> list[list[Normal]]:
    """`POOL` batches of lines, each of like width, in random order."""
    wanted, found = POOL * size, []
    start = which * wanted
    # Lines that cannot be are replaced by the next; there are few.
    for i in range(start, start + 3 * wanted):
        line = lines.line(_shuffled(lines.count, seed, i), True)
        if line is not None and 0 < len(line.text) <= LETTERS:
            with suppress(InputError):  # blank, or a dash beyond all bounds
                found.append(Normal(normalise_line(line.picture).pixels, line.text))
        if len(found) == wanted:
            break
    else:
        raise InputError(
            f"{lines.name} has {len(found)} lines of {3 * wanted} that can be trained "
            f"on; give lines of ink with texts of 1 to {LETTERS} characters."
        )
    found.sort(key=lambda line: line.pixels.shape[1])
    batches = [found[i : i + size] for i in range(0, wanted, size)]
    order = np.random.default_rng([seed, which]).permutation(POOL)
    return [batches[i] for i in order]


def _shuffled(count: int, seed: int, i: int) -> int:
    """The number of the i-th line: every epoch another order, and other numbers."""
    if not count:
        return i
    epoch, place = divmod(i, count)
    return epoch * count + int(_order(count, seed, epoch)[place])


@lru_cache(4)
def _order(count: int, seed: int, epoch: int) -> np.ndarray:
    return np.random.default_rng([seed, epoch, 1]).permutation(count)
