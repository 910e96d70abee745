"""From pictures of text to fonts: an immutable snapshot of an index."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any, NamedTuple

import jax
import numpy as np

from strokejax.networks.spec import FONTS
from strokejax.pictures.images import to_ink_image
from strokejax.pictures.lines import normalise_line
from strokejax.pictures.text_lines import find_text
from strokejax.recognizer import Recognizer, from_stored
from strokejax.store.model import StoredModel
from strokejax.table import knn as answers
from strokejax.table.knn import Answer, Ranked
from strokejax.table.rejection import refusal
from strokejax.table.table import unit
from strokejax.types import InputError

TEXT = ("text",)
"""What is seen of a picture of text."""
CLASSES = "classes"
"""What of a model's `about` names the fonts that its network was trained on."""
OWN_DISTANCE = "own_distance"
"""What of a model's `about` tells how far, squared, pictures lie from the rows that the
network was trained with."""
FILES = "fonts"
"""What of a model's `about` tells where the file of an indexed font lies."""
MOST = 50_000
"""Fonts of an index."""
PART = 32
"""Embeddings that are compared with the index at once."""
LEAST_WIDTH = 24
"""Pixels of a normalised line: one letter says little."""


class Region(NamedTuple):
    """A line of text in a picture, and the fonts that are near it."""

    box: tuple[int, int, int, int]
    """x0, y0, x1, y1 in the picture's pixels."""
    answer: Answer


class Identified(NamedTuple):
    """What a picture of text is set in."""

    answer: Answer
    """Of the lines in the font that most of the text is set in, taken together."""
    regions: tuple[Region, ...]
    z: np.ndarray
    """f32[d]: what `answer` is the answer to."""


@dataclass(frozen=True)
class FontFinder:
    """Answers from one version of an index; never changes, so threads may share it."""

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
    ) -> Identified:
        """The k nearest fonts of u8[h w] or u8[h w 3], line by line and together.

        InputError where there is no text.
        """
        regions, pictures = [], []
        for line in find_text(picture):
            try:
                pixels = self.line(line.ink, where)
            except InputError:
                continue
            if pixels.shape[1] >= LEAST_WIDTH:
                regions.append(line.box)
                pictures.append(pixels)
        if not pictures:
            # A word that fills its picture may be too little for the finder.
            pictures = [self.line(to_ink_image(picture, where), where)]
            regions = [(0, 0, picture.shape[1], picture.shape[0])]
        z = self.embed(pictures)
        each = self.nearest(z, k)
        chosen = _most(each, np.array([line.shape[1] for line in pictures]))
        together = unit(z[chosen].sum(0))
        answer = self.nearest(together[None], k)[0]
        return Identified(answer, tuple(map(Region, regions, each)), together)

    def line(self, ink: np.ndarray, where: str = "The picture") -> np.ndarray:
        """u8[h w] of one line, ink high, as the network sees it."""
        return normalise_line(ink, where, self.recognizer.spec.size).pixels

    def embed(self, lines: Sequence[np.ndarray]) -> np.ndarray:
        """f32[n d] of lines u8[h w]; long ones are seen in parts, and their mean."""
        length = self.recognizer.spec.length
        parts = [part for line in lines for part in windows(line, length)]
        owner = np.repeat(np.arange(len(lines)), [parts_of(x, length) for x in lines])
        image = np.zeros((len(parts), self.recognizer.spec.size, length), np.uint8)
        width = np.zeros(len(parts), np.int32)
        for i, part in enumerate(parts):
            width[i] = part.shape[1]
            image[i, :, : width[i]] = part
        found = np.zeros((len(lines), self.recognizer.spec.out_dim), np.float32)
        np.add.at(found, owner, self.recognizer.embed({"image": image, "width": width}))
        return unit(found)

    def nearest(self, z: np.ndarray, k: int) -> list[Answer]:
        """The k nearest fonts of embeddings f32[n d]."""
        own, found = self.recognizer, []
        for slot, dist2, share, strange in zip(*self.ranked(z, k), strict=True):
            n = int((slot >= 0).sum())
            names = tuple(str(own.symbols.names[i]) for i in slot[:n])
            reason = refusal(names, float(strange), own.limit)
            near, shares = tuple(map(float, dist2[:n])), tuple(map(float, share[:n]))
            found.append(Answer(names, near, shares, TEXT, bool(reason), reason))
        return found

    def ranked(self, z: np.ndarray, k: int) -> Ranked:
        """The slots of the k nearest fonts of embeddings f32[n d]."""
        if not 1 <= k <= MOST:
            raise InputError(f"k is {k}; ask for 1 to {MOST:,} fonts.")
        own, parts = self.recognizer, []
        for start in range(0, len(z), PART):
            part = z[start : start + PART]
            # One shape, or every number of lines would be compiled.
            room = np.pad(part, ((0, PART - len(part)), (0, 0)))
            found = answers.rank(room, own.params["table"], own.slots, k)
            parts.append([x[: len(part)] for x in jax.device_get(found)])
        return Ranked(*map(np.concatenate, zip(*parts, strict=True)))

    def family(self, name: str) -> str:
        """The family of an indexed font; its name where that is all that is known."""
        return (self.file_of(name) or {}).get("family", name)

    def classified(self, z: np.ndarray, k: int) -> list[tuple[str, float]]:
        """The k likeliest of the fonts that the network was trained on, for f32[d]."""
        logits = 2 * self.scale * (self.trained @ z)
        share = np.exp(logits - logits.max())
        order = np.argsort(-share, kind="stable")[:k]
        share /= share.sum()
        return [(str(self._classes[i]), float(share[i])) for i in order]

    @cached_property
    def _classes(self) -> tuple[str, ...]:
        return tuple(self.about.get(CLASSES, ()))

    def file_of(self, name: str) -> dict[str, Any] | None:
        """Where an indexed font lies, as `font_files.Face` has it; None if unknown."""
        return self.about.get(FILES, {}).get(name)


def windows(line: np.ndarray, length: int) -> list[np.ndarray]:
    """A line u8[h w] in parts of at most `length` columns, evenly over it."""
    edges = np.linspace(0, line.shape[1], parts_of(line, length) + 1).astype(int)
    return [line[:, a:b] for a, b in pairwise(edges.tolist())]


def parts_of(line: np.ndarray, length: int) -> int:
    """How many parts a line has."""
    return max(1, -(-line.shape[1] // length))


def _most(each: Sequence[Answer], width: np.ndarray) -> np.ndarray:
    """The lines whose first answer is that of most of the text, in pixels."""
    first = np.array([answer.symbols[0] if answer.symbols else "" for answer in each])
    _names, member = np.unique(first, return_inverse=True)
    return np.flatnonzero(member == np.bincount(member, width).argmax())


def finder(
    stored: StoredModel, *, false_accepts: float | None = None, fast: bool = True
) -> FontFinder:
    """The snapshot of a stored model of fonts, on the default device."""
    if stored.spec.architecture not in FONTS and not stored.spec.length:
        raise InputError(
            f"The model names strokes ({stored.spec.architecture}); to name fonts, use "
            f"one that `configs/fonts.py` trained."
        )
    own = from_stored(stored, false_accepts=false_accepts, fast=fast)
    classes = len(stored.about.get(CLASSES, ()))
    trained = unit(stored.calibration.rows[:classes])
    scale = float(np.exp(stored.table["log_scale"]))
    return FontFinder(own, stored.about, trained, scale)
