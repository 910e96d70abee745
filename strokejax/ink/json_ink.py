"""Ink in JSON, in the forms that programs for drawing write.

A drawing is a list of strokes, alone or under "strokes", "data" or "drawing" (Quick,
Draw!), the freehand strokes of an Excalidraw or tldraw file, or "velocities". A stroke
is a list of points, an object with "points" (signature_pad, PencilKit's "path"), or
lists of x, of y and of t (jSignature, Quick, Draw!). A point is [x, y], [x, y, t] or an
object.
"""

import json
from typing import Any

import numpy as np

from strokejax.files import decode_text
from strokejax.ink.limits import seconds
from strokejax.types import InputError

TIMES = ("t", "time", "timestamp", "timeOffset")
"""Names of a point's time."""


def parse_json(data: bytes, where: str) -> list[list[np.ndarray]]:
    """The strokes f64[n, 2 or 3] of each drawing; one a line if lines are JSON."""
    text = decode_text(data, where)
    try:
        try:
            contents = [json.loads(text)]
        except ValueError:
            lines = [line for line in text.splitlines() if line.strip()]
            if len(lines) < 2:
                raise
            contents = [json.loads(line) for line in lines]
    # Deeply nested lists exhaust the parser's stack.
    except (ValueError, RecursionError) as error:
        raise InputError(f"{where} is not JSON ({error}); export it again.") from error
    if len(contents) == 1:
        return [parse_strokes(contents[0], where)]
    return [parse_strokes(x, f"{where}, line {i}") for i, x in enumerate(contents, 1)]


def parse_strokes(content: Any, where: str) -> list[np.ndarray]:
    """The strokes f64[n, 2 or 3] of decoded JSON; times are in seconds."""
    try:
        strokes = _strokes(content)
    except (
        LookupError,
        TypeError,
        ValueError,
        ArithmeticError,
        AttributeError,
    ) as error:
        raise InputError(
            f'{where} does not hold ink; give {{"strokes": [[[x, y], ...], ...]}} with '
            f'[x, y], [x, y, t] or {{"x": 1, "y": 0, "t": 0}} alike in a stroke, or '
            f'{{"velocities": [{{"vx": 1, "vy": 0}}, ...]}}, all of them numbers.'
        ) from error
    with_times = [
        stroke for stroke in strokes if stroke.ndim == 2 and stroke.shape[1] > 2
    ]
    times = seconds([stroke[:, 2] for stroke in with_times])
    for stroke, t in zip(with_times, times, strict=True):
        stroke[:, 2] = t
    return strokes


def _strokes(content: Any) -> list[np.ndarray]:
    """Strokes of decoded JSON; malformed content raises one of Python's own errors."""
    if isinstance(content, dict):
        if "velocities" in content:
            steps = [_numbers(step["vx"], step["vy"]) for step in content["velocities"]]
            with np.errstate(over="ignore", invalid="ignore"):
                return [np.cumsum(np.array(steps, np.float64).reshape(-1, 2), axis=0)]
        if "drawing" in content:
            return [_columns(stroke) for stroke in content["drawing"]]
        if content.get("type") == "excalidraw":
            return [
                _points(element["points"], element)
                for element in content["elements"]
                if element["type"] == "freedraw" and not element.get("isDeleted")
            ]
        if "records" in content:
            return [
                _points(
                    [p for part in record["props"]["segments"] for p in part["points"]],
                    record,
                )
                for record in content["records"]
                if record.get("type") == "draw"
            ]
        content = content["strokes"] if "strokes" in content else content["data"]
    if not isinstance(content, list):
        raise TypeError("strokes are a list")
    if (
        content
        and isinstance(content[0], dict)
        and not isinstance(content[0].get("x", []), list)
    ):
        return [_points(content)]  # a single stroke of objects
    return [_stroke(stroke) for stroke in content]


def _stroke(stroke: Any) -> np.ndarray:
    if isinstance(stroke, dict):
        stroke = stroke.get("path", stroke)
        if "points" in stroke:
            return _points(stroke["points"])
        time = next((stroke[name] for name in TIMES if name in stroke), None)
        columns = [stroke["x"], stroke["y"], *([] if time is None else [time])]
        return _columns(columns)
    lengths = {len(part) for part in stroke if isinstance(part, list)}
    # Points have 2 or 3 numbers, so 2 or 3 longer lists are those of x, y and t.
    if len(stroke) in (2, 3) and len(lengths) == 1 and max(lengths) > 3:
        return _columns(stroke)
    return _points(stroke)


def _columns(columns: Any) -> np.ndarray:
    """[n, 2 or 3] of lists of x, of y and, if known, of t."""
    return _points([list(point) for point in zip(*columns[:3], strict=True)])


def _points(points: Any, origin: dict[str, Any] | None = None) -> np.ndarray:
    """[n, 2 or 3] of points, relative to the `origin` of an object with x and y."""
    if not isinstance(points, list):
        raise TypeError("a stroke is a list of points")
    rows = np.array([_numbers(*_point(point)) for point in points], np.float64)
    if origin is not None:
        rows[:, :2] += np.array(_numbers(origin["x"], origin["y"]), np.float64)
        rows = rows[:, :2]  # a third number is the pressure
    return rows


def _point(point: Any) -> Any:
    if not isinstance(point, dict):
        return point
    x, y = point["location"] if "location" in point else (point["x"], point["y"])
    time = [point[name] for name in TIMES if name in point]
    return [x, y, *time[:1]]


def _numbers(*values: Any) -> tuple[float | None, ...]:
    # `type` rather than `isinstance`: a bool is an int, but not a coordinate.
    if not all(type(x) in (int, float, type(None)) for x in values):
        raise TypeError("coordinates are numbers")
    return values
