"""Language model tables for the beam search: character n-grams and a lexicon.

Both are flat arrays that the device indexes, and their scores add up: log probabilities
of characters in context, and log frequencies of whole words. A lexicon gives its score
out letter by letter (look-ahead), so that the beam prunes unlikely words early.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from strokejax.search.character_model import CharacterModel
from strokejax.search.trie import Trie, build, child

MAX_CONTEXTS = 200_000
"""Contexts in the tables of a character model; the rarest are left out."""
ENDS, OUT_OF_ALPHABET = -1, -2
"""Values of `LanguageModel.letter` for characters that no word has. Marks and spaces
end a word; letters and digits make it an unknown one."""
OUT_OF_VOCABULARY = -1
"""Value of `LanguageState.node` inside a word that is not listed."""


class LanguageModel(NamedTuple):
    """Scores over an alphabet of c characters; a pytree, on the host or the device."""

    log_p: Any
    """f32[m c]: natural log probability of each character in each of m contexts;
    context 0 is that of a text's start."""
    next_context: Any
    """i32[m c]: the context after that character."""
    weight: Any
    """f32[]: weight of the character scores beside the evidence."""
    trie: Trie
    """The lexicon; the root alone where any text is allowed."""
    letter: Any
    """i32[c]: index of each character in the trie's alphabet, `ENDS` or
    `OUT_OF_ALPHABET`."""
    word_weight: Any
    """f32[]: weight of the word scores beside the evidence; 0 allows any text."""
    unknown: Any
    """f32[]: natural log probability of an unknown word; -inf forbids unknown words."""


class LanguageState(NamedTuple):
    """Where texts are in the tables; leaves i32[*b]."""

    context: Any
    """Row of `LanguageModel.log_p`."""
    node: Any
    """Node of the trie: 0 between words, `OUT_OF_VOCABULARY` in an unknown word."""


START = LanguageState(np.int32(0), np.int32(0))


# Scores of a search's steps.


def score_extensions(
    language: LanguageModel, state: LanguageState, code: Any
) -> tuple[jax.Array, LanguageState]:
    """Scores and next states of texts that grow by one character.

    `state` has leaves i32[*b] and `code` i32[*b k] holds k candidates for each text.
    Returns `(f32[*b k], LanguageState [*b k])`. With look-ahead, each letter is charged
    the drop in the log frequency of the best word that is still possible; the word's
    end settles the difference. A letter that leaves the lexicon gets back what was
    charged so far, and the word is scored as unknown.
    """
    context = state.context[..., None]
    node = jnp.broadcast_to(state.node[..., None], code.shape)
    letter = language.letter[code]
    inside = jnp.maximum(node, 0)
    below = child(language.trie, inside, jnp.maximum(letter, 0))
    listed = (letter >= 0) & (below >= 0) & (node >= 0)
    charged = jnp.where(node > 0, language.trie.best[inside], 0.0)
    best = jnp.where(listed, language.trie.best[below], language.unknown)
    # An unknown word has been paid in full by the letter that left the lexicon.
    words = jnp.where(node == OUT_OF_VOCABULARY, 0.0, best - charged)
    words = jnp.where(letter == ENDS, end_score(language, node), words)
    characters = language.weight * language.log_p[context, code]
    next_node = jnp.where(listed, below, OUT_OF_VOCABULARY)
    after = LanguageState(
        language.next_context[context, code], jnp.where(letter == ENDS, 0, next_node)
    )
    return characters + _weighted(language, words), after


def end_score(language: LanguageModel, node: Any) -> jax.Array:
    """Score for a word that ends at a trie node, without its weight; 0 between words.

    A node at which no listed word ends scores as an unknown word.
    """
    inside = jnp.maximum(node, 0)
    word = jnp.maximum(language.trie.log_p[inside], language.unknown)
    return jnp.where(node > 0, word - language.trie.best[inside], 0.0)


def final_score(language: LanguageModel, state: LanguageState) -> jax.Array:
    """f32[*b]: what the end of the text adds to its score."""
    return _weighted(language, end_score(language, state.node))


def _weighted(language: LanguageModel, words):
    # Without words, 0 * -inf would be NaN.
    return jnp.where(language.word_weight > 0, language.word_weight * words, 0.0)


# Building the tables, on the host.


def no_language(size: int) -> LanguageModel:
    """Scores every text over `size` characters with 0."""
    zero = np.zeros(1, np.float32)
    bits, no_word = np.zeros((1, 1), np.uint32), np.full(1, -1, np.int32)
    return LanguageModel(
        np.zeros((1, size), np.float32),
        np.zeros((1, size), np.int32),
        np.float32(0),
        Trie(np.zeros(1, np.int32), bits, no_word, zero, zero),
        np.full(size, -1, np.int32),
        np.float32(0),
        np.float32(-np.inf),
    )


def with_characters(
    language: LanguageModel,
    model: CharacterModel,
    alphabet: Sequence[str],
    weight: float,
    bonus: float = 0.0,
) -> LanguageModel:
    """Add a character model at a weight.

    `bonus` is added to each log probability: all are negative, so that without it long
    texts are at a disadvantage.
    """
    log_p, next_context = character_tables(model, alphabet)
    return language._replace(
        log_p=log_p + np.float32(bonus),
        next_context=next_context,
        weight=np.float32(weight),
    )


def with_words(
    language: LanguageModel,
    words: Mapping[str, float],
    alphabet: Sequence[str],
    weight: float,
    unknown: float = -np.inf,
) -> LanguageModel:
    """Add a lexicon of words and frequencies at a weight; 0 allows any text.

    Characters that are in no word end one, unless they are letters or digits. Capitals
    match a word that has the small letter alone. Words outside the lexicon score the
    natural log probability `unknown`; by default they are forbidden.
    """
    letters = sorted({*"".join(words)})
    index = {character: i for i, character in enumerate(letters)}
    absent = [OUT_OF_ALPHABET if c.isalnum() else ENDS for c in alphabet]
    letter = [
        index.get(c, index.get(c.lower(), otherwise))
        for c, otherwise in zip(alphabet, absent, strict=True)
    ]
    return language._replace(
        trie=build(words, letters),
        letter=np.array(letter, np.int32),
        word_weight=np.float32(weight),
        unknown=np.float32(unknown),
    )


def character_tables(
    model: CharacterModel, alphabet: Sequence[str]
) -> tuple[np.ndarray, np.ndarray]:
    """`(log_p f32[m c], next_context i32[m c])`: a character model as tables.

    Row 0 is the context of a text's start. Of more than `MAX_CONTEXTS` contexts the
    most frequent are tabulated; the others fall back to their longest tabulated suffix.
    A character that the model has never seen has the probability 1 / vocabulary.
    """
    by_count = sorted(model.counts, key=lambda name: -model.counts[name][""])
    start = {model.start} & {*by_count}
    contexts = sorted({"", *by_count[:MAX_CONTEXTS]} | start, key=len)
    order = sorted(contexts, key=lambda name: (name != model.start, len(name)))
    row = {name: i for i, name in enumerate(order)}
    # All digits are one character to the model, so a count may fill several columns.
    folded = ["0" if c.isdecimal() else c for c in alphabet]
    columns: dict[str, list[int]] = {}
    for i, character in enumerate(folded):
        columns.setdefault(character, []).append(i)
    p = np.full((len(row), len(alphabet)), 1 / model.vocabulary, np.float32)
    next_context = np.zeros(p.shape, np.int32)
    for name in contexts:  # shorter ones first: each row starts from its suffix's
        i, follow = row[name], model.counts[name]
        total, kinds = follow[""], len(follow) - 1
        suffixes = (name[n:] for n in range(1, len(name) + 1))
        shorter = next((row[suffix] for suffix in suffixes if suffix in row), i)
        p[i] = p[shorter]
        next_context[i] = next_context[shorter] if name else i
        # Witten and Bell's interpolation, as in `CharacterModel.log_probability`.
        p[i] *= kinds / (total + kinds)
        for character, count in follow.items():
            if character in columns:
                p[i, columns[character]] += count / (total + kinds)
        if len(name) < model.order - 1:
            for character, places in columns.items():
                if name + character in row:
                    next_context[i, places] = row[name + character]
    unseen = [i for i, c in enumerate(alphabet) if c not in model]
    p[:, unseen] = 1 / model.vocabulary
    digits = np.array([c.isdecimal() for c in alphabet])
    return np.log(p) - np.log(10, dtype=np.float32) * digits, next_context
