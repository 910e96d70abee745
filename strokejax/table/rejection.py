"""When a drawing is probably none of a model's symbols."""

from typing import NamedTuple

import numpy as np

from strokejax.table.table import REJECT_ABOVE, Rows, unit
from strokejax.types import InputError


def refusal(names: tuple[str, ...], novelty: float, limit: float) -> str:
    """Why a drawing with these answers is unknown, "" where it is not."""
    if not names:
        return "the model has no symbols"
    if novelty <= limit:
        return ""
    return (
        f"novelty {novelty:.1f} among drawings of {names[0]!r}, above the limit of "
        f"{limit:.1f}"
    )


def limit_for(rows: Rows, background: np.ndarray, false_accepts: float) -> float:
    """The novelty that this share of background embeddings f32[m d] stays below."""
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
    return float(np.quantile(rows.novelty(background), false_accepts))


class Calibration(NamedTuple):
    """What offline training left behind, to hold later changes against."""

    rows: np.ndarray
    """f32[o d]: trained rows."""
    z: np.ndarray
    """f32[n d]: embeddings of drawings that people made of them."""
    label: np.ndarray
    """i32[n]: which of the rows each should be nearest to."""
    background: np.ndarray
    """f32[m d]: embeddings of ink that is none of the symbols."""


def no_calibration(table: dict[str, np.ndarray], dim: int) -> Calibration:
    """The rows alone, where no drawings are at hand."""
    rows = np.asarray(table.get("embeddings", np.zeros((0, dim))), np.float32)
    nothing = np.zeros((0, dim), np.float32)
    return Calibration(rows, nothing, np.zeros(0, np.int32), nothing)


KEPT = 0.95
"""Share of each symbol's known drawings whose novelty is at most `REJECT_ABOVE`."""


def calibrate(
    z: np.ndarray,
    label: np.ndarray,
    rows: np.ndarray,
    background: np.ndarray,
    per_class: int = 32,
    offset: np.ndarray | None = None,
) -> tuple[Calibration, np.ndarray, np.ndarray]:
    """A calibration, and radius and scale f32[c] for `Slots`.

    `z` f32[n d] are embeddings of drawings with these labels; the first `per_class` of
    each are kept. `offset` f32[c] is that of `Slots`, none unless given.
    """
    rows = unit(np.asarray(rows, np.float32))
    present, index = np.unique(label, return_inverse=True)
    chosen_of_class = [
        np.flatnonzero(index == i)[:per_class] for i in range(len(present))
    ]
    chosen = np.concatenate([np.zeros(0, int), *chosen_of_class])
    radius = np.zeros(len(rows), np.float32)
    scale = np.full(len(rows), np.inf, np.float32)
    if len(present) < len(z):
        dist2 = ((z - rows[label]) ** 2).sum(-1)
        if offset is not None:
            dist2 = dist2 + offset[label]
        mean_distance = np.bincount(index, dist2) / np.bincount(index)
        # Halfway to all symbols' mean: that refuses strangers better than either end.
        radius[present] = (mean_distance + mean_distance.mean()) / 2
        excess = dist2 - radius[label]
        usual = max(float(np.sqrt((excess**2).mean())), 1e-3)
        far = [np.quantile(excess[index == i], KEPT) for i in range(len(present))]
        scale[present] = np.maximum(usual, np.array(far) / REJECT_ABOVE)
    labels = label[chosen].astype(np.int32)
    return Calibration(rows, z[chosen], labels, background), radius, scale
