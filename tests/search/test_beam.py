"""The pruned search: wide enough it is exhaustive, in batches it is alone."""

import itertools

import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strokejax.search import beam
from strokejax.search.beam import read_ctc, start, symbol_step
from strokejax.search.character_model import train
from strokejax.search.language import no_language, with_characters, with_words
from tests.search.test_language import score as language_score
from tests.support.strategies import seeds

ALPHABET = [*"ab "]
C = len(ALPHABET)
WORDS = {"ab": 5.0, "ba": 1.0, "bab": 2.0, "a": 1.0}
FREE = no_language(C)
LANGUAGES = {
    "none": FREE,
    "characters": with_characters(FREE, train(WORDS, order=3), ALPHABET, 0.7),
    "words": with_words(FREE, WORDS, ALPHABET, 0.5),
}
LANGUAGES["both"] = with_words(LANGUAGES["characters"], WORDS, ALPHABET, 0.5)
languages = st.sampled_from([*LANGUAGES])
LONG = 4
WIDE = 160
"""More than all texts of so many characters."""


def frames(seed, count, classes=C + 1, sharp=1.0):
    rng = np.random.default_rng(seed)
    return np.log(rng.dirichlet(np.full(classes, 1 / sharp), count)).astype(np.float32)


def collapsed(way):
    """The text of a way through frames."""
    return tuple(c for c, _ in itertools.groupby(way) if c < C)


def texts(hypotheses, search=0):
    """Scores by text."""
    found = {}
    for row, n, score in zip(
        np.asarray(hypotheses.text[search]),
        np.asarray(hypotheses.length[search]),
        np.asarray(hypotheses.score[search]),
        strict=True,
    ):
        if score > -np.inf:
            text = tuple(row[:n].tolist())
            assert text not in found
            found[text] = float(score)
    return found


def score_of(language, text):
    """The language model's score of a text, without a search."""
    return language_score(language, [ALPHABET[c] for c in text], ALPHABET)


@given(seeds, st.integers(1, LONG), languages)
def test_wide_enough_ctc_is_exhaustive(seed, count, name):
    language, log_p = LANGUAGES[name], frames(seed, LONG)
    wanted: dict[tuple, float] = {}
    for way in itertools.product(range(C + 1), repeat=count):
        p = float(sum(log_p[t, c] for t, c in enumerate(way)))
        text = collapsed(way)
        wanted[text] = np.logaddexp(wanted.get(text, -np.inf), p)
    wanted = {text: p + score_of(language, text) for text, p in wanted.items()}
    wanted = {text: p for text, p in wanted.items() if p > -np.inf}
    hypotheses = read_ctc(
        log_p[None], np.array([count]), language, width=WIDE, candidates=C, limit=LONG
    )
    found = texts(hypotheses)
    for text, score in wanted.items():
        assert found[text] == pytest.approx(score, abs=1e-3)
    for text in found.keys() - wanted.keys():
        assert score_of(language, text) == -np.inf  # it stops within a word
    if wanted and max(found, key=found.__getitem__) in wanted:
        assert max(found.values()) == pytest.approx(max(wanted.values()), abs=1e-3)


@settings(max_examples=10)
@given(seeds, st.lists(st.integers(0, 9), min_size=3, max_size=3), languages)
def test_a_batch_is_its_searches_one_by_one(seed, counts, name):
    log_p = frames(seed, 10 * len(counts), sharp=3.0).reshape(len(counts), 10, C + 1)
    settings = {"width": 4, "candidates": 2, "limit": 8}
    together = read_ctc(log_p, np.array(counts), LANGUAGES[name], **settings)
    for i, count in enumerate(counts):
        rest = log_p[i : i + 1].copy()
        rest[:, count:] = 0.0  # what comes after the end is not seen
        alone = read_ctc(rest, np.array([count]), LANGUAGES[name], **settings)
        np.testing.assert_array_equal(alone.text[0], together.text[i])
        np.testing.assert_allclose(alone.score[0], together.score[i], atol=1e-4)


step = jax.jit(symbol_step)


@settings(max_examples=12)
@given(seeds, st.integers(1, LONG), languages)
def test_wide_enough_spelling_is_exhaustive(seed, count, name):
    language, log_p = LANGUAGES[name], frames(seed, count)
    hypotheses = start(1, WIDE, LONG)
    for row in log_p:
        hypotheses = step(
            hypotheses, row[None, :C], row[None, C], np.arange(C)[None], language
        )
    found = texts(beam.finish(hypotheses, language))
    wanted: dict[tuple, float] = {}
    for way in itertools.product(range(C + 1), repeat=count):
        text = tuple(c for c in way if c < C)
        p = float(sum(log_p[t, c] for t, c in enumerate(way)))
        wanted[text] = np.logaddexp(wanted.get(text, -np.inf), p)
    for text, p in wanted.items():
        if (more := score_of(language, text)) > -np.inf:
            assert found[text] == pytest.approx(p + more, abs=1e-3)


@given(seeds, st.integers(1, 12))
def test_a_narrow_search_finds_no_better_than_there_is(seed, count):
    log_p, language = frames(seed, 12, sharp=2.0), LANGUAGES["characters"]
    best = []
    for width in (1, 4, 64):
        hypotheses = read_ctc(
            log_p[None],
            np.array([count]),
            language,
            width=width,
            candidates=C,
            limit=12,
        )
        scores = np.asarray(hypotheses.score[0])
        assert (np.diff(scores[np.isfinite(scores)]) <= 1e-5).all()
        best.append(float(scores[0]))
    assert best[0] <= best[2] + 1e-3 >= best[1]


def test_no_text_is_longer_than_the_limit():
    log_p = np.full((1, 9, C + 1), -9.0, np.float32)
    log_p[0, np.arange(9), np.arange(9) % 2] = -0.01
    hypotheses = read_ctc(log_p, np.array([9]), FREE, width=8, candidates=C, limit=3)
    assert int(hypotheses.length.max()) == 3
