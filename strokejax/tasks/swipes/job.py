"""What the job "swipe" trains: network, swipes and loss."""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax

from strokejax.config import Config
from strokejax.networks.spec import EncoderSpec, build_encoder
from strokejax.search import ctc
from strokejax.search.character_model import words_of
from strokejax.store.model import load_model
from strokejax.tasks.swipes.batches import Board, boards_of, swipe_batches
from strokejax.tasks.swipes.batches_swipe_masks import masked
from strokejax.tasks.swipes.batches_swipe_records import record_batches, recorded
from strokejax.tasks.swipes.data import Swipe
from strokejax.tasks.swipes.layouts import Layout, layout
from strokejax.tasks.swipes.synthesis import POINTS
from strokejax.tasks.swipes.typist import letters_of
from strokejax.types import Batch, Encoder, InputError, PyTree

SEED_OF_VALID = 1 << 20
IMPOSSIBLE = -1e9
"""The logit of a letter by which no word goes on."""


class Setup(NamedTuple):
    """What a job is made of, before any step."""

    spec: EncoderSpec
    encoder: Encoder
    params: PyTree
    letters: tuple[str, ...]
    keys: Layout
    """The first layout, which evaluations type on."""
    words: dict[str, float]
    boards: list[tuple[Board, float, bool]]
    """Layouts that synthetic swipes are made on."""
    records: list[Swipe]
    """Recorded swipes to train on; none where synthetic ones are."""
    valid: Batch
    """Swipes on the first layout that training never sees."""


def prepare(config: Config) -> Setup:
    """Data and network as the config wants them, warm-started where it says so."""
    words = words_of(config.swipe.words)
    letters, boards = boards_of(config.swipe.layouts, words)
    spec = EncoderSpec(
        architecture=config.model.name,
        out_dim=len(letters) + 1,
        normalise=False,
        features=config.features.name,
    )
    encoder = build_encoder(spec, dropout=config.model.dropout)
    first = layout(config.swipe.layouts.split(",")[0].partition("=")[0].strip())
    records: list[Swipe] = []
    if config.data.name == "swipes":
        if not config.data.root:
            raise InputError(
                "config.data.name='swipes' wants config.data.root, a file of swipes."
            )
        records, held_out = recorded(config.data.root, first)
        size = min(len(held_out), config.swipe.valid)
        valid = record_batches(held_out, first, letters, size, seed=0, plain=True)(0)
    else:
        own = [(boards[0][0], 1.0, False)]
        seed, size = config.seed + SEED_OF_VALID, config.swipe.valid
        valid = swipe_batches(own, len(letters), size, seed=seed, invented=0.0)(0)
    example = {name: leaf[:2] for name, leaf in valid.inputs.items()}
    network, _ = jax.jit(encoder.init)(jax.random.key(config.seed), example)
    if config.model.init != "none":
        network = _warm(config, spec, letters, network)
    params = {"encoder": network, "table": {}}
    return Setup(spec, encoder, params, letters, first, words, boards, records, valid)


def _warm(config: Config, spec: EncoderSpec, letters: tuple[str, ...], network: PyTree):
    """Weights of a stored model of the same kind; of its letters those of the same
    names."""
    stored = load_model(config.model.init)
    old = letters_of(stored)
    if stored.spec._replace(out_dim=0) != spec._replace(out_dim=0):
        raise InputError(
            f"The model {config.model.init} is a {stored.spec.architecture} that sees "
            f"{stored.spec.features!r}; set config.model.name and config.features.name "
            f"to these, or config.model.init='none'."
        )
    if old == letters:
        return jax.tree.map(jnp.asarray, stored.encoder)
    number = {letter: i for i, letter in enumerate(old)}
    mine = [(i, number[c]) for i, c in enumerate(letters) if c in number]
    ends = [(len(letters) + i, len(old) + i) for i in (0, 1)]

    def moved(new: jax.Array, known: jax.Array) -> jax.Array:
        """Letters lie along the one axis whose length differs."""
        known = jnp.asarray(known)
        if new.shape == known.shape:
            return known
        axis = next(i for i, n in enumerate(new.shape) if n != known.shape[i])
        pairs = [p for p in (*mine, *ends) if p[0] < new.shape[axis]]
        to, of = map(jnp.array, zip(*pairs, strict=True))
        taken = jnp.take(known, of, axis)
        return jnp.moveaxis(
            jnp.moveaxis(new, axis, 0).at[to].set(jnp.moveaxis(taken, axis, 0)), 0, axis
        )

    return jax.tree.map(moved, network, stored.encoder)


def batches(config: Config, setup: Setup, rows: slice) -> Callable[[int], Batch]:
    """This process's rows of global batches, by step."""
    size, seed, end = config.loop.batch_size, config.seed, len(setup.letters)
    if setup.records:
        at = record_batches(
            setup.records, setup.keys, setup.letters, size, seed=seed, rows=rows
        )
    else:
        at = swipe_batches(setup.boards, end, size, seed=seed, rows=rows)
    return masked(at, setup.boards, end) if config.swipe.mask else at


def measure_by(config: Config, end: int) -> Callable:
    """The loss of logits and who was right, for `make_step`."""
    smoothing, align = config.loss.label_smoothing, config.swipe.align
    return partial(measured, end=end, smoothing=smoothing, align=align)


def measured(
    table: PyTree,
    out: dict[str, jax.Array],
    batch: Batch,
    *,
    end: int,
    smoothing: float,
    align: float,
) -> tuple[jax.Array, jax.Array]:
    """Nats a letter, given those before; right are words without an error.

    With `align` times what it costs to read the letters from the points alone: the
    encoder learns sooner where letters are (S. Watanabe et al., 2017).
    """
    logits, labels = out["write"], batch.labels
    there = (labels >= 0) & batch.mask[:, None]
    wanted = jax.nn.one_hot(labels, end + 1)
    allowed = batch.inputs.get("allowed", jnp.ones(logits.shape, bool))
    logits = jnp.where(allowed, logits, IMPOSSIBLE)
    even = allowed / allowed.sum(-1, keepdims=True)
    wanted = (1 - smoothing) * wanted + smoothing * even
    nats = optax.softmax_cross_entropy(logits, wanted)
    loss = jnp.sum(jnp.where(there, nats, 0)) / jnp.maximum(there.sum(), 1)
    if align:
        letters = jnp.where(labels == end, -1, labels)
        steps = jnp.full(len(labels), POINTS)
        loss += align * ctc.loss(out["align"], steps, letters, batch.mask)
    return loss, ((logits.argmax(-1) == labels) | (labels < 0)).all(1)
