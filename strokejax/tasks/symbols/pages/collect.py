"""Collecting drawings for later training: /collect."""

from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Query

from strokejax.ink.formats import from_json
from strokejax.serve.studio import Served, Studio
from strokejax.table.symbols import check_name
from strokejax.tasks.symbols.pages.messages import CollectedDrawing, CollectedFile
from strokejax.types import Ink, InputError

MAX_SYMBOLS, MAX_TARGET = 500, 10_000
router = APIRouter()


@router.get("/collect")
async def count_drawings(
    studio: Served,
    symbols: Annotated[list[str] | None, Query()] = None,
    target: int = 10,
) -> dict[str, Any]:
    """The number of drawings of each symbol, and the target for each.

    The default for `symbols` is the 63 strokes and all symbols in the folder.
    """
    return await studio.run(_count, _folder(studio), symbols or [], target)


@router.post("/collect")
async def save_drawing(studio: Served, body: CollectedDrawing) -> dict[str, Any]:
    """Saves a drawing."""
    folder = _folder(studio)
    ink = await studio.run_large(from_json, body.ink, "The drawing")
    return await studio.change(_save, folder, check_name(body.symbol), ink)


@router.post("/collect/undo")
async def reject_drawing(studio: Served, body: CollectedFile) -> dict[str, Any]:
    """Moves a saved drawing to the folder's .rejected; nothing is deleted."""
    return await studio.change(_reject, _folder(studio), body.file)


def _folder(studio: Studio) -> Path:
    if studio.collect is None:
        raise InputError(
            "This server saves no drawings; start it with `--collect FOLDER`."
        )
    return studio.collect


# `data.collection` is imported late: most servers collect nothing.


def _count(folder: Path, symbols: list[str], target: int) -> dict[str, Any]:
    from strokejax.data.collection import find, symbols_to_collect

    if not 1 <= target <= MAX_TARGET:
        raise InputError(
            f"The target is {target}; ask for 1 to {MAX_TARGET:,} drawings a symbol."
        )
    collection = find(folder)
    names = [check_name(symbol) for symbol in symbols]
    if len(names) > MAX_SYMBOLS:
        raise InputError(
            f"There are {len(names):,} symbols; ask for {MAX_SYMBOLS} at most."
        )
    counts = {
        name: len(collection.trials.get(name, ()))
        for name in dict.fromkeys(names or symbols_to_collect(collection))
    }
    return {
        "folder": str(folder),
        "target": target,
        "symbols": [{"name": name, "samples": n} for name, n in counts.items()],
    }


def _save(folder: Path, symbol: str, ink: Ink) -> dict[str, Any]:
    from strokejax.data.collection import find, keep

    path = keep(folder, symbol, ink)
    count = len(find(folder).trials.get(symbol, ()))
    return {"file": str(path.relative_to(folder)), "symbol": symbol, "samples": count}


def _reject(folder: Path, file: str) -> dict[str, Any]:
    from strokejax.data.collection import Problem, clean, files, find

    collection = find(folder)
    for symbol, path in files(collection):
        if str(path.relative_to(collection.root)) == file:
            clean(collection, [Problem(path, "taken back")])
            count = len(find(folder).trials.get(symbol, ()))
            return {"file": file, "symbol": symbol, "samples": count}
    raise InputError(f"There is no drawing {file[:80]!r} in the folder to take back.")
