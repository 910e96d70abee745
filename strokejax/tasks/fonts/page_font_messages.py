"""What requests about fonts say, and how answers are shown in the OpenAPI schema."""

from typing import Annotated

from pydantic import BaseModel, Field

from strokejax.serve.messages import Body
from strokejax.tasks.symbols.pages.predict import MAX_PIXELS

MAX_FONTS = 20
Pixel = Annotated[
    int | None,
    Field(ge=0, le=MAX_PIXELS, description="of a crop, in the picture's pixels"),
]


class FontQuestion(Body):
    """What is asked of a picture of text."""

    k: int = Field(5, ge=1, le=MAX_FONTS, description="how many fonts to name")
    x0: Pixel = None
    y0: Pixel = None
    x1: Pixel = None
    y1: Pixel = None
    keep: bool = Field(False, description="whether this computer keeps the picture")


class FontIndex(BaseModel):
    """What fonts can be named."""

    fonts: int
    """Of the index, known by their files."""
    trained: int
    """That the network was trained on, for its classifier."""
    folder: str
    """Where pictures are kept of which a request says so."""
    reason: str
    """Why no font can be named; "" where some can."""


class FontAnswer(BaseModel):
    """The nearest fonts of the index, best first."""

    symbols: list[str]
    dist2: list[float]
    probability: list[float]
    unknown: bool
    reason: str


class FontRegion(FontAnswer):
    """A line of text, and its own nearest fonts."""

    box: tuple[int, int, int, int]
    """x0, y0, x1, y1 in the picture's pixels."""


class Classified(BaseModel):
    """One of the fonts that the network was trained on."""

    symbol: str
    probability: float


class FontsFound(FontAnswer):
    """What a picture of text is set in."""

    regions: list[FontRegion]
    classifier: list[Classified]
    drawable: list[str]
    """Of all these fonts those that `/api/fonts/drawing` draws."""
    width: int
    height: int
    kept: str | None
    """The file in which the picture is kept; null where it is not."""
