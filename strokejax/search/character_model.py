"""A character n-gram model, and the word lists that it is trained on.

The model interpolates n-grams with the smoothing of I. H. Witten and T. C. Bell ("The
zero-frequency problem", IEEE Trans. Information Theory 37, 1991, method C): a context
that was followed by many different characters leaves more to the shorter context.
Words stand between spaces; each also occurs capitalised and, rarely, in capitals.

Word lists come from a built-in language, the package wordfreq, or a file.
"""

import heapq
import math
import unicodedata
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from strokejax.files import decode_text, read_bytes
from strokejax.types import InputError

ORDER = 5
"""Characters of the longest n-gram."""
COUNTS_PER_WORD = 10.0
"""Mean occurrences of a word: the sum of all counts over the number of words."""
FORMS = (0.86, 0.1, 0.02)
"""Shares of words as listed, with a first capital, and all in capitals."""
NUMBERS = {"0": 0.008, "00": 0.006, "000": 0.003, "0000": 0.003}
"""Shares of numbers; "0" stands for any digit."""

LANGUAGES = ("en",)
"""Built-in languages."""
WORDFREQ = "wordfreq:"
"""Prefix of the languages of the package wordfreq."""
MAX_WORDFREQ = 50_000
"""The most frequent words of such a language are taken."""
MAX_BYTES = 32 * 2**20
MAX_WORDS = 200_000
"""Words of a file with frequencies, from which a model is trained."""
MAX_LEXICON = 2_000_000
"""Words of a file that is a lexicon only."""
MAX_LENGTH = 64
"""Characters of a word."""
PROBED_LINES = 1_000
"""Lines at the head of a lexicon that decide whether it has frequencies."""

Counts = dict[str, dict[str, float]]
"""Counts of characters by context; each context's sum is under ""."""


# The model.


@dataclass(frozen=True)
class CharacterModel:
    """Counts of characters after contexts of up to `order - 1` characters; immutable.

    All digits count as one character; each has a tenth of its probability.
    """

    counts: Mapping[str, Mapping[str, float]]
    order: int
    vocabulary: int
    """Number of different characters, including one for all unknown ones."""

    start = " "
    """The context of a text's first character."""

    def __contains__(self, character: str) -> bool:
        """Whether the training words have this character; digits always count."""
        digit = len(character) == 1 and character.isdecimal()
        return bool(character) and ("0" if digit else character) in self.counts[""]

    def log_probability(self, context: str, character: str) -> float:
        """Natural logarithm of P(character | context); finite for any character."""
        digit = character.isdecimal()
        symbol = "0" if digit else character
        # From no context to the longest one: with n counts of k different characters,
        # P = (count + k * P of the shorter context) / (n + k).
        p = 1 / self.vocabulary
        for length in range(self.order):
            follow = self.counts.get(context[len(context) - length :])
            if follow is None or length > len(context):
                break
            total, kinds = follow[""], len(follow) - 1
            p = (follow.get(symbol, 0.0) + kinds * p) / (total + kinds)
        return math.log(p) - math.log(10) * digit

    def extend(self, context: str, character: str) -> str:
        """The context after one more character, cut to `order - 1` characters."""
        folded = "0" if character.isdecimal() else character
        return (context + folded)[-(self.order - 1) :]


def train(words: Mapping[str, float], order: int = ORDER) -> CharacterModel:
    """The model of words and their frequencies, in any unit."""
    total = sum(words.values())
    counts: Counts = defaultdict(lambda: defaultdict(float))
    mass = COUNTS_PER_WORD * len(words)
    for word, frequency in words.items():
        forms = (word, word[:1].upper() + word[1:], word.upper())
        for form, share in zip(forms, FORMS, strict=True):
            _count(counts, form, mass * share * frequency / total, order)
    for number, share in NUMBERS.items():
        _count(counts, number, mass * share, order)
    for follow in counts.values():
        follow[""] = math.fsum(follow.values())
    # The empty context's own sum takes the place of the unknown character.
    return CharacterModel(dict(counts), order, len(counts[""]))


def _count(counts: Counts, word: str, weight: float, order: int) -> None:
    text = f" {word} "
    for i in range(1, len(text)):
        for length in range(min(order, i + 1)):
            symbol = "0" if text[i].isdecimal() else text[i]
            counts[text[i - length : i]][symbol] += weight


def language_model(language: str | Path, order: int = ORDER) -> CharacterModel:
    """The character model of a language as in `load_words`."""
    return train(load_words(language), order)


# Word lists by name: built in, from wordfreq, or a file.


def load_words(language: str | Path) -> dict[str, float]:
    """Words and frequencies of a built-in language ("en"), "wordfreq:de", or a file.

    A file is UTF-8 with one word a line, `word<TAB or space>frequency`; frequencies of
    a repeated word are added. InputError for anything else, with the line's number.
    """
    if str(language) in LANGUAGES:
        name = f"words_{language}.txt"
        text = resources.files("strokejax.search").joinpath(name).read_text("utf-8")
        return parse_words(text, name)
    if str(language).startswith(WORDFREQ):
        return wordfreq_words(str(language).removeprefix(WORDFREQ))
    if not Path(language).exists():
        raise InputError(
            f"There is no language {str(language)!r}; use {', '.join(LANGUAGES)} "
            f"(built in), a file of words and frequencies, or a language of the "
            f"package wordfreq, like {WORDFREQ}de."
        )
    data = read_bytes(language, MAX_BYTES)
    return parse_words(decode_text(data, str(language)), str(language))


def load_vocabulary(words: str | Path) -> dict[str, float]:
    """As `load_words`, but a file need not have frequencies."""
    named = str(words) in LANGUAGES or not Path(words).exists()
    return load_words(words) if named else load_lexicon(words)


def wordfreq_words(language: str) -> dict[str, float]:
    """Words without digits of one of wordfreq's languages, like "de".

    InputError where the package or the language is missing.
    """
    try:
        import wordfreq  # pyright: ignore[reportMissingImports]
    except ImportError:
        raise InputError(
            f"{WORDFREQ}{language} needs a package that is not installed: pip install "
            f"'strokejax[words]'."
        ) from None
    available = sorted(wordfreq.available_languages())
    if language not in available:
        raise InputError(
            f"wordfreq has no language {language!r}; it has {', '.join(available)}."
        )
    frequency = wordfreq.get_frequency_dict(language)
    words = {w: p for w, p in frequency.items() if not any(map(str.isdecimal, w))}
    largest = heapq.nlargest(MAX_WORDFREQ, words, key=words.__getitem__)
    return {word: words[word] for word in largest}


# Files of words.


def load_lexicon(file: str | Path) -> dict[str, float]:
    """Words and frequencies of a file as in `load_words`, or words alone.

    In a file of words alone, each counts once.
    """
    text = decode_text(read_bytes(file, MAX_BYTES), str(file))
    lines = text.splitlines()
    if all(len(line.split()) <= 1 for line in lines[:PROBED_LINES]):
        text = "\n".join(f"{line} 1" for line in lines if line.strip())
    return parse_words(text, str(file), MAX_LEXICON)


def load_blocked(file: str | Path) -> list[str]:
    """The words of a file as in `load_lexicon`, which may be empty."""
    return [*load_lexicon(file)] if read_bytes(file, MAX_BYTES).strip() else []


def parse_words(text: str, where: str, limit: int = MAX_WORDS) -> dict[str, float]:
    """The words and frequencies in a file's text; `where` names the file in errors.

    Empty lines and lines that begin with "# " are skipped.
    """
    words: dict[str, float] = defaultdict(float)
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.startswith("# "):
            continue
        word, frequency = _parse_line(line, f"{where}, line {number}")
        words[unicodedata.normalize("NFC", word)] += frequency
        if len(words) > limit:
            raise InputError(
                f"{where} has more than {limit:,} words; give the most frequent."
            )
    if not words:
        raise InputError(f"{where} has no words; give lines of a word and a frequency.")
    return dict(words)


def _parse_line(line: str, where: str) -> tuple[str, float]:
    parts = line.split()
    if len(parts) == 2 and parts[0].isdecimal() and not parts[1].isdecimal():
        parts.reverse()  # counting tools write the frequency first
    try:
        word, frequency = parts[0], float(parts[1])
    except (IndexError, ValueError):
        word, frequency = parts[0], math.nan
    if len(parts) != 2 or not 0 < frequency < 1e18:
        raise InputError(
            f"{where} is {line[:40]!r}; give a word, a tab or space, and its "
            f"frequency, a number above 0."
        )
    if len(word) > MAX_LENGTH or not word.isprintable():
        raise InputError(
            f"{where} has the word {word[:20]!r} of {len(word)} characters; give "
            f"printable words of at most {MAX_LENGTH}."
        )
    return word, frequency
