"""What the job "swipe" trains: network, swipes and loss."""

import shlex
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from strokejax import __version__
from strokejax.config import Config
from strokejax.data.pipeline import stream
from strokejax.networks.spec import EncoderSpec, build_encoder
from strokejax.search import ctc
from strokejax.search.character_model import words_of
from strokejax.store.model import StoredModel, load_model, no_calibration, save_model
from strokejax.table.symbols import SymbolTable
from strokejax.table.table import init_slots
from strokejax.tasks.swipes.batches import (
    Board,
    boards_of,
    masked,
    record_batches,
    recorded,
    swipe_batches,
)
from strokejax.tasks.swipes.data import Swipe
from strokejax.tasks.swipes.decode import USUAL_DECODER as USUAL
from strokejax.tasks.swipes.decode import Decoder, lexicon
from strokejax.tasks.swipes.layouts import Layout, layout
from strokejax.tasks.swipes.report import (
    Look,
    attention_picture,
    evenly,
    looked,
    write_swipe_report,
)
from strokejax.tasks.swipes.scores import swipe_scores
from strokejax.tasks.swipes.synthesis import POINTS
from strokejax.tasks.swipes.typist import Guess, Typist, letters_of
from strokejax.train.distributed import (
    check_batch_size,
    data_mesh,
    local_slice,
    to_host,
    together,
)
from strokejax.train.job import check_owner, claim, plan_of, train_by
from strokejax.train.logging import read_jsonl
from strokejax.train.state import TrainState
from strokejax.train.steps import make_step
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


# Scores of a typist while it is trained.


class Scoring:
    """Called with a state after each epoch: words of the held-out swipes."""

    def __init__(self, setup: Setup):
        self._setup = setup
        weight = USUAL.weights.frequency
        self._lexicon = lexicon(setup.words, setup.keys, setup.letters, weight=weight)
        labels, end = setup.valid.labels, len(setup.letters)
        self.swipes = [*np.asarray(setup.valid.inputs["points"])]
        self.known = np.asarray(setup.valid.inputs["known"]) > 0
        self.truth = [
            "".join(setup.letters[c] for c in row if 0 <= c < end) for row in labels
        ]

    def typist(self, state: TrainState, decoder: Decoder = USUAL) -> Typist:
        """What types by a state."""
        setup, params = self._setup, state.params["encoder"]
        return Typist(
            setup.spec, params, setup.letters, setup.keys, self._lexicon, decoder
        )

    def __call__(self, state: TrainState) -> dict[str, Any]:
        """Scores on the first layout; some keyboards' widths are unknown."""
        found = self.scores(self.typed(self.typist(state)))
        return {name: x for name, x in found.items() if isinstance(x, float)}

    def typed(self, typist: Typist) -> list[list[Guess]]:
        """Words of the held-out swipes, as they are written on the keys."""
        found = typist.type(self.swipes, known=self.known.tolist())
        return [
            [Guess(typist.written(word), score) for word, score in each]
            for each in found
        ]

    def scores(self, typed: list[list[Guess]]) -> dict[str, Any]:
        """`swipe_scores` of typed words."""
        return swipe_scores([[g.word for g in each] for each in typed], self.truth)

    def close(self) -> None:
        """Nothing is held."""


# After the training of a typist: its scores, its model, its report.


BEAMS = (1, 6)
"""Numbers of words followed that the report compares with the usual one."""
LOOKS = 4
"""Pictures of which points made which letter."""
END = "end"
"""The name of the output that ends a word."""


def finish(
    config: Config,
    workdir: Path,
    setup: Setup,
    state: TrainState,
    scoring: Scoring,
    started: float,
) -> dict[str, Any]:
    """The model of the best state, its scores and the report."""
    paths = {
        "report": workdir / "report.html",
        "checkpoint": workdir / "checkpoints",
        "model": workdir / "model",
    }
    state = state._replace(params=to_host(state.params))
    typed = scoring.typed(scoring.typist(state))
    figures = scoring.scores(typed)
    with together():
        if jax.process_index() == 0:
            about = {
                "job": config.job,
                "data": f"{_kind(setup)} on {config.swipe.layouts}",
                "seed": config.seed,
                "step": int(state.step),
                "made": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
                "strokejax": __version__,
                "metrics": figures,
            }
            save_model(
                paths["model"], stored_typist(setup, state.params["encoder"], about)
            )
            write_swipe_report(
                paths["report"],
                title=f"swipes on {config.swipe.layouts}, {config.model.name}",
                truth=scoring.truth,
                typed=typed,
                figures=figures,
                beams=by_beams(scoring, state, figures),
                looks=looks(setup, scoring, state, typed),
                history=read_jsonl(workdir / "metrics.jsonl"),
                config=config.to_dict(),
                command=shlex.join(["python", "-m", "strokejax.launch", *sys.argv[1:]]),
            )
            _tell(setup, figures, paths)
    seconds = round(time.time() - started, 1)
    return {k: str(v) for k, v in paths.items()} | {
        "seconds": seconds,
        "metrics": figures,
    }


def by_beams(
    scoring: Scoring, state: TrainState, usual: dict[str, Any]
) -> dict[int, dict[str, Any]]:
    """Scores by how many words are followed; the usual number's are there already."""
    found = {USUAL.search.width: usual}
    for width in BEAMS:
        decoder = USUAL._replace(search=USUAL.search._replace(width=width))
        typist = scoring.typist(state, decoder)
        found[width] = scoring.scores(scoring.typed(typist))
    return found


def looks(
    setup: Setup, scoring: Scoring, state: TrainState, typed: list[list[Guess]]
) -> list[Look]:
    """Pictures of a few held-out swipes."""
    typist, found = scoring.typist(state), []
    for i in evenly(len(typed), LOOKS):
        if not typed[i]:
            continue
        read = typed[i][0].word
        known = bool(scoring.known[i])
        points, looks = looked(typist, scoring.swipes[i], read, known)
        picture = attention_picture(read, points, looks, setup.keys)
        found.append(Look(read, scoring.truth[i], picture))
    return found


def stored_typist(setup: Setup, encoder: Any, about: dict[str, Any]) -> StoredModel:
    """Weights as numpy arrays, as a model to store."""
    count = setup.spec.out_dim
    return StoredModel(
        setup.spec,
        encoder,
        {},
        {},
        to_host(init_slots(np.zeros(count, bool), 1)),
        SymbolTable((*setup.letters, END)),
        about,
        no_calibration({}, 1),
        np.full(count, -1, np.int32),
        change={"verb": "swipe", "made": about["made"]},
    )


def _kind(setup: Setup) -> str:
    return "recorded swipes" if setup.records else "synthetic swipes"


def _tell(setup: Setup, figures: dict[str, Any], paths: dict[str, Path]) -> None:
    low, high = figures["interval95"]
    print(
        f"{figures['n']:,} {_kind(setup)} on {setup.keys.name} that training never "
        f"saw:\n"
        f"  the right word first {figures['top1']:.3f} [{low:.3f}, {high:.3f}], among "
        f"four {figures['top4']:.3f}, MRR {figures['mrr']:.3f}\n"
        f"The report: {paths['report']}\n"
        f"The model:  {paths['model']}  (strokejax swipe type FILE --model "
        f"{paths['model']})",
        file=sys.stderr,
    )


# The job "swipe": a network that types words from swipes.


def run(config: Config, workdir: Path, started: float) -> dict[str, Any]:
    """Trains (or goes on), types held-out swipes, reports, exports a model.

    Returns the job's last line. `started` is when the process began, in seconds of
    `time.time`.
    """
    mesh = data_mesh()
    with together():
        check_owner(workdir, config)
        check_batch_size(config.loop.batch_size, mesh)
        setup = prepare(config)
    claim(workdir, config)
    at = batches(config, setup, local_slice(config.loop.batch_size))
    scoring, state, steps = train_by(
        config,
        workdir,
        mesh,
        plan=plan_of(config, config.swipe.epoch),
        params=setup.params,
        model_state={},
        step=lambda optimizer: make_step(
            setup.encoder, optimizer, measure_by(config, len(setup.letters))
        ),
        batches=lambda start: stream(at, start, config.loop.overfit_batches),
        scoring=lambda start: Scoring(setup),
    )
    line = {"job": config.job, "workdir": str(workdir), "steps": steps}
    return line | finish(config, workdir, setup, state, scoring, started)
