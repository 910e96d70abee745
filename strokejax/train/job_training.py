"""What every job that trains has in common: it goes on where its folder ends."""

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any, Protocol, TypeVar

import jax
from jax.sharding import Mesh

from strokejax.config import Config
from strokejax.train.checkpoint import BEST, LAST, Checkpoints
from strokejax.train.distributed_partitioning import replicate, to_global
from strokejax.train.logging import JsonLines, MetricWriter, TensorBoard, WandB
from strokejax.train.loop import Plan, train
from strokejax.train.state import TrainState, create_state
from strokejax.train.table_setup import optimizer_of
from strokejax.types import Batch, InputError, PyTree


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
