"""The job that trains a network to tell which way curves bend."""

from pathlib import Path
from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh

from strokejax.data.pipeline import stream
from strokejax.networks.spec import EncoderSpec
from strokejax.report.page import percent, write_page
from strokejax.report.run import settings_table, training_curves
from strokejax.settings import Config
from strokejax.store.model import StoredModel, model_without_table
from strokejax.train import job
from strokejax.train.distributed import local_slice, to_host
from strokejax.train.job import Job, Result
from strokejax.train.logging import read_jsonl
from strokejax.train.objective import Objective
from strokejax.train.state import TrainState
from strokejax.train.steps import make_train_step
from strokejax.types import Batch, Encoder
from tests.support.fifth.data import BENDS, HELD_OUT, TRAIN, synthetic_batch
from tests.support.fifth.network import build_encoder
from tests.support.fifth.reader import Reader, bend_scores

EPOCH, VALID = 64, 32
"""Curves between two evaluations, and of one."""


def run(config: Config, workdir: Path, started: float) -> dict[str, Any]:
    """Trains (or goes on) and evaluates; returns the job's last line.

    `started` is when the process began, in seconds of `time.time`.
    """
    return job.run(config, workdir, started, prepare)


def prepare(config: Config, mesh: Mesh, workdir: Path) -> Job:
    """A network with random weights, ready to be trained on synthetic curves."""
    seed, size, noise = config.seed, config.loop.batch_size, config.fifth.noise
    spec = EncoderSpec(config.model.name, out_dim=len(BENDS), normalise=False)
    encoder = build_encoder(spec)
    held_out = synthetic_batch(seed, HELD_OUT, 0, VALID, noise)
    network, model_state = encoder.init(jax.random.key(seed), held_out.inputs)
    rows, objective = local_slice(size), Objective("argmax")

    def batch_at(step: int) -> Batch:
        batch = synthetic_batch(seed, TRAIN, step, size, noise)
        return jax.tree.map(lambda leaf: leaf[rows], batch)

    return Job(
        data=config.data.name,
        about="",
        examples=EPOCH,
        params={"encoder": network, "table": {}},
        model_state=model_state,
        step=lambda optimizer: make_train_step(
            encoder, optimizer, objective, np.ones(len(BENDS), bool)
        ),
        batches=lambda start: stream(batch_at, start, config.loop.overfit_batches),
        scoring=lambda start: Scoring(encoder, held_out),
        finish=lambda scoring, state: finish(config, spec, scoring, state),
        use="strokejax bend FILE",
    )


class Scoring:
    """Called with a state after each epoch: scores of curves that it never saw."""

    def __init__(self, encoder: Encoder, held_out: Batch):
        self._encoder, self._held_out = encoder, held_out

    def scores(self, state: TrainState) -> dict[str, Any]:
        """`bend_scores` by a state."""
        params = to_host(state.params["encoder"])
        read = Reader(self._encoder, params, BENDS).read(
            self._held_out.inputs["points"]
        )
        return bend_scores(read, [BENDS[label] for label in self._held_out.labels])

    def __call__(self, state: TrainState) -> dict[str, float]:
        """The accuracy alone, which tells the best state."""
        return {"top1": self.scores(state)["top1"]}

    def close(self) -> None:
        """Nothing is held."""


def finish(
    config: Config, spec: EncoderSpec, scoring: Scoring, state: TrainState
) -> Result:
    """Scores, model and report of the best state."""
    scores = scoring.scores(state)
    low, high = scores["interval95"]

    def report(path: Path, command: str, seconds: float) -> None:
        history = read_jsonl(path.with_name("metrics.jsonl"))
        write_page(
            path,
            "which way curves bend",
            [("Top-1", percent(scores["top1"]), f"{low:.3f} to {high:.3f}")],
            {
                "Training": training_curves(history),
                "Settings": settings_table(config.to_dict(), command),
            },
        )

    def model(state: TrainState, about: dict[str, Any]) -> StoredModel:
        weights = state.params["encoder"], state.model_state
        return model_without_table(spec, *weights, BENDS, about)

    summary = f"{scores['top1']:.3f} of {scores['n']} curves [{low:.3f}, {high:.3f}]"
    return Result(scores, summary, state, model, report)
