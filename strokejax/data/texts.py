"""Texts to write: a file's, or words by their frequency with all that stands beside."""

from pathlib import Path

import numpy as np

from strokejax.ink.limits import decode_text, read_bytes
from strokejax.types import InputError

MAX_BYTES = 64 * 2**20
COUNT, LENGTH = 3_000, 12
"""Random texts, and words of each."""
FLATTER = 0.6
"""Power of the words' frequencies: rare ones are learned sooner."""
CAPITAL, CAPITALS, NUMBER, NONSENSE, STOP, ENCLOSED = 0.15, 0.05, 0.08, 0.06, 0.2, 0.05
"""Shares of words so written."""
STOPS = tuple(",.;:!?")
MARKS = tuple("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~")
LETTERS = tuple("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789")


def random_texts(words: dict[str, float], seed: int) -> list[str]:
    """Words by frequency, some capitalised, with numbers, marks and mere letters."""
    rng = np.random.default_rng([seed, 17])
    names, weight = [*words], np.array([*words.values()]) ** FLATTER
    weight /= weight.sum()
    chosen = rng.choice(names, (COUNT, LENGTH), p=weight)
    return [" ".join(_varied(str(word), rng) for word in row) for row in chosen]


def _varied(word: str, rng: np.random.Generator) -> str:
    kind = rng.random()
    if kind < CAPITAL:
        word = word.capitalize()
    elif kind < CAPITAL + CAPITALS:
        word = word.upper()
    elif kind < CAPITAL + CAPITALS + NUMBER:
        word = str(rng.integers(10 ** rng.integers(1, 6)))
    elif kind < CAPITAL + CAPITALS + NUMBER + NONSENSE:
        word = "".join(rng.choice(LETTERS, rng.integers(2, 9)))
    if rng.random() < STOP:
        word += str(rng.choice(STOPS))
    if rng.random() < ENCLOSED:
        word = f"{rng.choice(MARKS)}{word}{rng.choice(MARKS)}"
    return word


def read_texts(path: Path) -> list[str]:
    """The lines of a file in UTF-8; InputError where it has none."""
    text = decode_text(read_bytes(path, MAX_BYTES), str(path))
    found = [line for line in text.splitlines() if line.strip()]
    if not found:
        raise InputError(f"{path} has no text; give lines of words.")
    return found
