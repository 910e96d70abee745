"""The composition root of training: from a config to a run on disk, and its model."""

import sys
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np
from jax.sharding import Mesh

from strokejax.checkpoint import BEST, LAST, Checkpoints
from strokejax.config import Config
from strokejax.config_values import PAIR_LOSSES
from strokejax.data.pipeline import train_batches
from strokejax.ink.augment import Augment
from strokejax.job.finish import finish
from strokejax.job.scoring import Scoring
from strokejax.job.setup import Setup, optimizer_of, prepare
from strokejax.job.workdir import check_owner, claim
from strokejax.loop import Plan, train
from strokejax.losses import class_weights
from strokejax.metrics import JsonLines, MetricWriter, TensorBoard, WandB
from strokejax.models.summary import describe
from strokejax.objective import Objective
from strokejax.partitioning import (
    check_batch_size,
    data_mesh,
    local_slice,
    replicate,
    to_global,
)
from strokejax.processes import together
from strokejax.state import TrainState, create_state
from strokejax.steps import make_train_step
from strokejax.types import Batch, InputError


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
    optimizer, rate = optimizer_of(config.optim, setup.params, plan.steps)
    key = jax.random.key(config.seed)
    state = create_state(setup.params, setup.model_state, optimizer, key)
    state = replicate(state, mesh)
    step_fn = make_train_step(
        setup.encoder,
        optimizer,
        _objective(config, setup),
        setup.trained,
        _augment(config),
    )
    with ExitStack() as stack:
        checkpoints = Checkpoints(workdir, config.loop.keep_best)
        stack.enter_context(closing(checkpoints))
        restored = checkpoints.restore(LAST, state)
        state, progress = restored if restored else (state, {})
        start = int(state.step)
        if start and jax.process_index() == 0:
            print(f"Going on after step {start} of {plan.steps}.", file=sys.stderr)
        writers = writers_of(config, workdir, start)
        for writer in writers:
            stack.callback(writer.close)
        scoring = Scoring(config, setup, mesh, workdir, start)
        stack.callback(scoring.close)
        state = train(
            state,
            step_fn,
            _batches(config, setup, mesh, start),
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
    return Trained(setup, scoring, chosen, int(state.step))


def _batches(config: Config, setup: Setup, mesh: Mesh, start: int) -> Iterator[Batch]:
    """Global batches from step `start` on, as the loss wants them."""
    between = config.loss.name in PAIR_LOSSES
    batches = train_batches(
        setup.train_set,
        config.loop.batch_size,
        seed=config.seed,
        start=start,
        rows=local_slice(config.loop.batch_size),
        classes=config.loss.classes_per_batch if between else 0,
        repeat=config.loop.overfit_batches,
    )
    return (to_global(batch, mesh) for batch in batches)


def plan_of(config: Config, examples: int, best_by: str = "top1") -> Plan:
    """How long a job goes on with so many examples an epoch."""
    loop = config.loop
    epoch = max(1, examples // loop.batch_size)
    epoch = min(epoch, loop.overfit_batches or loop.limit_train_batches or epoch)
    profile = None
    if config.log.profile:
        first, _, last = config.log.profile.partition(":")
        if not (first.isdigit() and last.isdigit() and 0 < int(first) <= int(last)):
            raise InputError(
                f"config.log.profile is {config.log.profile!r}; write FIRST:LAST, the "
                f"steps to trace, like '10:15'."
            )
        profile = (int(first), int(last))
    return Plan(
        steps=loop.steps or loop.epochs * epoch,
        epoch=epoch,
        batch_size=loop.batch_size,
        log_every=loop.log_every,
        checkpoint_every=loop.checkpoint_every,
        patience=loop.patience,
        profile=profile,
        best_by=best_by,
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
    )


def _augment(config: Config) -> Augment | None:
    settings = dict(config.augment)
    if not settings.pop("enabled") or config.sanity != "none":
        return None
    return Augment(**settings)


def writers_of(config: Config, workdir: Path, step: int) -> list[MetricWriter]:
    """Where a run's metrics go, from a step on; nowhere but in process 0."""
    if jax.process_index():
        return []
    writers: list[MetricWriter] = [
        JsonLines(workdir / "metrics.jsonl", resume_step=step)
    ]
    if config.log.tensorboard:
        writers.append(TensorBoard(workdir / "tensorboard", resume_step=step))
    if config.log.wandb:
        writers.append(WandB(config.log.wandb, config.to_dict(), workdir))
    return writers


def _tell(setup: Setup) -> None:
    """What is about to be trained on what, on stderr."""
    if jax.process_index():
        return
    print(setup.train_set, file=sys.stderr)
    print(f"hold-out {setup.valid_set!r}", file=sys.stderr)
    print(describe(setup.spec), file=sys.stderr)
