"""What waits while others are answered is answered together."""

import asyncio
from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor
from typing import Generic, TypeVar

A = TypeVar("A")
B = TypeVar("B")


class Together(Generic[A, B]):
    """A function of many things, for callers that each have one.

    `function` runs in the executor, one call at a time, and returns for each thing what
    its caller gets: a value, or an exception to raise; `most` is how many it may take.
    """

    def __init__(
        self,
        function: Callable[[list[A]], list[B | Exception]],
        executor: Executor,
        most: Callable[[], int],
    ):
        self.function, self.executor, self.most = function, executor, most
        self._waiting: deque[tuple[A, asyncio.Future[B]]] = deque()
        self._running: asyncio.Task[None] | None = None

    async def __call__(self, thing: A) -> B:
        """What the function returns for a thing."""
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[B] = loop.create_future()
        self._waiting.append((thing, answer))
        if self._running is None:
            self._running = loop.create_task(self._run())
        return await answer

    async def _run(self) -> None:
        await asyncio.sleep(0)  # others may have come in the same moment
        while self._waiting:
            count = min(len(self._waiting), self.most())
            chosen = [self._waiting.popleft() for _ in range(count)]
            values = await self._found([thing for thing, _ in chosen])
            for (_, answer), value in zip(chosen, values, strict=True):
                if answer.done():
                    continue  # who asked has gone
                if isinstance(value, Exception):
                    answer.set_exception(value)
                else:
                    answer.set_result(value)
        self._running = None

    async def _found(self, things: list[A]) -> list[B | Exception]:
        """What the function returns; what fails together is tried alone."""
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(self.executor, self.function, things)
        except Exception as error:
            if len(things) == 1:
                return [error]
            return [(await self._found([thing]))[0] for thing in things]
