"""Words in flat arrays: what a plain dictionary of prefixes says."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from strokejax.search.trie import MAX_LENGTH, build, child
from strokejax.types import InputError

ALPHABET = [chr(0x400 + i) for i in range(70)]
WORDS = st.dictionaries(
    st.text(st.sampled_from(ALPHABET), min_size=1, max_size=6),
    st.floats(1e-3, 1e6),
    min_size=1,
    max_size=40,
)


def walk(trie, text):
    """The node after a text, -1 where no word begins so."""
    node = 0
    for character in text:
        if node >= 0:
            code = np.array([ALPHABET.index(character)])
            node = int(child(trie, np.array([node]), code)[0])
    return node


@given(WORDS, st.text(st.sampled_from(ALPHABET), max_size=4))
def test_nodes_are_the_prefixes(words, other):
    trie, names = build(words, ALPHABET), [*words]
    total = sum(words.values())
    prefixes = {word[:n] for word in words for n in range(len(word) + 1)}
    found = {prefix: walk(trie, prefix) for prefix in prefixes}
    assert sorted(found.values()) == list(range(len(prefixes)))
    for prefix, node in found.items():
        assert trie.word[node] == (names.index(prefix) if prefix in words else -1)
        below = [f for word, f in words.items() if word.startswith(prefix)]
        np.testing.assert_allclose(trie.best[node], np.log(max(below) / total), 1e-5)
        own = np.log(words[prefix] / total) if prefix in words else -np.inf
        np.testing.assert_allclose(trie.log_p[node], own, 1e-5)
    if other not in prefixes:
        assert walk(trie, other) == -1


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ({}, "no words"),
        ({"": 1.0}, "0 characters"),
        ({"ab" * MAX_LENGTH: 1.0}, "128 characters"),
        ({ALPHABET[0]: 1.0, "aé": 1.0}, "'aé' has 'a'"),
    ],
)
def test_words_that_cannot_be(words, said):
    with pytest.raises(InputError, match=said):
        build(words, ALPHABET)
