"""Recorded swipes in JSON lines: {"word": ..., "curve": {"x": [], "y": [], "t": []}}.

x and y are pixels of the keyboard, t is in milliseconds. `word` may be missing. A curve
may give the "width" and the "height" of the keyboard it was made on, in pixels.
"""

import json
import unicodedata
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from strokejax.files import decode_text, read_bytes
from strokejax.tasks.swipes.layouts import Layout, typed
from strokejax.types import InputError

MAX_BYTES = 1 << 30
MAX_SWIPES = 1_000_000
MAX_POINTS = 10_000
MAX_SECONDS = 60.0
MAX_BEYOND = 1.0
"""Keyboard widths and heights that points may lie beyond the edge."""
MIN_LENGTH, MAX_LENGTH = 0.4, 3.0
"""Length of a swipe over the length of its word's path; outside, it means another."""
SLACK = 3.0
"""Key widths added to both lengths, so that short paths are compared less strictly."""


class Swipe(NamedTuple):
    """The trajectory of a finger over a keyboard."""

    word: str
    """The word that was meant, NFC; "" if unknown."""
    points: np.ndarray
    """f64[n 3]: x, y in pixels, t in seconds since the first point."""
    width: float | None = None
    """Pixels of the keyboard it was made on, None if unknown; `height` likewise."""
    height: float | None = None


# Reading and writing.


def read_swipes(path: str | Path) -> list[Swipe | InputError]:
    """The swipes of a file in order, with an InputError in place of each bad line.

    InputError for a file that is not text, is empty, or has too many lines.
    """
    text = decode_text(read_bytes(path, MAX_BYTES), str(path))
    # splitlines would also split within a word, at U+2028 for one.
    numbered = [(i, x) for i, x in enumerate(text.split("\n"), 1) if x.strip()]
    if not 0 < len(numbered) <= MAX_SWIPES:
        raise InputError(
            f"{path} has {len(numbered):,} swipes; give 1 to {MAX_SWIPES:,}, one per "
            f"line."
        )
    return [*_parse_lines(numbered, str(path))]


def _parse_lines(
    numbered: Iterable[tuple[int, str]], where: str
) -> Iterator[Swipe | InputError]:
    for number, line in numbered:
        place = f"{where}, line {number}"
        try:
            yield parse_swipe(json.loads(line), place)
        except InputError as error:
            yield error
        except json.JSONDecodeError as error:
            yield InputError(f"{place} is not valid JSON (column {error.colno}).")
        except (RecursionError, ValueError):
            yield InputError(
                f"{place} is not readable JSON: it nests too deeply, or has a number "
                f"of thousands of digits."
            )


def parse_swipe(record: Any, where: str = "The swipe") -> Swipe:
    """The swipe in a JSON object; `where` is for errors.

    InputError, one sentence, for anything that is not a swipe.
    """
    curve = record.get("curve") if isinstance(record, dict) else None
    if not isinstance(curve, dict) or not {"x", "y", "t"} <= curve.keys():
        raise InputError(f"{where} has no curve of x, y and t.")
    lists = [curve[name] for name in "xyt"]
    if not all(isinstance(numbers, list) for numbers in lists):
        raise InputError(f"{where} has a curve whose x, y and t are not all lists.")
    counts = [len(numbers) for numbers in lists]
    if len({*counts}) > 1:
        raise InputError(
            f"{where} has {counts[0]} x, {counts[1]} y and {counts[2]} t; give the "
            f"same number of each."
        )
    if not 2 <= counts[0] <= MAX_POINTS:
        raise InputError(
            f"{where} has {counts[0]:,} point{'s' * (counts[0] != 1)}; give 2 to "
            f"{MAX_POINTS:,}."
        )
    points = _to_array(lists, where)
    points[:, 2] = (points[:, 2] - points[0, 2]) / 1000
    _check_times(points[:, 2], where)
    word = record.get("word") or ""
    if not isinstance(word, str) or len(word) > 64:
        raise InputError(
            f"{where} has a word that is not a text of up to 64 characters."
        )
    size = [_side(curve.get(x, record.get(x)), x, where) for x in ("width", "height")]
    return Swipe(unicodedata.normalize("NFC", word), points, *size)


def _to_array(lists: list[list], where: str) -> np.ndarray:
    """f64[n 3]"""
    # numpy raises for texts, ragged lists, and integers beyond float64.
    try:
        points = np.array(lists, np.float64).T
    except (TypeError, ValueError, OverflowError):
        points = np.full((1, 3), np.nan)
    if not (points.ndim == 2 and np.isfinite(points).all()):
        raise InputError(f"{where} has coordinates that are not finite numbers.")
    return points.copy()


def _check_times(t: np.ndarray, where: str) -> None:
    backward = np.flatnonzero(np.diff(t) < 0)
    if len(backward):
        raise InputError(
            f"{where} goes back in time at point {backward[0] + 2}; give points in the "
            f"order of their times, in milliseconds."
        )
    if not 0 < t[-1] <= MAX_SECONDS:
        raise InputError(
            f"{where} takes {1000 * t[-1]:g} ms; give times in milliseconds that span "
            f"up to {MAX_SECONDS:g} s."
        )


def _side(side: Any, name: str, where: str) -> float | None:
    """A keyboard's width or height; None if there is none."""
    # A bool is an int to Python, but not a number of pixels.
    number = isinstance(side, int | float) and not isinstance(side, bool)
    if side is not None and not (number and 1 <= side <= 100_000):
        raise InputError(
            f"{where} has the {name} {side!r}; give 1 to 100,000 pixels, or leave it "
            f"out."
        )
    return side


def swipe_line(word: str, points: np.ndarray, name: str) -> str:
    """A line of JSON, in whole pixels and milliseconds.

    `points` are f[n 3] in pixels and seconds, `name` is the layout's. Places on a
    keyboard of few units keep four decimals.
    """
    xy = points[:, :2]
    whole = np.abs(xy).max() >= 100
    x, y = (xy.round().astype(int) if whole else xy.round(4)).T.tolist()
    t = (1000 * points[:, 2]).round().astype(int).tolist()
    curve = {"x": x, "y": y, "t": t, "grid_name": name}
    return json.dumps({"word": word, "curve": curve}, ensure_ascii=False)


# Swipes on a layout.


def check_bounds(swipe: Swipe, keys: Layout, where: str) -> None:
    """InputError for a point more than `MAX_BEYOND` keyboards beyond the edge."""
    size = np.array([swipe.width or keys.width, swipe.height or keys.height])
    beyond = np.maximum(-swipe.points[:, :2], swipe.points[:, :2] - size) / size
    if beyond.max() > MAX_BEYOND:
        x, y = swipe.points[int(beyond.max(1).argmax()), :2]
        raise InputError(
            f"{where} has the point ({x:g}, {y:g}), far off the keyboard of "
            f"{size[0]:g} x {size[1]:g} pixels; give points on it, or the layout that "
            f"they were swiped on."
        )


def in_pixels(swipe: Swipe, keys: Layout) -> np.ndarray:
    """f64[n 3]: the points scaled from the swipe's keyboard to the layout's pixels.

    x is scaled by the width and y by the height: one of them may be unknown, and a
    keyboard may be stretched along one axis alone.
    """
    points = swipe.points.copy()
    points[:, 0] *= keys.width / (swipe.width or keys.width)
    points[:, 1] *= keys.height / (swipe.height or keys.height)
    return points


def is_plausible(swipe: Swipe, keys: Layout) -> bool:
    """Whether a swipe may mean its word; training leaves out mislabelled recordings.

    It must lie on the keyboard and be about as long as the path along the word's keys.
    """
    try:
        check_bounds(swipe, keys, "")
        written = typed(swipe.word, keys.letters)
    except (InputError, ValueError):
        return False
    if not written:
        return False
    centres = dict(zip(keys.letters, keys.units(), strict=True))
    path = np.array([centres[letter] for letter in written])
    xy = keys.to_units(in_pixels(swipe, keys)[:, :2])
    return MIN_LENGTH < (_length(xy) + SLACK) / (_length(path) + SLACK) < MAX_LENGTH


def _length(path: np.ndarray) -> float:
    return np.linalg.norm(np.diff(path, axis=0), axis=1).sum()
