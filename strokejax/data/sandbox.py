"""Work on files that nobody vouches for, in processes of their own.

A damaged file can end the process that reads it, never finish, or eat all memory; here
that costs one answer, and no other.
"""

import multiprocessing
import os
from collections.abc import Callable, Iterator, Sequence
from multiprocessing.connection import Connection, wait
from time import monotonic
from typing import Any, NamedTuple

from strokejax.types import InputError

IDLE = -1
"""What a worker without a job does."""
SECONDS = 20.0
"""That one job may take."""
MEMORY = 4 * 2**30
"""Bytes of address space that a process may use."""


class Done(NamedTuple):
    """What became of one job."""

    job: int
    value: Any
    refused: str
    """Why there is no value; "" where there is."""


def each_apart(
    function: Callable[..., Any],
    jobs: Sequence[tuple[Any, ...]],
    *,
    workers: int = 0,
    seconds: float = SECONDS,
) -> Iterator[Done]:
    """`function(*job)` for every job, as they are done, by so many processes.

    Without `workers` by one a core.
    A job that raises InputError is refused with its sentence, one that ends its process
    or takes longer than `seconds` with one that says so.
    """
    left = list(enumerate(jobs))[::-1]
    workers = workers or os.cpu_count() or 1
    running = [_Worker() for _ in range(min(workers, len(jobs)))]
    try:
        for worker in running:
            worker.give(function, *left.pop())
        busy: dict[Any, _Worker]
        while busy := {w.pipe: w for w in running if w.job != IDLE}:
            soonest = min(worker.since for worker in busy.values())
            ready = wait([*busy], max(0.0, soonest + seconds - monotonic()))
            late = [w for w in busy.values() if monotonic() - w.since > seconds]
            for worker in {*(busy[pipe] for pipe in ready), *late}:
                yield worker.answer(seconds)
                if left:
                    worker.give(function, *left.pop())
    finally:
        for worker in running:
            worker.end()


class _Worker:
    """A process that does one job after another."""

    def __init__(self):
        self.job = IDLE
        self.since = 0.0
        self._start()

    def _start(self) -> None:
        # A fork would copy what accelerators and threads hold.
        context = multiprocessing.get_context("spawn")
        self.pipe, theirs = context.Pipe()
        self._process = context.Process(target=_work, args=(theirs,), daemon=True)
        self._process.start()
        theirs.close()

    def give(self, function: Callable[..., Any], job: int, arguments: Any) -> None:
        self.job, self.since = job, monotonic()
        self.pipe.send((function, arguments))

    def answer(self, seconds: float) -> Done:
        """What came of the job; a process that is lost is replaced."""
        job, self.job = self.job, IDLE
        try:
            if self.pipe.poll():
                return Done(job, *self.pipe.recv())
            why = f"took longer than {seconds:g} seconds"
        except (EOFError, OSError):
            why = "ended the process that looked into it"
        self.end()
        self._start()
        return Done(job, None, why)

    def end(self) -> None:
        self._process.kill()
        self._process.join()
        self.pipe.close()


def _work(pipe: Connection) -> None:
    _bound()
    while True:
        try:
            function, arguments = pipe.recv()
        except EOFError:
            return
        try:
            answer = function(*arguments), ""
        except InputError as error:
            answer = None, str(error)
        except MemoryError:
            answer = None, "needs more memory than it may have"
        except (
            Exception
        ) as error:  # decoders meet hostile bytes with errors of any kind
            answer = None, f"{type(error).__name__}: {str(error)[:100]}"
        pipe.send(answer)


def _bound() -> None:
    """Limits to what a process may take, where the system has them."""
    try:
        import resource
    except ImportError:
        return
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    most = resource.getrlimit(resource.RLIMIT_AS)[1]
    if most == resource.RLIM_INFINITY or most > MEMORY:
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, most))
