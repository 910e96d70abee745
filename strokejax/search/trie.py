"""Words as a trie in flat arrays, for searches that run on the device.

Nodes are numbered breadth first, so the children of a node lie in a row, in the order
of their characters: a bit a character says which there are, and counting the bits below
one says where it is (as in P. Bagwell, Ideal Hash Trees, 2001).
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from strokejax.types import InputError

BITS = 32
MAX_WORDS = 2_000_000
MAX_LENGTH = 64


class Trie(NamedTuple):
    """n nodes over c characters; 0 is the root. A pytree, on the host or the device."""

    first: Any
    """i32[n]: the first child."""
    bits: Any
    """u32[n parts]: which characters lead on, `BITS` of them a part."""
    word: Any
    """i32[n]: which of the words ends here, -1 = none."""
    log_p: Any
    """f32[n]: log frequency of the word that ends here, -inf = none."""
    best: Any
    """f32[n]: the highest one among the words that begin so."""


def build(words: Mapping[str, float], alphabet: Sequence[str]) -> Trie:
    """The trie of words and frequencies (above 0, in any unit), as numpy arrays.

    Words are numbered as they come; frequencies are relative to the sum of all.
    InputError for a word with a character that is not in the alphabet, and for none.
    """
    codes, length = _coded([*words], alphabet)
    frequency = np.fromiter(words.values(), np.float64, len(words))
    order = np.argsort(_text(codes), kind="stable")
    codes, length = codes[order], length[order]
    node, depth_start = _nodes(codes, length)
    count = depth_start[-1]
    first = np.zeros(count, np.int32)
    bits = np.zeros((count, -(-len(alphabet) // BITS)), np.uint32)
    word = np.full(count, -1, np.int32)
    log_p = np.full(count, -np.inf, np.float32)
    ends = node[np.arange(len(node)), length]
    word[ends] = order
    log_p[ends] = np.log(frequency[order] / frequency.sum())
    best = log_p.copy()
    for depth in range(codes.shape[1] - 1, -1, -1):
        rows = np.flatnonzero(length > depth)
        child, parent = node[rows, depth + 1], node[rows, depth]
        np.maximum.at(best, parent, best[child])
        code = codes[rows, depth].astype(np.int64) - 1
        bit = np.left_shift(np.uint32(1), (code % BITS).astype(np.uint32))
        np.bitwise_or.at(bits, (parent, code // BITS), bit)
        first[parent[::-1]] = child[::-1]  # the first of several is written last
    return Trie(first, bits, word, log_p, best)


def child(trie: Trie, node: Any, code: Any) -> jax.Array:
    """i32[*b]: where a character leads from a node, -1 where no word goes on so."""
    part, bit = code // BITS, (code % BITS).astype(jnp.uint32)
    bits = trie.bits[node]
    own = jnp.take_along_axis(bits, part[..., None], -1)[..., 0]
    there = (own >> bit) & 1
    below = jax.lax.population_count(own & ((jnp.uint32(1) << bit) - 1))
    parts = jnp.arange(trie.bits.shape[1])
    whole = jnp.where(parts < part[..., None], jax.lax.population_count(bits), 0)
    rank = (below + whole.sum(-1, dtype=jnp.uint32)).astype(jnp.int32)
    return jnp.where(there == 1, trie.first[node] + rank, -1)


def _coded(words: list[str], alphabet: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """u16[n l] characters by their number plus 1 (0 = none), i64[n] lengths."""
    if not words:
        raise InputError("There are no words; give at least one.")
    if len(words) > MAX_WORDS:
        raise InputError(
            f"There are {len(words):,} words; give the {MAX_WORDS:,} most frequent."
        )
    length = np.fromiter(map(len, words), np.int64, len(words))
    if length.max() > MAX_LENGTH or not length.min():
        worst = words[int(length.argmax() if length.min() else length.argmin())]
        raise InputError(
            f"The word {worst[:20]!r} has {len(worst)} characters; give words of 1 to "
            f"{MAX_LENGTH}."
        )
    points = np.frombuffer("".join(words).encode("utf-32-le"), np.uint32)
    known = np.array([ord(character) for character in alphabet], np.uint32)
    order = np.argsort(known)
    place = np.searchsorted(known[order], points).clip(max=len(known) - 1)
    number = order[place]
    strange = np.flatnonzero(known[number] != points)
    if len(strange):
        which = int(np.searchsorted(np.cumsum(length), strange[0], side="right"))
        raise InputError(
            f"The word {words[which]!r} has {chr(points[strange[0]])!r}, which is not "
            f"in the alphabet; leave it out."
        )
    codes = np.zeros((len(words), int(length.max())), np.uint16)
    codes[np.arange(codes.shape[1]) < length[:, None]] = number + 1
    return codes, length


def _text(codes: np.ndarray) -> np.ndarray:
    """[n]: rows as strings of bytes that are sorted as their numbers are."""
    return codes.astype(">u2").view(f"S{2 * codes.shape[1]}")[:, 0]


def _nodes(codes: np.ndarray, length: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """i32[n l+1]: the node after each prefix of sorted words; i64: first of a depth."""
    n, longest = codes.shape
    node = np.zeros((n, longest + 1), np.int32)
    starts = [0, 1]
    new = np.zeros(n, bool)
    new[0] = True
    for depth in range(longest):
        new[1:] |= codes[1:, depth] != codes[:-1, depth]
        fresh = new & (length > depth)
        node[:, depth + 1] = starts[-1] - 1 + np.cumsum(fresh)
        starts.append(starts[-1] + int(fresh.sum()))
    return node, np.array(starts)
