"""From pictures of lines to texts: an immutable snapshot of a model that reads."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise

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
from strokejax.pictures.lines import LineImage, normalise_line, published_size
from strokejax.search.ctc import greedy
from strokejax.search.language import Guide
from strokejax.store.model import StoredModel
from strokejax.table.symbols import SPACE
from strokejax.tasks.lines.decode import Reading, search
from strokejax.tasks.lines.emnist_lines_published import SIZE, SPECIAL
from strokejax.tasks.lines.network import STRIDE
from strokejax.tasks.lines.network_windows import as_ctc
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
