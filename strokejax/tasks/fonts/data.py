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
from strokejax.data.texts import FLATTER
from strokejax.pictures.images import to_ink_image
from strokejax.pictures.lines import normalise_line
from strokejax.tasks.fonts.faces import CATEGORIES, Face, faces, font_files
from strokejax.tasks.fonts.typeset import Look, Setting, photograph, typeset
from strokejax.types import InputError

# Random texts and looks for pictures of fonts: a pure function of a seed.


TEST_SHARE = 8
"""One word in so many is kept for tests: what trains never shows it."""
SIZES = (13.0, 80.0)
"""Pixels of the em, drawn evenly on a logarithmic scale."""
CAPITALISED, CAPITALS, NUMBER, MARKED = 0.3, 0.15, 0.08, 0.15
LEAST, MOST = 6, 18
"""Letters of a line."""
WORN = 0.6
"""Share of pictures that are not as sharp as a screen shows them."""
CONTRAST = 60
"""Least difference of ink and paper in luminance, of 255."""


def words_for(words: Mapping[str, float], split: str) -> dict[str, float]:
    """The words of a split, "train" or "test", with their frequencies."""
    return {w: f for w, f in words.items() if (_hash(w) == 0) == (split == "test")}


def _hash(word: str) -> int:
    digest = hashlib.sha256(word.lower().encode()).digest()
    return int.from_bytes(digest[:4], "big") % TEST_SHARE


class Texts:
    """Random lines of words by frequency (Zipf's law, a little flattened)."""

    def __init__(self, words: dict[str, float]):
        self._words = np.array(list(words))
        weight = np.array(list(words.values())) ** FLATTER
        self._up_to = np.cumsum(weight / weight.sum())

    def line(self, rng: np.random.Generator) -> str:
        """Words of together `LEAST` to `MOST` letters, some with marks or digits."""
        kind, wanted, found = rng.random(), rng.integers(LEAST, MOST), []
        while not found or sum(map(len, found)) < wanted:
            found.append(self._word(rng))
        if kind < CAPITALS:
            found = [word.upper() for word in found]
        elif kind < CAPITALS + CAPITALISED:
            found = [word.capitalize() for word in found]
        elif kind < CAPITALS + 2 * CAPITALISED:
            found[0] = found[0].capitalize()
        text = " ".join(found)
        if rng.random() < MARKED:
            text += str(rng.choice([*".,;:!?"]))
        return text if len(text) <= 2 * MOST else text[: 2 * MOST].rstrip()

    def _word(self, rng: np.random.Generator) -> str:
        if rng.random() < NUMBER:
            return str(rng.integers(10, 10 ** rng.integers(2, 6)))
        place = int(np.searchsorted(self._up_to, rng.random()))
        return str(self._words[min(place, len(self._words) - 1)])


def random_setting(
    rng: np.random.Generator,
    axes: tuple[tuple[str, float, float, float], ...] = (),
    sizes: tuple[float, float] = SIZES,
) -> Setting:
    """A size, spacing, and where a variable font stands within a third of its range."""
    size = float(np.exp(rng.uniform(*np.log(sizes))))
    spacing = float(rng.uniform(-0.02, 0.12)) if rng.random() < 0.25 else 0.0
    leading = float(rng.uniform(1.05, 1.7))
    align = str(rng.choice(["left", "center", "right"], p=[0.7, 0.2, 0.1]))
    hinted = bool(rng.random() < 0.3)
    where = ()
    if axes and rng.random() < 0.5:
        where = tuple(
            float(usual + rng.uniform(0, 1 / 3) * (rng.choice([low, high]) - usual))
            for _, low, usual, high in axes
        )
    size = float(round(size)) if hinted else size
    return Setting(size, hinted, spacing, leading, align, where)


def random_look(rng: np.random.Generator, size: float) -> Look:
    """Colours, and for `WORN` of the pictures blur, noise, JPEG, texture, an angle."""
    paper, ink = _colours(rng)
    seed = int(rng.integers(2**31))
    if rng.random() > WORN:
        return Look(ink[:1], paper[:1], seed=seed)
    corners = ()
    if rng.random() < 0.4:
        angle = rng.normal(0, 0.05)
        tilt = rng.normal(0, 0.06, (4, 2))
        turn = np.array([[0, 0], [0, angle], [0, angle], [0, 0]])
        corners = tuple(map(tuple, (tilt + turn).tolist()))
    return Look(
        ink if rng.random() < 0.2 else ink[:1],
        paper if rng.random() < 0.3 else paper[:1],
        texture=float(rng.uniform(0, 14)) if rng.random() < 0.3 else 0.0,
        grain=int(rng.integers(2, 24)),
        corners=corners,
        blur=float(rng.uniform(0, 0.035) * size) if rng.random() < 0.5 else 0.0,
        noise=float(rng.uniform(0, 12)) if rng.random() < 0.4 else 0.0,
        quality=int(rng.integers(25, 95)) if rng.random() < 0.5 else 0,
        seed=seed,
    )


def _colours(rng: np.random.Generator):
    """Two colours of paper, two of ink, far enough from each other to be read."""
    if rng.random() < 0.4:
        black, white = ((0, 0, 0),) * 2, ((255, 255, 255),) * 2
        return (white, black) if rng.random() < 0.8 else (black, white)
    luma = np.array([0.299, 0.587, 0.114])
    while True:
        colours = rng.integers(0, 256, (4, 3))
        # The far end of a gradient is not far from its beginning.
        colours[1::2] = np.clip(colours[::2] + rng.integers(-50, 51, (2, 3)), 0, 255)
        light = colours @ luma
        gap = light[:2, None] - light[None, 2:]
        if np.abs(gap).min() >= CONTRAST and len(np.unique(np.sign(gap))) == 1:
            paper, ink = colours[:2].tolist(), colours[2:].tolist()
            return tuple(map(tuple, paper)), tuple(map(tuple, ink))


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
