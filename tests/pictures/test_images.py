import io
import os
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageOps

from strokejax.pictures import images
from strokejax.pictures.images import (
    normalise_image,
    normalise_images,
    read_image,
    to_ink_image,
)
from strokejax.types import InputError

DATA = os.environ.get("STROKEJAX_DATA")


def letter(height=60, width=40, stroke=5) -> np.ndarray:
    """A black F on white, which no turn or mirror maps to itself."""
    grey = np.full((height, width), 255, np.uint8)
    grey[10:-10, 10 : 10 + stroke] = 0
    grey[10 : 10 + stroke, 10:-8] = 0
    grey[height // 2 : height // 2 + stroke, 10:-14] = 0
    return grey


def save(path: Path, image: Image.Image | np.ndarray, **options) -> Path:
    if isinstance(image, np.ndarray):
        image = Image.fromarray(image)
    image.save(path, **options)
    return path


def one_sentence(error: pytest.ExceptionInfo) -> str:
    message = str(error.value)
    assert message.endswith(".") and "\n" not in message and len(message) < 400, message
    return message


@st.composite
def drawings(draw):
    """u8[h, w] with ink 255 on paper 0 that leaves the border free."""
    h, w = draw(st.integers(8, 60)), draw(st.integers(8, 60))
    grey = np.zeros((h, w), np.uint8)
    for _ in range(draw(st.integers(1, 4))):
        y, x = draw(st.integers(2, h - 5)), draw(st.integers(2, w - 5))
        down, across = draw(st.integers(2, h - 3)), draw(st.integers(2, w - 3))
        grey[y : min(y + down, h - 2), x : min(x + across, w - 2)] = 255
    return grey


# Reading


@pytest.mark.parametrize(
    "name", ["a.png", "a.bmp", "a.tif", "a.webp", "a.gif", "a.pgm"]
)
def test_formats_read_as_ink_high(tmp_path, name):
    options = {"lossless": True} if name == "a.webp" else {}
    path = save(tmp_path / name, letter(), **options)
    np.testing.assert_array_equal(read_image(path), 255 - letter())


@pytest.mark.parametrize(
    "mode",
    [
        *("1", "L", "LA", "La", "P", "PA", "RGB", "RGBA", "RGBa", "RGBX", "CMYK"),
        *("YCbCr", "HSV", "I", "F", "I;16", "I;16B"),
    ],
)
def test_modes_read_the_same(tmp_path, mode):
    grey = Image.fromarray(letter())
    by_way_of = {"La": "LA", "PA": "LA", "RGBa": "RGBA", "HSV": "RGB", "RGBX": "RGB"}
    if mode in by_way_of:
        grey = grey.convert(by_way_of[mode]).convert(mode)
        np.testing.assert_allclose(
            images._ink_high(images._grey(grey)), 255 - letter(), atol=2
        )
        return
    if mode in ("I;16", "I;16B"):
        deep = letter().astype(">u2" if mode == "I;16B" else "<u2") * 257
        image = Image.frombytes(mode, grey.size, deep.tobytes())
    elif mode == "I":
        image = Image.fromarray(letter().astype(np.int32) * 257)
    elif mode == "F":
        image = Image.fromarray(letter().astype(np.float32) / 255)
    else:
        image = grey.convert(mode)
    path = save(tmp_path / "a.tif", image)
    with Image.open(path) as stored:
        assert stored.mode == mode
    np.testing.assert_allclose(read_image(path), 255 - letter(), atol=2)


def test_transparent_paper_is_white_and_white_ink_on_nothing_is_ink(tmp_path):
    alpha = 255 - letter()
    for ink in (0, 255):
        rgba = np.full((*alpha.shape, 4), ink, np.uint8)
        rgba[..., 3] = alpha
        path = save(tmp_path / f"{ink}.png", rgba)
        np.testing.assert_array_equal(read_image(path), alpha)


def test_transparent_colour_of_a_palette(tmp_path):
    image = Image.fromarray((letter() > 0).astype(np.uint8), "P")
    image.putpalette([0, 0, 0, 30, 30, 30])
    path = save(tmp_path / "a.png", image, transparency=1)
    np.testing.assert_array_equal(read_image(path), 255 - letter())


def test_a_coloured_jpeg_of_a_pen_on_paper(tmp_path):
    rgb = np.where(letter(240, 160, 20)[..., None] > 0, [250, 240, 220], [20, 20, 160])
    path = save(tmp_path / "a.jpg", rgb.astype(np.uint8), quality=90)
    ink = read_image(path)
    truth = letter(240, 160, 20) == 0
    assert ink[truth].mean() > 190 and ink[~truth].mean() < 10


@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_exif_turn_is_applied(tmp_path, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = save(tmp_path / "a.png", letter(), exif=exif)
    with Image.open(path) as image:
        upright = np.asarray(ImageOps.exif_transpose(image))
    assert np.array_equal(upright, letter()) == (orientation == 1)
    np.testing.assert_array_equal(read_image(path), 255 - upright)


def test_orientation_6_turns_a_quarter_clockwise(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    path = save(tmp_path / "a.png", letter(), exif=exif)
    np.testing.assert_array_equal(read_image(path), 255 - np.rot90(letter(), -1))


@pytest.mark.parametrize("exif", [b"MM\0*\xff\xff\xff\xff", b"nonsense"])
def test_damaged_exif_is_passed_over(tmp_path, exif):
    path = save(tmp_path / "a.png", letter(), exif=b"Exif\0\0" + exif)
    np.testing.assert_array_equal(read_image(path), 255 - letter())


# Polarity


@settings(max_examples=60, deadline=None)
@given(drawings(), st.integers(0, 255), st.integers(0, 255))
def test_an_inverted_picture_is_the_same(grey, paper, ink):
    grey = np.where(grey > 0, ink, paper).astype(np.uint8)
    np.testing.assert_array_equal(to_ink_image(grey), to_ink_image(255 - grey))


@settings(max_examples=60, deadline=None)
@given(drawings(), st.integers(0, 255), st.integers(0, 255))
def test_paper_is_0_and_ink_is_high_whatever_they_were(grey, paper, ink):
    image = to_ink_image(np.where(grey > 0, ink, paper).astype(np.uint8))
    assert (image[grey == 0] == 0).all()
    assert (image[grey > 0] > 0).all() == (ink != paper)


def test_a_dark_photograph_is_still_dark_ink_on_paper():
    # Paper at 110 is darker than half, the ink at 20 darker still.
    grey = np.where(letter() > 0, 110, 20).astype(np.uint8)
    grey[3, 3] = 255
    ink = to_ink_image(np.kron(grey, np.ones((8, 8), np.uint8)))
    assert ink[100, 100] > 200 and ink[0, 0] == 0


@pytest.mark.parametrize(
    "convert",
    [
        lambda grey: grey / 255,
        lambda grey: (grey / 255).astype(np.float32),
        lambda grey: grey > 127,
        lambda grey: grey.astype(np.uint16) * 257,
        lambda grey: grey[..., None],
        lambda grey: np.repeat(grey[..., None], 3, 2),
        lambda grey: np.repeat(grey[..., None], 3, 2) / 255,
        lambda grey: np.dstack([grey] * 3 + [np.full_like(grey, 255)]),
        lambda grey: np.dstack([np.zeros_like(grey)] * 3 + [255 - grey]),
        lambda grey: np.repeat(grey, 2, 1)[:, ::2],
    ],
)
def test_arrays_mean_the_same(convert):
    np.testing.assert_array_equal(to_ink_image(convert(letter())), 255 - letter())


# Bad pictures


@pytest.mark.parametrize(
    ("array", "words"),
    [
        (np.zeros(5), r"shape \(5,\)"),
        (np.zeros((5, 5, 2)), r"shape \(5, 5, 2\)"),
        (np.zeros((1, 5, 5, 3)), "shape"),
        (np.zeros((0, 5)), "no pixels"),
        (np.full((5, 5), 2.0), "outside of 0 to 1"),
        (np.full((5, 5), np.nan), "outside of 0 to 1"),
        (np.zeros((5, 5), np.int64), "int64"),
        (np.full((5, 5), "a"), "<U1"),
        (
            np.lib.stride_tricks.as_strided(np.zeros(1, "u1"), (8000, 8000), (0, 0)),
            "limit",
        ),
    ],
)
def test_arrays_that_are_no_pictures_are_refused(array, words):
    with pytest.raises(InputError, match=words) as error:
        to_ink_image(array, "upload 3")
    assert one_sentence(error).startswith("upload 3")


def bomb(width: int, height: int) -> bytes:
    """A PNG whose header promises pixels that are not there."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        crc = struct.pack(">I", zlib.crc32(kind + data))
        return struct.pack(">I", len(data)) + kind + data + crc

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    pixels = chunk(b"IDAT", zlib.compress(b"\0" * 1000))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + pixels + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    "size", [(8000, 8000), (10_000, 10_000), (60_000, 60_000), (2**31 - 1, 1)]
)
def test_decompression_bombs_are_refused_by_their_header(tmp_path, size):
    path = tmp_path / "bomb.png"
    path.write_bytes(bomb(*size))
    with pytest.raises(InputError, match="limit of 50,000,000") as error:
        read_image(path)
    assert "bomb.png" in one_sentence(error)


def test_a_tiff_of_too_many_pixels_is_refused(tmp_path):
    data = io.BytesIO()
    Image.new("1", (9000, 9000)).save(data, "TIFF", compression="group4")
    (tmp_path / "a.tif").write_bytes(data.getvalue())
    with pytest.raises(InputError, match="9,000 x 9,000 pixels"):
        read_image(tmp_path / "a.tif")


@pytest.mark.parametrize("suffix", ["png", "jpg", "gif", "tif", "webp", "bmp"])
def test_truncated_and_damaged_pictures_are_refused(tmp_path, suffix):
    rng = np.random.default_rng(0)
    noisy = np.where(letter(200, 200) > 0, rng.integers(200, 255, (200, 200)), 10)
    path = save(tmp_path / f"a.{suffix}", noisy.astype(np.uint8))
    data = path.read_bytes()
    for end in (0, 1, 10, 60, len(data) // 2):
        path.write_bytes(data[:end])
        with pytest.raises(InputError) as error:
            read_image(path)
        assert f"a.{suffix}" in one_sentence(error)


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(["PNG", "JPEG", "GIF", "TIFF", "BMP", "PPM", "WEBP"]), st.data())
def test_a_damaged_picture_is_a_picture_or_one_sentence(tmp_path_factory, kind, data):
    buffer = io.BytesIO()
    Image.fromarray(letter()).save(buffer, kind)
    content = bytearray(buffer.getvalue())
    for _ in range(data.draw(st.integers(1, 6))):
        place = data.draw(st.integers(0, len(content) - 1))
        content[place] = data.draw(st.integers(0, 255))
    path = tmp_path_factory.getbasetemp() / "damaged"
    path.write_bytes(content)
    try:
        image = read_image(path)
    except InputError as error:
        message = str(error)
        assert message.endswith(".") and "\n" not in message and len(message) < 400
    else:
        assert image.dtype == np.uint8 and image.ndim == 2 and image.size


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"timestamp,velocity_x\n",
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n",
    ],
)
def test_other_files_are_refused(tmp_path, data):
    path = tmp_path / "a.png"
    path.write_bytes(data)
    with pytest.raises(InputError, match=r"not a picture.*PNG, JPEG") as error:
        read_image(path)
    one_sentence(error)


def test_huge_missing_and_irregular_files_are_refused(tmp_path):
    with pytest.raises(InputError, match="does not exist"):
        read_image(tmp_path / "a.png")
    with pytest.raises(InputError, match="is a folder"):
        read_image(tmp_path)
    with (tmp_path / "huge.png").open("wb") as file:
        file.truncate(65 * 2**20)
    with pytest.raises(InputError, match=r"65\.0 MiB, above the limit of 64 MiB"):
        read_image(tmp_path / "huge.png")


# Normalising


def box(image: np.ndarray, level: float = 0.5) -> tuple[float, ...]:
    """top, left, bottom, right of what is above the level, in pixels."""
    rows, columns = np.nonzero(image > level)
    return rows.min(), columns.min(), rows.max() + 1, columns.max() + 1


@settings(max_examples=60, deadline=None)
@given(drawings())
def test_ink_is_centred_and_spans_its_box(grey):
    out = normalise_image(grey)
    assert out.shape == (28, 28) and out.dtype == np.float32
    assert out.min() == 0 and out.max() == 1
    # 28 - 1 - 2 * 4 + 3 = 22 pixels in the middle.
    top, left, bottom, right = box(out, 1e-5)
    assert max(bottom - top, right - left) == 22
    assert top + bottom == left + right == 28


@settings(max_examples=60, deadline=None)
@given(drawings(), st.integers(0, 30), st.integers(0, 30), st.integers(64, 255))
def test_room_around_the_ink_and_its_darkness_change_nothing(grey, down, right, ink):
    paler = (grey > 0).astype(np.uint8) * np.uint8(ink)
    moved = np.pad(paler, ((down, 3), (right, 9)))
    np.testing.assert_allclose(normalise_image(moved), normalise_image(grey), atol=1e-5)


@settings(max_examples=60, deadline=None)
@given(drawings(), st.integers(2, 4))
def test_a_picture_of_more_pixels_is_the_same(grey, factor):
    large = np.kron(grey, np.ones((factor, factor), np.uint8))
    np.testing.assert_allclose(normalise_image(large), normalise_image(grey), atol=1e-5)


def test_aspect_is_kept_and_size_margin_and_width_are_followed():
    grey = np.zeros((50, 90), np.uint8)
    grey[10:30, 20:80] = 255
    out = normalise_image(grey, size=64, margin=6, width=1.0)
    # The longer side spans 64 - 1 - 12 + 1 = 52 pixels, the other a third of it.
    top, left, bottom, right = box(out)
    assert (left, right) == (6, 58)
    assert abs((bottom - top) - 52 / 3) <= 1 and abs((top + bottom) / 2 - 32) <= 0.5
    np.testing.assert_allclose(out.sum(), 52 * 52 / 3, rtol=1e-3)


def test_a_square_that_fills_its_place_stays_as_it_is():
    grey = np.zeros((30, 30), np.uint8)
    grey[4:26, 4:26] = 200
    np.testing.assert_array_equal(
        normalise_image(grey), np.pad(np.ones((22, 22), np.float32), 3)
    )


@settings(max_examples=20, deadline=None)
@given(st.lists(drawings(), min_size=1, max_size=4))
def test_a_stack_is_normalised_like_its_pictures(drawn):
    stack = np.zeros((len(drawn), 60, 60), np.uint8)
    for i, grey in enumerate(drawn):
        stack[i, : grey.shape[0], : grey.shape[1]] = grey
    each = np.stack([normalise_image(image) for image in stack])
    np.testing.assert_allclose(normalise_images(stack), each, atol=1e-6)


def test_a_stack_of_large_pictures_and_an_empty_one():
    large = np.kron(255 - letter(), np.ones((8, 8), np.uint8))
    stack = normalise_images(np.stack([large, large]))
    np.testing.assert_array_equal(stack, np.stack([normalise_image(large)] * 2))
    assert normalise_images(np.zeros((0, 28, 28), np.uint8)).shape == (0, 28, 28)


def test_single_pixel_specks_do_not_move_the_ink():
    grey = np.zeros((60, 60), np.uint8)
    grey[20:40, 25:35] = 255
    dusty = grey.copy()
    dusty[[2, 50, 55], [3, 8, 57]] = 255
    assert box(normalise_image(dusty)) == box(normalise_image(grey))
    lone = np.zeros((9, 9), np.uint8)
    lone[4, 4] = 255
    assert normalise_image(lone)[13:15, 13:15].min() > 0.9


def test_a_shadowed_noisy_photograph_shows_its_letter():
    rng = np.random.default_rng(1)
    truth = 255 - letter(300, 220, 18)
    paper = np.add.outer(np.linspace(0, -40, 1500), np.linspace(150, 220, 2000))
    photo = paper + rng.normal(0, 5, paper.shape)
    photo[700:1000, 300:520][truth > 0] = 40
    ink = to_ink_image(np.clip(photo, 0, 255).astype(np.uint8))
    gap = np.abs(normalise_image(ink) - normalise_image(truth))
    assert gap.mean() < 0.06


def test_thin_strokes_keep_their_contrast():
    grey = np.zeros((200, 200), np.uint8)
    np.fill_diagonal(grey[20:180, 20:180], 255)
    grey[20:180, 20:22] = 255
    out = normalise_image(grey)
    assert np.median(out[out > 0.2]) > 0.5


@pytest.mark.parametrize("size", [(28, 28), (700, 900)])
def test_a_blank_picture_is_refused(size):
    rng = np.random.default_rng(0)
    for grey in (np.zeros(size, np.uint8), rng.integers(0, 4, size).astype(np.uint8)):
        with pytest.raises(InputError, match=r"no ink.*of 255") as error:
            normalise_image(grey)
        one_sentence(error)


def test_a_blank_picture_of_many_is_named():
    stack = np.zeros((300, 28, 28), np.uint8)
    stack[:, 8:20, 8:20] = 255
    stack[290] = 0
    with pytest.raises(InputError, match="Picture 290 "):
        normalise_images(stack)


@pytest.mark.skipif(not DATA, reason="STROKEJAX_DATA is not set: no MNIST to normalise")
def test_mnist_digits_fill_the_frame():
    digits = np.load(Path(DATA or "") / "mnist_test_10000.npz")["x"][::50]
    out = normalise_images(digits)
    spans = [box(image, 0.2) for image in out]
    longer = [max(b - t, r - left) for t, left, b, r in spans]
    assert min(longer) >= 20 and max(longer) <= 24
    assert 0.5 < np.mean(out[out > 0.1]) < 0.95


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA"])
def test_a_large_photograph_is_reduced_to_the_same_picture(mode, tmp_path):
    small = Image.fromarray(letter()).resize((700, 1050), Image.Resampling.NEAREST)
    large = small.resize((2800, 4200), Image.Resampling.NEAREST).convert(mode)
    exif = Image.Exif()
    exif[0x0112] = 6  # a quarter turn
    found = read_image(save(tmp_path / "large.png", large, exif=exif))
    wanted = read_image(save(tmp_path / "small.png", small, exif=exif))
    assert found.shape == (1400, 2100)
    apart = normalise_image(found) - normalise_image(wanted)
    assert np.abs(apart).mean() < 0.01
    assert np.abs(apart).max() < 0.2
