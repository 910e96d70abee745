"""The forms of the 63 symbols as control polygons; numpy only.

A symbol has one or more forms: the plain Hershey letter, forms that people write and
the fonts lack, and the cursive Hershey letter where it is legible.
"""

import string
from functools import lru_cache

import numpy as np

from strokejax.types import InputError

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

HAND: dict[str, tuple[str, ...]] = {
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
"""What people write and the fonts lack: points x,y; a slash lifts the pen."""


def form_count(symbol: str) -> int:
    """Number of forms a symbol has; the cursive one, where there is one, is last."""
    if symbol not in SYMBOLS:
        raise InputError(
            f"No form is known for the symbol {symbol!r}; the hand writes a-z, A-Z, "
            f"0-9 and 'space'."
        )
    return (symbol != "space") + len(HAND.get(symbol, ())) + (symbol in CURSIVE)


def outline(symbol: str, form: int = 0) -> list[np.ndarray]:
    """The control polygons of a form, f64[n 2] a stroke, in capital heights."""
    form %= form_count(symbol)
    hand = HAND.get(symbol, ())
    if symbol != "space":
        form -= 1
    if 0 <= form < len(hand):
        parts = hand[form].split("/")
        raw = [[point.split(",") for point in part.split()] for part in parts]
    else:
        raw = _font(PRINT_FONT if form < 0 else CURSIVE_FONT)[symbol]
    strokes = [np.array(stroke, np.float64) - (0.0, BASELINE) for stroke in raw]
    strokes = [stroke / CAPITAL for stroke in strokes]
    dots = [_dash(stroke) for stroke in strokes if is_dot(stroke)]
    # A hand sets its dots last, as a touch; the font draws them as small circles.
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
