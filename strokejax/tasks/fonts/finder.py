"""From pictures of text to fonts: an immutable snapshot of an index of fonts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any, NamedTuple

import jax
import numpy as np

from strokejax.pictures.images import to_ink_image
from strokejax.pictures.lines import normalise_line
from strokejax.pictures.text_lines import find_text
from strokejax.recognizer import Recognizer, from_stored
from strokejax.store.model import StoredModel
from strokejax.table import knn
from strokejax.table.knn import Answer, Ranked
from strokejax.table.table import pad_rows, unit
from strokejax.tasks.fonts.settings import TASK
from strokejax.types import InputError

MODALITIES = ("text",)
"""The `Answer.inputs` of every picture of text."""
MAX_FONTS = 50_000
"""Maximum number of fonts in an index."""
BATCH = 32
"""Embeddings that are ranked at once."""
MIN_WIDTH = 24
"""Pixels of a normalised line; narrower ones hold about one letter: too little."""

# Keys of a model's `about`.
CLASSES = "classes"
"""Names of the fonts that the network was trained on."""
OWN_DISTANCE = "own_distance"
"""Mean squared distance of pictures to the trained row of their font."""
FILES = "fonts"
"""File of each indexed font: the fields of its `faces.Face`, by name."""


class Region(NamedTuple):
    """A line of text in a picture, and its nearest fonts."""

    box: tuple[int, int, int, int]
    """x0, y0, x1, y1 in the picture's pixels."""
    answer: Answer


class Identification(NamedTuple):
    """The nearest fonts of a picture of text, as a whole and line by line."""

    answer: Answer
    """The nearest fonts of the lines in the prevailing font, taken together."""
    regions: tuple[Region, ...]
    z: np.ndarray
    """f32[d]: the embedding that `answer` belongs to."""


@dataclass(frozen=True)
class FontFinder:
    """Answers from one version of an index; immutable, so threads may share it."""

    recognizer: Recognizer
    about: Mapping[str, Any]
    trained: np.ndarray
    """f32[o d]: the rows that the network was trained with, its classifier."""
    scale: float

    @property
    def names(self) -> tuple[str, ...]:
        """The fonts of the index."""
        return self.recognizer.symbols.symbols

    def identify(
        self, picture: np.ndarray, k: int = 5, where: str = "The picture"
    ) -> Identification:
        """The k nearest fonts of u8[h w] or u8[h w 3], as a whole and line by line.

        `where` names the picture in errors. InputError if it shows no text.
        """
        boxes, lines = [], []
        for text_line in find_text(picture):
            try:
                pixels = self.line(text_line.ink, where)
            except InputError:
                continue
            if pixels.shape[1] >= MIN_WIDTH:
                boxes.append(text_line.box)
                lines.append(pixels)
        if not lines:
            # The search can miss a single word that fills its picture.
            lines = [self.line(to_ink_image(picture, where), where)]
            boxes = [(0, 0, picture.shape[1], picture.shape[0])]
        z = self.embed(lines)
        answers = self.nearest(z, k)
        prevailing = _prevailing(answers, np.array([line.shape[1] for line in lines]))
        mean = unit(z[prevailing].sum(0))
        answer = self.nearest(mean[None], k)[0]
        return Identification(answer, tuple(map(Region, boxes, answers)), mean)

    def line(self, ink: np.ndarray, where: str = "The picture") -> np.ndarray:
        """u8[h w]: the picture of one line, ink high, normalised for the network."""
        return normalise_line(ink, where, self.recognizer.spec.size).pixels

    def embed(self, lines: Sequence[np.ndarray]) -> np.ndarray:
        """f32[n d]: embeddings of lines u8[h w]; a long line is the mean of windows."""
        spec = self.recognizer.spec
        parts = [part for line in lines for part in windows(line, spec.length)]
        counts = [window_count(line, spec.length) for line in lines]
        owner = np.repeat(np.arange(len(lines)), counts)
        image = np.zeros((len(parts), spec.size, spec.length), np.uint8)
        width = np.zeros(len(parts), np.int32)
        for i, part in enumerate(parts):
            width[i] = part.shape[1]
            image[i, :, : width[i]] = part
        sums = np.zeros((len(lines), spec.out_dim), np.float32)
        np.add.at(sums, owner, self.recognizer.embed({"image": image, "width": width}))
        return unit(sums)

    def nearest(self, z: np.ndarray, k: int) -> list[Answer]:
        """The k nearest fonts of each embedding in f32[n d]."""
        return self.recognizer.answers(self.ranked(z, k), [MODALITIES] * len(z))

    def ranked(self, z: np.ndarray, k: int) -> Ranked:
        """The slots of the k nearest fonts of each embedding in f32[n d]."""
        if not 1 <= k <= MAX_FONTS:
            raise InputError(f"k is {k}; ask for 1 to {MAX_FONTS:,} fonts.")
        table, slots = self.recognizer.params["table"], self.recognizer.slots
        batches = []
        for start in range(0, len(z), BATCH):
            batch = z[start : start + BATCH]
            # Padded to one shape, or every number of lines would be compiled.
            padded = pad_rows(batch, BATCH)
            ranked = jax.device_get(knn.rank_compiled(padded, table, slots, k))
            batches.append([x[: len(batch)] for x in ranked])
        return Ranked(*map(np.concatenate, zip(*batches, strict=True)))

    def family(self, name: str) -> str:
        """The family of an indexed font; its name if its file is not known."""
        return (self.file_of(name) or {}).get("family", name)

    def classify(self, z: np.ndarray, k: int) -> list[tuple[str, float]]:
        """The k most probable fonts of the classifier for f32[d], best first.

        Each name comes with its probability among the fonts that the network was
        trained on.
        """
        # Unit vectors: -scale |z - row|^2 is 2 scale (z . row) and a constant.
        logits = 2 * self.scale * (self.trained @ z)
        probability = np.exp(logits - logits.max())
        order = np.argsort(-probability, kind="stable")[:k]
        probability /= probability.sum()
        return [(str(self._classes[i]), float(probability[i])) for i in order]

    @cached_property
    def _classes(self) -> tuple[str, ...]:
        return tuple(self.about.get(CLASSES, ()))

    def file_of(self, name: str) -> dict[str, Any] | None:
        """The fields of an indexed font's `faces.Face`; None if its file is unknown."""
        return self.about.get(FILES, {}).get(name)


def windows(line: np.ndarray, length: int) -> list[np.ndarray]:
    """A line u8[h w] cut evenly into windows of at most `length` columns."""
    edges = np.linspace(0, line.shape[1], window_count(line, length) + 1).astype(int)
    return [line[:, a:b] for a, b in pairwise(edges.tolist())]


def window_count(line: np.ndarray, length: int) -> int:
    """The number of windows of a line."""
    return max(1, -(-line.shape[1] // length))


def _prevailing(answers: Sequence[Answer], width: np.ndarray) -> np.ndarray:
    """Indices of the lines whose best font covers most of the text, in pixels."""
    best = np.array([answer.symbols[0] if answer.symbols else "" for answer in answers])
    _names, index = np.unique(best, return_inverse=True)
    return np.flatnonzero(index == np.bincount(index, width).argmax())


def finder(
    stored: StoredModel, *, false_accepts: float | None = None, fast: bool = True
) -> FontFinder:
    """The snapshot of a stored font model, on the default device.

    `false_accepts` and `fast` are those of `strokejax.load`. InputError for a model of
    another task.
    """
    if stored.spec.architecture not in TASK.architectures or not stored.spec.length:
        raise InputError(
            f"The model does not name fonts ({stored.spec.architecture}); use one that "
            f"`configs/fonts.py` trained."
        )
    # Imported late: it brings flax, which the check above does not need.
    from strokejax.tasks.fonts.network import build_encoder

    recognizer = from_stored(
        stored,
        false_accepts=false_accepts,
        fast=fast,
        encoder=build_encoder(stored.spec),
    )
    class_count = len(stored.about.get(CLASSES, ()))
    trained = unit(stored.calibration.rows[:class_count])
    scale = float(np.exp(stored.table["log_scale"]))
    return FontFinder(recognizer, stored.about, trained, scale)
