"""Collected folders: one folder a symbol, one CSV of pen velocities a stroke."""

import csv
import io
import re
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from strokejax.files import save_file
from strokejax.ink.limits import MAX_POINTS, check_ink, decode_text
from strokejax.types import Ink, InputError

CSV_COLUMNS = ("timestamp", "velocity_x", "velocity_y")


def parse_csv(data: bytes, where: str) -> list[np.ndarray]:
    """The one stroke f64[n, 3] of a CSV: each point is the sum of velocities so far.

    Columns may come in any order, others are passed over; timestamps are seconds,
    milliseconds (where their median step is 0.5 or more) or ISO 8601 dates, UTC if they
    name no zone. InputError names the line.
    """
    text = decode_text(data, where).rstrip()
    rows = text.count("\n")
    if rows > MAX_POINTS:
        raise InputError(
            f"{where} has {rows:,} rows, above the limit of {MAX_POINTS:,}; give one "
            f"stroke a file."
        )
    try:
        table = [*enumerate(csv.reader(io.StringIO(text, newline="")), 1)]
    except csv.Error as error:
        raise InputError(
            f"{where} is not a CSV file ({str(error)[:80]}); export it again."
        ) from error
    table = [(line, row) for line, row in table if any(cell.strip() for cell in row)]
    header = [cell.strip().lower() for cell in table[0][1]] if table else []
    if not set(CSV_COLUMNS) <= set(header):
        raise InputError(
            f"{where} has the columns {', '.join(header)[:80]!r}, wanted are "
            f"{', '.join(CSV_COLUMNS)!r}; name them so in the first line."
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
    with np.errstate(over="ignore", invalid="ignore"):
        points = np.cumsum(np.reshape(velocities, (-1, 2)), axis=0)
        return [np.column_stack([points, _seconds(stamps)])]


def write_csv(path: str | Path, ink: Ink, rate: float = 100.0) -> None:
    """Writes ink as a collected CSV; see `to_csv`."""
    save_file(path, to_csv(ink, str(path), rate))


def to_csv(ink: Ink, where: str, rate: float = 100.0) -> bytes:
    """Ink as a collected CSV with `rate` samples a second (10 to 10,000).

    Where all times are known the pen's way is resampled in time, else each point is one
    sample; positions become relative to the first point. The format has no pen-ups:
    they are lost, and the strokes become one line.
    """
    if not 10 <= rate <= 10_000:
        raise InputError(f"{where}: the rate is {rate:g} Hz; choose 10 to 10,000 Hz.")
    points = np.concatenate(check_ink(ink, where).strokes).astype(np.float64)
    xy, t = points[:, :2], points[:, 2]
    if (np.diff(t) >= 0).all() and t[-1] > t[0]:
        # The last sample may come late, so that the line reaches its end.
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


def folder_symbol(name: str) -> str:
    """The symbol of a collected folder: a -> a, uA -> A, d0 -> 0, space -> space.

    Other names, bare digits and capitals of older collections too, mean themselves;
    %2F, %5C, %25 and %2E stand for a slash, a backslash, a percent sign and a dot.
    """
    if re.fullmatch(r"u[A-Z]|d[0-9]", name):
        return name[1]
    if not name.isprintable() or not name.strip(". ") or set(name) & {"/", "\\"}:
        raise InputError(f"The folder name {name[:40]!r} names no symbol; rename it.")
    return re.sub("%(2F|5C|25|2E)", lambda code: chr(int(code[1], 16)), name)


def symbol_folder(symbol: str) -> str:
    """The folder that collects a symbol; folder_symbol takes it back."""
    if re.fullmatch(r"[A-Z]", symbol):
        return f"u{symbol}"
    if re.fullmatch(r"[0-9]", symbol):
        return f"d{symbol}"
    if set(symbol) & set("/\\%") or set(symbol) == {"."}:
        return re.sub(r"[/\\%.]", lambda odd: f"%{ord(odd[0]):02X}", symbol)
    if folder_symbol(symbol) != symbol:
        raise InputError(
            f"The symbol {symbol!r} would share its folder with "
            f"{folder_symbol(symbol)!r}; give it another name."
        )
    return symbol


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
    """f64[n] from the texts of timestamps, each with the place it comes from."""
    try:
        t = np.array([float(text) for text, _ in stamps])
    except ValueError:
        return np.array([_date(text, where) for text, where in stamps])
    steps = np.diff(t)
    steps = steps[steps > 0]
    # Nobody samples a pen twice a second: such steps are milliseconds.
    return t / 1000 if len(steps) and np.median(steps) >= 0.5 else t


def _date(text: str, where: str) -> float:
    try:
        date = datetime.fromisoformat(text)
        return (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError) as error:
        raise InputError(
            f"{where} has the timestamp {text[:40]!r}; give seconds, milliseconds or "
            f"an ISO 8601 date, the same kind in every line."
        ) from error
