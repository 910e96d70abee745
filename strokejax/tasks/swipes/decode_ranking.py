"""What ranks the words of a swipe: how they are searched, and what counts how much."""

from collections.abc import Mapping
from typing import NamedTuple

from strokejax.tasks.swipes.decode import Search
from strokejax.types import InputError


class Weights(NamedTuple):
    """What counts beside the network's evidence."""

    frequency: float = 0.3
    """Of the logarithm of how often a word occurs."""
    along: float = 2.0
    """Lost for each key width between a swipe and a word's way (`ink.swipe_ways`)."""
    passing: float = 0.25
    """Lost for each squared key width between a word's keys and what passes them."""
    edits: float = 0.0
    """Lost for each edit between a word and what is read without any words; 0 spares
    that reading (V. Levenshtein, 1966)."""


class Decoder(NamedTuple):
    """How words are searched and ranked; plain values."""

    search: Search = Search()
    weights: Weights = Weights()


USUAL = Decoder()
SETTINGS: Mapping[str, tuple[float, float]] = {
    "exponent": (0, 2),
    "least": (0, 1),
    "frequency": (0, 10),
    "along": (0, 100),
    "passing": (0, 100),
    "edits": (0, 100),
}
"""Numbers that a decoder may be told, from and to."""
MASKS = ("before", "after")


def decoder_of(beam: int, text: str) -> Decoder:
    """The decoder of a beam and settings like "exponent=0.5,mask=before"."""
    if not 1 <= beam <= 256:
        raise InputError(f"--beam is {beam}; give 1 (greedy) to 256 words.")
    search, weights = Search(width=beam), Weights()
    for entry in filter(None, map(str.strip, text.split(","))):
        name, _, value = entry.partition("=")
        if name == "mask" and value in MASKS:
            search = search._replace(mask=value)
            continue
        try:
            number = _number(name, value)
        except (ValueError, KeyError):
            ranges = ", ".join(
                f"{n} ({a:g} to {b:g})" for n, (a, b) in SETTINGS.items()
            )
            raise InputError(
                f"--decoder has {entry!r}; it takes {ranges} and mask (before or "
                f"after), like 'exponent=0.5,mask=before'."
            ) from None
        if name in Weights._fields:
            weights = weights._replace(**{name: number})
        else:
            search = search._replace(**{name: number})
    return Decoder(search, weights)


def _number(name: str, value: str) -> float:
    low, high = SETTINGS[name]
    number = float(value)
    if not low <= number <= high:
        raise ValueError(value)
    return number
