"""strokejax recognises drawn symbols, and learns a new one from ten drawings.

>>> import numpy as np, strokejax
>>> model = strokejax.load()
>>> ink = strokejax.Ink((np.array([[0, 0, 0], [0, 40, 0.1]], np.float32),))
>>> answer = model.recognize(ink, k=3)
>>> taught = model.register("bar", [ink], force=True)

Training changes the encoder and the table (`python -m strokejax.launch`), registration
changes only the table (`register`, or `mean_row` and `fit_row`), inference changes
nothing (`knn_forward_pass`). Other tasks: `read_lines`, `identify_font`, `type_swipe`.

With the environment variable STROKEJAX_CHECK_SHAPES=1, jaxtyping and beartype check the
shapes in `strokejax.table` at run time.
"""

import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from strokejax.ink.formats import read_ink
    from strokejax.pictures.images import read_image
    from strokejax.recognizer import Recognizer
    from strokejax.registration.model import load
    from strokejax.registration.rows import fit_row, mean_row
    from strokejax.table.knn import Answer, embed, knn_forward_pass
    from strokejax.table.table import init_slots, init_table
    from strokejax.tasks.fonts import identify_font
    from strokejax.tasks.lines import read_lines
    from strokejax.tasks.swipes import type_swipe
    from strokejax.types import Encoder, Ink, InputError, Refused

__version__ = "0.1.0"
__all__ = [
    "Answer",
    "Encoder",
    "Ink",
    "InputError",
    "Recognizer",
    "Refused",
    "embed",
    "fit_row",
    "identify_font",
    "init_slots",
    "init_table",
    "knn_forward_pass",
    "load",
    "mean_row",
    "read_image",
    "read_ink",
    "read_lines",
    "type_swipe",
]

_HOMES = {
    "Answer": "table.knn",
    "Encoder": "types",
    "Ink": "types",
    "InputError": "types",
    "Recognizer": "recognizer",
    "Refused": "types",
    "build_char_map": "table.symbols",
    "embed": "table.knn",
    "fit_row": "registration.rows",
    "identify_font": "tasks.fonts",
    "init_slots": "table.table",
    "init_table": "table.table",
    "knn_forward_pass": "table.knn",
    "load": "registration.model",
    "mean_row": "registration.rows",
    "read_image": "pictures.images",
    "read_ink": "ink.formats",
    "read_lines": "tasks.lines",
    "type_swipe": "tasks.swipes",
}
"""The module of each public name; `build_char_map` is of the published system."""

if os.environ.get("STROKEJAX_CHECK_SHAPES") == "1":
    from jaxtyping import install_import_hook

    install_import_hook("strokejax.table", "beartype.beartype")


def __getattr__(name: str) -> Any:
    """Imports a public name on first use, so that `--help` does not import jax."""
    if name not in _HOMES:
        raise AttributeError(f"module 'strokejax' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"strokejax.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
