"""The composition root of training: from a config to a run on disk, and its model."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np

from strokejax.config import Config
from strokejax.data.pipeline import train_batches
from strokejax.ink.augment import Augment
from strokejax.networks.summary import describe
from strokejax.settings import PAIR_LOSSES
from strokejax.table.losses_losses import class_weights
from strokejax.train.distributed import together
from strokejax.train.distributed_partitioning import (
    check_batch_size,
    data_mesh,
    local_slice,
)
from strokejax.train.job_training import plan_of, train_by
from strokejax.train.job_workdir import check_owner, claim
from strokejax.train.objective import Objective
from strokejax.train.state import TrainState
from strokejax.train.steps import make_train_step
from strokejax.train.table_scoring import finish
from strokejax.train.table_scoring_scoring import Scoring
from strokejax.train.table_setup import Setup, prepare
from strokejax.types import Batch


class Trained(NamedTuple):
    """What a finished training has made."""

    setup: Setup
    scoring: Scoring
    state: TrainState
    """The best one by the hold-out set's top-1."""
    steps: int


def run(config: Config, workdir: Path, started: float) -> dict[str, Any]:
    """Trains (or goes on), evaluates, reports, exports; returns the job's last line.

    `started` is when the process began, in seconds of `time.time`.
    """
    setup, scoring, state, steps = fit(config, workdir)
    line = {"job": config.job, "workdir": str(workdir), "steps": steps}
    return line | finish(config, workdir, setup, scoring, state, started)


def fit(config: Config, workdir: Path) -> Trained:
    """Trains, or goes on where `workdir` has a checkpoint."""
    mesh = data_mesh()
    with together():
        check_owner(workdir, config)
        check_batch_size(config.loop.batch_size, mesh)
        setup = prepare(config)
        plan = plan_of(config, len(setup.train_set))
    claim(workdir, config)
    _tell(setup)

    def step(optimizer: Any):
        objective, change = _objective(config, setup), _augment(config)
        return make_train_step(
            setup.encoder, optimizer, objective, setup.trained, change
        )

    scoring, state, steps = train_by(
        config,
        workdir,
        mesh,
        plan=plan,
        params=setup.params,
        model_state=setup.model_state,
        step=step,
        batches=lambda start: _batches(config, setup, start),
        scoring=lambda start: Scoring(config, setup, mesh, workdir, start),
    )
    return Trained(setup, scoring, state, steps)


def _batches(config: Config, setup: Setup, start: int) -> Iterator[Batch]:
    """This process's batches from step `start` on, as the loss wants them."""
    between = config.loss.name in PAIR_LOSSES
    return train_batches(
        setup.train_set,
        config.loop.batch_size,
        seed=config.seed,
        start=start,
        rows=local_slice(config.loop.batch_size),
        classes=config.loss.classes_per_batch if between else 0,
        repeat=config.loop.overfit_batches,
    )


def _objective(config: Config, setup: Setup) -> Objective:
    loss = config.loss
    counts = np.bincount(
        setup.train_set.labels, minlength=setup.symbols.capacity
    ).astype(np.float32)
    prior = np.log(np.maximum(counts, 1) / max(counts.sum(), 1))
    return Objective(
        config.mode,
        loss.label_smoothing,
        loss.learn_scale,
        weights=class_weights(counts) if loss.class_weights else None,
        origin=setup.origin,
        log_prior=np.float32(loss.prior) * prior if loss.prior else None,
        loss=loss.name,
        margin=loss.margin,
        shots=max(1, config.loop.batch_size // loss.classes_per_batch // 2),
        kinds=_padded(setup.train_set.kinds, setup.symbols.capacity),
        kinds_weight=loss.category,
    )


def _padded(kinds: np.ndarray | None, capacity: int) -> np.ndarray | None:
    if kinds is None:
        return None
    return np.pad(kinds, (0, capacity - len(kinds)), constant_values=-1)


def _augment(config: Config) -> Augment | None:
    settings = dict(config.augment)
    if not settings.pop("enabled") or config.sanity != "none":
        return None
    return Augment(**settings)


def _tell(setup: Setup) -> None:
    """What is about to be trained on what, on stderr."""
    if jax.process_index():
        return
    print(setup.train_set, file=sys.stderr)
    print(f"hold-out {setup.valid_set!r}", file=sys.stderr)
    print(describe(setup.spec), file=sys.stderr)
