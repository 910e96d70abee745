"""What users add to their keyboards, kept at home: models, layouts, words.

In the folder `keyboards` lie models/NAME/, layouts/NAME.json and words/NAME.txt, and
the words that were taught and blocked.
"""

import json
import unicodedata
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np

from strokejax.files import save_file
from strokejax.ink.limits import decode_text, read_bytes
from strokejax.search.character_model import words_of
from strokejax.store.model import StoredModel, load_model
from strokejax.store.paths import CURRENT, SWIPES, home
from strokejax.store.versions import taking_turns
from strokejax.tasks.swipes.data import Swipe, check_places, in_pixels
from strokejax.tasks.swipes.decode import USUAL_DECODER as USUAL
from strokejax.tasks.swipes.decode import Decoder, lexicon
from strokejax.tasks.swipes.layouts import (
    ROWS,
    Layout,
    Placing,
    as_told,
    fit_keyboard,
    layout,
)
from strokejax.tasks.swipes.typist import Guess, Typist, letters_of, typist_of
from strokejax.types import InputError

FILE = "own-words.json"
MOST, LONGEST = 10_000, 31
"""Words that may be taught and blocked, and the letters of one."""
MAX_BYTES = 4 << 20
OFTEN = 1e-3
"""A taught word counts as one in a thousand that are typed."""
Fate = Literal["taught", "blocked", "forgotten"]


class Choices(NamedTuple):
    """What keyboards are opened by; names with what `open_keyboard` takes for them."""

    models: Mapping[str, str]
    layouts: Mapping[str, str]
    words: Mapping[str, str]


class OwnWords(NamedTuple):
    """Words of a user, sorted."""

    taught: tuple[str, ...] = ()
    blocked: tuple[str, ...] = ()


def folder() -> Path:
    """Where all of it lies."""
    return home() / "keyboards"


def choices() -> Choices:
    """What there is, the packaged things first."""
    place = folder()
    models = sorted(place.glob(f"models/*/{CURRENT}"))
    layouts, words = sorted(place.glob("layouts/*.json")), place.glob("words/*.txt")
    return Choices(
        {SWIPES: SWIPES} | {path.parent.name: str(path.parent) for path in models},
        {name: name for name in ROWS} | {path.stem: str(path) for path in layouts},
        {"en": "en"} | {path.stem: str(path) for path in sorted(words)},
    )


def own_words() -> OwnWords:
    """Taught and blocked words; InputError where their file is damaged."""
    path = folder() / FILE
    if not path.exists():
        return OwnWords()
    try:
        found = json.loads(decode_text(read_bytes(path, MAX_BYTES), str(path)))
        lists = [found[name] for name in OwnWords._fields]
        return OwnWords(*(tuple(sorted({*map(str, words)})) for words in lists))
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"{path} is damaged ({type(error).__name__}); mend it, or move it away to "
            f"begin anew."
        ) from None


def change(word: str, fate: Fate) -> OwnWords:
    """Teaches, blocks or forgets a word; all of them as they are now, on disk.

    InputError where it is no word, there are too many, or nothing can be written.
    """
    word = unicodedata.normalize("NFC", word).strip()
    count = sum(map(str.isalpha, word))
    if not 0 < count <= LONGEST or len(word) > 2 * LONGEST or not word.isprintable():
        raise InputError(
            f"{word[:40]!r} has {count} letters; give a word of 1 to {LONGEST}."
        )
    if " " in word:
        raise InputError(f"{word[:40]!r} is several words; give one after the other.")
    place = folder()
    try:
        place.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(
            f"{place} cannot be made ({error.strerror}); nothing was changed."
        ) from error
    with taking_turns(place):
        before = own_words()
        lists = {name: {*words} - {word} for name, words in before._asdict().items()}
        if fate != "forgotten":
            lists[fate].add(word)
        if max(map(len, lists.values())) > MOST:
            raise InputError(
                f"{MOST:,} words are {fate} already, as many as may be; forget some."
            )
        after = OwnWords(*(tuple(sorted(words)) for words in lists.values()))
        if after != before:
            text = json.dumps(after._asdict(), ensure_ascii=False, indent=1)
            save_file(place / FILE, text.encode())
    return after


def frequencies(own: OwnWords, words: Mapping[str, float]) -> dict[str, float]:
    """Of taught words beside others that are known."""
    often = OFTEN * sum(words.values())
    return {word: max(often, words.get(word, 0.0)) for word in own.taught}


# A keyboard as people use it: a model, a layout, words; and files of swipes.


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
