"""Both sides in plain float32, on one thread."""

import jax
import pytest


@pytest.fixture(autouse=True, scope="session")
def _plain_float32():
    torch = pytest.importorskip("torch", reason="PyTorch is missing")
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    with jax.default_matmul_precision("highest"):
        yield
    torch.set_num_threads(threads)
