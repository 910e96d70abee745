"""Keyboards over HTTP: swipes in, words out; words taught and blocked by the user."""

import time
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field

from strokejax.serve.messages import Body
from strokejax.serve.studio import BoundedQueue, Served, Studio
from strokejax.tasks.swipes import keyboard as keyboards
from strokejax.tasks.swipes.data import parse_swipe
from strokejax.tasks.swipes.keyboard import Fate, Keyboard, UserWords
from strokejax.tasks.swipes.layouts import unchanged
from strokejax.tasks.swipes.typist import Guess
from strokejax.types import InputError

MAX_WORDS = 12
"""Maximum number of words in an answer."""
MAX_WAITING = 16
"""Maximum number of swipes that wait for their answers."""
MAX_OPEN = 4
"""Maximum number of open keyboards; the least recently used one is closed."""
KINDS = ("model", "layout", "list of words")
"""Nouns for the fields of a `KeyboardChoice`, in errors."""
STATIC = Path(__file__).parent / "static"
TABS = (("keyboard", "Keyboard", "keyboard.js"),)

# Requests and answers, as the OpenAPI schema shows them.

NUMBERS = {"type": "array", "items": {"type": "number"}, "minItems": 2}
CURVE: dict[str, Any] = {
    "type": "object",
    "description": "x and y in pixels of the layout, t in milliseconds",
    "required": ["x", "y", "t"],
    "properties": {"x": NUMBERS, "y": NUMBERS, "t": NUMBERS},
    "examples": [{"x": [162, 90, 36], "y": [27, 27, 81], "t": [0, 120, 260]}],
}
# `data.parse_swipe` checks it, because its errors are one sentence.
CurveJson = Annotated[Any, Field(json_schema_extra=CURVE)]
Choice = Annotated[str, Field(min_length=1, max_length=100)]


class KeyboardChoice(Body):
    """A keyboard, by names that `GET /api/keyboards` lists."""

    model: Choice = "swipe"
    layout: Choice = "qwerty"
    words: Choice = "en"


class SwipeRequest(KeyboardChoice):
    """A swipe on that keyboard."""

    curve: CurveJson
    count: int = Field(4, ge=1, le=MAX_WORDS, description="number of words to answer")


class WordFate(Body):
    """A word to teach, block or forget."""

    word: str = Field(max_length=100)
    fate: Fate


class Keyboards(BaseModel):
    """Names of the models, layouts and words that a keyboard is opened with."""

    models: list[str]
    layouts: list[str]
    words: list[str]
    folder: str
    """Where users add models/NAME/, layouts/NAME.json and words/NAME.txt."""


class Key(BaseModel):
    """A letter, and its key centre in pixels of the layout."""

    letter: str
    x: float
    y: float


class OpenKeyboard(BaseModel):
    """A keyboard that is loaded and compiled."""

    keys: list[Key]
    width: float
    height: float
    pitch: tuple[float, float]
    """Pixels to the key on the right, and to the row below."""
    known: int
    """Number of words that can be typed."""
    left_out: int
    """Number of words that cannot be written on these keys."""


class Words(BaseModel):
    """The words that a swipe may mean, best first."""

    words: list[str]
    scores: list[float]
    """On a logarithmic scale: only their differences have a meaning."""
    milliseconds: float


class UserWordLists(BaseModel):
    """The words that the user taught, and those that are never typed."""

    taught: list[str]
    blocked: list[str]


# The service: open keyboards, shared by all requests.


class Typing:
    """Types one swipe after another; opens a keyboard when it is first used."""

    def __init__(self, studio: Studio):
        self.queue = BoundedQueue(studio, MAX_WAITING, "swipes")
        # Least recently used first.
        self._keyboards: OrderedDict[tuple[str, ...], tuple[Keyboard, UserWords]] = (
            OrderedDict()
        )

    # `open` and `type` run in the queue, one at a time: no keyboard is opened twice.

    def open(self, choice: KeyboardChoice) -> OpenKeyboard:
        """A keyboard, ready to type."""
        keyboard = self._keyboard(choice)
        keys = keyboard.typist.keys
        # A tap at the centre compiles the search before the first swipe comes.
        centre = keys.centres.mean(0).tolist()
        tap = {"x": centre[:1] * 2, "y": centre[1:] * 2, "t": [0, 9]}
        self._guesses(keyboard, tap)
        lexicon = keyboard.typist.lexicon
        return OpenKeyboard(
            keys=[
                Key(letter=letter, x=x, y=y)
                for letter, (x, y) in zip(
                    keys.letters, keys.centres.tolist(), strict=True
                )
            ],
            width=keys.width,
            height=keys.height,
            pitch=(float(keys.pitch[0]), float(keys.pitch[1])),
            known=sum(map(len, lexicon.words.values())),
            left_out=len(lexicon.left_out),
        )

    def type(self, swipe: SwipeRequest) -> Words:
        """The words of a swipe, best first."""
        keyboard, start = self._keyboard(swipe), time.perf_counter()
        guesses = self._guesses(keyboard, swipe.curve, swipe.count)
        return Words(
            words=[guess.word for guess in guesses],
            scores=[guess.score for guess in guesses],
            milliseconds=round(1e3 * (time.perf_counter() - start), 1),
        )

    def _guesses(self, keyboard: Keyboard, curve: Any, count: int = 4) -> list[Guess]:
        keys = keyboard.typist.keys
        # The page draws the layout itself, so its width and placement are known.
        swipe = parse_swipe({"curve": curve})._replace(width=keys.width)
        (guesses,) = keyboards.type_swipes(
            keyboard, [swipe], placement=unchanged(keys), count=count
        )
        if isinstance(guesses, InputError):
            raise guesses
        return guesses

    def _keyboard(self, choice: KeyboardChoice) -> Keyboard:
        """The chosen keyboard, with the user's words as they are now."""
        current = keyboards.user_words()
        names = choice.model, choice.layout, choice.words
        keyboard, words = self._keyboards.pop(names, (None, UserWords()))
        if keyboard is None:
            keyboard = keyboards.open_keyboard(
                *map(_choose, keyboards.choices(), names, KINDS)
            )
        if words != current:
            taught = keyboards.taught_frequencies(current.taught, keyboard.words)
            keyboard = keyboards.with_user_words(keyboard, taught, current.blocked)
        self._keyboards[names] = keyboard, current
        while len(self._keyboards) > MAX_OPEN:
            self._keyboards.popitem(last=False)
        return keyboard


def _choose(options: Mapping[str, str], name: str, kind: str) -> str:
    """The argument of `open_keyboard` for a name; InputError for an unknown one."""
    if name not in options:
        raise InputError(
            f"There is no {kind} {name[:60]!r}; choose one of {', '.join(options)}, or "
            f"add one to {keyboards.folder()}."
        )
    return options[name]


# Routes.

router = APIRouter()
routers = (router,)


def attach(state: Any, studio: Studio) -> None:
    """Adds the service that the routes use to the application's state."""
    state.typing = Typing(studio)


@router.get("/api/keyboards")
async def list_keyboards() -> Keyboards:
    """Lists the models, layouts and words that keyboards are opened with."""
    options = keyboards.choices()
    lists = {kind: list(names) for kind, names in options._asdict().items()}
    return Keyboards(**lists, folder=str(keyboards.folder()))


@router.post("/api/keyboards")
async def open_keyboard(request: Request, choice: KeyboardChoice) -> OpenKeyboard:
    """Returns a keyboard's keys; it is loaded and compiled if it is not open."""
    typing: Typing = request.app.state.typing
    return await typing.queue.run(typing.open, choice)


@router.post("/api/swipes")
async def type_swipe(request: Request, swipe: SwipeRequest) -> Words:
    """Returns the words of a swipe, best first."""
    typing: Typing = request.app.state.typing
    return await typing.queue.run(typing.type, swipe)


@router.get("/api/words")
async def list_words(studio: Served) -> UserWordLists:
    """Lists the words that the user taught and blocked."""
    return _user_word_lists(await studio.run(keyboards.user_words))


@router.post("/api/words")
async def set_word_fate(studio: Served, change: WordFate) -> UserWordLists:
    """Teaches, blocks or forgets a word; it is on disk before the answer."""
    words = await studio.run(keyboards.set_fate, change.word, change.fate)
    return _user_word_lists(words)


def _user_word_lists(words: UserWords) -> UserWordLists:
    return UserWordLists(taught=list(words.taught), blocked=list(words.blocked))
