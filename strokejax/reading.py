"""Models that read lines, by what is stored: of lines, or of single symbols."""

from pathlib import Path

from strokejax.decode.character_model import language_model, load_lexicon
from strokejax.decode.guide import Guide, no_guide, with_characters, with_words
from strokejax.line_reader import LineReader, from_stored
from strokejax.model_store import load_model
from strokejax.models.build import LINES
from strokejax.recognizer import from_stored as recognizer
from strokejax.symbol_lines import SymbolReader

PACKAGED = "lines-en"
LANGUAGE, LEXICON = 0.4, 0.1
"""Weights of a character model and of words beside what is seen."""


def load_reader(model: str | Path | None = None) -> LineReader | SymbolReader:
    """What reads by a stored model; the default is the packaged reader of English."""
    stored = load_model(model or PACKAGED)
    if stored.spec.architecture in LINES:
        return from_stored(stored)
    return SymbolReader(recognizer(stored))


def guide_of(
    reader: LineReader | SymbolReader,
    language: str | None = None,
    lexicon: str | None = None,
) -> Guide:
    """What a language's words look like, or a file's words alone, or no guide."""
    guide, alphabet = no_guide(len(reader.alphabet)), reader.alphabet
    if language:
        return with_characters(guide, language_model(language), alphabet, LANGUAGE)
    if lexicon:
        return with_words(guide, load_lexicon(lexicon), alphabet, LEXICON)
    return guide
