"""The job "lines": a network that reads lines, by CTC or window by window."""

import sys
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import jax

from strokejax.checkpoint import BEST, LAST, Checkpoints
from strokejax.config import Config
from strokejax.data.pipeline import stream
from strokejax.job.line_finish import finish, scores
from strokejax.job.line_setup import Setup, batches, measure_by, prepare
from strokejax.job.run import plan_of, writers_of
from strokejax.job.setup import optimizer_of
from strokejax.job.workdir import check_owner, claim
from strokejax.loop import train
from strokejax.partitioning import check_batch_size, data_mesh, replicate, to_global
from strokejax.processes import together
from strokejax.state import TrainState, create_state
from strokejax.steps import make_step


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
    plan = plan_of(config, data.train.count or config.lines.epoch, "accuracy")
    optimizer, rate = optimizer_of(config.optim, setup.params, plan.steps)
    key = jax.random.key(config.seed)
    state = create_state(setup.params, setup.model_state, optimizer, key)
    state = replicate(state, mesh)
    with ExitStack() as stack:
        checkpoints = Checkpoints(workdir, loop.keep_best)
        stack.enter_context(closing(checkpoints))
        restored = checkpoints.restore(LAST, state)
        state, progress = restored if restored else (state, {})
        start = int(state.step)
        if start and jax.process_index() == 0:
            print(f"Going on after step {start} of {plan.steps}.", file=sys.stderr)
        writers = writers_of(config, workdir, start)
        for writer in writers:
            stack.callback(writer.close)
        at = batches(config, data, loop.batch_size)
        state = train(
            state,
            make_step(setup.encoder, optimizer, measure_by(config)),
            (to_global(b, mesh) for b in stream(at, start, loop.overfit_batches)),
            Scoring(setup),
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
    return line | finish(config, workdir, setup, chosen, started)


class Scoring:
    """Called with a state after each epoch: errors on the held-out lines."""

    def __init__(self, setup: Setup):
        self._setup = setup

    def __call__(self, state: TrainState) -> dict[str, float]:
        """Scores; accuracy is 1 - CER, top1 the share of lines without an error."""
        found = scores(self._setup, state)[0]
        figures = {k: v for k, v in found.items() if isinstance(v, float)}
        return figures | {"accuracy": 1 - found["cer"], "top1": found["exact"]}
