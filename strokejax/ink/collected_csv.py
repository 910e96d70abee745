"""Collected folders: one folder per symbol, one CSV of pen velocities per stroke."""

import csv
import io
import re
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from strokejax.files import decode_text, save_file
from strokejax.ink.limits import MAX_POINTS, check_ink, seconds
from strokejax.types import Ink, InputError

CSV_COLUMNS = ("timestamp", "velocity_x", "velocity_y")


# Reading


def parse_csv(data: bytes, where: str) -> list[np.ndarray]:
    """The single stroke f64[n, 3] of a CSV: points are the running sum of velocities.

    Columns may come in any order, and others are ignored. Timestamps are seconds,
    milliseconds (if their median step is 0.5 or more) or ISO 8601 dates, in UTC unless
    they name a zone. InputError names the line.
    """
    text = decode_text(data, where).rstrip()
    rows = text.count("\n")
    if rows > MAX_POINTS:
        raise InputError(
            f"{where} has {rows:,} rows, above the limit of {MAX_POINTS:,}; give one "
            f"stroke per file."
        )
    try:
        table = [*enumerate(csv.reader(io.StringIO(text, newline="")), 1)]
    except csv.Error as error:
        raise InputError(
            f"{where} is not a CSV file ({str(error)[:80]}); export it again."
        ) from error
    # Blank lines go, but the others keep the line numbers that errors name.
    table = [(line, row) for line, row in table if any(cell.strip() for cell in row)]
    header = [cell.strip().lower() for cell in table[0][1]] if table else []
    if not set(CSV_COLUMNS) <= set(header):
        raise InputError(
            f"{where} has the columns {', '.join(header)[:80]!r}, but needs "
            f"{', '.join(CSV_COLUMNS)!r}; name them in the first line."
        )
    time, *axes = (header.index(name) for name in CSV_COLUMNS)
    for line, row in table[1:]:
        if len(row) <= max(time, *axes):
            raise InputError(
                f"{where}, line {line} has {len(row)} cells for {len(header)} columns; "
                f"complete or remove it."
            )
    velocities = [
        [_number(row[axis], f"{where}, line {line}, {header[axis]}") for axis in axes]
        for line, row in table[1:]
    ]
    stamps = [(row[time].strip(), f"{where}, line {line}") for line, row in table[1:]]
    # A sum may overflow to infinity; check_ink refuses it with the point's number.
    with np.errstate(over="ignore", invalid="ignore"):
        points = np.cumsum(np.reshape(velocities, (-1, 2)), axis=0)
        return [np.column_stack([points, _seconds(stamps)])]


def _number(cell: str, where: str) -> float:
    try:
        number = float(cell)
    except ValueError:
        number = np.nan
    if not np.isfinite(number):
        raise InputError(
            f"{where} is {cell[:40]!r}, which is not a finite number; correct or "
            f"remove the line."
        )
    return number


def _seconds(stamps: list[tuple[str, str]]) -> np.ndarray:
    """f64[n] seconds from pairs of a timestamp's text and its place in the file."""
    try:
        t = np.array([float(text) for text, _ in stamps])
    except ValueError:
        return np.array([_date(text, where) for text, where in stamps])
    return seconds([t])[0]


def _date(text: str, where: str) -> float:
    """Seconds since 1970 of an ISO 8601 date."""
    try:
        date = datetime.fromisoformat(text)
        return (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError) as error:
        raise InputError(
            f"{where} has the timestamp {text[:40]!r}; give seconds, milliseconds or "
            f"an ISO 8601 date, the same kind in every line."
        ) from error


# Writing


def write_csv(path: str | Path, ink: Ink, rate: float = 100.0) -> None:
    """Writes ink as a collected CSV; see `to_csv`."""
    save_file(path, to_csv(ink, str(path), rate))


def to_csv(ink: Ink, where: str, rate: float = 100.0) -> bytes:
    """Ink as the bytes of a collected CSV with `rate` rows per second (10 to 10,000).

    If all times are known, the trajectory is resampled in time; otherwise each point is
    one row. Positions become relative to the first point. The format has no pen-ups:
    the strokes become one line. InputError: a rate out of range, or too many rows.
    """
    if not 10 <= rate <= 10_000:
        raise InputError(f"{where}: the rate is {rate:g} Hz; choose 10 to 10,000 Hz.")
    points = np.concatenate(check_ink(ink, where).strokes).astype(np.float64)
    xy, t = points[:, :2], points[:, 2]
    if (np.diff(t) >= 0).all() and t[-1] > t[0]:
        # Rounded up: the last row may be late, but the line reaches its end.
        count = int(np.ceil(t[-1] * rate - 1e-6)) + 1
        if count > MAX_POINTS:
            raise InputError(
                f"{where}: {t[-1]:,.0f} seconds at {rate:g} Hz are {count:,} rows, "
                f"above the limit of {MAX_POINTS:,}; choose a lower rate."
            )
        grid = np.arange(count) / rate
        xy = np.column_stack([np.interp(grid, t, xy[:, axis]) for axis in (0, 1)])
    velocities = np.diff(xy, axis=0, prepend=xy[:1])
    rows = [
        f"{i / rate:.6f},{vx:.9g},{vy:.9g}" for i, (vx, vy) in enumerate(velocities)
    ]
    return "\n".join([",".join(CSV_COLUMNS), *rows, ""]).encode()


# Folder names. Some file systems ignore case, so capitals get a prefix of their own.


def folder_symbol(name: str) -> str:
    """The symbol of a collected folder: a -> a, uA -> A, d0 -> 0, space -> space.

    Any other name is the symbol itself, also bare digits and capitals, which older
    collections have. %2F, %5C, %25 and %2E decode to a slash, a backslash, a percent
    sign and a dot. InputError for a name that cannot be a symbol.
    """
    if re.fullmatch(r"u[A-Z]|d[0-9]", name):
        return name[1]
    if not name.isprintable() or not name.strip(". ") or set(name) & {"/", "\\"}:
        raise InputError(
            f"The folder name {name[:40]!r} does not name a symbol; rename the folder."
        )
    return re.sub("%(2F|5C|25|2E)", lambda code: chr(int(code[1], 16)), name)


def symbol_folder(symbol: str) -> str:
    """The folder name of a symbol, the inverse of `folder_symbol`.

    InputError for a symbol whose folder would belong to another one, such as "uA".
    """
    if re.fullmatch(r"[A-Z]", symbol):
        return f"u{symbol}"
    if re.fullmatch(r"[0-9]", symbol):
        return f"d{symbol}"
    if set(symbol) & set("/\\%") or set(symbol) == {"."}:
        return re.sub(r"[/\\%.]", lambda match: f"%{ord(match[0]):02X}", symbol)
    if folder_symbol(symbol) != symbol:
        raise InputError(
            f"The symbol {symbol!r} would share its folder with "
            f"{folder_symbol(symbol)!r}; give it another name."
        )
    return symbol
