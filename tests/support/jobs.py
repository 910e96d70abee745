"""Runs of strokejax.launch as whole processes, small enough for tests."""

import json
import os
import subprocess
import sys
from pathlib import Path

import jax
import numpy as np

from strokejax.store.model import load_model
from strokejax.train.logging import read_jsonl

ROOT = Path(__file__).parents[2]

SMALL = (
    "--config=configs/finetune.py",
    "--config.model.init=none",
    "--config.model.name=stroke_net",
    "--config.model.capacity=64",
    "--config.data.writers=2",
    "--config.data.samples=1",
    "--config.data.points=16",
    "--config.data.limit_valid=40",
    "--config.raster.size=12",
    "--config.raster.margin=1",
    "--config.loop.batch_size=32",
    "--config.loop.epochs=4",
    "--config.loop.log_every=1",
    "--config.loop.checkpoint_every=2",
    "--config.loop.statistics=2",
)
"""Three steps an epoch of twelve-pixel pictures."""

SIX_STEPS = (
    *SMALL,
    "--config.loop.epochs=2",
    "--config.optim.learning_rate=1e-4",
)


def environment(cache: Path, devices: int = 1) -> dict[str, str]:
    """This process's, with compiled programs shared through a folder."""
    return os.environ | {
        "JAX_PLATFORMS": "cpu",
        # The first flag halves the time to compile and not much is computed here.
        "XLA_FLAGS": "--xla_backend_optimization_level=0 "
        f"--xla_force_host_platform_device_count={devices} "
        # Many devices on two busy cores wait for each other longer than its 40 seconds.
        "--xla_cpu_collective_call_terminate_timeout_seconds=600",
        "PYTHONDONTWRITEBYTECODE": "",
        "PYTHONPYCACHEPREFIX": str(cache / "bytecode"),
        "JAX_COMPILATION_CACHE_DIR": str(cache),
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0.3",
    }


def start(cache: Path, *arguments: str, devices: int = 1) -> subprocess.Popen:
    """The job's process, with stdout and stderr as text pipes."""
    # ml_collections loads config files by a method that Python is about to drop.
    known = "ignore:the load_module:DeprecationWarning"
    python = [sys.executable, "-W", "error", "-W", known]
    command = [*python, "-m", "strokejax.launch", *arguments]
    return subprocess.Popen(
        command,
        cwd=ROOT,
        env=environment(cache, devices),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def run(
    cache: Path, *arguments: str, code: int = 0, devices: int = 1
) -> tuple[dict, str]:
    """The job's last line as JSON ({} if none) and its stderr; checks the exit code."""
    process = start(cache, *arguments, devices=devices)
    out, err = finish(process)
    assert process.returncode == code, err
    return (json.loads(out.splitlines()[-1]) if out.strip() else {}), err


def script(cache: Path, code: str, devices: int) -> dict:
    """What a script that runs on so many simulated devices prints as JSON."""
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=environment(cache, devices),
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def finish(process: subprocess.Popen) -> tuple[str, str]:
    """What a process printed; one that does not end is killed."""
    try:
        return process.communicate(timeout=900)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        raise


def assert_close(workdir: Path, other: Path) -> None:
    """The same losses to 1e-5, step by step; then the same weights and statistics.

    Sums over devices are made in another order. Adam turns that noise, where a gradient
    is nearly zero, into steps of the size of the learning rate, 1e-4.
    """
    ours, theirs = (losses(path) for path in (workdir, other))
    assert ours.keys() == theirs.keys()
    np.testing.assert_allclose([*ours.values()], [*theirs.values()], rtol=1e-5)
    ours, theirs = (load_model(path / "model") for path in (workdir, other))
    for name in ("model_state", "encoder", "table"):
        pairs = zip(
            jax.tree.leaves(getattr(ours, name)),
            jax.tree.leaves(getattr(theirs, name)),
            strict=True,
        )
        for a, b in pairs:
            np.testing.assert_allclose(a, b, rtol=1e-3, atol=2e-4, err_msg=name)


def losses(workdir: Path) -> dict[int, float]:
    """Training loss by step; a step that was logged twice is an error."""
    rows = [r for r in read_jsonl(workdir / "metrics.jsonl") if "loss" in r]
    found = {row["step"]: row["loss"] for row in rows}
    assert len(found) == len(rows)
    return found
