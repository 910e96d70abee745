"""A line of handwriting in, its text out: POST /api/lines."""

import base64
from typing import Any

import numpy as np
from fastapi import APIRouter, HTTPException, Request

from strokejax.ink.formats import from_json
from strokejax.pictures.images import decode_image
from strokejax.serve.messages import (
    Alternative,
    Language,
    LineCharacter,
    LineInk,
    LineReading,
)
from strokejax.serve.studio import Studio
from strokejax.store.paths import CURRENT, PACKAGED, READER
from strokejax.tasks.lines.handwriting import png, usual_line
from strokejax.tasks.symbols.pages.predict import MAX_PIXELS, is_picture, parsed
from strokejax.types import InputError

WAITING = 16
"""Lines that wait to be read."""
FILE = {"schema": {"type": "string", "format": "binary"}}
BODY = {
    "required": True,
    "content": {
        "application/json": {"schema": LineInk.model_json_schema()},
        "image/png": FILE,
        "image/jpeg": FILE,
    },
}
router = APIRouter()


class Lines:
    """Reads one line after another; the reader is loaded when the first one comes."""

    def __init__(self, studio: Studio):
        self._studio = studio
        self._waiting = 0
        self._reader: Any = None
        self._guides: dict[str | None, Any] = {}

    async def read(self, body: bytes, picture: bool, language: Language) -> LineReading:
        """The text of a request's body; the event loop goes on."""
        if self._waiting >= WAITING:
            raise HTTPException(
                429, f"{WAITING} lines wait to be read, no more may; ask again later"
            )
        self._waiting += 1
        try:
            return await self._studio.line(self._read, body, picture, language)
        finally:
            self._waiting -= 1

    def _read(self, body: bytes, picture: bool, language: Language) -> LineReading:
        if picture:
            seen = decode_image(body, "The picture", MAX_PIXELS)
        else:
            asked = parsed(LineInk, body)
            language = asked.language
            ink = from_json({"strokes": asked.strokes}, "The line")
            seen = usual_line(ink.strokes)
        reader = self._loaded()
        line = reader.prepare(seen, "The picture" if picture else "The line")
        (reading,) = reader.read([line], self._guide(language))
        return _shown(reading, seen, drawn=not picture)

    # Studio's one thread for lines calls these two: nothing is loaded twice.

    def _loaded(self) -> Any:
        if self._reader is None:
            if not (PACKAGED / READER / CURRENT).is_file():
                raise InputError(
                    f"This installation has no model {READER} to read lines by; "
                    f"install a newer strokejax."
                )
            # Heavy, and of no use to who draws single symbols.
            from strokejax.tasks.lines.reader import load_reader

            self._reader = load_reader(PACKAGED / READER)
        return self._reader

    def _guide(self, language: Language) -> Any:
        if language not in self._guides:
            import jax

            from strokejax.tasks.lines.reader import guide_of

            guide = guide_of(self._loaded(), language)
            self._guides[language] = jax.device_put(guide)
        return self._guides[language]


@router.post("/api/lines", openapi_extra={"requestBody": BODY})
async def read(request: Request, language: Language = None) -> LineReading:
    """Reads a line: a picture's bytes, or ink as JSON, which says the language itself.

    Places are columns of a picture of the `width` and `height` that are answered.
    """
    lines: Lines = request.app.state.lines
    return await lines.read(await request.body(), is_picture(request), language)


def _shown(reading: Any, seen: np.ndarray, drawn: bool) -> LineReading:
    height, width = seen.shape
    characters = [
        LineCharacter(
            char=each.char,
            confidence=each.confidence,
            x0=min(max(each.x0, 0.0), width),
            x1=min(max(each.x1, 0.0), width),
            others=[Alternative(char=c, probability=p) for c, p in each.others],
        )
        for each in reading.characters
    ]
    return LineReading(
        text=reading.text,
        confidence=reading.confidence,
        characters=characters,
        width=width,
        height=height,
        picture=_data_url(seen) if drawn else None,
    )


def _data_url(picture: np.ndarray) -> str:
    return f"data:image/png;base64,{base64.b64encode(png(picture)).decode()}"
