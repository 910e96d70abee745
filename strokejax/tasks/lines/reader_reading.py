"""Models that read lines, by what is stored: of lines, or of single symbols."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from strokejax.networks.spec import LINES
from strokejax.recognizer import from_stored as recognizer
from strokejax.search.character_model import load_lexicon, load_words, train
from strokejax.search.language import Guide, no_guide, with_characters, with_words
from strokejax.store.model import load_model
from strokejax.store.paths import READER
from strokejax.tasks.lines.reader import LineReader, from_stored
from strokejax.tasks.lines.reader_symbol_lines import SymbolReader

ONE = np.float32(1)
LANGUAGE, BONUS = 0.55, 3.5
"""Weight of a character model beside what is seen, and what it gives each character."""
WORDS, UNKNOWN = 0.15, -14.0
"""Weight of a language's words, and the log probability of one that is not listed."""
LEXICON, LONGER = 0.3, 0.5
"""Of words that alone may be read, and what each character adds. All were chosen by
`python benchmarks/lines.py --tune`, on writers that no figure is of."""


def load_reader(model: str | Path | None = None) -> LineReader | SymbolReader:
    """What reads by a stored model; the default is the packaged reader of English."""
    stored = load_model(model or READER)
    if stored.spec.architecture in LINES:
        return from_stored(stored)
    return SymbolReader(recognizer(stored))


def guide_of(
    reader: LineReader | SymbolReader,
    language: str | None = None,
    lexicon: str | None = None,
) -> Guide:
    """What a language's words look like, or a file's words alone, or no guide."""
    alphabet = reader.alphabet
    guide = no_guide(len(alphabet))
    if language:
        return of_words(load_words(language), alphabet)
    if lexicon:
        guide = with_words(guide, load_lexicon(lexicon), alphabet, LEXICON)
        return guide._replace(log_p=guide.log_p + np.float32(LONGER), weight=ONE)
    return guide


def of_words(words: Mapping[str, float], alphabet: Sequence[str]) -> Guide:
    """A guide that prefers words, and among others those that look like them."""
    guide = with_characters(
        no_guide(len(alphabet)), train(words), alphabet, LANGUAGE, BONUS
    )
    return with_words(guide, words, alphabet, WORDS, UNKNOWN)
