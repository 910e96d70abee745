"""strokejax names what a hand draws, and learns a new stroke from ten examples.

>>> import strokejax
>>> model = strokejax.load()
>>> model.recognize(ink_or_picture, k=5)  # doctest: +SKIP
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from strokejax.ink.formats import read_ink
    from strokejax.pictures.images import read_image
    from strokejax.recognizer import Answer, Recognizer, load
    from strokejax.table.symbols import build_char_map
    from strokejax.types import Ink, InputError

__version__ = "0.1.0"
__all__ = [
    "Answer",
    "Ink",
    "InputError",
    "Recognizer",
    "build_char_map",
    "load",
    "read_image",
    "read_ink",
]

_HOMES = {
    "Answer": "recognizer",
    "Ink": "types",
    "InputError": "types",
    "Recognizer": "recognizer",
    "build_char_map": "table.symbols",
    "load": "recognizer",
    "read_image": "pictures.images",
    "read_ink": "ink.formats",
}


def __getattr__(name: str) -> Any:
    """Imports a public name when it is first used: `--help` must not wait for jax."""
    if name not in _HOMES:
        raise AttributeError(f"module 'strokejax' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"strokejax.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
