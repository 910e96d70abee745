"""The training loop: effects in order, nothing else."""

import math
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import jax

from strokejax.train.checkpoint import BEST, LAST, Checkpoints
from strokejax.train.distributed import any_process, to_host
from strokejax.train.logging import MetricWriter, Progress
from strokejax.train.state import TrainState
from strokejax.types import Batch, InputError


class Plan(NamedTuple):
    """How long, and what happens when; in steps where nothing else is said."""

    steps: int
    epoch: int
    batch_size: int
    log_every: int
    checkpoint_every: int
    patience: int = 0
    """Evaluations without a better score before stopping; 0 = never."""
    profile: tuple[int, int] | None = None
    """First and last step of a trace."""
    best_by: str = "top1"
    """Which score of an evaluation tells the best state, the higher the better."""


class Stopped(Exception):
    """The process was asked to stop; everything is saved."""


def train(
    state: TrainState,
    step_fn: Callable[[TrainState, Batch], tuple[TrainState, dict[str, jax.Array]]],
    batches: Iterator[Batch],
    evaluate: Callable[[TrainState], dict[str, float]],
    *,
    plan: Plan,
    learning_rate: Callable[[int], Any],
    checkpoints: Checkpoints,
    writers: Sequence[MetricWriter],
    progress: dict[str, Any],
    trace_dir: str = "",
) -> TrainState:
    """Runs from `state.step` to the plan's end, or until the patience is used up.

    `batches` yields global batches from that step on; `evaluate(state)` runs once an
    epoch and returns scores, `plan.best_by` among them. `progress` is what an
    earlier part of the run left in its checkpoint. On SIGTERM or Ctrl-C everything is
    saved and `Stopped` raised; InputError where the loss is not a number.
    """
    step = int(state.step)
    progress = {"best": -1.0, "waited": 0} | progress
    bar = None
    if jax.process_index() == 0:
        bar = Progress(plan.steps, step, batch_size=plan.batch_size)
    log = _Log(writers, bar)
    with _StopSignal(plan.log_every) as stop:
        while step < plan.steps and not 0 < plan.patience <= progress["waited"]:
            step += 1
            _trace(plan.profile, step, trace_dir)
            with jax.transfer_guard("disallow"):
                state, metrics = step_fn(state, next(batches))
            if step % plan.log_every == 0 or step == plan.steps:
                log.push(step, metrics, learning_rate(step - 1))
            if step % plan.epoch == 0 or step == plan.steps:
                scores = log.epoch(step, step / plan.epoch, evaluate, state)
                score = scores[plan.best_by]
                better = score > progress["best"]
                progress["best"] = max(progress["best"], score)
                progress["waited"] = 0 if better else progress["waited"] + 1
                if better:
                    checkpoints.save(BEST, state, progress)
            done = step == plan.steps or 0 < plan.patience <= progress["waited"]
            asked = stop.asked(step)
            if step % plan.checkpoint_every == 0 or done or asked:
                log.flush()  # else a run that goes on from here lacks this step's line
                checkpoints.save(LAST, state, progress)
            if asked and not done:
                log.close()
                checkpoints.close()
                raise Stopped(f"stopped after step {step} of {plan.steps}, saved")
    log.close()
    return state


class _Log:
    """Writes a step's metrics when the next ones are due: the device never waits."""

    def __init__(self, writers: Sequence[MetricWriter], bar: Progress | None):
        self._writers, self._bar = writers, bar
        self._waiting: tuple[int, dict[str, Any], float] | None = None
        self._since = time.perf_counter()

    def push(self, step: int, metrics: dict[str, Any], learning_rate: Any) -> None:
        self.flush()
        self._waiting = (step, metrics, float(learning_rate))

    def flush(self) -> None:
        if self._waiting is None:
            return
        step, metrics, learning_rate = self._waiting
        values = {name: float(x) for name, x in to_host(metrics).items()}
        self._write(step, values | {"learning_rate": learning_rate})
        if self._bar is not None:
            self._bar.update(step, loss=values["loss"], top1=values["top1"])
        self._waiting = None
        if not math.isfinite(values["loss"]):
            raise InputError(
                f"The loss is {values['loss']} at step {step}, and no step mends that; "
                f"lower config.optim.learning_rate or set config.optim.clip_norm, and "
                f"start again in another --workdir."
            )

    def epoch(self, step, epoch, evaluate, state) -> dict[str, float]:
        """Evaluates; the epoch's seconds are those of training alone."""
        jax.block_until_ready(state.step)
        seconds = time.perf_counter() - self._since
        self.flush()
        scores = evaluate(state)
        more = {"epoch": epoch, "epoch_seconds": seconds}
        self._write(step, {f"valid_{k}": v for k, v in scores.items()} | more)
        self._since = time.perf_counter()
        return scores

    def close(self) -> None:
        self.flush()
        if self._bar is not None:
            self._bar.close()

    def _write(self, step: int, values: dict[str, float]) -> None:
        for writer in self._writers:
            writer.write(step, values)


class _StopSignal:
    """Remembers SIGTERM and SIGINT; all processes of a job stop at the same step."""

    def __init__(self, every: int):
        self._every, self._seen, self._old = every, False, {}

    def __enter__(self):
        for name in (signal.SIGTERM, signal.SIGINT):
            self._old[name] = signal.signal(name, self._remember)
        return self

    def __exit__(self, *_):
        for name, handler in self._old.items():
            signal.signal(name, handler)

    def _remember(self, number, frame):
        if self._seen and number == signal.SIGINT:
            raise KeyboardInterrupt
        self._seen = True

    def asked(self, step: int) -> bool:
        if jax.process_count() == 1:
            return self._seen
        return step % self._every == 0 and any_process(self._seen)


def _trace(profile: tuple[int, int] | None, step: int, directory: str) -> None:
    if profile is None:
        return
    first, last = profile
    if step == first:
        jax.profiler.start_trace(directory)
    elif step == last + 1:
        jax.profiler.stop_trace()
