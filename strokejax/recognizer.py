"""From ink or a picture to names: an immutable snapshot of a model, ready to answer."""

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from strokejax.ink.formats import PackedInk, pack, unpack
from strokejax.ink.images import normalise_image, to_ink_image
from strokejax.ink.limits import check_ink
from strokejax.ink.raster import rasterize_binary
from strokejax.ink.resample import resample
from strokejax.knn import best, nearest
from strokejax.model_store import StoredModel, load_model
from strokejax.models.build import EncoderSpec, build_inference
from strokejax.symbols import SymbolTable
from strokejax.table import Slots, table_logits
from strokejax.types import Encoder, Ink, InputError, PyTree

MAX_BATCH = 128
POINTS = 64


class Answer(NamedTuple):
    """The nearest symbols of one drawing, best first."""

    symbols: tuple[str, ...]
    dist2: tuple[float, ...] | None
    """Squared distances, 0 to 4; None under a class head."""
    probability: tuple[float, ...]
    """Of each among all symbols of the model."""
    inputs: tuple[str, ...]
    """What was seen of the drawing: "shape"."""


@dataclass(frozen=True)
class Recognizer:
    """Answers from one version of a model; never changes, so threads may share it."""

    spec: EncoderSpec
    encoder: Encoder
    params: PyTree
    """`{"encoder": ..., "table": ...}` on the device."""
    model_state: PyTree
    slots: Slots
    symbols: SymbolTable
    version: int
    fast: bool = True
    """False: compiled sooner, answering later; see `load`."""

    @property
    def mode(self) -> str:
        """ "nn-sampling" or "argmax"."""
        return "nn-sampling" if self.spec.normalise else "argmax"

    def recognize(self, drawing: Ink | np.ndarray | Any, k: int = 5) -> Answer:
        """The k nearest symbols of one `Ink`, or of a picture.

        A picture is an array [h w] or [h w 3] (u8, or floats 0 to 1) or a PIL image, of
        any size, dark on light or light on dark. InputError for what cannot be used.
        """
        return self.recognize_many([drawing], k)[0]

    def recognize_many(self, drawings: Sequence[Any], k: int = 5) -> list[Answer]:
        """`recognize` for many drawings at once, in their order."""
        inputs = [self.prepare(drawing) for drawing in drawings]
        answers: dict[int, Answer] = {}
        for kind in ("points", "image"):
            chosen = [i for i, each in enumerate(inputs) if kind in each]
            if chosen:
                rows = {kind: np.concatenate([inputs[i][kind] for i in chosen])}
                answers |= zip(chosen, self._named(rows, k), strict=True)
        return [answers[i] for i in range(len(drawings))]

    def prepare(self, drawing: Ink | np.ndarray | Any) -> dict[str, np.ndarray]:
        """The network's input for one drawing: "points" [1 p 3] or "image" [1 h w]."""
        if isinstance(drawing, Ink):
            return self.draw(pack([check_ink(drawing, "the ink")]))
        grey = to_ink_image(np.asarray(drawing), "the picture")
        image = normalise_image(grey, **self.spec.raster)
        return {"image": np.rint(255 * image).astype(np.uint8)[None]}

    def draw(self, packed: PackedInk) -> dict[str, np.ndarray]:
        """The network's inputs for many inks.

        "points" f32[n p 3], which the network draws anti-aliased, or "image" u8[n h w]
        where the model's pictures follow the published rule.
        """
        if not self.spec.binary:
            return {"points": resample(packed, POINTS)}
        size, n = self.spec.size, len(packed.sample_start) - 1
        images = np.zeros((n, size, size), np.uint8)
        for start in range(0, n, MAX_BATCH):
            inks = (unpack(packed, i) for i in range(n)[start : start + MAX_BATCH])
            drawings = [ink.strokes for ink in inks]
            drawn = rasterize_binary(drawings, size=size, margin=self.spec.margin)
            images[start : start + MAX_BATCH] = 255 * np.asarray(drawn)
        return {"image": images}

    def names(self, slot: np.ndarray) -> np.ndarray:
        """str[n k]: slots by name, "" for -1."""
        return np.array([*(name or "" for name in self.symbols.names), ""])[slot]

    def ranked(
        self, inputs: dict[str, np.ndarray], k: int
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """`(slot i32[n k], dist2 f32[n k], probability f32[n k])` of inputs."""
        if not 1 <= k <= 10_000:
            raise InputError(f"k is {k}; ask for 1 to 10,000 symbols.")
        count = len(next(iter(inputs.values())))
        compiled = _answer if self.fast else _first_answer()
        step = _bucket(min(MAX_BATCH, -(-count // _workers())))

        def answer(start: int):
            part = {name: x[start : start + step] for name, x in inputs.items()}
            n = min(step, count - start)
            padded = {name: _padded(x, step) for name, x in part.items()}
            found = compiled(
                self.encoder, self.params, self.model_state, self.slots, padded, k
            )
            return [x[:n] for x in jax.device_get(found)]

        starts = range(0, count, step)
        if len(starts) == 1:
            parts = [answer(0)]
        else:
            with ThreadPoolExecutor(_workers()) as pool:
                parts = list(pool.map(answer, starts))
        slot, dist2, probability = (np.concatenate(x) for x in zip(*parts, strict=True))
        return slot, dist2, probability

    def _named(self, inputs: dict[str, np.ndarray], k: int) -> list[Answer]:
        answers = []
        for slot, dist2, probability in zip(*self.ranked(inputs, k), strict=True):
            n = int((slot >= 0).sum())
            names = tuple(self.names(slot[:n]).tolist())
            distances = tuple(map(float, dist2[:n])) if self.spec.normalise else None
            answers.append(
                Answer(names, distances, tuple(map(float, probability[:n])), ("shape",))
            )
        return answers


def load(model: str | Path | None = None, *, fast: bool = True) -> Recognizer:
    """A stored model, ready to answer.

    `model` is the folder of a model or of a finished run, or the name of a packaged
    one: "nn-sampling" (the default) or "argmax". Without `fast` the first answer comes
    earlier and the following ones later: right for a handful of drawings.
    """
    return from_stored(load_model(model), fast=fast)


def from_stored(stored: StoredModel, *, fast: bool = True) -> Recognizer:
    """The snapshot of a stored model, on the default device."""
    encoder, network, model_state = build_inference(
        stored.spec, stored.encoder, stored.model_state, fast=fast
    )
    params = {"encoder": network, "table": stored.table}
    params, model_state, slots = jax.device_put((params, model_state, stored.slots))
    return Recognizer(
        stored.spec,
        encoder,
        params,
        model_state,
        slots,
        stored.symbols,
        stored.version,
        fast,
    )


def _answer_with(encoder, params, model_state, slots, inputs, k):
    """Slots, squared distances (inf under a class head), probabilities of the best."""
    mask = jnp.ones(jax.tree.leaves(inputs)[0].shape[0], bool)
    out, _ = encoder.apply(params["encoder"], model_state, inputs, mask, train=False)
    if params["table"]:
        dist2, slot = nearest(out, params["table"], slots, k)
        out = table_logits(params["table"], out)
    logits = jnp.where(slots.active, out, -jnp.inf)
    if not params["table"]:
        _, slot = best(logits, k)
        dist2 = jnp.full(slot.shape, jnp.inf)
    share = jnp.take_along_axis(jax.nn.softmax(logits), jnp.maximum(slot, 0), axis=1)
    return slot, dist2, jnp.where(slot < 0, 0.0, share)


_STATIC = ("encoder", "k")
_answer = jax.jit(_answer_with, static_argnames=_STATIC)


@cache
def _first_answer():
    """`_answer` compiled in half the time, where XLA still has the switch for it."""
    options = {}
    if jax.default_backend() == "cpu" and jax.__version_info__ < (0, 11):
        options = {"xla_cpu_use_fusion_emitters": False}
    return jax.jit(_answer_with, static_argnames=_STATIC, compiler_options=options)


def _workers() -> int:
    """Threads that answer side by side: small convolutions leave a CPU's cores idle."""
    return (os.cpu_count() or 1) if jax.default_backend() == "cpu" else 1


def _bucket(n: int) -> int:
    """Batches of 1, 4, 16, 64 or 128, so that few shapes are compiled."""
    return next(size for size in (1, 4, 16, 64, MAX_BATCH) if n <= size)


def _padded(x: np.ndarray, n: int) -> np.ndarray:
    return np.concatenate([x, np.zeros((n - len(x), *x.shape[1:]), x.dtype)])
