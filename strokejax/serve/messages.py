"""What requests say, and how answers are shown in the OpenAPI schema."""

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
# Checked by `ink.from_json`, which says in one sentence what is wrong.
InkJson = Annotated[Any, Field(json_schema_extra=INK_SCHEMA)]
StrokesJson = Annotated[
    Any, Field(json_schema_extra=INK_SCHEMA["properties"]["strokes"])
]
Language = Annotated[
    Literal["en"] | None, Field(description="whose words are more probable; any: null")
]
Name = Annotated[str, Field(min_length=1, max_length=MAX_NAME, examples=["heart"])]
MAX_PIXELS = 16_000_000
"""Of a picture."""
MAX_MESSAGE = 1 << 18
"""Characters of a message over a WebSocket."""
T = TypeVar("T", bound=BaseModel)


class Body(BaseModel):
    """A request's JSON; what it does not know, it refuses."""

    model_config = ConfigDict(extra="forbid")


class Failure(BaseModel):
    """Every error."""

    error: str = Field(examples=["k is 0; ask for 1 to 10,000 symbols."])


class Health(BaseModel):
    """That the server lives, and with what."""

    status: str
    model: str
    version: int
    symbols: int
    encoder: str
    token: bool


def is_picture(request: Request) -> bool:
    """Whether the body is said to be a picture's bytes."""
    return request.headers.get("content-type", "").strip().lower().startswith("image/")


def parsed(kind: type[T], body: bytes) -> T:
    """A body's JSON as a message; InputError for anything else."""
    try:
        return kind.model_validate_json(body)
    except ValidationError as error:
        raise InputError(sentence(error.errors()[0])) from error


def sentence(error: Any) -> str:
    """What pydantic found wrong, in one sentence."""
    where = ".".join(str(part) for part in error["loc"] if part != "body")
    shown = json.dumps(error.get("input"), default=str)[:60]
    said = error["msg"][:1].lower() + error["msg"][1:]
    return f"{where or 'The request'} is {shown}, but {said}; see /openapi.json."
