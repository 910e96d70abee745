"""The application: the page and its tabs, the routes of all tasks, errors as JSON."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from string import Template
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException

from strokejax import __version__
from strokejax.serve.guard import Guard, Limits, RequestRefused
from strokejax.serve.messages import Failure, sentence
from strokejax.serve.studio import Studio
from strokejax.types import InputError, Refused

STATIC = Path(__file__).parent / "static"
Pages = Mapping[str, Any]
"""The page module of each task, by the task's name: `routers`, `attach(state, studio)`,
`STATIC`, the folder of its scripts, and `TABS`, tuples of id, label and script."""
TAB = (
    '<a role="tab" id="tab-{id}" href="#{id}" aria-controls="page-{id}" '
    'data-testid="tab-{id}" data-src="static/{task}/{script}">{label}</a>'
)
PANEL = (
    '<section role="tabpanel" id="page-{id}" class="page page-{id}" '
    'aria-labelledby="tab-{id}" hidden></section>'
)
FAILURES = {
    code: {"model": Failure} for code in (400, 401, 403, 408, 409, 413, 421, 422, 429)
}


def create_app(studio: Studio, limits: Limits, pages: Pages) -> FastAPI:
    """The application that serves a studio; the caller closes the studio."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        watcher = asyncio.create_task(studio.watch())
        yield
        watcher.cancel()
        with suppress(asyncio.CancelledError):
            await watcher

    app = FastAPI(
        title="strokejax",
        version=__version__,
        summary="Recognises drawn symbols, and learns a new one from ten drawings.",
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        responses={**FAILURES},
    )
    app.state.studio, app.state.limits, app.state.sockets = studio, limits, set()
    for name, page in pages.items():
        page.attach(app.state, studio)
        for router in page.routers:
            app.include_router(router)
        app.mount(f"/static/{name}", StaticFiles(directory=page.STATIC), name)
    app.mount("/static", StaticFiles(directory=STATIC), "static")
    index = _index(pages)

    @app.api_route("/", methods=["GET", "HEAD"], include_in_schema=False)
    async def root() -> HTMLResponse:
        return HTMLResponse(index)

    app.exception_handler(InputError)(_wrong_input)
    app.exception_handler(RequestRefused)(_refused)
    app.exception_handler(RequestValidationError)(_invalid)
    app.exception_handler(HTTPException)(_failed)
    app.exception_handler(Exception)(_broken)
    app.add_middleware(Guard, limits=limits)
    return app


def _index(pages: Pages) -> str:
    """The HTML of the page, with a tab and an empty panel for each of `TABS`."""
    tabs = [
        {"task": task, "id": tab, "label": label, "script": script}
        for task, page in pages.items()
        for tab, label, script in page.TABS
    ]
    return Template((STATIC / "index.html").read_text("utf-8")).substitute(
        tabs="\n      ".join(TAB.format(**tab) for tab in tabs),
        panels="\n    ".join(PANEL.format(**tab) for tab in tabs),
    )


async def _wrong_input(request: Request, error: InputError) -> JSONResponse:
    if not isinstance(error, Refused):
        return _error(400, str(error))
    option = "?force=true" if request.url.path == "/import" else '"force": true'
    return _error(409, f"{error.harm}, or send it again with {option}.")


async def _refused(request: Request, error: RequestRefused) -> JSONResponse:
    return _error(error.status, str(error))


async def _invalid(request: Request, error: RequestValidationError) -> JSONResponse:
    return _error(422, sentence(error.errors()[0]))


async def _failed(request: Request, error: HTTPException) -> JSONResponse:
    operation = f"{request.method} {request.url.path[:80]}"
    text = f"{operation}: {error.detail}; /openapi.json lists all requests."
    return _error(error.status_code, text)


async def _broken(request: Request, error: Exception) -> JSONResponse:
    return _error(
        500, f"The server failed with a {type(error).__name__}; please report it."
    )


def _error(status: int, text: str) -> JSONResponse:
    return JSONResponse({"error": text}, status)
