"""Words that a keyboard types: by the keys that write them, as the search's guide."""

import heapq
from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from strokejax.search.language import ENDS, Guide, no_guide
from strokejax.search.trie import Trie, build
from strokejax.tasks.swipes.layouts import Layout, by_keys
from strokejax.types import InputError

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
