"""Symbols of a stored model: registered, refined, forgotten, shared, undone."""

import errno
import hashlib
import os
import re
import shutil
import unicodedata
from pathlib import Path

import jax
import numpy as np
import pytest

from strokejax.ink.synthesis.handwriting import random_writer, write
from strokejax.recognizer import from_stored, load
from strokejax.registration import coach, registry
from strokejax.registration import registry as naming
from strokejax.registration.exchange import _digest, export_symbols, import_symbols
from strokejax.registration.learn import rows_of
from strokejax.store import content as hashed
from strokejax.store.model import CURRENT, load_model, save_model
from strokejax.store.paths import PACKAGED
from strokejax.store.versions import changing, history, save, undo, writable
from strokejax.table.knn import knn_forward_pass
from strokejax.table.symbols import STROKES
from strokejax.types import Ink, InputError
from tests.support.shapes import REGISTERED, picture, shape, shapes
from tests.support.strategies import unit_rows
from tests.support.tables import DIM

FILES = re.compile(
    r"CURRENT|LOCK|(encoder|calibration|samples|version-\d{6})-[0-9a-f]{64}\.safetensors"
)
QUERIES = [*shapes("heart", 3, 90), *shapes("arrow", 2, 90), picture("house", 90)]


def letters(symbol, count, first=0):
    """Synthetic drawings of a trained symbol, each by another hand."""
    rngs = [np.random.default_rng([3, seed]) for seed in range(first, first + count)]
    return [write(symbol, random_writer(rng), rng) for rng in rngs]


LETTERS = [letter for symbol in "aWo1" for letter in letters(symbol, 2)]


def files(folder):
    """Names and contents of a folder's files."""
    return {path.name: path.read_bytes() for path in Path(folder).iterdir()}


def answers(model=None):
    """What a model says of many drawings, to the last bit."""
    model = load(model)
    return [tuple(each) for each in model.recognize_many([*QUERIES, *LETTERS], k=5)]


def own(home):
    return home / "model"


@pytest.fixture(scope="module")
def packaged():
    """Hashes of the packaged files, before and after all tests of this module."""

    def hashes():
        paths = sorted(path for path in PACKAGED.rglob("*") if path.is_file())
        return {p: hashlib.sha256(p.read_bytes()).hexdigest() for p in paths}

    before = hashes()
    yield before
    assert hashes() == before


@pytest.fixture(autouse=True)
def _unchanged(packaged):
    """Every test here runs beside the packaged model."""


@pytest.fixture
def heart():
    """The user's own model knows a heart."""
    return registry.register(None, "heart", shapes("heart", 6))


# Registration


@pytest.mark.parametrize("method", ["sgd", "mean"])
@pytest.mark.parametrize("count", [1, 10])
def test_a_new_symbol_is_recognised_at_once(own_home, method, count):
    force = method == "mean"  # a lone mean takes too much from "o"
    found = registry.register(
        None, "heart", shapes("heart", count), method=method, force=force
    )
    assert found.keys() == REGISTERED
    assert found["old_loss"].keys() == {"mean", "worst", "symbol"}
    assert (found["symbol"], found["version"]) == ("heart", 2)
    assert found["samples"] == count
    model = load()
    assert model.version == 2
    found = model.recognize_many(shapes("heart", 8, 50))
    assert all("heart" in answer.symbols[:2] for answer in found)
    if method == "sgd":
        assert all(answer.symbols[0] == "heart" for answer in found)
    assert (own(own_home) / CURRENT).is_file()
    for symbol in "aWx":
        (letter,) = letters(symbol, 1)
        assert symbol in model.recognize(letter).symbols


def test_pictures_and_ink_make_one_symbol():
    mixed = [picture("heart", 1), shape("heart", 2), picture("heart", 3, dark=False)]
    assert registry.register(None, "heart", mixed)["samples"] == 3
    model = load()
    for query in (shape("heart", 9), picture("heart", 9), picture("heart", 8, False)):
        assert model.recognize(query).symbols[0] == "heart"
    (_, first), (_, second), (_, third) = registry.drawings(None, "heart")
    assert first.dtype == third.dtype == np.uint8
    np.testing.assert_array_equal(second.strokes[0], shape("heart", 2).strokes[0])
    assert first.max() == third.max() == 255
    assert np.median(first) == np.median(third) == 0


def test_versions_share_what_is_compiled(heart):
    query = shape("heart", 50)
    load().recognize(query)
    compiled = knn_forward_pass._cache_size()
    for seed in range(3):
        registry.register(None, "heart", [shape("heart", 60 + seed)])
        assert load().recognize(query).symbols[0] == "heart"
    assert knn_forward_pass._cache_size() == compiled


def test_nothing_is_written_for_what_is_refused(own_home):
    blank = np.full((40, 40), 255, np.uint8)
    for drawings in ([], [blank], [Ink(())]):
        with pytest.raises(InputError):
            registry.register(None, "heart", drawings)
    assert not own_home.exists()


def test_a_name_that_is_there_is_refined(heart, own_home):
    refined = registry.register(None, "heart", shapes("heart", 4, 20))
    assert (refined["samples"], refined["version"]) == (10, 3)
    samples = [sample for sample, _ in registry.drawings(None, "heart")]
    assert len(samples) == len({sample.digest for sample in samples}) == 10
    parts = load_model(None)
    undo(None)
    undo(None)
    registry.register(None, "heart", shapes("heart", 4, 20))
    registry.register(None, "heart", shapes("heart", 6))
    slot = parts.symbols.slot("heart")
    rows = [each.table["embeddings"][slot] for each in (parts, load_model(None))]
    np.testing.assert_allclose(*rows, atol=1e-4)


def test_a_trained_symbol_is_refined_and_given_back():
    before = answers("nn-sampling")
    found = registry.register(None, "w", letters("w", 3), force=True)
    assert found["samples"] == 3
    assert answers() != before
    for left in (2, 1, 0):
        registry.forget_sample(None, "w", left)
    assert len(registry.drawings(None, "w")) == 0
    for ours, theirs in zip(answers(), before, strict=True):
        assert ours[0] == theirs[0]
        np.testing.assert_allclose(ours[1], theirs[1], atol=1e-6)
        assert ours[4:] == theirs[4:]


def test_odd_drawings_are_numbered_as_they_are_listed(heart):
    found = registry.register(
        None, "heart", [shape("heart", 7), shape("arrow", 7)], force=True
    )
    assert found["odd"] == [7]
    _, drawing = registry.drawings(None, "heart")[7]
    np.testing.assert_array_equal(drawing.strokes[0], shape("arrow", 7).strokes[0])
    version = registry.forget_sample(None, "heart", 7)
    assert version == 4
    assert len(registry.drawings(None, "heart")) == 7


def test_one_drawing_is_forgotten_as_if_it_had_never_been(heart):
    before = answers()
    registry.register(None, "heart", [shape("heart", 30)])
    registry.forget_sample(None, "heart", 6)
    for ours, theirs in zip(answers(), before, strict=True):
        assert ours[0] == theirs[0]
        np.testing.assert_allclose(ours[1], theirs[1], atol=1e-6)


def test_samples_that_are_not_there_are_refused(heart):
    for index in (-1, 6, 10**9):
        with pytest.raises(InputError, match=r"6 drawings .* numbered from 0"):
            registry.forget_sample(None, "heart", index)
    with pytest.raises(InputError, match="0 drawings"):
        registry.forget_sample(None, "a", 0)
    registry.register(None, "one", shapes("arrow", 1))
    with pytest.raises(InputError, match=r"only drawing of 'one'.*forget the symbol"):
        registry.forget_sample(None, "one", 0)
    assert load_model(None).version == 3


@pytest.mark.parametrize("method", ["sgd", "mean"])
def test_register_then_forget_changes_no_answer(method):
    before = answers("nn-sampling")
    registry.register(None, "heart", shapes("heart", 3), method=method)
    assert answers() != before
    registry.forget(None, "heart")
    assert answers() == before
    with pytest.raises(InputError, match="no symbol 'heart'"):
        registry.drawings(None, "heart")


def test_a_forgotten_symbols_slot_serves_the_next(heart):
    registry.forget(None, "q")
    registry.register(None, "arrow", shapes("arrow", 5))
    stored = load_model(None)
    assert stored.symbols.slot("arrow") == STROKES.index("q")
    assert "q" not in stored.symbols.symbols
    answer = load().recognize(shape("arrow", 60))
    assert answer.symbols[0] == "arrow"
    registry.register(None, "q", letters("q", 3), force=True)
    assert load_model(None).symbols.slot("q") > STROKES.index("q")


def test_the_last_symbol_stays():
    model = small(symbols=1)
    with pytest.raises(InputError, match="last symbol"):
        registry.forget(model, "a")


def small(folder=None, symbols=8, capacity=8):
    """A model of the packaged encoder that knows few symbols."""
    folder = folder or Path(os.environ["STROKEJAX_HOME"]) / f"small{symbols}"
    stored = load_model("nn-sampling")
    keep = np.arange(capacity)
    table = {**stored.table, "embeddings": stored.table["embeddings"][keep]}
    slots = type(stored.slots)(*(np.asarray(x)[keep] for x in stored.slots))
    active = slots.active & (keep < symbols)
    names = stored.symbols.names[:symbols] + (None,) * (capacity - symbols)
    return save_model(
        folder,
        stored._replace(
            table=table,
            slots=slots._replace(active=active),
            origin=np.where(active, stored.origin[keep], -1),
            symbols=type(stored.symbols)(names),
        ),
    )


def distances(folder):
    """Scores of random embeddings against all symbols of a model."""
    rows = rows_of(load_model(folder))
    dim = rows.embeddings.shape[-1]
    scores = rows.scores(unit_rows(np.random.default_rng(0), 50, dim))
    return scores[np.isfinite(scores)]


def test_a_full_table_doubles_and_nothing_else_changes():
    folder = small()
    before = distances(folder)
    registry.register(folder, "heart", shapes("heart", 3))
    stored = load_model(folder)
    assert stored.symbols.capacity == 16
    for leaf in (*stored.slots, stored.origin, stored.table["embeddings"]):
        assert len(leaf) == 16
    assert stored.symbols.slots_of("heart") == [8]
    np.testing.assert_array_equal(stored.slots.owner, np.arange(16))
    model = from_stored(stored, fast=False)
    assert model.recognize(shape("heart", 50)).symbols[0] == "heart"
    registry.forget(folder, "heart")
    np.testing.assert_array_equal(distances(folder), before)
    assert load_model(folder).symbols.capacity == 16


# Names


def test_rename_and_alias(heart):
    naming.alias(None, "heart", "love")
    naming.rename(None, "heart", "herz")
    listed = {each["name"]: each for each in naming.listing(None)["symbols"]}
    assert listed["herz"] == {
        "name": "herz",
        "samples": 6,
        "aliases": ["love"],
        "text": "herz",
        "origin": "registered",
    }
    assert "heart" not in listed
    assert load().recognize(shape("heart", 50)).symbols[0] == "herz"
    found = registry.register(None, "love", shapes("heart", 2, 40))
    assert (found["symbol"], found["samples"]) == ("herz", 8)
    assert load_model(None).symbols.aliases == {"love": "herz"}
    assert len(registry.drawings(None, "love")) == 8
    registry.forget_sample(None, "love", 0)
    assert load_model(None).symbols.aliases == {"love": "herz"}
    registry.forget(None, "love")
    assert load_model(None).symbols.aliases == {}
    registry.register(None, "love", shapes("heart", 2))
    assert "love" in load_model(None).symbols.symbols


def test_an_alias_of_a_trained_symbol_refines_it():
    naming.alias(None, "w", "double u")
    found = registry.register(None, "double u", letters("w", 2), force=True)
    assert found["symbol"] == "w"
    assert load_model(None).symbols.aliases == {"double u": "w"}


def test_what_a_symbol_types_stays_with_it(heart, tmp_path):
    table = load_model(None).symbols
    assert [table.text(name) for name in ("a", "space", "heart")] == ["a", " ", "heart"]
    naming.set_text(None, "heart", "I love you\n")
    naming.rename(None, "heart", "herz")
    registry.register(None, "herz", shapes("heart", 2, 40))
    assert load_model(None).symbols.text("herz") == "I love you\n"
    assert dict(load_model(None).symbols.texts) == {"herz": "I love you\n"}
    for bad in ("x" * 1001, "a\x00b", "\u202e"):
        with pytest.raises(InputError, match="The text"):
            naming.set_text(None, "herz", bad)
    registry.forget(None, "herz")
    assert load_model(None).symbols.texts == {}


def test_a_preview_says_what_registering_would_and_changes_nothing(heart, own_home):
    before = {path: path.read_bytes() for path in own(own_home).iterdir()}
    drawings = shapes("arrow", 3)
    said = registry.preview(None, "arrow", drawings)
    again = registry.preview(None, "arrow", [*drawings, drawings[0]])
    assert {path: path.read_bytes() for path in own(own_home).iterdir()} == before
    found = registry.register(None, "arrow", drawings)
    assert said == {name: x for name, x in found.items() if name != "version"}
    nothing_new = registry.preview(None, "arrow", drawings)
    assert nothing_new["inputs"] == {"shape": 0, "motion": 0, "size": 0}
    assert again == said


NAMES = [
    "a/b",
    "..",
    "../../etc/passwd",
    "C:\\x",
    "\N{GRINNING FACE}",
    "e\u0301",
    "漢" * 64,
]


def test_names_never_reach_the_disk(own_home):
    for i, name in enumerate(NAMES):
        registry.register(None, name, [shape("heart", i)], force=True)
    known = load_model(None).symbols.symbols[-len(NAMES) :]
    assert known == tuple(unicodedata.normalize("NFC", name) for name in NAMES)
    assert {*own_home.iterdir()} == {own(own_home)}
    for path in own(own_home).iterdir():
        assert path.is_file()
        assert FILES.fullmatch(path.name), path.name
    assert load_model(None).symbols.slot("\u00e9") is not None


@pytest.mark.parametrize(
    "name", ["", "x" * 65, "a\nb", "\x00", "\x7f", "\u202e", "\u2028", " ", "\ud800"]
)
def test_names_that_are_refused(name, own_home, heart):
    for change in (
        lambda: registry.register(None, name, shapes("arrow", 1)),
        lambda: naming.rename(None, "heart", name),
        lambda: naming.alias(None, "heart", name),
    ):
        with pytest.raises(InputError, match="symbol name"):
            change()
    assert load_model(None).version == 2


def test_names_that_are_taken(heart):
    naming.alias(None, "heart", "love")
    for taken in ("a", "heart", "love", "space"):
        for change in (naming.rename, naming.alias):
            with pytest.raises(InputError, match="taken"):
                change(None, "heart", taken)
    for unknown in ("hearts", "", "\ud800"):
        for change in (registry.forget, registry.drawings):
            with pytest.raises(InputError, match="no symbol"):
                change(None, unknown)
    with pytest.raises(InputError, match="did you mean 'heart'"):
        registry.forget(None, "hearts")
    assert load_model(None).version == 3


# Drawings that are refused


def test_the_same_drawing_twice_is_refused(heart):
    heart_again = shape("heart", 3)
    with pytest.raises(InputError, match=r"same drawing as .*draw each sample anew"):
        registry.register(None, "heart", [heart_again])
    with pytest.raises(InputError, match=r"b\.json is the same drawing as a\.json"):
        registry.register(
            None, "new", [shape("arrow")] * 2, sources=["a.json", "b.json"]
        )
    timed = Ink((np.column_stack([heart_again.strokes[0][:, :2], np.arange(56)]),))
    with pytest.raises(InputError, match="same drawing"):
        registry.register(None, "heart", [timed])
    with pytest.raises(InputError, match="same drawing"):
        registry.register(None, "new", [picture("house", 1)] * 2)
    assert load_model(None).version == 2


@pytest.mark.parametrize(
    ("drawings", "reason"),
    [
        ([], "0 drawings"),
        ([shape("heart")] * 1001, "1,001 drawings"),
        ([np.zeros((30, 30), np.uint8)], "no ink"),
        ([np.full((30, 30, 3), 200, np.uint8)], "no ink"),
        ([np.zeros((0, 5), np.uint8)], "no pixels"),
        ([np.full((5, 5), np.nan)], "floats outside"),
        ([Ink(())], "no points"),
        ([Ink((np.full((3, 3), np.nan),))], "finite"),
    ],
)
def test_drawings_that_are_refused(drawings, reason, heart):
    with pytest.raises(InputError, match=reason):
        registry.register(None, "new", drawings)
    assert load_model(None).version == 2


def test_a_tap_and_a_tiny_dot_are_symbols():
    tap = Ink((np.array([[5, 5, 0], [5, 5, 0.1]], np.float32),))
    page = np.full((300, 300), 255, np.uint8)
    page[150:154, 150:154] = 0
    found = registry.register(None, "dot", [tap, page], force=True)
    assert found["samples"] == 2
    _, kept = registry.drawings(None, "dot")[1]
    assert kept.max() == 255


# Models that do not change


def test_the_packaged_models_are_never_changed(tmp_path, monkeypatch):
    link = tmp_path / "link"
    link.symlink_to(PACKAGED / "nn-sampling")
    monkeypatch.chdir(PACKAGED)
    for model in ("nn-sampling", PACKAGED / "nn-sampling", link, "./nn-sampling"):
        for change in (
            lambda model=model: registry.register(model, "heart", shapes("heart", 1)),
            lambda model=model: registry.forget(model, "a"),
            lambda model=model: naming.rename(model, "a", "aa"),
            lambda model=model: naming.alias(model, "a", "aa"),
        ):
            with pytest.raises(InputError, match=r"never changed; leave --model out"):
                change()
        with pytest.raises(InputError, match="nothing to undo"):
            undo(model)


def test_the_copy_can_change_even_if_the_package_is_read_only(own_home):
    folder = writable(None)
    assert os.stat(folder).st_mode & 0o200
    for path in folder.iterdir():
        assert os.stat(path).st_mode & 0o200
        assert path.read_bytes() == (PACKAGED / "nn-sampling" / path.name).read_bytes()
    assert writable(None) == folder
    assert {*own_home.iterdir()} == {folder}


def test_a_class_head_has_no_table(tmp_path):
    folder = save_model(tmp_path / "head", load_model("argmax"))
    for model in ("argmax", folder):
        with pytest.raises(InputError, match=r"class head .*nn-sampling"):
            registry.register(model, "heart", shapes("heart", 1))


# Undo


def test_undo_leads_back_change_by_change(heart):
    first = answers()
    registry.register(None, "arrow", shapes("arrow", 3))
    naming.rename(None, "arrow", "pointer")
    version, change = undo(None)
    assert (version, change["verb"]) == (5, "rename")
    assert load().recognize(shape("arrow", 50)).symbols[0] == "arrow"
    version, change = undo(None)
    assert (version, change["verb"], change["symbol"]) == (6, "register", "arrow")
    assert answers() == first
    naming.alias(None, "heart", "love")
    assert undo(None)[1]["verb"] == "alias"
    undo(None)
    assert answers() == answers("nn-sampling")
    with pytest.raises(InputError, match="nothing to undo"):
        undo(None)
    told = history(None)
    assert [each["version"] for each in told] == list(range(1, 10))
    verbs = ["register", "register", "rename", "undo", "undo", "alias", "undo", "undo"]
    assert [each["verb"] for each in told[1:]] == verbs
    assert told[1]["symbol"] == "heart"
    assert told[1]["samples"] == 6
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", told[1]["made"])


def test_there_is_nothing_to_undo_where_nothing_was_done():
    with pytest.raises(InputError, match="nothing to undo"):
        undo(None)


def test_an_undone_version_that_is_gone_is_named(heart, own_home):
    (path,) = own(own_home).glob("version-000001-*")
    path.unlink()
    with pytest.raises(InputError, match="Version 1 is missing in"):
        undo(None)
    assert load_model(None).version == 2


# Sharing


def test_export_and_import_carry_symbols_to_another_model(tmp_path):
    one, other = small(tmp_path / "one"), small(tmp_path / "other")
    mixed = [*shapes("heart", 3), picture("heart", 5), picture("heart", 6, False)]
    registry.register(one, "heart/♥", mixed)
    registry.register(one, "arrow", shapes("arrow", 2))
    file = tmp_path / "shared.strokes"
    assert export_symbols(one, file) == {"heart/♥": 5, "arrow": 2}
    found = import_symbols(other, file)
    assert found["version"] == 2
    assert [each["symbol"] for each in found["symbols"]] == ["heart/♥", "arrow"]
    assert [each["samples"] for each in found["symbols"]] == [5, 2]
    for name in ("heart/♥", "arrow"):
        ours, theirs = (registry.drawings(each, name) for each in (one, other))
        assert [s.digest for s, _ in ours] == [s.digest for s, _ in theirs]
        for (_, left), (_, right) in zip(ours, theirs, strict=True):
            if isinstance(left, Ink):
                left, right = left.strokes[0][:, :2], right.strokes[0][:, :2]
            np.testing.assert_array_equal(left, right)
    slots = [load_model(each).symbols.slot("arrow") for each in (one, other)]
    rows = [
        load_model(each).table["embeddings"][slot]
        for each, slot in zip((one, other), slots, strict=True)
    ]
    np.testing.assert_allclose(*rows, atol=1e-5)
    np.testing.assert_allclose(distances(other), distances(one), atol=1e-4)


def test_import_twice_adds_nothing(tmp_path, heart):
    registry.register(None, "house", [picture("house", i) for i in range(3)])
    file = tmp_path / "x"
    export_symbols(None, file, ["house", "heart"])
    before = load_model(None).version
    assert import_symbols(None, file) == {"version": before, "symbols": []}
    registry.forget_sample(None, "heart", 0)
    found = import_symbols(None, file)
    assert [(each["symbol"], each["samples"]) for each in found["symbols"]] == [
        ("heart", 6)
    ]
    assert history(None)[-1]["samples"] == 1


def test_only_named_symbols_are_exported_and_others_refused(tmp_path, heart):
    naming.alias(None, "heart", "love")
    registry.register(None, "arrow", shapes("arrow", 2))
    file = tmp_path / "x"
    assert export_symbols(None, file, ["love"]) == {"heart": 6}
    file.unlink()
    for names, reason in ((["a"], "no drawings of 'a'"), (["nope"], "no symbol")):
        with pytest.raises(InputError, match=reason):
            export_symbols(None, file, names)
    with pytest.raises(InputError, match="no drawings of any symbol"):
        export_symbols("nn-sampling", file)
    with pytest.raises(InputError, match="cannot be written"):
        export_symbols(None, tmp_path, ["heart"])
    assert not file.exists()


def exported(tmp_path):
    """The header and tensors of a good export."""
    registry.register(None, "heart", shapes("heart", 3))
    export_symbols(None, tmp_path / "good")
    return hashed.parse((tmp_path / "good").read_bytes(), "good")


def test_exports_that_are_changed_or_cut_are_refused(tmp_path):
    header, tensors = exported(tmp_path)
    data = (tmp_path / "good").read_bytes()
    moved = {**tensors, "points": tensors["points"] + 1}
    bad = {
        "tampered": data[:-1] + bytes([data[-1] ^ 1]),
        "renamed": data.replace(b"heart", b"blood"),
        "moved": hashed.to_bytes(moved, header),
        "cut": data[: len(data) // 2],
        "head": data[:20],
        "empty": b"",
        "text": b"hello, this is no export of anything",
        "billion": data.replace(b'"shape":[', b'"shape":[1000000000,', 1),
        "long": b"\xff" * 8 + data[8:],
        "newer": hashed.to_bytes(tensors, {**header, "format": 99}),
        "nothing": hashed.to_bytes({}, {}),
        "list": hashed.to_bytes({}, []),
        "deep": hashed.to_bytes({}, None).replace(b'"null"', b'"' + b"[" * 9999 + b'"'),
    }
    before = load_model(None).version
    for name, content in bad.items():
        path = tmp_path / name
        path.write_bytes(content)
        with pytest.raises(InputError, match=rf"{name} .*(export|copy)") as caught:
            import_symbols(None, path)
        assert len(str(caught.value)) < 600
    assert load_model(None).version == before


def signed(header, tensors):
    """An export that says of itself that it is whole."""
    return hashed.to_bytes(tensors, {**header, "digest": _digest(header, tensors)})


def hostile(header, tensors):
    """Exports with a right digest that are none all the same."""
    names, offsets = header["symbols"], tensors["sample_start"]
    billion = np.zeros((10**9, 0), np.float32)
    yield "numbers", {**header, "symbols": [1, 2, 3]}, tensors
    yield "lists", {**header, "symbols": [["x"], {}, None]}, tensors
    yield "control", {**header, "symbols": ["\n"] * len(names)}, tensors
    yield "long", {**header, "symbols": ["x" * 65] * len(names)}, tensors
    yield "kinds", {**header, "kinds": ["picture"] * 3}, tensors
    yield "rows", header, {**tensors, "points": billion}
    yield "same", header, {**tensors, "sample_start": 0 * offsets}
    yield "beyond", header, {**tensors, "sample_start": offsets + 10**9}
    yield "nan", header, {**tensors, "points": tensors["points"] * np.nan}
    yield "shape", header, {**tensors, "points": tensors["points"].ravel()}
    yield "kind", header, {**tensors, "sample_start": offsets.astype(np.float32)}
    pictures = {f"picture/{i}": np.zeros((9, 9), np.uint8) for i in range(3)}
    drawn = {**header, "kinds": ["picture"] * 3}
    yield "blank", drawn, pictures
    yield "deep", drawn, {name: x[None] for name, x in pictures.items()}
    yield "floats", drawn, {name: x + 0.5 for name, x in pictures.items()}
    many = 10_001
    yield "many", {**header, "symbols": ["x"] * many, "kinds": ["ink"] * many}, tensors


def test_exports_that_lie_are_refused(tmp_path):
    header, tensors = exported(tmp_path)
    for name, *lie in hostile(header, tensors):
        path = tmp_path / name
        path.write_bytes(signed(*lie))
        with pytest.raises(InputError):
            pytest.fail(f"{name}: {import_symbols(None, path)}")
    assert load_model(None).version == 2
    assert load_model(None).symbols.symbols[-1] == "heart"


def test_symbols_that_harm_only_together_are_refused_together(tmp_path, monkeypatch):
    one, other = small(tmp_path / "one"), small(tmp_path / "other")
    registry.register(one, "heart", shapes("heart", 3))
    registry.register(one, "arrow", shapes("arrow", 3))
    file = tmp_path / "x"
    export_symbols(one, file)
    honest = coach.guard

    def guard(before, after, replay, changed):
        loss = honest(before, after, replay, changed)
        return loss._replace(mean=0.008 * len(changed))

    monkeypatch.setattr("strokejax.registration.learn.guard", guard)
    before = files(other)
    with pytest.raises(InputError, match=r"'heart', 'arrow' .* 1\.6 points"):
        import_symbols(other, file)
    assert {k: v for k, v in files(other).items() if k != "LOCK"} == before
    assert import_symbols(other, file, force=True)["version"] == 2


# Damage


def test_damaged_samples_are_named_and_can_be_left_behind(heart, own_home):
    (path,) = own(own_home).glob("samples-*")
    whole = path.read_bytes()
    path.write_bytes(whole[:-1] + b"?")
    assert load().recognize(shape("heart", 50)).symbols[0] == "heart"
    for change in (
        lambda: registry.register(None, "arrow", shapes("arrow", 2)),
        lambda: registry.drawings(None, "heart"),
        lambda: export_symbols(None, own_home / "x"),
    ):
        with pytest.raises(InputError, match=rf"{path.name}.*damaged"):
            change()
    registry.forget(None, "heart")
    registry.register(None, "arrow", shapes("arrow", 2))
    registry.register(None, "heart", shapes("heart", 6))
    assert path.read_bytes() == whole
    assert len(registry.drawings(None, "heart")) == 6


def test_registering_goes_on_from_the_last_good_version(heart, own_home):
    registry.register(None, "arrow", shapes("arrow", 3))
    (path,) = own(own_home).glob("version-000003-*")
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    with pytest.warns(UserWarning, match=rf"{path.name}.*Version 2 is used instead"):
        assert load().recognize(shape("heart", 50)).symbols[0] == "heart"
    with pytest.warns(UserWarning, match="Version 2 is used"):
        found = registry.register(None, "house", shapes("house", 3))
    assert found["version"] == 4
    assert load_model(None).symbols.symbols[-2:] == ("heart", "house")
    assert "error" in history(None)[2]
    undo(None)
    assert load_model(None).symbols.symbols[-1] == "heart"


# Disks


def failing(number, call):
    """`call`, but out of space from its nth time on."""
    done = []

    def fail(*arguments):
        done.append(1)
        if len(done) >= number:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return call(*arguments)

    return fail


def refused(change, code):
    with pytest.raises(InputError) as caught:
        change()
    text = str(caught.value)
    assert os.strerror(code) in text
    assert "nothing was changed" in text
    assert text.count("\n") == 0
    return text


@pytest.mark.parametrize("number", [1, 2, 3])
def test_a_full_disk_changes_nothing(monkeypatch, heart, own_home, number):
    before = {k: v for k, v in files(own(own_home)).items() if k != "LOCK"}
    seen = answers()
    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", failing(number, os.fsync))
        refused(
            lambda: registry.register(None, "arrow", shapes("arrow", 2)), errno.ENOSPC
        )
    after = files(own(own_home))
    assert before.items() <= after.items()
    assert all(FILES.fullmatch(name) for name in after)
    assert not [name for name in after if name.startswith("version-000003")]
    assert answers() == seen
    assert [each["version"] for each in history(None)] == [1, 2]
    assert registry.register(None, "arrow", shapes("arrow", 2))["version"] == 3


def test_a_disk_too_full_for_the_copy_leaves_nothing(monkeypatch, own_home):
    with monkeypatch.context() as patched:
        patched.setattr(shutil, "copyfile", failing(2, shutil.copyfile))
        refused(
            lambda: registry.register(None, "heart", shapes("heart", 1)), errno.ENOSPC
        )
    assert not [*own_home.iterdir()]
    assert registry.register(None, "heart", shapes("heart", 1))["version"] == 2


def test_a_read_only_folder_is_one_sentence(monkeypatch, heart, own_home):
    before = files(own(own_home))
    opened = os.open

    def denied(path, flags, *more, **options):
        if flags & (os.O_WRONLY | os.O_RDWR) and str(own_home) in str(path):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)
        return opened(path, flags, *more, **options)

    monkeypatch.setattr(os, "open", denied)
    for change in (
        lambda: registry.register(None, "arrow", shapes("arrow", 2)),
        lambda: naming.rename(None, "heart", "herz"),
        lambda: registry.forget(None, "heart"),
        lambda: undo(None),
    ):
        refused(change, errno.EACCES)
    assert files(own(own_home)) == before
    assert load().recognize(shape("heart", 50)).symbols[0] == "heart"


# Rejection


def test_a_rate_of_false_accepts_bounds_the_background():
    stored = load_model("nn-sampling")
    background = stored.calibration.background
    for rate in (0.005, 0.05, 0.5):
        model = from_stored(stored, false_accepts=rate)
        strange = rows_of(stored).novelty(background)
        assert (strange <= model.limit).mean() == pytest.approx(rate, abs=2e-3)
    everything = from_stored(stored, false_accepts=1.0)
    assert not any(each.unknown for each in everything.recognize_many(QUERIES))


def test_strict_rates_refuse_more_and_say_why():
    strict, lenient = load(false_accepts=1 / 200), load(false_accepts=0.9)
    counts = []
    for model in (strict, lenient):
        found = model.recognize_many([*QUERIES, *LETTERS])
        counts.append(sum(each.unknown for each in found))
        for each in found:
            assert each.unknown == bool(each.reason)
            assert not each.unknown or repr(each.symbols[0]) in each.reason
    assert counts[0] > counts[1]


@pytest.mark.parametrize("rate", [0.0, -1.0, 1.01, float("nan"), float("inf")])
def test_rates_that_are_none(rate):
    with pytest.raises(InputError, match=r"rate of false accepts .*1/200"):
        load(false_accepts=rate)


def test_a_model_without_background_has_no_rates():
    stored = load_model("nn-sampling")
    bare = stored.calibration._replace(background=np.zeros((0, DIM), np.float32))
    with pytest.raises(InputError, match="without background"):
        from_stored(stored._replace(calibration=bare), false_accepts=0.1)
    with pytest.raises(InputError, match="without background"):
        load("argmax", false_accepts=0.1)


def test_what_a_killed_process_was_writing_is_swept(heart, own_home):
    left = own(own_home) / ".version-000009-ab.safetensors.0123"
    left.write_bytes(b"half")
    naming.alias(None, "heart", "love")
    assert not left.exists()


def test_an_encoder_that_changes_meanwhile_embeds_again(monkeypatch):
    """The row of a symbol belongs to the encoder that it is stored with."""

    def upgraded(model):
        folder = writable(model)
        with changing(folder) as stored:
            encoder = jax.tree.map(lambda x: x * np.float16(1.5), stored.encoder)
            save(folder, stored, stored._replace(encoder=encoder), {"verb": "upgrade"})
        return folder

    monkeypatch.setattr(registry, "writable", upgraded)
    drawings = shapes("heart", 2, 70)
    registry.register(None, "heart", drawings, method="mean", force=True)
    stored = load_model(None)
    z = from_stored(stored, fast=False).embed_many(drawings)
    slot = stored.symbols.names.index("heart")
    np.testing.assert_allclose(stored.slots.sums[slot], z.sum(0), atol=1e-3)
