"""Charts over two axes: numbers in, SVG and HTML fragments out.

Every name is escaped here. Colours come from the page's style sheet, so that one
drawing serves light and dark.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from html import escape
from typing import Any

import numpy as np

from strokejax.evaluation.scores import calibration_bins, expected_calibration_error

Series = Mapping[str, Sequence[tuple[float, float]]]
"""Lines of a chart: name -> points (step, value)."""

Curves = Mapping[str, Sequence[Mapping[str, Any]]]
"""Name -> rows {"k", "accuracy", "interval95", "n", ...} of `few_shot.kshot`."""

WIDTH, HEIGHT, LEFT, BOTTOM = 360, 200, 46, 22
"""Size of a chart and its margins for labels, in the drawing's own units."""


# Numbers.


def number(value: float) -> str:
    """A number in three digits; whole from 1,000 on, with a power of ten below 0.01."""
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    if abs(value) >= 0.01 or value == 0:
        return f"{value:.3g}"
    digits, power = f"{value:.2e}".split("e")
    return f"{float(digits):g}e{int(power)}"


def ticks(low: float, high: float, count: int = 4) -> list[float]:
    """About `count` round numbers (1, 2, 2.5 or 5 times a power of ten) in a range."""
    rough = (high - low) / count
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * m for m in (1, 2, 2.5, 5, 10) if power * m >= 0.999 * rough)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [i * step for i in range(first, last + 1)]


def downsample(points: Sequence[tuple[float, float]], limit: int = 300) -> np.ndarray:
    """Points f64[m 2], m <= `limit`, by averaging neighbours."""
    parts = np.array_split(np.asarray(points, float), min(limit, len(points)))
    return np.array([part.mean(0) for part in parts])


# Charts.


def line_chart(title: str, series: Series) -> str:
    """A chart over steps, whose legend shows each line's last value."""
    lines = {name: downsample(points) for name, points in series.items() if len(points)}
    if not lines:
        return ""
    to_pixels, parts = _axes(np.concatenate(list(lines.values())))
    legend = []
    for i, (name, points) in enumerate(lines.items()):
        last = number(series[name][-1][1])
        xy = to_pixels(points)
        parts.append(_line(i, f"{name}: {last}", xy, xy[-1:]))
        legend.append(_legend_entry(i, name, last))
    return _figure(title, f"{title} over steps", legend, parts)


def scatter(title: str, points: Sequence[tuple[float, float]]) -> str:
    """A dot for each (x, y)."""
    to_pixels, parts = _axes(np.asarray(points, float))
    pixels = to_pixels(np.asarray(points, float))
    dots = "".join(
        f'<circle cx="{xy[0]:.1f}" cy="{xy[1]:.1f}" r="3">'
        f"<title>{number(x)}: {number(y)}</title></circle>"
        for (x, y), xy in zip(points, pixels, strict=True)
    )
    parts.append(f'<g class="line s0">{dots}</g>')
    return _figure(title, title, [], parts)


def shot_curves(title: str, curves: Curves, of: str = "shots") -> str:
    """Accuracy over the number of shots, or `of` something else, with 95 % bands."""
    rows = [row for curve in curves.values() for row in curve]
    shots = sorted({row["k"] for row in rows})
    extent = np.array([(r["k"], y) for r in rows for y in (*_band(r), r["accuracy"])])
    to_pixels, parts = _axes(extent, shots)
    legend = []
    for i, (name, curve) in enumerate(curves.items()):
        curve = sorted(curve, key=lambda row: row["k"])
        # The band's outline: along its lower edge, and back along its upper one.
        low, high = ([(r["k"], _band(r)[end]) for r in curve] for end in (0, 1))
        edge = _path(to_pixels(np.array([*low, *reversed(high)], float)))
        parts.append(f'<g class="line s{i % 4}"><path class="band" d="{edge}Z"/></g>')
        xy = to_pixels(np.array([(r["k"], r["accuracy"]) for r in curve], float))
        values = ", ".join(f"{r['k']} {of} {r['accuracy']:.3f}" for r in curve)
        parts.append(_line(i, f"{name}: {values}", xy, xy))
        legend.append(_legend_entry(i, name, f"{curve[-1]['accuracy']:.3f}"))
    return _figure(title, f"{title} over {of}", legend, parts)


def interval_bars(title: str, rows: Sequence[Any]) -> str:
    """One line a figure: a bar for its 95 % interval, a dot, a mark at its target.

    `rows` have the fields of `evaluation.figure.Figure`; values are fractions of 1.
    """
    numbers = [x for r in rows for x in (r.value, r.target, *(r.interval95 or ()))]
    numbers = [x for x in numbers if x is not None]
    low, high = min(numbers), max(numbers)
    # A margin of 2 %; the 1e-6 keeps the range above 0 if all values are equal.
    low, high = low - 0.02 * (high - low + 1e-6), high + 0.02 * (high - low + 1e-6)
    step, parts = 30, []

    def to_pixels(value: float) -> float:
        return 18 + (WIDTH - 36) * (value - low) / (high - low)

    height = step * len(rows) + BOTTOM
    for tick in ticks(low, high):
        x = to_pixels(tick)
        parts.append(f'<path class="grid" d="M{x:.1f} 2V{height - BOTTOM}"/>')
        parts.append(
            f'<text class="mid" x="{x:.1f}" y="{height - 6}">{number(tick)}</text>'
        )
    for i, row in enumerate(rows):
        y = step * i + 20
        good = row.reached is not False
        a, b = (to_pixels(edge) for edge in row.interval95 or (row.value, row.value))
        target = ""
        if row.target is not None:
            x = to_pixels(row.target)
            target = f'<path class="ideal" d="M{x:.1f} {y - 7}V{y + 7}"/>'
        parts.append(
            f'<text x="4" y="{y - 8}">{escape(row.name)}</text>{target}'
            f'<g class="line {"s2" if good else "s1"}">'
            f"<title>{escape(', '.join(row.cells()))}</title>"
            f'<path class="band" d="M{a:.1f} {y - 4}H{b:.1f}V{y + 4}H{a:.1f}Z"/>'
            f'<circle cx="{to_pixels(row.value):.1f}" cy="{y}" r="3"/></g>'
        )
    return _figure(title, title, [], parts, height)


def reliability(
    probability: np.ndarray,
    right: np.ndarray,
    bins: int = 10,
    title: str = "Reliability",
) -> str:
    """A reliability diagram: accuracy against confidence in equal bins, and the ECE.

    `probability` [n] is that of each first answer, `right` bool[n]. Bars show the
    counts; the tallest fills the height. On the dashed line accuracy equals confidence.
    """
    confidence, accuracy, counts = calibration_bins(probability, right, bins)
    error = expected_calibration_error(probability, right, bins)
    to_pixels, parts = _axes(np.array([(0, 0), (1, 1)], float))
    for i, count in enumerate(counts.tolist()):
        if not count:
            continue
        corners = [(i / bins, count / counts.max()), ((i + 1) / bins, 0)]
        (x0, y0), (x1, y1) = to_pixels(np.array(corners))
        tooltip = (
            f"{i / bins:.2g} to {(i + 1) / bins:.2g}: {count:,} answers, confidence "
            f"{confidence[i]:.3f}, accuracy {accuracy[i]:.3f}"
        )
        parts.append(
            f'<rect class="count" x="{x0 + 1:.1f}" y="{y0:.1f}" '
            f'width="{x1 - x0 - 2:.1f}" height="{y1 - y0:.1f}">'
            f"<title>{tooltip}</title></rect>"
        )
    # The diagonal, and above the bars the curve through the bins that are not empty.
    ideal = _path(to_pixels(np.array([(0, 0), (1, 1)], float)))
    parts.append(f'<path class="ideal" d="{ideal}"/>')
    xy = to_pixels(np.column_stack([confidence, accuracy])[counts > 0])
    parts.append(_line(0, "accuracy at this confidence", xy, xy))
    total = f"ECE {number(error)} over {counts.sum():,} answers"
    legend = [_legend_entry(0, "accuracy against confidence", total)]
    return _figure(title, f"{title}: {total}", legend, parts)


# Parts of charts. SVG's y points down.


def _axes(
    values: np.ndarray, columns: Iterable[float] | None = None
) -> tuple[Callable[[np.ndarray], np.ndarray], list[str]]:
    """Axes that fit `values` f64[n 2]: the map to pixels and the grid's markup.

    `columns` are the labelled x; by default round numbers.
    """
    (x0, y0), (x1, y1) = values.min(0), values.max(0)
    # A single value gets a range of its own.
    x1, y1 = (x1 if x1 > x0 else x0 + 1), (y1 if y1 > y0 else y0 + (abs(y0) or 1))
    origin = np.array([LEFT, HEIGHT - BOTTOM])
    scale = np.array([WIDTH - LEFT - 14, BOTTOM + 12 - HEIGHT]) / (x1 - x0, y1 - y0)

    def to_pixels(xy: np.ndarray) -> np.ndarray:
        return origin + (xy - (x0, y0)) * scale

    parts = []
    for tick in ticks(y0, y1):
        y = to_pixels(np.array([x0, tick]))[1]
        parts.append(f'<path class="grid" d="M{LEFT} {y:.1f}H{WIDTH - 8}"/>')
        parts.append(
            f'<text class="end" x="{LEFT - 6}" y="{y + 4:.1f}">{number(tick)}</text>'
        )
    for tick in ticks(x0, x1) if columns is None else columns:
        x = to_pixels(np.array([tick, y0]))[0]
        parts.append(
            f'<text class="mid" x="{x:.1f}" y="{HEIGHT - 5}">{number(tick)}</text>'
        )
    return to_pixels, parts


def _band(row: Mapping[str, Any]) -> tuple[float, float]:
    low, high = row["interval95"]
    return low, high


def _path(pixels: np.ndarray) -> str:
    return "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in pixels)


def _line(i: int, tooltip: str, pixels: np.ndarray, marks: np.ndarray) -> str:
    circles = "".join(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3"/>' for x, y in marks)
    return (
        f'<g class="line s{i % 4}"><title>{escape(tooltip)}</title>'
        f'<path d="{_path(pixels)}"/>{circles}</g>'
    )


def _legend_entry(i: int, name: str, value: str) -> str:
    return f'<li class="s{i % 4}">{escape(name)} <b>{value}</b></li>'


def _figure(
    title: str, label: str, legend: list[str], parts: list[str], height: int = HEIGHT
) -> str:
    return (
        f'<figure class="chart"><figcaption>{escape(title)}</figcaption>'
        f'<ul class="legend">{"".join(legend)}</ul>'
        f'<svg viewBox="0 0 {WIDTH} {height}" role="img" '
        f'aria-label="{escape(label)}">{"".join(parts)}</svg></figure>'
    )
