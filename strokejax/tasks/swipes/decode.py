"""Beam search for the words of swipes: the search, its lexicon, and its settings.

The search runs on the device, letter by letter, for many swipes at once. A lexicon,
as a trie over the keys that write its words, restricts it to words of the layout.
"""

import heapq
from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from strokejax.search.beam import Hypotheses, last_code, prune, start, take
from strokejax.search.language import ENDS, LanguageModel, no_language, score_extensions
from strokejax.search.trie import Trie, build
from strokejax.tasks.swipes.layouts import Layout, by_keys
from strokejax.types import InputError

MAX_LETTERS = 31
"""Letters of a word, without its end."""
MAX_BEAM = 256
MASKED = -1e9
"""Logit of a letter that continues no word: finite, so that a softmax stays finite."""


# Settings. The fields' names are stored in tables of predictions.


class Search(NamedTuple):
    """How the beam search runs; plain values."""

    width: int = 24
    """Beam width; 1 is greedy."""
    limit: int = 32
    """Letters of a word, with its end."""
    exponent: float = 0.5
    """In the final score, evidence is divided by length to this power."""
    min_probability: float = 0.0
    """Letters below this probability are pruned."""
    mask: str = "after"
    """Whether letters that continue no word are masked "after" the softmax or "before"
    it. Before it, a letter without an alternative costs nothing."""


class Weights(NamedTuple):
    """Weights beside the network's evidence."""

    frequency: float = 0.3
    """Of the logarithm of a word's frequency."""
    location_weight: float = 2.0
    """Penalty for each key width of `PathDistances.location`."""
    dtw_weight: float = 0.25
    """Penalty for each squared key width of `PathDistances.dtw`."""
    edits: float = 0.0
    """Penalty for each edit (V. Levenshtein, 1966) between a word and the text that is
    read without a lexicon; 0 saves reading it."""


class Decoder(NamedTuple):
    """How words are searched and ranked; plain values."""

    search: Search = Search()
    weights: Weights = Weights()


DEFAULT_DECODER = Decoder()
RANGES: Mapping[str, tuple[float, float]] = {
    "exponent": (0, 2),
    "min_probability": (0, 1),
    "frequency": (0, 10),
    "location_weight": (0, 100),
    "dtw_weight": (0, 100),
    "edits": (0, 100),
}
"""Legal values of the settings that are numbers."""
OLD_NAMES = {
    "least": "min_probability",
    "along": "location_weight",
    "passing": "dtw_weight",
}
"""Former names of settings, read until release 0.3."""
MASKS = ("before", "after")


def decoder_of(beam: int, text: str) -> Decoder:
    """The decoder of a beam width and settings like "exponent=0.5,mask=before".

    InputError for an unknown setting and for a value out of range.
    """
    if not 1 <= beam <= MAX_BEAM:
        raise InputError(
            f"--beam is {beam}; give a beam width of 1 (greedy) to {MAX_BEAM}."
        )
    search, weights = Search(width=beam), Weights()
    for entry in filter(None, map(str.strip, text.split(","))):
        name, _, value = entry.partition("=")
        name = OLD_NAMES.get(name, name)
        if name == "mask" and value in MASKS:
            search = search._replace(mask=value)
            continue
        try:
            number = _number(name, value)
        except (ValueError, KeyError):
            ranges = ", ".join(
                f"{name} ({low:g} to {high:g})" for name, (low, high) in RANGES.items()
            )
            raise InputError(
                f"--decoder has {entry!r}; it takes {ranges} and mask (before or "
                f"after), like 'exponent=0.5,mask=before'."
            ) from None
        if name in Weights._fields:
            weights = weights._replace(**{name: number})
        else:
            search = search._replace(**{name: number})
    return Decoder(search, weights)


def _number(name: str, value: str) -> float:
    low, high = RANGES[name]
    number = float(value)
    if not low <= number <= high:
        raise ValueError(value)
    return number


# The search.


Step = Callable[[Any, Array, Array, Array], tuple[Array, Any]]
"""`(cache, last i32[b w], place, writer i32[b w l]) -> (logits f32[b w c], cache)`.

`writer` is the hypothesis that wrote each letter of a hypothesis, -1 behind `place`.
Cached letters stay where they were written while hypotheses branch, so that the cache
is never reordered."""


def search(
    step: Step, cache: Any, count: int, language: LanguageModel, settings: Search
) -> Hypotheses:
    """The best words of `count` swipes, finished ones first; the last code is the end.

    Traced; jit it together with the function that makes the cache.
    """
    codes = language.letter.shape[0]
    code = jnp.broadcast_to(jnp.arange(codes), (count, codes))
    end = codes - 1

    def is_finished(hypotheses: Hypotheses):
        return last_code(hypotheses) == end

    def goes_on(carry):
        hypotheses, _, _, place = carry
        alive = jnp.isfinite(hypotheses.evidence) & ~is_finished(hypotheses)
        return (place < settings.limit) & jnp.any(alive)

    def grow(carry):
        hypotheses, cache, writer, place = carry
        last = jnp.where(place > 0, last_code(hypotheses), -2)
        # At this place, every hypothesis writes its own letter.
        here = jnp.arange(settings.limit) == place
        writer = jnp.where(here, jnp.arange(settings.width)[:, None], writer)
        logits, cache = step(cache, last, place, writer)
        if settings.mask == "before":
            candidates = jnp.broadcast_to(code[:, None], logits.shape)
            score, _ = score_extensions(language, hypotheses.state, candidates)
            allowed = jnp.isfinite(score) & ((candidates != end) | (place > 0))
            logits = jnp.where(allowed, logits, MASKED)
        log_p = jax.nn.log_softmax(logits)
        log_p = jnp.where(log_p >= jnp.log(settings.min_probability), log_p, -jnp.inf)
        # A word has one letter at least.
        log_p = log_p.at[..., end].set(jnp.where(place > 0, log_p[..., end], -jnp.inf))
        finished = is_finished(hypotheses)
        stay = jnp.where(finished, hypotheses.evidence, -jnp.inf)
        longer = hypotheses.evidence[..., None] + log_p
        longer = jnp.where(finished[..., None], -jnp.inf, longer)
        hypotheses, origin = prune(hypotheses, stay, longer, code, language)
        return hypotheses, cache, take(writer, origin.parent), place + 1

    hypotheses = start(count, settings.width, settings.limit)
    writer = jnp.full((count, settings.width, settings.limit), -1)
    hypotheses, *_ = jax.lax.while_loop(
        goes_on, grow, (hypotheses, cache, writer, jnp.int32(0))
    )
    return ranked(hypotheses, is_finished(hypotheses), settings.exponent)


def ranked(hypotheses: Hypotheses, finished: Array, exponent: float) -> Hypotheses:
    """Sorted by final score, finished words first."""
    score = final_scores(hypotheses, exponent)
    order = jnp.argsort(jnp.where(finished, -score, jnp.inf), axis=1, stable=True)
    return jax.tree.map(lambda x: take(x, order), hypotheses)


def final_scores(hypotheses: Hypotheses, exponent: float) -> Float[Array, "b w"]:
    """Evidence over length to the `exponent`, plus the language model's score."""
    length = jnp.maximum(hypotheses.length, 1)
    return hypotheses.evidence / length**exponent + hypotheses.language


# The lexicon.


class Lexicon(NamedTuple):
    """The words of a layout, by the keys that write them; immutable."""

    words: Mapping[str, tuple[tuple[str, float], ...]]
    """For each key sequence its words and frequencies, the most frequent first."""
    left_out: tuple[str, ...]
    """Words that are too long, or that the layout cannot write."""
    language: LanguageModel
    """For the search: the words as a trie over a network's letters and the end."""
    ordered: tuple[str, ...]
    """The key sequences, sorted."""

    def completions(self, prefix: str, count: int) -> list[str]:
        """The key sequences with this prefix that have the most frequent words."""
        first = bisect_left(self.ordered, prefix)
        last = bisect_left(self.ordered, prefix + chr(0x10FFFF))
        matches = self.ordered[first:last]
        return heapq.nlargest(count, matches, lambda keys: self.words[keys][0][1])


def lexicon(
    words: Mapping[str, float],
    keys: Layout,
    letters: Sequence[str],
    *,
    weight: float,
    blocked: Iterable[str] = (),
    taught: Mapping[str, float] | None = None,
) -> Lexicon:
    """The lexicon of words with frequencies, plus taught words, less blocked ones.

    `letters` are the network's, `weight` is that of the logarithm of a frequency. A
    blocked word is blocked in small and capital letters. InputError if no word is left.
    """
    available = {*keys.letters} & {*letters}
    banned = {word.lower() for word in blocked}
    allowed = {
        word: frequency
        for word, frequency in {**words, **(taught or {})}.items()
        if word.lower() not in banned
    }
    groups = {
        written: tuple(sorted(group, key=lambda pair: -pair[1]))
        for written, group in by_keys(allowed, available).items()
        if 0 < len(written) <= MAX_LETTERS
    }
    writable = {word for group in groups.values() for word, _ in group}
    left_out = [word for word in allowed if word not in writable]
    if not groups:
        raise InputError(
            f"None of {len(words):,} words can be written on the layout {keys.name}, "
            f"where the model knows the keys {''.join(sorted(available)) or '(none)'}; "
            f"give words of its letters."
        )
    totals = {written: sum(f for _, f in group) for written, group in groups.items()}
    language = no_language(len(letters) + 1)._replace(
        trie=pad_trie(build(totals, letters)),
        letter=np.array([*range(len(letters)), ENDS], np.int32),
        # Above 0, because a weight of 0 would allow any text.
        word_weight=np.float32(max(weight, 1e-6)),
    )
    return Lexicon(groups, tuple(left_out), language, tuple(sorted(groups)))


def pad_trie(trie: Trie) -> Trie:
    """Padded with unreachable nodes to a power of 2.

    A few more words then leave the shapes as they are, and nothing is compiled anew.
    """
    count = len(trie.first)
    padding = (1 << (count - 1).bit_length()) - count
    return Trie(
        *(
            np.pad(leaf, ((0, padding), *((0, 0),) * (leaf.ndim - 1)))
            for leaf in map(np.asarray, trie)
        )
    )
