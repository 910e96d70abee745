"""Lake's one-shot runs: the published layout, and what is not it."""

import io
import zipfile

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from strokejax.tasks.symbols.evaluation import labelled as lake
from strokejax.tasks.symbols.evaluation.labelled import load_runs
from strokejax.types import InputError

SIDE = 105


def png(ink, mode="1"):
    """bool[h w] as the bytes of a picture, black on white."""
    file = io.BytesIO()
    Image.fromarray(np.where(ink, 0, 255).astype(np.uint8)).convert(mode).save(
        file, "PNG"
    )
    return file.getvalue()


def drawings(rng, n):
    ink = np.zeros((n, SIDE, SIDE), bool)
    for picture in ink:
        y, x = rng.integers(10, 80, 2)
        picture[y : y + rng.integers(5, 20), x : x + rng.integers(5, 20)] = True
    return ink


def make_run(name, seed, ways):
    """The files of a run, and the parts it shall be read as."""
    rng = np.random.default_rng(seed)
    training, test = drawings(rng, ways), drawings(rng, ways)
    answer = rng.permutation(ways)
    files = {
        f"{name}/training/class{i + 1:02}.png": png(x) for i, x in enumerate(training)
    }
    files |= {f"{name}/test/item{i + 1:02}.png": png(x) for i, x in enumerate(test)}
    lines = [
        f"{name}/test/item{i + 1:02}.png {name}/training/class{c + 1:02}.png"
        for i, c in enumerate(answer)
    ]
    files[f"{name}/class_labels.txt"] = ("\n".join(lines) + "\n").encode()
    return files, (255 * training, 255 * test, answer)


def write(path, files, top=""):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(top + name, data)
    return path


@given(
    seed=st.integers(0, 99),
    ways=st.sampled_from([2, 3, 20]),
    count=st.integers(1, 3),
    top=st.sampled_from(["", "all_runs/"]),
)
def test_what_was_written_in_the_layout_is_read(
    tmp_path_factory, seed, ways, count, top
):
    files, wanted = {}, {}
    for i in reversed(range(count)):
        name = f"run{i + 1:02}"
        made, wanted[name] = make_run(name, (seed, i), ways)
        files |= made
    files |= {"README.txt": b"x", "__MACOSX/run01/class_labels.txt": b"junk"}
    path = write(tmp_path_factory.mktemp("lake") / "all_runs.zip", files, top)
    runs = load_runs(path)
    assert [run.name for run in runs] == sorted(wanted)
    for run in runs:
        training, test, answer = wanted[run.name]
        assert run.training.dtype == run.test.dtype == np.uint8
        assert run.answer.dtype == np.int32
        np.testing.assert_array_equal(run.training, training)
        np.testing.assert_array_equal(run.test, test)
        np.testing.assert_array_equal(run.answer, answer)


def test_twenty_runs_of_twenty(tmp_path):
    files = {}
    for i in range(20):
        files |= make_run(f"run{i + 1:02}", i, 20)[0]
    runs = load_runs(write(tmp_path / "all_runs.zip", files, "all_runs/"))
    assert len(runs) == 20
    assert all(sorted(run.answer) == list(range(20)) for run in runs)


def test_a_class_without_a_test_picture_is_still_an_answer(tmp_path):
    files, (training, test, answer) = make_run("run01", 0, 5)
    lines = files["run01/class_labels.txt"].splitlines()[:3]
    files["run01/class_labels.txt"] = b"\r\n".join(lines)
    (run,) = load_runs(write(tmp_path / "all_runs.zip", files))
    np.testing.assert_array_equal(run.training, training)
    np.testing.assert_array_equal(run.test, test[:3])
    np.testing.assert_array_equal(run.answer, answer[:3])


LABELS = "run01/class_labels.txt"
FIRST = b"run01/test/item01.png run01/training/class01.png\n"


def spoiled(change):
    files, _ = make_run("run01", 0, 3)
    return change(files) or files


def drop(name):
    return lambda files: files.pop(name) and None


def replace(name, data):
    return lambda files: files.update({name: data})


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (drop(LABELS), "has no run01/class_labels.txt"),
        (drop("run01/training/class02.png"), "has no run01/training/class02.png"),
        (drop("run01/test/item03.png"), "has no run01/test/item03.png"),
        (replace(LABELS, b""), "0 lines"),
        (replace(LABELS, FIRST), "1 lines"),
        (replace(LABELS, FIRST * 101), "101 lines"),
        (replace(LABELS, FIRST * 3), "twice"),
        (replace(LABELS, b"\xff\xfe" * 9), "is not text"),
        (replace(LABELS, b"a b\nc d\n"), "has the line 'a b'"),
        (replace(LABELS, FIRST + b"run01/test/item02.png\n"), "has the line"),
        (replace(LABELS, FIRST + FIRST.replace(b"run01", b"run02")), "has the line"),
        (
            replace(LABELS, FIRST + FIRST.replace(b"test/", b"test/../../etc/")),
            "has the line",
        ),
        (replace(LABELS, b"x" * (lake.MAX_MEMBER + 1)), "more than 256 KiB"),
        (replace("run01/test/item01.png", b"no picture"), "not a picture"),
        (replace("run01/test/item01.png", bytes(10**7)), "more than 256 KiB"),
        (replace("run01/test/item01.png", png(np.ones((9, 9)))), "need one size"),
        (
            replace("run01/test/item01.png", png(np.zeros((600, 600)))),
            "above the limit",
        ),
        (
            lambda files: {**files, **{f"all_runs/{k}": v for k, v in files.items()}},
            "run01 twice",
        ),
        (
            lambda files: {f"run{i}/class_labels.txt": b"" for i in range(101)},
            "101 runs",
        ),
    ],
)
def test_an_archive_that_is_not_it_is_refused_in_one_sentence(tmp_path, change, words):
    path = write(tmp_path / "all_runs.zip", spoiled(change))
    with pytest.raises(InputError, match=words) as caught:
        load_runs(path)
    assert str(path) in str(caught.value)
    assert str(caught.value).endswith(".") and "\n" not in str(caught.value)


def test_files_that_are_no_archive_are_refused(tmp_path):
    with pytest.raises(InputError, match="is a folder"):
        load_runs(tmp_path)
    path = tmp_path / "all_runs.zip"
    path.write_bytes(b"PK\x03\x04 torn")
    with pytest.raises(InputError, match="zip archive"):
        load_runs(path)
    with path.open("wb") as file:
        file.truncate(lake.MAX_ARCHIVE + 1)
    with pytest.raises(InputError, match="above the limit of 16 MiB"):
        load_runs(path)


@given(place=st.integers(0, 10**6), value=st.integers(1, 255))
def test_a_flipped_byte_gives_runs_or_a_sentence(tmp_path_factory, place, value):
    folder = tmp_path_factory.mktemp("lake")
    data = bytearray(
        write(folder / "good.zip", make_run("run01", 0, 3)[0]).read_bytes()
    )
    data[place % len(data)] ^= value
    (folder / "bad.zip").write_bytes(data)
    try:
        runs = load_runs(folder / "bad.zip")
    except InputError:
        return
    assert [len(run.test) for run in runs] == [3]
