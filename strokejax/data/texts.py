"""Texts to write or read: random words, lines of a file, and tables of three fields."""

import csv
from pathlib import Path

import numpy as np

from strokejax.files import decode_text, read_bytes
from strokejax.types import InputError

MAX_BYTES = 64 * 2**20
COUNT, LENGTH = 3_000, 12
"""Number of random texts, and words in each."""
FREQUENCY_POWER = 0.6
"""Exponent of the words' frequencies: below 1, rare words are learned sooner."""
CAPITAL, CAPITALS, NUMBER, NONSENSE, STOP, ENCLOSED = 0.15, 0.05, 0.08, 0.06, 0.2, 0.05
"""Shares of random words: capitalised, in capitals, replaced by a number or by random
letters, followed by a punctuation mark, between two marks."""
STOPS = tuple(",.;:!?")
MARKS = tuple("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~")
LETTERS = tuple("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789")


def random_texts(words: dict[str, float], seed: int) -> list[str]:
    """`COUNT` texts of `LENGTH` words, drawn by frequency and varied by these shares.

    The texts depend on the words and the seed alone.
    """
    rng = np.random.default_rng([seed, 17])
    names, weight = [*words], np.array([*words.values()]) ** FREQUENCY_POWER
    weight /= weight.sum()
    chosen = rng.choice(names, (COUNT, LENGTH), p=weight)
    return [" ".join(_vary(str(word), rng) for word in row) for row in chosen]


def _vary(word: str, rng: np.random.Generator) -> str:
    # One draw decides the word's form, so that the forms exclude each other.
    form = rng.random()
    if form < CAPITAL:
        word = word.capitalize()
    elif form < CAPITAL + CAPITALS:
        word = word.upper()
    elif form < CAPITAL + CAPITALS + NUMBER:
        word = str(rng.integers(10 ** rng.integers(1, 6)))
    elif form < CAPITAL + CAPITALS + NUMBER + NONSENSE:
        word = "".join(rng.choice(LETTERS, rng.integers(2, 9)))
    if rng.random() < STOP:
        word += str(rng.choice(STOPS))
    if rng.random() < ENCLOSED:
        word = f"{rng.choice(MARKS)}{word}{rng.choice(MARKS)}"
    return word


def read_texts(path: Path) -> list[str]:
    """The non-empty lines of a UTF-8 file; InputError if it has none."""
    text = decode_text(read_bytes(path, MAX_BYTES), str(path))
    lines = [line for line in text.splitlines() if line.strip()]
    if not lines:
        raise InputError(f"{path} has no text; give lines of words.")
    return lines


class TSV(csv.Dialect):
    """Tab-separated fields without quoting: quotation marks are text."""

    delimiter, lineterminator, quoting = "\t", "\n", csv.QUOTE_NONE


def read_tsv(
    path: Path, fields: tuple[str, str, str] = ("file", "group", "text")
) -> list[tuple[str, str, str]]:
    """Rows of three tab-separated fields; InputError names the first bad row."""
    names = f"{', '.join(fields[:2])} and {fields[2]}"
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = [*csv.reader(file, TSV)]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(
            f"{path} cannot be read as lines of {names}, separated by tabs ({error})."
        ) from error
    # A tab within a text would shift its fields, so rows of more fields are refused.
    for number, row in enumerate(rows, 1):
        if len(row) != 3:
            raise InputError(
                f"{path}, line {number}, has {len(row)} fields; give {names}, "
                f"separated by tabs."
            )
    return [(row[0], row[1], row[2]) for row in rows]
