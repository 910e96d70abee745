"""Lines of handwriting, written from single characters: one hand a line.

Characters stand on a baseline that drifts, each as large as the hand made it, with gaps
of the line's own; the line leans, and its pen is as wide as it happens to be. What the
characters' ink does not tell, where they stand, is `_place`'s rule.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from strokejax.tasks.lines.glyphs import Glyphs
from strokejax.tasks.lines.handwriting_line_drawing import (
    CLEAN,
    Paper,
    draw_line,
    on_paper,
)
from strokejax.types import InputError

CELL = 0.45
"""Blank beside a character without overlap, in usual letters: 9 pixels beside 19, as
where the published lines are drawn."""
SCALE = 18.0
"""Pixels of a usual letter where a line is drawn."""
BELOW = {**dict.fromkeys("gpqy", 0.42), "j": 0.33, ",": 0.6, ";": 0.3, "Q": 0.1}
"""How much of a character hangs below the baseline, of its height."""
RAISED = frozenset("\"'`^*°’")
CENTRED = frozenset("-+=~<>•")
TOP, MIDDLE = -1.1, -0.38
"""Where raised characters begin and centred ones lie, in usual letters, y down."""


class Style(NamedTuple):
    """What a line may look like; (low, high) of a uniform choice, or a deviation."""

    overlap: tuple[float, float] = (0.0, 0.33)
    """Of neighbouring cells, once a line."""
    gap: float = 0.08
    """Deviation of each gap, in usual letters."""
    space: tuple[float, float] = (0.45, 0.9)
    """Between words, in usual letters."""
    lean: float = 0.15
    """Deviation of the slant."""
    drift: float = 0.08
    """Height of the baseline's waves, in usual letters."""
    slope: float = 0.02
    size: float = 0.06
    """Deviation of each character's size, as a logarithm."""
    pen: tuple[float, float] = (0.9, 2.8)
    """Pixels where a usual letter has `SCALE`."""
    paper: Paper = Paper()


USUAL = Style()
PLAIN = Style((0, 0), 0, (0.6, 0.6), 0, 0, 0, 0, (1.7, 1.7), CLEAN)
"""Neither slant nor waves nor chance."""


def write_line(
    text: str,
    glyphs: Glyphs,
    hand: str,
    rng: np.random.Generator,
    style: Style = USUAL,
) -> np.ndarray | None:
    """u8[h w], ink high: the text in a hand; None without a drawn character.

    A character that the hand has not written comes from another one; what nobody has
    written is a space.
    """
    known, overlap = glyphs.of_all | glyphs.of_hand[hand], rng.uniform(*style.overlap)
    space = rng.uniform(*style.space)
    strokes: list[np.ndarray] = []
    x = 0.0
    for character in text:
        if character not in known:
            x += space
            continue
        ink = glyphs.ink(int(rng.choice(known[character])))
        grown = np.float32(np.exp(style.size * rng.normal()))
        ink = _place(character, [grown * stroke for stroke in ink])
        every = np.concatenate(ink)
        width = float(np.ptp(every[:, 0]))
        side = CELL / 2 + style.gap * rng.normal()
        shift = np.array([x + side - every[:, 0].min(), 0.0], np.float32)
        strokes += [stroke + shift for stroke in ink]
        x += (1 - overlap) * (width + CELL)
    if not strokes:
        return None
    return _drawn(strokes, rng, style)


def _place(character: str, strokes: list[np.ndarray]) -> list[np.ndarray]:
    """Strokes where the character stands; the baseline is y = 0, y down."""
    y = np.concatenate(strokes)[:, 1]
    top, bottom = float(y.min()), float(y.max())
    if character in RAISED:
        move = TOP - top
    elif character in CENTRED:
        move = MIDDLE - (top + bottom) / 2
    else:
        move = BELOW.get(character, 0.0) * (bottom - top) - bottom
    return [stroke + np.array([0, move], np.float32) for stroke in strokes]


def _drawn(
    strokes: list[np.ndarray], rng: np.random.Generator, style: Style
) -> np.ndarray:
    lean, slope = style.lean * rng.normal(), style.slope * rng.normal()
    phase, period = rng.uniform(0, 2 * np.pi), rng.uniform(4, 16)
    bent = []
    for stroke in strokes:
        x, y = stroke.T
        wave = style.drift * np.sin(2 * np.pi * x / period + phase) + slope * x
        bent.append(np.stack([x - lean * y, y + wave], -1))
    picture = draw_line(bent, SCALE, rng.uniform(*style.pen))
    return on_paper(picture, rng, style.paper)


class Spans:
    """Spans of whole words of at most `limit` characters, from texts by their length.

    InputError where no text has a word that short.
    """

    def __init__(self, texts: Sequence[str], limit: int = 30):
        words = ([w for w in text.split() if len(w) <= limit] for text in texts)
        self._words = [each for each in words if each]
        if not self._words:
            raise InputError(
                f"The text has no word of at most {limit} characters; give other text "
                f"or longer lines."
            )
        weight = np.cumsum([len(each) for each in self._words])
        self._share = weight / weight[-1]
        self._limit = limit

    def one(self, rng: np.random.Generator) -> str:
        """One of them, of as many characters as another."""
        words = self._words[int(np.searchsorted(self._share, rng.random()))]
        wanted, span = int(rng.integers(1, self._limit + 1)), ""
        for word in words[int(rng.integers(len(words))) :]:
            longer = f"{span} {word}".strip()
            if len(longer) > self._limit:
                break
            span = longer
            if len(span) >= wanted:
                break
        return span
