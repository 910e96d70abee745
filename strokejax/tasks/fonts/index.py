"""The index of fonts: each face of a font file a row, the mean of its pictures.

Nothing is trained. A row is what the network makes of `PICTURES` random pictures of the
face, so that a font nobody has seen before is known in a tenth of a second. A face that
the network was trained on keeps the row of its training, which tells it better from its
neighbours than a mean does.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from strokejax.data.sandbox import each_apart
from strokejax.recognizer import Recognizer, from_stored
from strokejax.registration.rows import calibrate
from strokejax.store.model import StoredModel, load_model
from strokejax.store.paths import FONTS
from strokejax.store.versions import changing, save, writable
from strokejax.table.symbols import SymbolTable
from strokejax.table.table import Slots, unit
from strokejax.tasks.fonts.data import (
    Watch,
    Words,
    pictures_of,
    seconds_for,
    unwatched,
    usable_faces,
)
from strokejax.tasks.fonts.faces import Face, font_files
from strokejax.tasks.fonts.finder import CLASSES, FILES, MOST, OWN_DISTANCE
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
    made = _rows(stored, z)
    names, dim = [*kept, *z], stored.spec.out_dim
    capacity = 1 << max(7, (len(names) - 1).bit_length())
    free = capacity - len(names)

    def joined(before: np.ndarray, new: np.ndarray, empty: float) -> Any:
        rest = np.full((free, *new.shape[1:]), empty)
        return np.concatenate([before[slots], new, rest]).astype(np.float32)

    rows = joined(stored.table["embeddings"], made.embeddings, 0)
    rows[len(names) :, 0] = 1  # rows are normalised before anybody asks for their use
    nothing: Any = np.zeros(capacity, np.float32)
    known_slots = Slots(
        sums=nothing[:, None] + np.zeros(dim, np.float32),
        counts=nothing.astype(np.int32),
        active=np.arange(capacity) < len(names),  # pyright: ignore
        owner=np.arange(capacity, dtype=np.int32),  # pyright: ignore
        offset=joined(np.asarray(stored.slots.offset), made.offset, 0),
        reach=joined(np.asarray(stored.slots.reach), made.reach, 0),
        spread=joined(np.asarray(stored.slots.spread), made.spread, np.inf),
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


class _Rows(NamedTuple):
    """What `Slots` and the table hold of n faces."""

    embeddings: np.ndarray
    offset: np.ndarray
    reach: np.ndarray
    spread: np.ndarray


def _rows(stored: StoredModel, z: Mapping[str, np.ndarray]) -> _Rows:
    """The rows of faces by the embeddings f32[m d] of their pictures.

    A mean lies nearer to its pictures than a trained row does: its offset puts it as
    far from a fresh picture as trained rows are from theirs.
    """
    means = np.stack([unit(unit(each).sum(0)) for each in z.values()])
    rows, trained = _with_trained(stored, [*z], means.astype(np.float32))
    label = np.repeat(np.arange(len(z)), [len(each) for each in z.values()])
    count = np.bincount(label)
    every = np.concatenate([*z.values()])
    fair = _less_itself(every, rows[label], count[label])
    fair = np.where(trained[label][:, None], unit(every), fair)
    own = np.bincount(label, ((fair - rows[label]) ** 2).sum(-1)) / count
    usual = stored.about.get(OWN_DISTANCE, 0.0)
    offset = np.where(trained, 0.0, np.maximum(usual - own, 0.0)).astype(np.float32)
    nobody = np.zeros((0, rows.shape[1]), np.float32)
    _, reach, spread = calibrate(fair, label, rows, nobody, offset=offset)
    return _Rows(rows, offset, reach, spread)


def _with_trained(
    stored: StoredModel, names: Sequence[str], means: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """f32[n d]: the trained row of a face that has one, else its mean; bool[n]: which.

    The name alone does not make it: of all trained rows its own must be nearest.
    """
    classes = np.array(stored.about.get(CLASSES, ()), str)
    if OWN_DISTANCE not in stored.about or not len(classes):
        return means, np.zeros(len(names), bool)
    rows = unit(stored.calibration.rows[: len(classes)]).astype(np.float32)
    nearest = (means @ rows.T).argmax(1)
    trained = classes[nearest] == np.array(names, str)
    return np.where(trained[:, None], rows[nearest], means), trained


def _less_itself(z: np.ndarray, rows: np.ndarray, count: np.ndarray) -> np.ndarray:
    """f32[n d]: z moved away from its row to where a mean without it would be: a mean
    is nearer to what it is the mean of than to anything else."""
    cosine = (z * rows).sum(-1, keepdims=True)
    away = np.sqrt(np.maximum(count / np.maximum(count - 1, 1), 1.0))[:, None]
    moved = cosine * rows + away * (z - cosine * rows)
    return unit(moved).astype(np.float32)
