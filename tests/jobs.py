"""Runs of strokejax.launch as whole processes, small enough for tests."""

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]

SMALL = (
    "--config=configs/finetune.py",
    "--config.model.init=none",
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


def environment(cache: Path) -> dict[str, str]:
    """This process's, with compiled programs shared through a folder."""
    return os.environ | {
        "JAX_PLATFORMS": "cpu",
        "JAX_COMPILATION_CACHE_DIR": str(cache),
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0.3",
    }


def start(cache: Path, *arguments: str) -> subprocess.Popen:
    """The job's process, with stdout and stderr as text pipes."""
    # ml_collections loads config files by a method that Python is about to drop.
    known = "ignore:the load_module:DeprecationWarning"
    python = [sys.executable, "-W", "error", "-W", known]
    command = [*python, "-m", "strokejax.launch", *arguments]
    return subprocess.Popen(
        command,
        cwd=ROOT,
        env=environment(cache),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def run(cache: Path, *arguments: str, code: int = 0) -> tuple[dict, str]:
    """The job's last line as JSON ({} if none) and its stderr; checks the exit code."""
    process = start(cache, *arguments)
    out, err = process.communicate(timeout=300)
    assert process.returncode == code, err
    return (json.loads(out.splitlines()[-1]) if out.strip() else {}), err
