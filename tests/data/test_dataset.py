"""Laws of the data sets in memory, of the split, and of the readers."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from strokejax.data import splits
from strokejax.data.dataset import Dataset, as_rasters, data_file, read_arrays
from strokejax.data.sets.collected import load_scribble
from strokejax.data.sets.load import NAMES, load
from strokejax.data.sets.mnist import load_mnist
from strokejax.data.sets.omniglot import load_omniglot
from strokejax.data.sets.synthetic import load_synthetic
from strokejax.data.sets.unipen import FILE, load_unipen, stroke_labels, take_packed
from strokejax.ink.packed import PackedInk, write_packed
from strokejax.networks.functions import to_images
from strokejax.table.symbols import STROKES
from strokejax.types import InputError

needs_data = pytest.mark.skipif(
    not os.environ.get("STROKEJAX_DATA"),
    reason="STROKEJAX_DATA is not set: no folder of real data",
)

HELD_OUT_WRITER = min(splits.validation_groups("writer"))
HELD_OUT_ALPHABET = min(splits.validation_groups("alphabet"))


def small(n=6, name="small"):
    return Dataset(
        name=name,
        inputs={"points": np.arange(n * 12, dtype=np.float32).reshape(n, 4, 3)},
        labels=np.arange(n, dtype=np.int32) % 3,
        symbols=("a", "b", "c", "never"),
        groups=np.array([f"w{i // 2}" for i in range(n)]),
        group_kind="writer",
    )


def random_packed(seed, n):
    rng = np.random.default_rng(seed)
    strokes = rng.integers(1, 4, n)
    points = rng.integers(1, 6, strokes.sum())
    return PackedInk(
        rng.integers(0, 1001, (points.sum(), 2)).astype(np.int16),
        np.concatenate([[0], np.cumsum(points)]),
        np.concatenate([[0], np.cumsum(strokes)]),
    )


def samples_of(packed):
    """Each sample as a list of strokes, by the definition of packed ink."""
    points, stroke_start, sample_start = packed
    return [
        [
            points[stroke_start[s] : stroke_start[s + 1]].tolist()
            for s in range(sample_start[i], sample_start[i + 1])
        ]
        for i in range(len(sample_start) - 1)
    ]


# The data set in memory


@given(st.permutations(range(6)), st.lists(st.booleans(), min_size=6, max_size=6))
def test_select_after_take_is_one_take(order, mask):
    data = small()
    twice = data.take(np.array(order)).select(np.array(mask))
    once = data.take(np.array(order)[np.array(mask)])
    assert len(twice) == sum(mask)
    np.testing.assert_array_equal(twice.inputs["points"], once.inputs["points"])
    np.testing.assert_array_equal(twice.labels, once.labels)
    np.testing.assert_array_equal(twice.groups, once.groups)
    assert twice.symbols == data.symbols


def test_print_informs():
    text = str(small())
    for fact in (
        "small: 6 samples, 3 of 4 classes, 3 x writer",
        "min 2, median 2, max 2",
        "'never'",
        "float32[6 4 3], 0 to 71",
    ):
        assert fact in text
    assert "0 samples" in str(small().take(np.array([], int)))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"labels": np.array([0, 1, 4, 0, 0, 0])}, "0 to 4 for 4 symbols"),
        ({"labels": np.array([0, -1, 1, 0, 0, 0])}, "from -1"),
        ({"labels": np.zeros(6)}, "float64"),
        ({"labels": np.zeros(5, int)}, "6 rows for 5 labels"),
        ({"groups": np.array(["w"])}, "groups has 1 rows"),
        ({"symbols": ("a", "b", "c", "c")}, "listed twice"),
    ],
)
def test_what_does_not_fit_together_is_refused(change, message):
    data = small()
    fields = {name: getattr(data, name) for name in Dataset.__dataclass_fields__}
    with pytest.raises(InputError, match=message):
        Dataset(**{**fields, **change})


def test_missing_data_says_how_to_name_it(monkeypatch, tmp_path):
    monkeypatch.delenv("STROKEJAX_DATA", raising=False)
    with pytest.raises(InputError, match="export STROKEJAX_DATA"):
        data_file(FILE)
    monkeypatch.setenv("STROKEJAX_DATA", str(tmp_path / "absent"))
    with pytest.raises(InputError, match="does not exist or is not a folder"):
        load_unipen("train")
    monkeypatch.setenv("STROKEJAX_DATA", str(tmp_path))
    with pytest.raises(InputError, match=f"{FILE} does not exist"):
        load_unipen("train")


def test_damaged_arrays_are_refused(tmp_path):
    path = tmp_path / "x.npz"
    np.savez(path, x=np.zeros(1000), secret=np.array([object()]))
    with pytest.raises(InputError, match="has no array 'y'"):
        read_arrays(path, "x", "y")
    with pytest.raises(InputError, match="plain arrays"):
        read_arrays(path, "secret")
    path.write_bytes(path.read_bytes()[:3000])
    with pytest.raises(InputError, match="cannot be read"):
        read_arrays(path, "x")


# The split

writers = st.lists(
    st.builds(
        "{}{}:{}_{}".format,
        st.sampled_from(["ap", "ce", "hp"]),
        st.sampled_from("abd"),
        st.sampled_from(["Ann", "Bob", "Eve", "Ida", "Max", "Uma", "Zoe"]),
        st.integers(1, 2),
    ),
    max_size=60,
)


@given(writers, st.randoms(use_true_random=False))
def test_the_rule_parts_no_person_and_sees_no_order(names, random):
    held_out = set(splits.choose("writer", names))
    shuffled = names * 2
    random.shuffle(shuffled)
    assert set(splits.choose("writer", shuffled)) == held_out
    inside = {splits.unit("writer", name) for name in held_out}
    assert not inside & {splits.unit("writer", n) for n in set(names) - held_out}


@given(st.integers(0, 60))
def test_the_rule_takes_a_sixth(n):
    names = [f"AN_{i:04d}" for i in range(n)]
    assert len(splits.choose("will", names)) == (n + 3) // 6


@pytest.mark.parametrize(
    ("kind", "one", "other"),
    [
        ("writer", "ibm:r00-07", "ibm:r02-07"),
        ("writer", "apb:Jon_Klein", "apd:Jon_Klein"),
        ("writer", "apd:Chuck_Chaffee_1", "apd:Chuck_Chaffee_2"),
        ("writer", "cea:gb2911", "ceb:gb2911"),
        ("writer", "uqb:ja_3828", "uqb:re_3828"),
        ("writer", "kar:mjh_0055", "kar:mjh_0056"),
        ("alphabet", "Mkhedruli_(Georgian)", "Asomtavruli_(Georgian)"),
        ("class", "latex:textcomp:texttimes", "latex:latex2e:times"),
        ("class", "latex:latex2e:bigvee", "latex:amssymb:vee"),
        ("family", "merienda", "meriendaone"),
    ],
)
def test_names_of_one_unit_stay_on_one_side(kind, one, other):
    assert splits.unit(kind, one) == splits.unit(kind, other)


@pytest.mark.parametrize(
    ("one", "other"), [("ibm:r01-07", "ibm:r01-13"), ("apb:Jon_Klein", "cea:Jon_Klein")]
)
def test_two_writers_are_two_units(one, other):
    assert splits.unit("writer", one) != splits.unit("writer", other)


def test_the_list_is_sorted_and_whole():
    listed = json.loads(Path(splits.__file__).with_name("splits.json").read_text())
    assert set(listed) == {"rule", *splits.KINDS}
    for kind in splits.KINDS:
        assert listed[kind] == sorted(set(listed[kind]))
        assert splits.validation_groups(kind) == set(listed[kind])
    assert 5 <= len(listed["alphabet"]) <= 6
    assert len(listed["writer"]) >= 35


def test_unknown_kinds_and_splits_are_refused():
    with pytest.raises(InputError, match="writer, alphabet, class, will, family"):
        splits.validation_groups("people")
    with pytest.raises(InputError, match="'train' or 'validation'"):
        splits.split_mask("test", "writer", np.array(["a"]))


@needs_data
def test_the_list_follows_the_rule():
    root = Path(os.environ["STROKEJAX_DATA"])
    wills = (root / "cremma_lines" / "lines.tsv").read_text("utf-8").splitlines()
    files = [f"unipen_{part}_dev.npz" for part in ("alnum", "punct", "words", "text")]
    names = {
        "writer": np.concatenate([read_arrays(root / f, "writer")[0] for f in files]),
        "alphabet": read_arrays(root / "omniglot_background_bits.npz", "alphabet")[0],
        "class": read_arrays(root / "detexify_dev.npz", "label")[0],
        "will": [line.split("\t")[1] for line in wills],
        # Families with a SOURCE.txt came after the list was frozen.
        "family": [
            path.parent.name
            for path in (root / "fonts").glob("*/*.txt")
            if not (path.parent / "SOURCE.txt").exists()
        ],
    }
    for kind, known in names.items():
        assert set(splits.choose(kind, map(str, known))) == splits.validation_groups(
            kind
        )


# UNIPEN


@given(st.integers(0, 2**31), st.lists(st.booleans(), min_size=1, max_size=12))
def test_chosen_ink_is_the_chosen_samples(seed, mask):
    packed = random_packed(seed, len(mask))
    chosen = np.flatnonzero(mask)
    wanted = [samples_of(packed)[i] for i in chosen]
    assert samples_of(take_packed(packed, chosen)) == wanted


def test_built_in_letters_have_the_size_they_are_written_in():
    data = load_synthetic(writers=2, samples=3)
    names = np.array(data.symbols)[data.labels]
    sizes = data.inputs["size"].reshape(2, -1)
    letters = (names != "space").reshape(2, -1)
    for size, chosen in zip(sizes, letters, strict=True):
        assert np.median(size[chosen]) == pytest.approx(1)
    by_name = {name: np.median(data.inputs["size"][names == name]) for name in "oOsSvV"}
    for small, large in ("oO", "sS", "vV"):
        assert by_name[large] > 1.15 * by_name[small]


def test_unipen_parts_writers(tmp_path):
    writer = np.array(["new:one", HELD_OUT_WRITER] * 4)
    label = np.array(list("aZ09aZ09"))
    size = np.linspace(0.5, 2, 8, dtype=np.float32)
    columns = {"label": label, "writer": writer, "relative_size": size}
    write_packed(tmp_path / FILE, random_packed(0, 8), **columns)
    parts = {split: load_unipen(split, root=tmp_path) for split in splits.SPLITS}
    for split, own in (("train", 0), ("validation", 1)):
        data = parts[split]
        assert [data.symbols[i] for i in data.labels] == label[own::2].tolist()
        assert set(data.groups) == {writer[own]}
        assert data.inputs["points"].shape == (4, 64, 3)
        np.testing.assert_array_equal(data.inputs["size"], size[own::2])
    assert load_unipen("train", root=tmp_path, count=16).inputs["points"].shape[1] == 16


def test_labels_outside_the_map_are_named():
    names = ["a", "space", "9"]
    assert stroke_labels(np.array(names), "x").tolist() == [0, 62, 61]
    with pytest.raises(InputError, match=r"file: 2 labels .*'!', '@'"):
        stroke_labels(np.array(["a", "@", "!", "@"]), "file")


def test_unipen_without_writers_is_refused(tmp_path):
    write_packed(tmp_path / FILE, random_packed(0, 2), label=np.array(["a", "b"]))
    with pytest.raises(InputError, match="no array 'writer'"):
        load_unipen("train", root=tmp_path)


@needs_data
def test_real_unipen_validation_covers_the_classes():
    data = load_unipen("validation", count=8)
    counts = np.bincount(data.labels, minlength=63)
    assert 10_000 <= len(data) <= 13_000
    assert counts[:62].min() >= 30
    assert counts[62] == 0
    assert len(set(data.groups)) >= 35
    assert set(data.groups) <= splits.validation_groups("writer")
    assert np.abs(data.inputs["points"][..., :2]).max() <= 0.5 + 1e-6


# Pictures


def corner_mark(n=3, side=28):
    """A thick L: a long bar down the left, a short foot to the right."""
    image = np.zeros((n, side, side), np.uint8)
    image[:, 4:24, 6:9] = 255
    image[:, 21:24, 6:16] = 255
    return image


def assert_upright(image):
    """Of an L: more ink left than right, more below than above."""
    half = image.shape[0] // 2
    assert image[:, :half].sum() > 1.2 * image[:, half:].sum()
    assert image[half:].sum() > 1.1 * image[:half].sum()


def test_mnist_keeps_digits_and_orientation(tmp_path):
    digits = np.array([0, 7, 9], np.uint8)
    np.savez(tmp_path / "mnist_test_10000.npz", x=corner_mark(), y=digits)
    data = load_mnist("validation", root=tmp_path, size=40, margin=6)
    assert [data.symbols[i] for i in data.labels] == ["0", "7", "9"]
    assert data.inputs["image"].shape == (3, 40, 40)
    assert data.inputs["image"].dtype == np.uint8
    assert_upright(data.inputs["image"][0])
    assert data.group_kind == "sample"
    with pytest.raises(InputError, match="mnist_train_20000"):
        load_mnist("train", root=tmp_path)
    with pytest.raises(InputError, match="no split 'test'"):
        load_mnist("test", root=tmp_path)


@pytest.mark.parametrize(
    ("x", "y", "message"),
    [
        (np.zeros((2, 784), np.uint8), np.zeros(2, np.uint8), r"u8\[n, h, w\]"),
        (np.zeros((2, 28, 28)), np.zeros(2, np.uint8), "float64"),
        (corner_mark(2), np.array([3, 10], np.uint8), "digits end at 9"),
        (corner_mark(2), np.zeros(3, np.uint8), "2 rows for 3 labels"),
    ],
)
def test_broken_mnist_is_refused(tmp_path, x, y, message):
    np.savez(tmp_path / "mnist_test_10000.npz", x=x, y=y)
    with pytest.raises(InputError, match=message):
        load_mnist("validation", root=tmp_path)


def omniglot_file(folder, bits_wide=105 * 105):
    picture = corner_mark(8, 105) > 0
    np.savez(
        folder / "omniglot_background_bits.npz",
        bits=np.packbits(picture.reshape(8, -1)[:, :bits_wide], axis=1),
        alphabet=np.repeat([HELD_OUT_ALPHABET, "Utopian"], 4),
        character=np.tile(["character02", "character01"], 4),
        drawer=np.tile(np.array([1, 1, 2, 2], np.uint8), 2),
    )


def test_omniglot_parts_alphabets(tmp_path):
    omniglot_file(tmp_path)
    train = load_omniglot("train", root=tmp_path)
    valid = load_omniglot("validation", root=tmp_path)
    assert train.symbols == ("Utopian/character01", "Utopian/character02")
    assert train.labels.tolist() == [1, 0, 1, 0]
    assert train.groups.tolist() == ["Utopian:1"] * 2 + ["Utopian:2"] * 2
    assert {name.split("/")[0] for name in valid.symbols} == {HELD_OUT_ALPHABET}
    assert_upright(train.inputs["image"][0])


def test_a_turned_character_is_a_class_of_its_own(tmp_path):
    omniglot_file(tmp_path)
    plain = load_omniglot("train", root=tmp_path)
    turned = load_omniglot("train", root=tmp_path, rotations=True)
    n, c = len(plain), len(plain.symbols)
    assert (len(turned), len(turned.symbols)) == (4 * n, 4 * c)
    for t, degrees in enumerate(("", "/90", "/180", "/270")):
        own = turned.take(np.arange(t * n, (t + 1) * n))
        for image, base in zip(own.inputs["image"], plain.inputs["image"], strict=True):
            np.testing.assert_array_equal(image, np.rot90(base, t))
        names = [turned.symbols[label] for label in own.labels]
        assert names == [plain.symbols[i] + degrees for i in plain.labels]


def test_strokes_are_given_where_they_are_known_and_turn_with_the_picture(tmp_path):
    omniglot_file(tmp_path)
    corner = np.array([[90, 10, 0], [10, 10, 50], [10, 90, 99]])
    np.savez(
        tmp_path / "omniglot_strokes_small12.npz",
        points_xyt=corner,
        stroke_start=np.array([0, 3]),
        sample_start=np.array([0, 1]),
        alphabet=np.array(["Utopian"]),
        character=np.array(["character01"]),
        drawer=np.array([2], np.uint8),
    )
    data = load_omniglot("train", root=tmp_path, rotations=True, strokes=True)
    known = data.inputs["has_ink"]
    names = [data.symbols[label] for label in data.labels[known]]
    assert names == [f"Utopian/character01{t}" for t in ("", "/90", "/180", "/270")]
    assert set(data.groups[known]) == {"Utopian:2"}
    assert not data.inputs["points"][~known].any()
    draw = {"size": 28, "margin": 4, "width": 3.0}
    pictures = np.asarray(to_images({"points": data.inputs["points"][known]}, **draw))
    for turn, picture in enumerate(pictures[..., 0]):
        np.testing.assert_allclose(
            picture, np.rot90(pictures[0, ..., 0], turn), atol=0.1
        )


def test_omniglot_of_another_size_is_refused(tmp_path):
    omniglot_file(tmp_path, bits_wide=8 * 100)
    with pytest.raises(InputError, match="105 x 105"):
        load_omniglot("train", root=tmp_path)


def test_rasters_do_not_depend_on_the_slice():
    images = np.roll(corner_mark(4), (0, 3), (1, 2))
    images[1:3] = np.rot90(images[1:3], 1, (1, 2))
    whole = as_rasters(images, size=28, margin=4, width=3.0)
    single = [as_rasters(i[None], size=28, margin=4, width=3.0)[0] for i in images]
    np.testing.assert_array_equal(whole, single)


def test_a_blank_picture_stays_blank_among_others():
    images = corner_mark(4)
    images[2] = 0
    rasters = as_rasters(images, size=28, margin=4, width=3.0)
    assert rasters.max((1, 2)).tolist() == [255, 255, 0, 255]


@needs_data
def test_real_pictures_have_their_ink_inside_the_margin():
    for data in (load_mnist("validation"), load_omniglot("validation")):
        image = data.inputs["image"]
        assert image.max((1, 2)).min() == 255
        # Specks may lie outside.
        inside = image[:, 2:-2, 2:-2].sum((1, 2)) / image.sum((1, 2))
        assert inside.min() > 0.8
        assert inside.mean() > 0.9999


# A collected folder


def collect(folder, names, trials=10):
    rng = np.random.default_rng(0)
    for name in names:
        (folder / name).mkdir(parents=True)
        for trial in range(trials):
            rows = [
                f"{0.01 * i:.2f},{vx:.3f},{vy:.3f}"
                for i, (vx, vy) in enumerate(rng.normal(size=(12, 2)))
            ]
            text = "\n".join(["timestamp,velocity_x,velocity_y", *rows]) + "\n"
            (folder / name / f"trial_{trial}.csv").write_text(text)


def test_a_collected_folder_is_read(tmp_path):
    collect(tmp_path / "raw_mouse_data", ["a", "uA", "d0", "space", "heart"], trials=2)
    (tmp_path / "raw_mouse_data" / "notes").mkdir()
    data = load_scribble(tmp_path)
    assert data.symbols == (*STROKES, "heart")
    names = [data.symbols[i] for i in data.labels]
    assert sorted(names) == sorted(["a", "A", "0", "space", "heart"] * 2)
    assert set(data.groups) == {"scribble"}
    inner = load_scribble(tmp_path / "raw_mouse_data")
    np.testing.assert_array_equal(data.inputs["points"], inner.inputs["points"])


def test_a_split_parts_every_symbol_and_loses_nothing(tmp_path):
    collect(tmp_path, ["a", "b"])
    whole = load_scribble(tmp_path)
    parts = [load_scribble(tmp_path, split) for split in ("train", "validation")]
    assert [np.bincount(p.labels, minlength=2)[:2].tolist() for p in parts] == [
        [8, 8],
        [2, 2],
    ]
    ink = np.concatenate([part.inputs["points"] for part in parts])
    assert {x.tobytes() for x in ink} == {x.tobytes() for x in whole.inputs["points"]}
    again = load_scribble(tmp_path, "validation").inputs["points"]
    other = load_scribble(tmp_path, "validation", seed=1).inputs["points"]
    np.testing.assert_array_equal(again, parts[1].inputs["points"])
    assert not np.array_equal(other, again)


def test_a_bad_file_refuses_the_folder(tmp_path):
    collect(tmp_path, ["a", "b"], trials=3)
    (tmp_path / "a" / "trial_1.csv").write_text("time,x\n1,2\n")
    with pytest.raises(InputError, match=r"trial_1\.csv"):
        load_scribble(tmp_path)
    (tmp_path / "b" / "trial_2.csv").write_text("")
    with pytest.raises(InputError, match=r"a/trial_1\.csv.*2 files"):
        load_scribble(tmp_path)


def test_folders_without_drawings_are_refused(tmp_path):
    with pytest.raises(InputError, match="no drawing"):
        load_scribble(tmp_path)
    with pytest.raises(InputError, match="is not a folder"):
        load_scribble(tmp_path / "absent")
    collect(tmp_path, ["a"], trials=1)
    with pytest.raises(InputError, match="too few"):
        load_scribble(tmp_path, "validation")


# By name


def test_readers_by_name(tmp_path):
    collect(tmp_path / "mine", ["a"], trials=5)
    assert len(load("scribble", "train", root=tmp_path / "mine")) == 4
    omniglot_file(tmp_path)
    turned = load("omniglot", "train", root=tmp_path, rotations=True, size=20)
    assert turned.inputs["image"].shape == (16, 20, 20)
    data = load("synthetic", "validation", writers=1, samples=1, points=32)
    assert data.inputs["points"].shape == (63, 32, 3)


def test_unknown_names_are_answered_with_the_known():
    with pytest.raises(InputError, match="did you mean 'unipen'") as caught:
        load("unipenn", "train")
    assert all(name in str(caught.value) for name in NAMES)
    with pytest.raises(InputError, match=r"data\.root"):
        load("scribble", "train")


def test_readers_import_nothing_heavy():
    code = (
        "import sys, strokejax.data.sets.load, strokejax.data.sets.unipen, "
        "strokejax.data.sets.collected, strokejax.data.sets.mnist, "
        "strokejax.data.sets.omniglot; "
        "heavy = {'jax', 'tensorflow_datasets', 'PIL', 'matplotlib', 'grain'}; "
        "sys.exit(', '.join(heavy & set(sys.modules)) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
