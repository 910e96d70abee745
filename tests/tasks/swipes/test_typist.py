"""Networks that write words of swipes, their search, and what is built on them."""

import json
import sys
from dataclasses import replace
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from strokejax import cli
from strokejax.evaluation.text import edit_distance
from strokejax.networks.spec import EncoderSpec
from strokejax.search.character_model import load_vocabulary
from strokejax.search.language import no_language
from strokejax.store.model import save_model
from strokejax.tasks.swipes import features
from strokejax.tasks.swipes.batches import boards_of, swipe_batches
from strokejax.tasks.swipes.decode import (
    Decoder,
    Lexicon,
    Search,
    decoder_of,
    final_scores,
    lexicon,
    search,
)
from strokejax.tasks.swipes.job import Setup, stored_typist
from strokejax.tasks.swipes.keyboard import open_keyboard, type_swipes
from strokejax.tasks.swipes.layouts import layout
from strokejax.tasks.swipes.network import PointEmbedding, SwipeNet, build_encoder
from strokejax.tasks.swipes.scores import (
    PredictionTable,
    append,
    by_split,
    fit_weights,
    merge,
    rank,
    read_table,
    swipe_scores,
    weighted_mean,
    write_table,
)
from strokejax.tasks.swipes.settings import FEATURES
from strokejax.tasks.swipes.typist import MAX_END_DISTANCE, Typist, fits, type_words
from strokejax.train.state import TrainState
from strokejax.types import InputError

WORDS = {"the": 50.0, "then": 5.0, "to": 30.0, "too": 9.0, "a": 7.0, "heart": 2.0}
QWERTY = layout("qwerty")
LETTERS, BOARDS = boards_of("qwerty,shuffled", WORDS)
END = len(LETTERS)
BATCH = swipe_batches(BOARDS, END, 4, seed=0)(0)


def made(encoder="transformer", kind="weighted"):
    net = SwipeNet(END + 1, encoder, kind, 0.0)
    variables = jax.jit(partial(net.init, train=False))(
        jax.random.key(0), BATCH.inputs, BATCH.mask
    )
    return net, variables


@pytest.fixture(scope="module")
def usual():
    return made()


@pytest.fixture(scope="module")
def typist(usual):
    spec = EncoderSpec("transformer", END + 1, False, features="weighted")
    words = lexicon(WORDS, QWERTY, LETTERS, weight=0.3)
    return Typist(spec, usual[1]["params"], LETTERS, QWERTY, words)


@pytest.fixture(scope="module")
def model(typist, tmp_path_factory):
    """A stored model of random weights."""
    setup = Setup(
        typist.spec,
        build_encoder(typist.spec),
        {},
        LETTERS,
        QWERTY,
        WORDS,
        BOARDS,
        [],
        BATCH,
    )
    weights = jax.tree.map(np.asarray, typist.params)
    folder = tmp_path_factory.mktemp("typist") / "model"
    params = {"encoder": weights, "table": {}}
    state = TrainState(jnp.int32(0), params, {}, None, jax.random.key(0))
    return save_model(
        folder, stored_typist(setup, state, {"job": "swipe", "made": "now"})
    )


class TestFeatures:
    points = jnp.asarray(BATCH.inputs["points"])

    def test_an_even_pace_stays_as_it_is(self):
        even = jnp.linspace(0, 1, 64)[None, :, None] * jnp.array([6.0, 2.0, 0.5])
        np.testing.assert_allclose(features.resample(even), even, atol=2e-4)

    def test_neither_rests_nor_leaps_fill_a_swipe(self):
        """Half of the points are the rest's, half the way's."""
        rest = np.array([[0, 0, 0], [0, 0, 0.9], [8, 0, 1.0]], np.float32)
        x, _, t = np.asarray(features.resample(jnp.asarray(rest)[None]))[0].T
        assert abs((x == 0).mean() - 0.45) < 0.03
        assert (np.diff(t) > 0).all() and t[-1] == 1

    @pytest.mark.parametrize("swipe", [[[1, 1, 0]] * 3, [[1, 1, 0], [1, 1, 0.2]]])
    def test_a_tap_stays_at_its_place(self, swipe):
        found = features.resample(jnp.array([swipe], jnp.float32))
        np.testing.assert_array_equal(found[0, :, :2], 1)
        assert np.isfinite(found).all()

    def test_padding_by_the_last_point_changes_nothing(self):
        more = jnp.concatenate([self.points, self.points[:, -1:].repeat(9, 1)], 1)
        np.testing.assert_allclose(
            features.resample(more), features.resample(self.points), atol=2e-4
        )

    def test_derivatives_of_a_straight_swipe(self):
        line = jnp.linspace(0, 63, 64)[None, :, None] * jnp.array([0.1, 0.05, 0.01])
        moved = np.asarray(features.movement(line))
        np.testing.assert_allclose(moved[0, :, 4], 0.4, atol=1e-4)
        np.testing.assert_allclose(moved[0, :, 6:], 0, atol=1e-3)

    def test_the_published_features_of_keys(self):
        """Of each key its own letter, and the outermost ones at 1 and -1."""
        keys = QWERTY.units().astype(np.float32)
        points = np.pad(keys, ((0, 0), (0, 1)), constant_values=0.5)[None]
        codes = np.arange(len(keys))[None]
        seen = np.asarray(features.one_hot(points, keys[None], codes, END))[0]
        np.testing.assert_array_equal(seen[:, :END], np.eye(END)[: len(keys)])
        place = seen[:, END : END + 2]
        np.testing.assert_allclose([place.min(0), place.max(0)], [[-1, -1], [1, 1]])
        assert (seen[:, -1] == 0.5).all()


@pytest.mark.parametrize("kind", FEATURES)
def test_a_layout_is_a_set_of_keys(kind):
    """The order of keys changes nothing, nor do keys that are none."""
    net = PointEmbedding(kind, END)
    inputs = dict(BATCH.inputs)
    # Whole pixels may lie between two keys, which are then both the nearest.
    inputs["points"] = inputs["points"] + np.float32([1e-3, 1e-3, 0])
    variables = jax.jit(net.init)(jax.random.key(0), inputs)
    order = np.random.default_rng(0).permutation(inputs["keys"].shape[1])
    other = inputs | {n: inputs[n][:, order] for n in ("keys", "letters")}
    pad = {"keys": ((0, 0), (0, 3), (0, 0)), "letters": ((0, 0), (0, 3))}
    other |= {n: np.pad(other[n], w, constant_values=-1) for n, w in pad.items()}
    seen = jax.jit(net.apply)
    np.testing.assert_allclose(
        seen(variables, inputs), seen(variables, other), atol=2e-4
    )


def test_the_published_size():
    net = SwipeNet(27, "transformer", "weighted", 0.0)
    shapes = jax.eval_shape(
        partial(net.init, train=False), jax.random.key(0), BATCH.inputs, BATCH.mask
    )
    count = sum(x.size for x in jax.tree.leaves(shapes))
    attention, wide, norm = 4 * (128 * 128 + 128), 2 * (128 * 128 + 128), 2 * 128
    layers = 4 * (attention + wide + 2 * norm) + 4 * (2 * attention + wide + 3 * norm)
    assert count == layers + 26 * 40 + 28 * 128 + 2 * (128 * 27 + 27)
    assert count == pytest.approx(1.08e6, rel=0.01)


@pytest.mark.parametrize("encoder", ["conformer", "rnn"])
def test_other_encoders_see_the_same_and_learn_in_all_their_parts(encoder):
    net, variables = made(encoder)

    @jax.jit
    def learned(params):
        def loss(params):
            memory = net.apply({"params": params}, BATCH.inputs, method="encode")
            return jnp.mean(jnp.sin(3 * memory)), memory

        return jax.value_and_grad(loss, has_aux=True)(params)

    (_, memory), gradient = learned(variables["params"])
    assert memory.shape == (4, 64, 128)
    assert np.isfinite(memory).all()
    for path, leaf in jax.tree_util.tree_leaves_with_path(gradient):
        name = jax.tree_util.keystr(path)
        assert np.isfinite(leaf).all(), name
        if path[0].key.startswith(("points", "layers")) and "key" not in name:
            assert np.abs(leaf).max() > 0, name


def test_a_kept_step_says_what_the_whole_word_says(usual):
    """Of a word, and of one that leaves it behind its third letter for another path."""
    net, variables = usual
    word = np.maximum(BATCH.labels[:, :6], 0)
    other = np.where(np.arange(6) < 3, word, word[:, ::-1])

    @jax.jit
    def both(variables, inputs):
        bound = net.bind(variables)
        memory = bound.encode(inputs)
        cache, steps = bound.init_cache(memory, 2, 6), []
        for place in range(6):
            before = other if place >= 3 else word[:, ::-1]
            last = np.stack([word[:, place - 1], before[:, place - 1]], 1)
            last = jnp.asarray(last if place else np.full((4, 2), -2))
            own = [[0] * 6, [0] * 3 + [1] * 3 if place >= 3 else [1] * 6]
            writer = jnp.where(jnp.arange(6) <= place, jnp.array(own), -1)
            writer = jnp.broadcast_to(writer, (4, 2, 6))
            logits, cache = bound.step(cache, last, jnp.int32(place), writer)
            steps.append(logits)
        whole = bound.decode(memory, word), bound.decode(memory, other)
        return jnp.stack(whole, 2), jnp.stack(steps, 1)

    whole, steps = both(variables, BATCH.inputs)
    np.testing.assert_allclose(steps[:, :, 0], whole[:, :, 0], atol=2e-4)
    np.testing.assert_allclose(steps[:, 3:, 1], whole[:, 3:, 1], atol=2e-4)
    assert not np.allclose(steps[:, :3, 1], whole[:, :3, 1], atol=1e-2)


def test_looks_of_a_letter_are_shares(usual):
    net, variables = usual

    @jax.jit
    def looks(variables, inputs, codes):
        bound = net.bind(variables)
        return bound.attention(bound.encode(inputs), codes)

    found = np.asarray(looks(variables, BATCH.inputs, np.maximum(BATCH.labels, 0)))
    assert (found >= 0).all()
    np.testing.assert_allclose(found.sum(-1), 1, atol=1e-5)


class TestSearch:
    def scored(self, typist, batch, how, words=None):
        language = (words or typist.lexicon).language
        return type_words(typist.spec, typist.params, batch, language, how)

    def test_a_wide_beam_is_exhaustive(self, usual, typist):
        net, variables = usual
        how = Search(width=len(WORDS), limit=8, exponent=0.5)
        text, score = self.scored(typist, BATCH.inputs, how)
        rows = np.full((len(WORDS), 8), -1)
        for row, word in zip(rows, WORDS, strict=True):
            row[: len(word) + 1] = [*(LETTERS.index(c) for c in word), END]

        @jax.jit
        def log_p(variables, inputs):
            memory = net.apply(variables, inputs, method="encode")
            memory = memory.repeat(len(rows), 0)
            word = jnp.tile(np.maximum(rows, 0), (4, 1))
            logits = net.apply(variables, memory, word, method="decode")
            each = jnp.take_along_axis(jax.nn.log_softmax(logits), word[..., None], 2)
            there = jnp.tile(rows >= 0, (4, 1))
            return jnp.where(there, each[..., 0], 0).sum(1).reshape(4, -1)

        length = np.array([len(word) + 1 for word in WORDS])
        often = np.array([*WORDS.values()])
        prior = 0.3 * np.log(often / often.sum())
        best = np.asarray(log_p(variables, BATCH.inputs)) / length**0.5 + prior
        for i in range(4):
            order = np.argsort(-best[i])
            said = ["".join(LETTERS[c] for c in row if 0 <= c < END) for row in text[i]]
            assert said == [[*WORDS][j] for j in order]
            np.testing.assert_allclose(score[i], best[i][order], rtol=1e-3)

    def test_a_batch_is_its_swipes_one_by_one(self, typist):
        swipes = [np.asarray(p) for p in BATCH.inputs["points"]]
        together = typist.type(swipes)
        alone = [typist.type([swipe])[0] for swipe in swipes]
        for one, other in zip(together, alone, strict=True):
            assert [g.word for g in one] == [g.word for g in other]
            np.testing.assert_allclose(
                [g.score for g in one], [g.score for g in other], atol=1e-3
            )

    def test_the_mask_before_the_softmax_makes_what_is_forced_free(self, typist):
        one = lexicon({"heart": 1.0}, QWERTY, LETTERS, weight=0.3)
        for mask, free in (("before", True), ("after", False)):
            how = Search(width=1, limit=8, mask=mask)
            text, score = self.scored(typist, BATCH.inputs, how, one)
            assert (np.asarray(text)[:, 0, 5] == END).all()
            assert (np.abs(np.asarray(score)[:, 0]) < 1e-3).all() == free

    def test_a_beam_of_one_is_greedy(self, usual, typist):
        """Letter by letter the most probable one, without a lexicon."""
        net, variables = usual
        how = Search(width=1, limit=8, exponent=0.0)
        free = Lexicon({}, (), no_language(END + 1), ())
        text, score = self.scored(typist, BATCH.inputs, how, free)
        memory = jax.jit(partial(net.apply, method="encode"))(variables, BATCH.inputs)
        decode = jax.jit(partial(net.apply, method="decode"))
        word, total = np.zeros((4, 8), np.int32), np.zeros(4)
        going = np.ones(4, bool)
        for place in range(8):
            logits = decode(variables, memory, word)[:, place]
            log_p = np.asarray(jax.nn.log_softmax(logits))
            word[:, place] = log_p.argmax(-1)
            total += np.where(going, log_p.max(-1), 0)
            np.testing.assert_array_equal(
                np.asarray(text)[going, 0, place], word[going, place]
            )
            going &= word[:, place] != END
        ended = ~going
        np.testing.assert_allclose(np.asarray(score)[ended, 0], total[ended], atol=1e-3)

    def test_improbable_letters_are_left(self, typist):
        how = Search(width=3, limit=8, min_probability=0.999)
        _, score = self.scored(typist, BATCH.inputs, how)
        assert not np.isfinite(np.asarray(score)).any()

    def test_words_are_taught_and_blocked_without_compiling(self, typist):
        place = dict(zip(QWERTY.letters, QWERTY.units(), strict=True))
        swipes = [np.linspace([*place["t"], 0], [*place["a"], 1], 20)]
        typist.type(swipes, count=9)
        before = type_words._cache_size()
        make = partial(lexicon, WORDS, QWERTY, LETTERS, weight=0.3)
        taught = typist.using(make(taught={"tea": 1e6})).type(swipes, count=9)[0]
        blocked = typist.using(make(blocked=["The"])).type(swipes, count=9)[0]
        assert "tea" in [guess.word for guess in taught]
        assert "the" not in [guess.word for guess in blocked]
        assert type_words._cache_size() == before

    def test_any_evidence_is_searched(self):
        """A search over made-up evidence finds what that evidence says."""
        words = lexicon(WORDS, QWERTY, LETTERS, weight=0.0)
        wanted = [LETTERS.index(c) for c in "too"] + [END]

        def step(cache, last, place, writer):
            code = jnp.array(wanted)[jnp.minimum(place, 3)]
            return 30.0 * jax.nn.one_hot(jnp.full(last.shape, code), END + 1), cache

        run = jax.jit(lambda language: search(step, [], 2, language, Search(3, 8)))
        hypotheses = run(words.language)
        assert np.asarray(hypotheses.text)[:, 0, :4].tolist() == [wanted] * 2
        assert np.isfinite(final_scores(hypotheses, 0.5)[:, 0]).all()

    def test_edits_from_what_is_read_without_words_count(self, typist):
        """A word loses so much for each letter that it reads otherwise."""
        swipes = [np.asarray(p) for p in BATCH.inputs["points"]]
        dear = replace(
            typist,
            decoder=Decoder(weights=typist.decoder.weights._replace(edits=10.0)),
        )
        free = no_language(END + 1)
        inputs = typist.inputs(swipes, np.zeros(len(swipes), bool))
        read, _ = self.scored(typist, inputs, Search(1), Lexicon({}, (), free, ()))
        plain, with_edits = typist.type(swipes, count=9), dear.type(swipes, count=9)
        for codes, one, other in zip(read[:, 0], plain, with_edits, strict=False):
            letters = "".join(LETTERS[c] for c in codes if 0 <= c < END)
            before = {guess.word: guess.score for guess in one}
            for word, score in other:
                lost = 10 * edit_distance(word, letters)
                assert before[word] - score == pytest.approx(lost, abs=1e-2)

    def test_far_words_are_refused_and_prefixes_filled_up(self, typist):
        place = dict(zip(QWERTY.letters, QWERTY.units(), strict=True))
        swipe = np.array([[*place["t"], 0], [*place["o"], 1]])
        near = typist.end_letters(swipe, True)
        assert fits("to", near)
        assert not fits("a", near) and not fits("the", near)
        below = typist.end_letters(
            swipe + np.array([0, MAX_END_DISTANCE + 0.1, 0]), True
        )
        assert not fits("to", below)
        assert typist.lexicon.completions("the", 5) == ["the", "then"]
        some = np.array([[LETTERS.index("t"), -1]]), np.array([-1.0])
        filled = typist._guesses(*some, 3, near)
        assert [guess.word for guess in filled] == ["to", "too", "then"]
        ended = np.array([[LETTERS.index(c) for c in "to"] + [END]]), np.array([-1.0])
        assert [guess.word for guess in typist._guesses(*ended, 3, near)] == ["to"]
        assert typist._guesses(*ended, 3, below) == []

    def test_a_swipe_off_all_words_is_none(self, typist):
        far = np.linspace([9.5, 2.0, 0], [9.0, 2.0, 0.4], 12)
        assert typist.type([far], known=[True]) == [[]]

    def test_only_keyboards_of_unknown_width_are_stretched(self, typist):
        place = dict(zip(QWERTY.letters, QWERTY.units(), strict=True))
        wide = np.array([[*place["p"], 0], [*place["p"], 1]]) * [1.25, 1, 1]
        assert "p" in typist.end_letters(wide, False)[0]
        assert "u" not in typist.end_letters(wide, True)[0]
        assert "u" in typist.end_letters(wide * [0.8, 1, 1], False)[0]


def test_words_that_share_their_keys_are_all_found():
    words = lexicon(
        {"dont": 1.0, "don't": 9.0, "Café": 1.0, "да": 3.0}, QWERTY, LETTERS, weight=1.0
    )
    assert [word for word, _ in words.words["dont"]] == ["don't", "dont"]
    assert words.left_out == ("да",)
    with pytest.raises(InputError, match="None of 1 words"):
        lexicon({"да": 1.0}, QWERTY, LETTERS, weight=1.0)


def test_scores():
    guesses = [["a", "a", "b"], ["c", "to"], []]
    assert rank(guesses[0], "b") == 1
    found = swipe_scores(guesses, ["a", "to", "x"])
    assert found["top1"] == pytest.approx(1 / 3)
    assert found["top4"] == pytest.approx(2 / 3)
    assert found["mrr"] == pytest.approx(1.1 / 3)
    assert found["cer"] == pytest.approx((0 + 2 + 1) / 4)


class TestTables:
    one = PredictionTable((("model", "a"),), "s", {0: (("to", "a"), (-1.0, -3.0))})
    other = PredictionTable((("model", "b"),), "s", {0: (("a", "the"), (-1.0, -2.0))})

    def test_parts_are_joined_and_conflicts_named(self, tmp_path):
        part = self.one._replace(rows={1: (("a",), (-1.0,))})
        whole = merge([("x", self.one), ("y", part), ("z", self.one)])
        assert [*whole[0].rows] == [0, 1]
        odd = self.one._replace(rows={0: (("the",), (-1.0,))})
        with pytest.raises(InputError, match="x and y"):
            merge([("x", self.one), ("y", odd)])
        write_table(tmp_path / "t", self.one)
        assert read_table(tmp_path / "t") == self.one
        (tmp_path / "u").write_text("{}")
        with pytest.raises(InputError, match="not a table"):
            read_table(tmp_path / "u")

    def test_sets_of_swipes_are_told_apart(self):
        later = self.other._replace(split="t")
        found = by_split([self.one, self.other, later])
        assert {split: len(each) for split, each in found.items()} == {"s": 2, "t": 1}

    def test_later_tables_add_what_the_first_lack(self):
        rows = append([self.one, self.other], [1, 0])
        assert rows[0][0] == ("a", "the", "to")
        assert [*rows[0][1]] == sorted(rows[0][1], reverse=True)

    def test_parts_in_any_order_are_the_same_whole(self):
        rows = {i: (("to",), (-float(i),)) for i in range(5)}
        parts = [self.one._replace(rows={i: rows[i]}) for i in (3, 0, 4, 1, 2)]
        (whole,) = merge([(str(i), part) for i, part in enumerate(parts)])
        assert [*whole.rows.items()] == [*rows.items()]

    def test_weights_follow_who_is_right(self):
        order, weights = fit_weights([self.one, self.other], ["a"])
        assert order == [1, 0]
        assert weights[1] > weights[0]
        rows = weighted_mean([self.one, self.other], weights)
        assert rows[0][0][0] == "a"
        assert sum(rows[0][1]) == pytest.approx(1)


class TestCommands:
    def run(self, capsys, *argv):
        code = cli.main([*map(str, argv), "--json"])
        out = capsys.readouterr()
        return code, json.loads(out.out) if out.out else None, out.err

    def test_make_type_evaluate_combine(self, capsys, tmp_path, model):
        words, block = tmp_path / "words.txt", tmp_path / "block.txt"
        words.write_text(
            "# how often\n" + "\n".join(f"{w}\t{f}" for w, f in WORDS.items())
        )
        block.write_text("too\n")
        path, table = tmp_path / "s.jsonl", tmp_path / "table"
        some = ("--words", words, "--layout", "qwerty")
        code, made, _ = self.run(
            capsys, "swipe", "make", *some, "--out", path, "--count", 5
        )
        assert (code, made["swipes"]) == (0, 5)
        path.write_text(path.read_text() + '{"word": "to", "curve": {}}\n')
        more = ("--attention", tmp_path / "looks", "--table", table, "--block", block)
        code, typed, said = self.run(
            capsys, "swipe", "type", path, *some, "--model", model, *more
        )
        assert code == 2
        assert "keyboard seems" in said
        assert [r["index"] for r in typed["results"]] == [*range(6)]
        assert "error" in typed["results"][5]
        assert {w for r in typed["results"][:5] for w in r["words"]} <= {*WORDS} - {
            "too"
        }
        assert len([*(tmp_path / "looks").glob("*.png")]) == 5
        code, scores, _ = self.run(capsys, "evaluate", path, *some, "--model", model)
        assert code == 2
        assert scores["n"] == 5
        assert {"top1", "top4", "mrr", "cer", "interval95"} <= scores.keys()
        parts = [tmp_path / f"part{k}" for k in (2, 1)]
        for part in parts:
            code, _, _ = self.run(
                capsys, "swipe", "type", path, *some, "--model", model, "--block",
                block, "--part", f"{part.name[-1]}/2", "--table", part,
            )  # fmt: skip
        (whole,) = merge([(p.name, read_table(p)) for p in parts])
        assert whole.predictor == read_table(table).predictor
        assert [*whole.rows] == [*read_table(table).rows]
        for mine, theirs in zip(
            whole.rows.values(), read_table(table).rows.values(), strict=True
        ):
            assert mine[0] == theirs[0]
            np.testing.assert_allclose(mine[1], theirs[1], atol=1e-3)
        argv = ("swipe", "combine", table, table, "--fit", path)
        code, both, _ = self.run(capsys, *argv)
        assert code == 0
        assert self.run(capsys, *argv) == (code, both, _)
        assert [r["words"] for r in both["results"]] == [
            r["words"] for r in typed["results"][:5]
        ]

    def test_bad_options_are_one_sentence(self, capsys, tmp_path, model):
        empty = tmp_path / "empty.txt"
        empty.write_text("")
        for argv in (
            ("swipe", "type"),
            ("swipe", "type", "a", "b"),
            ("swipe", "make"),
            ("swipe", "make", "--out", tmp_path / "x", "--layout", "qwert"),
            ("swipe", "make", "--out", tmp_path / "x", "--count", 0),
            ("swipe", "make", "--out", tmp_path / "x", "--words", empty),
            ("swipe", "type", tmp_path / "none.jsonl"),
        ):
            code, _, said = self.run(capsys, *argv)
            assert code == 2
            assert said.count("\n") == 1
        with pytest.raises(InputError, match="does not type swipes"):
            open_keyboard("nn-sampling")
        for text in ("mask=no", "least=2", "x", "exponent=a"):
            with pytest.raises(InputError, match="decoder"):
                decoder_of(6, text)
        with pytest.raises(InputError, match="beam"):
            decoder_of(0, "")

    def test_errors_keep_their_place(self, model):
        keyboard = open_keyboard(model, words=WORDS)
        found = type_swipes(keyboard, [InputError("no swipe")])
        assert [str(each) for each in found] == ["no swipe"]


class TestWordfreq:
    def test_words_of_a_language(self, monkeypatch):
        class Wordfreq:
            available_languages = staticmethod(lambda: {"de": "", "fr": ""})
            get_frequency_dict = staticmethod(
                lambda language: {"und": 0.03, "die": 0.04, "00": 0.5, "ß": 1e-6}
            )

        monkeypatch.setitem(sys.modules, "wordfreq", Wordfreq)
        monkeypatch.setattr("strokejax.search.character_model.MAX_WORDFREQ", 2)
        assert load_vocabulary("wordfreq:de") == {"die": 0.04, "und": 0.03}
        with pytest.raises(InputError, match="de, fr"):
            load_vocabulary("wordfreq:tlh")

    def test_a_missing_package_is_named(self, monkeypatch):
        monkeypatch.setitem(sys.modules, "wordfreq", None)
        with pytest.raises(InputError, match=r"strokejax\[words\]"):
            load_vocabulary("wordfreq:de")
