"""How commands start soon."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def importing() -> Iterator[None]:
    """Imports of jax inside go without garbage collections.

    What jax brings stays: the collector's walks over it, on the way and when Python
    ends, would be a fifth of the wait for an answer.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
