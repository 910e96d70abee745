"""Pictures, tables, confusion matrices and embedding maps, as HTML and SVG fragments.

Every name is escaped here. Colours come from the page's style sheet, so that one
drawing serves light and dark.
"""

import math
from collections.abc import Iterable, Sequence
from html import escape

import numpy as np

from strokejax.pictures.images import data_url, encode_picture

CELL = 13
"""Side of a confusion matrix's cell, in the drawing's own units."""

MATRIX_LIMIT = 80
"""Symbols shown in a confusion matrix."""


# Pictures and tables.


def image_tag(image: np.ndarray, alt: str) -> str:
    """A picture f32[h w] (0 paper, 1 ink) as an <img> with its PNG as a data URL."""
    url = data_url(to_png(image))
    return f'<img class="ink" alt="{escape(alt)}" src="{url}">'


def to_png(image: np.ndarray) -> bytes:
    """A picture f32[h w] (0 paper, 1 ink) as a PNG file, white ink on black."""
    grey = np.round(255 * np.clip(np.nan_to_num(image), 0, 1)).astype(np.uint8)
    return encode_picture(grey, optimize=True)


def short(name: str, limit: int = 6) -> str:
    """A name cut to `limit` characters, escaped."""
    return escape(_cut(name, limit))


def _cut(name: str, limit: int = 6) -> str:
    return name if len(name) <= limit else name[: limit - 1] + "…"


def table(
    head: Sequence[str], rows: Iterable[Sequence[str]], kind: str = "tall"
) -> str:
    """A table of cells of markup; a cell may bring its own <td> tag."""
    top = "".join(f'<th scope="col">{cell}</th>' for cell in head)
    body = "".join(
        "<tr>"
        + "".join(c if c.startswith("<td") else f"<td>{c}</td>" for c in row)
        + "</tr>"
        for row in rows
    )
    return (
        f'<div class="scroll {kind}"><table><thead><tr>{top}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )


# The confusion matrix.


def confusion_matrix(counts: np.ndarray, symbols: Sequence[str]) -> str:
    """Counts i64[c c] (true, answered) as an SVG of at most MATRIX_LIMIT symbols.

    A cell's opacity follows the square root of its share of the row, so that rare
    confusions remain visible. Of more symbols, the most often confused are shown.
    """
    shown = np.flatnonzero(counts.sum(0) + counts.sum(1))
    note = ""
    if len(shown) > MATRIX_LIMIT:
        errors = (counts.sum(0) + counts.sum(1) - 2 * counts.diagonal())[shown]
        note = f"<p>The {MATRIX_LIMIT} of {len(shown)} symbols most often confused.</p>"
        shown = np.sort(shown[np.argsort(-errors, kind="stable")[:MATRIX_LIMIT]])
    names = [symbols[int(i)] for i in shown]
    size = len(names) * CELL
    margin = 8 + 6 * max((len(name) for name in map(_cut, names)), default=0)
    side = size + 2 * margin
    cells = _matrix_frame(names, size) + _matrix_cells(counts, shown, symbols)
    return (
        f'{note}<div class="scroll"><svg class="matrix" '
        f'style="min-width:{0.8 * side:.0f}px;max-width:{1.4 * side:.0f}px" '
        f'viewBox="{-margin} {-margin} {side} {side}" role="img" '
        f'aria-label="confusion matrix">{cells}</svg></div>'
    )


def _matrix_frame(names: Sequence[str], size: int) -> str:
    """The grid, and names on all four sides, so that every cell is near its names."""
    lines = "".join(
        f"M0 {i * CELL}H{size}M{i * CELL} 0V{size}" for i in range(len(names) + 1)
    )
    parts = [f'<path class="grid" d="{lines}"/>']
    for i, name in enumerate(names):
        offset, label = (i + 0.5) * CELL + 4, short(name)
        below, above = f"translate({offset} {size + 5})", f"translate({offset} -5)"
        parts.append(
            f'<text class="end" x="-5" y="{offset}">{label}</text>'
            f'<text x="{size + 5}" y="{offset}">{label}</text>'
            f'<text class="end" transform="{below}rotate(-90)">{label}</text>'
            f'<text transform="{above}rotate(-90)">{label}</text>'
        )
    return "".join(parts)


def _matrix_cells(counts: np.ndarray, shown: np.ndarray, symbols: Sequence[str]) -> str:
    totals = np.maximum(counts.sum(1), 1)
    parts = []
    for row, column in np.argwhere(counts[np.ix_(shown, shown)]).tolist():
        i, j = int(shown[row]), int(shown[column])
        tooltip = f"{symbols[i]} → {symbols[j]}: {counts[i, j]} of {totals[i]}"
        parts.append(
            f'<rect class="{"good" if i == j else "bad"}" x="{column * CELL}" '
            f'y="{row * CELL}" width="{CELL}" height="{CELL}" '
            f'opacity="{0.1 + 0.9 * math.sqrt(counts[i, j] / totals[i]):.2f}">'
            f"<title>{escape(tooltip)}</title></rect>"
        )
    return "".join(parts)


# The embedding map.


def principal_plane(z: np.ndarray) -> tuple[np.ndarray, float]:
    """The first two principal components f64[n 2] of z f32[n d], and their share.

    The share is that of the variance, 0 to 1. Principal component analysis by the
    singular value decomposition of centred z.
    """
    centred = np.asarray(z, np.float64) - z.mean(0)
    _, size, axes = np.linalg.svd(centred, full_matrices=False)
    plane = np.zeros((2, z.shape[1]))
    plane[: len(axes[:2])] = axes[:2]
    # The sign of an axis is arbitrary. A positive largest entry gives the same picture
    # on every machine.
    peak = np.abs(plane).argmax(1)[:, None]
    plane *= np.where(np.take_along_axis(plane, peak, 1) < 0, -1, 1)
    variance = size**2
    return centred @ plane.T, float(variance[:2].sum() / max(variance.sum(), 1e-30))


def spread(places: np.ndarray, apart: float = 20.0, rounds: int = 60) -> np.ndarray:
    """Label positions f64[m 2], moved until about `apart` lies between any two."""
    # A little noise separates equal positions, which have no direction between them.
    places = places + 1e-3 * np.random.default_rng(0).normal(size=places.shape)
    for _ in range(rounds):
        offset = places[:, None] - places
        distance = np.maximum(np.linalg.norm(offset, axis=-1), 1e-9)
        push = np.clip(apart - distance, 0, None) / distance
        np.fill_diagonal(push, 0)
        places = places + 0.25 * (push[..., None] * offset).sum(1)
    return places


def embedding_map(
    xy: np.ndarray, truth: np.ndarray, symbols: Sequence[str], *, limit: int = 3000
) -> str:
    """A map of points f64[n 2] with each class's name at its mean.

    At most `limit` random points are drawn; `truth` i32[n] indexes `symbols`.
    """
    width, height, border = 960, 640, 28
    # Quantiles, so that a few outliers do not shrink the map.
    low, high = np.quantile(xy, [0.002, 0.998], axis=0)
    scale = ((width, height) - np.array(2 * border)) / np.maximum(high - low, 1e-12)
    pixels = (xy - (low + high) / 2) * scale.min() + (width / 2, height / 2)
    shown = np.random.default_rng(0).permutation(len(xy))[:limit]
    labels = np.unique(truth)
    places = spread(np.array([pixels[truth == label].mean(0) for label in labels]))
    dots, names = [], []
    for i, label in enumerate(map(int, labels)):
        # The golden angle, 137.508 degrees, gives neighbours in the alphabet distant
        # hues.
        hue, name, (x, y) = round(label * 137.508) % 360, symbols[label], places[i]
        points = pixels[shown[truth[shown] == label]]
        path = "".join(f"M{x:.0f} {y:.0f}h0" for x, y in points)
        dots.append(
            f'<path style="--h:{hue}" d="{path}"><title>{escape(name)}</title></path>'
        )
        names.append(
            f'<text style="--h:{hue}" x="{x:.1f}" y="{y + 5:.1f}">{short(name, 8)}'
            f"<title>{escape(name)}</title></text>"
        )
    return (
        f'<svg class="map" viewBox="0 0 {width} {height}" role="img" '
        f'aria-label="embedding map"><g>{"".join(dots)}</g>{"".join(names)}</svg>'
    )
