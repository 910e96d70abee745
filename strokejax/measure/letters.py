"""How well the letters and digits of other writers are named."""

import jax
import numpy as np

from strokejax.answers import Ranked, rank
from strokejax.measure.figure import Figure, share
from strokejax.measure.seen import Uses, parts_of
from strokejax.measure.validation import Validation
from strokejax.recognizer import Recognizer
from strokejax.scores import merge_twins

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
    """Top-1, top-5 and top-1 with twins merged, for each way to see the drawings."""
    uses, figures = found.model.spec.uses, []
    for view in parts_of(uses):
        whole, drawn = view == uses, found.letters_as(view)
        named = found.model.names(ranked(found.model, drawn.z, 5).slot)
        same = merge_twins(named[:, 0]) == merge_twins(drawn.names)
        hit = named == drawn.names[:, None]
        for name, right, asked in (
            ("top-1", hit[:, 0], TOP1.get(view)),
            ("top-5", hit.any(1), TOP5 if whole else None),
            ("twins merged", same, TWINS if whole else None),
        ):
            title = f"{name}, {' + '.join(view)}"
            figures.append(share(title, right, drawn.groups, DATA, asked))
    return figures


def ranked(model: Recognizer, z: np.ndarray, k: int) -> Ranked:
    """The answers to embeddings f32[n d], as `Recognizer.ranked` gives them."""
    parts = [
        jax.device_get(rank(z[i : i + PART], model.params["table"], model.slots, k))
        for i in range(0, len(z), PART)
    ]
    return Ranked(*(np.concatenate(x) for x in zip(*parts, strict=True)))
