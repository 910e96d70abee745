"""`Recognizer`: an immutable snapshot of a model that names ink and pictures."""

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import jax
import numpy as np

from strokejax.ink.packed import PackedInk
from strokejax.networks import inputs
from strokejax.networks.spec import EncoderSpec, build_inference
from strokejax.store.model import StoredModel, load_model
from strokejax.table import knn
from strokejax.table.knn import Answer, Ranked
from strokejax.table.rejection import refusal
from strokejax.table.symbols import SymbolTable
from strokejax.table.table import REJECT_ABOVE, Slots, pad_rows
from strokejax.types import Encoder, Ink, InputError, PyTree

MAX_BATCH = 128
"""Inputs of one forward pass; larger batches are split."""


@dataclass(frozen=True)
class Recognizer:
    """One version of a model; immutable, so threads may share it.

    >>> import numpy as np, strokejax
    >>> model = strokejax.load()
    >>> isinstance(model, strokejax.Recognizer), model.mode, len(model.symbols)
    (True, 'nn-sampling', 63)
    """

    spec: EncoderSpec
    encoder: Encoder
    params: PyTree
    """`{"encoder": ..., "table": ...}` on the device."""
    model_state: PyTree
    slots: Slots
    symbols: SymbolTable
    version: int
    limit: float = REJECT_ABOVE
    """The novelty threshold: a drawing above it is unknown."""
    fast: bool = True
    """False compiles faster and answers slower; see `strokejax.load`."""

    def __repr__(self) -> str:
        name, n = self.spec.architecture, len(self.symbols)
        kind = type(self).__name__
        return f"<{kind} {self.mode} ({name}), {n} symbols, version {self.version}>"

    @property
    def mode(self) -> str:
        """ "nn-sampling" or "argmax"."""
        return "nn-sampling" if self.spec.normalise else "argmax"

    def recognize(
        self,
        drawing: Ink | np.ndarray | Any,
        k: int = 5,
        reference_size: float | None = None,
    ) -> Answer:
        """The k nearest symbols of one `Ink` or picture.

        A picture is an array [h w] or [h w 3] (u8, or floats 0 to 1) or a PIL image of
        any size, dark on light or light on dark. `reference_size` is the longer side of
        the writer's typical letter in the ink's units. InputError for invalid drawings,
        sizes and k.
        """
        return self.recognize_many([drawing], k, reference_size)[0]

    def recognize_many(
        self, drawings: Sequence[Any], k: int = 5, reference_size: float | None = None
    ) -> list[Answer]:
        """`recognize` for many drawings of one writer, in their order."""
        valid = [*map(inputs.validate, drawings)]
        size = inputs.validate_size(reference_size, "the writer")
        return self.name_many(valid, k, [size] * len(valid))

    def name_many(
        self,
        drawings: Sequence[Ink | np.ndarray],
        k: int,
        reference_sizes: Sequence[float | None],
    ) -> list[Answer]:
        """`recognize` for validated drawings of many writers, in their order."""
        answers: dict[int, Answer] = {}
        for indices, arrays in inputs.make_inputs(self.spec, drawings, reference_sizes):
            modalities = inputs.modalities(self.spec, arrays)
            named = self.answers(self.ranked(arrays, k), modalities)
            answers |= zip(indices, named, strict=True)
        return [answers[i] for i in range(len(drawings))]

    def embed_many(
        self,
        drawings: Sequence[Ink | np.ndarray],
        reference_sizes: Sequence[float | None] | None = None,
    ) -> np.ndarray:
        """f32[n d]: embeddings of validated drawings."""
        z = np.zeros((len(drawings), self.spec.out_dim), np.float32)
        sizes = reference_sizes or [None] * len(drawings)
        for indices, arrays in inputs.make_inputs(self.spec, drawings, sizes):
            z[indices] = self.embed(arrays)
        return z

    def draw(
        self, packed: PackedInk, size: np.ndarray | None = None
    ) -> dict[str, np.ndarray]:
        """The inputs of the network for many inks; see `inputs.draw`."""
        return inputs.draw(self.spec, packed, size)

    def names(self, slot: np.ndarray) -> np.ndarray:
        """str[n k]: the names of slots, "" for -1."""
        return np.array([*(name or "" for name in self.symbols.names), ""])[slot]

    def embed(self, arrays: dict[str, np.ndarray]) -> np.ndarray:
        """f32[n d]: unit embeddings of inputs, or the logits of a class head."""
        function = (
            knn.embed_compiled if self.fast else knn.jit_quick(knn.embed, "encoder")
        )
        weights = self.encoder, self.params, self.model_state
        (z,) = self._in_parts(arrays, lambda part: [function(*weights, part)])
        return z

    def ranked(self, arrays: dict[str, np.ndarray], k: int) -> Ranked:
        """The k nearest symbols of each input, as numpy arrays."""
        if not 1 <= k <= 10_000:
            raise InputError(f"k is {k}; ask for 1 to 10,000 symbols.")
        forward = knn.forward_pass(self.fast)
        model = self.encoder, self.params, self.model_state, self.slots

        def call(part: dict[str, np.ndarray]) -> Ranked:
            return forward(*model, part, k, details=True)

        return Ranked(*self._in_parts(arrays, call))

    def _in_parts(self, arrays, call) -> list[np.ndarray]:
        """Applies `call` to parts of the inputs in threads, and joins the results."""
        count = len(next(iter(arrays.values())))
        step = _bucket(min(MAX_BATCH, -(-count // _workers())))

        def run(start: int):
            part = {name: x[start : start + step] for name, x in arrays.items()}
            n = min(step, count - start)
            if n < step:
                part = {name: pad_rows(x, step) for name, x in part.items()}
            outputs = call(part)
            return [x[:n] for x in jax.device_get(outputs)]

        starts = range(0, count, step)
        if len(starts) == 1:
            return run(0)
        parts = list(_pool().map(run, starts))
        return [np.concatenate(x) for x in zip(*parts, strict=True)]

    def answers(
        self, ranked: Ranked, modalities: Sequence[tuple[str, ...]]
    ) -> list[Answer]:
        """Answers from ranked slots; `modalities` are those used of each input."""
        answers = []
        for (dist2, slot, probability, novelty), used in zip(
            zip(*ranked, strict=True), modalities, strict=True
        ):
            n = int((slot >= 0).sum())
            names = tuple(str(self.symbols.names[i]) for i in slot[:n])
            distances = tuple(map(float, dist2[:n])) if self.spec.normalise else None
            shares = tuple(map(float, probability[:n]))
            reason = refusal(names, float(novelty), self.limit)
            answers.append(Answer(names, distances, shares, used, bool(reason), reason))
        return answers


def load(
    model: str | Path | None = None,
    *,
    false_accepts: float | None = None,
    fast: bool = True,
    views: bool = False,
) -> Recognizer:
    """The `Recognizer` of a stored model; takes the arguments of `strokejax.load`."""
    stored = load_model(model)
    return from_stored(stored, false_accepts=false_accepts, fast=fast, views=views)


def from_stored(
    stored: StoredModel,
    *,
    false_accepts: float | None = None,
    fast: bool = True,
    views: bool = False,
    encoder: Encoder | None = None,
) -> Recognizer:
    """The snapshot of a stored model, on the default device; see `strokejax.load`.

    `encoder` replaces the network that `build_inference` builds for single drawings;
    models with other inputs need it. InputError if it is missing.
    """
    limit = REJECT_ABOVE
    if false_accepts is not None:
        limit = stored.threshold_for(false_accepts)
    network, model_state = stored.encoder, stored.model_state
    if encoder is None:
        encoder, network, model_state = build_inference(
            stored.spec, network, model_state, fast=fast
        )
    if views:
        from strokejax.networks.views import averaged

        encoder = averaged(encoder, normalise=stored.spec.normalise)
    params = {"encoder": network, "table": stored.table}
    params, model_state, slots = jax.device_put((params, model_state, stored.slots))
    rest = stored.symbols, stored.version, limit, fast
    return Recognizer(stored.spec, encoder, params, model_state, slots, *rest)


def require_table(stored: StoredModel) -> StoredModel:
    """Returns the model; InputError for a class head, which has no table."""
    if stored.mode == "argmax":
        raise InputError(
            "A class head cannot learn symbols, because it has no table; use a model "
            "of mode nn-sampling."
        )
    return stored


def _workers() -> int:
    """The number of threads; small convolutions alone leave the cores of a CPU idle."""
    return (os.cpu_count() or 1) if jax.default_backend() == "cpu" else 1


@cache
def _pool() -> ThreadPoolExecutor:
    """Threads for all calls: starting new ones for each would take a millisecond."""
    return ThreadPoolExecutor(_workers())


def _bucket(n: int) -> int:
    """Rounds a batch size up to one of six, so that few shapes are compiled."""
    return next(size for size in (1, 4, 8, 16, 64, MAX_BATCH) if n <= size)
