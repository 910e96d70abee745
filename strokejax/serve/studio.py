"""What is served: a model's snapshot, replaced whole after each change."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import numpy as np
from fastapi import HTTPException

from strokejax.recognizer import Recognizer, load
from strokejax.serve.batching import Together
from strokejax.store.paths import CURRENT, STROKES, resolve
from strokejax.types import Ink, InputError

K = 10
"""Symbols of an answer: another number would be compiled anew."""
ANSWERING = 4
"""Threads that answer requests, and as many that answer sockets."""
TOGETHER = 4
"""Drawings that are answered at once, if so many wait."""
WATCHED = 1.0
"""Seconds between looks whether another process has changed the model."""

P = ParamSpec("P")
A = TypeVar("A")
B = TypeVar("B")
T = TypeVar("T")


class Turns:
    """Requests that are answered one after the other, those for lines and swipes say.

    At most `most` wait for their turn; who comes then is answered 429.
    """

    def __init__(self, studio: "Studio", most: int, things: str):
        self._studio, self._most, self._things = studio, most, things
        self._waiting = 0

    async def take(
        self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """What a function returns, when it is its turn; the event loop goes on."""
        if self._waiting >= self._most:
            raise HTTPException(
                429, f"{self._most} {self._things} wait, no more may; ask again later"
            )
        self._waiting += 1
        try:
            return await self._studio.line(function, *args, **kwargs)
        finally:
            self._waiting -= 1


class Studio:
    """A model's snapshot, which every request takes once and keeps until its end.

    Changes of the model wait for each other; after each the next snapshot, compiled and
    whole, takes the place of the last.
    """

    def __init__(self, model: str | Path | None = None, collect: Path | None = None):
        self.model = model
        self.collect = collect
        self._answers = ThreadPoolExecutor(ANSWERING, "answers")
        self._lives = ThreadPoolExecutor(ANSWERING, "lives")
        self._reads = ThreadPoolExecutor(1, "reads")
        self._lines = ThreadPoolExecutor(1, "lines")
        self._changes = ThreadPoolExecutor(1, "changes")
        self._current = current(model)
        self.most = 1
        """Drawings for which an answer at once is compiled."""
        self.recognizer = compiled(load(model), self.most)
        self._changes.submit(self._widen)
        self.map: tuple[Recognizer, asyncio.Task[dict[str, Any]]] | None = None
        """The last map that was asked for, and of which snapshot."""

    async def answer(
        self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """What a function returns that changes nothing; the event loop goes on."""
        return await _in(self._answers, partial(function, *args, **kwargs))

    async def read(
        self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """`answer` for large requests, one at a time: each may need much memory."""
        return await _in(self._reads, partial(function, *args, **kwargs))

    async def live(
        self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """`answer` for sockets, which never make a request wait."""
        return await _in(self._lives, partial(function, *args, **kwargs))

    async def line(
        self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """`answer` for lines, one at a time: they use every core."""
        return await _in(self._lines, partial(function, *args, **kwargs))

    def together(
        self, function: Callable[[Recognizer, list[A]], list[B | Exception]]
    ) -> Together[A, B]:
        """`answer` for a function of the snapshot and of many things at once."""

        def call(things: list[A]) -> list[B | Exception]:
            return function(self.recognizer, things)

        return Together(call, self._answers, lambda: self.most)

    async def change(
        self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """What a function returns that changes the model, once all can see it.

        It is not called off when whoever asked for it has gone.
        """
        done = asyncio.wrap_future(self.submit(function, *args, **kwargs))
        return await asyncio.shield(done)

    def submit(
        self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs
    ) -> Future[T]:
        """`change` for threads."""
        return self._changes.submit(self._changed, partial(function, *args, **kwargs))

    def _changed(self, call: Callable[[], T]) -> T:
        result = call()
        self._refresh()
        return result

    def _refresh(self) -> None:
        version = current(self.model)
        if version != self._current:
            self.recognizer = compiled(load(self.model), self.most)
            self._current = version

    def _widen(self) -> None:
        compiled(self.recognizer, TOGETHER)
        self.most = TOGETHER

    async def watch(self) -> None:
        """Takes over what other processes change, until it is cancelled."""
        while True:
            await asyncio.sleep(WATCHED)
            try:
                if current(self.model) != self._current:
                    await asyncio.wrap_future(self._changes.submit(self._refresh))
            except (InputError, OSError):
                continue  # gone or damaged: the snapshot in memory is whole

    def close(self) -> None:
        """Waits for what was begun."""
        every = self._changes, self._reads, self._lives, self._answers, self._lines
        for executor in every:
            executor.shutdown()


async def _in(executor: Executor, call: Callable[[], T]) -> T:
    return await asyncio.get_running_loop().run_in_executor(executor, call)


def compiled(model: Recognizer, most: int) -> Recognizer:
    """The model after answers to a picture, and to 1 to `most` inks at once."""
    stroke = np.array([[0, 0, 0], [1, 1, 1]], np.float32)
    picture = np.zeros((28, 28), np.uint8)
    picture[8:20, 13:15] = 255
    for count in range(1, most + 1):
        model.name_many([Ink((stroke,))] * count, K, [1.0] * count)
    model.name_many([picture], K, [None])
    return model


def current(model: str | Path | None, usual: str = STROKES) -> bytes:
    """What tells one version of a model from the next."""
    folder = resolve(model, usual)
    try:
        return bytes(folder) + (folder / CURRENT).read_bytes()
    except OSError:
        return b""
