"""The state of the server: an immutable model, replaced after each change."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Annotated, ParamSpec, TypeVar

import numpy as np
from fastapi import Depends, Request

from strokejax.recognizer import Recognizer, load
from strokejax.serve.batching import Batcher
from strokejax.serve.guard import RequestRefused
from strokejax.store.paths import CURRENT, STROKES, resolve
from strokejax.types import Ink, InputError

K = 10
"""Symbols of an answer. It is fixed, because each `k` compiles the network again."""
THREADS = 4
"""Threads for requests, and as many for WebSockets."""
MAX_BATCH = 4
"""Maximum number of drawings that are recognised in one call."""
POLL_SECONDS = 1.0
"""Seconds between checks whether another process has changed the model."""

P = ParamSpec("P")
A = TypeVar("A")
B = TypeVar("B")
T = TypeVar("T")


class Threads:
    """Runs functions on threads, while the event loop goes on."""

    def __init__(self, count: int, name: str):
        self.executor = ThreadPoolExecutor(count, name)

    async def __call__(
        self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """The result of a function."""
        call = partial(function, *args, **kwargs)
        return await asyncio.get_running_loop().run_in_executor(self.executor, call)


class Studio:
    """A model for all requests; a request works with one snapshot until it ends.

    Changes run one at a time. After each, a new snapshot is loaded and compiled, and
    replaces the old one. Each kind of work has its own threads.
    """

    def __init__(self, model: str | Path | None = None, collect: Path | None = None):
        self.model = model
        self.collect = collect
        """The folder of collected drawings; None if none are saved."""
        self.run = Threads(THREADS, "requests")
        """For functions that leave the model as it is."""
        self.run_live = Threads(THREADS, "sockets")
        """For WebSockets: other requests do not wait for them."""
        self.run_large = Threads(1, "large")
        """For large requests, one at a time: each may need much memory."""
        self.run_heavy = Threads(1, "heavy")
        """For work that uses every core, one call at a time."""
        self._changes = ThreadPoolExecutor(1, "changes")
        self._fingerprint = fingerprint(model)
        # The server starts as soon as it can recognise one drawing; the larger batches
        # are compiled while it already answers.
        self._max_batch = 1
        self.recognizer = _compile(load(model), self._max_batch)
        self._changes.submit(self._compile_batches)

    def batched(
        self, function: Callable[[Recognizer, list[A]], list[B | Exception]]
    ) -> Batcher[A, B]:
        """`run` for a function of the snapshot and a batch; see `Batcher`."""

        def call(batch: list[A]) -> list[B | Exception]:
            return function(self.recognizer, batch)

        return Batcher(call, self.run.executor, lambda: self._max_batch)

    async def change(
        self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """The result of a function that changes the model, once it is in use.

        The change goes on if the client leaves.
        """
        done = asyncio.wrap_future(self.submit(function, *args, **kwargs))
        return await asyncio.shield(done)

    def submit(
        self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs
    ) -> Future[T]:
        """`change` for callers on a thread."""
        return self._changes.submit(self._change, partial(function, *args, **kwargs))

    def _change(self, call: Callable[[], T]) -> T:
        result = call()
        self._refresh()
        return result

    def _refresh(self) -> None:
        stored = fingerprint(self.model)
        if stored != self._fingerprint:
            self.recognizer = _compile(load(self.model), self._max_batch)
            self._fingerprint = stored

    def _compile_batches(self) -> None:
        _compile(self.recognizer, MAX_BATCH)
        self._max_batch = MAX_BATCH

    async def watch(self) -> None:
        """Loads the model when another process has changed it, until cancelled."""
        while True:
            await asyncio.sleep(POLL_SECONDS)
            try:
                if fingerprint(self.model) != self._fingerprint:
                    await asyncio.wrap_future(self._changes.submit(self._refresh))
            except (InputError, OSError):
                continue  # missing or damaged: the snapshot in memory still works

    def close(self) -> None:
        """Waits for all running work."""
        self._changes.shutdown()
        for threads in (self.run_large, self.run_live, self.run, self.run_heavy):
            threads.executor.shutdown()


async def _served(request: Request) -> Studio:
    return request.app.state.studio


Served = Annotated[Studio, Depends(_served)]
"""The studio, as a parameter of a route."""


class BoundedQueue:
    """`Studio.run_heavy`, for at most `max_waiting` calls at once.

    Further calls raise RequestRefused with status 429; `noun` names the calls in its
    text, in the plural.
    """

    def __init__(self, studio: Studio, max_waiting: int, noun: str):
        self._studio, self._max_waiting, self._noun = studio, max_waiting, noun
        self._waiting = 0

    async def run(
        self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """The result of a function, once the calls before it are done."""
        if self._waiting >= self._max_waiting:
            raise RequestRefused(
                429,
                f"{self._max_waiting} {self._noun} wait already, which is the limit; "
                f"ask again later.",
            )
        self._waiting += 1
        try:
            return await self._studio.run_heavy(function, *args, **kwargs)
        finally:
            self._waiting -= 1


def fingerprint(model: str | Path | None, default: str = STROKES) -> bytes:
    """Bytes that differ between versions of a model; b"" if it cannot be read."""
    folder = resolve(model, default)
    try:
        return bytes(folder) + (folder / CURRENT).read_bytes()
    except OSError:
        return b""


def _compile(model: Recognizer, max_batch: int) -> Recognizer:
    """The model, compiled for a picture and for batches of 1 to `max_batch` inks."""
    stroke = np.array([[0, 0, 0], [1, 1, 1]], np.float32)
    picture = np.zeros((28, 28), np.uint8)
    picture[8:20, 13:15] = 255
    for size in range(1, max_batch + 1):
        model.name_many([Ink((stroke,))] * size, K, [1.0] * size)
    model.name_many([picture], K, [None])
    return model
