"""Pictures of text in fonts: for training, for an index, to look at.

Families are held out as a whole, and so are words: what a test shows, neither its words
nor, where families are held out, its letters were seen in training.
"""

import hashlib
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from strokejax.data.dataset import Dataset, data_root, read_arrays
from strokejax.data.sandbox import each_apart
from strokejax.pictures.images import to_ink_image
from strokejax.pictures.lines import normalise_line
from strokejax.tasks.fonts.data_font_looks import (
    Texts,
    random_look,
    random_setting,
    words_for,
)
from strokejax.tasks.fonts.faces import CATEGORIES, Face, faces, font_files
from strokejax.tasks.fonts.typeset import photograph, typeset
from strokejax.types import InputError

FOLDER = "fonts"
"""Of $STROKEJAX_DATA."""
HELD_OUT = 5
"""One family in so many is never trained on."""
VALID = 8
"""Pictures of each face in a validation set."""
TRIES = 20
"""Texts drawn until one gives a picture."""
Words = Mapping[str, float]
"""Words and their frequencies."""
Watch = Callable[[Iterator[Any], int, str], Iterator[Any]]
"""Shows how far an iterator of that many has come, and of what."""
T = TypeVar("T")


def unwatched(steps: Iterator[Any], total: int, what: str) -> Iterator[Any]:
    """Shows nothing."""
    return steps


def held_out(family: str) -> bool:
    """Whether a family is kept for tests: a pure function of its name."""
    digest = hashlib.sha256(family.casefold().encode()).digest()
    return int.from_bytes(digest[:4], "big") % HELD_OUT == 0


def usable_faces(
    files: Sequence[Path], workers: int = 0, watch: Watch = unwatched
) -> tuple[list[Face], dict[str, str]]:
    """The faces of font files in their order, and files that are refused, with why."""
    jobs = [(str(path),) for path in files]
    found: dict[int, list[Face]] = {}
    refused: dict[str, str] = {}
    done = each_apart(faces, jobs, workers=workers)
    for job, value, why in watch(done, len(jobs), "fonts"):
        if why:
            name = jobs[job][0]
            refused[name] = why if name in why else f"{name} {why}; leave it out."
        else:
            found[job] = value
    return [face for job in sorted(found) for face in found[job]], refused


def pictures_of(
    face: Face,
    words: Words,
    count: int,
    split: str,
    height: int,
    width: int,
    seed: int,
) -> tuple[np.ndarray, np.ndarray]:
    """u8[n height width] lines of text as a network sees them, i32[n] their widths.

    Words are those of a split, "train" or "test". InputError for a face that draws no
    readable pictures.
    """
    texts = Texts(words_for(words, split))
    own = hashlib.sha256(face.name.encode()).digest()[:8]
    images = np.zeros((count, height, width), np.uint8)
    widths = np.zeros(count, np.int32)
    for i in range(count):
        rng = np.random.default_rng([*own, seed, i, split == "test"])
        line = until_drawn(lambda rng=rng: _line(face, texts, height, rng))
        # Any part of a line will do, but a whole one begins where it begins.
        start = int(rng.integers(max(1, line.shape[1] - width + 1)))
        part = line[:, start : start + width]
        images[i, :, : part.shape[1]], widths[i] = part, part.shape[1]
    return images, widths


def until_drawn(draw: Callable[[], T]) -> T:
    """The first drawing that is not refused, of `TRIES` random ones."""
    for _ in range(TRIES - 1):
        try:
            return draw()
        except InputError:
            continue
    return draw()


def _line(
    face: Face, texts: Texts, height: int, rng: np.random.Generator
) -> np.ndarray:
    setting = random_setting(rng, face.axes)
    look = random_look(rng, setting.size)
    cover = typeset(face.file, face.index, [texts.line(rng)], setting)
    ink = to_ink_image(photograph(cover, look, grey=True))
    return normalise_line(ink, face.file, height).pixels


def seconds_for(count: int) -> float:
    """What drawing so many pictures of a face may take."""
    return 20.0 + count / 5


def render(
    chosen: Sequence[Face],
    words: Words,
    count: int,
    *,
    split: str,
    height: int,
    width: int,
    seed: int = 0,
    workers: int = 0,
    watch: Watch = unwatched,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, dict[str, str]]:
    """`pictures_of` many faces, and i32[n] which face each is of.

    By worker processes, one a core unless said. Faces that draw none are left out and
    named with the reason.
    """
    jobs = [(face, words, count, split, height, width, seed) for face in chosen]
    how = {"workers": workers, "seconds": seconds_for(count)}
    images = np.zeros((len(jobs), count, height, width), np.uint8)
    widths = np.zeros((len(jobs), count), np.int32)
    refused: dict[str, str] = {}
    done = each_apart(pictures_of, jobs, **how)
    for job, value, why in watch(done, len(jobs), "pictures"):
        if why:
            refused[chosen[job].name] = why
        else:
            images[job], widths[job] = value
    kept = [i for i, face in enumerate(chosen) if face.name not in refused]
    if len(kept) < len(jobs):
        images, widths = images[kept], widths[kept]
    labels = np.repeat(np.array(kept, np.int32), count)
    return images.reshape(-1, height, width), widths.ravel(), labels, refused


def load_fonts(
    split: str,
    words: Words,
    *,
    root: str | Path | None = None,
    count: int,
    height: int,
    width: int,
    seed: int = 0,
    cache: str = "",
    watch: Watch = unwatched,
) -> Dataset:
    """The split, "train", "validation" or "test", of the fonts below a folder.

    `count` pictures of each face of the families that are not held out, or but for
    training `VALID`, of words that it never sees. Kept, compressed, in the folder
    `cache`.
    """
    folder = Path(root) if root else data_root() / FOLDER
    known, refused = usable_faces(font_files(folder), watch=watch)
    _tell(refused)
    chosen = _once([face for face in known if not held_out(face.family)])
    if len(chosen) < 2:
        raise InputError(
            f"{folder} has {len(chosen)} fonts to train on; give a folder of more."
        )
    train = split == "train"
    images, widths, labels = _kept(
        cache,
        chosen,
        words,
        count if train else VALID,
        watch,
        split="train" if train else "test",
        height=height,
        width=width,
        seed=seed + (split == "test"),
    )
    return Dataset(
        f"fonts ({split})",
        {"image": images, "width": widths},
        labels,
        tuple(face.name for face in chosen),
        np.array([chosen[label].family for label in labels]),
        "typeface",
        kinds=np.array([_kind(face) for face in chosen], np.int32),
    )


def mirrored(dataset: Dataset) -> Dataset:
    """The pictures from right to left, beginning where they did."""
    images, width = dataset.inputs["image"], dataset.inputs["width"][:, None]
    column = np.arange(images.shape[2])
    turned = np.where(column < width, width - 1 - column, column)
    images = np.take_along_axis(images, turned[:, None], axis=2)
    return replace(dataset, inputs=dict(dataset.inputs) | {"image": images})


def _kind(face: Face) -> int:
    """The number of a face's category, -1 where the file says none."""
    return CATEGORIES.index(face.category) if face.category in CATEGORIES else -1


def _once(chosen: list[Face]) -> list[Face]:
    """Faces whose names are their own; of several with one name the first."""
    return list({face.name: face for face in reversed(chosen)}.values())[::-1]


def _kept(
    folder: str,
    chosen: list[Face],
    words: Words,
    count: int,
    watch: Watch,
    **how: Any,
):
    """Pictures from the cache, or drawn and put there."""
    about = [[Path(f.file).name, f.index, f.name] for f in chosen], count, how
    name = hashlib.sha256(repr(about).encode()).hexdigest()[:16]
    path = Path(folder) / f"{name}.npz"
    if folder and path.is_file():
        return read_arrays(path, "images", "widths", "labels")
    images, widths, labels, refused = render(chosen, words, count, watch=watch, **how)
    _tell(refused)
    if folder:
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(".part.npz")
        np.savez_compressed(part, images=images, widths=widths, labels=labels)
        part.replace(path)
    return images, widths, labels


def _tell(refused: dict[str, str]) -> None:
    for why in refused.values():
        print(f"strokejax: {why}", file=sys.stderr)
