"""The same drawing, seen as its shape alone, as its motion alone, and as more."""

import numpy as np

from strokejax.networks.inputs import Inputs

Uses = tuple[str, ...]
"""Some of "shape", "motion" and "size", in this order."""

ALONE: tuple[Uses, ...] = (("shape",), ("motion",), ("shape", "motion"))


def parts_of(uses: Uses) -> list[Uses]:
    """What a network that sees `uses` may be shown of ink, at last all of it."""
    parts = [view for view in ALONE if set(view) <= set(uses) and view != uses]
    return [*parts, uses]


def seen_as(inputs: Inputs, view: Uses, uses: Uses) -> Inputs:
    """Inputs for a network that sees `uses`, with all that is not in `view` hidden.

    Whatever is hidden, the leaves are the same: one compiled network serves all views.
    """
    if "points" not in inputs or len(uses) == 1:
        return inputs
    n = len(inputs["points"])
    size = inputs.get("size", np.full(n, np.nan, np.float32))
    return {
        "points": inputs["points"],
        "size": size if "size" in view else np.full(n, np.nan, np.float32),
        "has_shape": np.full(n, "shape" in view),
        "has_ink": np.full(n, "motion" in view),
    }
