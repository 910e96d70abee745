"""The frame of every job that trains: it resumes from the checkpoints in its folder.

A task prepares a `Job`. The frame claims the folder of the run, trains or resumes, and
one process writes the model of the best state and the report.
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
from strokejax.settings import FORMER_NAMES, Config
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
    """A task's evaluation of the best state."""

    metrics: dict[str, Any]
    summary: str
    """The metrics as text for the terminal."""
    state: TrainState
    """The state to export, on the host or the devices."""
    model: Callable[[TrainState, dict[str, Any]], StoredModel]
    """Makes the model to store from that state as numpy arrays and its provenance."""
    report: Callable[[Path, str, float], None]
    """Writes the page: its path, the command of the run, its seconds so far."""


class Job(NamedTuple):
    """Everything that the frame needs to train for a task."""

    data: str
    """Name of the training data."""
    about: str
    """Data and network as text, printed before training starts."""
    examples: int
    """Examples of an epoch."""
    params: PyTree
    model_state: PyTree
    step: Callable[[Any], Callable]
    """Makes the training step from an optimizer."""
    batches: Callable[[int], Iterator[Batch]]
    """This process's batches from a step on."""
    scoring: Callable[[int], Scores]
    """Makes the `Scores` of a run that starts at a step; `finish` gets it too."""
    finish: Callable[[Any, TrainState], Result]
    use: str
    """The command that uses the model, without --model."""
    best_by: str = "top1"
    """The score that selects the best state; higher is better."""


Prepare = Callable[[Config, Mesh, Path], Job]
"""Loads data and weights; InputError if they are missing or do not fit."""


class Trained(NamedTuple):
    """A finished training."""

    job: Job
    scores: Any
    state: TrainState
    """The state with the best score on the validation set."""
    steps: int


def run(
    config: Config, workdir: Path, started: float, prepare: Prepare
) -> dict[str, Any]:
    """Trains or resumes, evaluates, exports, reports; returns the job's last line.

    `started` is the start of the process, in seconds of `time.time`.
    """
    job, scores, state, steps = fit(config, workdir, prepare)
    result = job.finish(scores, state)
    paths = {
        "report": workdir / "report.html",
        "checkpoint": workdir / "checkpoints",
        "model": workdir / "model",
    }
    params, model_state = to_host((result.state.params, result.state.model_state))
    # The other processes wait here: if one exits early, it takes the rest down.
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
    return {
        "job": config.job,
        "workdir": str(workdir),
        "steps": steps,
        **{name: str(path) for name, path in paths.items()},
        "seconds": round(time.time() - started, 1),
        "metrics": result.metrics,
    }


def fit(config: Config, workdir: Path, prepare: Prepare) -> Trained:
    """Trains, or resumes if `workdir` has a checkpoint."""
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
        state, progress = restored or (state, {})
        start = int(state.step)
        if start and jax.process_index() == 0:
            print(f"Resuming after step {start} of {plan.steps}.", file=sys.stderr)
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


def plan_of(config: Config, examples: int, best_by: str) -> Plan:
    """The plan of a job with this number of examples in an epoch."""
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
    """The metric writers of a run that starts at a step; only process 0 has any."""
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


# The folder of a run belongs to one config.


def claim(workdir: Path, config: Config) -> None:
    """Stores the config in a new folder, or checks it; every process must call this."""
    path = workdir / "config.json"
    with together():
        if jax.process_index() == 0 and not path.exists():
            write_config(workdir, config)
    with together():
        if not path.exists():
            raise InputError(
                f"Process {jax.process_index()} does not see {path}, which process 0 "
                f"wrote; give all processes one --workdir on a shared file system."
            )
        check_owner(workdir, config)


def write_config(workdir: Path, config: Config) -> None:
    """Writes the config of a run atomically."""
    settings = json.dumps(json.loads(config.to_json()), indent=1)
    write_atomically(workdir / "config.json", settings.encode())


def check_owner(workdir: Path, config: Config, ignore: Sequence[str] = ()) -> None:
    """InputError if the folder belongs to a run with another config.

    Settings with the dotted names in `ignore` may differ.
    """
    path, new = workdir / "config.json", json.loads(config.to_json())
    if not path.exists():
        return
    old = _with_defaults(json.loads(path.read_text()), new)
    for section, name in (dotted.split(".") for dotted in ignore):
        old[section][name] = new[section][name]
    if old != new:
        name, before, now = _difference(old, new)
        raise InputError(
            f"{workdir} belongs to a run with config.{name}={before!r}, this one has "
            f"{now!r}; use another --workdir, or the old value."
        )


def _with_defaults(old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    """A stored config, plus the settings that its version of strokejax did not have."""
    result = new | {FORMER_NAMES.get(name, name): old[name] for name in old}
    for name, value in result.items():
        if isinstance(value, dict) and isinstance(new.get(name), dict):
            result[name] = _with_defaults(value, new[name])
    return result


def _difference(old: dict, new: dict, prefix: str = "") -> tuple[str, Any, Any]:
    """The dotted name and both values of the first setting that differs."""
    for name in sorted(old.keys() | new.keys()):
        before, now = old.get(name), new.get(name)
        if isinstance(before, dict) and isinstance(now, dict) and before != now:
            return _difference(before, now, f"{prefix}{name}.")
        if before != now:
            return f"{prefix}{name}", before, now
    raise ValueError("the configs are equal")
