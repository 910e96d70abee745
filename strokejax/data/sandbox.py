"""Runs a function on untrusted files, in processes with limits of time and memory.

A damaged file can crash the process that reads it, never finish, or use up all memory.
It loses its own result then, and no other.
"""

import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from multiprocessing.connection import Connection, wait
from time import monotonic
from typing import Any, NamedTuple

from strokejax.types import InputError

# Why no library: pebble.ProcessPool sends all results through one pipe, and its lock
# stays taken if a worker dies while it holds it (noxdafox/pebble#163). In that case
# concurrent.futures can wait forever for the rest of the result. A new process per job,
# pebble.concurrent, has neither fault and takes seven times the CPU time.

SECONDS = 20.0
"""Time limit of one job."""
MEMORY = 4 * 2**30
"""Limit of a worker's address space in bytes, where the system can set one."""
_OUT_OF_MEMORY = 87
"""Exit code of a worker that reached it."""


class Result(NamedTuple):
    """The outcome of one job."""

    value: Any
    error: str
    """A sentence that says why there is no value; "" if there is one."""


def sandboxed(
    function: Callable[..., Any],
    jobs: Sequence[tuple[Any, ...]],
    names: Sequence[str],
    *,
    workers: int = 0,
    seconds: float = SECONDS,
) -> Iterator[Result]:
    """The result of `function(*job)` for each job, in their order.

    `workers` processes run them, one per core if 0. Errors call a job by its name, the
    path of its file; the message of an InputError is passed on unchanged.
    """
    queue = iter(enumerate(zip(names, jobs, strict=True)))
    count = min(workers or os.cpu_count() or 1, len(jobs))
    pool = [_Worker(function, seconds) for _ in range(count)]
    results: dict[int, Result] = {}
    try:
        for worker in pool:
            worker.begin(*next(queue))
        for number in range(len(jobs)):
            while number not in results:
                deadline = min(worker.deadline for worker in pool)
                wait([w.pipe for w in pool], max(0.0, deadline - monotonic()))
                for worker in tuple(pool):
                    if result := worker.poll():
                        results[worker.number] = result
                        if following := next(queue, None):
                            worker.begin(*following)
                        else:
                            worker.kill()
                            pool.remove(worker)
            yield results.pop(number)
    finally:
        for worker in pool:
            worker.kill()


class _Worker:
    """A process that runs one job after another; a new one follows a lost one."""

    def __init__(self, function: Callable[..., Any], seconds: float):
        self._function, self._seconds = function, seconds
        self._start()

    def _start(self) -> None:
        # A fork would copy the state of threads and accelerators.
        context = multiprocessing.get_context("spawn")
        self.pipe, theirs = context.Pipe()
        self._process = context.Process(
            target=_serve, args=(theirs, self._function), daemon=True
        )
        self._process.start()
        theirs.close()
        self._fresh = True

    def begin(self, number: int, job: tuple[str, tuple[Any, ...]]) -> None:
        self.number, self._job = number, job
        if not self._process.is_alive():
            self._start()
        self.deadline = monotonic() + self._seconds
        with suppress(OSError):  # a process that crashes here is found by `poll`
            self.pipe.send(job)

    def poll(self) -> Result | None:
        """The result of the job, None while it runs."""
        try:
            if self.pipe.poll():
                result, self._fresh = self.pipe.recv(), False
                return result
            if monotonic() < self.deadline:
                return None
            error = f"takes longer than {self._seconds:g} seconds"
            self.kill()
        except (EOFError, OSError):
            self.kill()
            if not self._fresh:
                # The job before may have damaged the process; a new one decides.
                return self.begin(self.number, self._job)
            error = "crashes the process that reads it"
            if self._process.exitcode == _OUT_OF_MEMORY:
                error = f"needs more than {MEMORY >> 30} GiB of memory"
        return Result(None, f"{self._job[0]} {error}; leave it out.")

    def kill(self) -> None:
        self._process.kill()
        self._process.join()
        self.pipe.close()


def _serve(pipe: Connection, function: Callable[..., Any]) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C: the parent ends the workers
    _limit_memory()
    while True:
        try:
            name, arguments = pipe.recv()
        except EOFError:
            return
        try:
            pipe.send(Result(function(*arguments), ""))
        except InputError as error:
            pipe.send(Result(None, str(error)))
        except MemoryError:
            os._exit(_OUT_OF_MEMORY)
        except Exception as error:  # parsers meet damaged files with errors of any kind
            what = f"{type(error).__name__}: {str(error)[:100]}"
            pipe.send(Result(None, f"{name} cannot be used ({what}); leave it out."))


def _limit_memory() -> None:
    try:
        import resource
    except ImportError:  # Windows
        return
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    hard = resource.getrlimit(resource.RLIMIT_AS)[1]
    if hard == resource.RLIM_INFINITY or hard > MEMORY:
        with suppress(OSError, ValueError):  # macOS can refuse
            resource.setrlimit(resource.RLIMIT_AS, (MEMORY, hard))
