"""What requests about keyboards say, and how answers are shown in the schema."""

from typing import Annotated, Any

from pydantic import BaseModel, Field

from strokejax.serve.messages import Body
from strokejax.tasks.swipes.keyboard import Fate

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
