import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image, ImageDraw, ImageFont

from strokejax.pictures.text_lines import MAX_LINES, TextLine, find_text

Colour = tuple[int, int, int]
BLACK, WHITE = (0, 0, 0), (255, 255, 255)


def sheet(width=400, height=160, paper: Colour = WHITE) -> Image.Image:
    return Image.new("RGB", (width, height), paper)


def write(page: Image.Image, at, text: str, size=28, ink: Colour = BLACK):
    """Sets a line and returns the box of what it inks."""
    font = ImageFont.load_default(size)
    cover = Image.new("L", page.size)
    ImageDraw.Draw(cover).text(at, text, fill=255, font=font)
    page.paste(ink, mask=cover)
    return cover.point(lambda v: 255 * (v > 100)).getbbox()


def overlap(a, b) -> float:
    """Intersection over union."""
    wide, high = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    shared = max(wide, 0) * max(high, 0)
    areas = [(x1 - x0) * (y1 - y0) for x0, y0, x1, y1 in (a, b)]
    return shared / (sum(areas) - shared)


def found(page: Image.Image) -> list[TextLine]:
    return find_text(np.asarray(page))


def assert_lines(page: Image.Image, boxes, least=0.8):
    lines = found(page)
    assert len(lines) == len(boxes), [line.box for line in lines]
    for line, box in zip(lines, boxes, strict=True):
        assert overlap(line.box, box) > least, (line.box, box)


@pytest.mark.parametrize(
    ("size", "ink", "paper"),
    [
        (12, BLACK, WHITE),
        (28, BLACK, WHITE),
        (90, BLACK, WHITE),
        (28, WHITE, BLACK),
        (28, (210, 30, 30), (20, 120, 30)),
        (28, (150, 150, 150), WHITE),
    ],
)
def test_one_line_of_any_size_and_colour(size, ink, paper):
    page = sheet(13 * size, 3 * size, paper)
    box = write(page, (size, size), "Harvest, by night", size, ink)
    assert_lines(page, [box])


def test_a_line_in_colours_of_one_luma():
    page = sheet(paper=(180, 60, 60))
    assert_lines(page, [write(page, (30, 40), "Equal luma", 36, (20, 136, 60))])


def test_a_tight_cut_of_one_word():
    page = sheet()
    box = write(page, (30, 40), "Harvesting", 40)
    x0, y0, x1, y1 = box
    tight = page.crop((x0 - 1, y0 - 1, x1 + 1, y1 + 1))
    assert_lines(tight, [(1, 1, x1 - x0 + 1, y1 - y0 + 1)])


def test_several_lines_in_reading_order():
    page = sheet(700, 300)
    ImageDraw.Draw(page).rectangle((20, 200, 260, 250), fill=(30, 60, 120))
    boxes = [
        write(page, (20, 20), "A headline of the day", 44),
        write(page, (20, 100), "left column", 20),
        write(page, (400, 100), "right column", 20),
        write(page, (20, 130), "its second line", 20),
        write(page, (60, 210), "Read more", 24, WHITE),
    ]
    assert_lines(page, boxes)


def test_cells_between_rules_are_lines_of_their_own():
    page = sheet(300, 60)
    draw = ImageDraw.Draw(page)
    draw.rectangle((10, 5, 250, 50), outline=BLACK)
    draw.line((110, 5, 110, 50), fill=BLACK)
    boxes = [write(page, (20, 12), text, 24) for text in ["Lisbon"]]
    boxes.append(write(page, (118, 12), "Berlin", 24))
    assert_lines(page, boxes)


def test_pictures_and_frames_are_no_text():
    page = sheet(300, 200)
    draw = ImageDraw.Draw(page)
    draw.rectangle((20, 20, 120, 90), fill=(90, 20, 20))
    draw.rectangle((140, 20, 280, 90), outline=BLACK)
    draw.line((0, 120, 300, 120), fill=BLACK)
    draw.ellipse((20, 130, 280, 190), outline=(0, 0, 90))
    assert len(found(page)) <= 1
    assert_lines(page, [write(page, (150, 40), "Framed", 28)])


def test_a_textured_gradient_with_noise():
    rng = np.random.default_rng(0)
    page = sheet(420, 120)
    box = write(page, (30, 40), "Evening harbour", 40)
    ramp = np.linspace(-60, 0, 420)[:, None] + rng.normal(0, 8, (120, 420, 1))
    worn = np.clip(np.asarray(page) * 0.9 + 20 + ramp, 0, 255).astype(np.uint8)
    assert_lines(Image.fromarray(worn), [box])


@pytest.mark.parametrize("angle", [-25, -8, 12, 28])
def test_a_turned_line_is_straightened(angle):
    page = sheet(420, 320)
    write(page, (60, 140), "Turned by hand", 40)
    turned = page.rotate(angle, Image.Resampling.BICUBIC, fillcolor="white")
    (level,), (line,) = found(page), found(turned)
    assert abs(line.ink.shape[0] - level.ink.shape[0]) < 6
    assert abs(line.ink.shape[1] - level.ink.shape[1]) < 8


def test_ink_keeps_its_greys_and_blanks_its_neighbours():
    page = sheet(400, 120)
    x0, y0, x1, y1 = write(page, (30, 20), "Above us", 40)
    alone = found(page)[0].ink
    write(page, (30, y1 - 8), "and below", 40)
    first = found(page)[0].ink
    truth = 255 - np.asarray(page.convert("L"))[y0:y1, x0:x1]
    inner = alone[4:-4, 4:-4]
    assert inner.shape == pytest.approx(truth.shape, abs=2)
    assert len(np.unique(inner)) > 20
    assert (alone[:3] == 0).all()
    assert alone.max() == 255
    assert first.shape == pytest.approx(alone.shape, abs=4)
    assert first.mean() == pytest.approx(alone.mean(), rel=0.1)


def test_dots_and_marks_belong_to_their_line():
    page = sheet()
    assert_lines(page, [write(page, (30, 40), '"jijiji", i!', 40)], 0.9)


def test_a_letter_counts_where_there_is_nothing_else():
    page = sheet(100, 100)
    assert_lines(page, [write(page, (30, 20), "A", 50)])
    page = sheet()
    write(page, (10, 10), "x", 28)
    assert_lines(page, [write(page, (100, 60), "Words of a line", 28)])


def test_large_pictures_are_cut_in_full():
    page = sheet(3000, 1400)
    box = write(page, (400, 500), "Large letters", 300)
    assert_lines(page, [box])
    fine = sheet(2400, 1600)
    write(fine, (100, 100), "a line of many words", 80)
    assert found(fine)[0].ink.shape[0] > 60


def test_no_more_lines_than_the_limit():
    page = sheet(600, 1200)
    for k in range(60):
        for x in (10, 320):
            write(page, (x, 20 * k), "some words", 14)
    assert len(found(page)) == MAX_LINES


@settings(max_examples=25, deadline=None)
@given(
    st.one_of(
        arrays(np.uint8, st.tuples(*[st.integers(0, 40)] * 2)),
        arrays(np.uint8, st.tuples(*[st.integers(0, 24)] * 2, st.just(3))),
    )
)
def test_any_array_is_searched(picture):
    for line in find_text(picture):
        x0, y0, x1, y1 = line.box
        assert 0 <= x0 < x1 <= picture.shape[1]
        assert 0 <= y0 < y1 <= picture.shape[0]
        assert line.ink.dtype == np.uint8


@pytest.mark.parametrize("shape", [(0, 9), (1, 1), (1, 500), (6, 900), (900, 6)])
@pytest.mark.parametrize("value", [0, 128, 255])
def test_nothing_is_found_on_blank_paper(shape, value):
    assert find_text(np.full(shape, value, np.uint8)) == []


def test_nothing_is_found_in_noise():
    rng = np.random.default_rng(1)
    for low, high in ((0, 256), (110, 140)):
        assert find_text(rng.integers(low, high, (200, 300)).astype(np.uint8)) == []


@settings(max_examples=8, deadline=None)
@given(st.sampled_from(["Night train", "OVER THE HILLS", "glimpse 42"]))
def test_inverted_pictures_have_the_same_boxes(text):
    page = sheet(420, 100)
    write(page, (30, 30), text, 40)
    picture = np.asarray(page.convert("L"))
    one, other = find_text(picture), find_text(255 - picture)
    assert [line.box for line in one] == [line.box for line in other] != []
    assert np.abs(one[0].ink.astype(int) - other[0].ink).max() <= 2


@settings(max_examples=8, deadline=None)
@given(st.integers(0, 5), st.integers(0, 3))
def test_shifted_pictures_have_shifted_boxes(across, down):
    # By what the smallest of the reductions is a pixel of.
    shift = 16 * across, 16 * down
    page, moved = sheet(500, 200), sheet(500, 200)
    write(page, (40, 40), "Night train", 40)
    write(moved, (40 + shift[0], 40 + shift[1]), "Night train", 40)
    (a,), (b,) = found(page), found(moved)
    assert np.array_equal(np.array(a.box) + shift * 2, b.box)
    assert np.array_equal(a.ink, b.ink)
