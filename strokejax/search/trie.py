"""A lexicon as a trie in flat arrays, for searches on the device.

Nodes are numbered breadth first, so the children of a node are consecutive, in the
order of their characters. A bitmap marks which characters have a child, and the number
of bits below a character is the offset of its child (as in P. Bagwell, Ideal Hash
Trees, 2001).
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from strokejax.types import InputError

BITS = 32
"""Characters in one part of a node's bitmap."""
MAX_WORDS = 2_000_000
MAX_LENGTH = 64
"""Characters of a word."""


class Trie(NamedTuple):
    """n nodes over c characters; node 0 is the root, the empty prefix.

    A pytree, on the host or the device.
    """

    first: Any
    """i32[n]: the first child of each node."""
    bits: Any
    """u32[n parts]: bitmap of the characters that have a child, `BITS` a part."""
    word: Any
    """i32[n]: index of the word that ends here, -1 if none does."""
    log_p: Any
    """f32[n]: log frequency of the word that ends here, -inf if none does."""
    best: Any
    """f32[n]: highest log frequency among the words with this prefix."""


def build(words: Mapping[str, float], alphabet: Sequence[str]) -> Trie:
    """The trie of words and their frequencies (above 0, in any unit), in numpy arrays.

    Words are numbered in the mapping's order; frequencies are divided by their sum.
    InputError for an empty mapping, too many words, a word that is empty or too long,
    and a word with a character outside the alphabet.
    """
    codes, length = _encode([*words], alphabet)
    frequency = np.fromiter(words.values(), np.float64, len(words))
    order = np.argsort(_sort_key(codes), kind="stable")
    codes, length = codes[order], length[order]
    node, depth_start = _number_nodes(codes, length)
    count = depth_start[-1]
    first = np.zeros(count, np.int32)
    bits = np.zeros((count, -(-len(alphabet) // BITS)), np.uint32)
    word = np.full(count, -1, np.int32)
    log_p = np.full(count, -np.inf, np.float32)
    ends = node[np.arange(len(node)), length]
    word[ends] = order
    log_p[ends] = np.log(frequency[order] / frequency.sum())
    best = log_p.copy()
    # From the deepest level up, so that `best` of a child is final before its parent's.
    for depth in range(codes.shape[1] - 1, -1, -1):
        rows = np.flatnonzero(length > depth)
        child, parent = node[rows, depth + 1], node[rows, depth]
        np.maximum.at(best, parent, best[child])
        code = codes[rows, depth].astype(np.int64) - 1
        bit = np.left_shift(np.uint32(1), (code % BITS).astype(np.uint32))
        np.bitwise_or.at(bits, (parent, code // BITS), bit)
        first[parent[::-1]] = child[::-1]  # the last write wins: the first child
    return Trie(first, bits, word, log_p, best)


def child(trie: Trie, node: Any, code: Any) -> jax.Array:
    """i32[*b]: the child of each node for a character code, -1 if there is none."""
    part, bit = code // BITS, (code % BITS).astype(jnp.uint32)
    bitmap = trie.bits[node]
    bits = jnp.take_along_axis(bitmap, part[..., None], -1)[..., 0]
    exists = (bits >> bit) & 1
    # The child's rank: set bits below its own, in its part and in all parts before.
    below = jax.lax.population_count(bits & ((jnp.uint32(1) << bit) - 1))
    parts = jnp.arange(trie.bits.shape[1])
    before = jnp.where(parts < part[..., None], jax.lax.population_count(bitmap), 0)
    rank = (below + before.sum(-1, dtype=jnp.uint32)).astype(jnp.int32)
    return jnp.where(exists == 1, trie.first[node] + rank, -1)


def _encode(words: list[str], alphabet: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """u16[n l] character codes plus 1 (0 pads), i64[n] lengths."""
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
    # One lookup for the characters of all words together, not word by word.
    points = np.frombuffer("".join(words).encode("utf-32-le"), np.uint32)
    known = np.array([ord(character) for character in alphabet], np.uint32)
    order = np.argsort(known)
    position = np.searchsorted(known[order], points).clip(max=len(known) - 1)
    number = order[position]
    unknown = np.flatnonzero(known[number] != points)
    if len(unknown):
        at_fault = int(np.searchsorted(np.cumsum(length), unknown[0], side="right"))
        raise InputError(
            f"The word {words[at_fault]!r} has {chr(points[unknown[0]])!r}, which is "
            f"not in the alphabet; leave it out."
        )
    codes = np.zeros((len(words), int(length.max())), np.uint16)
    codes[np.arange(codes.shape[1]) < length[:, None]] = number + 1
    return codes, length


def _sort_key(codes: np.ndarray) -> np.ndarray:
    """[n]: each row as big-endian bytes, which sort as the row's numbers do."""
    return codes.astype(">u2").view(f"S{2 * codes.shape[1]}")[:, 0]


def _number_nodes(
    codes: np.ndarray, length: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Nodes of sorted words, breadth first.

    Returns i32[n l+1], the node of each word's prefixes by their length, and i64[l+2],
    the first node of each depth, with the number of nodes at the end.
    """
    n, longest = codes.shape
    node = np.zeros((n, longest + 1), np.int32)
    starts = [0, 1]
    differs = np.zeros(n, bool)  # from the prefix of the word before
    differs[0] = True
    for depth in range(longest):
        differs[1:] |= codes[1:, depth] != codes[:-1, depth]
        new = differs & (length > depth)
        node[:, depth + 1] = starts[-1] - 1 + np.cumsum(new)
        starts.append(starts[-1] + int(new.sum()))
    return node, np.array(starts)
