"""The job "swipe": a network that types words from swipes."""

from pathlib import Path
from typing import Any

from strokejax.config import Config
from strokejax.data.pipeline import stream
from strokejax.tasks.swipes.job import batches, measure_by, prepare
from strokejax.tasks.swipes.job_swipe_finish import finish
from strokejax.tasks.swipes.job_swipe_scoring import Scoring
from strokejax.train.distributed import together
from strokejax.train.distributed_partitioning import (
    check_batch_size,
    data_mesh,
    local_slice,
)
from strokejax.train.job_training import plan_of, train_by
from strokejax.train.job_workdir import check_owner, claim
from strokejax.train.steps import make_step


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
