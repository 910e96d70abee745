"""How well fonts are named: by family, those that the index lacks apart."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from strokejax.evaluation.few_shot import auroc
from strokejax.evaluation.scores import bootstrap_interval
from strokejax.tasks.fonts.finder import FontFinder


def scores(
    finder: FontFinder, z: Sequence[np.ndarray], families: Sequence[str]
) -> dict[str, Any]:
    """Accuracies for embeddings f32[d] of pictures of these families.

    A family is as near as its nearest face. "map" is the mean over pictures of the
    average precision with which the faces of their family come first; "kept" the share
    of pictures that is not refused. Of families that the index lacks: how many are
    refused, and how well strangeness tells them from the others.
    """
    names = np.array([finder.family(name) for name in finder.names])
    ranked = finder.ranked(np.stack(z), len(names))
    place = {slot: i for i, slot in enumerate(finder.recognizer.symbols.active)}
    order = names[np.vectorize(place.__getitem__)(ranked.slot)]
    truth = np.array(families)
    own = order == truth[:, None]
    known, refused = own.any(1), ranked.strangeness > finder.recognizer.limit
    found: dict[str, Any] = {"n": int(known.sum())}
    if known.any():
        rank = np.array([_rank(*rows) for rows in zip(order, own, strict=True)])[known]
        found |= {f"top{k}": float((rank < k).mean()) for k in (1, 3, 5)}
        found["map"] = float(np.mean([average_precision(row) for row in own[known]]))
        found["interval95"] = list(bootstrap_interval(rank == 0, truth[known]))
        found["kept"] = float(1 - refused[known].mean())
    apart: dict[str, Any] = {"n": int((~known).sum())}
    if not known.all():
        apart["refused"] = float(refused[~known].mean())
        if known.any():
            strange = -ranked.strangeness
            apart["auroc"] = auroc(strange[known], strange[~known])
    return found | {"unknown": apart}


def _rank(order: np.ndarray, own: np.ndarray) -> int:
    """How many other families come before the first face of one's own."""
    return len(set(order[: int(own.argmax())])) if own.any() else len(order)


def average_precision(own: np.ndarray) -> float:
    """Mean over the true ones of bool[n], best first, of the share that is true up to
    there."""
    at = np.flatnonzero(own)
    return float((np.arange(1, len(at) + 1) / (at + 1)).mean())
