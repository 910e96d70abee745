"""Letter forms as chains of ballistic movements; numpy only.

The forms of the 63 symbols are control polygons, from two Hershey fonts and from a
table of handwritten ones. A form is cut into movements at its corners and, along its
curves, wherever one cubic no longer fits. Coordinates are in capital heights: the
baseline is y = 0, capitals reach y = -1.
"""

import itertools
import string
from functools import lru_cache
from typing import Literal, NamedTuple

import numpy as np

from strokejax.types import InputError

# Control polygons

SYMBOLS: tuple[str, ...] = (*string.ascii_letters, *string.digits, "space")

PRINT_FONT = "futural"
CURSIVE_FONT = "cursive"
# Left out: capitals that read as other symbols (Q as 2), and z, which reads as 3. The
# cursive font's digits are those of the print font.
CURSIVE = frozenset(string.ascii_lowercase) - {"z"} | frozenset("ABCDEFKLMNOPR")

# In font units capitals reach y = -12, small letters -5, the baseline is 9 and
# descenders end at 16.
CAPITAL = 21.0
BASELINE = 9.0
DOT = 3.0
"""Longest side of a dot, in font units."""

EXTRA_FORMS: dict[str, tuple[str, ...]] = {
    "a": (
        "5,-3 1,-5 -3,-4 -6,0 -6,5 -3,8 0,8 4,4 5,-5 5,5 6,8 9,8",
        "-5,-3 -2,-5 2,-5 5,-3 5,9 / 5,1 1,0 -3,1 -6,4 -5,7 -2,9 2,8 5,5",
    ),
    "b": ("-5,-12 -5,9 / -5,2 -2,-2 2,-2 5,1 5,5 2,9 -2,9 -5,7",),
    "d": ("5,-3 1,-5 -3,-4 -6,0 -6,5 -3,8 0,8 4,5 5,-12 5,6 6,8 9,8",),
    "e": ("-5,3 0,2 4,0 5,-2 3,-5 0,-5 -4,-3 -6,1 -6,5 -3,9 1,9 5,7",),
    "f": ("5,-10 3,-12 1,-11 0,-8 0,15 / -4,-1 5,-1",),
    "g": ("5,-3 1,-5 -3,-4 -6,0 -5,4 -2,6 2,5 5,1 5,-5 5,11 3,15 -1,16 -5,13",),
    "h": ("-5,-12 -5,9 -4,0 -1,-4 2,-4 5,-1 5,9",),
    "i": ("0,-5 0,6 2,9 5,8 / 0,-12 0,-10",),
    "k": ("-5,-12 -5,9 / 4,-5 -5,3 5,9", "-5,-12 -5,9 / -5,2 0,-3 3,-2 2,1 -4,3 4,9"),
    "l": ("0,-12 0,5 2,9 5,8", "-3,4 3,-4 4,-9 2,-12 0,-10 -1,-2 0,6 2,9 6,7"),
    "m": ("-9,-5 -9,9 -8,0 -5,-4 -2,-4 0,-1 0,9 1,0 4,-4 7,-4 9,-1 9,9",),
    "n": ("-5,-5 -5,9 -4,0 -1,-4 2,-4 5,-1 5,9",),
    "p": ("-5,-5 -5,16 -5,0 -2,-4 2,-5 5,-1 5,4 2,8 -2,8 -5,5",),
    "q": ("5,-3 1,-5 -3,-4 -6,0 -6,4 -3,7 1,6 4,3 5,-5 5,16 8,12",),
    "r": ("-3,-5 -3,9 -3,2 -1,-3 2,-5 5,-3",),
    "t": ("0,-12 0,9 / -5,-4 5,-4", "0,-12 0,5 2,9 6,7 / -4,-3 6,-5"),
    "u": ("-5,-5 -5,4 -3,8 0,9 3,7 5,3 5,-5",),
    "w": ("-8,-5 -8,5 -5,9 -2,8 0,3 0,-3 0,3 2,8 5,9 8,5 8,-5",),
    "x": ("-6,-5 -2,-3 2,7 6,9 / 6,-5 -6,9",),
    "y": ("-5,-5 -5,1 -3,5 1,5 5,0 5,-5 5,10 3,15 0,16 -4,14",),
    "z": ("-5,-5 5,-5 -5,9 5,9 / -4,2 4,2",),
    "A": ("-8,9 -6,-4 -3,-10 0,-12 3,-10 6,-4 8,9 / -6,1 6,1",),
    "B": ("-6,-12 -6,9 / -6,-11 -1,-12 4,-10 5,-6 1,-3 -5,-2 2,-1 6,3 4,7 -1,9 -6,8",),
    "D": ("-6,-12 -6,9 / -8,-12 0,-11 5,-8 7,-2 5,5 0,8 -8,9",),
    "E": ("6,-10 2,-12 -3,-11 -5,-8 -3,-4 2,-2 -3,-1 -6,3 -4,8 1,9 6,7",),
    "F": ("-5,-12 -5,9 / -6,-12 6,-12 / -5,-2 4,-2",),
    "G": (
        "6,-9 2,-12 -3,-11 -7,-6 -7,3 -3,9 3,8 7,3 7,0 1,0",
        "6,-9 2,-12 -3,-11 -7,-6 -7,3 -3,9 3,8 6,4 / 1,1 6,1 6,9",
    ),
    "H": ("-6,-12 -6,9 / -6,-1 6,-1 / 6,-12 6,9",),
    "I": ("0,-12 0,9 / -5,-12 5,-12 / -5,9 5,9",),
    "J": ("3,-12 3,4 1,8 -2,9 -5,7 / -3,-12 9,-12", "4,-12 4,11 2,15 -1,16 -4,13"),
    "K": ("-6,-12 -6,9 / 6,-12 -6,-1 6,9",),
    "L": ("-5,-12 -5,6 -3,9 7,9",),
    "M": ("-8,9 -6,-12 0,4 6,-12 8,9",),
    "N": ("-7,9 -6,-12 6,9 7,-12",),
    "P": ("-6,-11 0,-12 5,-10 6,-6 4,-2 -1,0 -6,0 / -6,-12 -6,9",),
    "Q": ("3,-11 -2,-12 -6,-9 -8,-2 -6,6 -2,9 3,8 7,3 8,-3 6,-9 2,-12 / 2,3 9,11",),
    "R": ("-6,-12 -6,9 / -7,-11 0,-12 5,-10 6,-6 3,-2 -6,0 6,9",),
    "T": ("-8,-12 8,-12 / 1,-12 0,9",),
    "U": ("-7,-12 -7,3 -5,7 -1,9 3,8 6,4 7,-12 7,9",),
    "W": ("-9,-12 -8,3 -6,8 -3,8 -1,3 0,-6 1,3 3,8 6,8 8,3 9,-12",),
    "Y": (
        "-7,-12 -6,-6 -3,-3 2,-3 6,-7 7,-12 6,4 3,8 -2,9",
        "-7,-12 0,-2 / 7,-12 -4,9",
    ),
    "Z": ("-7,-12 7,-12 -7,9 7,9 / -5,-2 5,-2",),
    "0": ("3,-11 -1,-12 -5,-8 -6,-1 -4,6 0,9 4,7 6,0 5,-8 1,-12 / 6,-11 -6,8",),
    "1": ("-5,-6 0,-12 0,9 / -5,9 5,9", "-5,-5 1,-12 -1,9"),
    "2": ("-6,-8 -3,-12 2,-12 5,-8 4,-3 -4,7 -7,7 -5,4 -1,6 3,9 7,7",),
    "3": ("-6,-12 6,-12 -1,-4 4,-2 6,3 3,8 -2,9 -6,7",),
    "4": ("-3,-12 -6,2 7,2 / 3,-6 3,9", "-5,-12 -6,-2 5,-2 / 5,-12 5,9"),
    "5": ("6,-12 -4,-12 -5,-3 0,-5 5,-2 6,3 3,8 -2,9 -6,7",),
    "6": ("4,-12 -2,-7 -6,1 -5,6 -1,9 3,8 5,4 3,0 -1,-1 -5,3",),
    "7": ("-6,-12 7,-12 -2,9 / -3,-2 6,-2", "-6,-8 -6,-12 7,-12 0,9"),
    "8": (
        "0,-2 -3,-2 -5,-5 -5,-9 -2,-12 2,-12 5,-9 5,-5 3,-2 0,-2 "
        "/ 0,-2 -4,0 -6,4 -4,8 0,9 4,8 6,4 4,0 0,-2",
    ),
    "9": ("5,-9 1,-12 -4,-10 -6,-6 -3,-2 1,-2 5,-6 5,-11 4,9",),
    "space": ("-9,0 9,0", "0,0 0,0"),
}
"""Handwritten forms that the fonts lack: points x,y in font units; / lifts the pen."""


def form_count(symbol: str) -> int:
    """Number of forms of a symbol; its cursive form, if it has one, is the last.

    InputError for a symbol without forms.
    """
    if symbol not in SYMBOLS:
        raise InputError(
            f"The symbol {symbol!r} has no letter form; handwriting is synthesised for "
            f"a-z, A-Z, 0-9 and 'space'."
        )
    extra = len(EXTRA_FORMS.get(symbol, ()))
    return (symbol != "space") + extra + (symbol in CURSIVE)


def control_polygons(symbol: str, form: int = 0) -> list[np.ndarray]:
    """The polygons of a form, f64[n 2] per stroke, in capital heights.

    Forms are, in this order: the print font's, those of `EXTRA_FORMS`, the cursive
    font's. "space" has extra forms only. `form` counts modulo the number of forms.
    """
    form %= form_count(symbol)
    extra = EXTRA_FORMS.get(symbol, ())
    if symbol != "space":
        form -= 1
    if 0 <= form < len(extra):
        polygons = extra[form].split("/")
        raw = [[point.split(",") for point in polygon.split()] for polygon in polygons]
    else:
        raw = _font(PRINT_FONT if form < 0 else CURSIVE_FONT)[symbol]
    strokes = [np.array(stroke, np.float64) - (0.0, BASELINE) for stroke in raw]
    strokes = [stroke / CAPITAL for stroke in strokes]
    # People set their dots last, as a touch; the font draws them as small circles.
    dots = [_dash(stroke) for stroke in strokes if is_dot(stroke)]
    return [stroke for stroke in strokes if not is_dot(stroke)] + dots


@lru_cache(maxsize=2)
def _font(name: str) -> dict[str, list[list[tuple[int, int]]]]:
    """The strokes of a font's letters and digits, y down."""
    from HersheyFonts import HersheyFonts

    font = HersheyFonts()
    font.load_default_font(name)
    return {symbol: font.all_glyphs[symbol].strokes for symbol in SYMBOLS[:-1]}


def is_dot(stroke: np.ndarray) -> bool:
    """Whether a stroke (in capital heights) is the dot of i or j; a tap is not."""
    return 0 < np.ptp(stroke, axis=0).max() * CAPITAL < DOT


def _dash(dot: np.ndarray) -> np.ndarray:
    middle = (dot.min(0) + dot.max(0)) / 2
    return middle + np.array([(-0.01, -0.04), (0.01, 0.04)])


# Movements

Pen = Literal["lift", "join", "drag"]

CORNER = np.deg2rad(60.0)
"""Turns above this angle are corners."""
LONGEST_TURN = np.deg2rad(110.0)
"""A movement turns by less in total."""
TOLERANCE = 0.015
"""Largest distance of a cubic from its curve, in capital heights."""


class Glyph(NamedTuple):
    """A form as `k` movements, including those of the lifted pen.

    Movement i displaces the pen by `c1 u + c2 u^2 + c3 u^3`, with (c1, c2, c3) =
    `cubics[i]`, while its phase u runs from 0 to 1.
    """

    start: np.ndarray
    """f64[2]: position of the first touch."""
    cubics: np.ndarray
    """f64[k 3 2]."""
    lengths: np.ndarray
    """f64[k]: arc length of each movement."""
    drawn: np.ndarray
    """bool[k]: False while the pen is up."""
    sharp: np.ndarray
    """bool[k]: ends at a corner or at the end of a stroke."""

    def via_points(self) -> np.ndarray:
        """Start and ends of the movements, f64[k + 1 2]."""
        return self.start + np.concatenate(
            [np.zeros((1, 2)), np.cumsum(self.cubics.sum(1), axis=0)]
        )

    def arrival(self) -> np.ndarray:
        """Unit direction f64[k 2] at sharp ends of drawn movements, 0 at others."""
        # The derivative of the cubic at u = 1 is c1 + 2 c2 + 3 c3.
        velocity = self.cubics.transpose(0, 2, 1) @ np.array([1.0, 2.0, 3.0])
        size = np.hypot(*velocity.T)
        keep = self.sharp & self.drawn & (size > 0)
        return velocity * (keep / np.where(size > 0, size, 1.0))[:, None]


@lru_cache(maxsize=1024)
def glyph(symbol: str, form: int = 0, pen: Pen = "lift") -> Glyph:
    """The movements of one form of a symbol; `form` counts modulo the number of forms.

    `pen` "lift" leaves the strokes of the form as they are, "join" draws those that
    share an end as one, and "drag" never lifts the pen, except for dots.
    """
    strokes = control_polygons(symbol, form)
    if pen != "lift":
        strokes = _join(strokes)
    cubics: list[np.ndarray] = []
    lengths, drawn, sharp = [], [], []
    for i, stroke in enumerate(strokes):
        if i:
            jump = stroke[0] - strokes[i - 1][-1]
            cubics.append(np.stack([jump, 0 * jump, 0 * jump]))
            lengths.append(np.hypot(*jump))
            drawn.append(pen == "drag" and not is_dot(stroke))
            sharp.append(True)
        for run in _runs(stroke):
            fits = _movements(_smooth(run))
            cubics += [cubic for cubic, _ in fits]
            lengths += [length for _, length in fits]
            drawn += [True] * len(fits)
            sharp += [False] * (len(fits) - 1) + [True]
    return Glyph(
        strokes[0][0],
        np.array(cubics),
        np.array(lengths),
        np.array(drawn),
        np.array(sharp),
    )


def _join(strokes: list[np.ndarray]) -> list[np.ndarray]:
    """Joins each stroke to the one before if they share an end, as writers do."""
    joined = strokes[:1]
    for stroke in strokes[1:]:
        last = joined[-1]
        # Either stroke may be reversed to make the ends meet.
        if np.array_equal(last[0], stroke[0]):
            last = last[::-1]
        elif np.array_equal(last[-1], stroke[-1]):
            stroke = stroke[::-1]
        if np.array_equal(last[-1], stroke[0]):
            joined[-1] = np.concatenate([last, stroke[1:]])
        else:
            joined.append(stroke)
    return joined


def _turns(path: np.ndarray) -> np.ndarray:
    """Angle between each segment and the next, in 0..pi, f64[n - 2]."""
    step = np.diff(path, axis=0)
    a, b = step[:-1], step[1:]
    cross = a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]
    return np.abs(np.arctan2(cross, (a * b).sum(1)))


def _runs(polygon: np.ndarray) -> list[np.ndarray]:
    """The polygon cut at its corners."""
    cuts = np.flatnonzero(_turns(polygon) > CORNER) + 1
    edges = [0, *cuts.tolist(), len(polygon) - 1]
    return [polygon[a : b + 1] for a, b in itertools.pairwise(edges)]


def _smooth(polygon: np.ndarray, points: int = 8) -> np.ndarray:
    """A cubic Hermite curve through the vertices, with `points` per segment.

    A tangent leans towards the longer of its two segments, so that stems stay straight.
    """
    chord = np.hypot(*np.diff(polygon, axis=0).T)
    if len(polygon) == 2 or not chord.all():
        return np.linspace(polygon[0], polygon[-1], points)
    slope = np.diff(polygon, axis=0) / chord[:, None]
    weight = (chord[:-1] / (chord[:-1] + chord[1:]))[:, None]
    inner = slope[:-1] * weight + slope[1:] * (1 - weight)
    # An end tangent mirrors its neighbour about the segment between, as in an arc.
    tangent = np.concatenate(
        [2 * slope[:1] - inner[:1], inner, 2 * slope[-1:] - inner[-1:]]
    )
    u = np.linspace(0, 1, points, endpoint=False)[None, :, None]
    a, b = polygon[:-1, None], polygon[1:, None]
    ta, tb = (chord[:, None] * t for t in (tangent[:-1], tangent[1:]))
    # The four Hermite basis functions: two for the ends, two for their tangents.
    curve = a + (b - a) * (u * u * (3 - 2 * u))
    curve += ta[:, None] * (u * (1 - u) ** 2) - tb[:, None] * (u * u * (1 - u))
    return np.concatenate([curve.reshape(-1, 2), polygon[-1:]])


def _movements(curve: np.ndarray) -> list[tuple[np.ndarray, float]]:
    """Fits a smooth curve by cubics (f64[3 2], length); halves it until they fit."""
    step = np.hypot(*np.diff(curve, axis=0).T)
    arc_length = np.concatenate([[0.0], np.cumsum(step)])
    length = float(arc_length[-1])
    if length == 0:
        return [(np.zeros((3, 2)), 0.0)]
    u = (arc_length / length)[:, None]
    chord = curve[-1] - curve[0]
    # c1 + c2 + c3 = chord, so that a movement ends where the next one starts: c3 is
    # eliminated, and least squares fits c1 and c2 alone.
    basis = np.concatenate([u - u**3, u**2 - u**3], axis=1)
    residual = curve - curve[0] - chord * u**3
    fit = np.linalg.lstsq(basis, residual, rcond=None)[0]
    turned = np.concatenate([[0.0], np.cumsum(_turns(curve))])
    error = np.hypot(*(residual - basis @ fit).T).max()
    if len(curve) < 6 or (error < TOLERANCE and turned[-1] < LONGEST_TURN):
        return [(np.stack([*fit, chord - fit.sum(0)]), length)]
    # Halved by angle, and each half keeps at least three points.
    half = int(np.clip(np.searchsorted(turned, turned[-1] / 2), 2, len(curve) - 3))
    return _movements(curve[: half + 1]) + _movements(curve[half:])
