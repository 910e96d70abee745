"""POST /api/lines: a line of handwriting, as ink or as a picture, to its text."""

import base64
from pathlib import Path
from typing import Any

import numpy as np
from fastapi import APIRouter, Request
from pydantic import BaseModel

from strokejax.ink.formats import from_json
from strokejax.pictures.images import decode_image
from strokejax.serve.messages import (
    MAX_PIXELS,
    Body,
    Language,
    StrokesJson,
    is_picture,
    parsed,
)
from strokejax.serve.studio import Studio, Turns
from strokejax.store.paths import CURRENT, PACKAGED
from strokejax.tasks.lines.handwriting import draw_recorded, png
from strokejax.tasks.lines.settings import TASK
from strokejax.types import InputError

READER = TASK.packaged[0]
MAX_WAITING = 16
"""Lines that may wait for the reader."""

# Messages


class LineInk(Body):
    """A line of handwriting, from left to right."""

    strokes: StrokesJson
    language: Language = None


class Alternative(BaseModel):
    """A possible character."""

    char: str
    probability: float


class LineCharacter(BaseModel):
    """A character of a line and its place, in columns of the picture."""

    char: str
    confidence: float
    x0: float
    x1: float
    others: list[Alternative]
    """The most probable, with the chosen one, best first."""


class LineReading(BaseModel):
    """The text of a line."""

    text: str
    confidence: float
    characters: list[LineCharacter]
    width: int
    height: int
    picture: str | None
    """The drawn ink, a PNG as a data URL; null for a picture that was sent."""


FILE = {"schema": {"type": "string", "format": "binary"}}
BODY = {
    "required": True,
    "content": {
        "application/json": {"schema": LineInk.model_json_schema()},
        "image/png": FILE,
        "image/jpeg": FILE,
    },
}

# The reader


class Lines:
    """Reads one line after another; the first request loads the reader."""

    def __init__(self, studio: Studio):
        self._turns = Turns(studio, MAX_WAITING, "lines")
        self._reader: Any = None
        self._languages: dict[str | None, Any] = {}

    async def read(self, body: bytes, picture: bool, language: Language) -> LineReading:
        """Read a request's body, off the event loop."""
        return await self._turns.take(self._read, body, picture, language)

    def _read(self, body: bytes, picture: bool, language: Language) -> LineReading:
        if picture:
            image = decode_image(body, "The picture", MAX_PIXELS)
        else:
            message = parsed(LineInk, body)
            language = message.language
            ink = from_json({"strokes": message.strokes}, "The line")
            image = draw_recorded(ink.strokes)
        reader = self._load_reader()
        line = reader.prepare(image, "The picture" if picture else "The line")
        (reading,) = reader.read([line], self._load_language(language))
        return _response(reading, image, drawn=not picture)

    # These two run in the studio's single thread for lines, so nothing is loaded twice.

    def _load_reader(self) -> Any:
        if self._reader is None:
            if not (PACKAGED / READER / CURRENT).is_file():
                raise InputError(
                    f"This installation lacks the model {READER}, which reads lines; "
                    f"install a newer strokejax."
                )
            # Imported late: symbol pages do not need it.
            from strokejax.tasks.lines.reader import load_reader

            self._reader = load_reader(PACKAGED / READER)
        return self._reader

    def _load_language(self, language: Language) -> Any:
        if language not in self._languages:
            import jax

            from strokejax.tasks.lines.reader import load_language

            tables = load_language(self._load_reader(), language)
            self._languages[language] = jax.device_put(tables)
        return self._languages[language]


def _response(reading: Any, image: np.ndarray, drawn: bool) -> LineReading:
    height, width = image.shape
    characters = [
        LineCharacter(
            char=character.char,
            confidence=character.confidence,
            x0=min(max(character.x0, 0.0), width),
            x1=min(max(character.x1, 0.0), width),
            others=[Alternative(char=c, probability=p) for c, p in character.others],
        )
        for character in reading.characters
    ]
    return LineReading(
        text=reading.text,
        confidence=reading.confidence,
        characters=characters,
        width=width,
        height=height,
        picture=_data_url(image) if drawn else None,
    )


def _data_url(picture: np.ndarray) -> str:
    return f"data:image/png;base64,{base64.b64encode(png(picture)).decode()}"


# Routes

router = APIRouter()


@router.post("/api/lines", openapi_extra={"requestBody": BODY})
async def read(request: Request, language: Language = None) -> LineReading:
    """Reads a line: a picture's bytes, or ink as JSON with its own `language`.

    Places are columns of a picture of the `width` and `height` in the answer.
    """
    lines: Lines = request.app.state.lines
    return await lines.read(await request.body(), is_picture(request), language)


STATIC = Path(__file__).parent / "static"
routers = (router,)


def attach(state: Any, studio: Studio) -> None:
    """Add the reader of the routes to the app's state."""
    state.lines = Lines(studio)
