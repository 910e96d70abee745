"""A keyboard as people use it: a model, a layout, words; and files of swipes."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from strokejax.data.swipes import Swipe, check_places, in_pixels
from strokejax.decode.character_model import words_of
from strokejax.decode.words import Search
from strokejax.ink.keyboard_fit import Placing, as_told, fit_keyboard
from strokejax.ink.keyboards import Layout, layout
from strokejax.lexicon import lexicon
from strokejax.locate import SWIPES
from strokejax.model_store import StoredModel, load_model
from strokejax.types import InputError
from strokejax.typist import Guess, Typist, letters_of, typist_of

FREQUENCY = 0.3
"""Weight of the words' frequencies beside what the swipe says."""


class Decoder(NamedTuple):
    """How words are searched and weighed; plain values."""

    search: Search = Search()
    frequency: float = FREQUENCY


USUAL = Decoder()


class Keyboard(NamedTuple):
    """What types, and the words it knows with their frequencies."""

    typist: Typist
    words: Mapping[str, float]
    stored: StoredModel


def decoder_of(beam: int, text: str) -> Decoder:
    """The decoder of a beam and settings like "exponent=0.5,mask=before"."""
    if not 1 <= beam <= 256:
        raise InputError(f"--beam is {beam}; give 1 (greedy) to 256 words.")
    how, frequency = Search(width=beam), FREQUENCY
    for entry in filter(None, map(str.strip, text.split(","))):
        name, _, value = entry.partition("=")
        try:
            if name == "mask" and value in ("before", "after"):
                how = how._replace(mask=value)
            elif name == "frequency" and 0 <= float(value) <= 10:
                frequency = float(value)
            elif name == "exponent" and 0 <= float(value) <= 2:
                how = how._replace(exponent=float(value))
            elif name == "least" and 0 <= float(value) < 1:
                how = how._replace(least=float(value))
            else:
                raise ValueError
        except ValueError:
            raise InputError(
                f"--decoder has {entry!r}; it takes exponent (0 to 2), least (0 to 1), "
                f"mask (before or after) and frequency (0 to 10), like "
                f"'exponent=0.5,mask=before'."
            ) from None
    return Decoder(how, frequency)


def open_keyboard(
    model: str | Path | None = None,
    keys: str | Path | Layout = "qwerty",
    words: str | Path | Mapping[str, float] = "en",
    *,
    blocked: Sequence[str] = (),
    taught: Mapping[str, float] | None = None,
    decoder: Decoder = USUAL,
) -> Keyboard:
    """A stored model, the packaged one by default, on a layout with words."""
    stored = load_model(model or SWIPES)
    own = keys if isinstance(keys, Layout) else layout(keys)
    known = words if isinstance(words, Mapping) else words_of(words)
    letters = letters_of(stored)
    lexica = lexicon(
        known,
        own,
        letters,
        weight=decoder.frequency,
        blocked=blocked,
        taught=taught,
    )
    return Keyboard(typist_of(stored, own, lexica, decoder.search), known, stored)


def placing_of(keyboard: Keyboard, swipes: Sequence[Swipe]) -> Placing:
    """Where the keyboard of swipes lay, judged by where they begin and end."""
    keys = keyboard.typist.keys
    if not swipes:
        return as_told(keys)
    ends = [in_pixels(swipe, keys)[[0, -1], :2] for swipe in swipes]
    first, last = np.stack(ends, 1)
    return fit_keyboard(first, last, keys, keyboard.words)


def type_swipes(
    keyboard: Keyboard,
    swipes: Sequence[Swipe | InputError],
    *,
    placing: Placing | None = None,
    count: int = 4,
) -> list[list[Guess] | InputError]:
    """Words of each swipe, best first; an error where there is none.

    Without a `placing` the keyboard's is estimated from all swipes together.
    """
    keys, found = keyboard.typist.keys, list(swipes)
    for i, swipe in enumerate(found):
        if isinstance(swipe, Swipe):
            try:
                check_places(swipe, keys, f"Swipe {i}")
            except InputError as error:
                found[i] = error
    good = [swipe for swipe in found if isinstance(swipe, Swipe)]
    placing = placing or placing_of(keyboard, good)
    told = [swipe.width is not None for swipe in good]
    units = [in_units(swipe, keys, placing) for swipe in good]
    typed = iter(keyboard.typist.type(units, known=told, count=count))
    return [next(typed) if isinstance(swipe, Swipe) else swipe for swipe in found]


def in_units(swipe: Swipe, keys: Layout, placing: Placing) -> np.ndarray:
    """f64[n 3]: a swipe in keys of the layout and seconds."""
    points = in_pixels(swipe, keys)
    points[:, :2] = keys.to_units(placing.undone(points[:, :2]))
    return points
