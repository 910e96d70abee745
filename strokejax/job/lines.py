"""The job "lines": a network that reads lines, trained by CTC."""

import shlex
import sys
import time
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np

from strokejax import __version__, ctc
from strokejax.checkpoint import BEST, LAST, Checkpoints
from strokejax.config import Config
from strokejax.data.line_batches import LETTERS, line_batches
from strokejax.data.pipeline import stream
from strokejax.ink.line_images import HEIGHT
from strokejax.job.line_data import LineData, load_lines
from strokejax.job.run import writers_of
from strokejax.job.setup import optimizer_of
from strokejax.job.workdir import check_owner, claim
from strokejax.line_reader import LineReader, from_stored
from strokejax.line_report import write_line_report
from strokejax.line_scores import line_scores
from strokejax.loop import Plan, train
from strokejax.metrics import read_jsonl
from strokejax.model_store import StoredModel, load_model, no_calibration, save_model
from strokejax.models.build import EncoderSpec, build_encoder
from strokejax.models.line_net import steps
from strokejax.partitioning import (
    check_batch_size,
    data_mesh,
    local_slice,
    replicate,
    to_global,
    to_host,
)
from strokejax.processes import together
from strokejax.state import TrainState, create_state
from strokejax.steps import make_step
from strokejax.symbols import SPACE, SymbolTable
from strokejax.table import init_slots
from strokejax.types import Encoder, InputError, PyTree

BLANK = ""
"""What the last output adds to a text."""


class Setup(NamedTuple):
    """What a job is made of, before any step."""

    spec: EncoderSpec
    encoder: Encoder
    params: PyTree
    model_state: PyTree
    data: LineData


def run(config: Config, workdir: Path, started: float) -> dict[str, Any]:
    """Trains (or goes on), reads the held-out lines, reports, exports a model.

    Returns the job's last line. `started` is when the process began, in seconds of
    `time.time`.
    """
    mesh = data_mesh()
    with together():
        check_owner(workdir, config)
        check_batch_size(config.loop.batch_size, mesh)
        setup = prepare(config)
    claim(workdir, config)
    plan = _plan(config, setup.data)
    optimizer, rate = optimizer_of(config.optim, setup.params, plan.steps)
    key = jax.random.key(config.seed)
    state = create_state(setup.params, setup.model_state, optimizer, key)
    state = replicate(state, mesh)
    scoring = Scoring(setup)
    with ExitStack() as stack:
        checkpoints = stack.enter_context(closing(Checkpoints(workdir)))
        restored = checkpoints.restore(LAST, state)
        state, progress = restored if restored else (state, {})
        start = int(state.step)
        if start and jax.process_index() == 0:
            print(f"Going on after step {start} of {plan.steps}.", file=sys.stderr)
        writers = writers_of(config, workdir, start)
        for writer in writers:
            stack.callback(writer.close)
        at = line_batches(
            setup.data.train,
            setup.data.alphabet,
            config.loop.batch_size,
            seed=config.seed,
            rows=local_slice(config.loop.batch_size),
        )
        state = train(
            state,
            make_step(setup.encoder, optimizer, _measured),
            (to_global(batch, mesh) for batch in stream(at, start)),
            scoring,
            plan=plan,
            learning_rate=rate,
            checkpoints=checkpoints,
            writers=writers,
            progress=progress,
            trace_dir=str(workdir / "trace"),
        )
        best = checkpoints.restore(BEST, state)
    chosen = best.state if best else state
    line = {"job": config.job, "workdir": str(workdir), "steps": int(state.step)}
    return line | _finish(config, workdir, setup, chosen, started)


def prepare(config: Config) -> Setup:
    """Data and network as the config wants them, warm-started where it says so."""
    data = load_lines(config)
    spec = EncoderSpec(
        architecture=config.model.name,
        out_dim=len(data.alphabet) + 1,
        normalise=False,
    )
    encoder = build_encoder(spec, dropout=config.model.dropout)
    image = np.zeros((2, HEIGHT, 64), np.uint8)
    example = {"image": image, "width": np.full(2, 64, np.int32)}
    key = jax.random.key(config.seed)
    network, model_state = jax.jit(encoder.init)(key, example)
    if config.model.init != "none":
        network, model_state = _warm(config, spec, data.alphabet, network, model_state)
    return Setup(spec, encoder, {"encoder": network, "table": {}}, model_state, data)


def _warm(config: Config, spec: EncoderSpec, alphabet, network, model_state):
    """Weights of a stored model that reads; of its output the characters it knows."""
    stored = load_model(config.model.init)
    reader = from_stored(stored)
    if stored.spec.architecture != spec.architecture:
        raise InputError(
            f"The model {config.model.init} is a {stored.spec.architecture}; set "
            f"config.model.name to that, or config.model.init='none'."
        )
    known = {character: i for i, character in enumerate((*reader.alphabet, BLANK))}
    out = {name: np.array(leaf) for name, leaf in network["out"].items()}
    for i, character in enumerate((*alphabet, BLANK)):
        if character in known:
            for name, leaf in out.items():
                leaf[..., i] = stored.encoder["out"][name][..., known[character]]
    network = {**stored.encoder, "out": out}
    return jax.tree.map(jax.numpy.asarray, (network, stored.model_state))


def _plan(config: Config, data: LineData) -> Plan:
    loop = config.loop
    epoch = max(1, (data.train.count or config.lines.epoch) // loop.batch_size)
    return Plan(
        steps=loop.steps or loop.epochs * epoch,
        epoch=epoch,
        batch_size=loop.batch_size,
        log_every=loop.log_every,
        checkpoint_every=loop.checkpoint_every,
        patience=loop.patience,
        best_by="accuracy",
    )


def _measured(table: PyTree, logits: jax.Array, batch) -> tuple[jax.Array, jax.Array]:
    count = steps(batch.inputs["width"])
    loss = ctc.loss(logits, count, batch.labels, batch.mask)
    read = ctc.greedy(logits, count, LETTERS)
    return loss, (read == batch.labels).all(1)


class Scoring:
    """Called with a state after each epoch: errors on the held-out lines."""

    def __init__(self, setup: Setup):
        self._setup = setup

    def __call__(self, state: TrainState) -> dict[str, float]:
        """CER and WER; accuracy is 1 - CER, top1 the share of lines without error."""
        found = scores(self._setup, state)[0]
        return {
            "accuracy": 1 - found["cer"],
            "cer": found["cer"],
            "wer": found["wer"],
            "top1": found["exact"],
        }


def scores(setup: Setup, state: TrainState) -> tuple[dict[str, Any], list[str]]:
    """`line_scores` of the most probable readings of held-out lines, and these."""
    reader = reader_of(setup, state)
    held_out = setup.data.valid
    read = reader.read_greedily([line.image for line in held_out])
    truth = [line.text for line in held_out]
    return line_scores(read, truth, [line.group for line in held_out]), read


def reader_of(setup: Setup, state: TrainState) -> LineReader:
    """What reads by a state's weights."""
    return LineReader(
        setup.spec,
        setup.encoder,
        state.params["encoder"],
        state.model_state,
        setup.data.alphabet,
    )


def _finish(
    config: Config, workdir: Path, setup: Setup, state: TrainState, started: float
) -> dict[str, Any]:
    """Readings of the held-out lines by the best state; its model and the report."""
    figures, read = scores(setup, state)
    paths = {
        "report": workdir / "report.html",
        "checkpoint": workdir / "checkpoints",
        "model": workdir / "model",
    }
    params, model_state = to_host((state.params, state.model_state))
    with together():
        if jax.process_index() == 0:
            about = {
                "job": config.job,
                "data": setup.data.train.name,
                "seed": config.seed,
                "step": int(state.step),
                "made": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
                "strokejax": __version__,
                "metrics": figures,
            }
            weights = state._replace(params=params, model_state=model_state)
            save_model(paths["model"], stored_reader(setup, weights, about))
            write_line_report(
                paths["report"],
                title=f"lines of {setup.data.train.name}, {config.model.name}",
                lines=[line.image.pixels for line in setup.data.valid],
                truth=[line.text for line in setup.data.valid],
                read=read,
                figures=figures,
                history=read_jsonl(workdir / "metrics.jsonl"),
                config=config.to_dict(),
                command=shlex.join(["python", "-m", "strokejax.launch", *sys.argv[1:]]),
            )
            _tell(setup.data, figures, paths)
    seconds = round(time.time() - started, 1)
    return {k: str(v) for k, v in paths.items()} | {
        "seconds": seconds,
        "metrics": figures,
    }


def stored_reader(
    setup: Setup, state: TrainState, about: dict[str, Any]
) -> StoredModel:
    """A state whose weights are numpy arrays, as a model to store."""
    names = tuple(SPACE if c == " " else c for c in setup.data.alphabet)
    count = setup.spec.out_dim
    return StoredModel(
        setup.spec,
        state.params["encoder"],
        state.model_state,
        {},
        to_host(init_slots(np.zeros(count, bool), 1)),
        SymbolTable(names),
        about,
        no_calibration({}, 1),
        np.full(count, -1, np.int32),
        change={"verb": "lines", "made": about["made"]},
    )


def _tell(data: LineData, figures: dict[str, Any], paths: dict[str, Path]) -> None:
    low, high = figures["interval95"]
    print(
        f"{data.name}, {figures['n']:,} lines that training never saw:\n"
        f"  character errors {figures['cer']:.3f} [{low:.3f}, {high:.3f}], without "
        f"case {figures['cer_lower_case']:.3f}, word errors {figures['wer']:.3f}\n"
        f"The report: {paths['report']}\n"
        f"The model:  {paths['model']}  (strokejax lines read IMAGE --model "
        f"{paths['model']})",
        file=sys.stderr,
    )
