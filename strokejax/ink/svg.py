"""Ink in SVG: paths, lines and polylines, as drawing programs export them.

A path's curves become points; its colour and width are ignored. W3C SVG 1.1, chapters 8
and 9.
"""

import re
from typing import Any

import numpy as np

from strokejax.ink.inkml import parse_xml
from strokejax.ink.limits import MAX_POINTS
from strokejax.types import InputError

CURVE_POINTS = 12
"""Points of one Bezier curve."""
_NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?", re.ASCII)


def parse_svg(data: bytes, where: str) -> list[np.ndarray]:
    """The strokes f64[n, 2] of a document, in its order; InputError for transforms."""
    strokes: list[np.ndarray] = []
    count, pending = 0, [(parse_xml(data, where, "svg"), False)]
    while pending:
        element, transformed = pending.pop()
        transformed = transformed or bool(element.get("transform"))
        pending += [(child, transformed) for child in reversed(element)]
        read = _SHAPES.get(str(element.tag).rpartition("}")[2])
        if not read:
            continue
        if transformed:
            raise InputError(
                f"{where} transforms its paths, which is not supported; flatten the "
                f"transforms in a drawing program, or export the ink as InkML."
            )
        try:
            added = [np.array(stroke, np.float64) for stroke in read(element)]
        except Exception as error:  # the parser of paths raises what comes up
            raise InputError(
                f"{where} has a path that cannot be read ({error}); export it again."
            ) from error
        strokes += added
        count += sum(map(len, added))
        if count > MAX_POINTS:
            raise InputError(
                f"{where} has more than {MAX_POINTS:,} points, the limit; give one "
                f"symbol or line at a time."
            )
    return strokes


def _path(element: Any) -> list[list[tuple[float, float]]]:
    from fontTools.pens.basePen import BasePen
    from fontTools.svgLib.path import parse_path

    strokes: list[list[tuple[float, float]]] = []

    class Points(BasePen):
        """Collects the points of each subpath."""

        def _moveTo(self, pt):
            strokes.append([pt])

        def _lineTo(self, pt):
            strokes[-1].append(pt)

        def _curveToOne(self, pt1, pt2, pt3):
            s = np.linspace(0, 1, CURVE_POINTS + 1)[1:, None]
            ends = np.array([strokes[-1][-1], pt1, pt2, pt3])
            weights = (1 - s) ** 3, 3 * s * (1 - s) ** 2, 3 * s**2 * (1 - s), s**3
            strokes[-1].extend(map(tuple, np.hstack(weights) @ ends))

        def _closePath(self):
            strokes[-1].append(strokes[-1][0])

    d = element.get("d", "")
    if len(d) > 8 * MAX_POINTS:
        raise ValueError(f"{len(d):,} characters")
    parse_path(d, Points(None))
    return strokes


def _polyline(element: Any) -> list[list[list[float]]]:
    numbers = [float(x) for x in _NUMBER.findall(element.get("points", ""))]
    return [np.reshape(numbers, (-1, 2)).tolist()]


def _line(element: Any) -> list[list[list[float]]]:
    x1, y1, x2, y2 = (float(element.get(name, 0)) for name in ("x1", "y1", "x2", "y2"))
    return [[[x1, y1], [x2, y2]]]


_SHAPES = {"path": _path, "polyline": _polyline, "line": _line}
