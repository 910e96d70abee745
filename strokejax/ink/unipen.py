"""UNIPEN 1.0 text files (Guyon et al., ICPR 1994): components, segments and labels."""

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from strokejax.files import read_bytes
from strokejax.ink.limits import MAX_BYTES, MAX_STROKES
from strokejax.types import InputError

MAX_DEPTH = 4
MAX_INCLUDES = 100
MAX_SEGMENTS = 50_000
MAX_TOTAL_POINTS = 5_000_000
MAX_NUMBER = 1e12
Strokes = list[np.ndarray]
_KEYWORD = re.compile(r"^\.(?=[A-Z])", re.MULTILINE)
_SEGMENT = re.compile(
    r"""\s*(\S+) (?:\s+([^\s"]\S*))? (?:\s+([^\s"]\S*))?
    (?:\s*"((?:[^"\\]|\\.){0,2000})")?""",
    re.VERBOSE | re.DOTALL,
)
_RANGE = re.compile(r"(\d{1,9})(?::(\d{1,9}))?(?:-(\d{1,9})(?::(\d{1,9}))?)?")
_ESCAPED = re.compile(r"\\(.)|\s", re.DOTALL)
_ESCAPES = {None: " ", "n": " ", "t": " "}
_SCALES = {
    "X_POINTS_PER_INCH": "X",
    "X_POINTS_PER_MM": "X",
    "Y_POINTS_PER_INCH": "Y",
    "Y_POINTS_PER_MM": "Y",
    "POINTS_PER_SECOND": "T",
}


def parse_unipen(
    path: str | Path, root: str | Path | None = None, level: str | None = None
) -> list[tuple[Strokes, str | None]]:
    """The labelled segments of a file, each as strokes f64[n, 3] of x, y, t (seconds).

    y is flipped to grow downwards, in the units of x. `level` is the kind of segment;
    its default is the finest one of .HIERARCHY that occurs. A file without segments is
    one ink without a label. .INCLUDE names are relative to the folder `root` (by
    default the folder of the file) and may not leave it. InputError names the component
    or segment.
    """
    path = Path(path)
    reader = _Reader(str(path))
    base = Path(root) if root is not None else path.parent
    for keyword, text in _statements(path, base.resolve(), [0, 0], 0):
        reader.read_statement(keyword, text)
    reader.close_set()
    if not reader.segments:
        raise InputError(f"{path} has no ink: it has no .PEN_DOWN with points.")
    levels = {segment[0] for segment in reader.segments}
    if level is None:
        level = next(
            (name for name in reversed(reader.hierarchy) if name in levels), None
        )
    elif level not in levels:
        raise InputError(
            f"{path} has no segments of the kind {level!r}, only "
            f"{', '.join(sorted(levels))[:80]!r}; choose one of these."
        )
    return [
        (strokes, label)
        for kind, strokes, label in reader.segments
        if level is None or kind == level
    ]


def _statements(
    path: Path, root: Path, totals: list[int], depth: int
) -> Iterator[tuple[str, str]]:
    """Keyword and argument text of each statement, with included files in their places.

    `totals` counts the files and bytes read so far, and is updated in place.
    """
    data = read_bytes(path, MAX_BYTES)
    totals[0] += 1
    totals[1] += len(data)
    if depth > MAX_DEPTH or totals[0] > MAX_INCLUDES or totals[1] > MAX_BYTES:
        raise InputError(
            f"{path} is reached through too many includes: {depth} deep (limit "
            f"{MAX_DEPTH}), {totals[0]} files (limit {MAX_INCLUDES}), {totals[1]:,} "
            f"bytes (limit {MAX_BYTES:,}); include less."
        )
    text = data.decode("latin-1").replace("\r", "\n")
    for statement in _KEYWORD.split(text)[1:]:
        keyword, arguments = (*statement.split(maxsplit=1), "")[:2]
        if keyword != "INCLUDE":
            yield keyword, arguments
            continue
        name = arguments.strip()
        # Resolved first, so that neither ".." nor a symbolic link leaves the root.
        target = (root / name).resolve()
        if not target.is_relative_to(root):
            raise InputError(
                f"{path} includes {name[:80]!r}, which is outside the folder {root}; "
                f"put the file into it, or name another root."
            )
        if not target.is_file():
            raise InputError(
                f"{path} includes {name[:80]!r}, which is not in the folder {root}; "
                f"put the file into it, or name another root."
            )
        yield from _statements(target, root, totals, depth + 1)


class _Reader:
    """The state that UNIPEN's statements change, one set of components at a time."""

    def __init__(self, where: str) -> None:
        self.where = where
        self.hierarchy: list[str] = []
        self.segments: list[tuple[str, Strokes, str | None]] = []
        self.coordinates = ["X", "Y"]
        self.scale: dict[str, float] = {}
        self.elapsed = 0.0
        self.total = 0
        self.components: list[tuple[bool, np.ndarray]] = []
        self.open: list[tuple[str, str, str | None, int]] = []

    def read_statement(self, keyword: str, text: str) -> None:
        """Applies one statement; keywords that do not concern the pen are ignored."""
        if keyword in ("PEN_DOWN", "PEN_UP"):
            self._component(keyword == "PEN_DOWN", text)
        elif keyword == "SEGMENT":
            # A segment may precede its components, so it is resolved with its set.
            match = _SEGMENT.match(text)
            kind, place, _, label = match.groups() if match else ("?",) * 3 + (None,)
            self.open.append((kind, place or "?", label, len(self.components)))
        elif keyword == "START_SET":
            self.close_set()
        elif keyword == "HIERARCHY":
            self.hierarchy = text.split()
        elif keyword == "COORD":
            self.coordinates = text.split()
            if not {"X", "Y"} <= set(self.coordinates):
                raise InputError(
                    f"{self.where} has .COORD {' '.join(self.coordinates)[:40]!r}; "
                    f"X and Y are needed."
                )
        elif keyword == "DT":
            # Milliseconds between two components.
            self.elapsed += self._numbers(text, ".DT").sum() / 1000
        elif keyword in _SCALES:
            self.scale[_SCALES[keyword]] = self._numbers(text, f".{keyword}").sum()

    def _numbers(self, text: str, place: str) -> np.ndarray:
        try:
            numbers = np.fromiter(map(float, text.split()), np.float64)
        except ValueError as error:
            raise InputError(
                f"{self.where}, {place} has something that is not a number "
                f"({str(error)[:80]}); correct it."
            ) from error
        if not (np.abs(numbers) <= MAX_NUMBER).all():
            raise InputError(
                f"{self.where}, {place} has a number that is not finite or above "
                f"{MAX_NUMBER:.0e}; correct it."
            )
        return numbers

    def _component(self, down: bool, text: str) -> None:
        """Adds a component: numbered from 0, pen-up ones too, but not empty ones."""
        place = f"component {len(self.components)}"
        values = self._numbers(text, place)
        if not len(values):
            return
        if len(values) % len(self.coordinates):
            raise InputError(
                f"{self.where}, {place} has {len(values)} numbers, which is not a "
                f"multiple of the {len(self.coordinates)} coordinates "
                f"{' '.join(self.coordinates)[:40]!r}; correct it or .COORD."
            )
        table = values.reshape(-1, len(self.coordinates))
        rate = self.scale.get("T", 0.0)
        if "T" in self.coordinates:
            t = table[:, self.coordinates.index("T")] / 1000
        elif rate > 0:
            t = self.elapsed + np.arange(len(table)) / rate
            self.elapsed = float(t[-1]) + 1 / rate
        else:
            t = np.full(len(table), np.nan)
        x, y = (table[:, self.coordinates.index(axis)] for axis in "XY")
        x_scale, y_scale = self.scale.get("X", 0.0), self.scale.get("Y", 0.0)
        # Digitisers may resolve x and y differently; y is brought to the units of x.
        ratio = x_scale / y_scale if min(x_scale, y_scale) >= 1e-3 else 1.0
        self.components.append((down, np.column_stack([x, -ratio * y, t])))

    def close_set(self) -> None:
        """Ends a set: its segments get their strokes, components count from 0 again."""
        if not self.open and self.components:
            self.open.append(("", f"0-{len(self.components) - 1}", None, 0))
        if len(self.segments) + len(self.open) > MAX_SEGMENTS:
            raise InputError(
                f"{self.where} has {len(self.segments) + len(self.open):,} segments, "
                f"above the limit of {MAX_SEGMENTS:,}; split it."
            )
        segments = []
        # Backwards: a segment without a delineation ends where the next one of its
        # kind begins.
        next_of_kind: dict[str, int] = {}
        for kind, place, label, first in reversed(self.open):
            if place == "?":
                place = f"{first}-{next_of_kind.get(kind, len(self.components)) - 1}"
            next_of_kind[kind] = first
            if label is not None:
                label = _ESCAPED.sub(lambda m: _ESCAPES.get(m[1], m[1]), label)
            segments.append((kind, self._strokes(place, kind), label))
        self.segments += reversed(segments)
        self.components, self.open = [], []

    def _strokes(self, delineation: str, kind: str) -> Strokes:
        """Pen-down parts of a list such as 1:40-3,5,6:0-6:12; ends are included."""
        place = f"{self.where}, segment {kind[:40]!r} {delineation[:40]!r}"
        strokes: Strokes = []
        for part in delineation.split(","):
            match = _RANGE.fullmatch(part)
            first, start, last, end = (
                None if number is None else int(number)
                for number in (match.groups() if match else (None,) * 4)
            )
            if first is None:
                raise InputError(
                    f"{place} is not a list of components such as 0-2,5 or 1:40-3:7; "
                    f"correct it."
                )
            last = first if last is None else last
            if last >= len(self.components) or last < first:
                raise InputError(
                    f"{place} names components {first} to {last} of a set that has "
                    f"{len(self.components)}; correct it."
                )
            for c in range(first, last + 1):
                down, points = self.components[c]
                stop = len(points) if c < last or end is None else end + 1
                part_points = points[(start or 0) if c == first else 0 : stop]
                if down and len(part_points):
                    strokes.append(part_points)
                    self.total += len(part_points)
                # Segments may overlap, so a short file could name many points.
                if len(strokes) > MAX_STROKES or self.total > MAX_TOTAL_POINTS:
                    raise InputError(
                        f"{place} takes the file above {MAX_STROKES:,} strokes in a "
                        f"segment or {MAX_TOTAL_POINTS:,} points in all; split it."
                    )
        return strokes
