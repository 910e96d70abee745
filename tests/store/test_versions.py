"""kill -9 at any moment: a model is as it was before a change, or as it is after."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from strokejax.ink.formats import write_json
from strokejax.registration.registry import drawings, register
from strokejax.store.model import load_model, versions
from strokejax.store.versions import history
from tests.support.shapes import shape, shapes

WRITERS = Path(__file__).parents[1] / "support/writers.py"
KILLS, COMMANDS = 100, 5


def test_a_killed_writer_leaves_the_old_version_or_the_new(tmp_path):
    command = [sys.executable, str(WRITERS), str(tmp_path / "model"), str(KILLS)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["kills"] == KILLS
    assert told["wrong"] == []
    assert told["versions"] > 1
    assert told["temporaries"] > 0  # kills met writers in the midst of a file


def test_processes_change_a_model_one_after_the_other(tmp_path, own_home):
    two = [start(tmp_path, name) for name in ("heart", "arrow")]
    found = [json.loads(finish(process)) for process in two]
    assert sorted(each["version"] for each in found) == [2, 3]
    for name in ("heart", "arrow"):
        assert len(drawings(None, name)) == 3
    told = history(None)
    assert [each["version"] for each in told] == [1, 2, 3]
    assert {each["symbol"] for each in told[1:]} == {"heart", "arrow"}
    assert {path.name for path in own_home.iterdir()} == {"model"}


def test_a_killed_command_leaves_the_old_version_or_the_new(tmp_path, own_home):
    started = time.monotonic()
    finish(start(tmp_path, "heart"))
    whole = time.monotonic() - started
    rng = np.random.default_rng(int(whole * 1e6))
    known = 2
    for i in range(COMMANDS):
        process = start(tmp_path, "arrow", first=3 * i)
        time.sleep(whole * rng.uniform(0.5, 1.0))
        process.send_signal(signal.SIGKILL)
        process.communicate()
        stored = load_model(None)
        done = process.returncode == 0
        assert stored.version >= known + done
        for symbol in ("heart", "arrow"):
            own = [each for each in stored.samples if each.symbol == symbol]
            assert len(own) % 3 == 0
            assert (symbol in stored.symbols.symbols) == bool(own)
            if own:
                assert len(drawings(None, symbol)) == len(own)
        known = stored.version
    found = register(None, "house", shapes("house", 3), force=True)
    assert found["version"] == max(n for n, _ in versions(own_home / "model"))
    assert load_model(None).symbols.symbols[-1] == "house"


def start(folder: Path, name: str, first: int = 0) -> subprocess.Popen:
    """`strokejax register NAME` with three drawings, running."""
    files = [folder / f"{name}{seed}.json" for seed in range(first, first + 3)]
    for seed, file in enumerate(files, first):
        write_json(file, shape(name, seed))
    command = [sys.executable, "-m", "strokejax.cli", "register", name, *files]
    return subprocess.Popen(
        [*map(str, command), "--force", "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"JAX_PLATFORMS": "cpu"},
    )


def finish(process: subprocess.Popen) -> str:
    """What a command that must succeed prints."""
    out, err = process.communicate(timeout=100)
    assert process.returncode == 0, err
    return out
