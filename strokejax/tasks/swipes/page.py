"""Keyboards over HTTP: a swipe in, its words out; words taught and blocked at home."""

import time
from collections import OrderedDict
from typing import TYPE_CHECKING

from fastapi import APIRouter, HTTPException, Request

from strokejax.serve.studio import Studio
from strokejax.tasks.swipes import keyboard as own_keyboards
from strokejax.tasks.swipes.keyboard import OwnWords
from strokejax.tasks.swipes.page_keyboard_messages import (
    Key,
    KeyboardChoice,
    Keyboards,
    OpenKeyboard,
    OwnWordLists,
    SwipeQuestion,
    WordFate,
    Words,
)
from strokejax.types import InputError

if TYPE_CHECKING:
    from strokejax.tasks.swipes.keyboard_keyboard import Keyboard

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
        from strokejax.tasks.swipes.keyboard_keyboard import type_swipes
        from strokejax.tasks.swipes.layouts_keyboard_fit import as_told

        keys = keyboard.typist.keys
        swipe = parse_swipe({"curve": curve})._replace(width=keys.width)
        (found,) = type_swipes(keyboard, [swipe], placing=as_told(keys), count=count)
        if isinstance(found, InputError):
            raise found
        return found

    def _keyboard(self, asked: KeyboardChoice) -> "Keyboard":
        """The keyboard of three names, with the user's words as they are now."""
        # Heavy, and of no use to who draws single symbols.
        from strokejax.tasks.swipes.keyboard_keyboard import knowing, open_keyboard

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
