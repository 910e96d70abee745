"""A keyboard as people use it: a model, a layout, words; and files of swipes."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from strokejax.search.character_model import words_of
from strokejax.store.model import StoredModel, load_model
from strokejax.store.paths import SWIPES
from strokejax.tasks.swipes.data import Swipe, check_places, in_pixels
from strokejax.tasks.swipes.decode_lexicon import lexicon
from strokejax.tasks.swipes.decode_ranking import USUAL, Decoder
from strokejax.tasks.swipes.layouts import Layout, layout
from strokejax.tasks.swipes.layouts_keyboard_fit import Placing, as_told, fit_keyboard
from strokejax.tasks.swipes.typist import Guess, Typist, letters_of, typist_of
from strokejax.types import InputError


class Keyboard(NamedTuple):
    """What types, and the words it knows with their frequencies."""

    typist: Typist
    words: Mapping[str, float]
    stored: StoredModel


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
    lexica = lexicon(
        known,
        own,
        letters_of(stored),
        weight=decoder.weights.frequency,
        blocked=blocked,
        taught=taught,
    )
    return Keyboard(typist_of(stored, own, lexica, decoder), known, stored)


def knowing(
    keyboard: Keyboard, taught: Mapping[str, float], blocked: Sequence[str]
) -> Keyboard:
    """The same with other words of a user; nothing is compiled or loaded."""
    typist = keyboard.typist
    lexica = lexicon(
        keyboard.words,
        typist.keys,
        typist.letters,
        weight=typist.decoder.weights.frequency,
        blocked=blocked,
        taught=taught,
    )
    return keyboard._replace(typist=typist.using(lexica))


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
    first: int = 0,
) -> list[list[Guess] | InputError]:
    """Words of each swipe, best first; an error where there is none.

    Without a `placing` the keyboard's is estimated from all swipes together. `first`
    is the number of the first one, for errors.
    """
    keys, found = keyboard.typist.keys, list(swipes)
    for i, swipe in enumerate(found):
        if isinstance(swipe, Swipe):
            try:
                check_places(swipe, keys, f"Swipe {first + i} (from 0)")
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
