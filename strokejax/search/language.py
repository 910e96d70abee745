"""What a search knows of a language: characters after characters, and whole words."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from strokejax.search.character_model import CharacterModel
from strokejax.search.trie import Trie, build, child

CONTEXTS = 200_000
"""Contexts of a character model that are kept, those that occur most."""


class Guide(NamedTuple):
    """Over an alphabet of c characters; a pytree, on the host or the device."""

    log_p: Any
    """f32[m c]: of a character in each of m contexts, natural; 0 is the start's."""
    after: Any
    """i32[m c]: the context after it."""
    weight: Any
    """f32[]: of the characters beside the evidence."""
    trie: Trie
    """Words that may be read; of one node where all may."""
    letter: Any
    """i32[c]: a character's number in the words' alphabet, `ENDS` or `NEVER`."""
    word_weight: Any
    """f32[]: of the words beside the evidence; 0 = any text may be read."""
    unknown: Any
    """f32[]: natural logarithm of what a word that is not listed counts; -inf = none
    may be read."""


class Place(NamedTuple):
    """Where texts are in a guide; leaves i32[*b]."""

    context: Any
    node: Any
    """Of the trie; 0 = between words, `OUTSIDE` = in one that is not listed."""


ENDS, NEVER = -1, -2
"""Of characters that are in no word: marks end one, letters and digits do not."""
OUTSIDE = -1
START = Place(np.int32(0), np.int32(0))


def gain(guide: Guide, place: Place, code: Any) -> tuple[jax.Array, Place]:
    """`(f32[*b k], Place [*b k])`: what characters i32[*b k] add, and where they lead.

    A word's logarithm is given out on its way: each letter pays for the best word that
    goes on so, and the end settles the rest. Where no word goes on so, what was paid is
    returned and the word counts as unknown.
    """
    context = place.context[..., None]
    node = jnp.broadcast_to(place.node[..., None], code.shape)
    letter = guide.letter[code]
    inside = jnp.maximum(node, 0)
    below = child(guide.trie, inside, jnp.maximum(letter, 0))
    listed = (letter >= 0) & (below >= 0) & (node >= 0)
    paid = jnp.where(node > 0, guide.trie.best[inside], 0.0)
    words = jnp.where(listed, guide.trie.best[below], guide.unknown) - paid
    words = jnp.where(node == OUTSIDE, 0.0, words)
    words = jnp.where(letter == ENDS, ending(guide, node), words)
    added = guide.weight * guide.log_p[context, code] + _weighted(guide, words)
    after = jnp.where(letter == ENDS, 0, jnp.where(listed, below, OUTSIDE))
    return added, Place(guide.after[context, code], after)


def ending(guide: Guide, node: Any) -> jax.Array:
    """What the end of a word adds, unweighted; 0 between words."""
    inside = jnp.maximum(node, 0)
    own = jnp.maximum(guide.trie.log_p[inside], guide.unknown)
    return jnp.where(node > 0, own - guide.trie.best[inside], 0.0)


def final(guide: Guide, place: Place) -> jax.Array:
    """What the end of the text adds to its score."""
    return _weighted(guide, ending(guide, place.node))


def _weighted(guide: Guide, words):
    # 0 * -inf is no number.
    return jnp.where(guide.word_weight > 0, guide.word_weight * words, 0.0)


def no_guide(size: int) -> Guide:
    """All texts over an alphabet are as good as another."""
    nothing = np.zeros(1, np.float32)
    bits, none = np.zeros((1, 1), np.uint32), np.full(1, -1, np.int32)
    return Guide(
        np.zeros((1, size), np.float32),
        np.zeros((1, size), np.int32),
        np.float32(0),
        Trie(np.zeros(1, np.int32), bits, none, nothing, nothing),
        np.full(size, -1, np.int32),
        np.float32(0),
        np.float32(-np.inf),
    )


def with_characters(
    guide: Guide,
    model: CharacterModel,
    alphabet: Sequence[str],
    weight: float,
    bonus: float = 0.0,
) -> Guide:
    """The guide with a character model's log probabilities at a weight.

    `bonus` is added to each of them: all are negative, so long texts would suffer.
    """
    log_p, after = tables(model, alphabet)
    return guide._replace(
        log_p=log_p + np.float32(bonus), after=after, weight=np.float32(weight)
    )


def with_words(
    guide: Guide,
    words: Mapping[str, float],
    alphabet: Sequence[str],
    weight: float,
    unknown: float = -np.inf,
) -> Guide:
    """The guide with words, between marks and spaces that none of them has.

    `A` is read where the words have `a` alone. Other words count as one whose natural
    log probability is `unknown`; by default there are none. A weight of 0 forbids
    nothing.
    """
    letters = sorted({*"".join(words)})
    number = {character: i for i, character in enumerate(letters)}
    ends = [NEVER if c.isalnum() else ENDS for c in alphabet]
    letter = [
        number.get(c, number.get(c.lower(), end))
        for c, end in zip(alphabet, ends, strict=True)
    ]
    return guide._replace(
        trie=build(words, letters),
        letter=np.array(letter, np.int32),
        word_weight=np.float32(weight),
        unknown=np.float32(unknown),
    )


def tables(
    model: CharacterModel, alphabet: Sequence[str]
) -> tuple[np.ndarray, np.ndarray]:
    """`(log_p f32[m c], after i32[m c])`: a character model, context by context.

    The first context is a text's start. Of more than `CONTEXTS` those that occur most
    are kept; for others stands what they end in. A character that the model has never
    seen is as probable as one of all that it knows.
    """
    often = sorted(model.counts, key=lambda name: -model.counts[name][""])
    kept = sorted({"", *often[:CONTEXTS]} | {model.start} & {*often}, key=len)
    first = sorted(kept, key=lambda name: (name != model.start, len(name)))
    row = {name: i for i, name in enumerate(first)}
    folded = ["0" if c.isdecimal() else c for c in alphabet]
    columns: dict[str, list[int]] = {}
    for i, character in enumerate(folded):
        columns.setdefault(character, []).append(i)
    p = np.full((len(row), len(alphabet)), 1 / model.vocabulary, np.float32)
    after = np.zeros(p.shape, np.int32)
    for name in kept:
        i, follow = row[name], model.counts[name]
        total, kinds = follow[""], len(follow) - 1
        ends = (name[n:] for n in range(1, len(name) + 1))
        shorter = next((row[end] for end in ends if end in row), i)
        p[i] = p[shorter]
        after[i] = after[shorter] if name else i
        p[i] *= kinds / (total + kinds)
        for character, count in follow.items():
            if character in columns:
                p[i, columns[character]] += count / (total + kinds)
        if len(name) < model.order - 1:
            for character, places in columns.items():
                if name + character in row:
                    after[i, places] = row[name + character]
    strange = [i for i, c in enumerate(alphabet) if c not in model]
    p[:, strange] = 1 / model.vocabulary
    digits = np.array([c.isdecimal() for c in alphabet])
    return np.log(p) - np.log(10, dtype=np.float32) * digits, after
