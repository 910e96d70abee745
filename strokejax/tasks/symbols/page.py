"""The studio's pages of symbols: drawing, registering, collecting and the map."""

from pathlib import Path
from typing import Any

from strokejax.serve.studio import Studio
from strokejax.tasks.symbols.pages import collect, live, predict, symbols

STATIC = Path(__file__).parent / "pages/static"
routers = (predict.router, symbols.router, live.router, collect.router)


def attach(state: Any, studio: Studio) -> None:
    """Adds `predict` to the app's state: it answers waiting requests in one batch."""
    state.predict = studio.together(predict.predictions)
