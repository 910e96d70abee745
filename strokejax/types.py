"""Types that every package shares. This module imports neither numpy nor jax."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeAlias

if TYPE_CHECKING:
    import numpy as np

PyTree = Any
"""Nested dicts, tuples and lists with arrays as leaves."""


class InputError(ValueError):
    """Invalid input from the user; the message is one full sentence.

    The sentence states the input and its place, the limit, and the way out. Commands
    print it and exit with code 2; the server answers 4xx with it.

    >>> import strokejax
    >>> try:
    ...     strokejax.load("no-such-model")
    ... except strokejax.InputError as error:
    ...     print(str(error)[:37])
    There is no model at no-such-model: i
    """


class Refused(InputError):
    """A change that was not made, because it would harm other symbols.

    `harm` describes the harm and how to avoid it.

    >>> import strokejax
    >>> str(strokejax.Refused("'o' would lose 20 points; draw it less like 'o'"))
    "'o' would lose 20 points; draw it less like 'o', or accept that with --force."
    """

    def __init__(self, harm: str):
        self.harm = harm
        super().__init__(f"{harm}, or accept that with --force.")


@dataclass(frozen=True, slots=True)
class Ink:
    """Ink of a pen or mouse: strokes, each a float32 array (n, 3) of x, y, t.

    `y` grows downwards; `t` is in seconds, NaN where unknown. The pen is up between two
    strokes. The units of x and y are arbitrary: all consumers rescale ink.

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
    """Ink within all limits, made by `ink.limits.check_ink`."""


Drawing: TypeAlias = "Ink | np.ndarray"
"""Ink, or a picture u8[h w] whose ink has high values."""


class Batch(NamedTuple):
    """The examples of one step: numpy arrays on the host, jax arrays on the device."""

    inputs: PyTree
    """Leaves [b ...]: "points" f32[b p 3] or "image" [b h w], also "size" f32[b]."""
    labels: Any
    """i32[b]: training classes."""
    mask: Any
    """bool[b]: False marks padding, which affects neither the loss nor the gradient."""


class Init(Protocol):
    """Initialises a network with random weights."""

    def __call__(self, key: Any, inputs: PyTree) -> tuple[PyTree, PyTree]:
        """Returns trainable parameters and `model_state` for inputs of these shapes."""
        ...


class Apply(Protocol):
    """Applies a network to one batch."""

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
        """Returns embeddings z f32[b d] and the new state; `mask` is bool[b]."""
        ...


class Encoder(NamedTuple):
    """A network as a pair of pure functions over pytrees.

    `model_state` holds what gradients do not train, such as the running statistics of
    BatchNorm; it is returned unchanged when `train` is False. `inputs` includes the
    lengths of sequences; `key` is for dropout in training.

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
