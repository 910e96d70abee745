"""Pictures of text in fonts: random texts and styles, drawn faces, the data set.

Every picture is a pure function of its face and a seed. Both words and families are
held out: test pictures show words that training never saw, and one family in
`FAMILY_BUCKETS` is never trained on.
"""

import hashlib
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from strokejax.data.dataset import Dataset, data_root, read_arrays
from strokejax.data.sandbox import sandboxed
from strokejax.data.texts import FREQUENCY_POWER
from strokejax.pictures.images import to_ink_image
from strokejax.pictures.lines import normalise_line
from strokejax.tasks.fonts.faces import CATEGORIES, Face, faces, font_files
from strokejax.tasks.fonts.typeset import Augmentation, TextStyle, augment, typeset
from strokejax.types import InputError

FOLDER = "fonts"
"""Folder of the fonts below $STROKEJAX_DATA."""
WORD_BUCKETS = 8
"""Words are hashed into this many buckets; bucket 0 holds the test words."""
FAMILY_BUCKETS = 5
"""Families are hashed into this many buckets; bucket 0 is held out."""
VALIDATION = 8
"""Pictures of each face in a validation or test set."""
TRIES = 20
"""Random texts tried until one can be drawn."""

SIZES = (13.0, 80.0)
"""Range of the em in pixels, log-uniform."""
CAPITALISED, CAPITALS, NUMBER, PUNCTUATED = 0.3, 0.15, 0.08, 0.15
"""Probabilities: lines with capitalised words (and, as likely, with a capital at the
start alone), lines in capitals, numbers among the words, lines ending in a mark."""
MIN_LETTERS, MAX_LETTERS = 6, 18
"""A line's words have at least a random number of letters in this range."""
AUGMENTED = 0.6
"""Share of pictures with blur, noise, texture, compression or perspective."""
MIN_CONTRAST = 60
"""Minimum difference in luma between ink and paper, of 255."""

WordFrequencies = Mapping[str, float]
Progress = Callable[[Iterator[Any], int, str], Iterator[Any]]
"""Wraps an iterator to show its progress, given the total and the unit's name."""
T = TypeVar("T")


def no_progress(steps: Iterator[Any], total: int, unit: str) -> Iterator[Any]:
    """Shows nothing."""
    return steps


# Splits: pure functions of the word and of the family's name.


def words_for(words: WordFrequencies, split: str) -> dict[str, float]:
    """The words of a split, "train" or "test", with their frequencies."""
    is_test = split == "test"
    return {
        word: frequency
        for word, frequency in words.items()
        if (_bucket(word.lower(), WORD_BUCKETS) == 0) == is_test
    }


def held_out(family: str) -> bool:
    """Whether a family is never trained on."""
    return _bucket(family.casefold(), FAMILY_BUCKETS) == 0


def _bucket(name: str, count: int) -> int:
    # SHA-256, because Python's `hash` of a string differs in every process.
    digest = hashlib.sha256(name.encode()).digest()
    return int.from_bytes(digest[:4], "big") % count


# Random texts, styles and augmentations.


class TextSampler:
    """Samples lines of words by frequency (Zipf's law to the `FREQUENCY_POWER`)."""

    def __init__(self, words: dict[str, float]):
        self._words = np.array(list(words))
        weights = np.array(list(words.values())) ** FREQUENCY_POWER
        self._cumulative = np.cumsum(weights / weights.sum())

    def line(self, rng: np.random.Generator) -> str:
        """A line of words, some with capitals, digits or a punctuation mark."""
        case, min_letters = rng.random(), rng.integers(MIN_LETTERS, MAX_LETTERS)
        words: list[str] = []
        while not words or sum(map(len, words)) < min_letters:
            words.append(self._word(rng))
        if case < CAPITALS:
            words = [word.upper() for word in words]
        elif case < CAPITALS + CAPITALISED:
            words = [word.capitalize() for word in words]
        elif case < CAPITALS + 2 * CAPITALISED:
            words[0] = words[0].capitalize()
        text = " ".join(words)
        if rng.random() < PUNCTUATED:
            text += str(rng.choice([*".,;:!?"]))
        max_length = 2 * MAX_LETTERS
        return text if len(text) <= max_length else text[:max_length].rstrip()

    def _word(self, rng: np.random.Generator) -> str:
        if rng.random() < NUMBER:
            return str(rng.integers(10, 10 ** rng.integers(2, 6)))
        index = int(np.searchsorted(self._cumulative, rng.random()))
        # Rounding can leave the last cumulative weight below 1.
        return str(self._words[min(index, len(self._words) - 1)])


def random_style(
    rng: np.random.Generator,
    axes: tuple[tuple[str, float, float, float], ...] = (),
    sizes: tuple[float, float] = SIZES,
) -> TextStyle:
    """A random size, spacing, leading, alignment, hinting and variation.

    `axes` are those of a `Face`; half of the styles move a variable font from its
    default, by at most a third of the way to an end of each axis.
    """
    size = float(np.exp(rng.uniform(*np.log(sizes))))
    spacing = float(rng.uniform(-0.02, 0.12)) if rng.random() < 0.25 else 0.0
    leading = float(rng.uniform(1.05, 1.7))
    align = str(rng.choice(["left", "center", "right"], p=[0.7, 0.2, 0.1]))
    hinted = bool(rng.random() < 0.3)
    variation = ()
    if axes and rng.random() < 0.5:
        variation = tuple(
            float(default + rng.uniform(0, 1 / 3) * (rng.choice([low, high]) - default))
            for _, low, default, high in axes
        )
    size = float(round(size)) if hinted else size
    return TextStyle(size, hinted, spacing, leading, align, variation)


def random_augmentation(rng: np.random.Generator, size: float) -> Augmentation:
    """Random colours and, for `AUGMENTED` of the pictures, degradation.

    `size` is the em in pixels; blur grows with it.
    """
    paper, ink = _random_colours(rng)
    seed = int(rng.integers(2**31))
    if rng.random() > AUGMENTED:
        return Augmentation(ink[:1], paper[:1], seed=seed)
    corners = ()
    if rng.random() < 0.4:
        slope = rng.normal(0, 0.05)
        jitter = rng.normal(0, 0.06, (4, 2))
        # The right corners move together: this slants the line's baseline.
        slant = np.array([[0, 0], [0, slope], [0, slope], [0, 0]])
        corners = tuple(map(tuple, (jitter + slant).tolist()))
    return Augmentation(
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


def _random_colours(rng: np.random.Generator):
    """Two colours of paper and two of ink, at least `MIN_CONTRAST` apart."""
    if rng.random() < 0.4:
        black, white = ((0, 0, 0),) * 2, ((255, 255, 255),) * 2
        return (white, black) if rng.random() < 0.8 else (black, white)
    luma_weights = np.array([0.299, 0.587, 0.114])
    while True:
        colours = rng.integers(0, 256, (4, 3))
        # The far end of a gradient is close to its beginning.
        colours[1::2] = np.clip(colours[::2] + rng.integers(-50, 51, (2, 3)), 0, 255)
        luma = colours @ luma_weights
        # One sign: ink is darker than paper at both ends, or lighter at both.
        gap = luma[:2, None] - luma[None, 2:]
        if np.abs(gap).min() >= MIN_CONTRAST and len(np.unique(np.sign(gap))) == 1:
            paper, ink = colours[:2].tolist(), colours[2:].tolist()
            return tuple(map(tuple, paper)), tuple(map(tuple, ink))


# Pictures of faces, drawn by sandboxed worker processes.


def usable_faces(
    files: Sequence[Path], workers: int = 0, progress: Progress = no_progress
) -> tuple[list[Face], dict[str, str]]:
    """The faces of font files, in order, and the reason for each refused file."""
    paths = [str(path) for path in files]
    usable: list[Face] = []
    refused: dict[str, str] = {}
    results = sandboxed(faces, [(path,) for path in paths], paths, workers=workers)
    results = progress(results, len(paths), "fonts")
    for path, (value, error) in zip(paths, results, strict=True):
        if error:
            refused[path] = error
        else:
            usable += value
    return usable, refused


def pictures_of(
    face: Face,
    words: WordFrequencies,
    count: int,
    split: str,
    height: int,
    width: int,
    seed: int,
) -> tuple[np.ndarray, np.ndarray]:
    """u8[n height width]: lines of text as a network sees them; i32[n]: their widths.

    The words are those of a split, "train" or "test". InputError for a face that draws
    no readable pictures.
    """
    texts = TextSampler(words_for(words, split))
    name_hash = hashlib.sha256(face.name.encode()).digest()[:8]
    images = np.zeros((count, height, width), np.uint8)
    widths = np.zeros(count, np.int32)
    for i in range(count):
        rng = np.random.default_rng([*name_hash, seed, i, split == "test"])
        line = retry(lambda rng=rng: _draw_line(face, texts, height, rng))
        # A random crop of a long line; a short line starts at column 0.
        start = int(rng.integers(max(1, line.shape[1] - width + 1)))
        crop = line[:, start : start + width]
        images[i, :, : crop.shape[1]], widths[i] = crop, crop.shape[1]
    return images, widths


def retry(draw: Callable[[], T]) -> T:
    """The first of at most `TRIES` random drawings that raises no InputError."""
    for _ in range(TRIES - 1):
        try:
            return draw()
        except InputError:
            continue
    return draw()


def _draw_line(
    face: Face, texts: TextSampler, height: int, rng: np.random.Generator
) -> np.ndarray:
    style = random_style(rng, face.axes)
    augmentation = random_augmentation(rng, style.size)
    coverage = typeset(face.file, face.index, [texts.line(rng)], style)
    ink = to_ink_image(augment(coverage, augmentation, grey=True))
    return normalise_line(ink, face.file, height).pixels


def time_limit(count: int) -> float:
    """Seconds after which drawing `count` pictures of a face is given up."""
    return 20.0 + count / 5


def render(
    chosen: Sequence[Face],
    words: WordFrequencies,
    count: int,
    *,
    split: str,
    height: int,
    width: int,
    seed: int = 0,
    workers: int = 0,
    progress: Progress = no_progress,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, dict[str, str]]:
    """`pictures_of` many faces; their labels i32[n] are indices into `chosen`.

    `workers` processes draw them, one per core if 0. Faces that cannot be drawn are
    left out; the last value gives the reason for each by its name.
    """
    jobs = [(face, words, count, split, height, width, seed) for face in chosen]
    paths = [face.file for face in chosen]
    limits = {"workers": workers, "seconds": time_limit(count)}
    images = np.zeros((len(jobs), count, height, width), np.uint8)
    widths = np.zeros((len(jobs), count), np.int32)
    refused: dict[str, str] = {}
    results = sandboxed(pictures_of, jobs, paths, **limits)
    for i, (value, error) in enumerate(progress(results, len(jobs), "pictures")):
        if error:
            refused[chosen[i].name] = error
        else:
            images[i], widths[i] = value
    drawn = [i for i, face in enumerate(chosen) if face.name not in refused]
    if len(drawn) < len(jobs):
        images, widths = images[drawn], widths[drawn]
    labels = np.repeat(np.array(drawn, np.int32), count)
    return images.reshape(-1, height, width), widths.ravel(), labels, refused


# The data set.


def load_fonts(
    split: str,
    words: WordFrequencies,
    *,
    root: str | Path | None = None,
    count: int,
    height: int,
    width: int,
    seed: int = 0,
    cache: str = "",
    progress: Progress = no_progress,
) -> Dataset:
    """The split "train", "validation" or "test" of the fonts below a folder.

    All splits hold the families that are not held out: `count` pictures of each face
    for training, else `VALIDATION` pictures with the test words. The folder `cache`
    stores the pictures compressed.
    """
    folder = Path(root) if root else data_root() / FOLDER
    usable, refused = usable_faces(font_files(folder), progress=progress)
    _warn(refused)
    chosen = _unique([face for face in usable if not held_out(face.family)])
    if len(chosen) < 2:
        raise InputError(
            f"{folder} has {len(chosen)} fonts to train on, and training needs at "
            f"least 2; give a folder of more."
        )
    train = split == "train"
    images, widths, labels = _render_cached(
        cache,
        chosen,
        words,
        count if train else VALIDATION,
        progress,
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
        kinds=np.array([_category_index(face) for face in chosen], np.int32),
    )


def mirrored(dataset: Dataset) -> Dataset:
    """The pictures mirrored left to right, within their widths."""
    images, width = dataset.inputs["image"], dataset.inputs["width"][:, None]
    column = np.arange(images.shape[2])
    source = np.where(column < width, width - 1 - column, column)
    images = np.take_along_axis(images, source[:, None], axis=2)
    return replace(dataset, inputs=dict(dataset.inputs) | {"image": images})


def _category_index(face: Face) -> int:
    """Index of a face's category; -1 for `UNKNOWN`."""
    return CATEGORIES.index(face.category) if face.category in CATEGORIES else -1


def _unique(chosen: list[Face]) -> list[Face]:
    """The first face of each name."""
    return list({face.name: face for face in reversed(chosen)}.values())[::-1]


def _render_cached(
    cache: str,
    chosen: list[Face],
    words: WordFrequencies,
    count: int,
    progress: Progress,
    **options: Any,
):
    """Images, widths and labels from the cache, or drawn and added to it."""
    # The hash names the cache file, so its input is a format: order and types count.
    contents = [[Path(f.file).name, f.index, f.name] for f in chosen], count, options
    name = hashlib.sha256(repr(contents).encode()).hexdigest()[:16]
    path = Path(cache) / f"{name}.npz"
    if cache and path.is_file():
        return read_arrays(path, "images", "widths", "labels")
    images, widths, labels, refused = render(
        chosen, words, count, progress=progress, **options
    )
    _warn(refused)
    if cache:
        path.parent.mkdir(parents=True, exist_ok=True)
        # Renamed when complete: an interrupted run leaves no half-written cache file.
        part = path.with_suffix(".part.npz")
        np.savez_compressed(part, images=images, widths=widths, labels=labels)
        part.replace(path)
    return images, widths, labels


def _warn(refused: dict[str, str]) -> None:
    for reason in refused.values():
        print(f"strokejax: {reason}", file=sys.stderr)
