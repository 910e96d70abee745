"""Pictures of text by a browser."""

import shutil
import sys

import numpy as np
import pytest

from strokejax.tasks.fonts import browser as browser_page
from strokejax.tasks.fonts.browser import (
    PROGRAMS,
    Specimen,
    screen_pictures,
    screenshots,
)
from strokejax.tasks.fonts.faces import REQUIRED_CHARACTERS, Face, faces
from strokejax.tasks.fonts.typeset import TextStyle
from strokejax.types import InputError

EM = 1000
needs_browser = pytest.mark.skipif(
    not any(map(shutil.which, PROGRAMS)),
    reason="chromium is not installed: apt-get install chromium",
)


def font(
    path,
    name: str,
    width: int,
    characters: str = REQUIRED_CHARACTERS + " .,;:!?",
    magic=None,
):
    """A font of boxes of that width; its axis "wght" makes them up to 300 wider."""
    from fontTools.fontBuilder import FontBuilder
    from fontTools.pens.ttGlyphPen import TTGlyphPen
    from fontTools.ttLib.tables.TupleVariation import TupleVariation

    names = [".notdef", *(f"u{ord(c):04X}" for c in characters)]
    pen = TTGlyphPen(None)
    corners = [(100, 0), (100, 700), (100 + width, 700), (100 + width, 0)]
    pen.moveTo(corners[0])
    for corner in corners[1:]:
        pen.lineTo(corner)
    pen.closePath()
    box, empty = pen.glyph(), TTGlyphPen(None).glyph()
    builder = FontBuilder(EM, isTTF=True)
    builder.setupGlyphOrder(names)
    builder.setupCharacterMap({ord(c): f"u{ord(c):04X}" for c in characters})
    builder.setupGlyf({n: empty if n == "u0020" else box for n in names})
    builder.setupHorizontalMetrics(dict.fromkeys(names, (width + 200, 100)))
    builder.setupHorizontalHeader(ascent=800, descent=-200)
    builder.setupNameTable({"familyName": name, "styleName": "Regular"})
    builder.setupOS2(sTypoAscender=800, sTypoDescender=-200, usWinAscent=800)
    builder.setupPost()
    builder.setupFvar([("wght", 300, 300, 900, "Weight")], [])
    moved = [(0, 0), (0, 0), (300, 0), (300, 0), *[(0, 0)] * 4]
    changes = {
        n: [TupleVariation({"wght": (0, 1, 1)}, moved)] for n in names if n != "u0020"
    }
    builder.setupGvar(changes | {"u0020": []})
    if magic is not None:
        builder.font["head"].magicNumber = magic
    builder.save(path)
    return path


@pytest.fixture(scope="module")
def two(tmp_path_factory) -> list[Face]:
    folder = tmp_path_factory.mktemp("fonts")
    narrow = font(folder / "a #1.ttf", "Narrow", 300)
    return [*faces(narrow), *faces(font(folder / "b.ttf", "Wide", 700))]


def ink(picture: np.ndarray, colour=(0, 0, 0)) -> tuple[int, int]:
    """Rows and columns that hold a colour."""
    found = (picture == np.array(colour, np.uint8)).all(2)
    return int(found.any(1).sum()), int(found.any(0).sum())


@needs_browser
def test_shots_come_in_order_as_they_are_set(two):
    plain, blue, cream = TextStyle(100.0), (0, 0, 200), (250, 240, 220)
    shots = [
        Specimen(two[0], ("H",), plain),
        Specimen(two[1], ("H",), plain, blue, cream, 2.0),
        Specimen(two[1], ("H", "H"), plain._replace(leading=1.5)),
        Specimen(two[0], ("H",), plain._replace(axes=(900.0,))),
        Specimen(two[0], ("HH",), plain._replace(spacing=0.5)),
    ]
    taken = [*screenshots(shots)]
    assert [t.specimen for t in taken] == shots
    assert not any(t.refused for t in taken)
    pictures = [t.picture for t in taken]
    assert all(p.dtype == np.uint8 and p.shape[2] == 3 for p in pictures)
    assert pictures[0].shape[:2] == pytest.approx((70 + 66, 30 + 66), abs=2)
    assert ink(pictures[0]) == pytest.approx((70, 30), abs=1)
    assert ink(pictures[1], blue) == pytest.approx((140, 140), abs=1)
    assert tuple(pictures[1][0, 0]) == cream
    assert pictures[2].shape[0] == pytest.approx(70 + 66 + 150, abs=2)
    assert ink(pictures[3])[1] == pytest.approx(60, abs=1)
    assert pictures[4].shape[1] == pytest.approx(66 + 30 + 50 + 50, abs=2)


@needs_browser
def test_a_seed_says_every_picture(two):
    words = {"heel": 2.0, "toe": 1.0, "naïve": 1.0}
    both = [*screen_pictures([*two, *two], words, 3, seed=4)]
    other = [*screen_pictures(two[:1], words, 3, seed=5)]
    assert [face for face, _ in both] == [0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3]
    assert not any(taken.refused for _, taken in both + other)
    assert "ï" not in str([taken.specimen.lines for _, taken in both + other])
    for (_, a), (_, b) in zip(both[:6], both[6:], strict=True):
        assert a.specimen == b.specimen
        assert np.array_equal(a.picture, b.picture)
    assert [a.specimen for _, a in both[:3]] != [a.specimen for _, a in other]


@needs_browser
def test_what_would_show_another_font_is_refused_by_name(two, tmp_path):
    (broken,) = faces(font(tmp_path / "c.ttf", "Broken", 300, magic=1))
    shots = [
        Specimen(broken, ("H",), TextStyle(20.0)),
        Specimen(two[0], ("é",), TextStyle(20.0)),
        Specimen(two[0]._replace(index=1), ("H",), TextStyle(20.0)),
        Specimen(two[0], (" ",), TextStyle(20.0)),
        Specimen(two[0], ("H",), TextStyle(20_000.0)),
        Specimen(two[0], ("H" * 2_000,), TextStyle(20.0)),
        Specimen(two[1], ("H",), TextStyle(20.0)),
    ]
    taken = [*screenshots(shots)]
    said = ["loads in no", "lacks 1", "collection", "draws nothing", "limit", "limit"]
    for one, words in zip(taken[:-1], said, strict=True):
        assert words in one.refused
        assert one.picture.shape == (0, 0, 3)
    assert "Broken" in taken[0].refused
    assert not taken[-1].refused
    assert ink(taken[-1].picture) == (14, 14)


def test_without_a_browser_the_way_out_is_said(monkeypatch):
    monkeypatch.setattr(browser_page, "PROGRAMS", ("no-such-a", "no-such-b"))
    with pytest.raises(InputError, match=r"no no-such-a or no-such-b .*apt-get"):
        next(screenshots([]))
    monkeypatch.setitem(sys.modules, "playwright.sync_api", None)
    with pytest.raises(InputError, match="pip install playwright"):
        next(screenshots([]))
