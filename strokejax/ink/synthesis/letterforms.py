"""Letter forms as chains of ballistic movements; numpy only.

A form is cut into movements at its corners and, along its curves, wherever one cubic no
longer follows it. Coordinates are in capital heights: the baseline is y = 0, capitals
reach y = -1.
"""

import itertools
from functools import lru_cache
from typing import Literal, NamedTuple

import numpy as np

from strokejax.ink.synthesis.letterforms_letterforms import is_dot, outline

Pen = Literal["lift", "join", "drag"]

CORNER = np.deg2rad(60.0)
LONGEST_TURN = np.deg2rad(110.0)
TOLERANCE = 0.015


class Glyph(NamedTuple):
    """A form as `k` movements, those of the lifted pen among them.

    Movement i displaces the pen by `c1 u + c2 u^2 + c3 u^3`, with (c1, c2, c3) =
    `cubics[i]`, while its phase u runs from 0 to 1.
    """

    start: np.ndarray
    """f64[2]: where the pen first touches."""
    cubics: np.ndarray
    """f64[k 3 2]."""
    lengths: np.ndarray
    """f64[k]: length of each movement's way."""
    drawn: np.ndarray
    """bool[k]: False where the pen is up."""
    sharp: np.ndarray
    """bool[k]: ends at a corner or at the end of a stroke."""

    def via(self) -> np.ndarray:
        """Start and ends of the movements, f64[k + 1 2]."""
        return self.start + np.concatenate(
            [np.zeros((1, 2)), np.cumsum(self.cubics.sum(1), axis=0)]
        )

    def arrival(self) -> np.ndarray:
        """Direction f64[k 2] at sharp ends of drawn movements, 0 at all others."""
        end = self.cubics.transpose(0, 2, 1) @ np.array([1.0, 2.0, 3.0])
        size = np.hypot(*end.T)
        keep = self.sharp & self.drawn & (size > 0)
        return end * (keep / np.where(size > 0, size, 1.0))[:, None]


@lru_cache(maxsize=1024)
def glyph(symbol: str, form: int = 0, pen: Pen = "lift") -> Glyph:
    """The movements of one form of a symbol; `form` counts modulo the number of forms.

    `pen` "lift" keeps the strokes of the form, "join" draws those that share an end as
    one, "drag" never lifts the pen, save for dots.
    """
    strokes = outline(symbol, form)
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
            cubics += [fit for fit, _ in fits]
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
    """Chains each stroke to the one before where they share an end, as hands do."""
    chained = strokes[:1]
    for stroke in strokes[1:]:
        last = chained[-1]
        if np.array_equal(last[0], stroke[0]):
            last = last[::-1]
        elif np.array_equal(last[-1], stroke[-1]):
            stroke = stroke[::-1]
        if np.array_equal(last[-1], stroke[0]):
            chained[-1] = np.concatenate([last, stroke[1:]])
        else:
            chained.append(stroke)
    return chained


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
    """A cubic Hermite curve through the points.

    A tangent leans towards the longer of its two segments, so that stems stay straight.
    """
    chord = np.hypot(*np.diff(polygon, axis=0).T)
    if len(polygon) == 2 or not chord.all():
        return np.linspace(polygon[0], polygon[-1], points)
    slope = np.diff(polygon, axis=0) / chord[:, None]
    weight = (chord[:-1] / (chord[:-1] + chord[1:]))[:, None]
    inner = slope[:-1] * weight + slope[1:] * (1 - weight)
    tangent = np.concatenate(
        [2 * slope[:1] - inner[:1], inner, 2 * slope[-1:] - inner[-1:]]
    )
    u = np.linspace(0, 1, points, endpoint=False)[None, :, None]
    a, b = polygon[:-1, None], polygon[1:, None]
    ta, tb = (chord[:, None] * t for t in (tangent[:-1], tangent[1:]))
    curve = a + (b - a) * (u * u * (3 - 2 * u))
    curve += ta[:, None] * (u * (1 - u) ** 2) - tb[:, None] * (u * u * (1 - u))
    return np.concatenate([curve.reshape(-1, 2), polygon[-1:]])


def _movements(path: np.ndarray) -> list[tuple[np.ndarray, float]]:
    """The fewest halvings of a smooth path into cubics (f64[3 2], length)."""
    step = np.hypot(*np.diff(path, axis=0).T)
    along = np.concatenate([[0.0], np.cumsum(step)])
    length = float(along[-1])
    if length == 0:
        return [(np.zeros((3, 2)), 0.0)]
    u = (along / length)[:, None]
    way = path[-1] - path[0]
    # c1 + c2 + c3 = way, so that a movement ends where the next one starts.
    basis = np.concatenate([u - u**3, u**2 - u**3], axis=1)
    rest = path - path[0] - way * u**3
    free = np.linalg.lstsq(basis, rest, rcond=None)[0]
    turned = np.concatenate([[0.0], np.cumsum(_turns(path))])
    error = np.hypot(*(rest - basis @ free).T).max()
    if len(path) < 6 or (error < TOLERANCE and turned[-1] < LONGEST_TURN):
        return [(np.stack([*free, way - free.sum(0)]), length)]
    half = int(np.clip(np.searchsorted(turned, turned[-1] / 2), 2, len(path) - 3))
    return _movements(path[: half + 1]) + _movements(path[half:])
