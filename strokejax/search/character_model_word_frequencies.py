"""Words of forty languages and their frequencies, from the package wordfreq."""

import heapq

from strokejax.types import InputError

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
