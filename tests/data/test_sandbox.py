"""Jobs on damaged files: each loses its own result, and no other."""

import multiprocessing
import sys
import time

import pytest

from strokejax.data import sandbox
from strokejax.data.sandbox import sandboxed
from tests.support.hostile import behave, holds_jax

LIMIT = 5.0
"""Seconds: starting a process takes a tenth of one, on a busy computer two."""


def run(*jobs: tuple, workers: int = 2) -> list[tuple]:
    names = [f"{i}.ttf" for i in range(len(jobs))]
    return list(sandboxed(behave, jobs, names, workers=workers, seconds=LIMIT))


def failed(number: int, why: str) -> tuple:
    return (None, f"{number}.ttf {why}; leave it out.")


CRASHES = "crashes the process that reads it"
HANGS = "takes longer than 5 seconds"
FINE = ("sleep", "")


def test_every_job_has_its_own_result_in_order():
    results = run(
        ("sleep", 1.0), ("exit",), ("segmentation fault",), ("exit softly",),
        ("sleep",), ("refuse",), ("error",), ("no pickle",), ("hang",), ("sleep",),
    )  # fmt: skip
    unpicklable = results.pop(7)
    assert unpicklable[0] is None and "7.ttf cannot be used" in unpicklable[1]
    assert results == [
        FINE,
        failed(1, CRASHES),
        failed(2, CRASHES),
        failed(3, CRASHES),
        FINE,
        (None, "It is refused; give another."),
        failed(6, "cannot be used (IndexError: list index out of range)"),
        failed(8, HANGS),
        FINE,
    ]


def test_a_job_that_fails_while_it_sends_its_result_loses_no_other():
    """A pool with one pipe for all workers would stop here."""
    results = run(
        ("crash while sending",), ("hang while sending",), ("sleep",), ("sleep",)
    )
    assert results == [failed(0, CRASHES), failed(1, HANGS), FINE, FINE]


def test_a_late_crash_is_not_blamed_on_the_next_job():
    results = run(("late crash",), ("sleep", 1.0), ("sleep",), workers=1)
    assert results == [("late crash", ""), FINE, FINE]


@pytest.mark.skipif(sys.platform != "linux", reason="others limit no address space")
def test_too_much_memory_loses_one_result():
    results = run(("memory",), ("sleep",), ("memory while sending",), ("sleep",))
    lost = "needs more than 4 GiB of memory"
    assert results == [failed(0, lost), FINE, failed(2, lost), FINE]


def test_systems_without_resource_have_no_limit_of_memory(monkeypatch):
    monkeypatch.setitem(sys.modules, "resource", None)
    sandbox._limit_memory()


def test_workers_do_not_import_jax():
    assert list(sandboxed(holds_jax, [()], ["a.ttf"])) == [(False, "")]


def test_no_worker_outlives_the_results():
    jobs = [("sleep",), ("hang",), ("hang",)]
    results = sandboxed(behave, jobs, ["a", "b", "c"], workers=2)
    assert next(results) == FINE and multiprocessing.active_children()
    start = time.monotonic()
    results.close()
    assert not multiprocessing.active_children() and time.monotonic() - start < LIMIT


def test_no_jobs_have_no_results():
    assert run() == []
