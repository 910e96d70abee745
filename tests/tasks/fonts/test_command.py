"""Fonts: files, pictures of text, the network, the index, the commands."""

import json
import shutil

import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strokejax import cli
from strokejax.networks.spec import EncoderSpec
from strokejax.search.character_model import load_words
from strokejax.store.model import StoredModel, load_model, save_model
from strokejax.table.losses import supervised_contrastive
from strokejax.table.rejection import no_calibration
from strokejax.table.symbols import SymbolTable
from strokejax.table.table import init_slots, unit
from strokejax.tasks.fonts import data as fonts
from strokejax.tasks.fonts import scores as font_scores
from strokejax.tasks.fonts.data import (
    TextSampler,
    random_augmentation,
    random_style,
    words_for,
)
from strokejax.tasks.fonts.faces import faces, font_files, system_folders
from strokejax.tasks.fonts.finder import CLASSES, OWN_DISTANCE, finder, windows
from strokejax.tasks.fonts.index import PICTURES, index_fonts, with_fonts
from strokejax.tasks.fonts.network import build_encoder
from strokejax.tasks.fonts.typeset import Augmentation, TextStyle, augment, typeset
from strokejax.train.objective import Objective, loss_and_correct
from strokejax.types import Batch, InputError
from tests.support import typefaces

SPEC = EncoderSpec("font_net", 16, size=40, length=192, channels=0.5, convs=1)
WORDS = load_words("en")
HEIGHT, WIDTH = 40, 192


@pytest.fixture(scope="module")
def untrained() -> StoredModel:
    """A model of fonts with random weights and nothing in its index."""
    example = {
        "image": np.zeros((1, HEIGHT, WIDTH), np.uint8),
        "width": np.full(1, WIDTH, np.int32),
    }
    params, state = jax.jit(build_encoder(SPEC).init)(jax.random.key(3), example)
    rows = np.eye(4, SPEC.out_dim, dtype=np.float32)
    table = {"embeddings": rows, "log_scale": np.float32(3.0)}
    return StoredModel(
        SPEC,
        *jax.device_get((params, state, table)),
        jax.device_get(init_slots(np.zeros(4, bool), SPEC.out_dim)),
        SymbolTable((None,) * 4),
        {CLASSES: ["One", "Two", "Three", "Four"]},
        no_calibration(table, SPEC.out_dim),
        np.full(4, -1, np.int32),
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Four fonts of four families."""
    found = tmp_path_factory.mktemp("fonts")
    for path in typefaces.ALL:
        shutil.copy(path, found)
    return found


@pytest.fixture
def model(untrained, tmp_path):
    return save_model(tmp_path / "model", untrained)


class TestFiles:
    def test_a_font_tells_its_names(self):
        (face,) = faces(typefaces.CALADEA)
        assert (face.family, face.style, face.name) == ("Caladea", "Regular", "Caladea")
        bold = faces(typefaces.font("font_caladea", "Caladea-BoldItalic"))[0]
        assert bold.name == "Caladea Bold Italic"

    def test_a_variable_font_tells_its_axes(self):
        (axis,) = faces(typefaces.MANROPE)[0].axes
        assert axis[0] == "wght" and axis[1] < axis[3]

    def test_files_are_found_once_by_path(self, folder, tmp_path):
        (tmp_path / "a.ttf").symlink_to(typefaces.CALADEA)
        (tmp_path / "b.ttf").symlink_to(typefaces.CALADEA)
        (tmp_path / "gone.otf").symlink_to(tmp_path / "nowhere")
        (tmp_path / "text.txt").write_text("no font")
        assert font_files(tmp_path) == [tmp_path / "a.ttf"]
        with pytest.raises(InputError, match="holds no font files"):
            (tmp_path / "empty").mkdir() or font_files(tmp_path / "empty")

    @pytest.mark.parametrize("damage", ["empty", "text", "cut", "noise"])
    def test_damaged_files_are_refused_by_name(self, damage, tmp_path):
        data = bytearray(typefaces.CALADEA.read_bytes())
        data = {
            "empty": b"",
            "text": b"this is no font",
            "cut": bytes(data[: len(data) // 3]),
            "noise": np.random.default_rng(0).bytes(5_000),
        }[damage]
        path = tmp_path / "bad.ttf"
        path.write_bytes(data)
        known, refused = fonts.usable_faces([path, typefaces.CALADEA], workers=1)
        assert [face.family for face in known] == ["Caladea"]
        assert str(path) in refused[str(path)]

    def test_a_font_without_letters_is_refused(self, tmp_path):
        from fontTools.subset import Options, Subsetter
        from fontTools.ttLib import TTFont

        font = TTFont(typefaces.CALADEA)
        subset = Subsetter(Options())
        subset.populate(text="0123456789abc")
        subset.subset(font)
        font.save(tmp_path / "few.ttf")
        with pytest.raises(InputError, match="lacks 49 of the 62"):
            faces(tmp_path / "few.ttf")


class TestPictures:
    def test_words_of_train_and_test_are_disjoint_and_all(self):
        train, test = (words_for(WORDS, split) for split in ("train", "test"))
        assert not {w.lower() for w in train} & {w.lower() for w in test}
        assert {**train, **test} == dict(WORDS) and len(test) > len(WORDS) / 20

    def test_lines_have_the_letters_that_they_should(self):
        texts, rng = TextSampler(words_for(WORDS, "test")), np.random.default_rng(0)
        lines = [texts.line(rng) for _ in range(200)]
        assert all(sum(c.isalnum() for c in line) >= 6 for line in lines)
        assert max(map(len, lines)) <= 37 and len(set(lines)) > 190

    @given(st.integers(0, 2**31))
    @settings(max_examples=15, deadline=None)
    def test_any_look_gives_a_picture(self, seed):
        rng = np.random.default_rng(seed)
        setting = random_style(rng)
        cover = typeset(str(typefaces.CALADEA), 0, ["Hamburg", "fonts"], setting)
        look = random_augmentation(rng, setting.size)
        colour, grey = augment(cover, look), augment(cover, look, grey=True)
        assert colour.shape == (*grey.shape, 3) and colour.dtype == np.uint8
        assert np.ptp(grey) > 20

    def test_black_on_white_is_the_cover_and_luma_is_the_grey(self):
        cover = typeset(str(typefaces.CALADEA), 0, ["plain"], TextStyle(30))
        assert (augment(cover, Augmentation(), grey=True) == 255 - cover).all()
        look = Augmentation(ink=((200, 30, 90),), paper=((10, 220, 240),))
        luma = augment(cover, look) @ np.array([0.299, 0.587, 0.114])
        assert np.abs(luma - augment(cover, look, grey=True)).max() <= 1

    def test_text_without_hints_has_the_size_of_text_with_them(self):
        shapes = [
            typeset(str(typefaces.CALADEA), 0, ["measure"], TextStyle(48, hinted)).shape
            for hinted in (True, False)
        ]
        assert np.allclose(*shapes, atol=3)

    def test_spacing_and_weight_widen_a_line(self):
        file = str(typefaces.MANROPE)
        usual = typeset(file, 0, ["wide"], TextStyle(40)).shape[1]
        spaced = typeset(file, 0, ["wide"], TextStyle(40, spacing=0.1)).shape[1]
        heavy = typeset(file, 0, ["wide"], TextStyle(40, axes=(800.0,))).shape[1]
        assert spaced == pytest.approx(usual + 3 * 4, abs=2) and heavy > usual

    def test_pictures_follow_the_seed(self):
        (face,) = faces(typefaces.AMATIC)
        made = [
            fonts.pictures_of(face, WORDS, 3, split, HEIGHT, WIDTH, seed)
            for split, seed in (("train", 1), ("train", 1), ("train", 2), ("test", 1))
        ]
        assert all((a == b).all() for a, b in zip(made[0], made[1], strict=True))
        assert (made[0][0] != made[2][0]).any() and (made[0][0] != made[3][0]).any()
        images, widths = made[0]
        columns = np.arange(WIDTH)
        assert not images.max(1)[columns[None] >= widths[:, None]].any()

    def test_labels_are_their_own_faces_even_beside_a_refused_one(self, tmp_path):
        known = [faces(path)[0] for path in typefaces.ALL]
        gone = known[1]._replace(file=str(tmp_path / "gone.ttf"), family="Gone")
        given = [known[0], gone, *known[2:]]
        how = {"split": "train", "height": HEIGHT, "width": WIDTH, "seed": 4}
        images, widths, labels, refused = fonts.render(given, WORDS, 2, **how)
        assert labels.tolist() == [0, 0, 2, 2, 3, 3] and [*refused] == [gone.name]
        for label in (0, 2, 3):
            own = fonts.pictures_of(given[label], WORDS, 2, "train", HEIGHT, WIDTH, 4)
            assert (images[labels == label] == own[0]).all()
            assert (widths[labels == label] == own[1]).all()

    def test_families_not_samples_are_held_out(self, folder):
        train, test = (
            fonts.load_fonts(
                split, WORDS, root=folder, count=2, height=HEIGHT, width=WIDTH
            )
            for split in ("train", "test")
        )
        assert train.symbols == test.symbols
        assert not any(map(fonts.held_out, train.groups))
        assert len(train) == 2 * len(train.symbols)

    def test_pictures_come_from_the_cache(self, folder, tmp_path, monkeypatch):
        how = {"root": folder, "count": 2, "height": HEIGHT, "width": WIDTH}
        first = fonts.load_fonts("test", WORDS, cache=str(tmp_path), **how)
        (kept,) = tmp_path.iterdir()
        monkeypatch.setattr(fonts, "render", None)
        again = fonts.load_fonts("test", WORDS, cache=str(tmp_path), **how)
        assert (again.inputs["image"] == first.inputs["image"]).all()
        assert kept.stat().st_size < first.inputs["image"].nbytes / 2

    def test_the_mirror_turns_what_is_there(self, folder):
        known = fonts.load_fonts(
            "train", WORDS, root=folder, count=2, height=HEIGHT, width=WIDTH
        )
        once = fonts.mirrored(known)
        assert (once.inputs["image"] != known.inputs["image"]).any()
        twice = fonts.mirrored(once)
        assert (twice.inputs["image"] == known.inputs["image"]).all()


class TestNetwork:
    def test_what_lies_behind_the_width_changes_nothing(self, untrained):
        rng = np.random.default_rng(0)
        image = rng.integers(0, 256, (2, HEIGHT, WIDTH), dtype=np.uint8)
        other = image.copy()
        other[:, :, 96:] = rng.integers(0, 256, (2, HEIGHT, WIDTH - 96))
        width = np.full(2, 96, np.int32)
        encoder, mask = build_encoder(SPEC), np.ones(2, bool)

        @jax.jit
        def embed(image):
            inputs = {"image": image, "width": width}
            given = untrained.encoder, untrained.model_state, inputs, mask
            return encoder.apply(*given, train=False)[0]

        assert np.allclose(embed(image), embed(other), atol=1e-6)
        assert np.allclose(embed(image), embed(image[:, :, :96]), atol=1e-5)
        assert np.allclose(np.linalg.norm(embed(image), axis=1), 1, atol=1e-5)

    def test_the_published_network_has_its_parameters(self):
        encoder = build_encoder(EncoderSpec("simple_cnn", 128, size=64, length=64))
        inputs = {"image": np.zeros((1, 64, 64), np.uint8)}
        params, _ = jax.eval_shape(encoder.init, jax.random.key(0), inputs)
        count = sum(int(np.prod(x.shape)) for x in jax.tree.leaves(params))
        pairs = [(1, 16), (16, 16), (16, 32), (32, 32), (32, 64), (64, 64)]
        pairs += [(64, 128), (128, 128)]
        convs = sum(9 * a * b + b for a, b in pairs)
        assert count == convs + 2048 * 128 + 128

    @given(st.integers(1, 2_000), st.integers(1, 300))
    def test_windows_are_the_line(self, width, length):
        line = np.arange(width, dtype=np.int32)[None]
        parts = windows(line, length)
        assert (np.concatenate(parts, 1) == line).all()
        sizes = [part.shape[1] for part in parts]
        assert max(sizes) <= length and max(sizes) - min(sizes) <= 1


class TestIndex:
    def test_indexing_in_parts_is_indexing_at_once(self, untrained, folder):
        known = [face for path in font_files(folder) for face in faces(path)]
        rng = np.random.default_rng(0)
        z = {face.name: rng.normal(size=(PICTURES, SPEC.out_dim)) for face in known}
        z = {n: (x / np.linalg.norm(x, axis=1)[:, None]) for n, x in z.items()}
        z = {n: x.astype(np.float32) for n, x in z.items()}
        first = dict(list(z.items())[:2])
        rest = dict(list(z.items())[2:])
        whole = with_fonts(untrained, known, z)
        parts = with_fonts(with_fonts(untrained, known, first), known, rest)
        assert parts.symbols == whole.symbols
        assert np.allclose(
            parts.table["embeddings"], whole.table["embeddings"], atol=1e-6
        )
        again = with_fonts(whole, known, first)
        assert sorted(again.symbols.symbols) == sorted(whole.symbols.symbols)

    def test_a_folder_of_the_system_without_fonts_is_none(self, tmp_path, monkeypatch):
        (tmp_path / ".fonts/sub").mkdir(parents=True)
        full = tmp_path / ".local/share/fonts"
        (full / "one").mkdir(parents=True)
        shutil.copy(typefaces.CALADEA, full / "one")
        monkeypatch.setenv("HOME", str(tmp_path))
        monkeypatch.setattr("sys.platform", "linux")
        found = system_folders()
        assert full in found and tmp_path / ".fonts" not in found

    def test_fonts_of_the_training_keep_their_rows(self, untrained):
        """By name and nearness; others stand as far from their pictures as these do."""
        usual = 0.9
        own = untrained._replace(about=untrained.about | {OWN_DISTANCE: usual})
        rows = own.calibration.rows
        rng = np.random.default_rng(2)

        def near(row: np.ndarray) -> np.ndarray:
            return unit(row + 0.1 * rng.normal(size=(8, len(row)))).astype(np.float32)

        z = {"Two": near(rows[1]), "One": near(rows[2]), "Foreign": near(rows[3])}
        made = with_fonts(own, [], z)
        table, slots = made.table["embeddings"], made.slots
        assert np.array_equal(table[0], rows[1]) and slots.offset[0] == 0
        for i in (1, 2):  # One is another font of that name, Foreign was never seen
            each = z[made.symbols.names[i]]
            assert np.allclose(table[i], unit(each.sum(0)), atol=1e-6)
            rest = unit(each.sum(0) - each)
            fresh = (2 - 2 * (each * rest).sum(1)).mean()
            assert slots.offset[i] + fresh == pytest.approx(usual, abs=0.05)
        assert not with_fonts(untrained, [], z).slots.offset.any()

    def test_what_was_indexed_is_found(self, model, folder):
        found = index_fonts(model, [folder], WORDS, workers=2)
        assert found.total == len(found.fonts) == 4 and not found.refused
        own = finder(load_model(model))
        assert set(own.names) == {"Caladea", "Amatic SC", "Fredoka One", "Intuitive"}
        assert own.file_of("Caladea")["file"] == str(folder / typefaces.CALADEA.name)
        right = 0
        for name in own.names:
            file = own.file_of(name)["file"]
            cover = typeset(file, 0, ["Hamburgefonstiv"], TextStyle(60))
            picture = np.repeat(255 - cover[..., None], 3, axis=2)
            said = own.identify(picture, 2)
            right += said.answer.symbols[0] == name
            assert len(said.answer.symbols) == 2 and said.regions
            assert len(own.classify(said.z, 3)) == 3
        assert right >= 3  # of 4, by random weights; chance is 1

    def test_pictures_without_text_are_refused_or_unknown(self, model, folder):
        index_fonts(model, [folder], WORDS, workers=2)
        own = finder(load_model(model))
        for shape in ((1, 1, 3), (1, 300, 3), (300, 1, 3), (50, 50, 3)):
            with pytest.raises(InputError, match=r"is blank|turn it"):
                own.identify(np.full(shape, 200, np.uint8))
        with pytest.raises(InputError, match="ask for 1 to"):
            own.nearest(np.ones((1, SPEC.out_dim), np.float32), 0)

    def test_an_index_of_many_fonts_answers(self, untrained):
        rng = np.random.default_rng(1)
        z = unit(rng.normal(size=(3_000, 2, SPEC.out_dim))).astype(np.float32)
        names = [f"Font {i}" for i in range(len(z))]
        many = with_fonts(untrained, [], dict(zip(names, z, strict=True)))
        answers = finder(many).nearest(unit(z[::500].sum(1)), 2)
        assert [a.symbols[0] for a in answers] == names[::500]

    def test_a_change_that_cannot_be_made_changes_nothing(self, model, tmp_path):
        (tmp_path / "bad").mkdir()
        (tmp_path / "bad" / "x.ttf").write_bytes(b"none")
        before = sorted(p.name for p in model.iterdir())
        with pytest.raises(InputError, match="None of the 1 font files can be used"):
            index_fonts(model, [tmp_path / "bad"], WORDS, workers=1)
        after = sorted(p.name for p in model.iterdir() if p.name != "LOCK")
        assert after == before


def test_average_precision_by_hand():
    own = np.array([False, True, False, True])
    assert font_scores.average_precision(own) == pytest.approx((1 / 2 + 2 / 4) / 2)


class TestCommands:
    def test_make_index_identify_evaluate(self, model, folder, tmp_path, capsys):
        out, sheet = tmp_path / "made", tmp_path / "sheet.png"
        own = ["--model", str(model), "--json"]

        def run(*arguments: str):
            code = cli.main([*arguments, *own])
            return code, json.loads(capsys.readouterr().out)

        assert cli.main(["fonts", "make", str(folder), "--out", str(out),
                         "--count", "2"]) == 0  # fmt: skip
        table = (out / "labels.tsv").read_text().splitlines()
        rows = [line.split("\t") for line in table]
        assert len(rows) == 8 and {row[1] for row in rows} >= {"Caladea", "Intuitive"}
        capsys.readouterr()
        code, found = run("fonts", "index", str(folder))
        assert code == 0 and found["total"] == 4
        files = [str(out / row[0]) for row in rows[:2]]
        files += [str(folder / typefaces.AMATIC.name), str(tmp_path / "gone.png")]
        code, found = run("fonts", "identify", *files, "-k", "3", "--draw", str(sheet))
        assert code == 2 and "error" in found["results"][3]
        for result in found["results"][:3]:
            told = {"file", "symbols", "dist2", "probability", "unknown", "reason"}
            assert told | {"regions"} == result.keys() and len(result["symbols"]) == 3
        region = found["results"][0]["regions"][0]
        assert {"box", "symbols", "dist2", "probability", "unknown"} <= region.keys()
        assert found["results"][2]["symbols"][0] == "Amatic SC"
        assert sheet.stat().st_size > 2_000
        with (out / "labels.tsv").open("a") as table:
            table.write("gone.png\tCaladea\tRegular\n")
            table.write(f"{rows[0][0]}\tNobody\tRegular\n")
        code, found = run("evaluate", str(out / "labels.tsv"))
        assert code == 2 and found["failed"] == 1
        assert found["n"] == 8 and found["unknown"]["n"] == 1
        assert found["top1"] <= found["top3"] <= found["top5"] == 1.0
        assert found["top1"] <= found["map"] <= 1 and "auroc" in found["unknown"]

    @pytest.mark.parametrize(
        "arguments, said",
        [
            (["index"], "takes folders, or --system"),
            (["index", "/nowhere"], "is not a folder or font file"),
            (["identify"], "IMAGE_OR_FONT"),
            (["make", "x"], "required: --out"),
            (["make", "x", "--out", "y", "--count", "0"], "give 1 to"),
        ],
    )
    def test_bad_input_is_one_sentence(self, arguments, said, model, capsys):
        assert cli.main(["fonts", *arguments, "--model", str(model)]) == 2
        assert said in capsys.readouterr().err


class TestLosses:
    def measured(self, **settings):
        rng = np.random.default_rng(0)
        z = rng.normal(size=(6, 4)).astype(np.float32)
        z /= np.linalg.norm(z, axis=1, keepdims=True)
        labels = np.array([0, 0, 1, 1, 2, 3], np.int32)
        table = {"embeddings": rng.normal(size=(4, 4)).astype(np.float32)}
        table["log_scale"] = np.log(np.float32(5))
        batch = Batch({"x": z}, labels, np.arange(6) < 5)
        objective = Objective("nn-sampling", **settings)
        loss, right = loss_and_correct(objective, np.ones(4, bool), table, z, batch)
        return float(loss), np.asarray(right), z, table, batch

    def test_softmax_is_a_linear_head_on_the_embedding(self):
        loss, right, z, table, batch = self.measured(loss="softmax")
        logits = 5 * z @ table["embeddings"].T
        log_p = logits - np.log(np.exp(logits).sum(1, keepdims=True))
        picked = log_p[np.arange(6), batch.labels]
        assert loss == pytest.approx(-picked[:5].mean(), rel=1e-5)
        assert (right == (logits.argmax(1) == batch.labels)).all()

    def test_categories_add_the_contrast_between_those_that_are_known(self):
        alone, *_ = self.measured(loss="proxy")
        kinds = np.array([0, 0, 1, -1], np.int32)
        both, _, z, _, _ = self.measured(loss="proxy", kinds=kinds, kinds_weight=0.5)
        kind = np.array([0, 0, 0, 0, 1])
        apart = supervised_contrastive(z[:5], kind, np.ones(5, bool), 0.7)
        assert both == pytest.approx(alone + 0.5 * float(apart), rel=1e-5)
        unknown = np.full(4, -1, np.int32)
        nothing, *_ = self.measured(loss="proxy", kinds=unknown, kinds_weight=9.0)
        assert nothing == pytest.approx(alone, rel=1e-6)
