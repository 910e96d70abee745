"""Random texts and looks for pictures of fonts: a pure function of a seed."""

import hashlib
from collections.abc import Mapping

import numpy as np

from strokejax.data.texts import FLATTER
from strokejax.tasks.fonts.typeset import Look, Setting

TEST_SHARE = 8
"""One word in so many is kept for tests: what trains never shows it."""
SIZES = (13.0, 80.0)
"""Pixels of the em, drawn evenly on a logarithmic scale."""
CAPITALISED, CAPITALS, NUMBER, MARKED = 0.3, 0.15, 0.08, 0.15
LEAST, MOST = 6, 18
"""Letters of a line."""
WORN = 0.6
"""Share of pictures that are not as sharp as a screen shows them."""
CONTRAST = 60
"""Least difference of ink and paper in luminance, of 255."""


def words_for(words: Mapping[str, float], split: str) -> dict[str, float]:
    """The words of a split, "train" or "test", with their frequencies."""
    return {w: f for w, f in words.items() if (_hash(w) == 0) == (split == "test")}


def _hash(word: str) -> int:
    digest = hashlib.sha256(word.lower().encode()).digest()
    return int.from_bytes(digest[:4], "big") % TEST_SHARE


class Texts:
    """Random lines of words by frequency (Zipf's law, a little flattened)."""

    def __init__(self, words: dict[str, float]):
        self._words = np.array(list(words))
        weight = np.array(list(words.values())) ** FLATTER
        self._up_to = np.cumsum(weight / weight.sum())

    def line(self, rng: np.random.Generator) -> str:
        """Words of together `LEAST` to `MOST` letters, some with marks or digits."""
        kind, wanted, found = rng.random(), rng.integers(LEAST, MOST), []
        while not found or sum(map(len, found)) < wanted:
            found.append(self._word(rng))
        if kind < CAPITALS:
            found = [word.upper() for word in found]
        elif kind < CAPITALS + CAPITALISED:
            found = [word.capitalize() for word in found]
        elif kind < CAPITALS + 2 * CAPITALISED:
            found[0] = found[0].capitalize()
        text = " ".join(found)
        if rng.random() < MARKED:
            text += str(rng.choice([*".,;:!?"]))
        return text if len(text) <= 2 * MOST else text[: 2 * MOST].rstrip()

    def _word(self, rng: np.random.Generator) -> str:
        if rng.random() < NUMBER:
            return str(rng.integers(10, 10 ** rng.integers(2, 6)))
        place = int(np.searchsorted(self._up_to, rng.random()))
        return str(self._words[min(place, len(self._words) - 1)])


def random_setting(
    rng: np.random.Generator,
    axes: tuple[tuple[str, float, float, float], ...] = (),
    sizes: tuple[float, float] = SIZES,
) -> Setting:
    """A size, spacing, and where a variable font stands within a third of its range."""
    size = float(np.exp(rng.uniform(*np.log(sizes))))
    spacing = float(rng.uniform(-0.02, 0.12)) if rng.random() < 0.25 else 0.0
    leading = float(rng.uniform(1.05, 1.7))
    align = str(rng.choice(["left", "center", "right"], p=[0.7, 0.2, 0.1]))
    hinted = bool(rng.random() < 0.3)
    where = ()
    if axes and rng.random() < 0.5:
        where = tuple(
            float(usual + rng.uniform(0, 1 / 3) * (rng.choice([low, high]) - usual))
            for _, low, usual, high in axes
        )
    size = float(round(size)) if hinted else size
    return Setting(size, hinted, spacing, leading, align, where)


def random_look(rng: np.random.Generator, size: float) -> Look:
    """Colours, and for `WORN` of the pictures blur, noise, JPEG, texture, an angle."""
    paper, ink = _colours(rng)
    seed = int(rng.integers(2**31))
    if rng.random() > WORN:
        return Look(ink[:1], paper[:1], seed=seed)
    corners = ()
    if rng.random() < 0.4:
        angle = rng.normal(0, 0.05)
        tilt = rng.normal(0, 0.06, (4, 2))
        turn = np.array([[0, 0], [0, angle], [0, angle], [0, 0]])
        corners = tuple(map(tuple, (tilt + turn).tolist()))
    return Look(
        ink if rng.random() < 0.2 else ink[:1],
        paper if rng.random() < 0.3 else paper[:1],
        texture=float(rng.uniform(0, 14)) if rng.random() < 0.3 else 0.0,
        grain=int(rng.integers(2, 24)),
        corners=corners,
        blur=float(rng.uniform(0, 0.035) * size) if rng.random() < 0.5 else 0.0,
        noise=float(rng.uniform(0, 12)) if rng.random() < 0.4 else 0.0,
        quality=int(rng.integers(25, 95)) if rng.random() < 0.5 else 0,
        seed=seed,
    )


def _colours(rng: np.random.Generator):
    """Two colours of paper, two of ink, far enough from each other to be read."""
    if rng.random() < 0.4:
        black, white = ((0, 0, 0),) * 2, ((255, 255, 255),) * 2
        return (white, black) if rng.random() < 0.8 else (black, white)
    luma = np.array([0.299, 0.587, 0.114])
    while True:
        colours = rng.integers(0, 256, (4, 3))
        # The far end of a gradient is not far from its beginning.
        colours[1::2] = np.clip(colours[::2] + rng.integers(-50, 51, (2, 3)), 0, 255)
        light = colours @ luma
        gap = light[:2, None] - light[None, 2:]
        if np.abs(gap).min() >= CONTRAST and len(np.unique(np.sign(gap))) == 1:
            paper, ink = colours[:2].tolist(), colours[2:].tolist()
            return tuple(map(tuple, paper)), tuple(map(tuple, ink))
