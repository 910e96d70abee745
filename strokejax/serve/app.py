"""The application: routes, pages, errors in one form, bounds around all of it."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, JSONResponse
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException

from strokejax import __version__
from strokejax.serve.guard import Bounds, Guard
from strokejax.serve.messages import Failure, sentence
from strokejax.serve.studio import Studio
from strokejax.types import InputError, Refused

STATIC = Path(__file__).parent / "static"
Pages = Mapping[str, Any]
"""The page module of each task by its name: `routers`, `attach(app.state, studio)`, and
`STATIC`, the folder of its scripts."""
FAILURES = {
    code: {"model": Failure} for code in (400, 401, 403, 408, 409, 413, 421, 422, 429)
}


def create_app(studio: Studio, bounds: Bounds, pages: Pages) -> FastAPI:
    """The application over one studio, which whoever made it closes."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        watching = asyncio.create_task(studio.watch())
        yield
        watching.cancel()
        with suppress(asyncio.CancelledError):
            await watching

    app = FastAPI(
        title="strokejax",
        version=__version__,
        summary="Names what a hand draws, and learns a new stroke from ten drawings.",
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        responses={**FAILURES},
    )
    app.state.studio, app.state.bounds, app.state.sockets = studio, bounds, set()
    for name, page in pages.items():
        page.attach(app.state, studio)
        for router in page.routers:
            app.include_router(router)
        app.mount(f"/static/{name}", StaticFiles(directory=page.STATIC), name)
    app.mount("/static", StaticFiles(directory=STATIC), "static")
    app.add_api_route("/", _page, methods=["GET", "HEAD"], include_in_schema=False)
    app.exception_handler(InputError)(_refused)
    app.exception_handler(RequestValidationError)(_invalid)
    app.exception_handler(HTTPException)(_failed)
    app.exception_handler(Exception)(_broken)
    app.add_middleware(Guard, bounds=bounds)
    return app


async def _page() -> FileResponse:
    return FileResponse(STATIC / "index.html")


async def _refused(request: Request, error: InputError) -> JSONResponse:
    if not isinstance(error, Refused):
        return _error(400, str(error))
    way = "?force=true" if request.url.path == "/import" else '"force": true'
    return _error(409, f"{error.harm}, or send it again with {way}.")


async def _invalid(request: Request, error: RequestValidationError) -> JSONResponse:
    return _error(422, sentence(error.errors()[0]))


async def _failed(request: Request, error: HTTPException) -> JSONResponse:
    said = f"{request.method} {request.url.path[:80]}: {error.detail}"
    return _error(error.status_code, f"{said}; see /openapi.json for what there is.")


async def _broken(request: Request, error: Exception) -> JSONResponse:
    return _error(
        500, f"The server failed with a {type(error).__name__}; please report."
    )


def _error(status: int, said: str) -> JSONResponse:
    return JSONResponse({"error": said}, status)
