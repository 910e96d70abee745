"""Lines: written, laid on paper, cut into windows, batched, read, scored, on disk."""

import json
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from strokejax.cli import main
from strokejax.data.pipeline import stream
from strokejax.networks.spec import EncoderSpec
from strokejax.pictures.lines import HEIGHT, MAX_WIDTH, level_ink, normalise_line
from strokejax.tasks.lines.batches import MAX_LETTERS, WIDTHS, line_batches
from strokejax.tasks.lines.data import (
    TABLE,
    LineSet,
    folder_lines,
    write_lines,
    written_lines,
)
from strokejax.tasks.lines.emnist_lines import (
    CLASSES,
    PAD,
    SIZE,
    SPECIAL,
    pictures_of,
    published_line,
    published_lines,
    window_batches,
)
from strokejax.tasks.lines.glyphs import built_in_glyphs
from strokejax.tasks.lines.handwriting import (
    CLEAN,
    PLAIN,
    SpanSampler,
    add_paper,
    draw_line,
    write_line,
)
from strokejax.tasks.lines.network import build_encoder, windows_to_ctc
from strokejax.tasks.lines.reader import LineReader
from strokejax.tasks.lines.sources import load_glyphs, parse_overlap, synthetic_lines
from strokejax.types import InputError

TEXT = ["The quick brown fox jumps over 13 lazy dogs"]
ALPHABET = tuple(sorted({*" ".join(TEXT)}))


@pytest.fixture(scope="module")
def glyphs():
    return built_in_glyphs("train", writers=3, samples=1)


@pytest.fixture(scope="module")
def lines(glyphs):
    return written_lines(glyphs, TEXT, seed=1)


@pytest.fixture(scope="module", params=["line_cnn", "line_transformer"])
def reader(request):
    """One that was never trained."""
    spec = EncoderSpec(request.param, len(ALPHABET) + 1, normalise=False)
    encoder = build_encoder(spec)
    inputs = {"image": np.zeros((1, HEIGHT, 64), np.uint8), "width": np.array([64])}
    params, state = jax.jit(encoder.init)(jax.random.key(0), inputs)
    return LineReader(spec, encoder, params, state, ALPHABET)


def test_a_line_is_a_function_of_its_seed_and_number(glyphs, lines):
    again = written_lines(glyphs, TEXT, seed=1)
    other = written_lines(glyphs, TEXT, seed=2)
    for i in range(5):
        one, two = lines.line(i, True), again.line(i, True)
        assert one is not None and two is not None
        assert (one.text, one.group) == (two.text, two.group)
        np.testing.assert_array_equal(one.picture, two.picture)
    texts = {(lines.line(i, True).text, other.line(i, True).text) for i in range(9)}
    assert any(a != b for a, b in texts)


def test_writers_of_training_and_validation_are_others(glyphs):
    held_out = built_in_glyphs("validation", writers=3, samples=1)
    inks = [
        {source.ink(int(row))[0].tobytes() for row in source.by_character["e"]}
        for source in (glyphs, held_out)
    ]
    assert all(inks) and not inks[0] & inks[1]


def test_a_line_is_written_by_one_hand(glyphs, monkeypatch):
    used = []
    ink = type(glyphs).ink

    def spied(self, row):
        used.append(row)
        return ink(self, row)

    monkeypatch.setattr(type(glyphs), "ink", spied)
    hand = sorted(glyphs.by_writer)[1]
    write_line("some words", glyphs, hand, np.random.default_rng(0), PLAIN)
    own = np.concatenate([*glyphs.by_writer[hand].values()])
    assert len(used) == len("somewords") and set(used) <= set(own.tolist())


@given(st.integers(1, 30), st.integers(0, 2**32 - 1))
def test_spans_are_whole_words_within_the_limit(limit, seed):
    words = "a of the over quick jumping supercalifragilistic"
    span = SpanSampler([words], limit).sample(np.random.default_rng(seed))
    assert 0 < len(span) <= limit
    assert set(span.split()) <= set(words.split())


def test_texts_without_a_short_word_are_refused():
    with pytest.raises(InputError, match="no word of at most 3 characters"):
        SpanSampler(["words without"], 3)


@given(st.floats(0.6, 3), st.floats(0, 0.1), st.integers(0, 99))
def test_pictures_of_any_size_are_normalised_alike(scale, slope, seed):
    """The same ink, larger and rising, is the same line but for anti-aliasing."""
    rng = np.random.default_rng(seed)
    x = np.linspace(0, 300, 200)
    wave = 12 * np.sin(x / 7 + rng.uniform(0, 6)) + 3 * np.sin(x / 31)
    plain = np.stack([x, wave], 1).astype(np.float32)
    risen = np.stack([x, wave - slope * x], 1).astype(np.float32)
    one = normalise_line(draw_line([plain], 1, 3)).pixels
    two = normalise_line(draw_line([risen], scale, 3 * scale)).pixels
    assert one.shape[0] == two.shape[0] == HEIGHT
    assert abs(one.shape[1] - two.shape[1]) <= 0.1 * one.shape[1]
    rows = [each.sum(1) @ np.arange(HEIGHT) / each.sum() for each in (one, two)]
    assert abs(rows[0] - rows[1]) < 1.5


def test_levelling_loses_no_ink_and_needs_room_for_two_more_pictures():
    x = np.arange(4_000)
    rising = np.zeros((900, 4_000), np.uint8)
    rising[(850 - 0.2 * x).astype(int), x] = 255
    level = level_ink(rising)
    assert level.shape[0] <= 3 * 900 and level.shape[1] == 4_000
    assert level.sum() == 4_000
    assert np.ptp(np.flatnonzero(level.sum(1))) <= 3


def test_columns_lead_back_to_the_picture():
    picture = np.zeros((90, 700), np.uint8)
    picture[20:70, 100:110] = picture[20:70, 590:600] = 255
    line = normalise_line(picture)
    inked = np.flatnonzero(line.pixels.sum(0) > 200)
    assert line.column(float(inked[0])) == pytest.approx(100, abs=4)
    assert line.column(float(inked[-1] + 1)) == pytest.approx(600, abs=4)


def test_paper_changes_nothing_where_it_is_clean():
    picture = draw_line([np.array([[0, 0], [50, 20]], np.float32)], 1, 2)
    rng = np.random.default_rng(0)
    np.testing.assert_array_equal(add_paper(picture, rng, CLEAN), picture)


@pytest.mark.parametrize(
    ("picture", "message"),
    [
        (np.zeros((40, 300), np.uint8), "is blank"),
        (np.full((1, 1), 0, np.uint8), "is blank"),
        (np.eye(300, 10, dtype=np.uint8) * 255, "turn it"),
    ],
)
def test_what_is_no_line_is_refused_in_one_sentence(picture, message):
    with pytest.raises(InputError, match=message) as error:
        normalise_line(picture, "x.png")
    assert str(error.value).startswith("x.png is")


def test_lines_beyond_all_bounds_are_refused():
    picture = np.zeros((30, 20_000), np.uint8)
    picture[5:25, ::10] = 255
    with pytest.raises(InputError, match=f"above the limit of {MAX_WIDTH:,}"):
        normalise_line(picture)
    with pytest.raises(InputError, match="LOW:HIGH"):
        parse_overlap("0.5:0.2", "--overlap")


def test_the_published_line(glyphs):
    """32 cells of 28 pixels, one overlap a line, sums clipped, missing glyphs blank."""
    pictures = {"a": np.full((1, SIZE, SIZE), 200, np.uint8)}
    rng = np.random.default_rng(0)
    line = published_line("aéa", pictures, rng, overlap=(0, 0))
    assert line.shape == (28, 896) and line.dtype == np.uint8
    assert (line[:, :28] == 200).all() and not line[:, 28:56].any()
    assert (line[:, 56:84] == 200).all() and not line[:, 84:].any()
    line = published_line("aaa", pictures, rng, overlap=(0.25, 0.25))
    assert (line[:, 21:28] == 255).all(), "sums are clipped"
    assert (line[:, :21] == 200).all() and not line[:, 70:].any()
    drawn = pictures_of(glyphs)
    assert drawn["o"][0].shape == (SIZE, SIZE)
    assert drawn["o"][0].any() and not drawn["o"][0][:2].any()


def test_batches_of_windows(glyphs):
    lines = published_lines(glyphs, TEXT, length=8, overlap=(0, 0))
    batch = window_batches(lines, 4, 8, rows=slice(0, 4))(3)
    half = window_batches(lines, 4, 8, rows=slice(2, 4))(3)
    assert batch.inputs["image"].shape == (4, SIZE, 8 * SIZE)
    np.testing.assert_array_equal(batch.labels[2:], half.labels)
    for i, row in enumerate(batch.labels):
        text = lines.line(12 + i, True).text
        said = "".join(CLASSES[c] for c in row if CLASSES[c] != PAD)
        assert said == text


def test_windows_read_by_ctc_are_the_best_of_each():
    rng = np.random.default_rng(0)
    logits = jnp.asarray(rng.normal(size=(1, 3, len(CLASSES))), jnp.float32)
    log_p = windows_to_ctc(logits)
    assert log_p.shape == (1, 6, len(CLASSES) - len(SPECIAL) + 1)
    total = jax.nn.logsumexp(log_p, -1)
    np.testing.assert_allclose(total, 0, atol=1e-5)
    own = jax.nn.log_softmax(logits)[0, :, len(SPECIAL) :]
    np.testing.assert_allclose(log_p[0, ::2, :-1], own, atol=1e-5)


def test_batches_are_a_function_of_the_step(lines):
    at = line_batches(lines, ALPHABET, 4, seed=0, rows=slice(0, 4))
    half = line_batches(lines, ALPHABET, 4, seed=0, rows=slice(2, 4))
    third = next(stream(at, 2))
    width = third.inputs["image"].shape[2]
    assert third.inputs["image"].shape == (4, HEIGHT, width) and width in WIDTHS
    assert third.labels.shape == (4, MAX_LETTERS)
    again = at(2)
    np.testing.assert_array_equal(third.labels, again.labels)
    np.testing.assert_array_equal(third.inputs["image"], again.inputs["image"])
    np.testing.assert_array_equal(third.labels[2:], half(2).labels)
    for i, wide in enumerate(third.inputs["width"]):
        assert not third.inputs["image"][i, :, wide:].any()


def test_the_first_batches_over_and_over(lines):
    at = line_batches(lines, ALPHABET, 4, seed=0, rows=slice(0, 4))
    batches = stream(at, 0, repeat=2)
    labels = [next(batches).labels for _ in range(4)]
    np.testing.assert_array_equal(labels[0], labels[2])
    np.testing.assert_array_equal(labels[1], labels[3])
    resumed = next(stream(at, 3, repeat=2))
    np.testing.assert_array_equal(resumed.labels, labels[1])


def test_data_without_lines_to_train_on_is_refused(lines):
    empty = LineSet("nothing", 5, frozenset(), lambda i, train: None, "writer")
    with pytest.raises(InputError, match="0 lines of"):
        line_batches(empty, ALPHABET, 2, seed=0, rows=slice(0, 2))(0)


def test_what_lies_behind_a_line_changes_nothing(reader, lines):
    """Alone, beside a longer one, in a batch: the same evidence."""
    short, long = sorted(
        (reader.prepare(lines.line(i, False).picture) for i in (0, 3)),
        key=lambda line: line.pixels.shape[1],
    )
    assert short.pixels.shape[1] < long.pixels.shape[1]
    alone, both = reader.read([short])[0], reader.read([short, long])
    assert alone.text == both[0].text
    assert alone.confidence == pytest.approx(both[0].confidence, rel=1e-3)
    assert (
        reader.read_greedily([short, long, short])[0::2]
        == [reader.read_greedily([short])[0]] * 2
    )


def test_places_of_characters_lie_side_by_side(reader, lines):
    line = lines.line(2, False)
    reading = reader.read([reader.prepare(line.picture)])[0]
    assert reading.text == "".join(c.char for c in reading.characters)
    edges = [edge for c in reading.characters for edge in (c.x0, c.x1)]
    assert edges == sorted(edges)
    for character in reading.characters:
        names = [name for name, _ in character.others]
        assert character.char in names and len(set(names)) == len(names)
        assert 0 <= character.confidence <= 1


def test_folders_of_lines_come_back(lines, tmp_path):
    folder = tmp_path / "out"
    assert write_lines(folder, lines, 8) == 8
    rows = (folder / TABLE).read_text().splitlines()
    assert rows[0].split("\t")[2] == lines.line(0, False).text
    with pytest.raises(InputError, match="already exists"):
        write_lines(folder, lines, 1)
    groups = [f"writer {i}" for i in range(40)]
    table = [f"line-{i % 8:06}.png\t{group}\tabc" for i, group in enumerate(groups)]
    (folder / TABLE).write_text("\n".join(table) + "\n")
    sides = [
        {folder_lines(folder, split).line(i, False).group for i in range(count)}
        for split in ("train", "validation")
        if (count := folder_lines(folder, split).count)
    ]
    assert len(sides) == 2 and not sides[0] & sides[1]
    assert sides[0] | sides[1] == set(groups)
    (folder / TABLE).write_text("line-000000.png\tsomebody\n")
    with pytest.raises(InputError, match="line 1, has 2 fields"):
        folder_lines(folder, "train")


def test_glyph_sources_by_name():
    source = load_glyphs("built-in", "train", writers=1, samples=1)
    found = synthetic_lines(source, TEXT, overlap=(0, 0.3), length=12, seed=0)
    line = found.line(0, True)
    assert line is not None and len(line.text) <= 12


def test_make_writes_and_says_where(tmp_path, capsys):
    text = tmp_path / "text.txt"
    text.write_text(TEXT[0])
    out = tmp_path / "out"
    given = ["--text", str(text), "--out", str(out), "--count", "3"]
    code = main(["lines", "make", *given, "--json"])
    said = json.loads(capsys.readouterr().out)
    assert code == 0 and said == {"file": str(out / TABLE), "lines": 3}
    assert len([*out.glob("*.png")]) == 3
    with Image.open(next(out.glob("*.png"))) as picture:
        assert picture.getpixel((0, 0)) > 200, "dark on light"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["make", "--out", "x"], "are required: --text"),
        (
            ["make", "--text", "TEXT", "--out", "x", "--count", "0"],
            "--count: 0 is out of range",
        ),
        (["make", "--text", "TEXT", "--out", "x", "--overlap", "a"], "--overlap is"),
        (["make", "--text", "TEXT", "--out", "x", "--glyphs", "y"], "no data set 'y'"),
        (["make", "--text", "EMPTY", "--out", "x"], "has no text"),
        (["read"], "are required: IMAGE"),
    ],
)
def test_mistakes_are_told_in_one_sentence(
    arguments, said, tmp_path, capsys, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    Path("TEXT").write_text("some words")
    Path("EMPTY").write_text("\n")
    assert main(["lines", *arguments]) == 2
    error = capsys.readouterr().err
    assert said in error and error.count("\n") == 1
    assert not Path("x").exists()
