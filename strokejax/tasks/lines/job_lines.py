"""The job "lines": a network that reads lines, by CTC or window by window."""

from pathlib import Path
from typing import Any

from strokejax.config import Config
from strokejax.data.pipeline import stream
from strokejax.tasks.lines.job import finish, scores
from strokejax.tasks.lines.job_line_setup import Setup, batches, measure_by, prepare
from strokejax.train.distributed import together
from strokejax.train.distributed_partitioning import check_batch_size, data_mesh
from strokejax.train.job_training import plan_of, train_by
from strokejax.train.job_workdir import check_owner, claim
from strokejax.train.state import TrainState
from strokejax.train.steps import make_step


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
    data, loop = setup.data, config.loop
    at = batches(config, data, loop.batch_size)

    def step(optimizer: Any):
        return make_step(setup.encoder, optimizer, measure_by(config))

    _, state, steps = train_by(
        config,
        workdir,
        mesh,
        plan=plan_of(config, data.train.count or config.lines.epoch, "accuracy"),
        params=setup.params,
        model_state=setup.model_state,
        step=step,
        batches=lambda start: stream(at, start, loop.overfit_batches),
        scoring=lambda start: Scoring(setup),
    )
    line = {"job": config.job, "workdir": str(workdir), "steps": steps}
    return line | finish(config, workdir, setup, state, started)


class Scoring:
    """Called with a state after each epoch: errors on the held-out lines."""

    def __init__(self, setup: Setup):
        self._setup = setup

    def __call__(self, state: TrainState) -> dict[str, float]:
        """Scores; accuracy is 1 - CER, top1 the share of lines without an error."""
        found = scores(self._setup, state)[0]
        figures = {k: v for k, v in found.items() if isinstance(v, float)}
        return figures | {"accuracy": 1 - found["cer"], "top1": found["exact"]}

    def close(self) -> None:
        """Nothing is held."""
