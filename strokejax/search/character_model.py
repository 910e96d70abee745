"""How probable a character is after others, from words and their frequencies.

An interpolated n-gram model with the smoothing of I. H. Witten and T. C. Bell ("The
zero-frequency problem", IEEE Trans. Information Theory 37, 1991, method C): a context
that was followed by many different characters trusts the shorter context more.
Words stand between spaces; each also occurs capitalised and, rarely, in capitals.
"""

import heapq
import math
import unicodedata
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from strokejax.ink.limits import decode_text, read_bytes
from strokejax.types import InputError

# Words of forty languages and their frequencies, from the package wordfreq.


WORDFREQ = "wordfreq:"
"""What a language's name begins with."""
MOST = 50_000
"""The most frequent words of a language."""


def wordfreq_words(language: str) -> dict[str, float]:
    """Words without digits of a language like "de"; InputError where there are none."""
    try:
        import wordfreq  # pyright: ignore[reportMissingImports]
    except ImportError:
        raise InputError(
            f"{WORDFREQ}{language} needs a package that is not installed: pip install "
            f"'strokejax[words]'."
        ) from None
    known = sorted(wordfreq.available_languages())
    if language not in known:
        raise InputError(
            f"wordfreq has no language {language!r}; it has {', '.join(known)}."
        )
    found = wordfreq.get_frequency_dict(language)
    words = {word: p for word, p in found.items() if not any(map(str.isdecimal, word))}
    return {w: words[w] for w in heapq.nlargest(MOST, words, key=words.__getitem__)}


ORDER = 5
MAX_BYTES = 32 * 2**20
MAX_WORDS = 200_000
MAX_LEXICON = 2_000_000
SEEN = 1_000
"""Lines that tell whether a lexicon has frequencies."""
MAX_LENGTH = 64
EVIDENCE = 10.0
"""Occurrences of a word of mean frequency: the sum of all counts over their number."""
FORMS = (0.86, 0.1, 0.02)
"""Share of words as listed, with a first capital, and all in capitals."""
NUMBERS = {"0": 0.008, "00": 0.006, "000": 0.003, "0000": 0.003}
"""Share of numbers; "0" stands for any digit."""
LANGUAGES = ("en",)
Counts = dict[str, dict[str, float]]
"""Of characters by context; their sum is under ""."""


@dataclass(frozen=True)
class CharacterModel:
    """Counts of characters after contexts of up to `order - 1` characters; immutable.

    Digits are one character to the model, each a tenth as probable.
    """

    counts: Mapping[str, Mapping[str, float]]
    order: int
    vocabulary: int
    """Number of different characters, an unknown one among them."""

    start = " "
    """The context of a text's first character."""

    def __contains__(self, character: str) -> bool:
        """Whether the words have this character; they have all digits."""
        digit = len(character) == 1 and character.isdecimal()
        return bool(character) and ("0" if digit else character) in self.counts[""]

    def log_probability(self, context: str, character: str) -> float:
        """Natural logarithm of P(character | context); finite for any character."""
        digit = character.isdecimal()
        symbol = "0" if digit else character
        p = 1 / self.vocabulary
        for length in range(self.order):
            follow = self.counts.get(context[len(context) - length :])
            if follow is None or length > len(context):
                break
            total, kinds = follow[""], len(follow) - 1
            p = (follow.get(symbol, 0.0) + kinds * p) / (total + kinds)
        return math.log(p) - math.log(10) * digit

    def extend(self, context: str, character: str) -> str:
        """The context after one more character, only as long as it matters."""
        folded = "0" if character.isdecimal() else character
        return (context + folded)[-(self.order - 1) :]


def train(words: Mapping[str, float], order: int = ORDER) -> CharacterModel:
    """The model of words with their frequencies, in any unit."""
    total = sum(words.values())
    counts: Counts = defaultdict(lambda: defaultdict(float))
    evidence = EVIDENCE * len(words)
    for word, frequency in words.items():
        forms = (word, word[:1].upper() + word[1:], word.upper())
        for form, share in zip(forms, FORMS, strict=True):
            _count(counts, form, evidence * share * frequency / total, order)
    for number, share in NUMBERS.items():
        _count(counts, number, evidence * share, order)
    for follow in counts.values():
        follow[""] = math.fsum(follow.values())
    return CharacterModel(dict(counts), order, len(counts[""]))


def _count(counts: Counts, word: str, weight: float, order: int) -> None:
    text = f" {word} "
    for i in range(1, len(text)):
        for length in range(min(order, i + 1)):
            symbol = "0" if text[i].isdecimal() else text[i]
            counts[text[i - length : i]][symbol] += weight


def load_words(language: str | Path) -> dict[str, float]:
    """Words and frequencies: a built-in language ("en"), "wordfreq:de", or a file's.

    A file has a line a word, `word<TAB or space>frequency`, in UTF-8; a word that comes
    twice counts with the sum. InputError for anything else, with the line.
    """
    if str(language) in LANGUAGES:
        name = f"words_{language}.txt"
        text = resources.files("strokejax.search").joinpath(name).read_text("utf-8")
        return parse_words(text, name)
    if str(language).startswith(WORDFREQ):
        return wordfreq_words(str(language).removeprefix(WORDFREQ))
    if not Path(language).exists():
        raise InputError(
            f"There is no language {str(language)!r}: built in are "
            f"{', '.join(LANGUAGES)}; or give a file of words and frequencies, or "
            f"{WORDFREQ}de for those of the package wordfreq."
        )
    data = read_bytes(language, MAX_BYTES)
    return parse_words(decode_text(data, str(language)), str(language))


def words_of(words: str | Path) -> dict[str, float]:
    """A built-in language's words, or those of a file with or without frequencies."""
    known = str(words) in LANGUAGES or not Path(words).exists()
    return load_words(words) if known else load_lexicon(words)


def load_lexicon(file: str | Path) -> dict[str, float]:
    """Words and frequencies like `load_words`; a word alone counts once."""
    text = decode_text(read_bytes(file, MAX_BYTES), str(file))
    lines = text.splitlines()
    if all(len(line.split()) <= 1 for line in lines[:SEEN]):
        text = "\n".join(f"{line} 1" for line in lines if line.strip())
    return parse_words(text, str(file), MAX_LEXICON)


def load_blocked(file: str | Path) -> list[str]:
    """The words of a file with or without frequencies; there may be none."""
    return [*load_lexicon(file)] if read_bytes(file, MAX_BYTES).strip() else []


def parse_words(text: str, where: str, most: int = MAX_WORDS) -> dict[str, float]:
    """The words of such a file's text; `where` names it in errors."""
    words: dict[str, float] = defaultdict(float)
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.startswith("# "):
            continue
        word, frequency = _parse_line(line, f"{where}, line {number}")
        words[unicodedata.normalize("NFC", word)] += frequency
        if len(words) > most:
            raise InputError(
                f"{where} has more than {most:,} words; give the most frequent."
            )
    if not words:
        raise InputError(f"{where} has no words; give lines of a word and a frequency.")
    return dict(words)


def _parse_line(line: str, where: str) -> tuple[str, float]:
    parts = line.split()
    if len(parts) == 2 and parts[0].isdecimal() and not parts[1].isdecimal():
        parts.reverse()  # as counting tools write them
    try:
        word, frequency = parts[0], float(parts[1])
    except (IndexError, ValueError):
        word, frequency = parts[0], math.nan
    if len(parts) != 2 or not 0 < frequency < 1e18:
        raise InputError(
            f"{where} is {line[:40]!r}; give a word, a tab or space, and how often it "
            f"occurs, a number above 0."
        )
    if len(word) > MAX_LENGTH or not word.isprintable():
        raise InputError(
            f"{where} has the word {word[:20]!r} of {len(word)} characters; give "
            f"printable ones of at most {MAX_LENGTH}."
        )
    return word, frequency


def language_model(language: str | Path, order: int = ORDER) -> CharacterModel:
    """The character model of a built-in language or of a file of words."""
    return train(load_words(language), order)
