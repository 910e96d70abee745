"""Laws of several processes: two do what one does, and they start, fail and end as one.

The processes are real ones on this host, joined through a free port.
"""

import json
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

import pytest

from strokejax.store.model import load_model
from strokejax.train.distributed import join
from strokejax.train.logging import read_jsonl
from strokejax.types import InputError
from tests.support import jobs

GLOO = "[Gloo] Rank"
"""The start of a line that the CPU's collectives print on stdout."""


class Ended(NamedTuple):
    code: int
    out: list[str]
    err: str


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def start_two(cache: Path, *arguments: str, second: tuple[str, ...] = ()):
    """Processes 0 and 1; `second` goes to process 1 only."""
    flags = (
        "--distributed",
        f"--coordinator=127.0.0.1:{free_port()}",
        "--num_processes=2",
        *arguments,
    )
    return [
        jobs.start(cache, *flags, f"--process_id={i}", *extra)
        for i, extra in enumerate(((), second))
    ]


def finish(processes) -> list[Ended]:
    ended = []
    try:
        for process in processes:
            out, err = jobs.finish(process)
            lines = [x for x in out.splitlines() if not x.startswith(GLOO)]
            ended.append(Ended(process.returncode, lines, err))
    finally:
        for process in processes:
            process.kill()
    return ended


@pytest.fixture(scope="module")
def two(shared_cache, tmp_path_factory):
    """The workdir of six steps on two processes, and how they ended."""
    workdir = tmp_path_factory.mktemp("two") / "run"
    started = start_two(shared_cache, *jobs.SIX_STEPS, f"--workdir={workdir}")
    return workdir, finish(started)


@pytest.fixture(scope="module")
def stopped(two, shared_cache, tmp_path_factory):
    """A workdir where both were asked to stop as soon as their loops had begun."""
    workdir = tmp_path_factory.mktemp("stopped") / "run"
    started = start_two(shared_cache, *jobs.SIX_STEPS, f"--workdir={workdir}")
    for process in started:
        while process.poll() is None and not catches_sigterm(process.pid):
            time.sleep(0.02)
    for process in started:
        process.send_signal(signal.SIGTERM)
    return workdir, finish(started)


def catches_sigterm(pid: int) -> bool:
    status = Path(f"/proc/{pid}/status").read_text()
    caught = next(line for line in status.splitlines() if line.startswith("SigCgt"))
    return bool(int(caught.split()[1], 16) >> (signal.SIGTERM - 1) & 1)


def test_two_processes_train_like_one(two, one_device):
    workdir, ended = two
    assert [process.code for process in ended] == [0, 0], ended
    jobs.assert_close(workdir, one_device)


def test_only_the_first_process_reports(two, one_device):
    workdir, (first, second) = two
    assert len(first.out) == 1
    assert json.loads(first.out[0])["workdir"] == str(workdir)
    assert second.out == []
    assert second.err == ""
    assert sorted(p.name for p in workdir.iterdir()) == sorted(
        p.name for p in one_device.iterdir()
    )
    assert len(read_jsonl(workdir / "timeline.jsonl")) == 2


needs_proc = pytest.mark.skipif(
    not Path("/proc/self/status").exists(),
    reason="the signals that a process catches are only told by Linux's /proc",
)


@needs_proc
def test_all_stop_at_the_same_step(stopped):
    workdir, (first, second) = stopped
    assert (first.code, second.code) == (143, 143), (first, second)
    assert first.out == second.out == []
    assert "saved; run the same command to resume" in first.err
    steps = [int(path.name) for path in (workdir / "checkpoints/last").iterdir()]
    assert max(steps) == max(jobs.losses(workdir)) < 6


@needs_proc
def test_one_process_goes_on_where_two_stopped(stopped, one_device, shared_cache):
    workdir, _ = stopped
    line, err = jobs.run(shared_cache, *jobs.SIX_STEPS, f"--workdir={workdir}")
    assert "Resuming after step" in err
    assert line["steps"] == 6
    jobs.assert_close(workdir, one_device)


def test_an_error_of_one_process_ends_both(two, shared_cache):
    workdir, _ = two
    before = load_model(workdir / "model").about
    other = ("--config.seed=7",)
    arguments = *jobs.SIX_STEPS, f"--workdir={workdir}"
    first, second = finish(start_two(shared_cache, *arguments, second=other))
    assert (first.code, second.code) == (2, 2)
    assert "Process 1 of 2 failed" in first.err
    assert "config.seed=0, this one has 7" in second.err
    assert first.err.count("\n") == second.err.count("\n") == 1
    assert load_model(workdir / "model").about == before


FAILING = """
import sys
from strokejax.train import distributed as processes
processes.GRACE = 1.0
processes.join("127.0.0.1:{port}", 2, {index})
print(processes.any_process({index} == 1), flush=True)
try:
    if {index} == 1:
        raise OSError("disk full")
    processes.any_process(False)
except Exception:
    processes.leave(3)
"""


def test_nobody_waits_for_a_process_that_failed(shared_cache):
    port = free_port()
    started = [
        subprocess.Popen(
            [sys.executable, "-c", FAILING.format(port=port, index=index)],
            cwd=jobs.ROOT,
            env=jobs.environment(shared_cache),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for index in range(2)
    ]
    first, second = finish(started)
    assert first.out == second.out == ["True"]
    assert second.code == 3
    assert first.code != 0


def test_missing_processes_are_named_in_one_sentence(shared_cache, tmp_path):
    arguments = (
        *jobs.SMALL,
        "--distributed",
        f"--coordinator=127.0.0.1:{free_port()}",
        "--num_processes=2",
        "--process_id=1",
        "--join_timeout=1",
        f"--workdir={tmp_path / 'run'}",
    )
    _, err = jobs.run(shared_cache, *arguments, code=2)
    assert err.startswith("strokejax: Not all processes joined within 1 s at 127.")
    assert err.count("\n") == 1
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("address", ["nonsense", "host:", ":1234", "host:99999"])
def test_addresses_without_host_or_port_are_refused(address):
    with pytest.raises(InputError, match=f"--coordinator={address} is not HOST:PORT"):
        join(address, 2, 0)


def test_flags_of_processes_need_distributed(shared_cache):
    _, err = jobs.run(shared_cache, *jobs.SMALL, "--num_processes=2", code=2)
    assert err == "strokejax: --num_processes needs --distributed; add it.\n"
