"""From pictures of lines to texts: immutable snapshots of models that read.

A `LineReader` reads by a network that was trained on lines, a `SymbolReader` by a model
of single symbols; `load_reader` chooses between them by the model's architecture.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from strokejax.networks.spec import EncoderSpec
from strokejax.pictures.lines import (
    LineImage,
    fit_line,
    level_ink,
    normalise_line,
)
from strokejax.recognizer import Recognizer
from strokejax.recognizer import from_stored as recognizer
from strokejax.search.character_model import load_lexicon, load_words, train
from strokejax.search.ctc import greedy
from strokejax.search.language import (
    LanguageModel,
    no_language,
    with_characters,
    with_words,
)
from strokejax.store.model import StoredModel, load_model
from strokejax.table.symbols import SPACE
from strokejax.tasks.lines.decode import Reading, search
from strokejax.tasks.lines.emnist_lines import SIZE, SPECIAL
from strokejax.tasks.lines.network import (
    STRIDE,
    build_encoder,
    line_height,
    windows_to_ctc,
)
from strokejax.tasks.lines.settings import ARCHITECTURES, TASK, WINDOWS
from strokejax.types import Encoder, InputError, PyTree

# Networks that read lines

BATCH = 16
"""Lines of a forward pass."""
UNIT = 112
"""Pixels: a multiple of `STRIDE` and of `SIZE`."""
WIDTHS = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 64, 128)
"""Lines are padded to one of these times `UNIT`, so that few shapes are compiled."""


@dataclass(frozen=True)
class LineReader:
    """Reads by one version of a model; never changes, so threads may share it."""

    spec: EncoderSpec
    encoder: Encoder
    params: PyTree
    model_state: PyTree
    outputs: tuple[str, ...]
    """Names of the network's outputs, without CTC's blank, which is the last."""

    @property
    def windows(self) -> bool:
        """Whether it reads published lines, window by window."""
        return self.spec.architecture == WINDOWS

    @property
    def alphabet(self) -> tuple[str, ...]:
        """The characters that it can read."""
        return self.outputs[len(SPECIAL) :] if self.windows else self.outputs

    @property
    def stride(self) -> int:
        """Pixels between two steps of the search."""
        return SIZE // 2 if self.windows else STRIDE

    def prepare(self, picture: np.ndarray, where: str = "The picture") -> LineImage:
        """u8[h w], ink high, as the network's input; InputError for unusable pictures.

        See `normalise_line` and, for windows, `fit_line`.
        """
        if self.windows:
            return fit_line(picture, SIZE, where)
        return normalise_line(picture, where)

    def logits(self, inputs: dict[str, np.ndarray]) -> np.ndarray:
        """f32[b t outputs]: the network's output for a batch."""
        return np.asarray(_logits(self.encoder, self.params, self.model_state, inputs))

    def read(
        self, lines: Sequence[LineImage], language: LanguageModel | None = None
    ) -> list[Reading]:
        """The readings of prepared lines, in their order, by beam search."""
        readings: dict[int, Reading] = {}
        for rows, log_p in self.batches(lines):
            steps = self.steps(lines, rows, len(log_p))
            columns = [partial(self._column, lines[i]) for i in rows]
            batch = search(log_p, steps, self.alphabet, language, columns)
            if not self.windows:
                ends = [lines[i].column(lines[i].pixels.shape[1]) for i in rows]
                batch = [*map(widen_characters, batch, ends)]
            readings |= zip(rows, batch, strict=True)
        return [readings[i] for i in range(len(lines))]

    def _column(self, line: LineImage, step: int) -> float:
        return line.column(self.stride * step)

    def read_greedily(self, lines: Sequence[LineImage]) -> list[str]:
        """The texts by the most probable character of each step, collapsed."""
        texts = [""] * len(lines)
        for rows, log_p in self.batches(lines):
            steps = self.steps(lines, rows, len(log_p))
            codes = np.asarray(greedy(log_p, jnp.asarray(steps), log_p.shape[1] // 2))
            for j, i in enumerate(rows):
                texts[i] = "".join(self.alphabet[c] for c in codes[j] if c >= 0)
        return texts

    def steps(self, lines, rows: list[int], size: int) -> np.ndarray:
        """i64[size]: the number of steps of each line of a batch, 0 for padding."""
        width = np.array([lines[i].pixels.shape[1] for i in rows])
        return np.pad(-(-width // self.stride), (0, size - len(rows)))

    def batches(self, lines: Sequence[LineImage]):
        """`(rows, f32[b t c+1])`: indices of lines of similar width, log probabilities.

        b may exceed the number of rows.
        """
        order = np.argsort([line.pixels.shape[1] for line in lines], kind="stable")
        for start in range(0, len(order), BATCH):
            rows = order[start : start + BATCH].tolist()
            widest = max(lines[i].pixels.shape[1] for i in rows)
            width = next(UNIT * n for n in WIDTHS if widest <= UNIT * n)
            count = next(n for n in (1, 4, BATCH) if len(rows) <= n)
            image = np.zeros((count, line_height(self.spec), width), np.uint8)
            widths = np.zeros(count, np.int32)
            for j, i in enumerate(rows):
                widths[j] = lines[i].pixels.shape[1]
                image[j, :, : widths[j]] = lines[i].pixels
            inputs = {"image": image, "width": widths}
            logits = _logits(self.encoder, self.params, self.model_state, inputs)
            to_log_p = windows_to_ctc if self.windows else jax.nn.log_softmax
            yield rows, to_log_p(logits)


@partial(jax.jit, static_argnames="encoder")
def _logits(encoder, params, model_state, inputs):
    mask = jnp.ones(len(inputs["image"]), bool)
    return encoder.apply(params, model_state, inputs, mask, train=False)[0]


def widen_characters(reading: Reading, end: float) -> Reading:
    """A reading whose characters reach halfway to their neighbours.

    CTC locates the middle of a character: its peak is a few pixels wide. The first and
    the last reach equally far on both sides, within a picture that ends at column
    `end`.
    """
    if not reading.characters:
        return reading
    middle = [(c.x0 + c.x1) / 2 for c in reading.characters]
    edge = [(a + b) / 2 for a, b in pairwise(middle)]
    first, last = reading.characters[0], reading.characters[-1]
    side = max(last.x1 - last.x0, 2 * (middle[-1] - edge[-1]) if edge else 0) / 2
    left = max(0.0, 2 * middle[0] - edge[0] if edge else first.x0)
    edges = [min(left, middle[0]), *edge, max(middle[-1], min(end, middle[-1] + side))]
    characters = (
        c._replace(x0=round(a, 1), x1=round(b, 1))
        for c, (a, b) in zip(reading.characters, pairwise(edges), strict=True)
    )
    return reading._replace(characters=tuple(characters))


def from_stored(stored: StoredModel) -> LineReader:
    """The snapshot of a stored model, on the default device.

    InputError for an architecture that does not read lines.
    """
    if stored.spec.architecture not in ARCHITECTURES:
        raise InputError(
            f"The model's architecture is {stored.spec.architecture!r}, but lines need "
            f"one of {', '.join(ARCHITECTURES)}; use a model that `configs/lines.py` "
            f"trained."
        )
    params, model_state = jax.device_put((stored.encoder, stored.model_state))
    outputs = tuple(" " if n == SPACE else str(n) for n in stored.symbols.names)
    encoder = build_encoder(stored.spec)
    return LineReader(stored.spec, encoder, params, model_state, outputs)


# Models of single symbols, where blank columns separate the symbols

INK_THRESHOLD = 0.5
"""Ink of a column, in full pixels; a column with less is blank."""
WORD_GAP = 0.55
"""Blank columns between two words, in heights of a typical symbol."""
CANDIDATES = 8
"""Symbols considered for each segment."""
PADDING = 2
"""Blank pixels around a segment: a bar alone would have no contrast."""
OTHER_LOG_P = -14.0
"""Log probability of all other symbols."""


class Segments(NamedTuple):
    """A line split at blank columns."""

    left: np.ndarray
    """i64[n]: the first column of each segment."""
    right: np.ndarray
    """i64[n]: the column after its last."""
    drawings: list[np.ndarray]
    """u8[h w] each, ink high."""
    space: np.ndarray
    """bool[n]: whether a space comes before it."""


@dataclass(frozen=True)
class SymbolReader:
    """Reads by a model of single symbols; never changes, so threads may share it."""

    model: Recognizer

    @property
    def alphabet(self) -> tuple[str, ...]:
        """The text of each symbol by slot, and a space."""
        symbols = self.model.symbols
        texts = ("" if n is None else symbols.text(n) for n in symbols.names)
        return (*texts, " ")

    def prepare(self, picture: np.ndarray, where: str = "The picture") -> Segments:
        """u8[h w], ink high, split at blank columns; InputError for a blank picture."""
        ink = level_ink(picture, where)
        inked = np.concatenate([[False], ink.sum(0) > INK_THRESHOLD, [False]])
        left, right = np.flatnonzero(np.diff(inked)).reshape(-1, 2).T
        drawings = [_drawing(ink[:, a:b]) for a, b in zip(left, right, strict=True)]
        typical = np.median([max(d.shape) - 2 * PADDING for d in drawings])
        gap = np.append(0, left[1:] - right[:-1])
        return Segments(left, right, drawings, gap > WORD_GAP * typical)

    def read(
        self, lines: Sequence[Segments], language: LanguageModel | None = None
    ) -> list[Reading]:
        """The readings of prepared lines, in their order, by beam search."""
        return [self._one(line, language) for line in lines]

    def _one(self, line: Segments, language: LanguageModel | None) -> Reading:
        alphabet, slots = self.alphabet, self.model.symbols.slots_of
        unknown = [None] * len(line.drawings)
        answers = self.model.name_many(line.drawings, CANDIDATES, unknown)
        rows, left, right = [], [], []

        def step(log_p: dict[int, float], a: int, b: int) -> None:
            row = np.full(len(alphabet) + 1, OTHER_LOG_P, np.float32)
            row[list(log_p)] = list(log_p.values())
            # A step of pure blank after each symbol lets the next one be the same.
            rows.extend((row, np.append(np.full(len(alphabet), -np.inf), 0)))
            left.extend((a, b))
            right.extend((b, b))

        space = {len(alphabet) - 1: 0.0}
        for i, answer in enumerate(answers):
            if line.space[i]:
                step(space, int(line.right[i - 1]), int(line.left[i]))
            log_p = np.log(np.maximum(answer.probability, 1e-9))
            codes = (slots(name)[0] for name in answer.symbols)
            scores = dict(zip(codes, log_p.tolist(), strict=True))
            step(scores, int(line.left[i]), int(line.right[i]))
        size = 2 ** int(np.ceil(np.log2(len(rows))))  # few shapes are compiled
        log_p = np.zeros((1, size, len(alphabet) + 1), np.float32)
        log_p[0, : len(rows)] = rows
        columns = partial(_column, np.append(left, right[-1]))
        steps = np.array([len(rows)])
        return search(log_p, steps, alphabet, language, [columns])[0]


def _column(columns: np.ndarray, step: int) -> float:
    return float(columns[step])


def _drawing(ink: np.ndarray) -> np.ndarray:
    """f32[h w] cropped to its inked rows, as u8 with `PADDING`."""
    rows = np.flatnonzero(ink.max(1) > 0)
    drawing = np.rint(255 * ink[rows[0] : rows[-1] + 1]).astype(np.uint8)
    return np.pad(drawing, PADDING)


# Readers and language models by name

# `python benchmarks/lines.py --tune` chose these, on writers that no figure uses.
CHARACTER_WEIGHT, CHARACTER_BONUS = 0.55, 3.5
"""Weight of the character n-grams, and bonus for each character."""
WORD_WEIGHT, UNKNOWN_WORD = 0.15, -14.0
"""Weight of a language's words, and log probability of an unknown word."""
LEXICON_WEIGHT, LEXICON_BONUS = 0.3, 0.5
"""Weight of the words of a closed lexicon, and bonus for each character."""


def load_reader(model: str | Path | None = None) -> LineReader | SymbolReader:
    """The reader by a stored model; the default is the packaged one of English."""
    stored = load_model(model or TASK.packaged[0])
    if stored.spec.architecture in ARCHITECTURES:
        return from_stored(stored)
    return SymbolReader(recognizer(stored))


def load_language(
    reader: LineReader | SymbolReader,
    language: str | None = None,
    lexicon: str | None = None,
) -> LanguageModel:
    """The language model over a reader's alphabet.

    `language` names a language or a file of words, which are preferred; `lexicon` is a
    file of the only words allowed. Without either, all texts score the same.
    """
    alphabet = reader.alphabet
    if language:
        return language_from_words(load_words(language), alphabet)
    model = no_language(len(alphabet))
    if lexicon:
        model = with_words(model, load_lexicon(lexicon), alphabet, LEXICON_WEIGHT)
        log_p = model.log_p + np.float32(LEXICON_BONUS)
        return model._replace(log_p=log_p, weight=np.float32(1))
    return model


def language_from_words(
    words: Mapping[str, float], alphabet: Sequence[str]
) -> LanguageModel:
    """A language model of words and frequencies, with their character n-grams.

    Unknown words are allowed, and score by their characters.
    """
    model = with_characters(
        no_language(len(alphabet)),
        train(words),
        alphabet,
        CHARACTER_WEIGHT,
        CHARACTER_BONUS,
    )
    return with_words(model, words, alphabet, WORD_WEIGHT, UNKNOWN_WORD)
