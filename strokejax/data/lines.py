"""Lines of handwriting, written from single characters: one hand a line.

Characters stand on a baseline that drifts, each as large as the hand made it, with gaps
of the line's own; the line leans, and its pen is as wide as it happens to be. What the
characters' ink does not tell, where they stand, is `_place`'s rule.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from strokejax.data.glyphs import Glyphs
from strokejax.ink.line_images import CLEAN, Paper, draw_line, normalise_line, on_paper

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
    """u8[HEIGHT w]: the text in a hand, normalised; None without a drawn character.

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
    return normalise_line(on_paper(picture, rng, style.paper)).pixels


def published_line(
    text: str,
    pictures: Mapping[str, np.ndarray],
    rng: np.random.Generator,
    *,
    overlap: tuple[float, float] = (0.0, 0.33),
    length: int = 32,
) -> np.ndarray:
    """u8[28 28 * length]: a line as the published EMNISTLines draws it.

    `pictures` are u8[n 28 28] by character, ink high; of each one is chosen. Cells
    overlap by one share of their width, drawn once a line; sums are clipped at 255; a
    character without pictures is blank.
    """
    line = np.zeros((28, 28 * length), np.uint16)
    step = int(28 * (1 - rng.uniform(*overlap)))
    for i, character in enumerate(text[:length]):
        if (known := pictures.get(character)) is not None and len(known):
            line[:, i * step : i * step + 28] += known[rng.integers(len(known))]
    return np.minimum(line, 255).astype(np.uint8)


def spans(
    texts: Sequence[str], rng: np.random.Generator, limit: int = 30
) -> Iterator[str]:
    """Spans of whole words of at most `limit` characters, for ever."""
    words = [text.split() for text in texts]
    words = [each for each in words if each]
    weight = np.array([len(each) for each in words], np.float64)
    weight /= weight.sum()
    while True:
        chosen = words[rng.choice(len(words), p=weight)]
        first = int(rng.integers(len(chosen)))
        wanted, span = int(rng.integers(1, limit + 1)), ""
        for word in chosen[first:]:
            longer = f"{span} {word}".strip()
            if len(longer) > limit:
                break
            span = longer
            if len(span) >= wanted:
                break
        if span:
            yield span
