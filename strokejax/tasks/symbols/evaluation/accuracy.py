"""Headline figures of UNIPEN accuracy and of cost."""

import time
from pathlib import Path

import jax
import numpy as np

from strokejax.evaluation.figure import Figure, share
from strokejax.evaluation.scores import merge_twins
from strokejax.ink.resample import longer_side
from strokejax.ink.synthesis.handwriting import Writer, write
from strokejax.recognizer import Recognizer
from strokejax.table.knn import Ranked, rank_compiled
from strokejax.tasks.symbols.evaluation.validation import (
    Modalities,
    Validation,
    ablations,
)

DATA = "UNIPEN"
TOP1_TARGETS: dict[Modalities, float] = {
    ("shape",): 0.80,
    ("motion",): 0.805,
    ("shape", "motion", "size"): 0.85,
}
TOP5_TARGET, TWINS_TARGET = 0.985, 0.935
"""Targets for all modalities of the network together."""
BATCH = 4096
"""Embeddings ranked at once."""
CALLS = 300
"""Timed recognitions."""
TIMED = "the built-in hand's 'a'"

# Letters and digits of held-out writers.


def unipen(validation: Validation) -> list[Figure]:
    """The figures of `unipen_accuracy` for each ablation of the modalities."""
    return [
        figure
        for view in ablations(validation.model.spec.uses)
        for figure in unipen_accuracy(validation, view)
    ]


def unipen_accuracy(validation: Validation, view: Modalities) -> list[Figure]:
    """Top-1, top-5 and top-1 with twins merged, by the modalities of `view` alone."""
    drawn = validation.embed_letters(view)
    names = validation.model.names(rank_in_batches(validation.model, drawn.z, 5).slot)
    merged = merge_twins(names[:, 0]) == merge_twins(drawn.names)
    hits = names == drawn.names[:, None]
    everything = view == validation.model.spec.uses
    return [
        share(f"{name}, {' + '.join(view)}", right, drawn.groups, DATA, target)
        for name, right, target in (
            ("top-1", hits[:, 0], TOP1_TARGETS.get(view)),
            ("top-5", hits.any(1), TOP5_TARGET if everything else None),
            ("twins merged", merged, TWINS_TARGET if everything else None),
        )
    ]


def rank_in_batches(model: Recognizer, z: np.ndarray, k: int) -> Ranked:
    """The k nearest symbols of embeddings f32[n d], as `Recognizer.ranked` has them."""
    parts = [
        jax.device_get(
            rank_compiled(z[i : i + BATCH], model.params["table"], model.slots, k)
        )
        for i in range(0, len(z), BATCH)
    ]
    return Ranked(*(np.concatenate(x) for x in zip(*parts, strict=True)))


# Cost: time, parameters, disk space.


def cost(validation: Validation, folder: Path) -> list[Figure]:
    """Latency, number of parameters, and size of the model's files in `folder`."""
    leaves = jax.tree.leaves(validation.stored.encoder)
    parameters = sum(np.size(leaf) for leaf in leaves)
    stored = sum(path.stat().st_size for path in folder.glob("*.safetensors"))
    return [
        latency(validation),
        Figure("parameters", parameters / 1e6, None, 1, "", 0.7, True, "M"),
        Figure("stored model", stored / 1e6, None, 1, "", 4.0, True, "MB"),
    ]


def latency(validation: Validation) -> Figure:
    """Median milliseconds from ink of a known reference size to names, warm.

    The interval lies between order statistics. The number of calls below the true
    median is binomial with standard deviation sqrt(n) / 2, so the ranks of a 95 %
    interval are n / 2 -+ 0.98 sqrt(n).
    """
    ink = write("a", Writer(), np.random.default_rng(0))
    size = longer_side(ink)
    times = []
    for _ in range(10 + CALLS):
        start = time.perf_counter()
        validation.model.recognize(ink, reference_size=size)
        times.append(1e3 * (time.perf_counter() - start))
    middle, half = CALLS / 2, 0.98 * CALLS**0.5
    ordered = np.sort(times[10:])  # the first ten warm up
    interval = float(ordered[int(middle - half)]), float(ordered[int(middle + half)])
    value = float(np.median(ordered))
    return Figure(
        "one recognition, ink to names", value, interval, CALLS, TIMED, 2.0, True, "ms"
    )
