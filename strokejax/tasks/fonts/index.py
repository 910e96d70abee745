"""The index of fonts: one row for each face, the mean embedding of pictures of it.

Indexing trains nothing. The row of a face is the mean over `PICTURES` random pictures,
so a new font is indexed in a tenth of a second. A face that the network was trained on
gets its trained row instead, which separates it better from its neighbours than a mean
does.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from strokejax.data.sandbox import sandboxed
from strokejax.recognizer import Recognizer
from strokejax.store.model import StoredModel, load_model
from strokejax.store.versions import changing, save, writable
from strokejax.table.rejection import calibrate
from strokejax.table.symbols import SymbolTable
from strokejax.table.table import Slots, unit
from strokejax.tasks.fonts.data import (
    Progress,
    WordFrequencies,
    no_progress,
    pictures_of,
    time_limit,
    usable_faces,
)
from strokejax.tasks.fonts.faces import Face, font_files
from strokejax.tasks.fonts.finder import (
    CLASSES,
    FILES,
    MAX_FONTS,
    OWN_DISTANCE,
    finder,
)
from strokejax.tasks.fonts.settings import FONTS
from strokejax.types import InputError

PICTURES = 16
"""Pictures drawn of each face."""


class IndexResult(NamedTuple):
    """The outcome of indexing; `fonts index --json` prints the fields."""

    fonts: list[str]
    """Names of the faces that were indexed."""
    refused: dict[str, str]
    """Reason for each file or face that was left out."""
    version: int
    total: int
    """Number of faces in the whole index."""


def index_fonts(
    model: str | Path | None,
    places: Sequence[str | Path],
    words: WordFrequencies,
    *,
    fresh: bool = False,
    workers: int = 0,
    progress: Progress = no_progress,
) -> IndexResult:
    """Adds all fonts below folders to a model's index; `fresh` starts a new index.

    A face replaces the indexed face of the same name. `workers` processes draw, one per
    core if 0. InputError if no font can be used; the model is unchanged then.
    """
    files = [path for place in places for path in font_files(place)]
    faces, refused = usable_faces(files, workers, progress)
    faces = list({face.name: face for face in faces}.values())
    if len(faces) > MAX_FONTS:
        raise InputError(
            f"There are {len(faces):,} fonts, above the limit of {MAX_FONTS:,}; index "
            f"fewer folders."
        )
    folder = writable(model, FONTS)
    # Drawing takes long, so it runs before the model is locked.
    network = finder(load_model(folder)).recognizer
    z = embeddings(network, faces, words, refused, workers, progress)
    if not z:
        reason = next(iter(refused.values()), "")
        raise InputError(f"None of the {len(files):,} font files can be used: {reason}")
    with changing(folder) as stored:
        changed = with_fonts(stored, faces, z, fresh)
        if len(changed.symbols) > MAX_FONTS:
            raise InputError(
                f"The index would hold {len(changed.symbols):,} fonts, above the limit "
                f"of {MAX_FONTS:,}; index fewer folders, or add --fresh."
            )
        change = {"verb": "index", "samples": len(z), "symbol": ""}
        version = save(folder, stored, changed, change)
    return IndexResult([*z], refused, version, len(changed.symbols))


def embeddings(
    network: Recognizer,
    faces: Sequence[Face],
    words: WordFrequencies,
    refused: dict[str, str],
    workers: int = 0,
    progress: Progress = no_progress,
) -> dict[str, np.ndarray]:
    """f32[n d] for each face by its name: embeddings of `PICTURES` pictures.

    Adds the faces that cannot be drawn to `refused`, with the reasons.
    """
    size = network.spec.size, network.spec.length
    jobs = [(face, words, PICTURES, "train", *size, 0) for face in faces]
    paths = [face.file for face in faces]
    seconds = time_limit(PICTURES)
    # An iterator: workers draw the next faces while the network embeds this one.
    results = sandboxed(pictures_of, jobs, paths, workers=workers, seconds=seconds)
    results = progress(results, len(jobs), "fonts drawn")
    z: dict[str, np.ndarray] = {}
    for face, (value, error) in zip(faces, results, strict=True):
        if error:
            refused[face.name] = error
        else:
            images, widths = value
            z[face.name] = network.embed({"image": images, "width": widths})
    return z


def with_fonts(
    stored: StoredModel,
    faces: Sequence[Face],
    z: Mapping[str, np.ndarray],
    fresh: bool = False,
) -> StoredModel:
    """The model with faces in its index, given embeddings f32[m d] by face name.

    Indexed fonts stay, unless `fresh`. Fonts without a file, which stand for the
    training set until a first font is indexed, are dropped.
    """
    files: dict[str, Any] = {} if fresh else dict(stored.about.get(FILES, {}))
    old = [name for name in stored.symbols.symbols if name in files and name not in z]
    slots = np.array([stored.symbols.names.index(name) for name in old], int)
    new = _rows(stored, z)
    names, dim = [*old, *z], stored.spec.out_dim
    # Powers of two from 128: the compiled shapes change rarely as the index grows.
    capacity = 1 << max(7, (len(names) - 1).bit_length())
    free = capacity - len(names)

    def joined(before: np.ndarray, added: np.ndarray, empty: float) -> Any:
        padding = np.full((free, *added.shape[1:]), empty)
        return np.concatenate([before[slots], added, padding]).astype(np.float32)

    rows = joined(stored.table["embeddings"], new.embeddings, 0)
    rows[len(names) :, 0] = 1  # unused rows are normalised like all others
    zeros: Any = np.zeros(capacity, np.float32)
    new_slots = Slots(
        sums=zeros[:, None] + np.zeros(dim, np.float32),
        counts=zeros.astype(np.int32),
        active=np.arange(capacity) < len(names),  # pyright: ignore
        owner=np.arange(capacity, dtype=np.int32),  # pyright: ignore
        offset=joined(np.asarray(stored.slots.offset), new.offset, 0),
        radius=joined(np.asarray(stored.slots.radius), new.radius, 0),
        scale=joined(np.asarray(stored.slots.scale), new.scale, np.inf),
    )
    files = {name: files[name] for name in old}
    files |= {face.name: face._asdict() for face in faces if face.name in z}
    return stored._replace(
        table=stored.table | {"embeddings": rows},
        slots=new_slots,
        symbols=SymbolTable((*names, *(None,) * free)),
        origin=np.full(capacity, -1, np.int32),
        about={**stored.about, FILES: files},
    )


class _Rows(NamedTuple):
    """The values of n faces for the table and `Slots`."""

    embeddings: np.ndarray
    offset: np.ndarray
    radius: np.ndarray
    scale: np.ndarray


def _rows(stored: StoredModel, z: Mapping[str, np.ndarray]) -> _Rows:
    """The rows of faces, given embeddings f32[m d] of their pictures.

    A mean lies nearer to its own pictures than a trained row does, so a mean gets an
    offset: on average its distance to a new picture becomes that of trained rows.
    """
    means = np.stack([unit(unit(samples).sum(0)) for samples in z.values()])
    rows, trained = _trained_or_mean(stored, [*z], means.astype(np.float32))
    label = np.repeat(np.arange(len(z)), [len(samples) for samples in z.values()])
    count = np.bincount(label)
    samples = np.concatenate([*z.values()])
    corrected = _bessel_corrected(samples, rows[label], count[label])
    # Trained rows are not means of these pictures: nothing to correct.
    corrected = np.where(trained[label][:, None], unit(samples), corrected)
    mean_dist2 = np.bincount(label, ((corrected - rows[label]) ** 2).sum(-1)) / count
    trained_dist2 = stored.about.get(OWN_DISTANCE, 0.0)
    offset = np.where(trained, 0.0, np.maximum(trained_dist2 - mean_dist2, 0.0))
    offset = offset.astype(np.float32)
    background = np.zeros((0, rows.shape[1]), np.float32)
    _, radius, scale = calibrate(corrected, label, rows, background, offset=offset)
    return _Rows(rows, offset, radius, scale)


def _trained_or_mean(
    stored: StoredModel, names: Sequence[str], means: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """f32[n d]: the trained row of a face if it has one, else its mean; bool[n]: which.

    Different fonts can share a name, so the name does not suffice: of all trained rows
    the one of this name must be nearest to the mean.
    """
    classes = np.array(stored.about.get(CLASSES, ()), str)
    if OWN_DISTANCE not in stored.about or not len(classes):
        return means, np.zeros(len(names), bool)
    rows = unit(stored.calibration.rows[: len(classes)]).astype(np.float32)
    nearest = (means @ rows.T).argmax(1)
    trained = classes[nearest] == np.array(names, str)
    return np.where(trained[:, None], rows[nearest], means), trained


def _bessel_corrected(z: np.ndarray, rows: np.ndarray, count: np.ndarray) -> np.ndarray:
    """f32[n d]: embeddings moved away from their row, as far as new ones would lie.

    A mean lies nearer to its own samples than to new ones: residuals from a mean of m
    samples have (m - 1) / m of the true variance (Bessel's correction). The part of z
    that is orthogonal to its row therefore grows by sqrt(m / (m - 1)).
    """
    cosine = (z * rows).sum(-1, keepdims=True)
    growth = np.sqrt(np.maximum(count / np.maximum(count - 1, 1), 1.0))[:, None]
    moved = cosine * rows + growth * (z - cosine * rows)
    return unit(moved).astype(np.float32)
