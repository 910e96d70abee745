"""Live texts: symbols told apart by their neighbours; the model against sums."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strokejax.search.character_model import (
    ORDER,
    language_model,
    load_words,
    parse_words,
    train,
)
from strokejax.table.knn import Answer
from strokejax.table.symbols import STROKES, SymbolTable
from strokejax.tasks.symbols.live.spelling import MAX_TEXT, advance, begin, resume
from strokejax.types import InputError

SMALL = train({"ab": 5, "ba": 1, "bab": 2}, order=3)
ENGLISH = language_model("en")
COMMON = train(dict([*load_words("en").items()][:500]))
SYMBOLS = SymbolTable.of((*STROKES, "heart"), 80)


def read(answers, spelling=None):
    spelling = spelling or begin(SYMBOLS, ENGLISH)
    for answer in answers:
        spelling = advance(spelling, answer)
    return spelling


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
    assert "".join(a.symbols[0].replace("space", " ") for a in answers) != text
    assert read(answers).text == text


def test_a_symbol_without_a_character_is_read_as_its_name():
    answers = [
        answer(heart=0.9, a=0.05),
        answer(space=0.9, s=0.1),
        answer(a=0.9, q=0.1),
    ]
    assert read(answers).text == "heart a"


def test_a_symbol_types_its_text():
    typing = begin(SYMBOLS.with_text("heart", "<3"), ENGLISH)
    assert read([answer(heart=0.9, a=0.05)], typing).text == "<3"


TEXTS = st.text(st.sampled_from("abehort +♥0 "), min_size=1, max_size=6)


@given(
    st.lists(TEXTS.filter(str.strip), min_size=1, max_size=4, unique=True),
    st.text("abehkorst 2", max_size=8),
    st.sampled_from("aeo27kZ"),
    st.floats(0, 0.005),
)
@settings(max_examples=10)
def test_an_excluded_symbol_never_beats_a_likely_one(texts, before, likely, rare):
    """Registered symbols of any text, in any context, and letters alike."""
    names = [f"own {i}" for i in range(len(texts))]
    symbols = SymbolTable.of((*STROKES, *names), 80)
    for name, text in zip(names, texts, strict=True):
        symbols = symbols.with_text(name, text)
    spelling = begin(symbols, COMMON)
    written = [{"space" if c == " " else c: 1.0} for c in before]
    last = [{other: rare, likely: 0.95} for other in (*names, "e", "space")]
    for each in last:
        answers = [answer(**p) for p in (*written, each)]
        assert read(answers, spelling).text == before + likely


@pytest.mark.parametrize("text", ["the", "ing", "heart", "+", "♥", "<3"])
def test_a_symbol_of_any_text_is_typed_where_it_is_likely(text):
    """Whatever its text, and its letters are the context of what follows."""
    typing = begin(SYMBOLS.with_text("heart", text), ENGLISH)
    written = [answer(**{c: 0.97, "q": 0.03}) for c in "break"]
    answers = [*written, answer(heart=0.9, a=0.05)]
    assert read(answers, typing).text == f"break{text}"


def test_a_text_of_several_characters_is_the_context_of_the_next():
    typing = begin(SYMBOLS.with_text("heart", "scho"), ENGLISH)
    answers = [answer(heart=0.9, a=0.05), TWINS["o"], TWINS["l"]]
    assert read(answers, typing).text == "school"


def test_an_answer_without_symbols_changes_nothing():
    spelling = read([answer(a=0.9, b=0.1)])
    assert advance(spelling, Answer((), None, (), ("shape",))) is spelling


def test_texts_stay_bounded_and_settled():
    letters = "the question of the day and the way "
    answers = [TWINS.get(c, answer(**{c: 0.97, "q": 0.03})) for c in letters]
    spelling, text = begin(SYMBOLS, ENGLISH), ""
    for i in range(MAX_TEXT + 300):
        spelling = advance(spelling, answers[i % len(letters)])
        text += letters[i % len(letters)]
    assert len(spelling.text) == MAX_TEXT
    wrong = sum(a != b for a, b in zip(spelling.text, text[-MAX_TEXT:], strict=True))
    assert wrong <= 1  # the last letter lacks its right neighbour


def test_another_model_goes_on_with_the_text():
    answers = [TWINS.get(c, answer(**{c: 0.97, "q": 0.03})) for c in "so close"]
    first = read(answers[:4])
    grown = SymbolTable.of((*STROKES, "heart", "star"), 80)
    after = read(answers[4:], resume(first, begin(grown, ENGLISH)))
    assert after.text == "so close"


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
