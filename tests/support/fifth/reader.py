"""From curves to the ways they bend, by a stored model."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np

from strokejax.evaluation.scores import bootstrap_interval
from strokejax.store.model import load_model
from strokejax.store.paths import user_copy
from strokejax.types import Encoder, PyTree
from tests.support.fifth.network import build_encoder


class Reader(NamedTuple):
    """A network, its weights, and the names of its classes."""

    encoder: Encoder
    params: PyTree
    names: tuple[str, ...]

    def read(self, points: Sequence[np.ndarray]) -> list[str]:
        """The names of curves f32[POINTS 2]."""
        logits, _ = jax.jit(self.encoder.apply, static_argnames="train")(
            self.params,
            {},
            {"points": np.stack(points)},
            np.ones(len(points), bool),
            train=False,
        )
        return [self.names[i] for i in np.asarray(logits).argmax(1)]


def open_reader(model: str | Path | None) -> Reader:
    """The reader of a model; of your own one where none is named."""
    stored = load_model(model or user_copy("fifth"))
    names = tuple(name or "" for name in stored.symbols.names)
    return Reader(build_encoder(stored.spec), stored.encoder, names)


def bend_scores(read: Sequence[str], truth: Sequence[str]) -> dict[str, Any]:
    """{"n", "top1", "interval95"}."""
    right = np.array(read) == np.array(truth)
    interval = bootstrap_interval(right, np.arange(len(right)))
    return {"n": len(right), "top1": float(right.mean()), "interval95": interval}
