import os

# Before anything imports jax: an accelerator rounds otherwise, and starts slowly.
os.environ.setdefault("JAX_PLATFORMS", "cpu")

import numpy as np
import pytest
from hypothesis import HealthCheck, settings

settings.register_profile(
    "strokejax",
    deadline=None,
    max_examples=25,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("strokejax")


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)
