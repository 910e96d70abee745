"""Every symbol at its place among the others: GET /map."""

import asyncio
from typing import Any

import numpy as np
from fastapi import APIRouter, Request

from strokejax.report.drawings import principal_plane, spread
from strokejax.serve.studio import Studio
from strokejax.tasks.symbols.pages.symbols import thumbnail, typical
from strokejax.types import Ink

NEIGHBOURS = 5
APART = 0.06
"""About how far symbols lie from each other, of the map's width."""
router = APIRouter()


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
