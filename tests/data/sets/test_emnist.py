"""EMNIST's archive, rebuilt small in its own format, and everything wrong with it."""

import gzip
import hashlib
import struct
import sys
import zipfile

import numpy as np
import pytest

from strokejax.data.sets import emnist
from strokejax.data.sets.emnist import CLASSES, load_emnist, read_archive
from strokejax.data.sets.load import load
from strokejax.table.symbols import STROKES
from strokejax.types import InputError


def idx(values):
    header = struct.pack(">HBB", 0, 8, values.ndim)
    return header + struct.pack(f">{values.ndim}I", *values.shape) + values.tobytes()


def upright(n):
    """An L in every image, its brightness telling the images apart."""
    images = np.zeros((n, 28, 28), np.uint8)
    images[:, 4:24, 6:9] = 255
    images[:, 21:24, 6:16] = 255
    images[:, 5, 7] = np.arange(n) % 100 + 100
    return images


def members(config="byclass", n=10):
    """What a small archive holds: labels in turn, images transposed as in EMNIST."""
    classes = len(CLASSES[config])
    first = 1 if config == "letters" else 0
    files = {}
    for split, count in (("train", n), ("test", n // 2)):
        stem = f"gzip/emnist-{config}-{split}"
        labels = (np.arange(count) % classes + first).astype(np.uint8)
        files[f"{stem}-images-idx3-ubyte.gz"] = idx(upright(count).transpose(0, 2, 1))
        files[f"{stem}-labels-idx1-ubyte.gz"] = idx(labels)
    return files


def write_archive(folder, files):
    folder.mkdir(exist_ok=True)
    path = folder / "gzip.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, gzip.compress(content, mtime=0))
    return path


@pytest.fixture
def trust(monkeypatch):
    """Makes a small archive's size and checksum the expected ones."""

    def expect(path):
        content = path.read_bytes()
        monkeypatch.setattr(emnist, "ARCHIVE_BYTES", len(content))
        monkeypatch.setattr(
            emnist, "ARCHIVE_SHA256", hashlib.sha256(content).hexdigest()
        )

    return expect


IMAGES = "gzip/emnist-byclass-test-images-idx3-ubyte.gz"
LABELS = "gzip/emnist-byclass-test-labels-idx1-ubyte.gz"


@pytest.mark.parametrize("config", CLASSES)
def test_archives_are_read_upright_with_labels_from_zero(tmp_path, config):
    path = write_archive(tmp_path, members(config, 200))
    images, labels = read_archive(path, config, "train")
    np.testing.assert_array_equal(images, upright(200))
    assert labels.tolist() == [i % len(CLASSES[config]) for i in range(200)]


def test_classes_are_in_emnists_order():
    assert {config: len(names) for config, names in CLASSES.items()} == {
        "byclass": 62,
        "balanced": 47,
        "letters": 26,
    }
    assert CLASSES["byclass"][10] + CLASSES["byclass"][36] == "Aa"
    assert CLASSES["balanced"][36:] == "abdefghnqrt"
    assert set("".join(CLASSES.values())) == set(STROKES) - {"space"}


def test_loading_prepares_once_and_keeps_one_array(tmp_path, trust):
    path = write_archive(tmp_path / "emnist", members("balanced", 100))
    trust(path)
    ask = {"config": "balanced", "root": tmp_path, "prepared": tmp_path / "prepared"}
    train = load_emnist("train", **ask)
    assert (len(train), len(load_emnist("validation", **ask))) == (100, 50)
    names = [train.symbols[label] for label in train.labels]
    assert "".join(names) == (CLASSES["balanced"] * 3)[:100]
    image = train.inputs["image"]
    assert (image.shape, image.dtype) == ((100, 28, 28), np.uint8)
    assert image[0, :, :14].sum() > 1.2 * image[0, :, 14:].sum()
    assert image[0, 14:].sum() > 1.1 * image[0, :14].sum()
    path.unlink()
    again = load_emnist("train", **ask)
    np.testing.assert_array_equal(again.inputs["image"], image)
    np.testing.assert_array_equal(again.labels, train.labels)
    assert load_emnist("train", **ask, size=20).inputs["image"].shape == (100, 20, 20)
    assert "tensorflow" not in sys.modules


def test_readers_find_emnist_and_stdout_stays_clean(
    tmp_path, trust, capsys, monkeypatch
):
    monkeypatch.setattr(emnist, "load_emnist", _in(tmp_path, emnist.load_emnist))
    trust(write_archive(tmp_path, members("letters")))
    data = load("emnist", "train", root=tmp_path, emnist_config="letters", size=20)
    assert data.inputs["image"].shape == (10, 20, 20)
    assert [data.symbols[i] for i in data.labels] == list("abcdefghij")
    assert capsys.readouterr().out == ""


def _in(folder, reader):
    return lambda *args, **kwargs: reader(*args, prepared=folder / "prepared", **kwargs)


def test_a_wrong_checksum_is_refused_and_leaves_nothing(tmp_path):
    write_archive(tmp_path, members())
    with pytest.raises(InputError, match=r"561,753,746 bytes with SHA-256 fb9bb67e33"):
        load_emnist("train", root=tmp_path, prepared=tmp_path / "prepared")
    assert not list((tmp_path / "prepared").rglob("*.array_record*"))


def test_a_missing_archive_says_where_to_put_it(tmp_path, monkeypatch):
    with pytest.raises(InputError, match=r"emnist/gzip\.zip does not exist; fetch"):
        load_emnist("train", root=tmp_path, prepared=tmp_path / "prepared")
    monkeypatch.delenv("STROKEJAX_DATA", raising=False)
    with pytest.raises(InputError, match="STROKEJAX_DATA is not set"):
        load_emnist("train", prepared=tmp_path / "prepared")
    with pytest.raises(InputError, match="does not exist or is not a folder"):
        load_emnist("train", root=tmp_path / "absent", prepared=tmp_path / "prepared")


def test_a_failing_download_is_one_sentence(tmp_path, monkeypatch):
    def fail(self, url):
        raise ConnectionError("no route")

    monkeypatch.setattr(emnist.tfds.download.DownloadManager, "download", fail)
    with pytest.raises(InputError, match=r"no route.*check the network"):
        load_emnist("train", download=True, prepared=tmp_path / "prepared")


def test_a_damaged_member_stops_preparing(tmp_path, trust):
    files = members()
    files[IMAGES] = files[IMAGES][:-100]
    trust(write_archive(tmp_path, files))
    with pytest.raises(InputError, match="where its header"):
        load_emnist("train", root=tmp_path, prepared=tmp_path / "prepared")
    assert not list((tmp_path / "prepared").rglob("*.array_record*"))


def test_unknown_configs_and_splits_are_refused(tmp_path):
    with pytest.raises(InputError, match="'byclass', 'balanced', 'letters'"):
        load_emnist("train", config="bymerge", root=tmp_path)
    with pytest.raises(InputError, match="no split 'test'"):
        load_emnist("test", root=tmp_path)


@pytest.mark.parametrize(
    ("member", "content", "message"),
    [
        (IMAGES, b"", "starts with  and not"),
        (IMAGES, b"\x00\x00\x08", "starts with 000008 and not"),
        (IMAGES, idx(np.zeros(5, np.uint8)), "starts with 00000801 and not"),
        (IMAGES, idx(upright(5))[:-1], "holds 3919 bytes .* announces 3920"),
        (IMAGES, idx(upright(5)) + b"x", "holds more than 3920 bytes"),
        (
            IMAGES,
            struct.pack(">HBBIII", 0, 8, 3, *[2**32 - 1] * 3),
            "above the limit of 2,147,483,648",
        ),
        (IMAGES, idx(upright(4)), r"images \[4, 28, 28\] and 5 labels"),
        (IMAGES, idx(np.zeros((5, 28, 27), np.uint8)), "28 x 28"),
        (LABELS, idx(np.full(5, 62, np.uint8)), "label 62 beyond its 62 classes"),
    ],
)
def test_malformed_idx_is_refused(tmp_path, member, content, message):
    path = write_archive(tmp_path, {**members(), member: content})
    with pytest.raises(InputError, match=message):
        read_archive(path, "byclass", "test")


def test_letters_have_no_label_zero(tmp_path):
    member = "gzip/emnist-letters-test-labels-idx1-ubyte.gz"
    files = {**members("letters"), member: idx(np.zeros(5, np.uint8))}
    with pytest.raises(InputError, match="beyond its 26 classes"):
        read_archive(write_archive(tmp_path, files), "letters", "test")


def test_damaged_archives_are_refused(tmp_path):
    path = write_archive(tmp_path, {"gzip/else.gz": b""})
    with pytest.raises(InputError, match="not an EMNIST archive"):
        read_archive(path, "byclass", "test")
    path.write_bytes(b"PK no zip")
    with pytest.raises(InputError, match="not an EMNIST archive"):
        read_archive(path, "byclass", "test")
    whole = gzip.compress(members()[IMAGES])
    for damaged in (whole[: len(whole) // 2], b"no gzip", whole[:40] + b"\x00" * 40):
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr(IMAGES, damaged)
        with pytest.raises(InputError, match="is truncated or damaged"):
            read_archive(path, "byclass", "test")
