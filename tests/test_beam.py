"""Texts from uncertain answers: the beam against all texts, the model against sums."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import seeds

from strokejax.answers import Answer
from strokejax.decode.beam import MAX_TEXT, advance, from_answer, start
from strokejax.decode.character_model import (
    ORDER,
    language_model,
    load_words,
    parse_words,
    train,
)
from strokejax.types import InputError

SMALL = train({"ab": 5, "ba": 1, "bab": 2}, order=3)
ENGLISH = language_model("en")


def steps(seed, count, symbols="ab "):
    """Random answers over a small alphabet."""
    p = np.random.default_rng(seed).dirichlet(np.ones(len(symbols)), size=count)
    return [dict(zip(symbols, np.log(row).tolist(), strict=True)) for row in p]


def score(model, text, answers, weight):
    """Of one text, without a beam."""
    total, context = 0.0, model.start
    for character, log_p in zip(text, answers, strict=True):
        total += log_p[character] + weight * model.log_probability(context, character)
        context = model.extend(context, character)
    return total


def read(model, answers, **settings):
    beam = start(model)
    for answer in answers:
        beam = advance(beam, answer, model, **settings)
    return beam


@given(seeds, st.integers(1, 4), st.sampled_from([0.0, 0.5, 1.0, 2.0]))
def test_a_beam_as_wide_as_all_texts_is_exhaustive_search(seed, count, weight):
    answers = steps(seed, count)
    beam = read(SMALL, answers, weight=weight, width=3**count)
    everything = {
        "".join(text): score(SMALL, text, answers, weight)
        for text in itertools.product("ab ", repeat=count)
    }
    assert {path.text for path in beam.paths} == set(everything)
    for path in beam.paths:
        assert path.score == pytest.approx(everything[path.text])
    assert everything[beam.text] == pytest.approx(max(everything.values()))


@given(seeds, st.integers(1, 8))
def test_a_narrow_beam_keeps_true_scores_of_the_best_it_saw(seed, count):
    answers = steps(seed, count)
    paths = read(SMALL, answers, weight=0.5, width=2).paths
    assert len(paths) <= 2
    assert paths[0].score >= paths[-1].score
    for path in paths:
        assert path.score == pytest.approx(score(SMALL, path.text, answers, 0.5))


def test_ways_to_the_same_text_add_up():
    silent = {"": math.log(0.6), "a": math.log(0.4)}
    paths = read(SMALL, [silent, silent], weight=0.0, width=9).paths
    shares = {path.text: math.exp(path.score) for path in paths}
    assert shares == pytest.approx({"": 0.36, "a": 0.48, "aa": 0.16})


def test_no_entries_change_nothing():
    beam = read(SMALL, steps(0, 3))
    assert advance(beam, {}, SMALL) == beam


def test_texts_stay_bounded():
    answers = steps(3, 1) * (MAX_TEXT + 300)
    beam = read(SMALL, answers, width=4)
    assert {len(path.text) for path in beam.paths} == {MAX_TEXT}


def answer(**probability):
    ranked = sorted(probability.items(), key=lambda item: -item[1])
    symbols, p = zip(*ranked, strict=True)
    return Answer(symbols, None, p, ("shape",))


TWINS = {
    **{c: answer(**{c: 0.45, c.upper(): 0.55}) for c in "cosuvwxz"},
    "l": answer(l=0.3, I=0.3, **{"1": 0.4}),
    "O": answer(o=0.3, O=0.3, **{"0": 0.4}),
    "1": answer(l=0.34, I=0.34, **{"1": 0.32}),
    "0": answer(o=0.34, O=0.34, **{"0": 0.32}),
    " ": answer(space=0.9, s=0.1),
}


@pytest.mark.parametrize("text", ["school world", "so close", "in 2010", "local"])
def test_twins_are_told_apart_by_their_neighbours(text):
    answers = [TWINS.get(c, answer(**{c: 0.97, "q": 0.03})) for c in text]
    alone = "".join(next(iter(from_answer(a))) for a in answers)
    assert alone != text
    assert read(ENGLISH, map(from_answer, answers)).text == text


def test_a_symbol_without_a_character_is_read_as_its_name():
    answers = [
        answer(heart=0.9, a=0.05),
        answer(space=0.9, s=0.1),
        answer(a=0.9, q=0.1),
    ]
    assert read(ENGLISH, map(from_answer, answers)).text == "heart a"


# The character model


@given(st.text("abx 7", max_size=8))
def test_probabilities_sum_to_one(text):
    context = SMALL.start
    for character in text:
        context = SMALL.extend(context, character)
    characters = [*{c for c in SMALL.counts[""] if c and c != "0"}, *"0123456789", "?"]
    total = sum(math.exp(SMALL.log_probability(context, c)) for c in characters)
    assert total == pytest.approx(1)


def test_witten_bell_by_hand():
    """Words "ab" once: after "a" always "b"; by order 1 of 3 counts one is a "b"."""
    model = train({"ab": 1.0}, order=2)
    after = model.counts["a"]
    base = model.counts[""]
    kinds = len(base) - 1
    unigram = (base["b"] + kinds / model.vocabulary) / (base[""] + kinds)
    expected = (after["b"] + unigram) / (after[""] + 1)
    assert math.exp(model.log_probability("a", "b")) == pytest.approx(expected)


@given(st.text(max_size=12), st.characters())
def test_every_character_has_a_probability(text, character):
    context = ENGLISH.start
    for each in text:
        context = ENGLISH.extend(context, each)
    assert len(context) <= ORDER - 1
    assert -40 < ENGLISH.log_probability(context, character) < 0


def test_words_beat_their_scrambles():
    def total(text):
        context, found = ENGLISH.start, 0.0
        for c in text:
            found += ENGLISH.log_probability(context, c)
            context = ENGLISH.extend(context, c)
        return found

    assert total("question ") > total("qeustion ")
    assert total("The ") > total("tHe ")
    assert total("2024 ") > total("2o24 ")
    assert total("unlisted ") > total("unlisTed ")


def test_a_file_of_words_is_a_language(tmp_path):
    path = tmp_path / "de.txt"
    path.write_text("Straße\t10\nüber 5.5\nüber 1\n\nHaus 3\n", encoding="utf-8")
    words = load_words(path)
    assert words == {"Straße": 10, "über": 6.5, "Haus": 3}
    model = language_model(path)
    assert model.log_probability("Stra"[-4:], "ß") > math.log(0.2)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "no words"),
        ("word", "line 1"),
        ("a 1\nb x", "line 2"),
        ("a -1", "above 0"),
        ("a nan", "above 0"),
        ("a b 3", "line 1"),
        ("a" * 65 + " 1", "65 characters"),
        ("a\0 1", "printable"),
    ],
)
def test_bad_lists_are_one_sentence(text, words):
    with pytest.raises(InputError, match=words):
        parse_words(text, "list.txt")


def test_too_many_words_and_bytes_and_no_language(tmp_path):
    many = "\n".join(f"w{i} 1" for i in range(200_001))
    with pytest.raises(InputError, match="200,000"):
        parse_words(many, "list.txt")
    (tmp_path / "latin.txt").write_bytes(b"\xfcber 3\n")
    with pytest.raises(InputError, match="UTF-8"):
        load_words(tmp_path / "latin.txt")
    with pytest.raises(InputError, match="'xx'"):
        load_words("xx")


def test_the_built_in_words_are_in_order_of_frequency():
    counts = list(load_words("en").values())
    assert len(counts) > 500
    assert counts == sorted(counts, reverse=True)
