"""Lines read symbol by symbol, where blank columns part them.

So a model of single symbols reads lines as well, and what was registered a moment ago.
Symbols that touch each other are taken for one; cursive wants a model of lines.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import numpy as np

from strokejax.pictures.lines import level_ink
from strokejax.recognizer import Recognizer
from strokejax.search.language import Guide
from strokejax.tasks.lines.decode import Reading, search

INK = 0.5
"""Of a column, in pixels of full ink: below it is blank."""
SPACE = 0.55
"""Blank columns between two words, in heights of a usual symbol."""
NEAREST = 8
"""Symbols that a piece may be."""
PAPER = 2
"""Blank pixels around a piece: a bar alone would be without contrast."""
NEVER = -14.0
"""Log probability of all others."""


class Pieces(NamedTuple):
    """A line cut at blank columns."""

    left: np.ndarray
    """i64[n]: where each piece begins in the picture."""
    right: np.ndarray
    drawings: list[np.ndarray]
    """u8[h w] each, ink high."""
    space: np.ndarray
    """bool[n]: whether a space comes before it."""


@dataclass(frozen=True)
class SymbolReader:
    """Reads by a model of single symbols; never changes, so threads may share it."""

    model: Recognizer

    @property
    def alphabet(self) -> tuple[str, ...]:
        """What each symbol types, by slot, and a space."""
        symbols = self.model.symbols
        typed = ("" if n is None else symbols.text(n) for n in symbols.names)
        return (*typed, " ")

    def prepare(self, picture: np.ndarray, where: str = "The picture") -> Pieces:
        """u8[h w], ink high, cut at blank columns; InputError for a blank picture."""
        ink = level_ink(picture, where)
        inked = np.concatenate([[False], ink.sum(0) > INK, [False]])
        left, right = np.flatnonzero(np.diff(inked)).reshape(-1, 2).T
        drawings = [_drawing(ink[:, a:b]) for a, b in zip(left, right, strict=True)]
        usual = np.median([max(each.shape) - 2 * PAPER for each in drawings])
        gap = np.append(0, left[1:] - right[:-1])
        return Pieces(left, right, drawings, gap > SPACE * usual)

    def read(
        self, lines: Sequence[Pieces], guide: Guide | None = None
    ) -> list[Reading]:
        """The texts of prepared lines, in their order."""
        return [self._one(line, guide) for line in lines]

    def _one(self, line: Pieces, guide: Guide | None) -> Reading:
        alphabet, slots = self.alphabet, self.model.symbols.slots_of
        unknown = [None] * len(line.drawings)
        answers = self.model.name_many(line.drawings, NEAREST, unknown)
        rows, left, right = [], [], []

        def step(log_p: dict[int, float], a: int, b: int) -> None:
            row = np.full(len(alphabet) + 1, NEVER, np.float32)
            row[list(log_p)] = list(log_p.values())
            # A step of the blank alone lets a symbol stand twice.
            rows.extend((row, np.append(np.full(len(alphabet), -np.inf), 0)))
            left.extend((a, b))
            right.extend((b, b))

        blank = {len(alphabet) - 1: 0.0}
        for i, answer in enumerate(answers):
            if line.space[i]:
                step(blank, int(line.right[i - 1]), int(line.left[i]))
            log_p = np.log(np.maximum(answer.probability, 1e-9))
            codes = (slots(name)[0] for name in answer.symbols)
            found = dict(zip(codes, log_p.tolist(), strict=True))
            step(found, int(line.left[i]), int(line.right[i]))
        size = 2 ** int(np.ceil(np.log2(len(rows))))  # few shapes are compiled
        log_p = np.zeros((1, size, len(alphabet) + 1), np.float32)
        log_p[0, : len(rows)] = rows
        places = np.append(left, right[-1])
        steps = np.array([len(rows)])
        at = partial(_place, places)
        return search(log_p, steps, alphabet, guide, [at])[0]


def _place(places: np.ndarray, step: int) -> float:
    return float(places[step])


def _drawing(ink: np.ndarray) -> np.ndarray:
    rows = np.flatnonzero(ink.max(1) > 0)
    drawn = np.rint(255 * ink[rows[0] : rows[-1] + 1]).astype(np.uint8)
    return np.pad(drawn, PAPER)
