"""The few types that everything shares; neither numpy nor jax is imported here."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeAlias

if TYPE_CHECKING:
    import numpy as np

PyTree = Any
"""Nested dicts, tuples and lists with arrays as leaves."""


class InputError(ValueError):
    """Something the user gave cannot be used; the message is one full sentence.

    It says what was given, where, the limit, and the way out. Command lines print it
    and exit with code 2; servers answer 4xx with it.

    >>> import strokejax
    >>> try:
    ...     strokejax.load("no-such-model")
    ... except strokejax.InputError as error:
    ...     print(str(error)[:37])
    There is no model at no-such-model: i
    """


class Refused(InputError):
    """A change that would harm something else, so that nothing was changed.

    `harm` says what and how to avoid it; every caller adds its own way to insist.

    >>> import strokejax
    >>> str(strokejax.Refused("'o' would lose 20 points; draw it less like 'o'"))
    "'o' would lose 20 points; draw it less like 'o', or accept that with --force."
    """

    def __init__(self, harm: str):
        self.harm = harm
        super().__init__(f"{harm}, or accept that with --force.")


@dataclass(frozen=True, slots=True)
class Ink:
    """What a pen or mouse drew: strokes, each a `(n, 3)` float32 array of x, y, t.

    `y` grows downwards; `t` is in seconds, NaN where unknown; between two strokes the
    pen was up. Units of x and y are free: every reader of ink rescales.

    >>> import numpy as np, strokejax
    >>> ink = strokejax.Ink((np.array([[0, 0, 0], [0, 40, 0.1]], np.float32),))
    >>> ink.points
    2
    """

    strokes: "tuple[np.ndarray, ...]"

    @property
    def points(self) -> int:
        """Number of points over all strokes."""
        return sum(len(stroke) for stroke in self.strokes)


@dataclass(frozen=True, slots=True)
class CheckedInk(Ink):
    """Ink within all limits, as `ink.limits.check_ink` makes it."""


Drawing: TypeAlias = "Ink | np.ndarray"
"""Ink, or a picture u8[h w] with ink high."""


class Batch(NamedTuple):
    """One step's examples: on the host numpy, on the device jax arrays."""

    inputs: PyTree
    """Leaves `[b ...]`: "points" f32[b p 3] or "image" [b h w], and what goes along."""
    labels: Any
    """i32[b]: training classes."""
    mask: Any
    """bool[b]: False marks padding, which changes neither loss nor gradient."""


class Init(Protocol):
    """Random weights of a network."""

    def __call__(self, key: Any, inputs: PyTree) -> tuple[PyTree, PyTree]:
        """Trainable parameters and `model_state` for inputs of these shapes."""
        ...


class Apply(Protocol):
    """A network over one batch."""

    def __call__(
        self,
        params: PyTree,
        model_state: PyTree,
        inputs: PyTree,
        mask: Any,
        *,
        train: bool,
        key: Any = None,
    ) -> tuple[Any, PyTree]:
        """Embeddings z f32[b d], and the state after it; `mask` is bool[b]."""
        ...


class Encoder(NamedTuple):
    """A network as a pair of pure functions over pytrees.

    `model_state` holds what is not trained by gradients (BatchNorm's running
    statistics) and comes back unchanged when `train` is False. `inputs` carries its own
    lengths; `key` is for dropout, in training alone.

    >>> import jax, strokejax
    >>> def init(key, inputs):
    ...     return {"w": jax.random.normal(key, (inputs.shape[1], 8))}, {}
    >>> def apply(params, state, inputs, mask, *, train, key=None):
    ...     return inputs @ params["w"], state
    >>> encoder = strokejax.Encoder(init, apply)
    >>> params, state = encoder.init(jax.random.key(0), jax.numpy.ones((2, 3)))
    >>> params["w"].shape
    (3, 8)
    """

    init: Init
    apply: Apply
