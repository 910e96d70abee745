"""Drawings kept for later, symbols with fewest first: /collect."""

from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request

from strokejax.ink.formats import from_json
from strokejax.serve.messages import Collected, CollectedFile
from strokejax.serve.studio import Studio
from strokejax.table.symbols import check_name
from strokejax.types import Ink, InputError

MAX_SYMBOLS, MAX_TARGET = 500, 10_000
router = APIRouter()


@router.get("/collect")
async def counted(
    request: Request,
    symbols: Annotated[list[str] | None, Query()] = None,
    target: int = 10,
) -> dict[str, Any]:
    """How many drawings each symbol has, and which to draw next.

    `symbols` are asked for; without them the 63 strokes and all that the folder holds.
    """
    studio: Studio = request.app.state.studio
    return await studio.answer(_counted, _folder(studio), symbols or [], target)


@router.post("/collect")
async def kept(request: Request, given: Collected) -> dict[str, Any]:
    """Keeps a drawing."""
    studio: Studio = request.app.state.studio
    folder, ink = (
        _folder(studio),
        await studio.read(from_json, given.ink, "The drawing"),
    )
    return await studio.change(_kept, folder, check_name(given.symbol), ink)


@router.post("/collect/undo")
async def undone(request: Request, given: CollectedFile) -> dict[str, Any]:
    """Sets a drawing aside that was kept; nothing is deleted."""
    studio: Studio = request.app.state.studio
    return await studio.change(_undone, _folder(studio), given.file)


def _folder(studio: Studio) -> Path:
    if studio.collect is None:
        raise InputError(
            "This server keeps no drawings; start it with `--collect FOLDER`."
        )
    return studio.collect


def _counted(folder: Path, symbols: list[str], target: int) -> dict[str, Any]:
    from strokejax.data.collection import asked_for, find

    if not 1 <= target <= MAX_TARGET:
        raise InputError(
            f"The target is {target}; ask for 1 to {MAX_TARGET:,} drawings a symbol."
        )
    found = find(folder)
    names = [check_name(each) for each in symbols]
    if len(names) > MAX_SYMBOLS:
        raise InputError(
            f"{len(names):,} symbols are asked for; name up to {MAX_SYMBOLS}."
        )
    wanted = dict.fromkeys(names or asked_for(found))
    count = {name: len(found.trials.get(name, ())) for name in wanted}
    return {
        "folder": str(folder),
        "target": target,
        "symbols": [{"name": name, "samples": n} for name, n in count.items()],
    }


def _kept(folder: Path, symbol: str, ink: Ink) -> dict[str, Any]:
    from strokejax.data.collection import find, keep

    path = keep(folder, symbol, ink)
    count = len(find(folder).trials.get(symbol, ()))
    return {"file": str(path.relative_to(folder)), "symbol": symbol, "samples": count}


def _undone(folder: Path, file: str) -> dict[str, Any]:
    from strokejax.data.collection import Problem, clean, files, find

    found = find(folder)
    for symbol, path in files(found):
        if str(path.relative_to(found.root)) == file:
            clean(found, [Problem(path, "taken back")])
            count = len(find(folder).trials.get(symbol, ()))
            return {"file": file, "symbol": symbol, "samples": count}
    raise InputError(f"There is no drawing {file[:80]!r} in the folder to take back.")
