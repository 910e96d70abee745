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
"""Name -> rows {"k", "accuracy", "interval95", "n", ...} of `fewshot.kshot`."""

WIDTH, HEIGHT, LEFT, BOTTOM = 360, 200, 46, 22


def number(value: float) -> str:
    """Three digits, or all those before the point; a power of ten below 0.01."""
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


def thin(points: Sequence[tuple[float, float]], limit: int = 300) -> np.ndarray:
    """Points f64[m 2] with m <= `limit`: neighbours are averaged."""
    parts = np.array_split(np.asarray(points, float), min(limit, len(points)))
    return np.array([part.mean(0) for part in parts])


def line_chart(title: str, series: Series) -> str:
    """A chart over steps, with a legend that gives each line's last value."""
    lines = {name: thin(points) for name, points in series.items() if len(points)}
    if not lines:
        return ""
    place, parts = _axes(np.concatenate(list(lines.values())))
    legend = []
    for i, (name, points) in enumerate(lines.items()):
        last = number(series[name][-1][1])
        at = place(points)
        parts.append(_line(i, f"{name}: {last}", at, at[-1:]))
        legend.append(_entry(i, name, last))
    return _figure(title, f"{title} over steps", legend, parts)


def scatter(title: str, points: Sequence[tuple[float, float]]) -> str:
    """A dot for each (x, y)."""
    place, parts = _axes(np.asarray(points, float))
    dots = "".join(
        f'<circle cx="{at[0]:.1f}" cy="{at[1]:.1f}" r="3">'
        f"<title>{number(x)}: {number(y)}</title></circle>"
        for (x, y), at in zip(points, place(np.asarray(points, float)), strict=True)
    )
    parts.append(f'<g class="line s0">{dots}</g>')
    return _figure(title, title, [], parts)


def shot_curves(title: str, curves: Curves, of: str = "shots") -> str:
    """Accuracy by the number `of` something, in the bands of their 95 % intervals."""
    rows = [row for each in curves.values() for row in each]
    shots = sorted({row["k"] for row in rows})
    every = np.array([(r["k"], y) for r in rows for y in (*_band(r), r["accuracy"])])
    place, parts = _axes(every, shots)
    legend = []
    for i, (name, each) in enumerate(curves.items()):
        each = sorted(each, key=lambda row: row["k"])
        low, high = ([(r["k"], _band(r)[end]) for r in each] for end in (0, 1))
        edge = _path(place(np.array([*low, *reversed(high)], float)))
        parts.append(f'<g class="line s{i % 4}"><path class="band" d="{edge}Z"/></g>')
        at = place(np.array([(r["k"], r["accuracy"]) for r in each], float))
        said = ", ".join(f"{r['k']} {of} {r['accuracy']:.3f}" for r in each)
        parts.append(_line(i, f"{name}: {said}", at, at))
        legend.append(_entry(i, name, f"{each[-1]['accuracy']:.3f}"))
    return _figure(title, f"{title} over {of}", legend, parts)


def interval_bars(title: str, rows: Sequence[Any]) -> str:
    """A line a figure: a bar for its 95 % interval, a dot, a mark at what is asked.

    `rows` have the fields of `measure.figure.Figure`; values are shares of 1.
    """
    every = [x for r in rows for x in (r.value, r.asked, *(r.interval95 or ()))]
    known = [x for x in every if x is not None]
    low, high = min(known), max(known)
    low, high = low - 0.02 * (high - low + 1e-6), high + 0.02 * (high - low + 1e-6)
    step, parts = 30, []

    def place(value: float) -> float:
        return 18 + (WIDTH - 36) * (value - low) / (high - low)

    height = step * len(rows) + BOTTOM
    for x in ticks(low, high):
        at = place(x)
        parts.append(f'<path class="grid" d="M{at:.1f} 2V{height - BOTTOM}"/>')
        parts.append(
            f'<text class="mid" x="{at:.1f}" y="{height - 6}">{number(x)}</text>'
        )
    for i, row in enumerate(rows):
        y = step * i + 20
        good = row.reached is not False
        a, b = (place(edge) for edge in row.interval95 or (row.value, row.value))
        wish = ""
        if row.asked is not None:
            x = place(row.asked)
            wish = f'<path class="ideal" d="M{x:.1f} {y - 7}V{y + 7}"/>'
        parts.append(
            f'<text x="4" y="{y - 8}">{escape(row.name)}</text>{wish}'
            f'<g class="line {"s2" if good else "s1"}">'
            f"<title>{escape(', '.join(row.told()))}</title>"
            f'<path class="band" d="M{a:.1f} {y - 4}H{b:.1f}V{y + 4}H{a:.1f}Z"/>'
            f'<circle cx="{place(row.value):.1f}" cy="{y}" r="3"/></g>'
        )
    return _figure(title, title, [], parts, height)


def reliability(
    probability: np.ndarray,
    right: np.ndarray,
    bins: int = 10,
    title: str = "Reliability",
) -> str:
    """Accuracy against confidence in equal bins, bars for their counts, the ECE.

    `probability` [n] is that of each first answer, `right` bool[n]. On the dashed line
    confidence and accuracy agree; the tallest bar fills the height.
    """
    confidence, accuracy, counts = calibration_bins(probability, right, bins)
    error = expected_calibration_error(probability, right, bins)
    place, parts = _axes(np.array([(0, 0), (1, 1)], float))
    for i, count in enumerate(counts.tolist()):
        if not count:
            continue
        corners = [(i / bins, count / counts.max()), ((i + 1) / bins, 0)]
        (x0, y0), (x1, y1) = place(np.array(corners))
        said = (
            f"{i / bins:.2g} to {(i + 1) / bins:.2g}: {count:,} answers, confidence "
            f"{confidence[i]:.3f}, accuracy {accuracy[i]:.3f}"
        )
        parts.append(
            f'<rect class="count" x="{x0 + 1:.1f}" y="{y0:.1f}" '
            f'width="{x1 - x0 - 2:.1f}" height="{y1 - y0:.1f}">'
            f"<title>{said}</title></rect>"
        )
    ideal = _path(place(np.array([(0, 0), (1, 1)], float)))
    parts.append(f'<path class="ideal" d="{ideal}"/>')
    at = place(np.column_stack([confidence, accuracy])[counts > 0])
    parts.append(_line(0, "accuracy at this confidence", at, at))
    said = f"ECE {number(error)} over {counts.sum():,} answers"
    legend = [_entry(0, "accuracy against confidence", said)]
    return _figure(title, f"{title}: {said}", legend, parts)


def _axes(
    every: np.ndarray, columns: Iterable[float] | None = None
) -> tuple[Callable[[np.ndarray], np.ndarray], list[str]]:
    """How values f64[n 2] lie in the drawing, and its grid; `columns` marks x."""
    (x0, y0), (x1, y1) = every.min(0), every.max(0)
    x1, y1 = (x1 if x1 > x0 else x0 + 1), (y1 if y1 > y0 else y0 + (abs(y0) or 1))
    origin = np.array([LEFT, HEIGHT - BOTTOM])
    scale = np.array([WIDTH - LEFT - 14, BOTTOM + 12 - HEIGHT]) / (x1 - x0, y1 - y0)

    def place(xy: np.ndarray) -> np.ndarray:
        return origin + (xy - (x0, y0)) * scale

    parts = []
    for y in ticks(y0, y1):
        at = place(np.array([x0, y]))[1]
        parts.append(f'<path class="grid" d="M{LEFT} {at:.1f}H{WIDTH - 8}"/>')
        parts.append(
            f'<text class="end" x="{LEFT - 6}" y="{at + 4:.1f}">{number(y)}</text>'
        )
    for x in ticks(x0, x1) if columns is None else columns:
        at = place(np.array([x, y0]))[0]
        parts.append(
            f'<text class="mid" x="{at:.1f}" y="{HEIGHT - 5}">{number(x)}</text>'
        )
    return place, parts


def _band(row: Mapping[str, Any]) -> tuple[float, float]:
    low, high = row["interval95"]
    return low, high


def _path(at: np.ndarray) -> str:
    return "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in at)


def _line(i: int, said: str, at: np.ndarray, marks: np.ndarray) -> str:
    circles = "".join(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3"/>' for x, y in marks)
    return (
        f'<g class="line s{i % 4}"><title>{escape(said)}</title>'
        f'<path d="{_path(at)}"/>{circles}</g>'
    )


def _entry(i: int, name: str, value: str) -> str:
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
