"""What the model knows, and every change of it: /symbols, /undo, /history and files."""

import tempfile
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from fastapi import APIRouter, Query, Request, Response

from strokejax.ink.formats import from_json
from strokejax.ink.synthesis.handwriting import SYMBOLS, random_writer, write
from strokejax.ink.variants import ignored
from strokejax.report.drawings import to_png
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
    from strokejax.registration.registry_naming import listing

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
    from strokejax.registration import registry_naming as naming

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
