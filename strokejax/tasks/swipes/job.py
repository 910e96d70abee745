"""The job that trains a network to type swipes: data, loss, scores, report.

The first layout of `config.swipe.layouts` is the one that evaluations type on.
"""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.sharding import Mesh

from strokejax.data.pipeline import stream
from strokejax.networks.spec import EncoderSpec
from strokejax.search import ctc
from strokejax.search.character_model import load_vocabulary
from strokejax.settings import Config
from strokejax.store.model import StoredModel, load_model, model_without_table
from strokejax.tasks.swipes.batches import (
    Board,
    boards_of,
    mask_letters,
    record_batches,
    split_recordings,
    swipe_batches,
)
from strokejax.tasks.swipes.data import Swipe
from strokejax.tasks.swipes.decode import DEFAULT_DECODER, MASKED, Decoder, lexicon
from strokejax.tasks.swipes.layouts import Layout, layout
from strokejax.tasks.swipes.network import build_encoder
from strokejax.tasks.swipes.report import (
    AttentionExample,
    attention_picture,
    attention_weights,
    spread_indices,
    write_swipe_report,
)
from strokejax.tasks.swipes.scores import swipe_scores
from strokejax.tasks.swipes.synthesis import POINTS
from strokejax.tasks.swipes.typist import Guess, Typist, letters_of
from strokejax.train import job
from strokejax.train.distributed import local_slice, to_host
from strokejax.train.job import Job, Result
from strokejax.train.logging import read_jsonl
from strokejax.train.state import TrainState
from strokejax.train.steps import make_step
from strokejax.types import Batch, Encoder, InputError, PyTree

VALID_SEED = 1 << 20
"""Added to the seed of the held-out synthetic swipes, so that training has others."""
BEAM_WIDTHS = (1, 6)
"""Beam widths that the report compares with the default one."""
EXAMPLES = 4
"""Held-out swipes whose attention weights the report shows."""
END = "end"
"""Stored name of the output that ends a word."""


def run(config: Config, workdir: Path, started: float) -> dict[str, Any]:
    """Trains or resumes, types the held-out swipes; returns the job's last line.

    `started` is the start of the process, in seconds of `time.time`.
    """
    return job.run(config, workdir, started, prepare)


def prepare(config: Config, mesh: Mesh, workdir: Path) -> Job:
    """The job of a config, ready to train."""
    setup = set_up(config)
    at = batches(config, setup, local_slice(config.loop.batch_size))
    loss_fn = make_loss_fn(config, len(setup.letters))
    return Job(
        data=f"{_kind(setup)} on {config.swipe.layouts}",
        about="",
        examples=config.swipe.epoch,
        params=setup.params,
        model_state={},
        step=lambda optimizer: make_step(setup.encoder, optimizer, loss_fn),
        batches=lambda start: stream(at, start, config.loop.overfit_batches),
        scoring=lambda start: Scoring(setup),
        finish=lambda scores, state: finish(config, setup, scores, state),
        use="strokejax swipe type FILE",
    )


# Data and network


class Setup(NamedTuple):
    """Data and network of a job, before any step."""

    spec: EncoderSpec
    encoder: Encoder
    params: PyTree
    letters: tuple[str, ...]
    keys: Layout
    """The layout of evaluations."""
    words: dict[str, float]
    boards: list[tuple[Board, float, bool]]
    """Keyboards of synthetic swipes, their shares, and whether they are shuffled."""
    records: list[Swipe]
    """Recorded swipes to train on; empty: synthetic ones."""
    valid: Batch
    """Held-out swipes on `keys`."""


def set_up(config: Config) -> Setup:
    """Data and network of a config, warm-started if it names a model."""
    words = load_vocabulary(config.swipe.words)
    letters, boards = boards_of(config.swipe.layouts, words)
    spec = EncoderSpec(
        architecture=config.model.name,
        out_dim=len(letters) + 1,
        normalise=False,
        features=config.features.name,
    )
    encoder = build_encoder(spec, dropout=config.model.dropout)
    keys = layout(config.swipe.layouts.split(",")[0].partition("=")[0].strip())
    records: list[Swipe] = []
    if config.data.name == "swipes":
        # Held-out swipes are not augmented, so that scores of epochs are comparable.
        records, held_out = split_recordings(config.data.root, keys)
        size = min(len(held_out), config.swipe.valid)
        valid = record_batches(held_out, keys, letters, size, seed=0, augment=False)(0)
    else:
        # Only words of the vocabulary can be typed, so none is invented.
        first = [(boards[0][0], 1.0, False)]
        seed, size = config.seed + VALID_SEED, config.swipe.valid
        valid = swipe_batches(first, len(letters), size, seed=seed, invented=0.0)(0)
    # Parameters depend on the shapes alone, so two rows are enough.
    example = {name: leaf[:2] for name, leaf in valid.inputs.items()}
    network, _ = jax.jit(encoder.init)(jax.random.key(config.seed), example)
    if config.model.init != "none":
        network = _warm_start(config, spec, letters, network)
    params = {"encoder": network, "table": {}}
    return Setup(spec, encoder, params, letters, keys, words, boards, records, valid)


def _warm_start(
    config: Config, spec: EncoderSpec, letters: tuple[str, ...], network: PyTree
) -> PyTree:
    """Weights of a stored model of the same spec; new letters keep those of `network`.

    InputError for a model of another architecture or with other features.
    """
    stored = load_model(config.model.init)
    stored_letters = letters_of(stored)
    if stored.spec._replace(out_dim=0) != spec._replace(out_dim=0):
        raise InputError(
            f"The model {config.model.init} is a {stored.spec.architecture} with the "
            f"features {stored.spec.features!r}; set config.model.name and "
            f"config.features.name to these, or config.model.init='none'."
        )
    if stored_letters == letters:
        return jax.tree.map(jnp.asarray, stored.encoder)
    number = {letter: i for i, letter in enumerate(stored_letters)}
    shared = [(i, number[c]) for i, c in enumerate(letters) if c in number]
    # Behind the letters come the end of a word and, in the embedding, its start.
    ends = [(len(letters) + i, len(stored_letters) + i) for i in (0, 1)]

    def transfer(new: jax.Array, old: jax.Array) -> jax.Array:
        """Letters lie along the one axis whose length differs."""
        old = jnp.asarray(old)
        if new.shape == old.shape:
            return old
        axis = next(i for i, n in enumerate(new.shape) if n != old.shape[i])
        pairs = [pair for pair in (*shared, *ends) if pair[0] < new.shape[axis]]
        target, source = map(jnp.array, zip(*pairs, strict=True))
        rows = jnp.moveaxis(jnp.take(old, source, axis), axis, 0)
        return jnp.moveaxis(jnp.moveaxis(new, axis, 0).at[target].set(rows), 0, axis)

    return jax.tree.map(transfer, network, stored.encoder)


def batches(config: Config, setup: Setup, rows: slice) -> Callable[[int], Batch]:
    """`at(step)`: this process's rows of the global batches."""
    size, seed, end = config.loop.batch_size, config.seed, len(setup.letters)
    if setup.records:
        at = record_batches(
            setup.records, setup.keys, setup.letters, size, seed=seed, rows=rows
        )
    else:
        at = swipe_batches(setup.boards, end, size, seed=seed, rows=rows)
    return mask_letters(at, setup.boards, end) if config.swipe.mask else at


def _kind(setup: Setup) -> str:
    return "recorded swipes" if setup.records else "synthetic swipes"


# Loss


def make_loss_fn(config: Config, end: int) -> Callable:
    """`loss_and_correct` with the settings of a config, for `make_step`."""
    smoothing, align = config.loss.label_smoothing, config.swipe.align
    return partial(loss_and_correct, end=end, smoothing=smoothing, align=align)


def loss_and_correct(
    table: PyTree,
    out: dict[str, jax.Array],
    batch: Batch,
    *,
    end: int,
    smoothing: float,
    align: float,
) -> tuple[jax.Array, jax.Array]:
    """`(f32[], bool[b])`: nats a letter given those before it, and words without error.

    Label smoothing is spread over the allowed letters. `align` weighs a CTC loss on the
    encoder's output, by which the encoder learns sooner where letters are (S. Watanabe
    et al., 2017). The word's end serves as its blank.
    """
    logits, labels = out["write"], batch.labels
    unmasked = (labels >= 0) & batch.mask[:, None]
    target = jax.nn.one_hot(labels, end + 1)
    allowed = batch.inputs.get("allowed", jnp.ones(logits.shape, bool))
    logits = jnp.where(allowed, logits, MASKED)
    uniform = allowed / allowed.sum(-1, keepdims=True)
    target = (1 - smoothing) * target + smoothing * uniform
    nats = optax.softmax_cross_entropy(logits, target)
    loss = jnp.sum(jnp.where(unmasked, nats, 0)) / jnp.maximum(unmasked.sum(), 1)
    if align:
        letters = jnp.where(labels == end, -1, labels)
        steps = jnp.full(len(labels), POINTS)
        loss += align * ctc.loss(out["align"], steps, letters, batch.mask)
    # Padding counts as correct.
    return loss, ((logits.argmax(-1) == labels) | (labels < 0)).all(1)


# Scores


class Scoring:
    """Scores states on the held-out swipes, one after each epoch."""

    def __init__(self, setup: Setup):
        self._setup = setup
        weight = DEFAULT_DECODER.weights.frequency
        self._lexicon = lexicon(setup.words, setup.keys, setup.letters, weight=weight)
        labels, end = setup.valid.labels, len(setup.letters)
        self.swipes = [*np.asarray(setup.valid.inputs["points"])]
        self.known = np.asarray(setup.valid.inputs["known"]) > 0
        self.truth = [
            "".join(setup.letters[c] for c in row if 0 <= c < end) for row in labels
        ]

    def __call__(self, state: TrainState) -> dict[str, Any]:
        """Scores by the default decoder; the widths of some keyboards are unknown."""
        scores = self.scores(self.typed(self.typist(state)))
        return {name: x for name, x in scores.items() if isinstance(x, float)}

    def typist(self, state: TrainState, decoder: Decoder = DEFAULT_DECODER) -> Typist:
        """A typist with the network of a state."""
        setup, params = self._setup, state.params["encoder"]
        return Typist(
            setup.spec, params, setup.letters, setup.keys, self._lexicon, decoder
        )

    def typed(self, typist: Typist) -> list[list[Guess]]:
        """Words of the held-out swipes, as the keys write them, like `truth`."""
        guesses = typist.type(self.swipes, known=self.known.tolist())
        return [
            [Guess(typist.written(word), score) for word, score in ranking]
            for ranking in guesses
        ]

    def scores(self, typed: list[list[Guess]]) -> dict[str, Any]:
        """`swipe_scores` of typed words."""
        words = [[guess.word for guess in ranking] for ranking in typed]
        return swipe_scores(words, self.truth)

    def close(self) -> None:
        """Does nothing: no file is open."""


# Report and stored model


def finish(config: Config, setup: Setup, scoring: Scoring, state: TrainState) -> Result:
    """The scores of the best state, its model and its report."""
    state = state._replace(params=to_host(state.params))
    typed = scoring.typed(scoring.typist(state))
    figures = scoring.scores(typed)
    low, high = figures["interval95"]

    def report(path: Path, command: str, seconds: float) -> None:
        write_swipe_report(
            path,
            title=f"swipes on {config.swipe.layouts}, {config.model.name}",
            truth=scoring.truth,
            typed=typed,
            figures=figures,
            beams=scores_by_beam(scoring, state, figures),
            examples=attention_examples(setup, scoring, state, typed),
            history=read_jsonl(path.with_name("metrics.jsonl")),
            config=config.to_dict(),
            command=command,
        )

    summary = (
        f"{figures['n']:,} held-out {_kind(setup)} on {setup.keys.name}:\n"
        f"  the right word first {figures['top1']:.3f} [{low:.3f}, {high:.3f}], among "
        f"four {figures['top4']:.3f}, MRR {figures['mrr']:.3f}"
    )
    return Result(figures, summary, state, partial(stored_typist, setup), report)


def scores_by_beam(
    scoring: Scoring, state: TrainState, default: dict[str, Any]
) -> dict[int, dict[str, Any]]:
    """Scores by beam width; those of the `default` width are known."""
    scores = {DEFAULT_DECODER.search.width: default}
    for width in BEAM_WIDTHS:
        search = DEFAULT_DECODER.search._replace(width=width)
        typist = scoring.typist(state, DEFAULT_DECODER._replace(search=search))
        scores[width] = scoring.scores(scoring.typed(typist))
    return scores


def attention_examples(
    setup: Setup, scoring: Scoring, state: TrainState, typed: list[list[Guess]]
) -> list[AttentionExample]:
    """Attention weights of a few held-out swipes, as pictures."""
    typist, examples = scoring.typist(state), []
    for i in spread_indices(len(typed), EXAMPLES):
        if not typed[i]:
            continue
        word, known = typed[i][0].word, bool(scoring.known[i])
        points, weights = attention_weights(typist, scoring.swipes[i], word, known)
        picture = attention_picture(word, points, weights, setup.keys)
        examples.append(AttentionExample(word, scoring.truth[i], picture))
    return examples


def stored_typist(
    setup: Setup, state: TrainState, about: dict[str, Any]
) -> StoredModel:
    """The model to store; the weights of the state are numpy arrays."""
    names = *setup.letters, END
    return model_without_table(setup.spec, state.params["encoder"], {}, names, about)
