"""A keyboard ready to type: a model, a layout and words, with a user's own additions.

Users keep additions in the folder `keyboards` of their data folder: models/NAME/,
layouts/NAME.json, words/NAME.txt, and the words they taught and blocked.
"""

import json
import unicodedata
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np

from strokejax.files import decode_text, read_bytes, save_file
from strokejax.search.character_model import load_vocabulary
from strokejax.store.model import StoredModel, load_model
from strokejax.store.paths import CURRENT, home
from strokejax.store.versions import folder_lock
from strokejax.tasks.swipes.data import Swipe, check_bounds, in_pixels
from strokejax.tasks.swipes.decode import DEFAULT_DECODER, Decoder, lexicon
from strokejax.tasks.swipes.layouts import (
    ROWS,
    Layout,
    Placement,
    fit_keyboard,
    layout,
    unchanged,
)
from strokejax.tasks.swipes.settings import TASK
from strokejax.tasks.swipes.typist import Guess, Typist, letters_of, typist_of
from strokejax.types import InputError

FILE = "own-words.json"
MAX_WORDS, MAX_LETTERS = 10_000, 31
"""Words that may be taught, or blocked, and the letters of one."""
MAX_BYTES = 4 << 20
TAUGHT_SHARE = 1e-3
"""Frequency of a taught word, as a share of the frequencies of all words."""


# Opening a keyboard.


class Keyboard(NamedTuple):
    """A typist, the words it was opened with, and the model it comes from."""

    typist: Typist
    words: Mapping[str, float]
    """Words and frequencies, without the user's."""
    stored: StoredModel


def open_keyboard(
    model: str | Path | None = None,
    keys: str | Path | Layout = "qwerty",
    words: str | Path | Mapping[str, float] = "en",
    *,
    blocked: Sequence[str] = (),
    taught: Mapping[str, float] | None = None,
    decoder: Decoder = DEFAULT_DECODER,
) -> Keyboard:
    """A stored model, by default the packaged one, on a layout with words.

    InputError for a model that does not type, for a layout or words that cannot be
    read, and for words that the layout cannot write.
    """
    stored = load_model(model or TASK.packaged[0])
    keys = keys if isinstance(keys, Layout) else layout(keys)
    vocabulary = words if isinstance(words, Mapping) else load_vocabulary(words)
    entries = lexicon(
        vocabulary,
        keys,
        letters_of(stored),
        weight=decoder.weights.frequency,
        blocked=blocked,
        taught=taught,
    )
    return Keyboard(typist_of(stored, keys, entries, decoder), vocabulary, stored)


def with_user_words(
    keyboard: Keyboard, taught: Mapping[str, float], blocked: Sequence[str]
) -> Keyboard:
    """The same keyboard with other user words; nothing is compiled or loaded."""
    typist = keyboard.typist
    entries = lexicon(
        keyboard.words,
        typist.keys,
        typist.letters,
        weight=typist.decoder.weights.frequency,
        blocked=blocked,
        taught=taught,
    )
    return keyboard._replace(typist=typist.using(entries))


# Typing swipes of a file or a request.


def type_swipes(
    keyboard: Keyboard,
    swipes: Sequence[Swipe | InputError],
    *,
    placement: Placement | None = None,
    count: int = 4,
    first: int = 0,
) -> list[list[Guess] | InputError]:
    """Up to `count` words for each swipe, best first; errors stay in their places.

    Without a `placement` it is estimated from all swipes together. `first` is the
    number of the first swipe, for errors.
    """
    keys, checked = keyboard.typist.keys, list(swipes)
    for i, swipe in enumerate(checked):
        if isinstance(swipe, Swipe):
            try:
                check_bounds(swipe, keys, f"Swipe {first + i} (from 0)")
            except InputError as error:
                checked[i] = error
    valid = [swipe for swipe in checked if isinstance(swipe, Swipe)]
    placement = placement or estimate_placement(keyboard, valid)
    known = [swipe.width is not None for swipe in valid]
    units = [in_units(swipe, keys, placement) for swipe in valid]
    guesses = iter(keyboard.typist.type(units, known=known, count=count))
    return [next(guesses) if isinstance(swipe, Swipe) else swipe for swipe in checked]


def estimate_placement(keyboard: Keyboard, swipes: Sequence[Swipe]) -> Placement:
    """The placement of the keyboard, from where swipes begin and end."""
    keys = keyboard.typist.keys
    if not swipes:
        return unchanged(keys)
    ends = [in_pixels(swipe, keys)[[0, -1], :2] for swipe in swipes]
    first, last = np.stack(ends, 1)
    return fit_keyboard(first, last, keys, keyboard.words)


def in_units(swipe: Swipe, keys: Layout, placement: Placement) -> np.ndarray:
    """f64[n 3]: a swipe in key units of the layout, and seconds."""
    points = in_pixels(swipe, keys)
    points[:, :2] = keys.to_units(placement.inverse(points[:, :2]))
    return points


# A user's models, layouts and lists of words.


class Choices(NamedTuple):
    """Names that keyboards are opened by, each with its argument of `open_keyboard`."""

    models: Mapping[str, str]
    layouts: Mapping[str, str]
    words: Mapping[str, str]


def folder() -> Path:
    """The folder of a user's additions."""
    return home() / "keyboards"


def choices() -> Choices:
    """Packaged models, layouts and words, then the user's."""
    place = folder()
    models = sorted(place.glob(f"models/*/{CURRENT}"))
    layouts, words = sorted(place.glob("layouts/*.json")), place.glob("words/*.txt")
    return Choices(
        {name: name for name in TASK.packaged}
        | {path.parent.name: str(path.parent) for path in models},
        {name: name for name in ROWS} | {path.stem: str(path) for path in layouts},
        {"en": "en"} | {path.stem: str(path) for path in sorted(words)},
    )


# A user's words.


Fate = Literal["taught", "blocked", "forgotten"]


class UserWords(NamedTuple):
    """The words that a user taught and blocked, sorted."""

    taught: tuple[str, ...] = ()
    blocked: tuple[str, ...] = ()


def user_words() -> UserWords:
    """The stored words; InputError for a damaged file."""
    path = folder() / FILE
    if not path.exists():
        return UserWords()
    try:
        content = json.loads(decode_text(read_bytes(path, MAX_BYTES), str(path)))
        lists = [content[name] for name in UserWords._fields]
        return UserWords(*(tuple(sorted({*map(str, words)})) for words in lists))
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"{path} is damaged ({type(error).__name__}); mend it, or move it away to "
            f"begin anew."
        ) from None


def set_fate(word: str, fate: Fate) -> UserWords:
    """Teaches, blocks or forgets a word on disk, and returns all words after it.

    InputError for a text that is not one word, for too many words, and for a folder
    that cannot be written.
    """
    word = unicodedata.normalize("NFC", word).strip()
    _check_word(word)
    place = folder()
    try:
        place.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(
            f"{place} cannot be made ({error.strerror}); nothing was changed."
        ) from error
    with folder_lock(place):
        # Read under the lock: another process may have changed them.
        before = user_words()
        lists = {name: {*words} - {word} for name, words in before._asdict().items()}
        if fate != "forgotten":
            lists[fate].add(word)
        if max(map(len, lists.values())) > MAX_WORDS:
            raise InputError(
                f"{MAX_WORDS:,} words are {fate} already, which is the limit; forget "
                f"some."
            )
        after = UserWords(*(tuple(sorted(words)) for words in lists.values()))
        if after != before:
            text = json.dumps(after._asdict(), ensure_ascii=False, indent=1)
            save_file(place / FILE, text.encode())
    return after


def _check_word(word: str) -> None:
    count = sum(map(str.isalpha, word))
    # Marks are allowed (o'clock), but not without end.
    too_long = count > MAX_LETTERS or len(word) > 2 * MAX_LETTERS
    if count == 0 or too_long or not word.isprintable():
        raise InputError(
            f"{word[:40]!r} has {count} letters; give a word of 1 to {MAX_LETTERS}."
        )
    if " " in word:
        raise InputError(f"{word[:40]!r} is several words; give them one at a time.")


def taught_frequencies(
    taught: Sequence[str], words: Mapping[str, float]
) -> dict[str, float]:
    """Frequencies of taught words beside `words`: at least `TAUGHT_SHARE` of all."""
    least = TAUGHT_SHARE * sum(words.values())
    return {word: max(least, words.get(word, 0.0)) for word in taught}
