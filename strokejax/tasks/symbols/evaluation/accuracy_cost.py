"""What a model costs: time, parameters, room on the disk."""

import time
from pathlib import Path

import jax
import numpy as np

from strokejax.evaluation.figure import Figure
from strokejax.ink.resample import longer_side
from strokejax.ink.synthesis.handwriting import Writer, write
from strokejax.tasks.symbols.evaluation.validation import Validation

CALLS = 300
DATA = "the built-in hand's 'a'"


def cost(found: Validation, folder: Path) -> list[Figure]:
    """One recognition, the network's parameters, the files of the model's `folder`."""
    leaves = jax.tree.leaves(found.stored.encoder)
    parameters = sum(np.size(leaf) for leaf in leaves)
    stored = sum(path.stat().st_size for path in folder.glob("*.safetensors"))
    return [
        recognition(found),
        Figure("parameters", parameters / 1e6, None, 1, "", 0.7, True, "M"),
        Figure("stored model", stored / 1e6, None, 1, "", 4.0, True, "MB"),
    ]


def recognition(found: Validation) -> Figure:
    """Median milliseconds from ink of a known usual size to names, warm.

    The interval is that between order statistics, for a median of so many calls.
    """
    ink = write("a", Writer(), np.random.default_rng(0))
    size = longer_side(ink)
    times = []
    for _ in range(10 + CALLS):
        start = time.perf_counter()
        found.model.recognize(ink, usual_size=size)
        times.append(1e3 * (time.perf_counter() - start))
    middle, half = CALLS / 2, 0.98 * CALLS**0.5
    spread = np.sort(times[10:])
    interval = float(spread[int(middle - half)]), float(spread[int(middle + half)])
    value = float(np.median(spread))
    return Figure(
        "one recognition, ink to names", value, interval, CALLS, DATA, 2.0, True, "ms"
    )
