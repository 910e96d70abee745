"""Symbols that are the same however they are drawn, and of a reference size."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strokejax.cli import main
from strokejax.ink.formats import write_json
from strokejax.ink.variants import turned
from strokejax.recognizer import load
from strokejax.registration import registry
from strokejax.registration import registry as naming
from strokejax.registration.exchange import export_symbols, import_symbols
from strokejax.registration.learn import learn
from strokejax.registration.samples import (
    SampleStore,
    StoredDrawing,
    from_tensors,
    to_tensors,
)
from strokejax.store import content as hashed
from strokejax.store.model import Sample, load_model
from strokejax.store.versions import undo
from strokejax.types import InputError
from tests.support.shapes import picture, shape, shapes
from tests.support.tables import DIM, Store, around, model_of

TURNED = [turned(shape("arrow", 50 + i), 45 * i) for i in range(8)]


def own_samples(model=None, symbol="arrow"):
    return [each for each in load_model(model).samples if each.symbol == symbol]


def named(drawings, model=None):
    found = load(model, fast=False).recognize_many(drawings, k=1)
    return [each.symbols[0] for each in found]


@pytest.fixture
def arrow():
    """The user's own model knows an arrow that points anywhere."""
    return registry.register(None, "arrow", shapes("arrow", 3), ignore=("rotation",))


def test_a_turned_arrow_is_an_arrow_only_where_that_was_said(arrow):
    assert named(TURNED) == ["arrow"] * 8
    assert len(load_model(None).symbols.slots_of("arrow")) > 3
    undo(None)
    registry.register(None, "arrow", shapes("arrow", 3))
    assert named(TURNED)[0] == "arrow"
    assert named(TURNED).count("arrow") < 5


def test_what_people_count_are_drawings(arrow, own_home, tmp_path):
    assert arrow["samples"] == 3
    assert (arrow["odd"], arrow["more"]) == plainly(tmp_path)
    assert len(own_samples()) == 24
    assert len(registry.drawings(None, "arrow")) == 3
    (listed,) = [e for e in naming.listing(None)["symbols"] if e["name"] == "arrow"]
    assert (listed["samples"], listed["variants"]) == (3, 21)
    assert load_model(None).change["samples"] == 3
    with pytest.raises(InputError, match="same drawing"):
        registry.register(None, "arrow", [shape("arrow", 1)])
    registry.forget_sample(None, "arrow", 1)
    assert [each.row for each in own_samples()] == [0] * 8 + [2] * 8
    with pytest.raises(InputError, match="has 2 drawings of its own"):
        registry.forget_sample(None, "arrow", 2)
    naming.rename(None, "arrow", "pointer")
    assert len(own_samples(symbol="pointer")) == 16
    registry.forget_sample(None, "pointer", 0)
    with pytest.raises(InputError, match="only drawing"):
        registry.forget_sample(None, "pointer", 0)


def plainly(tmp_path):
    """Odd drawings and those still worth drawing, where nothing is ignored."""
    import shutil

    from strokejax.store.paths import PACKAGED

    model = shutil.copytree(PACKAGED / "nn-sampling", tmp_path / "plain")
    found = registry.register(model, "arrow", shapes("arrow", 3))
    return found["odd"], found["more"]


def test_registering_in_parts_is_registering_at_once(arrow):
    once = load_model(None)
    undo(None)
    for first, count in ((2, 1), (0, 2)):
        registry.register(
            None, "arrow", shapes("arrow", count, first), ignore=("rotation",)
        )
    parts = load_model(None)
    slots = [each.symbols.slots_of("arrow") for each in (parts, once)]
    assert len(slots[0]) == len(slots[1])
    ours, theirs = (
        each.table["embeddings"][own]
        for each, own in zip((parts, once), slots, strict=True)
    )
    near = ours @ theirs.T
    np.testing.assert_allclose(near.max(1), 1, atol=1e-4)
    assert sorted(near.argmax(1)) == [*range(len(theirs))]


@given(st.integers(0, 10**6), st.integers(1, 4), st.booleans())
@settings(max_examples=10)
def test_in_parts_is_at_once_for_any_embeddings(seed, n, fitted):
    rng = np.random.default_rng(seed)
    model, store = model_of(rng), Store()
    samples = []
    for name, centre in zip(("", "a", "b"), np.eye(DIM), strict=False):
        new = store.add("new", around(rng, centre, n, 0.98))
        store.known |= {each.digest + name: store.known[each.digest] for each in new}
        samples += [each._replace(row=i, variant=name) for i, each in enumerate(new)]
    digests = {each.row: each.digest for each in samples[:n]}
    marked = [s._replace(source=s.digest, digest=digests[s.row]) for s in samples]

    class Marked:
        def z(self, wanted):
            return np.array([store.known[each.source] for each in wanted])

    def taught(parts):
        found = model
        for part in parts:
            wider = found._replace(samples=(*found.samples, *part))
            method = "sgd" if fitted else "mean"
            settings = {"against": model, "force": True}
            found = learn(wider, Marked(), "new", method, **settings).model
        return found.table["embeddings"][found.symbols.slots_of("new")]

    once = taught([marked])
    order = rng.permutation(n)
    parts = taught([[s for s in marked if s.row == row] for row in order])
    assert len(once) == len(parts) == 3
    np.testing.assert_allclose((parts @ once.T).max(1), 1, atol=1e-5)


# Reference sizes, and what samples files say


def test_the_usual_size_is_kept_beside_each_drawing(own_home):
    drawings = [shape("heart", 1), picture("heart", 2)]
    registry.register(None, "heart", drawings, reference_size=25.0, ignore=("size",))
    registry.register(None, "heart", [shape("heart", 3)])
    store = SampleStore(own_home / "model")
    own = [each for each in own_samples(symbol="heart") if not each.variant]
    kept = [store.drawings(each.file)[each.row] for each in own]
    assert [each.reference_size for each in kept] == [25.0, None, None]
    assert [len(each.variants) for each in kept] == [3, 0, 0]


@pytest.mark.parametrize("size", [0.0, -1.0, float("nan"), float("inf")])
def test_sizes_that_are_none_are_refused(size):
    with pytest.raises(InputError, match=r"reference size of drawing 1 .* above 0"):
        registry.register(None, "heart", shapes("heart", 1), reference_size=size)


def test_files_and_versions_of_before_are_read(arrow, own_home):
    kept = [
        StoredDrawing(shape("heart"), 25.0, ("backwards",)),
        StoredDrawing(picture("house")),
    ]
    header, tensors = to_tensors(kept)
    found = from_tensors(header, tensors, "new")
    assert [each[1:3] for each in found] == [(25.0, ("backwards",)), (None, ())]
    older = {name: header[name] for name in ("kinds", "hash")}
    found = from_tensors(older, tensors, "old")
    assert [each[1:3] for each in found] == [(None, ()), (None, ())]
    assert Sample(*["a", "samples-x", 3, "hash", "a.csv"]).variant == ""


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("usual_size", [-1.0, None]),
        ("usual_size", [float("nan"), None]),
        ("usual_size", ["x", None]),
        ("usual_size", [1.0, 2.0]),
        ("usual_size", [[], None]),
        ("usual_size", []),
        ("variants", [["sideways"], []]),
        ("variants", [[[]], []]),
        ("variants", [3, 4]),
        ("variants", [[""], []]),
        ("variants", [["backwards", "backwards"], []]),
        ("variants", "no"),
    ],
)
def test_files_that_lie_of_sizes_and_variants_are_refused(field, value):
    header, tensors = to_tensors(
        [StoredDrawing(shape("heart")), StoredDrawing(picture("house"))]
    )
    with pytest.raises(InputError, match="has drawings that this version cannot read"):
        from_tensors(header | {field: value}, tensors, "it")


def test_shared_symbols_stand_for_the_same(arrow, tmp_path):
    file = tmp_path / "x"
    registry.register(None, "heart", shapes("heart", 1), reference_size=25.0)
    assert export_symbols(None, file) == {"arrow": 3, "heart": 1}
    before = [(s.digest, s.variant) for s in own_samples()]
    header, _ = hashed.parse(file.read_bytes(), "x")
    assert header["usual_size"] == [None, None, None, 25.0]
    undo(None)
    undo(None)
    found = import_symbols(None, file)
    assert [each["samples"] for each in found["symbols"]] == [3, 1]
    assert [(s.digest, s.variant) for s in own_samples()] == before
    assert named(TURNED) == ["arrow"] * 8


# Commands


def test_the_command_takes_what_to_ignore(tmp_path, capsys):
    file = tmp_path / "a.json"
    write_json(file, shape("arrow"))
    arguments = ["register", "arrow", str(file), "--json", "--force"]
    more = ["--ignore", "direction,rotation,size", "--reference-size", "30"]
    assert main([*arguments, *more]) == 0
    assert json.loads(capsys.readouterr().out)["samples"] == 1
    assert len(own_samples()) == 64
    assert main(["symbols", "list"]) == 0
    assert "arrow        1 drawing and 63 variants" in capsys.readouterr().out
    assert main([*arguments, "--ignore", "colour"]) == 2
    out, err = capsys.readouterr()
    assert "'colour', which cannot be ignored; choose from direction, rotation" in err
    assert (out, err.count("\n")) == ("", 1)
    former = "--usual-size"
    for option, size in (("--reference-size", "0"), (former, "nan"), (former, "x")):
        assert main([*arguments, option, size]) == 2
        assert "above 0" in capsys.readouterr().err
