"""A recognizer that learns: an immutable snapshot; each change returns the next."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from strokejax import recognizer
from strokejax.recognizer import Recognizer
from strokejax.types import Ink


@dataclass(frozen=True, repr=False)
class Model(Recognizer):
    """A `Recognizer` of a stored model whose symbols can be changed.

    Each change writes a new version to disk and returns a new snapshot; the old one
    answers as before. The packaged model never changes: the first change copies it into
    your own folder.
    """

    source: str | Path | None = None
    """The argument `model` of `load`."""
    options: tuple[float | None, bool, bool] = (None, True, False)
    """The arguments `false_accepts`, `fast` and `views` of `load`."""

    def register(
        self,
        name: str,
        drawings: Sequence[Ink | np.ndarray],
        *,
        method: Literal["sgd", "mean"] = "sgd",
        ignore: Collection[str] = (),
        reference_size: float | None = None,
        text: str | None = None,
        force: bool = False,
    ) -> "Model":
        """The model after learning a symbol, or more drawings of a known one.

        One drawing is enough, 10 are better; the encoder stays as it is, bit for bit.
        `method` "sgd" fits the row that best separates the symbol from the others;
        "mean" is the closed form. `ignore` names what makes no difference: "direction",
        "rotation", "size". `reference_size` is the longer side of the writer's typical
        letter in the ink's units; `text` is the text that the symbol types, its name by
        default. Refused where other symbols lose too much accuracy, unless `force`;
        InputError for unusable drawings or names.

        >>> import numpy as np, strokejax
        >>> def hook(n):
        ...     x = np.array([0, 0, 9, 9, 4 + n]); y = np.array([0, 30, 30, 20 + n, 18])
        ...     return strokejax.Ink((np.stack([x, y, np.full(5, np.nan)], 1),))
        >>> model = strokejax.load()
        >>> taught = model.register("hook", [hook(n) for n in range(4)])
        >>> taught.recognize(hook(5)).symbols[0]
        'hook'
        >>> model.recognize(hook(5)).symbols[0] == "hook"
        False
        """
        from strokejax.registration.registry import register

        register(
            self.source,
            name,
            drawings,
            method=method,
            force=force,
            reference_size=reference_size,
            ignore=ignore,
            text=text,
        )
        return self._next()

    def forget(self, name: str) -> "Model":
        """The model without a symbol; InputError for an unknown one."""
        from strokejax.registration.registry import forget

        forget(self.source, name)
        return self._next()

    def undo(self) -> "Model":
        """The model before its last change; InputError if there is none."""
        from strokejax.store.versions import undo

        undo(self.source)
        return self._next()

    def _next(self) -> "Model":
        return _load_with(self.source, self.options)

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickled as its name: another process loads the version that is current."""
        return _load_with, (self.source, self.options)


def _load_with(source: str | Path | None, options: tuple[Any, ...]) -> Model:
    false_accepts, fast, views = options
    return load(source, false_accepts=false_accepts, fast=fast, views=views)


def load(
    model: str | Path | None = None,
    *,
    false_accepts: float | None = None,
    fast: bool = True,
    views: bool = False,
) -> Model:
    """A stored model, ready to answer and to learn.

    `model` is the folder of a model or of a finished run, or the name of a packaged
    model, "nn-sampling" or "argmax". The default is your own model: a copy of
    "nn-sampling" from the first change on. `false_accepts` (0 to 1) is the false-accept
    rate on scribbles; without it, ink is unknown more than 1.5 scales beyond the radius
    of its nearest symbol. Without `fast` the first answer comes sooner and the others
    later, which suits a handful of drawings. `views` averages the embeddings of nine
    views: nine times slower, a little better on pictures. InputError if there is no
    such model.

    >>> import numpy as np, strokejax
    >>> model = strokejax.load()
    >>> stroke = np.array([[0, 0, 0], [0, 40, 0.1]], np.float32)
    >>> answer = model.recognize(strokejax.Ink((stroke,)), k=3)
    >>> len(answer.symbols), answer.inputs
    (3, ('shape', 'motion'))
    """
    snapshot = recognizer.load(
        model, false_accepts=false_accepts, fast=fast, views=views
    )
    fields: dict[str, Any] = {
        name: getattr(snapshot, name) for name in Recognizer.__dataclass_fields__
    }
    return Model(**fields, source=model, options=(false_accepts, fast, views))
