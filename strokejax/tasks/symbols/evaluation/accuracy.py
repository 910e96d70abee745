"""How well the letters and digits of other writers are named."""

import time
from pathlib import Path

import jax
import numpy as np

from strokejax.evaluation.figure import Figure, share
from strokejax.evaluation.scores import merge_twins
from strokejax.ink.resample import longer_side
from strokejax.ink.synthesis.handwriting import Writer, write
from strokejax.recognizer import Recognizer
from strokejax.table.knn import Ranked, rank
from strokejax.tasks.symbols.evaluation.validation import Uses, Validation, parts_of

DATA = "UNIPEN"
TOP1: dict[Uses, float] = {
    ("shape",): 0.80,
    ("motion",): 0.805,
    ("shape", "motion", "size"): 0.85,
}
TOP5, TWINS = 0.985, 0.935
"""What is asked of all that a network can see."""
PART = 4096


def unipen(found: Validation) -> list[Figure]:
    """The figures of `named` for each way to see the drawings."""
    return [
        figure
        for seen in parts_of(found.model.spec.uses)
        for figure in named(found, seen)
    ]


def named(found: Validation, seen: Uses) -> list[Figure]:
    """Top-1, top-5 and top-1 with twins merged, with all else hidden."""
    drawn, whole = found.letters_as(seen), seen == found.model.spec.uses
    names = found.model.names(ranked(found.model, drawn.z, 5).slot)
    same = merge_twins(names[:, 0]) == merge_twins(drawn.names)
    hit = names == drawn.names[:, None]
    return [
        share(f"{name}, {' + '.join(seen)}", right, drawn.groups, DATA, asked)
        for name, right, asked in (
            ("top-1", hit[:, 0], TOP1.get(seen)),
            ("top-5", hit.any(1), TOP5 if whole else None),
            ("twins merged", same, TWINS if whole else None),
        )
    ]


def ranked(model: Recognizer, z: np.ndarray, k: int) -> Ranked:
    """The answers to embeddings f32[n d], as `Recognizer.ranked` gives them."""
    parts = [
        jax.device_get(rank(z[i : i + PART], model.params["table"], model.slots, k))
        for i in range(0, len(z), PART)
    ]
    return Ranked(*(np.concatenate(x) for x in zip(*parts, strict=True)))


# What a model costs: time, parameters, room on the disk.


CALLS = 300
TIMED = "the built-in hand's 'a'"


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
        "one recognition, ink to names", value, interval, CALLS, TIMED, 2.0, True, "ms"
    )
