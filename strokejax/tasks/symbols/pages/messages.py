"""Bodies of requests about symbols, and answers as the schema shows them."""

from typing import Annotated

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, Strict
from typing_extensions import TypedDict

from strokejax.ink.limits import MAX_POINTS
from strokejax.serve.messages import Body, InkJson, Name
from strokejax.table.symbols import MAX_TEXT

MAX_DRAWINGS = 100

ReferenceSize = Annotated[
    float | None,
    Field(
        gt=0,
        # The former name is read until release 0.3.
        validation_alias=AliasChoices("reference_size", "usual_size"),
        description="longer side of the writer's typical letter",
    ),
]

# Requests.


class Velocity(TypedDict):
    """How far the pen moved in one step."""

    __pydantic_config__ = ConfigDict(extra="forbid")  # pyright: ignore

    vx: Annotated[float, Strict()]
    vy: Annotated[float, Strict()]


class Predict(Body):
    """Pen velocities of one stroke, or ink."""

    velocities: list[Velocity] | None = Field(None, max_length=MAX_POINTS)
    ink: InkJson = None
    num_classes: int | None = Field(
        None, description="number of symbols that the model must have"
    )
    reference_size: ReferenceSize = None


class Drawings(Body):
    """Drawings of one symbol to register."""

    name: Name
    drawings: list[InkJson] = Field(min_length=1, max_length=MAX_DRAWINGS)
    ignore: list[str] = Field(
        [],
        max_length=3,
        description="variations that leave the symbol the same, of direction, rotation "
        "and size",
    )
    reference_size: ReferenceSize = None
    text: str | None = Field(
        None, max_length=MAX_TEXT, description="text to type instead of the name"
    )
    force: bool = False


class Rename(Body):
    """A new name for a symbol, a new text that it types, or both."""

    name: Name
    to: Name | None = None
    text: str | None = Field(None, max_length=MAX_TEXT)


class CollectedDrawing(Body):
    """A drawing to save in the collected folder."""

    symbol: Name
    ink: InkJson


class CollectedFile(Body):
    """A file of the collected folder."""

    file: str = Field(max_length=4_096)


# Answers.


class Prediction(BaseModel):
    """The nearest symbols of a drawing."""

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


class Change(BaseModel):
    """The version that a change made."""

    version: int
    name: str | None = None
