"""The few types that every floor of the house shares; no jax is imported here."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

PyTree = Any
"""Nested dicts, tuples and lists with arrays as leaves."""


class InputError(ValueError):
    """Something the user gave cannot be used; the message is one full sentence.

    It says what was given, where, the limit, and the way out. Command lines print it
    and exit with code 2; servers answer 4xx with it.
    """


@dataclass(frozen=True, slots=True)
class Ink:
    """What a pen or mouse drew: strokes, each a `(n, 3)` float32 array of x, y, t.

    `y` grows downwards; `t` is in seconds, NaN where unknown; between two strokes the
    pen was up. Units of x and y are free: every reader of ink rescales.
    """

    strokes: tuple[np.ndarray, ...]

    @property
    def points(self) -> int:
        """Number of points over all strokes."""
        return sum(len(stroke) for stroke in self.strokes)


class Batch(NamedTuple):
    """One step's examples: on the host numpy, on the device jax arrays."""

    inputs: PyTree
    """Leaves `[b ...]`: "points" f32[b p 3] or "image" [b h w], and what goes along."""
    labels: Any
    """i32[b]: training classes."""
    mask: Any
    """bool[b]: False marks padding, which changes neither loss nor gradient."""


class Encoder(NamedTuple):
    """A network as a pair of pure functions over pytrees.

    `init(key, inputs) -> (params, model_state)`;
    `apply(params, model_state, inputs, mask, *, train, key=None) -> (z, model_state)`
    with `z` f32[b d]. `model_state` holds what is not trained by gradients
    (BatchNorm's running statistics) and comes back unchanged when `train` is False.
    """

    init: Callable[..., tuple[PyTree, PyTree]]
    apply: Callable[..., tuple[Any, PyTree]]
