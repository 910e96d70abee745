"""The composition root of training: from a config to a run on disk, and its model."""

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any, NamedTuple, Protocol, TypeVar

import jax
import numpy as np
from jax.sharding import Mesh

from strokejax.config import Config
from strokejax.data.pipeline import train_batches
from strokejax.files import write_atomically
from strokejax.ink.augment import Augment
from strokejax.networks.summary import describe
from strokejax.settings import PAIR_LOSSES
from strokejax.table.losses import class_weights
from strokejax.train.checkpoint import BEST, LAST, Checkpoints
from strokejax.train.distributed import (
    check_batch_size,
    data_mesh,
    local_slice,
    replicate,
    to_global,
    together,
)
from strokejax.train.logging import JsonLines, MetricWriter, TensorBoard, WandB
from strokejax.train.loop import Plan, train
from strokejax.train.objective import Objective
from strokejax.train.state import TrainState, create_state
from strokejax.train.steps import make_train_step
from strokejax.train.table_scoring import Scoring, finish
from strokejax.train.table_setup import Setup, optimizer_of, prepare
from strokejax.types import Batch, InputError, PyTree

# What every job that trains has in common: it goes on where its folder ends.


class Scores(Protocol):
    """Scores a state after each epoch; closed when training ends."""

    def __call__(self, state: TrainState) -> dict[str, float]: ...

    def close(self) -> None: ...


S = TypeVar("S", bound=Scores)


def train_by(
    config: Config,
    workdir: Path,
    mesh: Mesh,
    *,
    plan: Plan,
    params: PyTree,
    model_state: PyTree,
    step: Callable[[Any], Callable],
    batches: Callable[[int], Iterator[Batch]],
    scoring: Callable[[int], S],
) -> tuple[S, TrainState, int]:
    """Trains, or goes on where `workdir` has a checkpoint.

    `step` makes the training step of an optimizer; `batches` and `scoring` begin at a
    step. Returns what scored, the best state by `plan.best_by`, and the steps made.
    """
    optimizer, rate = optimizer_of(config.optim, params, plan.steps, plan.epoch)
    state = create_state(params, model_state, optimizer, jax.random.key(config.seed))
    state = replicate(state, mesh)
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
        scores = stack.enter_context(closing(scoring(start)))
        state = train(
            state,
            step(optimizer),
            (to_global(batch, mesh) for batch in batches(start)),
            scores,
            plan=plan,
            learning_rate=rate,
            checkpoints=checkpoints,
            writers=writers,
            progress=progress,
            trace_dir=str(workdir / "trace"),
        )
        best = checkpoints.restore(BEST, state)
    return scores, (best.state if best else state), int(state.step)


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


# A run's folder belongs to one config.


def claim(workdir: Path, config: Config) -> None:
    """Makes the folder this config's; every process must come here."""
    path = workdir / "config.json"
    with together():
        if jax.process_index() == 0 and not path.exists():
            write_config(workdir, config)
    with together():
        if not path.exists():
            raise InputError(
                f"Process {jax.process_index()} does not see {path}, which process 0 "
                f"wrote; give all one --workdir, on a file system that they share."
            )
        check_owner(workdir, config)


def write_config(workdir: Path, config: Config) -> None:
    """The config of the folder's run, whole or not at all."""
    settings = json.dumps(json.loads(config.to_json()), indent=1)
    write_atomically(workdir / "config.json", settings.encode())


def check_owner(workdir: Path, config: Config, but: Sequence[str] = ()) -> None:
    """InputError if the folder is that of a run with another config.

    What is set at the dotted names `but` may differ.
    """
    path, mine = workdir / "config.json", json.loads(config.to_json())
    if not path.exists():
        return
    theirs = json.loads(path.read_text())
    for part, name in (each.split(".") for each in but):
        theirs[part][name] = mine[part][name]
    if theirs != mine:
        name, old, new = _difference(theirs, mine)
        raise InputError(
            f"{workdir} belongs to a run with config.{name}={old!r}, this one has "
            f"{new!r}; give another --workdir, or set it back."
        )


def _difference(a: dict, b: dict, prefix: str = "") -> tuple[str, Any, Any]:
    for name in sorted(a.keys() | b.keys()):
        old, new = a.get(name), b.get(name)
        if isinstance(old, dict) and isinstance(new, dict) and old != new:
            return _difference(old, new, f"{prefix}{name}.")
        if old != new:
            return f"{prefix}{name}", old, new
    raise ValueError("the configs are equal")


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
