"""What users add to their keyboards, kept at home: models, layouts, words.

In the folder `keyboards` lie models/NAME/, layouts/NAME.json and words/NAME.txt, and
the words that were taught and blocked.
"""

import json
import unicodedata
from collections.abc import Mapping
from pathlib import Path
from typing import Literal, NamedTuple

from strokejax.files import save_file
from strokejax.ink.limits import decode_text, read_bytes
from strokejax.store.paths import CURRENT, SWIPES, home
from strokejax.store.versions import taking_turns
from strokejax.tasks.swipes.layouts import ROWS
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
