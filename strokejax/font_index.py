"""The index of fonts: each face of a font file a row, the mean of its pictures.

Nothing is trained. A row is what the network makes of `PICTURES` random pictures of the
face, so that a font nobody has seen before is known in a tenth of a second.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from strokejax.changes import changing, save, writable
from strokejax.data.apart import each_apart
from strokejax.data.font_files import Face, font_files
from strokejax.data.fonts import (
    Watch,
    Words,
    pictures_of,
    seconds_for,
    unwatched,
    usable_faces,
)
from strokejax.font_finder import FILES, MOST
from strokejax.locate import FONTS
from strokejax.model_store import StoredModel, load_model
from strokejax.online import calibrate
from strokejax.recognizer import Recognizer, from_stored
from strokejax.symbols import SymbolTable
from strokejax.table import Slots, unit
from strokejax.types import InputError

PICTURES = 16
"""Of each face."""


class Indexed(NamedTuple):
    """What became of a folder of fonts."""

    fonts: list[str]
    """Names of the faces that are in the index now, of this folder."""
    refused: dict[str, str]
    """Files and faces that are not, and why."""
    version: int
    total: int
    """Faces of the whole index."""


def index_fonts(
    model: str | Path | None,
    places: Sequence[str | Path],
    words: Words,
    *,
    fresh: bool = False,
    workers: int = 0,
    watch: Watch = unwatched,
) -> Indexed:
    """Puts all fonts below folders into the index, or makes a `fresh` one of them.

    A face whose name is there already takes its place. InputError where no font can be
    used: nothing is changed then.
    """
    files = [path for place in places for path in font_files(place)]
    known, refused = usable_faces(files, workers, watch)
    known = list({face.name: face for face in known}.values())
    if len(known) > MOST:
        raise InputError(
            f"There are {len(known):,} fonts, above the limit of {MOST:,}; index fewer "
            f"folders."
        )
    folder = writable(model, FONTS)
    # Drawing takes long; nobody else waits for it.
    network = from_stored(load_model(folder))
    z = embeddings(network, known, words, refused, workers, watch)
    if not z:
        why = next(iter(refused.values()), "")
        raise InputError(f"None of the {len(files):,} font files is of use: {why}")
    with changing(folder) as stored:
        changed = with_fonts(stored, known, z, fresh)
        if len(changed.symbols) > MOST:
            raise InputError(
                f"That makes {len(changed.symbols):,} fonts, above the limit of "
                f"{MOST:,}; index fewer folders, or add --fresh."
            )
        change = {"verb": "index", "samples": len(z), "symbol": ""}
        version = save(folder, stored, changed, change)
    return Indexed([*z], refused, version, len(changed.symbols))


def embeddings(
    network: Recognizer,
    known: Sequence[Face],
    words: Words,
    refused: dict[str, str],
    workers: int = 0,
    watch: Watch = unwatched,
) -> dict[str, np.ndarray]:
    """f32[n d] of pictures of each face, by its name; adds to `refused`.

    While the network looks at one face's pictures, the next one's are drawn.
    """
    size = network.spec.size, network.spec.length
    jobs = [(face, words, PICTURES, "train", *size, 0) for face in known]
    seconds = seconds_for(PICTURES)
    done = each_apart(pictures_of, jobs, workers=workers, seconds=seconds)
    found: dict[int, np.ndarray] = {}
    for job, value, why in watch(done, len(jobs), "fonts drawn"):
        if why:
            refused[known[job].name] = why
        else:
            images, widths = value
            found[job] = network.embed({"image": images, "width": widths})
    return {known[job].name: found[job] for job in sorted(found)}


def with_fonts(
    stored: StoredModel,
    known: Sequence[Face],
    z: Mapping[str, np.ndarray],
    fresh: bool = False,
) -> StoredModel:
    """The model with faces in its index, by the embeddings of their pictures.

    Fonts that it holds stay, unless `fresh`; those without files, which it was trained
    on, make room for the first that have some.
    """
    old: dict[str, Any] = {} if fresh else dict(stored.about.get(FILES, {}))
    kept = [name for name in stored.symbols.symbols if name in old and name not in z]
    slots = np.array([stored.symbols.names.index(name) for name in kept], int)
    fresh_rows, reach, spread = _means([*z.values()])
    names, dim = [*kept, *z], stored.spec.out_dim
    capacity = 1 << max(7, (len(names) - 1).bit_length())
    free = capacity - len(names)

    def joined(before: np.ndarray, new: np.ndarray, empty: float) -> Any:
        rest = np.full((free, *new.shape[1:]), empty)
        return np.concatenate([before[slots], new, rest]).astype(np.float32)

    rows = joined(stored.table["embeddings"], fresh_rows, 0)
    rows[len(names) :, 0] = 1  # rows are normalised before anybody asks for their use
    nothing: Any = np.zeros(capacity, np.float32)
    known_slots = Slots(
        sums=nothing[:, None] + np.zeros(dim, np.float32),
        counts=nothing.astype(np.int32),
        active=np.arange(capacity) < len(names),  # pyright: ignore
        owner=np.arange(capacity, dtype=np.int32),  # pyright: ignore
        offset=nothing,
        reach=joined(np.asarray(stored.slots.reach), reach, 0),
        spread=joined(np.asarray(stored.slots.spread), spread, np.inf),
    )
    files = {name: old[name] for name in kept}
    files |= {face.name: face._asdict() for face in known if face.name in z}
    return stored._replace(
        table=stored.table | {"embeddings": rows},
        slots=known_slots,
        symbols=SymbolTable((*names, *(None,) * free)),
        origin=np.full(capacity, -1, np.int32),
        about={**stored.about, FILES: files},
    )


def _means(z: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows f32[n d] of embeddings f32[m d] of each, their reach and spread f32[n]."""
    rows = np.stack([unit(unit(each).sum(0)) for each in z]).astype(np.float32)
    label = np.repeat(np.arange(len(z)), [len(each) for each in z])
    count = np.bincount(label)[label]
    nobody = np.zeros((0, rows.shape[1]), np.float32)
    fair = _less_itself(np.concatenate(z), rows[label], count)
    _, reach, spread = calibrate(fair, label, rows, nobody)
    return rows, reach, spread


def _less_itself(z: np.ndarray, rows: np.ndarray, count: np.ndarray) -> np.ndarray:
    """f32[n d]: z moved away from its row to where a mean without it would be: a mean
    is nearer to what it is the mean of than to anything else."""
    cosine = (z * rows).sum(-1, keepdims=True)
    away = np.sqrt(np.maximum(count / np.maximum(count - 1, 1), 1.0))[:, None]
    moved = cosine * rows + away * (z - cosine * rows)
    return unit(moved).astype(np.float32)
