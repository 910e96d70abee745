"""What requests say, and how answers are shown in the OpenAPI schema."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, Strict
from typing_extensions import TypedDict

from strokejax.ink.limits import MAX_POINTS
from strokejax.table.symbols import MAX_NAME, MAX_TEXT

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
MAX_DRAWINGS = 100
FORCE = "accept that with --force"
"""How commands say what a request says by `"force": true`."""


class Body(BaseModel):
    """A request's JSON; what it does not know, it refuses."""

    model_config = ConfigDict(extra="forbid")


class Velocity(TypedDict):
    """How far the pen went in one step."""

    __pydantic_config__ = ConfigDict(extra="forbid")  # pyright: ignore

    vx: Annotated[float, Strict()]
    vy: Annotated[float, Strict()]


class Predict(Body):
    """Pen velocities as one line, or ink."""

    velocities: list[Velocity] | None = Field(None, max_length=MAX_POINTS)
    ink: InkJson = None
    num_classes: int | None = Field(None, description="how many symbols there must be")
    usual_size: float | None = Field(
        None, gt=0, description="longer side of the writer's usual letter"
    )


class Drawings(Body):
    """Drawings for one symbol."""

    name: Name
    drawings: list[InkJson] = Field(min_length=1, max_length=MAX_DRAWINGS)
    ignore: list[str] = Field(
        [],
        max_length=3,
        description="what makes no difference, of direction, rotation and size",
    )
    usual_size: float | None = Field(None, gt=0)
    text: str | None = Field(
        None, max_length=MAX_TEXT, description="what it types, if not its name"
    )
    force: bool = False


class Renamed(Body):
    """Another name for a symbol, another text that it types, or both."""

    name: Name
    to: Name | None = None
    text: str | None = Field(None, max_length=MAX_TEXT)


class Collected(Body):
    """A drawing to keep in the collected folder."""

    symbol: Name
    ink: InkJson


class CollectedFile(Body):
    """A drawing that was kept."""

    file: str = Field(max_length=4_096)


class LineInk(Body):
    """A line of handwriting, from left to right."""

    strokes: StrokesJson
    language: Language = None


class Failure(BaseModel):
    """Every error."""

    error: str = Field(examples=["k is 0; ask for 1 to 10,000 symbols."])


class Prediction(BaseModel):
    """What a drawing is."""

    predicted_char: str
    confidence: float
    inference_ms: float
    image_base64: str
    """A PNG of the drawing, 28 pixels a side."""
    image_data_url: str
    num_classes: int
    symbols: list[str]
    probability: list[float]
    dist2: list[float] | None
    inputs: list[str]
    unknown: bool
    reason: str


class Alternative(BaseModel):
    """What a character may be."""

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
    """What a line says."""

    text: str
    confidence: float
    characters: list[LineCharacter]
    width: int
    height: int
    picture: str | None
    """A PNG of what was read as a data URL; null for a picture that was sent."""


class Health(BaseModel):
    """That the server lives, and with what."""

    status: str
    model: str
    version: int
    symbols: int
    encoder: str
    token: bool


class Change(BaseModel):
    """The version that a change made."""

    version: int
    name: str | None = None
