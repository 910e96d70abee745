"""The model's symbols: /symbols, /undo, /history, /export, /import and /map."""

import asyncio
import tempfile
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from fastapi import APIRouter, Query, Request, Response

from strokejax.ink.formats import from_json
from strokejax.ink.synthesis.handwriting import SYMBOLS, random_writer, write
from strokejax.ink.variants import parse_ignore
from strokejax.pictures.images import data_url
from strokejax.report.drawings import principal_plane, spread, to_png
from strokejax.serve.messages import FILE, Name
from strokejax.serve.studio import Served, Studio
from strokejax.tasks.symbols.pages.messages import Change, Drawings, Rename
from strokejax.types import Ink, InputError

POINTS = 40
"""Points of a thumbnail, about."""
SEED = 3
"""Seed of the synthetic writer that shows trained symbols."""
NEIGHBOURS = 5
"""Nearest symbols and confusions of each symbol on the map."""
MIN_DISTANCE = 0.06
"""Distance between symbols on the map, about; the map is 1 wide."""
BODY = {"required": True, "content": {"application/octet-stream": FILE}}
router = APIRouter()


# Symbols.


@router.get("/symbols")
async def list_symbols(studio: Served) -> dict[str, Any]:
    """Every symbol with its drawings, its other names and the text it types."""
    from strokejax.registration.registry import listing

    return await studio.run(listing, studio.model)


@router.post("/symbols")
async def register(studio: Served, body: Drawings) -> dict[str, Any]:
    """Registers a symbol, or adds drawings to a known one."""
    from strokejax.registration import registry

    return await studio.change(
        registry.register,
        studio.model,
        body.name,
        await studio.run_large(_inks, body),
        force=body.force,
        sources=["studio"] * len(body.drawings),
        reference_size=body.reference_size,
        ignore=parse_ignore(",".join(body.ignore), "ignore"),
        text=body.text,
    )


@router.post("/symbols/preview")
async def preview(studio: Served, body: Drawings) -> dict[str, Any]:
    """The effect of registering these drawings; nothing changes."""
    from strokejax.registration import registry

    return await studio.run(
        registry.preview,
        studio.model,
        body.name,
        await studio.run_large(_inks, body),
        reference_size=body.reference_size,
        ignore=parse_ignore(",".join(body.ignore), "ignore"),
    )


def _inks(body: Drawings) -> list[Ink]:
    return [from_json(x, f"Drawing {i + 1}") for i, x in enumerate(body.drawings)]


@router.patch("/symbols")
async def rename(studio: Served, body: Rename) -> Change:
    """Gives a symbol a new name, a new text that it types, or both."""
    from strokejax.registration import registry

    if body.to is None and body.text is None:
        raise InputError('Give "to", a new name, or "text", a new text to type.')
    version = await studio.change(
        registry.rename, studio.model, body.name, body.to, body.text
    )
    return Change(version=version, name=body.to or body.name)


@router.delete("/symbols")
async def forget(studio: Served, name: Name, drawing: int | None = None) -> Change:
    """Forgets a symbol, or one of its drawings."""
    from strokejax.registration import registry

    if drawing is None:
        version = await studio.change(registry.forget, studio.model, name)
    else:
        version = await studio.change(
            registry.forget_sample, studio.model, name, drawing
        )
    return Change(version=version, name=name)


@router.get("/symbols/drawings")
async def list_drawings(studio: Served, name: Name) -> dict[str, Any]:
    """A symbol's registered drawings, and a typical one for a trained symbol."""
    return await studio.run(_drawings, studio, name)


def _drawings(studio: Studio, name: str) -> dict[str, Any]:
    from strokejax.registration import registry

    rows = []
    for number, (sample, drawing) in enumerate(registry.drawings(studio.model, name)):
        row: dict[str, Any] = {"number": number, "source": sample.source}
        if isinstance(drawing, Ink):
            row["strokes"] = stroke_lists(drawing)
        else:
            row["image_data_url"] = data_url(to_png(drawing / 255))
        rows.append(row)
    symbol = studio.recognizer.symbols.symbol(name) or name
    ink = typical(symbol)
    drawn = None if ink is None else {"strokes": stroke_lists(ink)}
    return {"name": symbol, "drawings": rows, "typical": drawn}


# Versions and files.


@router.post("/undo")
async def undo(studio: Served) -> dict[str, Any]:
    """Undoes the last change."""
    from strokejax.store import versions

    version, change = await studio.change(versions.undo, studio.model)
    return {"version": version, "undone": change}


@router.get("/history")
async def history(studio: Served) -> dict[str, Any]:
    """The change behind each version, newest first."""
    from strokejax.store import versions

    changes = await studio.run(versions.history, studio.model)
    return {"history": changes[::-1]}


@router.get("/export", response_class=Response)
async def export(
    studio: Served, name: Annotated[list[str] | None, Query()] = None
) -> Response:
    """The drawings of registered symbols, all or the named ones, as one file."""
    data = await studio.run(_export, studio, name or [])
    disposition = 'attachment; filename="symbols.strokes"'
    return Response(
        data,
        media_type="application/octet-stream",
        headers={"Content-Disposition": disposition},
    )


def _export(studio: Studio, names: list[str]) -> bytes:
    from strokejax.registration.exchange import export_symbols

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "symbols.strokes"
        export_symbols(studio.model, path, names)
        return path.read_bytes()


@router.post("/import", openapi_extra={"requestBody": BODY})
async def import_file(
    request: Request, studio: Served, force: bool = False
) -> dict[str, Any]:
    """Registers the symbols of an exported file."""
    from strokejax.registration.exchange import import_bytes

    data = await request.body()
    return await studio.change(
        import_bytes, studio.model, data, "The file", force=force
    )


# The map of all symbols.


@router.get("/map")
async def symbol_map(request: Request, studio: Served) -> dict[str, Any]:
    """Position (0 to 1), nearest symbols and confusions of every symbol."""
    state = request.app.state
    if state.map is None or state.map[0] is not studio.recognizer:
        task = asyncio.create_task(studio.run(_map, studio))
        state.map = studio.recognizer, task
    task = state.map[1]
    try:
        # Concurrent requests share one task; a client that leaves must not cancel it.
        return await asyncio.shield(task)
    except Exception:
        if state.map and state.map[1] is task:
            state.map = None  # the next request tries again
        raise


def _map(studio: Studio) -> dict[str, Any]:
    from strokejax.recognizer import require_table
    from strokejax.registration.learn import replay_set, rows_of
    from strokejax.registration.samples import SampleStore
    from strokejax.store.model import load_model
    from strokejax.store.paths import resolve
    from strokejax.table.table import unit

    stored = require_table(load_model(studio.model))
    store, rows = SampleStore(resolve(studio.model)), rows_of(stored)
    names = stored.symbols.symbols
    slots = [stored.symbols.slots_of(name)[0] for name in names]
    z = unit(np.asarray(rows.embeddings)[slots]).astype(np.float32)
    replay = replay_set(stored, store, variants=False)
    answers = rows.owners(replay.z)
    positions = _positions(z)
    # Cosines; -2 on the diagonal sorts a symbol behind all others.
    cosine = z @ z.T - 2 * np.eye(len(z))
    return {
        "version": stored.version,
        "symbols": [
            {
                "name": name,
                "origin": "trained" if stored.origin[slot] >= 0 else "registered",
                "x": round(float(positions[i, 0]), 4),
                "y": round(float(positions[i, 1]), 4),
                "neighbours": [
                    {"name": names[j], "cosine": round(float(cosine[i, j]), 3)}
                    for j in np.argsort(-cosine[i], kind="stable")[:NEIGHBOURS]
                    if j != i
                ],
                "confusions": _confusions(stored, answers[replay.owner == slot], slot),
                "strokes": _strokes(stored, store, name),
            }
            for i, (name, slot) in enumerate(zip(names, slots, strict=True))
        ],
    }


def _positions(z: np.ndarray) -> np.ndarray:
    """f64[n 2] from 0 to 1: principal components of z f32[n d], pushed apart."""
    positions, _ = principal_plane(z)
    return _to_unit_square(spread(_to_unit_square(positions), MIN_DISTANCE))


def _to_unit_square(positions: np.ndarray) -> np.ndarray:
    low, high = positions.min(0), positions.max(0)
    return (positions - low) / np.maximum(high - low, 1e-9)


def _confusions(stored: Any, answers: np.ndarray, slot: int) -> list[dict[str, Any]]:
    """Wrong answers to known drawings of a symbol, most frequent first."""
    other, count = np.unique(answers[answers != slot], return_counts=True)
    order = np.argsort(-count, kind="stable")[:NEIGHBOURS]
    names, rate = stored.symbols.names, np.round(count / max(len(answers), 1), 3)
    return [{"name": names[other[i]], "rate": float(rate[i])} for i in order]


def _strokes(stored: Any, store: Any, name: str) -> list[Any] | None:
    """A thumbnail of the symbol's latest ink, or of the synthetic writer's."""
    samples = [s for s in stored.samples if s.symbol == name and not s.variant]
    for sample in reversed(samples):
        drawing = store.drawings(sample.file)[sample.row].drawing
        if isinstance(drawing, Ink):
            return thumbnail(drawing)
    ink = typical(name)
    return None if ink is None else thumbnail(ink)


# Ink for the pages.


def typical(symbol: str) -> Ink | None:
    """The symbol by the synthetic writer, None if that does not know it."""
    if symbol not in SYMBOLS:
        return None
    rng = np.random.default_rng(SEED)
    return write(symbol, random_writer(rng), rng)


def thumbnail(ink: Ink) -> list[Any]:
    """`stroke_lists` of about `POINTS` points; the last of each stroke stays."""
    step = max(ink.points // POINTS, 1)
    rows = [np.append(np.arange(0, len(s) - 1, step), len(s) - 1) for s in ink.strokes]
    strokes = (stroke[i] for stroke, i in zip(ink.strokes, rows, strict=True))
    return stroke_lists(Ink(tuple(strokes)))


def stroke_lists(ink: Ink) -> list[Any]:
    """Strokes as lists of [x, y], rounded to hundredths."""
    return [np.round(np.float64(stroke[:, :2]), 2).tolist() for stroke in ink.strokes]
