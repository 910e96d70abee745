"""Parts of requests and answers that tasks share, with their OpenAPI schemas."""

import json
from typing import Annotated, Any, Literal, TypeVar

from fastapi import Request
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from strokejax.table.symbols import MAX_NAME
from strokejax.types import InputError

HEART = [[[5, 3], [2, 0], [0, 3], [5, 9], [10, 3], [8, 0], [5, 3]]]
POINT = {
    "type": "array",
    "items": {"type": ["number", "null"]},
    "minItems": 2,
    "maxItems": 3,
}
INK_SCHEMA: dict[str, Any] = {
    "type": "object",
    "description": "Strokes of points [x, y] or [x, y, t]: y down, t in seconds",
    "required": ["strokes"],
    "properties": {
        "strokes": {
            "type": "array",
            "minItems": 1,
            "items": {"type": "array", "minItems": 1, "items": POINT},
        }
    },
    "examples": [{"strokes": HEART}],
}
# `ink.formats.from_json` validates it, because its errors are one sentence.
InkJson = Annotated[Any, Field(json_schema_extra=INK_SCHEMA)]
StrokesJson = Annotated[
    Any, Field(json_schema_extra=INK_SCHEMA["properties"]["strokes"])
]
Language = Annotated[
    Literal["en"] | None, Field(description="language of the text; null: any")
]
Name = Annotated[str, Field(min_length=1, max_length=MAX_NAME, examples=["heart"])]
FILE = {"schema": {"type": "string", "format": "binary"}}
"""The schema of a body that is a file's bytes, such as a picture."""
MAX_PIXELS = 16_000_000
"""Pixels of a picture."""
MAX_MESSAGE = 1 << 18
"""Characters of a message over a WebSocket."""
T = TypeVar("T", bound=BaseModel)


class Body(BaseModel):
    """The JSON of a request; unknown fields are refused."""

    model_config = ConfigDict(extra="forbid")


class Failure(BaseModel):
    """The answer to a refused request: one sentence."""

    error: str = Field(examples=["k is 0; ask for 1 to 10,000 symbols."])


class Health(BaseModel):
    """The state of the server, and the model that it serves."""

    status: str
    model: str
    version: int
    symbols: int
    encoder: str
    token: bool


def is_picture(request: Request) -> bool:
    """Whether the content type of the body is a picture."""
    return request.headers.get("content-type", "").strip().lower().startswith("image/")


def parsed(kind: type[T], body: bytes) -> T:
    """The JSON of a body as a `kind`; InputError if it does not fit."""
    try:
        return kind.model_validate_json(body)
    except ValidationError as error:
        raise InputError(sentence(error.errors()[0])) from error


def sentence(error: Any) -> str:
    """An error of pydantic as one sentence."""
    where = ".".join(str(part) for part in error["loc"] if part != "body")
    value = json.dumps(error.get("input"), default=str)[:60]
    problem = error["msg"][:1].lower() + error["msg"][1:]
    return f"{where or 'The request'} is {value}, but {problem}; see /openapi.json."
