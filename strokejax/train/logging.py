"""Metric writers: JSON lines, TensorBoard, Weights & Biases; progress on stderr."""

import importlib
import json
import math
import os
import sys
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any, Protocol, TextIO, TypeVar

from strokejax.files import write_atomically
from strokejax.types import InputError


class MetricWriter(Protocol):
    """Stores the metrics of a step; the values are on the host."""

    def write(self, step: int, values: Mapping[str, float]) -> None: ...

    def close(self) -> None: ...


def read_jsonl(path: str | os.PathLike[str]) -> list[dict[str, Any]]:
    """The rows of a JSON lines file, without a last line that a kill cut short.

    A missing file has no rows. InputError for any other line that is not JSON.
    """
    path = Path(path)
    lines = path.read_bytes().split(b"\n") if path.exists() else []
    rows = []
    for number, line in enumerate(lines, start=1):
        if not line:
            continue
        try:
            rows.append(json.loads(line))
        except ValueError:
            # Each line ends with a newline, so only the last piece can be incomplete.
            if number < len(lines):
                raise InputError(
                    f"{path}: line {number} of {len(lines)} is not JSON; delete that "
                    f"line or the file."
                ) from None
    return rows


class JsonLines:
    """Writes one JSON object per line: "step", "time" (Unix seconds) and the values.

    NaN and infinities become null. Opening removes an incomplete last line and the
    lines of steps after `resume_step`, so that a resumed run has the lines of an
    uninterrupted one; -1 removes all lines.
    """

    def __init__(
        self, path: str | os.PathLike[str], *, resume_step: int | None = None
    ) -> None:
        rows = read_jsonl(path)
        if resume_step is not None:
            rows = [row for row in rows if row["step"] <= resume_step]
        write_atomically(path, b"".join(_line(row) for row in rows))
        self._path = Path(path)

    def write(self, step: int, values: Mapping[str, float]) -> None:
        row: dict[str, float | None] = {"step": step, "time": round(time.time(), 3)}
        for name, value in values.items():
            row[name] = float(value) if math.isfinite(value) else None
        with self._path.open("ab") as file:
            file.write(_line(row))

    def close(self) -> None:
        """Does nothing: `write` closes the file after each line."""


def _line(row: Mapping[str, Any]) -> bytes:
    return json.dumps(row).encode() + b"\n"


class TensorBoard:
    """Writes TensorBoard event files; needs the extra `tensorboard`.

    Hides the steps after `resume_step` that an earlier process wrote.
    """

    def __init__(
        self, logdir: str | os.PathLike[str], *, resume_step: int | None = None
    ) -> None:
        purge = None if resume_step is None else resume_step + 1
        package = _extra("tensorboardX", "tensorboard")
        self._writer = package.SummaryWriter(str(logdir), purge_step=purge)

    def write(self, step: int, values: Mapping[str, float]) -> None:
        for name, value in values.items():
            self._writer.add_scalar(name, float(value), step)
        self._writer.flush()

    def close(self) -> None:
        self._writer.close()


class WandB:
    """Writes to a Weights & Biases run; needs the extra `wandb`.

    `dir` stores the id of the run, so that a resumed job continues the same run.
    """

    def __init__(
        self, project: str, config: Mapping[str, Any], dir: str | os.PathLike[str]
    ) -> None:
        package = _extra("wandb", "wandb")
        path = Path(dir) / "wandb_id"
        if not path.exists():
            write_atomically(path, uuid.uuid4().hex.encode())
        self._run = package.init(
            project=project,
            config=dict(config),
            dir=str(dir),
            id=path.read_text(),
            resume="allow",
        )

    def write(self, step: int, values: Mapping[str, float]) -> None:
        self._run.log({k: float(v) for k, v in values.items()}, step=step)

    def close(self) -> None:
        self._run.finish()


def _extra(package: str, extra: str) -> ModuleType:
    try:
        return importlib.import_module(package)
    except ModuleNotFoundError as error:
        if error.name != package:
            raise
        raise InputError(
            f"config.log.{extra} needs the package {package}, which is not installed: "
            f"pip install 'strokejax[{extra}]'."
        ) from None


class Progress:
    """Shows finished steps, examples per second and the time left on stderr.

    The clock starts after the first step, which compiles. A terminal gets a bar; a file
    or pipe gets a plain line every `every` seconds at most, and a last one.
    """

    def __init__(
        self,
        total: int,
        initial: int = 0,
        *,
        batch_size: int = 1,
        every: float = 10.0,
        stream: TextIO | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._total, self._step, self._batch_size = total, initial, batch_size
        self._every, self._clock = every, clock
        self._stream = sys.stderr if stream is None else stream
        self._bar: Any = None
        self._start: tuple[int, float] | None = None
        self._printed = -math.inf
        self._pending = ""

    def update(self, step: int, **shown: float) -> None:
        """Shows that `step` steps are done; the values `shown` follow the rate."""
        self._step, now = step, self._clock()
        if self._start is None:
            self._start = (step, now)
        rate = self._rate(now)
        values = [f"{rate * self._batch_size:,.0f} examples/s"] if rate else []
        values += [f"{name} {value:.4g}" for name, value in shown.items()]
        if self._stream.isatty():
            self._draw(", ".join(values))
            return
        if rate:
            values.insert(1, f"{_clock_time((self._total - step) / rate)} left")
        self._pending = ", ".join([f"step {step:,} of {self._total:,}", *values])
        if now - self._printed >= self._every:
            self._print(now)

    def close(self) -> None:
        """Leaves the last state visible."""
        if self._bar is not None:
            self._bar.close()
        elif self._pending:
            self._print(self._clock())

    def _rate(self, now: float) -> float:
        """Steps per second since the first update; 0 at that update."""
        first, start = self._start or (self._step, now)
        return (self._step - first) / (now - start) if now > start else 0.0

    def _draw(self, values: str) -> None:
        if self._bar is None:
            from tqdm import tqdm

            # tqdm's clock starts with the bar: made before the first step, its time
            # left would count the compilation.
            self._bar = tqdm(
                total=self._total,
                initial=self._step,
                file=self._stream,
                smoothing=0,
                dynamic_ncols=True,
                bar_format="{percentage:3.0f}% |{bar:20}| step {n_fmt} of {total_fmt}, "
                "{remaining} left{postfix}",
            )
        self._bar.set_postfix_str(values, refresh=False)
        self._bar.update(self._step - self._bar.n)

    def _print(self, now: float) -> None:
        print(self._pending, file=self._stream, flush=True)
        self._printed, self._pending = now, ""


T = TypeVar("T")


def progress(steps: Iterator[T], total: int, unit: str) -> Iterator[T]:
    """Yields the steps and shows a bar on stderr if that is a terminal."""
    from tqdm import tqdm

    options = {"file": sys.stderr, "disable": None, "dynamic_ncols": True}
    yield from tqdm(steps, total=total, unit=f" {unit}", **options)


def _clock_time(seconds: float) -> str:
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"
