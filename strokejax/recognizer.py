"""From ink or a picture to names: an immutable snapshot of a model, ready to answer."""

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
from strokejax.table.table import REJECT_ABOVE, Slots
from strokejax.types import Encoder, Ink, InputError, PyTree

MAX_BATCH = 128


@dataclass(frozen=True)
class Recognizer:
    """Answers from one version of a model; never changes, so threads may share it.

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
    """The novelty above which a drawing is unknown."""
    fast: bool = True
    """False: compiled sooner, answering later; see `load`."""

    @property
    def mode(self) -> str:
        """ "nn-sampling" or "argmax"."""
        return "nn-sampling" if self.spec.normalise else "argmax"

    def recognize(
        self,
        drawing: Ink | np.ndarray | Any,
        k: int = 5,
        usual_size: float | None = None,
    ) -> Answer:
        """The k nearest symbols of one `Ink`, or of a picture.

        A picture is an array [h w] or [h w 3] (u8, or floats 0 to 1) or a PIL image, of
        any size, dark on light or light on dark. `usual_size` is the longer side of the
        writer's usual letter in the ink's units. InputError for what cannot be used.
        """
        return self.recognize_many([drawing], k, usual_size)[0]

    def recognize_many(
        self, drawings: Sequence[Any], k: int = 5, usual_size: float | None = None
    ) -> list[Answer]:
        """`recognize` for many drawings of one hand at once, in their order."""
        seen = [*map(inputs.validate, drawings)]
        size = inputs.validate_size(usual_size, "the writer")
        return self.name_many(seen, k, [size] * len(seen))

    def name_many(
        self,
        drawings: Sequence[Ink | np.ndarray],
        k: int,
        usual_sizes: Sequence[float | None],
    ) -> list[Answer]:
        """`recognize` for `inputs.validate` drawings of many hands, in their order."""
        answers: dict[int, Answer] = {}
        for chosen, arrays in inputs.make_inputs(self.spec, drawings, usual_sizes):
            answers |= zip(chosen, self._named(arrays, k), strict=True)
        return [answers[i] for i in range(len(drawings))]

    def embed_many(
        self,
        drawings: Sequence[Ink | np.ndarray],
        usual_sizes: Sequence[float | None] | None = None,
    ) -> np.ndarray:
        """f32[n d]: embeddings of `inputs.validate` drawings."""
        z = np.zeros((len(drawings), self.spec.out_dim), np.float32)
        sizes = usual_sizes or [None] * len(drawings)
        for chosen, arrays in inputs.make_inputs(self.spec, drawings, sizes):
            z[chosen] = self.embed(arrays)
        return z

    def draw(
        self, packed: PackedInk, size: np.ndarray | None = None
    ) -> dict[str, np.ndarray]:
        """The network's inputs for many inks; see `inputs.draw`."""
        return inputs.draw(self.spec, packed, size)

    def names(self, slot: np.ndarray) -> np.ndarray:
        """str[n k]: slots by name, "" for -1."""
        return np.array([*(name or "" for name in self.symbols.names), ""])[slot]

    def embed(self, arrays: dict[str, np.ndarray]) -> np.ndarray:
        """f32[n d]: embeddings of inputs, of length 1; logits under a class head."""
        function = (
            knn.embed_compiled if self.fast else knn.jit_quick(knn.embed, "encoder")
        )
        weights = self.encoder, self.params, self.model_state
        (z,) = self._in_parts(arrays, lambda part: [function(*weights, part)])
        return z

    def ranked(self, arrays: dict[str, np.ndarray], k: int) -> Ranked:
        """The k nearest symbols of inputs, as numpy arrays."""
        if not 1 <= k <= 10_000:
            raise InputError(f"k is {k}; ask for 1 to 10,000 symbols.")
        forward = knn.forward_pass(self.fast)
        model = self.encoder, self.params, self.model_state, self.slots

        def call(part: dict[str, np.ndarray]) -> Ranked:
            return forward(*model, part, k, details=True)

        return Ranked(*self._in_parts(arrays, call))

    def _in_parts(self, arrays, call) -> list[np.ndarray]:
        """What `call` returns for parts of the inputs, joined; they run in threads."""
        count = len(next(iter(arrays.values())))
        step = _bucket(min(MAX_BATCH, -(-count // _workers())))

        def answer(start: int):
            part = {name: x[start : start + step] for name, x in arrays.items()}
            n = min(step, count - start)
            outputs = call({name: _padded(x, step) for name, x in part.items()})
            return [x[:n] for x in jax.device_get(outputs)]

        starts = range(0, count, step)
        if len(starts) == 1:
            return answer(0)
        parts = list(_pool().map(answer, starts))
        return [np.concatenate(x) for x in zip(*parts, strict=True)]

    def _named(self, arrays: dict[str, np.ndarray], k: int) -> list[Answer]:
        modalities = inputs.modalities(self.spec, arrays)
        return self.answers(self.ranked(arrays, k), modalities)

    def answers(
        self, ranked: Ranked, modalities: Sequence[tuple[str, ...]]
    ) -> list[Answer]:
        """Ranked slots as names; `modalities` says what was seen of each input."""
        named = []
        for (dist2, slot, probability, novelty), seen in zip(
            zip(*ranked, strict=True), modalities, strict=True
        ):
            n = int((slot >= 0).sum())
            names = tuple(str(self.symbols.names[i]) for i in slot[:n])
            distances = tuple(map(float, dist2[:n])) if self.spec.normalise else None
            shares = tuple(map(float, probability[:n]))
            reason = refusal(names, float(novelty), self.limit)
            named.append(Answer(names, distances, shares, seen, bool(reason), reason))
        return named


def load(
    model: str | Path | None = None,
    *,
    false_accepts: float | None = None,
    fast: bool = True,
    views: bool = False,
) -> Recognizer:
    """A stored model, ready to answer.

    `model` is the folder of a model or of a finished run, or the name of a packaged
    one, "nn-sampling" or "argmax"; the default is the user's own, which is the former
    until a symbol is registered. `false_accepts` (0 to 1) is the share of ink without
    meaning that may be named; without it, `REJECT_ABOVE` decides. Without `fast` the
    first answer comes earlier and the following ones later: right for a handful.
    With `views` each drawing is seen nine times, a little turned and slanted, and the
    mean embedding counts: nine times slower, and a little better on pictures.
    """
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
    """The snapshot of a stored model, on the default device; see `load`.

    `encoder` is the network of a model that sees no single drawings; the others' is
    built here. InputError where it is missing.
    """
    limit = REJECT_ABOVE if false_accepts is None else stored.limit_for(false_accepts)
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
    more = stored.symbols, stored.version, limit, fast
    return Recognizer(stored.spec, encoder, params, model_state, slots, *more)


def with_table(stored: StoredModel) -> StoredModel:
    """The model; InputError for a class head, which learns no symbols."""
    if stored.mode == "argmax":
        raise InputError(
            "A class head has no table to register a symbol in; use a model of mode "
            "nn-sampling."
        )
    return stored


def _workers() -> int:
    """Threads that answer side by side: small convolutions leave a CPU's cores idle."""
    return (os.cpu_count() or 1) if jax.default_backend() == "cpu" else 1


@cache
def _pool() -> ThreadPoolExecutor:
    """Their threads, kept: new ones for each call would cost a millisecond."""
    return ThreadPoolExecutor(_workers())


def _bucket(n: int) -> int:
    """Batches of 1, 4, 8, 16, 64 or 128, so that few shapes are compiled."""
    return next(size for size in (1, 4, 8, 16, 64, MAX_BATCH) if n <= size)


def _padded(x: np.ndarray, n: int) -> np.ndarray:
    return np.concatenate([x, np.zeros((n - len(x), *x.shape[1:]), x.dtype)])
