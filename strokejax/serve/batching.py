"""Dynamic batching: requests that wait at the same time share one call."""

import asyncio
from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor
from typing import Generic, TypeVar

A = TypeVar("A")
B = TypeVar("B")


class Batcher(Generic[A, B]):
    """Turns a function of a batch into a coroutine function of one input.

    `function` runs in the executor, one call at a time. For each input it returns a
    result, or an exception to raise for that caller. `max_size()` limits a batch.
    """

    def __init__(
        self,
        function: Callable[[list[A]], list[B | Exception]],
        executor: Executor,
        max_size: Callable[[], int],
    ):
        self.function, self.executor, self.max_size = function, executor, max_size
        self._queue: deque[tuple[A, asyncio.Future[B]]] = deque()
        self._task: asyncio.Task[None] | None = None

    async def __call__(self, value: A) -> B:
        """The function's result for one input."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[B] = loop.create_future()
        self._queue.append((value, future))
        if self._task is None:
            self._task = loop.create_task(self._run())
        return await future

    async def _run(self) -> None:
        await asyncio.sleep(0)  # callers of the same moment join the first batch
        while self._queue:
            size = min(len(self._queue), self.max_size())
            batch = [self._queue.popleft() for _ in range(size)]
            results = await self._call([value for value, _ in batch])
            for (_, future), result in zip(batch, results, strict=True):
                if future.done():
                    continue  # the caller was cancelled
                if isinstance(result, Exception):
                    future.set_exception(result)
                else:
                    future.set_result(result)
        self._task = None

    async def _call(self, batch: list[A]) -> list[B | Exception]:
        """Results of a batch; if the call fails, each input is tried alone."""
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(self.executor, self.function, batch)
        except Exception as error:
            if len(batch) == 1:
                return [error]
            return [(await self._call([value]))[0] for value in batch]
