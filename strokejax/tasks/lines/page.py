"""POST /api/lines: a line of handwriting, as ink or as a picture, to its text."""

from pathlib import Path
from typing import Any

import numpy as np
from fastapi import APIRouter, Request
from pydantic import BaseModel

from strokejax.ink.formats import from_json
from strokejax.pictures.images import data_url, decode_image
from strokejax.serve.messages import (
    FILE,
    MAX_PIXELS,
    Body,
    Language,
    StrokesJson,
    is_picture,
    parsed,
)
from strokejax.serve.studio import BoundedQueue, Studio
from strokejax.store.paths import CURRENT, PACKAGED
from strokejax.tasks.lines.handwriting import draw_recorded, png
from strokejax.tasks.lines.settings import TASK
from strokejax.types import InputError

READER = TASK.packaged[0]
MAX_WAITING = 16
"""Maximum number of lines that wait for their answers."""
STATIC = Path(__file__).parent / "static"
TABS = (("lines", "Lines", "lines.js"),)

# Requests and answers, as the OpenAPI schema shows them.


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
    """The most probable characters, best first; the chosen one is among them."""


class LineReading(BaseModel):
    """The text of a line."""

    text: str
    confidence: float
    characters: list[LineCharacter]
    width: int
    height: int
    picture: str | None
    """The drawn ink, a PNG as a data URL; null for a picture that was sent."""


BODY = {
    "required": True,
    "content": {
        "application/json": {"schema": LineInk.model_json_schema()},
        "image/png": FILE,
        "image/jpeg": FILE,
    },
}

# The service: one reader, shared by all requests.


class Lines:
    """Reads one line after another; the first request loads the reader."""

    def __init__(self, studio: Studio):
        self.queue = BoundedQueue(studio, MAX_WAITING, "lines")
        self._reader: Any = None
        self._languages: dict[str | None, Any] = {}

    def read(self, body: bytes, picture: bool, language: Language) -> LineReading:
        """The text of a request's body."""
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

    # These run on the studio's single thread for heavy work: nothing is loaded twice.

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
        picture=data_url(png(image)) if drawn else None,
    )


# Routes.

router = APIRouter()
routers = (router,)


def attach(state: Any, studio: Studio) -> None:
    """Adds the service that the routes use to the application's state."""
    state.lines = Lines(studio)


@router.post("/api/lines", openapi_extra={"requestBody": BODY})
async def read(request: Request, language: Language = None) -> LineReading:
    """Reads a line: a picture's bytes, or ink as JSON with its own `language`.

    Places are columns of a picture of the `width` and `height` in the answer.
    """
    lines: Lines = request.app.state.lines
    body = await request.body()
    return await lines.queue.run(lines.read, body, is_picture(request), language)
