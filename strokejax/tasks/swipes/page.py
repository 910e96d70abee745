"""Keyboards over HTTP: a swipe in, its words out; words taught and blocked at home."""

import time
from collections import OrderedDict
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, HTTPException, Request
from pydantic import BaseModel, Field

from strokejax.serve.messages import Body
from strokejax.serve.studio import Studio
from strokejax.tasks.swipes import keyboard as own_keyboards
from strokejax.tasks.swipes.keyboard import Fate, OwnWords
from strokejax.types import InputError

if TYPE_CHECKING:
    from strokejax.tasks.swipes.keyboard import Keyboard


# What requests about keyboards say, and how answers are shown in the schema.


MAX_COUNT = 12
NUMBERS = {"type": "array", "items": {"type": "number"}, "minItems": 2}
CURVE: dict[str, Any] = {
    "type": "object",
    "description": "x and y in pixels of the layout, t in milliseconds",
    "required": ["x", "y", "t"],
    "properties": {"x": NUMBERS, "y": NUMBERS, "t": NUMBERS},
    "examples": [{"x": [162, 90, 36], "y": [27, 27, 81], "t": [0, 120, 260]}],
}
# Checked by `data.swipes`, which says in one sentence what is wrong.
CurveJson = Annotated[Any, Field(json_schema_extra=CURVE)]
Choice = Annotated[str, Field(min_length=1, max_length=100)]


class KeyboardChoice(Body):
    """A keyboard, by names that `GET /api/keyboards` lists."""

    model: Choice = "swipe"
    layout: Choice = "qwerty"
    words: Choice = "en"


class SwipeQuestion(KeyboardChoice):
    """A finger's way over that keyboard."""

    curve: CurveJson
    count: int = Field(4, ge=1, le=MAX_COUNT, description="how many words to answer")


class WordFate(Body):
    """What shall become of a word."""

    word: str = Field(max_length=100)
    fate: Fate


class Keyboards(BaseModel):
    """What keyboards can be opened."""

    models: list[str]
    layouts: list[str]
    words: list[str]
    folder: str
    """Where more may be put: models/NAME/, layouts/NAME.json, words/NAME.txt."""


class Key(BaseModel):
    """A letter, and the middle of its key in pixels of the layout."""

    letter: str
    x: float
    y: float


class OpenKeyboard(BaseModel):
    """A keyboard that answers at once from now on."""

    keys: list[Key]
    width: float
    height: float
    pitch: tuple[float, float]
    """Pixels to the key on the right, and to the row below."""
    known: int
    """Words that can be typed."""
    left_out: int
    """Words that cannot be written on these keys."""


class Words(BaseModel):
    """What a swipe may mean, best first."""

    words: list[str]
    scores: list[float]
    """Logarithms; only their differences say something."""
    milliseconds: float


class OwnWordLists(BaseModel):
    """Words that were taught, and words that are never typed."""

    taught: list[str]
    blocked: list[str]


WAITING = 16
"""Swipes that wait for their words."""
OPEN = 4
"""Keyboards that are kept open."""
router = APIRouter()


class Typing:
    """Types one swipe after another; keyboards are opened when they are asked for."""

    def __init__(self, studio: Studio):
        self._studio = studio
        self._waiting = 0
        self._open: OrderedDict[tuple[str, ...], tuple[Keyboard, OwnWords]] = (
            OrderedDict()
        )

    async def open(self, asked: KeyboardChoice) -> OpenKeyboard:
        """A keyboard, ready to type; the event loop goes on."""
        return await self._turn(self._opened, asked)

    async def type(self, asked: SwipeQuestion) -> Words:
        """The words of a swipe; the event loop goes on."""
        return await self._turn(self._typed, asked)

    async def own(self, asked: WordFate | None = None) -> OwnWordLists:
        """The user's words, after a change where one is asked for."""
        if asked is None:
            found = await self._studio.answer(own_keyboards.own_words)
        else:
            found = await self._studio.answer(
                own_keyboards.change, asked.word, asked.fate
            )
        return OwnWordLists(taught=list(found.taught), blocked=list(found.blocked))

    async def _turn(self, function, asked):
        if self._waiting >= WAITING:
            raise HTTPException(
                429, f"{WAITING} swipes wait for their words; ask again later"
            )
        self._waiting += 1
        try:
            return await self._studio.line(function, asked)
        finally:
            self._waiting -= 1

    # Studio's one thread for lines calls what is below: nothing is opened twice.

    def _opened(self, asked: KeyboardChoice) -> OpenKeyboard:
        keyboard = self._keyboard(asked)
        keys = keyboard.typist.keys
        middle = keys.centres.mean(0).tolist()
        self._answer(keyboard, {"x": middle[:1] * 2, "y": middle[1:] * 2, "t": [0, 9]})
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

    def _typed(self, asked: SwipeQuestion) -> Words:
        keyboard, since = self._keyboard(asked), time.perf_counter()
        found = self._answer(keyboard, asked.curve, asked.count)
        return Words(
            words=[guess.word for guess in found],
            scores=[guess.score for guess in found],
            milliseconds=round(1e3 * (time.perf_counter() - since), 1),
        )

    def _answer(self, keyboard: "Keyboard", curve, count: int = 4):
        from strokejax.tasks.swipes.data import parse_swipe
        from strokejax.tasks.swipes.keyboard import type_swipes
        from strokejax.tasks.swipes.layouts import as_told

        keys = keyboard.typist.keys
        swipe = parse_swipe({"curve": curve})._replace(width=keys.width)
        (found,) = type_swipes(keyboard, [swipe], placing=as_told(keys), count=count)
        if isinstance(found, InputError):
            raise found
        return found

    def _keyboard(self, asked: KeyboardChoice) -> "Keyboard":
        """The keyboard of three names, with the user's words as they are now."""
        # Heavy, and of no use to who draws single symbols.
        from strokejax.tasks.swipes.keyboard import knowing, open_keyboard

        own, name = own_keyboards.own_words(), (asked.model, asked.layout, asked.words)
        keyboard, knew = self._open.pop(name, (None, OwnWords()))
        if keyboard is None:
            keyboard = open_keyboard(
                *map(_chosen, own_keyboards.choices(), name, KINDS)
            )
        if own != knew:
            taught = own_keyboards.frequencies(own, keyboard.words)
            keyboard = knowing(keyboard, taught, own.blocked)
        self._open[name] = keyboard, own
        while len(self._open) > OPEN:
            self._open.popitem(last=False)
        return keyboard


KINDS = ("model", "layout", "list of words")


def _chosen(among, name: str, kind: str) -> str:
    if name not in among:
        raise InputError(
            f"There is no {kind} {name[:60]!r}; there are {', '.join(among)}, and what "
            f"is put into {own_keyboards.folder()}."
        )
    return among[name]


@router.get("/api/keyboards")
async def listed() -> Keyboards:
    """What keyboards can be opened."""
    found = own_keyboards.choices()
    lists = {kind: list(names) for kind, names in found._asdict().items()}
    return Keyboards(**lists, folder=str(own_keyboards.folder()))


@router.post("/api/keyboards")
async def opened(request: Request, asked: KeyboardChoice) -> OpenKeyboard:
    """The keys of a keyboard, which is loaded and compiled where it is not yet."""
    return await request.app.state.typing.open(asked)


@router.post("/api/swipes")
async def typed(request: Request, asked: SwipeQuestion) -> Words:
    """The words of a swipe, best first."""
    return await request.app.state.typing.type(asked)


@router.get("/api/words")
async def words(request: Request) -> OwnWordLists:
    """Words that were taught and blocked."""
    return await request.app.state.typing.own()


@router.post("/api/words")
async def word(request: Request, asked: WordFate) -> OwnWordLists:
    """Teaches a word, blocks or forgets it; once answered it is on disk."""
    return await request.app.state.typing.own(asked)
