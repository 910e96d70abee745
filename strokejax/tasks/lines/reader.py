"""From pictures of lines to texts: an immutable snapshot of a model that reads."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from strokejax.networks.spec import (
    LINES,
    WINDOWS,
    EncoderSpec,
    build_encoder,
    line_height,
)
from strokejax.pictures.lines import (
    LineImage,
    level_ink,
    normalise_line,
    published_size,
)
from strokejax.recognizer import Recognizer
from strokejax.recognizer import from_stored as recognizer
from strokejax.search.character_model import load_lexicon, load_words, train
from strokejax.search.ctc import greedy
from strokejax.search.language import Guide, no_guide, with_characters, with_words
from strokejax.store.model import StoredModel, load_model
from strokejax.store.paths import READER
from strokejax.table.symbols import SPACE
from strokejax.tasks.lines.decode import Reading, search
from strokejax.tasks.lines.emnist_lines import SIZE, SPECIAL
from strokejax.tasks.lines.network import STRIDE, as_ctc
from strokejax.types import Encoder, InputError, PyTree

BATCH = 16
UNIT = 112
WIDTHS = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 64, 128)
"""Lines are padded to one of these, times `UNIT`, so that few shapes are compiled."""


@dataclass(frozen=True)
class LineReader:
    """Reads by one version of a model; never changes, so threads may share it."""

    spec: EncoderSpec
    encoder: Encoder
    params: PyTree
    model_state: PyTree
    outputs: tuple[str, ...]
    """Of the network; CTC's blank, the last, has no name."""

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
        """Pixels of a line for each of the steps that are searched."""
        return SIZE // 2 if self.windows else STRIDE

    def prepare(self, picture: np.ndarray, where: str = "The picture") -> LineImage:
        """u8[h w], ink high, as it reads lines; see `normalise_line`."""
        if self.windows:
            return published_size(picture, where)
        return normalise_line(picture, where)

    def logits(self, inputs: dict[str, np.ndarray]) -> np.ndarray:
        """f32[b t outputs] of a batch, as the network gives them."""
        return np.asarray(_logits(self.encoder, self.params, self.model_state, inputs))

    def read(
        self, lines: Sequence[LineImage], guide: Guide | None = None
    ) -> list[Reading]:
        """The texts of prepared lines, in their order."""
        found: dict[int, Reading] = {}
        for rows, log_p in self.batches(lines):
            steps = self.steps(lines, rows, len(log_p))
            columns = [partial(self._column, lines[i]) for i in rows]
            read = search(log_p, steps, self.alphabet, guide, columns)
            if not self.windows:
                ends = [lines[i].column(lines[i].pixels.shape[1]) for i in rows]
                read = [*map(widened, read, ends)]
            found |= zip(rows, read, strict=True)
        return [found[i] for i in range(len(lines))]

    def _column(self, line: LineImage, step: int) -> float:
        return line.column(self.stride * step)

    def read_greedily(self, lines: Sequence[LineImage]) -> list[str]:
        """The most probable character of each step, collapsed."""
        found = [""] * len(lines)
        for rows, log_p in self.batches(lines):
            steps = self.steps(lines, rows, len(log_p))
            text = np.asarray(greedy(log_p, jnp.asarray(steps), log_p.shape[1] // 2))
            for j, i in enumerate(rows):
                found[i] = "".join(self.alphabet[c] for c in text[j] if c >= 0)
        return found

    def steps(self, lines, rows: list[int], size: int) -> np.ndarray:
        """i64[size]: of each line of a batch."""
        width = np.array([lines[i].pixels.shape[1] for i in rows])
        return np.pad(-(-width // self.stride), (0, size - len(rows)))

    def batches(self, lines: Sequence[LineImage]):
        """Rows of lines of like width, and f32[b t c+1]; b may be larger."""
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
            yield rows, as_ctc(logits) if self.windows else jax.nn.log_softmax(logits)


def widened(reading: Reading, end: float) -> Reading:
    """With characters that reach halfway to their neighbours.

    CTC tells a character's middle: its peak is a few pixels wide. The first and the
    last reach as far on both sides, within a picture that ends at column `end`.
    """
    if not reading.characters:
        return reading
    middle = [(c.x0 + c.x1) / 2 for c in reading.characters]
    edge = [(a + b) / 2 for a, b in pairwise(middle)]
    first, last = reading.characters[0], reading.characters[-1]
    side = max(last.x1 - last.x0, 2 * (middle[-1] - edge[-1]) if edge else 0) / 2
    left = max(0.0, 2 * middle[0] - edge[0] if edge else first.x0)
    edges = [min(left, middle[0]), *edge, max(middle[-1], min(end, middle[-1] + side))]
    placed = (
        c._replace(x0=round(a, 1), x1=round(b, 1))
        for c, (a, b) in zip(reading.characters, pairwise(edges), strict=True)
    )
    return reading._replace(characters=tuple(placed))


@partial(jax.jit, static_argnames="encoder")
def _logits(encoder, params, model_state, inputs):
    mask = jnp.ones(len(inputs["image"]), bool)
    return encoder.apply(params, model_state, inputs, mask, train=False)[0]


def from_stored(stored: StoredModel) -> LineReader:
    """The snapshot of a stored model, on the default device."""
    if stored.spec.architecture not in LINES:
        raise InputError(
            f"The model names single symbols ({stored.spec.architecture}); to read "
            f"lines, use one that `configs/lines.py` trained."
        )
    params, model_state = jax.device_put((stored.encoder, stored.model_state))
    outputs = tuple(" " if n == SPACE else str(n) for n in stored.symbols.names)
    encoder = build_encoder(stored.spec)
    return LineReader(stored.spec, encoder, params, model_state, outputs)


# Lines read symbol by symbol, where blank columns part them.


INK = 0.5
"""Of a column, in pixels of full ink: below it is blank."""
WORD_GAP = 0.55
"""Blank columns between two words, in heights of a usual symbol."""
NEAREST = 8
"""Symbols that a piece may be."""
PAPER = 2
"""Blank pixels around a piece: a bar alone would be without contrast."""
NEVER = -14.0
"""Log probability of all others."""


class Pieces(NamedTuple):
    """A line cut at blank columns."""

    left: np.ndarray
    """i64[n]: where each piece begins in the picture."""
    right: np.ndarray
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
        """What each symbol types, by slot, and a space."""
        symbols = self.model.symbols
        typed = ("" if n is None else symbols.text(n) for n in symbols.names)
        return (*typed, " ")

    def prepare(self, picture: np.ndarray, where: str = "The picture") -> Pieces:
        """u8[h w], ink high, cut at blank columns; InputError for a blank picture."""
        ink = level_ink(picture, where)
        inked = np.concatenate([[False], ink.sum(0) > INK, [False]])
        left, right = np.flatnonzero(np.diff(inked)).reshape(-1, 2).T
        drawings = [_drawing(ink[:, a:b]) for a, b in zip(left, right, strict=True)]
        usual = np.median([max(each.shape) - 2 * PAPER for each in drawings])
        gap = np.append(0, left[1:] - right[:-1])
        return Pieces(left, right, drawings, gap > WORD_GAP * usual)

    def read(
        self, lines: Sequence[Pieces], guide: Guide | None = None
    ) -> list[Reading]:
        """The texts of prepared lines, in their order."""
        return [self._one(line, guide) for line in lines]

    def _one(self, line: Pieces, guide: Guide | None) -> Reading:
        alphabet, slots = self.alphabet, self.model.symbols.slots_of
        unknown = [None] * len(line.drawings)
        answers = self.model.name_many(line.drawings, NEAREST, unknown)
        rows, left, right = [], [], []

        def step(log_p: dict[int, float], a: int, b: int) -> None:
            row = np.full(len(alphabet) + 1, NEVER, np.float32)
            row[list(log_p)] = list(log_p.values())
            # A step of the blank alone lets a symbol stand twice.
            rows.extend((row, np.append(np.full(len(alphabet), -np.inf), 0)))
            left.extend((a, b))
            right.extend((b, b))

        blank = {len(alphabet) - 1: 0.0}
        for i, answer in enumerate(answers):
            if line.space[i]:
                step(blank, int(line.right[i - 1]), int(line.left[i]))
            log_p = np.log(np.maximum(answer.probability, 1e-9))
            codes = (slots(name)[0] for name in answer.symbols)
            found = dict(zip(codes, log_p.tolist(), strict=True))
            step(found, int(line.left[i]), int(line.right[i]))
        size = 2 ** int(np.ceil(np.log2(len(rows))))  # few shapes are compiled
        log_p = np.zeros((1, size, len(alphabet) + 1), np.float32)
        log_p[0, : len(rows)] = rows
        places = np.append(left, right[-1])
        steps = np.array([len(rows)])
        at = partial(_place, places)
        return search(log_p, steps, alphabet, guide, [at])[0]


def _place(places: np.ndarray, step: int) -> float:
    return float(places[step])


def _drawing(ink: np.ndarray) -> np.ndarray:
    rows = np.flatnonzero(ink.max(1) > 0)
    drawn = np.rint(255 * ink[rows[0] : rows[-1] + 1]).astype(np.uint8)
    return np.pad(drawn, PAPER)


# Models that read lines, by what is stored: of lines, or of single symbols.


ONE = np.float32(1)
LANGUAGE, BONUS = 0.55, 3.5
"""Weight of a character model beside what is seen, and what it gives each character."""
WORDS, UNKNOWN = 0.15, -14.0
"""Weight of a language's words, and the log probability of one that is not listed."""
LEXICON, LONGER = 0.3, 0.5
"""Of words that alone may be read, and what each character adds. All were chosen by
`python benchmarks/lines.py --tune`, on writers that no figure is of."""


def load_reader(model: str | Path | None = None) -> LineReader | SymbolReader:
    """What reads by a stored model; the default is the packaged reader of English."""
    stored = load_model(model or READER)
    if stored.spec.architecture in LINES:
        return from_stored(stored)
    return SymbolReader(recognizer(stored))


def guide_of(
    reader: LineReader | SymbolReader,
    language: str | None = None,
    lexicon: str | None = None,
) -> Guide:
    """What a language's words look like, or a file's words alone, or no guide."""
    alphabet = reader.alphabet
    guide = no_guide(len(alphabet))
    if language:
        return of_words(load_words(language), alphabet)
    if lexicon:
        guide = with_words(guide, load_lexicon(lexicon), alphabet, LEXICON)
        return guide._replace(log_p=guide.log_p + np.float32(LONGER), weight=ONE)
    return guide


def of_words(words: Mapping[str, float], alphabet: Sequence[str]) -> Guide:
    """A guide that prefers words, and among others those that look like them."""
    guide = with_characters(
        no_guide(len(alphabet)), train(words), alphabet, LANGUAGE, BONUS
    )
    return with_words(guide, words, alphabet, WORDS, UNKNOWN)
