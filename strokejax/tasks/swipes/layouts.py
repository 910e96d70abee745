"""Keyboards: which letter lies where, built in or from a file."""

import json
import unicodedata
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np

from strokejax.ink.limits import decode_text, read_bytes
from strokejax.types import InputError

ROWS: dict[str, tuple[tuple[str, float], ...]] = {
    "qwerty": (("qwertyuiop", 0), ("asdfghjkl", 0.5), ("zxcvbnm", 1.5)),
    "azerty": (("azertyuiop", 0), ("qsdfghjklm", 0), ("wxcvbn", 2)),
    "qwertz": (("qwertzuiopü", 0), ("asdfghjklöä", 0), ("yxcvbnm", 2)),
    "dvorak": (("pyfgcrl", 3), ("aoeuidhtns", 0), ("qjkxbmwvz", 1)),
    "russian": (("йцукенгшщзх", 0), ("фывапролджэ", 0), ("ячсмитьбю", 1)),
}
"""Letters of each row of a built-in layout, and how many keys it is set in."""
WIDTH, ROW = 360.0, 54.0
"""Pixels of a built-in layout: its width, and the height of a row."""
MAX_KEYS = 64
MAX_BYTES = 1_000_000
FOLDED = {"ß": "ss", "æ": "ae", "œ": "oe", "ø": "o", "ł": "l", "đ": "d", "ъ": "ь"}
"""What is typed for letters without a key that no mark can be taken from."""


class Layout(NamedTuple):
    """The keys that write a letter."""

    name: str
    letters: tuple[str, ...]
    """Each once, in lower case, composed (NFC)."""
    centres: np.ndarray
    """f32[k 2]: x, y of each key's middle, in the layout's pixels."""
    pitch: np.ndarray
    """f32[2]: pixels from a key to its right neighbour, and to the row below."""
    width: float
    height: float

    def units(self) -> np.ndarray:
        """f32[k 2]: centres in keys from the left edge and from the first row."""
        return self.to_units(self.centres)

    def to_units(self, xy: np.ndarray) -> np.ndarray:
        """f32[... 2] pixels in keys from the left edge and from the first row."""
        return (xy - self.origin) / self.pitch

    @property
    def origin(self) -> np.ndarray:
        """f32[2]: pixels of the left edge and of the first row's middle."""
        return np.array([0.0, self.centres[:, 1].min()], np.float32)


def layout(name: str | Path) -> Layout:
    """A built-in layout by its name, or one of a file."""
    return built_in(str(name)) if str(name) in ROWS else load_layout(name)


def built_in(name: str) -> Layout:
    """A layout of `ROWS`."""
    rows = ROWS[name]
    pitch = WIDTH / max(len(letters) + start for letters, start in rows)
    places = [
        (letter, (start + i + 0.5) * pitch, (row + 0.5) * ROW)
        for row, (letters, start) in enumerate(rows)
        for i, letter in enumerate(letters)
    ]
    return of_keys(name, places, WIDTH, ROW * len(rows))


def of_keys(
    name: str, keys: Iterable[tuple[str, float, float]], width: float, height: float
) -> Layout:
    """A layout of letters and the middles of their keys, in pixels."""
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
    """The layout of a JSON file: width, height, keys with label and hitbox.

    Keys without a label of one letter (shift, space) are left out. A file that holds
    several layouts by name may be given as FILE:NAME; of a single one no name is
    needed. A hitbox's x and y are its corner, or its middle where as corners they would
    put keys beyond the edge. InputError says what is wrong.
    """
    path, name = Path(file), ""
    if not path.exists() and ":" in str(file):
        before, _, name = str(file).rpartition(":")
        path = Path(before)
    if not path.exists():
        raise InputError(
            f"There is no layout {str(file)!r}: built in are {', '.join(ROWS)}; or "
            f"give a JSON file with width, height and keys."
        )
    try:
        found = json.loads(decode_text(read_bytes(path, MAX_BYTES), str(path)))
    except json.JSONDecodeError as error:
        raise InputError(f"{path} is no JSON (line {error.lineno}).") from None
    except (RecursionError, ValueError) as error:
        raise InputError(f"{path} is no JSON that can be read ({error}).") from None
    return parse_layout(found, name, str(path))


def parse_layout(found: object, name: str = "", where: str = "The layout") -> Layout:
    """The layout of a JSON object, or the one of that name among several."""
    if isinstance(found, dict) and "keys" not in found:
        if not name and len(found) == 1:
            name = next(iter(found))
        if name not in found:
            known = ", ".join(map(str, list(found)[:9])) or "none"
            raise InputError(f"{where} has no layout {name!r}; it has {known}.")
        found = found[name]
    try:
        width, height = float(found["width"]), float(found["height"])  # type: ignore
        boxes = [_box(key) for key in found["keys"] if _letter(key)]  # type: ignore
        letters = [_letter(key) for key in found["keys"] if _letter(key)]  # type: ignore
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InputError(
            f"{where} is no layout ({type(error).__name__}: {error}); it needs width, "
            f"height, and keys that have a label and a hitbox of x, y, w, h."
        ) from None
    box = np.array(boxes, np.float64).reshape(-1, 4)
    if not (np.isfinite(box).all() and 0 < width < 1e5 and 0 < height < 1e5):
        raise InputError(f"{where} has numbers that are no pixels; give 1 to 100,000.")
    beyond = box[:, :2] + box[:, 2:] - 1 > (width, height)
    middle = box[:, :2] if beyond.any() else box[:, :2] + box[:, 2:] / 2
    keys = [(a, *xy) for a, xy in zip(letters, middle.tolist(), strict=True)]
    return of_keys(name or Path(where).stem, keys, width, height)


def typed(text: str, letters: Iterable[str]) -> str:
    """The keys that write a text, in lower case: `cafe` for `Café`, `dont` for `don't`.

    Letters that have no key are written by the key of their base letter; marks by none.
    ValueError names a letter that cannot be written.
    """
    known, out = {*letters}, []
    for letter in unicodedata.normalize("NFC", text).lower():
        base = unicodedata.normalize("NFD", letter)[0]
        for written in (letter, FOLDED.get(letter, base)):
            if {*written} <= known:
                out.append(written)
                break
        else:
            if letter.isalnum():
                raise ValueError(letter)
    return "".join(out)


def by_keys(
    words: Mapping[str, float], letters: Iterable[str]
) -> dict[str, list[tuple[str, float]]]:
    """Words with their frequencies by the keys that write them.

    Under "" those that have a letter without a key, or nothing to write.
    """
    known, found = {*letters}, {}
    for word, frequency in words.items():
        try:
            written = typed(word, known)
        except ValueError:
            written = ""
        found.setdefault(written, []).append((word, frequency))
    return found


def _letter(key: dict) -> str:
    """The letter of a key, "" for none."""
    label = unicodedata.normalize("NFC", str(key.get("label") or "")).lower()
    return label if len(label) == 1 and label.isalpha() else ""


def _box(key: dict) -> list[float]:
    return [float(key["hitbox"][name]) for name in ("x", "y", "w", "h")]


def _pitch(centres: np.ndarray) -> np.ndarray:
    """The usual distance to the right neighbour and to the row below."""
    rows = np.unique(centres[:, 1].round())
    row = np.median(np.diff(rows)) if len(rows) > 1 else 0.0
    gaps = [
        np.diff(np.sort(centres[centres[:, 1].round() == y, 0])) for y in rows.tolist()
    ]
    gap = np.concatenate(gaps).astype(float)
    column = np.median(gap) if len(gap) else row
    if not max(row, column) > 0:
        raise InputError("All keys of the layout lie at one place; give their places.")
    return np.array([column or row, row or column], np.float32)


# Where a keyboard lay, from swipes alone: their words need not be known.


ROUNDS = 40
SPREAD = (0.9, 0.45)
"""Standard deviation of ends around keys, in keys: in the first and the last round."""
OUTSIDE = 1e-3
"""Density of ends that mean no key."""
SCALE, SHIFT = 0.15, 0.3
"""Standard deviations of what is believed beforehand: of the scale, and of the shift
in keys."""


class Placing(NamedTuple):
    """A keyboard as it lay: `middle + scale * (place - middle) + shift`, in pixels."""

    scale: np.ndarray
    shift: np.ndarray
    middle: np.ndarray

    def undone(self, xy: np.ndarray) -> np.ndarray:
        """f[... 2] pixels of the swipes in pixels of the layout."""
        return (xy - self.shift - self.middle) / self.scale + self.middle


def as_told(keys: Layout) -> Placing:
    """The keyboard lies where its layout says."""
    return Placing(np.ones(2), np.zeros(2), keys.centres.mean(0).astype(float))


def fit_keyboard(
    first: np.ndarray, last: np.ndarray, keys: Layout, words: Mapping[str, float]
) -> Placing:
    """The placing of a keyboard on which swipes f[n 2] begin and end, in pixels.

    Few swipes change little: their evidence stands beside what is believed beforehand.
    """
    begins, ends = _letters(keys, words)
    placing = as_told(keys)
    own, middle = keys.centres - placing.middle, placing.middle
    xy = np.concatenate([first, last]) - middle
    prior = np.concatenate(
        [np.tile(begins, (len(first), 1)), np.tile(ends, (len(last), 1))]
    )
    scale, shift = placing.scale, placing.shift
    for spread in np.geomspace(*SPREAD, ROUNDS):
        away = (xy[:, None] - scale * own - shift) / (keys.pitch * spread)
        near = prior * np.exp(-0.5 * (away**2).sum(-1)) / spread**2
        share = near / (near.sum(1, keepdims=True) + OUTSIDE)
        scale, shift = _line(xy, share, own, keys.pitch, spread)
    return Placing(scale, shift, middle)


def _line(xy, share, own, pitch, spread) -> tuple[np.ndarray, np.ndarray]:
    """Scale and shift of both axes by weighted least squares with what is believed."""
    scale, shift = np.ones(2), np.zeros(2)
    for axis in (0, 1):
        unit = pitch[axis]
        at, place = own[:, axis] / unit, xy[:, axis] / unit
        weight = share / spread**2
        total, mean = weight.sum(), (weight * at).sum()
        square = (weight * at**2).sum()
        normal = np.array([[square + 1 / SCALE**2, mean], [mean, total + 1 / SHIFT**2]])
        right = [
            (weight * at * place[:, None]).sum() + 1 / SCALE**2,
            (weight * place[:, None]).sum(),
        ]
        found = np.linalg.solve(normal, right)
        scale[axis], shift[axis] = found[0], found[1] * unit
    return scale, shift


def _letters(keys: Layout, words: Mapping[str, float]) -> tuple[np.ndarray, np.ndarray]:
    """f64[k]: how often each key is the first and the last of a word."""
    number = {letter: i for i, letter in enumerate(keys.letters)}
    found = np.full((2, len(number)), 1e-9)
    for word, often in words.items():
        try:
            written = typed(word, keys.letters)
        except ValueError:
            continue
        if written:
            found[0, number[written[0]]] += often
            found[1, number[written[-1]]] += often
    found /= found.sum(1, keepdims=True)
    return found[0], found[1]
