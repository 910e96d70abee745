"""How well the letters and digits of other writers are named."""

import jax
import numpy as np

from strokejax.evaluation.figure import Figure, share
from strokejax.evaluation.scores import merge_twins
from strokejax.recognizer import Recognizer
from strokejax.table.knn_answers import Ranked, rank
from strokejax.tasks.symbols.evaluation.validation import Validation
from strokejax.tasks.symbols.evaluation.validation_seen import Uses, parts_of

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
