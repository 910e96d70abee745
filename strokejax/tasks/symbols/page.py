"""The studio's pages of symbols: drawing, registering, collecting and the map."""

from pathlib import Path
from typing import Any

from strokejax.serve.studio import Studio
from strokejax.tasks.symbols.pages import collect, live, predict, symbols

STATIC = Path(__file__).parent / "pages/static"
TABS = (
    ("draw", "Draw", "draw.js"),
    ("teach", "Teach", "teach.js"),
    ("collect", "Collect", "collect.js"),
    ("map", "Map", "map.js"),
)
routers = (predict.router, symbols.router, live.router, collect.router)


def attach(state: Any, studio: Studio) -> None:
    """Adds what the routes use to the application's state.

    `predict` answers waiting requests in one batch; `map` is the last map, as the
    snapshot that it shows and the task that computes it.
    """
    state.predict, state.map = studio.batched(predict.predictions), None
