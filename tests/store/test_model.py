"""Stored models: what was saved is loaded, and what is damaged is named."""

import json

import numpy as np
import pytest

from strokejax.networks.spec import EncoderSpec
from strokejax.store.model import Sample, StoredModel, load_model, save_model
from strokejax.store.paths import CURRENT, resolve
from strokejax.table.rejection import Calibration
from strokejax.table.symbols import SymbolTable
from strokejax.table.table import Slots
from strokejax.types import InputError


def small_model(seed=0, version=1):
    rng = np.random.default_rng(seed)
    weights = {"block": {"kernel": rng.normal(size=(3, 3, 1, 2)).astype(np.float32)}}
    table = {
        "embeddings": rng.normal(size=(4, 3)).astype(np.float32),
        "log_scale": np.float32(2.5),
    }
    slots = Slots(
        np.zeros((4, 3), np.float32),
        np.zeros(4, np.int32),
        np.array([True, True, False, False]),
        np.arange(4, dtype=np.int32),
        np.zeros(4, np.float32),
        np.ones(4, np.float32),
        np.full(4, np.inf, np.float32),
    )
    symbols = SymbolTable(("a", "é/\\", None, None), {"other": "a"})
    return StoredModel(
        EncoderSpec(out_dim=3),
        weights,
        {},
        table,
        slots,
        symbols,
        {"n": 1},
        Calibration(
            np.eye(2, 3, dtype=np.float32),
            np.ones((5, 3), np.float32),
            np.array([0, 0, 1, 1, 1], np.int32),
            np.zeros((2, 3), np.float32),
        ),
        np.array([0, 1, -1, -1], np.int32),
        (Sample("a", "samples-x", 3, "hash", "a.csv"),),
        {"verb": "train"},
        version - 1,
        version,
    )


def assert_same(found, wanted):
    assert found.spec == wanted.spec
    assert found.symbols == wanted.symbols
    assert found.about == wanted.about
    assert found.version == wanted.version
    np.testing.assert_array_equal(
        found.encoder["block"]["kernel"], wanted.encoder["block"]["kernel"]
    )
    for name, rows in wanted.table.items():
        np.testing.assert_array_equal(found.table[name], rows)
    for pair in (found.slots, wanted.slots), (found.calibration, wanted.calibration):
        for ours, theirs in zip(*pair, strict=True):
            np.testing.assert_array_equal(ours, theirs)
    assert found.samples == wanted.samples
    assert found.change == wanted.change
    assert found.before == wanted.before


def test_load_gives_back_what_was_saved(tmp_path):
    model = small_model()
    assert_same(load_model(save_model(tmp_path / "m", model)), model)


def test_a_class_head_has_no_rows(tmp_path):
    spec = EncoderSpec(out_dim=4, normalise=False)
    model = small_model()._replace(spec=spec, table={})
    found = load_model(save_model(tmp_path, model))
    assert found.table == {}
    assert found.mode == "argmax"


def test_what_versions_share_is_stored_once_and_versions_stay(tmp_path):
    save_model(tmp_path, small_model())
    (first,) = tmp_path.glob("version-000001-*")
    data = first.read_bytes()
    changed = small_model(version=2)
    changed.table["embeddings"][0] = 7.0
    save_model(tmp_path, changed)
    for kind in ("encoder", "calibration"):
        assert len(list(tmp_path.glob(f"{kind}-*"))) == 1
    assert first.read_bytes() == data
    assert_same(load_model(tmp_path), changed)


def test_half_precision_is_widened(tmp_path):
    save_model(tmp_path, small_model(), np.float16)
    kernel = load_model(tmp_path).encoder["block"]["kernel"]
    assert kernel.dtype == np.float32
    wanted = small_model().encoder["block"]["kernel"]
    np.testing.assert_allclose(kernel, wanted, rtol=1e-3)


def test_a_runs_folder_is_a_model_too(tmp_path):
    save_model(tmp_path / "model", small_model())
    assert resolve(tmp_path) == tmp_path / "model"


def test_a_missing_model_says_what_there_is(tmp_path):
    with pytest.raises(InputError, match=r"no model at .*nowhere.*nn-sampling"):
        load_model(tmp_path / "nowhere")


def damages(data: bytes):
    yield data[: len(data) // 2]
    yield b""
    yield b"\xff" * 100
    yield data[:-1] + bytes([data[-1] ^ 1])


@pytest.mark.parametrize("pattern", ["encoder-*", "calibration-*", "version-*"])
def test_damage_is_found_and_named(tmp_path, pattern):
    save_model(tmp_path, small_model())
    (path,) = tmp_path.glob(pattern)
    for damaged in damages(path.read_bytes()):
        path.write_bytes(damaged)
        with pytest.raises(InputError, match=rf"{path.name}.*damaged"):
            load_model(tmp_path)


@pytest.mark.parametrize("pattern", ["version-000002*", CURRENT])
def test_the_last_good_version_still_loads(tmp_path, pattern):
    save_model(tmp_path, small_model(1))
    save_model(tmp_path, small_model(2, version=2))
    (path,) = tmp_path.glob(pattern)
    for damaged in damages(path.read_bytes()):
        path.write_bytes(damaged)
        good = 1 if pattern != CURRENT else 2
        with pytest.warns(UserWarning, match=path.name):
            found = load_model(tmp_path)
        assert_same(found, small_model(good, version=good))


def test_a_version_that_was_never_pointed_at_is_not_used(tmp_path):
    save_model(tmp_path, small_model(1))
    pointer = (tmp_path / CURRENT).read_bytes()
    save_model(tmp_path, small_model(2, version=2))
    (tmp_path / CURRENT).write_bytes(pointer)
    assert_same(load_model(tmp_path), small_model(1))


def test_a_pointer_leads_nowhere_else(tmp_path):
    save_model(tmp_path, small_model())
    (tmp_path / CURRENT).write_text("../../etc/passwd")
    with pytest.warns(UserWarning, match=CURRENT):
        assert load_model(tmp_path).version == 1


def test_a_lost_pointer_leaves_the_newest_version(tmp_path, own_home):
    for folder in (tmp_path / "m", own_home / "model"):
        save_model(folder, small_model(1))
        save_model(folder, small_model(2, version=2))
        (folder / CURRENT).unlink()
    for model in (tmp_path / "m", None):
        with pytest.warns(UserWarning, match=CURRENT):
            assert_same(load_model(model), small_model(2, version=2))


def test_an_unknown_architecture_is_refused(tmp_path):
    from strokejax.recognizer import from_stored

    spec = EncoderSpec(architecture="oracle")
    with pytest.raises(InputError, match="oracle"):
        from_stored(small_model()._replace(spec=spec))


def test_headers_are_json(tmp_path):
    from safetensors import safe_open

    save_model(tmp_path, small_model())
    (path,) = tmp_path.glob("version-*")
    with safe_open(path, framework="numpy") as file:
        header = json.loads(file.metadata()["strokejax"])
    assert header["symbols"] == ["a", "é/\\", None, None]
