"""Keyboard layouts: where each letter lies, and how a keyboard was placed.

A `Layout` is built in or comes from a JSON file. Words are grouped by the keys that
write them. A `Placement` is the scale and shift of the keyboard on which swipes were
made; `fit_keyboard` estimates it from where swipes begin and end.

Key units: x counts key pitches from the left edge, y counts row pitches from the
centre of the first row.
"""

import json
import unicodedata
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np

from strokejax.files import decode_text, read_bytes
from strokejax.types import InputError

ROWS: dict[str, tuple[tuple[str, float], ...]] = {
    "qwerty": (("qwertyuiop", 0), ("asdfghjkl", 0.5), ("zxcvbnm", 1.5)),
    "azerty": (("azertyuiop", 0), ("qsdfghjklm", 0), ("wxcvbn", 2)),
    "qwertz": (("qwertzuiopü", 0), ("asdfghjklöä", 0), ("yxcvbnm", 2)),
    "dvorak": (("pyfgcrl", 3), ("aoeuidhtns", 0), ("qjkxbmwvz", 1)),
    "russian": (("йцукенгшщзх", 0), ("фывапролджэ", 0), ("ячсмитьбю", 1)),
}
"""Built-in layouts: the letters of each row, and its indent in keys."""
WIDTH, ROW_HEIGHT = 360.0, 54.0
"""Pixels: the width of a built-in layout, and the height of one of its rows."""
EDGE_TOLERANCE = 0.005
"""Of a keyboard's size: how far a hitbox may end beyond its edge."""
MAX_KEYS = 64
MAX_BYTES = 1_000_000
FALLBACKS = {"ß": "ss", "æ": "ae", "œ": "oe", "ø": "o", "ł": "l", "đ": "d", "ъ": "ь"}
"""Spellings of letters that Unicode does not decompose into a base and a mark."""

ITERATIONS = 40
SIGMA = (0.9, 0.45)
"""Standard deviation of swipe ends around their keys, in keys: first and last round."""
OUTLIER_DENSITY = 1e-3
"""Density of swipe ends that belong to no key."""
SCALE_PRIOR, SHIFT_PRIOR = 0.15, 0.3
"""Prior standard deviations of the scale around 1, and of the shift in keys."""


class Layout(NamedTuple):
    """The letter keys of a keyboard."""

    name: str
    letters: tuple[str, ...]
    """Distinct, in lower case, composed (NFC)."""
    centres: np.ndarray
    """f32[k 2]: x, y of each key centre, in the layout's pixels."""
    pitch: np.ndarray
    """f32[2]: pixels from a key to its right neighbour, and to the row below."""
    width: float
    height: float

    def units(self) -> np.ndarray:
        """f32[k 2]: key centres in key units."""
        return self.to_units(self.centres)

    def to_units(self, xy: np.ndarray) -> np.ndarray:
        """f32[... 2]: pixels converted to key units."""
        return (xy - self.origin) / self.pitch

    @property
    def origin(self) -> np.ndarray:
        """f32[2]: pixels of the origin of key units."""
        return np.array([0.0, self.centres[:, 1].min()], np.float32)


# Layouts by name and from files.


def layout(name: str | Path) -> Layout:
    """A built-in layout by its name, or the layout of a file."""
    return built_in(str(name)) if str(name) in ROWS else load_layout(name)


def built_in(name: str) -> Layout:
    """A layout of `ROWS`."""
    rows = ROWS[name]
    pitch = WIDTH / max(len(letters) + indent for letters, indent in rows)
    keys = [
        (letter, (indent + i + 0.5) * pitch, (row + 0.5) * ROW_HEIGHT)
        for row, (letters, indent) in enumerate(rows)
        for i, letter in enumerate(letters)
    ]
    return of_keys(name, keys, WIDTH, ROW_HEIGHT * len(rows))


def of_keys(
    name: str, keys: Iterable[tuple[str, float, float]], width: float, height: float
) -> Layout:
    """A layout of keys `(letter, x, y)`, with key centres and sizes in pixels.

    InputError for too few or too many keys, and for a letter with two keys.
    """
    keys = list(keys)
    letters = tuple(key[0] for key in keys)
    centres = np.array([key[1:] for key in keys], np.float32).reshape(-1, 2)
    if not 2 <= len(keys) <= MAX_KEYS or len({*letters}) < len(letters):
        raise InputError(
            f"The layout {name} has {len(keys)} keys for {len({*letters})} letters; "
            f"give each of 2 to {MAX_KEYS} letters one key."
        )
    return Layout(name, letters, centres, _pitch(centres), width, height)


def load_layout(file: str | Path) -> Layout:
    """The layout of a JSON file: width, height, and keys with a label and a hitbox.

    `file` may be FILE:NAME for a file of several named layouts; a single layout needs
    no name. Keys whose label is not one letter (shift, space) are left out. InputError
    for a missing file and for anything that is not a layout.
    """
    path, name = Path(file), ""
    if not path.exists() and ":" in str(file):
        before, _, name = str(file).rpartition(":")
        path = Path(before)
    if not path.exists():
        raise InputError(
            f"There is no layout {str(file)!r}; use a built-in one "
            f"({', '.join(ROWS)}), or give a JSON file with width, height and keys."
        )
    try:
        content = json.loads(decode_text(read_bytes(path, MAX_BYTES), str(path)))
    except json.JSONDecodeError as error:
        raise InputError(f"{path} is not valid JSON (line {error.lineno}).") from None
    except (RecursionError, ValueError) as error:
        raise InputError(f"{path} is not readable JSON ({error}).") from None
    return parse_layout(content, name, str(path))


def parse_layout(content: object, name: str = "", where: str = "The layout") -> Layout:
    """The layout in a JSON object, or the named one of several; `where` is for errors.

    A hitbox has x, y, w and h in pixels. Some files give its corner as x and y, others
    its centre: they are read as corners unless a hitbox would then end beyond the edge
    of the keyboard. InputError for anything that is not a layout.
    """
    if isinstance(content, dict) and "keys" not in content:
        if not name and len(content) == 1:
            name = next(iter(content))
        if name not in content:
            known = ", ".join(map(str, list(content)[:9])) or "none"
            raise InputError(f"{where} has no layout {name!r}; it has {known}.")
        content = content[name]
    try:
        width, height = float(content["width"]), float(content["height"])  # type: ignore
        keys = [key for key in content["keys"] if _letter(key)]  # type: ignore
        letters, hitboxes = [*map(_letter, keys)], [*map(_hitbox, keys)]
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InputError(
            f"{where} is not a layout ({type(error).__name__}: {error}); it needs a "
            f"width, a height, and keys with a label and a hitbox of x, y, w, h."
        ) from None
    box = np.array(hitboxes, np.float64).reshape(-1, 4)
    if not (np.isfinite(box).all() and 0 < width < 1e5 and 0 < height < 1e5):
        raise InputError(
            f"{where} has sizes or places that are not pixels; give 1 to 100,000."
        )
    # With tolerance: hitboxes of whole pixels may end just past the edge.
    size = np.array([width, height])
    beyond_edge = box[:, :2] + box[:, 2:] > size * (1 + EDGE_TOLERANCE)
    centres = box[:, :2] if beyond_edge.any() else box[:, :2] + box[:, 2:] / 2
    places = zip(letters, centres.tolist(), strict=True)
    named = [(letter, x, y) for letter, (x, y) in places]
    return of_keys(name or Path(where).stem, named, width, height)


def _letter(key: dict) -> str:
    """The letter of a key, "" for a key without one."""
    label = unicodedata.normalize("NFC", str(key.get("label") or "")).lower()
    return label if len(label) == 1 and label.isalpha() else ""


def _hitbox(key: dict) -> list[float]:
    return [float(key["hitbox"][name]) for name in ("x", "y", "w", "h")]


def _pitch(centres: np.ndarray) -> np.ndarray:
    """f32[2]: median distance to the right neighbour, and to the row below.

    A row ends where the next key, by height, is more than half of a typical distance of
    neighbours lower: keys of a row need not lie exactly side by side.
    """
    between = np.linalg.norm(centres[:, None] - centres, axis=-1)
    np.fill_diagonal(between, np.inf)
    order = np.argsort(centres[:, 1], kind="stable")
    lower = np.diff(centres[order, 1]) > np.median(between.min(1)) / 2
    rows = np.split(centres[order], np.flatnonzero(lower) + 1)
    heights = [np.median(row[:, 1]) for row in rows]
    row_pitch = np.median(np.diff(heights)) if len(rows) > 1 else 0.0
    gap = np.concatenate([np.diff(np.sort(row[:, 0])) for row in rows])
    key_pitch = np.median(gap) if len(gap) else row_pitch
    if not max(row_pitch, key_pitch) > 0:
        raise InputError(
            "All keys of the layout have the same centre; give each key its own place."
        )
    # A single row or a single column has one pitch; the other axis takes the same.
    return np.array([key_pitch or row_pitch, row_pitch or key_pitch], np.float32)


# Words and the keys that write them.


def typed(text: str, letters: Iterable[str]) -> str:
    """The keys that write a text: `cafe` for `Café`, `dont` for `don't`.

    A letter without a key is written by its base letter, or by its entry in
    `FALLBACKS`; marks are left out. ValueError holds a letter that no key can write.
    """
    available, keys = {*letters}, []
    for letter in unicodedata.normalize("NFC", text).lower():
        base = unicodedata.normalize("NFD", letter)[0]
        for spelling in (letter, FALLBACKS.get(letter, base)):
            if {*spelling} <= available:
                keys.append(spelling)
                break
        else:
            if letter.isalnum():
                raise ValueError(letter)
    return "".join(keys)


def by_keys(
    words: Mapping[str, float], letters: Iterable[str]
) -> dict[str, list[tuple[str, float]]]:
    """Words and their frequencies, grouped by the keys that write them.

    The group "" has the words that no keys can write.
    """
    available, groups = {*letters}, {}
    for word, frequency in words.items():
        try:
            keys = typed(word, available)
        except ValueError:
            keys = ""
        groups.setdefault(keys, []).append((word, frequency))
    return groups


# Estimating a keyboard's placement from swipes, without knowing their words.


class Placement(NamedTuple):
    """A keyboard's scale and shift: `centre + scale * (xy - centre) + shift`.

    All in pixels of the layout.
    """

    scale: np.ndarray
    """f64[2]"""
    shift: np.ndarray
    """f64[2]"""
    centre: np.ndarray
    """f64[2]"""

    def inverse(self, xy: np.ndarray) -> np.ndarray:
        """f[... 2]: pixels of the swipes converted to pixels of the layout."""
        return (xy - self.shift - self.centre) / self.scale + self.centre


def unchanged(keys: Layout) -> Placement:
    """The placement of a keyboard that lies exactly as its layout says."""
    return Placement(np.ones(2), np.zeros(2), keys.centres.mean(0).astype(float))


def fit_keyboard(
    first: np.ndarray, last: np.ndarray, keys: Layout, words: Mapping[str, float]
) -> Placement:
    """The placement of the keyboard on which swipes begin and end.

    `first` and `last` are f[n 2], pixels of the swipes' end points. Expectation
    maximisation: each end point is softly assigned to keys, which have the frequency of
    words that begin or end with them as their prior; then scale and shift are fitted to
    the assignment. The standard deviation shrinks from round to round, so that a far
    placement can still be reached in the first ones. Scale and shift have a prior, so
    few swipes move the keyboard little.
    """
    start_frequency, end_frequency = _end_frequencies(keys, words)
    placement = unchanged(keys)
    key_xy = keys.centres - placement.centre
    xy = np.concatenate([first, last]) - placement.centre
    prior = np.concatenate(
        [
            np.tile(start_frequency, (len(first), 1)),
            np.tile(end_frequency, (len(last), 1)),
        ]
    )
    scale, shift = placement.scale, placement.shift
    for sigma in np.geomspace(*SIGMA, ITERATIONS):
        offset = (xy[:, None] - scale * key_xy - shift) / (keys.pitch * sigma)
        density = prior * np.exp(-0.5 * (offset**2).sum(-1)) / sigma**2
        share = density / (density.sum(1, keepdims=True) + OUTLIER_DENSITY)
        scale, shift = _fit_axes(xy, share, key_xy, keys.pitch, sigma)
    return Placement(scale, shift, placement.centre)


def _fit_axes(xy, share, key_xy, pitch, sigma) -> tuple[np.ndarray, np.ndarray]:
    """`(f64[2], f64[2])`: scale and shift of each axis by weighted least squares.

    Each axis minimises, over end points y and key centres x in units of the pitch,
    sum share (y - scale x - shift)^2 / sigma^2 + (scale - 1)^2 / SCALE_PRIOR^2
    + shift^2 / SHIFT_PRIOR^2; its normal equations are two linear ones.
    """
    scale, shift = np.ones(2), np.zeros(2)
    for axis in (0, 1):
        unit = pitch[axis]
        x, y = key_xy[:, axis] / unit, xy[:, axis] / unit
        weight = share / sigma**2
        w, wx, wxx = weight.sum(), (weight * x).sum(), (weight * x**2).sum()
        normal = np.array(
            [[wxx + 1 / SCALE_PRIOR**2, wx], [wx, w + 1 / SHIFT_PRIOR**2]]
        )
        right = [
            (weight * x * y[:, None]).sum() + 1 / SCALE_PRIOR**2,
            (weight * y[:, None]).sum(),
        ]
        solution = np.linalg.solve(normal, right)
        scale[axis], shift[axis] = solution[0], solution[1] * unit
    return scale, shift


def _end_frequencies(
    keys: Layout, words: Mapping[str, float]
) -> tuple[np.ndarray, np.ndarray]:
    """`(f64[k], f64[k])`: how often each key begins, and ends, a word; sums are 1."""
    number = {letter: i for i, letter in enumerate(keys.letters)}
    # Above 0, so that a key which begins no listed word can still be assigned.
    totals = np.full((2, len(number)), 1e-9)
    for word, frequency in words.items():
        try:
            written = typed(word, keys.letters)
        except ValueError:
            continue
        if written:
            totals[0, number[written[0]]] += frequency
            totals[1, number[written[-1]]] += frequency
    totals /= totals.sum(1, keepdims=True)
    return totals[0], totals[1]
