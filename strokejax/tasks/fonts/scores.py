"""Scores of font recognition by family; families outside the index are scored apart."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from strokejax.evaluation.few_shot import auroc
from strokejax.evaluation.scores import bootstrap_interval
from strokejax.tasks.fonts.finder import FontFinder


def scores(
    finder: FontFinder, z: Sequence[np.ndarray], families: Sequence[str]
) -> dict[str, Any]:
    """Scores of embeddings f32[d] of pictures, given their true families.

    The rank of a family is that of its nearest face. "map" is the mean average
    precision with which the faces of the true family are retrieved; "kept" is the share
    of pictures that are not refused. "unknown" scores the pictures of families outside
    the index: the share refused, and the AUROC of the novelty score.
    """
    names = np.array([finder.family(name) for name in finder.names])
    ranked = finder.ranked(np.stack(z), len(names))
    # `ranked.slot` holds slots; `names` lists those of the active slots only.
    index = {slot: i for i, slot in enumerate(finder.recognizer.symbols.active)}
    retrieved = names[np.vectorize(index.__getitem__)(ranked.slot)]
    truth = np.array(families)
    relevant = retrieved == truth[:, None]
    known, refused = relevant.any(1), ranked.novelty > finder.recognizer.limit
    result: dict[str, Any] = {"n": int(known.sum())}
    if known.any():
        pairs = zip(retrieved, relevant, strict=True)
        rank = np.array([_family_rank(*pair) for pair in pairs])[known]
        precision = [average_precision(row) for row in relevant[known]]
        result |= {f"top{k}": float((rank < k).mean()) for k in (1, 3, 5)}
        result["map"] = float(np.mean(precision))
        result["interval95"] = list(bootstrap_interval(rank == 0, truth[known]))
        result["kept"] = float(1 - refused[known].mean())
    unknown: dict[str, Any] = {"n": int((~known).sum())}
    if not known.all():
        unknown["refused"] = float(refused[~known].mean())
        if known.any():
            # `auroc` wants scores that grow with familiarity.
            familiarity = -ranked.novelty
            unknown["auroc"] = auroc(familiarity[known], familiarity[~known])
    return result | {"unknown": unknown}


def _family_rank(retrieved: np.ndarray, relevant: np.ndarray) -> int:
    """The number of other families that come before the true one."""
    if not relevant.any():
        return len(retrieved)
    return len(set(retrieved[: int(relevant.argmax())]))


def average_precision(relevant: np.ndarray) -> float:
    """The mean of the precision at each True of bool[n], best first."""
    positions = np.flatnonzero(relevant)
    return float((np.arange(1, len(positions) + 1) / (positions + 1)).mean())
