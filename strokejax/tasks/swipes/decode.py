"""Searching the best words letter by letter, on the device, many swipes at once."""

import heapq
from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from strokejax.search.beam import Paths, last_code, prune, start, take
from strokejax.search.language import ENDS, Guide, gain, no_guide
from strokejax.search.trie import Trie, build
from strokejax.tasks.swipes.layouts import Layout, by_keys
from strokejax.types import InputError


class Search(NamedTuple):
    """How words are searched; plain values."""

    width: int = 24
    """Words that are followed; 1 is greedy."""
    limit: int = 32
    """Letters with the end."""
    exponent: float = 0.5
    """Evidence is divided by the number of letters to the power of this, at the end."""
    least: float = 0.0
    """Letters less probable than this are not followed."""
    mask: str = "after"
    """Letters that no word has are forbidden after the softmax, or "before" it: then a
    letter without alternative costs nothing."""


USUAL = Search()
Step = Callable[[Any, Array, Array, Array], tuple[Array, Any]]
"""`(cache, last i32[b w], place, writer i32[b w l]) -> (logits f32[b w c], cache)`.

`writer` says which path a path's letters were written by, -1 behind `place`: what is
kept of letters stays where it is while paths branch."""


def search(step: Step, cache: Any, count: int, guide: Guide, how: Search) -> Paths:
    """The best words of `count` swipes, ended ones first; the last code is the end.

    Traced; jit it together with what makes the cache.
    """
    paths = start(count, how.width, how.limit)
    codes = guide.letter.shape[0]
    code = jnp.broadcast_to(jnp.arange(codes), (count, codes))
    end = codes - 1

    def ended(paths: Paths):
        return last_code(paths) == end

    def go_on(carry):
        paths, _, _, place = carry
        alive = jnp.isfinite(paths.evidence) & ~ended(paths)
        return (place < how.limit) & jnp.any(alive)

    def grow(carry):
        paths, cache, writer, place = carry
        last = jnp.where(place > 0, last_code(paths), -2)
        here = jnp.arange(how.limit) == place
        writer = jnp.where(here, jnp.arange(how.width)[:, None], writer)
        logits, cache = step(cache, last, place, writer)
        if how.mask == "before":
            each = jnp.broadcast_to(code[:, None], logits.shape)
            may = jnp.isfinite(gain(guide, paths.place, each)[0])
            may &= (each != end) | (place > 0)
            logits = jnp.where(may, logits, -1e9)
        log_p = jax.nn.log_softmax(logits)
        log_p = jnp.where(log_p >= jnp.log(how.least), log_p, -jnp.inf)
        log_p = log_p.at[..., end].set(jnp.where(place > 0, log_p[..., end], -jnp.inf))
        done = ended(paths)
        stay = jnp.where(done, paths.evidence, -jnp.inf)
        longer = jnp.where(done[..., None], -jnp.inf, paths.evidence[..., None] + log_p)
        paths, chosen = prune(paths, stay, longer, code, guide)
        return paths, cache, take(writer, chosen.parent), place + 1

    writer = jnp.full((count, how.width, how.limit), -1)
    paths, *_ = jax.lax.while_loop(go_on, grow, (paths, cache, writer, jnp.int32(0)))
    return ranked(paths, ended(paths), how.exponent)


def ranked(paths: Paths, ended: Array, exponent: float) -> Paths:
    """Ended words first, by their evidence a letter and what the language says."""
    score = final_scores(paths, exponent)
    order = jnp.argsort(jnp.where(ended, -score, jnp.inf), axis=1, stable=True)
    return jax.tree.map(lambda x: take(x, order), paths)


def final_scores(paths: Paths, exponent: float) -> Float[Array, "b w"]:
    """What words are compared by at the end."""
    return paths.evidence / jnp.maximum(paths.length, 1) ** exponent + paths.language


# Words that a keyboard types: by the keys that write them, as the search's guide.


LONGEST = 31
"""Letters of a word that is typed."""


class Lexicon(NamedTuple):
    """The words of a layout; immutable."""

    words: Mapping[str, tuple[tuple[str, float], ...]]
    """By their keys: the words and frequencies, the most frequent first."""
    left_out: tuple[str, ...]
    """Words that the layout cannot write, or that are too long."""
    guide: Guide
    """For the search, over a network's letters and the end of a word."""
    ordered: tuple[str, ...]
    """Keys of words, sorted."""

    def under(self, prefix: str, count: int) -> list[str]:
        """Keys of the most frequent words that begin so."""
        first = bisect_left(self.ordered, prefix)
        last = bisect_left(self.ordered, prefix + chr(0x10FFFF))
        found = self.ordered[first:last]
        return heapq.nlargest(count, found, lambda k: self.words[k][0][1])


def lexicon(
    words: Mapping[str, float],
    keys: Layout,
    letters: Sequence[str],
    *,
    weight: float,
    blocked: Iterable[str] = (),
    taught: Mapping[str, float] | None = None,
) -> Lexicon:
    """Words, and those that a user taught, less the blocked ones.

    Frequencies count at a `weight` beside what the swipe says. Arrays are as long as
    the next power of 2, so that a word more compiles nothing anew. InputError where no
    word is left.
    """
    known = {*keys.letters} & {*letters}
    banned = {word.lower() for word in blocked}
    kept = {**words, **(taught or {})}
    kept = {word: often for word, often in kept.items() if word.lower() not in banned}
    every = by_keys(kept, known)
    found = {keyed: each for keyed, each in every.items() if 0 < len(keyed) <= LONGEST}
    fitting = {word for each in found.values() for word, _ in each}
    left_out = [word for word in kept if word not in fitting]
    if not found:
        raise InputError(
            f"None of {len(words):,} words can be written on the layout {keys.name}, "
            f"whose keys are {''.join(sorted(known)) or 'unknown to the model'}; give "
            f"words of its letters."
        )
    ordered = {
        written: tuple(sorted(each, key=lambda pair: -pair[1]))
        for written, each in found.items()
    }
    total = {written: sum(f for _, f in each) for written, each in ordered.items()}
    guide = no_guide(len(letters) + 1)._replace(
        trie=padded(build(total, letters)),
        letter=np.array([*range(len(letters)), ENDS], np.int32),
        word_weight=np.float32(max(weight, 1e-6)),
    )
    return Lexicon(ordered, tuple(left_out), guide, tuple(sorted(ordered)))


def padded(trie: Trie) -> Trie:
    """With nodes that nothing leads to, up to a power of 2."""
    count = len(trie.first)
    more = (1 << (count - 1).bit_length()) - count
    return Trie(
        *(
            np.pad(leaf, ((0, more), *((0, 0),) * (leaf.ndim - 1)))
            for leaf in map(np.asarray, trie)
        )
    )


# What ranks the words of a swipe: how they are searched, and what counts how much.


class Weights(NamedTuple):
    """What counts beside the network's evidence."""

    frequency: float = 0.3
    """Of the logarithm of how often a word occurs."""
    along: float = 2.0
    """Lost for each key width between a swipe and a word's way (`ink.swipe_ways`)."""
    passing: float = 0.25
    """Lost for each squared key width between a word's keys and what passes them."""
    edits: float = 0.0
    """Lost for each edit between a word and what is read without any words; 0 spares
    that reading (V. Levenshtein, 1966)."""


class Decoder(NamedTuple):
    """How words are searched and ranked; plain values."""

    search: Search = Search()
    weights: Weights = Weights()


USUAL_DECODER = Decoder()
SETTINGS: Mapping[str, tuple[float, float]] = {
    "exponent": (0, 2),
    "least": (0, 1),
    "frequency": (0, 10),
    "along": (0, 100),
    "passing": (0, 100),
    "edits": (0, 100),
}
"""Numbers that a decoder may be told, from and to."""
MASKS = ("before", "after")


def decoder_of(beam: int, text: str) -> Decoder:
    """The decoder of a beam and settings like "exponent=0.5,mask=before"."""
    if not 1 <= beam <= 256:
        raise InputError(f"--beam is {beam}; give 1 (greedy) to 256 words.")
    search, weights = Search(width=beam), Weights()
    for entry in filter(None, map(str.strip, text.split(","))):
        name, _, value = entry.partition("=")
        if name == "mask" and value in MASKS:
            search = search._replace(mask=value)
            continue
        try:
            number = _number(name, value)
        except (ValueError, KeyError):
            ranges = ", ".join(
                f"{n} ({a:g} to {b:g})" for n, (a, b) in SETTINGS.items()
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
    low, high = SETTINGS[name]
    number = float(value)
    if not low <= number <= high:
        raise ValueError(value)
    return number
