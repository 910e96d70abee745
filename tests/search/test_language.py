"""Scores of language models: the sums of the character model and of the words."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from strokejax.search.character_model import language_model, train
from strokejax.search.language import (
    LanguageState,
    final_score,
    no_language,
    score_extensions,
    with_characters,
    with_words,
)

ALPHABET = [*"abAB 07é."]
WORDS = {"ab": 5.0, "ba": 1.0, "bab": 2.0, "a": 1.0}
SMALL = train(WORDS, order=3)
TEXTS = st.text(st.sampled_from(ALPHABET), max_size=8)


def score(language, text, alphabet=ALPHABET):
    """Of one text, character by character."""
    state, total = LanguageState(np.zeros(1, np.int32), np.zeros(1, np.int32)), 0.0
    for character in text:
        code = np.array([[alphabet.index(character)]])
        added, after = score_extensions(language, state, code)
        total += float(added[0, 0])
        state = LanguageState(*(each[:, 0] for each in after))
    return total + float(final_score(language, state)[0])


@given(TEXTS)
def test_without_a_language_all_texts_are_alike(text):
    assert score(no_language(len(ALPHABET)), text) == 0


@pytest.mark.parametrize("order", [1, 2, 3, 5])
@given(text=TEXTS)
def test_characters_are_those_of_the_model(order, text):
    model = train(WORDS, order=order)
    language = with_characters(no_language(len(ALPHABET)), model, ALPHABET, 0.5)
    wanted, context = 0.0, model.start
    for character in text:
        known = character in model
        p = model.log_probability(context, character)
        wanted += p if known else -np.log(model.vocabulary)
        context = model.extend(context, character if known else "\ufffd")
    assert score(language, text) == pytest.approx(0.5 * wanted, rel=1e-4, abs=1e-5)


@given(TEXTS, st.floats(0.1, 2))
def test_words_pay_what_they_are_worth(text, weight):
    language = with_words(no_language(len(ALPHABET)), WORDS, ALPHABET, weight)
    letters = "".join(c if c.lower() in "ab" else " " for c in text)
    words = [word.lower() for word in letters.split()]
    total = sum(WORDS.values())
    strange = any(c.isalnum() and c.lower() not in "ab" for c in text)
    if not strange and all(word in WORDS for word in words):
        wanted = sum(np.log(WORDS[word] / total) for word in words)
        assert score(language, text) == pytest.approx(
            weight * wanted, rel=1e-4, abs=1e-5
        )
    else:
        assert score(language, text) == -np.inf


def test_a_language_is_quick_to_make():
    alphabet = [chr(i) for i in range(32, 127)]
    model = language_model("en")
    language = with_characters(no_language(len(alphabet)), model, alphabet, 1.0)
    good, bad = (score(language, text, alphabet) for text in ("the way", "tqe wxy"))
    assert good > bad + 5
