"""Reject drawings that are probably none of a model's symbols."""

from typing import NamedTuple

import numpy as np

from strokejax.table.table import REJECT_ABOVE, Rows, unit
from strokejax.types import InputError

COVERAGE = 0.95
"""Share of each symbol's calibration drawings with a novelty up to `REJECT_ABOVE`."""


def refusal(names: tuple[str, ...], novelty: float, threshold: float) -> str:
    """The reason why a drawing with these answers is unknown, "" if it is known."""
    if not names:
        return "the model has no symbols"
    if novelty <= threshold:
        return ""
    return (
        f"novelty {novelty:.1f} among drawings of {names[0]!r}, above the threshold of "
        f"{threshold:.1f}"
    )


def threshold_for(rows: Rows, background: np.ndarray, false_accepts: float) -> float:
    """The novelty threshold for a false-accept rate on background f32[m d]."""
    if not 0 < false_accepts <= 1:
        raise InputError(
            f"The rate of false accepts is {false_accepts:g}; give one above 0 and up "
            f"to 1, like 1/200."
        )
    if not len(background):
        raise InputError(
            "This model was stored without background ink, which measures the rate of "
            "false accepts; omit the rate, or use another model."
        )
    return float(np.quantile(rows.novelty(background), false_accepts))


class Calibration(NamedTuple):
    """Data of offline training that later changes are measured against."""

    rows: np.ndarray
    """f32[o d]: trained rows."""
    z: np.ndarray
    """f32[n d]: embeddings of drawings of their symbols."""
    label: np.ndarray
    """i32[n]: the row of each drawing."""
    background: np.ndarray
    """f32[m d]: embeddings of ink that is none of the symbols."""


def no_calibration(table: dict[str, np.ndarray], dim: int) -> Calibration:
    """A calibration of the rows without any drawings."""
    rows = np.asarray(table.get("embeddings", np.zeros((0, dim))), np.float32)
    empty = np.zeros((0, dim), np.float32)
    return Calibration(rows, empty, np.zeros(0, np.int32), empty)


def calibrate(
    z: np.ndarray,
    label: np.ndarray,
    rows: np.ndarray,
    background: np.ndarray,
    per_class: int = 32,
    offset: np.ndarray | None = None,
) -> tuple[Calibration, np.ndarray, np.ndarray]:
    """A calibration, and radius and scale f32[c] for `Slots`.

    `z` f32[n d] are embeddings of drawings with these labels; the calibration has the
    first `per_class` of each. `offset` f32[c] is that of `Slots`; None means 0.
    """
    rows = unit(np.asarray(rows, np.float32))
    present, index = np.unique(label, return_inverse=True)
    first = [np.flatnonzero(index == i)[:per_class] for i in range(len(present))]
    chosen = np.concatenate([np.zeros(0, int), *first])
    radius = np.zeros(len(rows), np.float32)
    scale = np.full(len(rows), np.inf, np.float32)
    if len(present) < len(z):  # one drawing per symbol has no spread
        dist2 = ((z - rows[label]) ** 2).sum(-1)
        if offset is not None:
            dist2 = dist2 + offset[label]
        mean = np.bincount(index, dist2) / np.bincount(index)
        # Halfway between the means of the symbol and of all symbols: this rejects
        # unknown drawings better than either mean.
        radius[present] = (mean + mean.mean()) / 2
        excess = dist2 - radius[label]
        # At least the RMS excess over all symbols, and enough to accept COVERAGE.
        typical = max(float(np.sqrt((excess**2).mean())), 1e-3)
        far = [np.quantile(excess[index == i], COVERAGE) for i in range(len(present))]
        scale[present] = np.maximum(typical, np.array(far) / REJECT_ABOVE)
    labels = label[chosen].astype(np.int32)
    return Calibration(rows, z[chosen], labels, background), radius, scale
