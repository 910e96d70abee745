import os

# Before anything imports jax: an accelerator rounds otherwise, and starts slowly.
os.environ.setdefault("JAX_PLATFORMS", "cpu")
# Tests compile much and compute little: this halves their time.
os.environ.setdefault("XLA_FLAGS", "--xla_backend_optimization_level=0")

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, settings

from tests.support import jobs

# Processes that tests start import `tests.support`, too.
ROOT = str(Path(__file__).parents[1])
os.environ["PYTHONPATH"] = os.pathsep.join([ROOT, os.environ.get("PYTHONPATH", "")])

settings.register_profile(
    "strokejax",
    deadline=None,
    max_examples=25,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("strokejax")


@pytest.fixture(autouse=True)
def own_home(tmp_path, monkeypatch) -> Path:
    """No test sees or changes the model of the person who runs it."""
    home = tmp_path / "home"
    monkeypatch.setenv("STROKEJAX_HOME", str(home))
    return home


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


@pytest.fixture(scope="session")
def shared_cache(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("shared_cache")


@pytest.fixture(scope="session")
def one_device(shared_cache, tmp_path_factory) -> Path:
    """The workdir of six steps on one device."""
    workdir = tmp_path_factory.mktemp("one_device") / "run"
    jobs.run(shared_cache, *jobs.SIX_STEPS, f"--workdir={workdir}")
    return workdir
