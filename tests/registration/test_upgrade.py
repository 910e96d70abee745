"""Upgrading: another encoder, the same drawings, and the old version one undo away."""

import errno
import os
import shutil

import jax
import numpy as np
import pytest

from strokejax.cli import main
from strokejax.networks.inputs import make_inputs
from strokejax.networks.spec import EncoderSpec, build_encoder
from strokejax.recognizer import load
from strokejax.registration import registry
from strokejax.registration import registry as naming
from strokejax.registration.exchange import export_symbols, import_symbols
from strokejax.registration.samples import SampleStore
from strokejax.registration.upgrade import (
    merge_names,
    outdated,
    relearn,
    trained_names,
    upgrade,
)
from strokejax.store.model import load_model, save_model
from strokejax.store.paths import CURRENT, PACKAGED
from strokejax.store.versions import history, undo, writable
from strokejax.table.table import unit
from strokejax.types import InputError
from tests.support.shapes import picture, shape, shapes

QUERIES = [*shapes("heart", 2, 90), *shapes("arrow", 2, 90), picture("house", 90)]


def answers(model=None):
    """What a model says of some drawings, to the last bit."""
    found = load(model, fast=False).recognize_many(QUERIES, k=5)
    return [tuple(each) for each in found]


def other_encoder(seed, noise=0.02):
    """The packaged model with weights that differ a little, made later."""
    stored = load_model("nn-sampling")
    rng = np.random.default_rng(seed)

    def moved(x):
        return x * (1 + noise * rng.normal(size=x.shape)).astype(x.dtype)

    encoder = jax.tree.map(moved, stored.encoder)
    about = stored.about | {"made": f"2099-01-0{seed}T00:00:00Z"}
    return stored._replace(encoder=encoder, about=about, samples=())


@pytest.fixture(scope="module")
def newer(tmp_path_factory):
    """The folder of a model whose encoder is newer than the packaged one."""
    return save_model(tmp_path_factory.mktemp("newer"), other_encoder(1), np.float16)


@pytest.fixture(scope="module")
def taught(tmp_path_factory):
    """A home whose model was registered in, renamed, aliased and forgotten of."""
    home = tmp_path_factory.mktemp("taught")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STROKEJAX_HOME", str(home))
        registry.register(None, "heart", [*shapes("heart", 3), picture("heart", 9)])
        registry.register(None, "arrow", shapes("arrow", 2), ignore=("rotation",))
        registry.register(None, "w", shapes("house", 2), method="mean", force=True)
        registry.register(None, "heart", shapes("heart", 2, 20), reference_size=30.0)
        naming.rename(None, "heart", "herz")
        naming.rename(None, "a", "alpha")
        naming.alias(None, "herz", "love")
        registry.forget(None, "q")
    return home


@pytest.fixture(autouse=True)
def own(taught, own_home):
    """The folder of the user's own model: a copy of `taught`'s."""
    shutil.copytree(taught, own_home)
    return own_home / "model"


def rows(stored, name):
    return stored.table["embeddings"][stored.symbols.slots_of(name)]


# Laws


def test_the_same_encoder_changes_no_row(own):
    undo(None)  # a row was fitted against what was forgotten only later
    stored, store = load_model(None), SampleStore(own)
    merged = merge_names(stored, trained_names(own, stored), stored)
    assert (merged.left_out, merged.lost) == ([], [])
    again = relearn(stored, merged.model, store)
    assert {*again.symbols.symbols} == {*stored.symbols.symbols}
    assert again.symbols.aliases == stored.symbols.aliases
    for name in stored.symbols.symbols:
        np.testing.assert_allclose(
            rows(again, name), rows(stored, name), atol=1e-4, err_msg=name
        )
        for field, ours in again.slots._asdict().items():
            ours = np.asarray(ours)[again.symbols.slots_of(name)]
            theirs = getattr(stored.slots, field)[stored.symbols.slots_of(name)]
            if field != "owner":
                np.testing.assert_allclose(ours, theirs, atol=1e-4, err_msg=field)


def test_upgrade_and_undo_is_the_identity(newer):
    before = answers()
    found = upgrade(None, newer)
    assert found["changed"]
    assert answers() != before
    version, undone = undo(None)
    assert (version, undone["verb"]) == (found["version"] + 1, "upgrade")
    assert answers() == before
    registry.register(None, "house", shapes("house", 2), force=True)
    assert load_model(None).files == load_model("nn-sampling").files


def test_upgrading_is_registering_with_the_newer_encoder(newer, tmp_path):
    upgrade(None, newer)
    fresh = tmp_path / "fresh"
    shutil.copytree(newer, fresh)
    registry.register(fresh, "herz", [*shapes("heart", 3), picture("heart", 9)])
    registry.register(fresh, "arrow", shapes("arrow", 2), ignore=("rotation",))
    registry.register(fresh, "w", shapes("house", 2), method="mean", force=True)
    registry.register(fresh, "herz", shapes("heart", 2, 20), reference_size=30.0)
    ours, theirs = load_model(None), load_model(fresh)
    for name in ("herz", "w", "b"):
        np.testing.assert_allclose(rows(ours, name), rows(theirs, name), atol=2e-3)
    assert len(rows(ours, "arrow")) == len(rows(theirs, "arrow")) > 1
    key = [(each.symbol, each.digest, each.variant) for each in ours.samples]
    assert key == [(each.symbol, each.digest, each.variant) for each in theirs.samples]


# What a person made of a model stays


def test_what_was_renamed_aliased_and_forgotten_stays_so(newer):
    before = load_model(None)
    found = upgrade(None, newer)
    after = load_model(None)
    assert after.files == load_model(newer).files != before.files
    assert {*after.symbols.symbols} == {*before.symbols.symbols}
    assert after.symbols.aliases == {"love": "herz"}
    assert {"q", "a", "heart"}.isdisjoint(after.symbols.symbols)
    assert after.symbols.slots_of("alpha") == before.symbols.slots_of("alpha")
    listed = [(each["symbol"], each["samples"]) for each in found["symbols"]]
    assert listed == [("herz", 6), ("arrow", 2), ("w", 2)]
    for each in found["symbols"]:
        assert 0 <= each["before"] <= 1 >= each["after"] >= 0
    found = load(fast=False).recognize_many([shape("heart", 50), shape("arrow", 50)])
    assert [each.symbols[0] for each in found] == ["herz", "arrow"]
    assert len(registry.drawings(None, "love")) == 6
    assert history(None)[-1]["verb"] == "upgrade"


def test_a_second_upgrade_still_knows_what_was_forgotten(newer, tmp_path):
    upgrade(None, newer)
    naming.rename(None, "b", "beta")
    third = save_model(tmp_path / "third", other_encoder(3))
    upgrade(None, third)
    symbols = load_model(None).symbols
    assert {"q", "a", "b"}.isdisjoint(symbols.symbols)
    assert {"alpha", "beta", "herz", "c"} <= {*symbols.symbols}
    assert symbols.aliases == {"love": "herz"}


def test_usual_sizes_wait_for_an_encoder_that_uses_them(tmp_path):
    stored = load_model("nn-sampling")
    own = save_model(tmp_path / "own", stored)
    registry.register(own, "heart", shapes("heart", 1), reference_size=30.0)
    ink = shape("heart")
    spec = EncoderSpec(architecture="motion", out_dim=stored.spec.out_dim)
    ((_, inputs),) = make_inputs(stored.spec, [ink], [None])
    inputs |= {"size": np.ones(1, np.float32)}
    params, state = jax.jit(build_encoder(spec).init)(jax.random.key(0), inputs)
    motion = stored._replace(spec=spec, encoder=params, model_state=state)
    upgrade(own, save_model(tmp_path / "motion", motion))
    model, store = load(own, fast=False), SampleStore(own)
    (sample,) = load_model(own).samples
    assert store.drawings(sample.file)[0].reference_size == 30.0
    (found,) = store.z([sample])
    sized, unsized = model.embed_many([ink, ink], [30.0, None])
    np.testing.assert_allclose(found, sized, atol=1e-5)
    assert np.abs(found - unsized).max() > 1e-3


def test_names_that_the_newer_model_gives_too(newer, tmp_path):
    """Symbols that training knows now: refined by own drawings, or left behind."""
    stored = other_encoder(2)
    names = list(stored.symbols.names)
    for old, new in (("x", "arrow"), ("y", "love"), ("z", "alpha"), ("k", "kappa")):
        names[names.index(old)] = new
    symbols = type(stored.symbols)(tuple(names))
    folder = save_model(tmp_path / "m", stored._replace(symbols=symbols))
    with pytest.raises(InputError, match=r"4 symbols .*x, y, z|--force") as caught:
        upgrade(None, folder)
    assert "nothing was changed" in str(caught.value)
    found = upgrade(None, folder, force=True)
    assert found["left_out"] == ["love", "alpha"]
    after = load_model(None)
    assert after.symbols.slots_of("arrow")[0] == names.index("arrow")
    assert after.symbols.slots_of("alpha") == [names.index("a")]
    assert "kappa" in after.symbols.symbols
    assert after.symbols.aliases == {"love": "herz"}
    assert {"x", "y", "z", "k", "q"}.isdisjoint(after.symbols.symbols)


def test_what_the_source_only_registered_stays_behind(newer, tmp_path):
    source = tmp_path / "source"
    shutil.copytree(newer, source)
    registry.register(source, "ship", shapes("house", 2), force=True)
    registry.register(source, "c", shapes("heart", 2), force=True)
    found = upgrade(None, source)
    assert found["left_out"] == ["ship"]
    after, trained = load_model(None), load_model(newer)
    assert "ship" not in after.symbols.symbols
    np.testing.assert_allclose(
        unit(rows(after, "c")), unit(rows(trained, "c")), atol=1e-6
    )


# Nothing to do, and nothing done


def test_nothing_is_done_where_the_encoder_is_the_same(own, capsys):
    before = {path.name: path.read_bytes() for path in own.iterdir()}
    version = load_model(None).version
    found = upgrade(None)
    assert (found["changed"], found["version"]) == (False, version)
    assert found["before"] == found["after"]
    assert main(["symbols", "upgrade"]) == 0
    assert "Nothing to upgrade: the encoder is fused" in capsys.readouterr().out
    assert {path.name: path.read_bytes() for path in own.iterdir()} == before


def test_without_an_own_model_there_is_none_after(own_home):
    shutil.rmtree(own_home)
    assert not upgrade(None)["changed"]
    assert not own_home.exists()
    assert not outdated(None)


@pytest.mark.parametrize("number", (1, 3, 5))
def test_an_upgrade_that_stops_anywhere_leaves_the_old_version(
    monkeypatch, newer, own, number
):
    before, files = answers(), {path.name for path in own.iterdir()}
    call, done = os.fsync, []

    def fail(descriptor):
        done.append(1)
        if len(done) >= number:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return call(descriptor)

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", fail)
        with pytest.raises(InputError, match="nothing was changed"):
            upgrade(None, newer)
    assert files <= {path.name for path in own.iterdir()}
    assert answers() == before
    assert load_model(None).files == load_model("nn-sampling").files
    assert upgrade(None, newer)["changed"]


def test_lost_drawings_are_named_with_the_way_out(newer, own):
    stored = load_model(None)
    path = own / next(s.file for s in stored.samples if s.symbol == "arrow")
    data, before = path.read_bytes(), answers()
    for damage in (path.unlink, lambda: path.write_bytes(data[:-1] + b"?")):
        damage()
        with pytest.raises(InputError, match=rf"{path.name}.*'arrow'.*forget") as error:
            upgrade(None, newer)
        assert str(error.value).count(". ") == 0
        assert load_model(None).version == stored.version
        assert answers() == before
    registry.forget(None, "arrow")
    assert upgrade(None, newer)["changed"]
    assert "arrow" not in load_model(None).symbols.symbols


def test_models_that_cannot_be_upgraded(newer, own_home):
    for model, source, reason in (
        ("argmax", None, "class head"),
        (None, "argmax", "class head"),
        ("nn-sampling", newer, "never changed"),
        (None, own_home / "nowhere", "no model"),
    ):
        with pytest.raises(InputError, match=reason):
            upgrade(model, source)


# Commands


def test_the_command_says_what_changed(newer, capsys):
    assert main(["symbols", "upgrade", "--from", str(newer)]) == 0
    out, err = capsys.readouterr()
    first, *_ = out.splitlines()
    assert first.startswith("Version 10: the encoder is fused ")
    assert "of 2099-01-01, it was fused" in first
    assert "  herz " in out
    assert err == ""
    assert main(["symbols", "list", "--from", str(newer)]) == 2
    assert "`strokejax symbols list` does not take --from" in capsys.readouterr().err
    assert main(["symbols", "history"]) == 0
    assert capsys.readouterr().out.splitlines()[-1].endswith("  upgrade")


def test_the_list_says_when_there_is_a_newer_encoder(newer, monkeypatch, capsys):
    def listed():
        assert main(["symbols", "list"]) == 0
        return "symbols upgrade" in capsys.readouterr().out

    assert not listed()
    monkeypatch.setattr("strokejax.registration.upgrade.DEFAULT_SOURCE", newer)
    assert listed()
    assert not outdated("argmax")
    upgrade(None)
    assert not listed()
    monkeypatch.setattr(
        "strokejax.registration.upgrade.DEFAULT_SOURCE", PACKAGED / "nn-sampling"
    )
    assert not listed()  # another encoder, but an older one
    (writable(None) / CURRENT).unlink()
    assert not outdated(None)


# Sharing


def test_a_file_of_another_encoders_model_is_embedded_anew(newer, tmp_path):
    file, other = tmp_path / "shared", tmp_path / "other"
    export_symbols(None, file)
    shutil.copytree(newer, other)
    import_symbols(other, file, force=True)
    ours, theirs = load_model(None), load_model(other)
    for symbol in ("herz", "arrow", "w"):
        one, two = (
            [s for s in m.samples if s.symbol == symbol] for m in (ours, theirs)
        )
        assert [s[3::2] for s in one] == [s[3::2] for s in two]
        np.testing.assert_allclose(
            SampleStore(other).z(two),
            embedded_by(other, SampleStore(other), two),
            atol=1e-5,
        )
    upgrade(None, newer)
    np.testing.assert_allclose(
        rows(load_model(None), "herz"), rows(theirs, "herz"), atol=5e-3
    )


def samples_of(stored, symbol):
    return [each for each in stored.samples if each.symbol == symbol]


def embedded_by(folder, store, samples):
    from strokejax.ink.variants import apply_variant

    kept = [store.drawings(each.file)[each.row] for each in samples]
    both = zip(kept, samples, strict=True)
    shown = [
        apply_variant(k.drawing, k.reference_size, each.variant) for k, each in both
    ]
    return load(folder, fast=False).embed_many(*zip(*shown, strict=True))
