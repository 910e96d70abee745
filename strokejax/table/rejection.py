"""When a drawing is probably none of a model's symbols."""

import numpy as np

from strokejax.store.model import StoredModel
from strokejax.table.table import Rows
from strokejax.types import InputError


def refusal(names: tuple[str, ...], strange: float, limit: float) -> str:
    """Why a drawing with these answers is unknown, "" where it is not."""
    if not names:
        return "the model has no symbols"
    if strange <= limit:
        return ""
    return (
        f"strangeness {strange:.1f} among drawings of {names[0]!r}, above the limit of "
        f"{limit:.1f}"
    )


def limit_for(stored: StoredModel, false_accepts: float) -> float:
    """The strangeness that this share of the calibration's background stays below."""
    background = stored.calibration.background
    if not 0 < false_accepts <= 1:
        raise InputError(
            f"The rate of false accepts is {false_accepts:g}; give one above 0 and up "
            f"to 1, like 1/200."
        )
    if not len(background):
        raise InputError(
            "This model was stored without background ink, which a rate of false "
            "accepts is measured on; leave the rate out, or use another model."
        )
    rows = Rows(stored.table["embeddings"], 1.0, stored.slots)
    return float(np.quantile(rows.strangeness(background), false_accepts))
