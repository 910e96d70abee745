"""The frame of every job that trains: it goes on where its folder ends.

A task prepares a `Job`. The frame claims the run's folder, trains or goes on, and has
one process write the model of the best state and its report.
"""

import json
import shlex
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import jax
from jax.sharding import Mesh

from strokejax import __version__
from strokejax.files import write_atomically
from strokejax.settings import Config
from strokejax.store.model import StoredModel, save_model
from strokejax.train.checkpoint import BEST, LAST, Checkpoints
from strokejax.train.distributed import (
    check_batch_size,
    data_mesh,
    replicate,
    to_global,
    to_host,
    together,
)
from strokejax.train.logging import JsonLines, MetricWriter, TensorBoard, WandB
from strokejax.train.loop import Plan, train
from strokejax.train.optim import optimizer_of
from strokejax.train.state import TrainState, create_state
from strokejax.types import Batch, InputError, PyTree


class Scores(Protocol):
    """Scores a state after each epoch; closed when training ends."""

    def __call__(self, state: TrainState) -> dict[str, float]: ...

    def close(self) -> None: ...


class Result(NamedTuple):
    """What a task makes of the best state."""

    metrics: dict[str, Any]
    summary: str
    """The metrics as people read them."""
    state: TrainState
    """The state to export, on the host or the devices."""
    model: Callable[[TrainState, dict[str, Any]], StoredModel]
    """From that state as numpy arrays and its provenance to the model to store."""
    report: Callable[[Path, str, float], None]
    """Writes the page: its path, the command of the run, its seconds so far."""


class Job(NamedTuple):
    """What a task has trained."""

    data: str
    """The name of what it is trained on."""
    about: str
    """Data and network, as people read them before training begins."""
    examples: int
    """Of an epoch."""
    params: PyTree
    model_state: PyTree
    step: Callable[[Any], Callable]
    """From an optimizer to the training step."""
    batches: Callable[[int], Iterator[Batch]]
    """This process's batches from a step on."""
    scoring: Callable[[int], Any]
    """From a step to `Scores`, which `finish` is given."""
    finish: Callable[[Any, TrainState], Result]
    use: str
    """The command that uses the model, without --model."""
    best_by: str = "top1"


Prepare = Callable[[Config, Mesh, Path], Job]
"""Loads data and weights; InputError for what is missing or does not fit."""


class Trained(NamedTuple):
    """What a finished training has made."""

    job: Job
    scores: Any
    state: TrainState
    """The best one by the hold-out set's score."""
    steps: int


def run(
    config: Config, workdir: Path, started: float, prepare: Prepare
) -> dict[str, Any]:
    """Trains (or goes on), evaluates, reports, exports; returns the job's last line.

    `started` is when the process began, in seconds of `time.time`.
    """
    job, scores, state, steps = fit(config, workdir, prepare)
    result = job.finish(scores, state)
    paths = {
        "report": workdir / "report.html",
        "checkpoint": workdir / "checkpoints",
        "model": workdir / "model",
    }
    params, model_state = to_host((result.state.params, result.state.model_state))
    # The others wait here: a process that ends early takes the rest down with it.
    with together():
        if jax.process_index() == 0:
            about = {
                "job": config.job,
                "data": job.data,
                "seed": config.seed,
                "step": int(state.step),
                "made": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
                "strokejax": __version__,
                "metrics": result.metrics,
            }
            weights = result.state._replace(params=params, model_state=model_state)
            save_model(paths["model"], result.model(weights, about))
            command = shlex.join(["python", "-m", "strokejax.launch", *sys.argv[1:]])
            result.report(paths["report"], command, time.time() - started)
            print(
                f"{result.summary}\nThe report: {paths['report']}\n"
                f"The model:  {paths['model']}  ({job.use} --model {paths['model']})",
                file=sys.stderr,
            )
    line = {"job": config.job, "workdir": str(workdir), "steps": steps}
    line |= {name: str(path) for name, path in paths.items()}
    return line | {
        "seconds": round(time.time() - started, 1),
        "metrics": result.metrics,
    }


def fit(config: Config, workdir: Path, prepare: Prepare) -> Trained:
    """Trains, or goes on where `workdir` has a checkpoint."""
    mesh = data_mesh()
    with together():
        check_owner(workdir, config)
        check_batch_size(config.loop.batch_size, mesh)
        job = prepare(config, mesh, workdir)
        plan = plan_of(config, job.examples, job.best_by)
    claim(workdir, config)
    if job.about and jax.process_index() == 0:
        print(job.about, file=sys.stderr)
    optimizer, rate = optimizer_of(config.optim, job.params, plan.steps, plan.epoch)
    state = create_state(
        job.params, job.model_state, optimizer, jax.random.key(config.seed)
    )
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
        scores = stack.enter_context(closing(job.scoring(start)))
        state = train(
            state,
            job.step(optimizer),
            (to_global(batch, mesh) for batch in job.batches(start)),
            scores,
            plan=plan,
            learning_rate=rate,
            checkpoints=checkpoints,
            writers=writers,
            progress=progress,
            trace_dir=str(workdir / "trace"),
        )
        best = checkpoints.restore(BEST, state)
    return Trained(job, scores, best.state if best else state, int(state.step))


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
    theirs = _filled(json.loads(path.read_text()), mine)
    for part, name in (each.split(".") for each in but):
        theirs[part][name] = mine[part][name]
    if theirs != mine:
        name, old, new = _difference(theirs, mine)
        raise InputError(
            f"{workdir} belongs to a run with config.{name}={old!r}, this one has "
            f"{new!r}; give another --workdir, or set it back."
        )


def _filled(theirs: dict[str, Any], mine: dict[str, Any]) -> dict[str, Any]:
    """A stored config with the settings that its version did not know."""
    result = mine | theirs
    for name, value in result.items():
        if isinstance(value, dict) and isinstance(mine.get(name), dict):
            result[name] = _filled(value, mine[name])
    return result


def _difference(a: dict, b: dict, prefix: str = "") -> tuple[str, Any, Any]:
    for name in sorted(a.keys() | b.keys()):
        old, new = a.get(name), b.get(name)
        if isinstance(old, dict) and isinstance(new, dict) and old != new:
            return _difference(old, new, f"{prefix}{name}.")
        if old != new:
            return f"{prefix}{name}", old, new
    raise ValueError("the configs are equal")
