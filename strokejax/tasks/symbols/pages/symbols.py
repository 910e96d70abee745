"""What the model knows, and every change of it: /symbols, /undo, /history and files."""

import asyncio
import tempfile
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from fastapi import APIRouter, Query, Request, Response

from strokejax.ink.formats import from_json
from strokejax.ink.synthesis.handwriting import SYMBOLS, random_writer, write
from strokejax.ink.variants import ignored
from strokejax.report.drawings import principal_plane, spread, to_png
from strokejax.serve.messages import Change, Drawings, Name, Renamed
from strokejax.serve.studio import Studio
from strokejax.types import Ink, InputError

POINTS = 40
SEED = 3
"""Of the built-in hand that shows what a trained symbol looks like."""
router = APIRouter()


def _studio(request: Request) -> Studio:
    return request.app.state.studio


@router.get("/symbols")
async def listed(request: Request) -> dict[str, Any]:
    """Every symbol: its drawings, other names, and what it types."""
    from strokejax.registration.registry import listing

    studio = _studio(request)
    return await studio.answer(listing, studio.model)


@router.post("/symbols")
async def register(request: Request, given: Drawings) -> dict[str, Any]:
    """Teaches a symbol, or adds drawings to one that is there."""
    from strokejax.registration import registry

    studio = _studio(request)
    return await studio.change(
        registry.register,
        studio.model,
        given.name,
        await studio.read(_inks, given),
        force=given.force,
        sources=["studio"] * len(given.drawings),
        usual_size=given.usual_size,
        ignore=_ignored(given),
        text=given.text,
    )


@router.post("/symbols/preview")
async def preview(request: Request, given: Drawings) -> dict[str, Any]:
    """What teaching these drawings would bring; nothing changes."""
    from strokejax.registration import registry

    studio = _studio(request)
    return await studio.answer(
        registry.preview,
        studio.model,
        given.name,
        await studio.read(_inks, given),
        usual_size=given.usual_size,
        ignore=_ignored(given),
    )


@router.patch("/symbols")
async def rename(request: Request, given: Renamed) -> Change:
    """Another name for a symbol, another text that it types, or both."""
    from strokejax.registration import registry as naming

    studio = _studio(request)
    if given.to is None and given.text is None:
        raise InputError('Give "to", another name, or "text", what the symbol types.')
    version = await studio.change(
        naming.rename, studio.model, given.name, given.to, given.text
    )
    return Change(version=version, name=given.to or given.name)


@router.delete("/symbols")
async def forget(request: Request, name: Name, drawing: int | None = None) -> Change:
    """Forgets a symbol, or one of its drawings."""
    from strokejax.registration import registry

    studio = _studio(request)
    if drawing is None:
        version = await studio.change(registry.forget, studio.model, name)
    else:
        version = await studio.change(
            registry.forget_sample, studio.model, name, drawing
        )
    return Change(version=version, name=name)


@router.get("/symbols/drawings")
async def drawings(request: Request, name: Name) -> dict[str, Any]:
    """A symbol's own drawings, and what a trained one usually looks like."""
    studio = _studio(request)
    return await studio.answer(_drawings, studio, name)


@router.post("/undo")
async def undo(request: Request) -> dict[str, Any]:
    """Takes the last change back."""
    from strokejax.store import versions as changes

    studio = _studio(request)
    version, change = await studio.change(changes.undo, studio.model)
    return {"version": version, "undone": change}


@router.get("/history")
async def history(request: Request) -> dict[str, Any]:
    """What made each version, newest first."""
    from strokejax.store import versions as changes

    studio = _studio(request)
    found = await studio.answer(changes.history, studio.model)
    return {"history": found[::-1]}


@router.get("/export", response_class=Response)
async def export(
    request: Request, name: Annotated[list[str] | None, Query()] = None
) -> Response:
    """Drawings of registered symbols, all or those named, as one file."""
    data = await _studio(request).answer(_exported, _studio(request), name or [])
    disposition = 'attachment; filename="symbols.strokes"'
    return Response(
        data,
        media_type="application/octet-stream",
        headers={"Content-Disposition": disposition},
    )


FILE = {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}


@router.post(
    "/import", openapi_extra={"requestBody": {"required": True, "content": FILE}}
)
async def imported(request: Request, force: bool = False) -> dict[str, Any]:
    """Registers the symbols of an exported file."""
    from strokejax.registration.exchange import import_bytes

    studio, data = _studio(request), await request.body()
    return await studio.change(
        import_bytes, studio.model, data, "The file", force=force
    )


def _inks(given: Drawings) -> list[Ink]:
    return [from_json(x, f"Drawing {i + 1}") for i, x in enumerate(given.drawings)]


def _ignored(given: Drawings) -> Any:
    return ignored(",".join(given.ignore), "ignore")


def _drawings(studio: Studio, name: str) -> dict[str, Any]:
    import base64

    from strokejax.registration import registry

    shown = []
    for number, (sample, drawing) in enumerate(registry.drawings(studio.model, name)):
        row: dict[str, Any] = {"number": number, "source": sample.source}
        if isinstance(drawing, Ink):
            row["strokes"] = plain(drawing)
        else:
            data = base64.b64encode(to_png(drawing / 255)).decode()
            row["image_data_url"] = f"data:image/png;base64,{data}"
        shown.append(row)
    found = studio.recognizer.symbols.symbol(name) or name
    usual = typical(found)
    drawn = None if usual is None else {"strokes": plain(usual)}
    return {"name": found, "drawings": shown, "typical": drawn}


def typical(symbol: str) -> Ink | None:
    """The symbol in the built-in hand, None where that does not know it."""
    if symbol not in SYMBOLS:
        return None
    rng = np.random.default_rng(SEED)
    return write(symbol, random_writer(rng), rng)


def thumbnail(ink: Ink) -> list[Any]:
    """`plain` of about `POINTS` points."""
    step = max(ink.points // POINTS, 1)
    kept = [np.append(np.arange(0, len(s) - 1, step), len(s) - 1) for s in ink.strokes]
    return plain(Ink(tuple(s[i] for s, i in zip(ink.strokes, kept, strict=True))))


def plain(ink: Ink) -> list[Any]:
    """Strokes of [x, y], to hundredths."""
    return [np.round(np.float64(stroke[:, :2]), 2).tolist() for stroke in ink.strokes]


def _exported(studio: Studio, names: list[str]) -> bytes:
    from strokejax.registration.exchange import export_symbols

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "symbols.strokes"
        export_symbols(studio.model, path, names)
        return path.read_bytes()


# Every symbol at its place among the others: GET /map.


NEIGHBOURS = 5
APART = 0.06
"""About how far symbols lie from each other, of the map's width."""


@router.get("/map")
async def shown(request: Request) -> dict[str, Any]:
    """Places from 0 to 1, nearest symbols and confusions of every symbol."""
    studio: Studio = request.app.state.studio
    if studio.map is None or studio.map[0] is not studio.recognizer:
        made = asyncio.create_task(studio.answer(_map, studio))
        studio.map = studio.recognizer, made
    made = studio.map[1]
    try:
        return await asyncio.shield(made)
    except Exception:
        if studio.map and studio.map[1] is made:
            studio.map = None  # the next one tries again
        raise


def _map(studio: Studio) -> dict[str, Any]:
    from strokejax.recognizer import with_table
    from strokejax.registration.learn import known_drawings, rows_of
    from strokejax.registration.samples import SampleStore
    from strokejax.store.model import load_model
    from strokejax.store.paths import resolve
    from strokejax.table.table import unit

    stored = with_table(load_model(studio.model))
    store, rows = SampleStore(resolve(studio.model)), rows_of(stored)
    names = stored.symbols.symbols
    slots = [stored.symbols.slots_of(name)[0] for name in names]
    z = unit(np.asarray(rows.embeddings)[slots]).astype(np.float32)
    known = known_drawings(stored, store, variants=False)
    named = rows.owners(known.z)
    places = _places(z)
    near = z @ z.T - 2 * np.eye(len(z))
    return {
        "version": stored.version,
        "symbols": [
            {
                "name": name,
                "origin": "trained" if stored.origin[slot] >= 0 else "registered",
                "x": round(float(places[i, 0]), 4),
                "y": round(float(places[i, 1]), 4),
                "neighbours": [
                    {"name": names[j], "cosine": round(float(near[i, j]), 3)}
                    for j in np.argsort(-near[i], kind="stable")[:NEIGHBOURS]
                    if j != i
                ],
                "confusions": _confusions(stored, named[known.owner == slot], slot),
                "strokes": _strokes(stored, store, name),
            }
            for i, (name, slot) in enumerate(zip(names, slots, strict=True))
        ],
    }


def _places(z: np.ndarray) -> np.ndarray:
    """f64[n 2] from 0 to 1: the plane of largest variance, pushed apart."""
    places, _ = principal_plane(z)
    low, high = places.min(0), places.max(0)
    places = spread((places - low) / np.maximum(high - low, 1e-9), APART)
    low, high = places.min(0), places.max(0)
    return (places - low) / np.maximum(high - low, 1e-9)


def _confusions(stored: Any, named: np.ndarray, slot: int) -> list[dict[str, Any]]:
    """What known drawings of a symbol are taken for, most often first."""
    other, count = np.unique(named[named != slot], return_counts=True)
    order = np.argsort(-count, kind="stable")[:NEIGHBOURS]
    names, rate = stored.symbols.names, np.round(count / max(len(named), 1), 3)
    return [{"name": names[other[i]], "rate": float(rate[i])} for i in order]


def _strokes(stored: Any, store: Any, name: str) -> list[Any] | None:
    """The symbol's last own drawing, or the built-in hand's."""
    own = [each for each in stored.samples if each.symbol == name and not each.variant]
    for sample in reversed(own):
        drawing = store.kept(sample.file)[sample.row].drawing
        if isinstance(drawing, Ink):
            return thumbnail(drawing)
    drawn = typical(name)
    return None if drawn is None else thumbnail(drawn)
