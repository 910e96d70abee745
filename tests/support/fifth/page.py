"""Curves over HTTP: points in, the way they bend out."""

from pathlib import Path
from typing import Any, Literal

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field, FiniteFloat

from strokejax.serve.messages import Body
from strokejax.serve.studio import Studio, Turns
from tests.support.fifth.data import prepare_points
from tests.support.fifth.reader import Reader, open_reader

WAITING = 16
"""Curves that wait for their answer."""
STATIC = Path(__file__).parent / "static"
router = APIRouter()
routers = (router,)


class CurveQuestion(Body):
    """A curve."""

    points: list[tuple[FiniteFloat, FiniteFloat]] = Field(
        min_length=2, max_length=10_000, description="x and y, y down"
    )


class Bend(BaseModel):
    """The way that a curve bends."""

    bend: Literal["left", "right"]


class BendReader:
    """Reads one curve after the other; the model is opened for the first one."""

    def __init__(self, studio: Studio):
        self._turns = Turns(studio, WAITING, "curves")
        self._reader: Reader | None = None

    async def read(self, question: CurveQuestion) -> Bend:
        """The answer to a curve; the event loop goes on."""
        return await self._turns.take(self._read, question)

    def _read(self, question: CurveQuestion) -> Bend:
        self._reader = self._reader or open_reader(None)
        (bend,) = self._reader.read([prepare_points(question.points)])
        return Bend(bend=bend)


@router.post("/api/bends")
async def bend(request: Request, question: CurveQuestion) -> Bend:
    """The way that a curve bends."""
    return await request.app.state.bends.read(question)


def attach(state: Any, studio: Studio) -> None:
    """Makes what the route asks for."""
    state.bends = BendReader(studio)
