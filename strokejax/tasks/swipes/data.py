"""Swipes as JSON lines: {"word": ..., "curve": {"x": [...], "y": [...], "t": [...]}}.

x and y are pixels of the keyboard's layout, t milliseconds. `word` may be missing. A
curve may say the "width" and the "height" of the keyboard that it was made on; else
they are unknown.
"""

import json
import unicodedata
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from strokejax.ink.limits import decode_text, read_bytes
from strokejax.tasks.swipes.layouts import Layout, typed
from strokejax.types import InputError

MAX_BYTES = 1 << 30
MAX_SWIPES = 1_000_000
MAX_POINTS = 10_000
MAX_SECONDS = 60.0
BEYOND = 1.0
"""Keyboards' widths and heights that points may lie beyond the edge."""
LONG, SHORT = 3.0, 0.4
"""Length of a swipe over that of the way along its keys: beyond these it is none of
that word."""
SLACK = 3.0
"""Keys' widths that are added to the ways before they are compared."""


class Swipe(NamedTuple):
    """A finger's way over a keyboard."""

    word: str
    """What was meant, NFC; "" where unknown."""
    points: np.ndarray
    """f64[n 3]: x, y in pixels, t in seconds from the first point's."""
    width: float | None = None
    """Pixels of the keyboard it was made on."""
    height: float | None = None


def read_swipes(path: str | Path) -> list[Swipe | InputError]:
    """The swipes of a file in their order; an error in place of each that is none.

    InputError where the file is no text, or has none or too many lines.
    """
    text = decode_text(read_bytes(path, MAX_BYTES), str(path))
    # Not splitlines, which ends lines within texts, too: at U+2028 for one.
    numbered = [(i, x) for i, x in enumerate(text.split("\n"), 1) if x.strip()]
    if not 0 < len(numbered) <= MAX_SWIPES:
        raise InputError(
            f"{path} has {len(numbered):,} swipes; give 1 to {MAX_SWIPES:,}, one a "
            f"line."
        )
    return [*_parsed(numbered, str(path))]


def _parsed(
    numbered: Iterable[tuple[int, str]], where: str
) -> Iterator[Swipe | InputError]:
    for number, line in numbered:
        place = f"{where}, line {number}"
        try:
            yield parse_swipe(json.loads(line), place)
        except InputError as error:
            yield error
        except json.JSONDecodeError as error:
            yield InputError(f"{place} is no JSON (column {error.colno}).")
        except (RecursionError, ValueError):
            yield InputError(
                f"{place} is no JSON that can be read: it nests too deep, "
                f"or has a number of thousands of digits."
            )


def parse_swipe(found: Any, where: str = "The swipe") -> Swipe:
    """A swipe of a JSON object; InputError in one sentence for what is none."""
    curve = found.get("curve") if isinstance(found, dict) else None
    if not isinstance(curve, dict) or not {"x", "y", "t"} <= curve.keys():
        raise InputError(f"{where} has no curve of x, y and t.")
    lists = [curve[name] for name in "xyt"]
    if not all(isinstance(each, list) for each in lists):
        raise InputError(f"{where} has a curve whose x, y, t are no lists.")
    counts = [len(each) for each in lists]
    if len({*counts}) > 1:
        raise InputError(
            f"{where} has {counts[0]} x, {counts[1]} y and {counts[2]} t; give as many "
            f"of each."
        )
    if not 2 <= counts[0] <= MAX_POINTS:
        raise InputError(
            f"{where} has {counts[0]:,} point{'s' * (counts[0] != 1)}; give 2 to "
            f"{MAX_POINTS:,}."
        )
    points = _numbers(lists, where)
    points[:, 2] = (points[:, 2] - points[0, 2]) / 1000
    _check_times(points[:, 2], where)
    word = found.get("word") or ""
    if not isinstance(word, str) or len(word) > 64:
        raise InputError(f"{where} has a word that is no text of up to 64 characters.")
    size = [_side(curve.get(x, found.get(x)), x, where) for x in ("width", "height")]
    return Swipe(unicodedata.normalize("NFC", word), points, *size)


def _side(side: Any, name: str, where: str) -> float | None:
    """A keyboard's width or height; None for none."""
    number = isinstance(side, int | float) and not isinstance(side, bool)
    if side is not None and not (number and 1 <= side <= 100_000):
        raise InputError(
            f"{where} has the {name} {side!r}; give pixels, 1 to 100,000, or none."
        )
    return side


def _numbers(lists: list[list], where: str) -> np.ndarray:
    """f64[n 3]"""
    try:
        points = np.array(lists, np.float64).T
    except (TypeError, ValueError, OverflowError):
        points = np.full((1, 3), np.nan)
    if not (points.ndim == 2 and np.isfinite(points).all()):
        raise InputError(f"{where} has coordinates that are no numbers.")
    return points.copy()


def _check_times(t: np.ndarray, where: str) -> None:
    back = np.flatnonzero(np.diff(t) < 0)
    if len(back):
        raise InputError(
            f"{where} goes back in time at point {back[0] + 2}; give points in the "
            f"order of their times, in milliseconds."
        )
    if not 0 < t[-1] <= MAX_SECONDS:
        raise InputError(
            f"{where} takes {1000 * t[-1]:g} ms; give times in milliseconds, of up to "
            f"{MAX_SECONDS:g} s in all."
        )


def check_places(swipe: Swipe, keys: Layout, where: str) -> None:
    """InputError for points that lie far off a keyboard."""
    size = np.array([swipe.width or keys.width, swipe.height or keys.height])
    away = np.maximum(-swipe.points[:, :2], swipe.points[:, :2] - size) / size
    if away.max() > BEYOND:
        x, y = swipe.points[int(away.max(1).argmax()), :2]
        raise InputError(
            f"{where} has the point ({x:g}, {y:g}), far off the keyboard of "
            f"{size[0]:g} x {size[1]:g} pixels; give points on it, or its layout."
        )


def in_pixels(swipe: Swipe, keys: Layout) -> np.ndarray:
    """f64[n 3]: in the layout's pixels, where the keyboard's own size is told.

    x is scaled by the width and y by the height: keys may be wider alone.
    """
    points = swipe.points.copy()
    points[:, 0] *= keys.width / (swipe.width or keys.width)
    points[:, 1] *= keys.height / (swipe.height or keys.height)
    return points


def likely(swipe: Swipe, keys: Layout) -> bool:
    """Whether a swipe may mean its word: for training, where people err.

    It lies on the keyboard, and its length is that of the way along the word's keys,
    give or take.
    """
    try:
        check_places(swipe, keys, "")
        written = typed(swipe.word, keys.letters)
    except (InputError, ValueError):
        return False
    if not written:
        return False
    places = dict(zip(keys.letters, keys.units(), strict=True))
    way = np.array([places[c] for c in written])
    xy = keys.to_units(in_pixels(swipe, keys)[:, :2])
    ways = (np.linalg.norm(np.diff(each, axis=0), axis=1).sum() for each in (xy, way))
    own, wanted = (length + SLACK for length in ways)
    return SHORT < own / wanted < LONG


def swipe_line(word: str, points: np.ndarray, name: str) -> str:
    """A swipe f[n 3] in pixels and seconds as a line of JSON, in whole numbers."""
    x, y = points[:, :2].round().astype(int).T.tolist()
    t = (1000 * points[:, 2]).round().astype(int).tolist()
    curve = {"x": x, "y": y, "t": t, "grid_name": name}
    return json.dumps({"word": word, "curve": curve}, ensure_ascii=False)
