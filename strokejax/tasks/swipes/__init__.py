"""Types words from swipes over a keyboard."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from strokejax.tasks.swipes.typist import Guess


def type_swipe(
    curve: Mapping[str, Sequence[float]],
    *,
    layout: str | Path = "qwerty",
    words: str | Path = "en",
    count: int = 4,
    model: str | Path | None = None,
) -> "list[Guess]":
    """The words that a swipe may mean, best first.

    `curve` has the lists "x" and "y" in pixels of the layout and "t" in milliseconds,
    each of 2 points or more. `layout` is the name of a keyboard or its JSON file,
    `words` a language or a file of words and frequencies. To type many swipes, open a
    keyboard once: `strokejax.tasks.swipes.keyboard.open_keyboard`. InputError for a
    curve that leaves the keyboard or whose lists do not fit together.

    >>> import strokejax
    >>> curve = {"x": [18, 100, 162], "y": [80, 40, 28], "t": [0, 150, 300]}
    >>> guesses = strokejax.type_swipe(curve, count=3)
    >>> [type(guess.word) is str for guess in guesses]
    [True, True, True]
    """
    from strokejax.tasks.swipes.data import parse_swipe
    from strokejax.tasks.swipes.keyboard import open_keyboard, type_swipes
    from strokejax.types import InputError

    keyboard = open_keyboard(model, layout, words)
    swipe = parse_swipe({"curve": dict(curve)})
    if swipe.width is None:
        swipe = swipe._replace(width=keyboard.typist.keys.width)
    (guesses,) = type_swipes(keyboard, [swipe], count=count)
    if isinstance(guesses, InputError):
        raise guesses
    return guesses
