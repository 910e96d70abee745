"""Curves over HTTP: points in, their direction out."""

from pathlib import Path
from typing import Any, Literal

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field, FiniteFloat

from strokejax.serve.messages import Body
from strokejax.serve.studio import BoundedQueue, Studio
from tests.support.fifth.data import prepare_points
from tests.support.fifth.reader import Reader, open_reader

MAX_WAITING = 16
"""Maximum number of curves that wait for their answers."""
STATIC = Path(__file__).parent / "static"
TABS = (("bends", "Bends", "bends.js"),)
router = APIRouter()
routers = (router,)


class CurveQuestion(Body):
    """A curve."""

    points: list[tuple[FiniteFloat, FiniteFloat]] = Field(
        min_length=2, max_length=10_000, description="x and y, y down"
    )


class Bend(BaseModel):
    """The direction in which a curve bends."""

    bend: Literal["left", "right"]


class BendReader:
    """Reads one curve after another; the first request loads the model."""

    def __init__(self, studio: Studio):
        self.queue = BoundedQueue(studio, MAX_WAITING, "curves")
        self._reader: Reader | None = None

    def read(self, question: CurveQuestion) -> Bend:
        """The answer to a curve."""
        self._reader = self._reader or open_reader(None)
        (bend,) = self._reader.read([prepare_points(question.points)])
        return Bend(bend=bend)


@router.post("/api/bends")
async def bend(request: Request, question: CurveQuestion) -> Bend:
    """The direction in which a curve bends."""
    bends: BendReader = request.app.state.bends
    return await bends.queue.run(bends.read, question)


def attach(state: Any, studio: Studio) -> None:
    """Adds the service that the route uses to the application's state."""
    state.bends = BendReader(studio)
