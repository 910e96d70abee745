"""The training loop: it runs the steps, evaluates, logs and saves checkpoints."""

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
    """Length and intervals of a training, in steps unless a field says otherwise."""

    steps: int
    epoch: int
    batch_size: int
    log_every: int
    checkpoint_every: int
    patience: int = 0
    """Evaluations without a better score before stopping; 0: no stop."""
    profile: tuple[int, int] | None = None
    """First and last step to trace."""
    best_by: str = "top1"
    """The score that selects the best state; higher is better."""


class Stopped(Exception):
    """A signal stopped the process; the state is saved."""


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
    """Trains from `state.step` to the end of the plan, or until patience runs out.

    `batches` yields global batches from that step on. `evaluate(state)` runs once per
    epoch and returns scores, `plan.best_by` among them. `progress` comes from the
    checkpoint of a resumed run. On SIGTERM or Ctrl-C the state is saved and `Stopped`
    is raised; InputError if the loss is not finite.
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
            stopping = stop.requested(step)
            if step % plan.checkpoint_every == 0 or done or stopping:
                log.flush()  # a run resumed from here would lack this step's line
                checkpoints.save(LAST, state, progress)
            if stopping and not done:
                log.close()
                checkpoints.close()
                raise Stopped(f"stopped after step {step} of {plan.steps}, saved")
    log.close()
    return state


class _Log:
    """Writes metrics one log interval late, so that the device never waits for them."""

    def __init__(self, writers: Sequence[MetricWriter], bar: Progress | None):
        self._writers, self._bar = writers, bar
        self._pending: tuple[int, dict[str, Any], float] | None = None
        self._since = time.perf_counter()

    def push(self, step: int, metrics: dict[str, Any], learning_rate: Any) -> None:
        self.flush()
        self._pending = (step, metrics, float(learning_rate))

    def flush(self) -> None:
        if self._pending is None:
            return
        step, metrics, learning_rate = self._pending
        values = {name: float(x) for name, x in to_host(metrics).items()}
        self._write(step, values | {"learning_rate": learning_rate})
        if self._bar is not None:
            self._bar.update(step, loss=values["loss"], top1=values["top1"])
        self._pending = None
        if not math.isfinite(values["loss"]):
            raise InputError(
                f"The loss is {values['loss']} at step {step}, from which training "
                f"cannot recover; lower config.optim.learning_rate or set "
                f"config.optim.clip_norm, and start again in another --workdir."
            )

    def epoch(self, step, epoch, evaluate, state) -> dict[str, float]:
        """Evaluates and logs the scores; `epoch_seconds` counts training alone."""
        jax.block_until_ready(state.step)
        seconds = time.perf_counter() - self._since
        self.flush()
        scores = evaluate(state)
        values = {f"valid_{name}": value for name, value in scores.items()}
        self._write(step, values | {"epoch": epoch, "epoch_seconds": seconds})
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
    """Catches SIGTERM and SIGINT; all processes of a job stop at the same step."""

    def __init__(self, every: int):
        self._every, self._received, self._handlers = every, False, {}

    def __enter__(self):
        for number in (signal.SIGTERM, signal.SIGINT):
            self._handlers[number] = signal.signal(number, self._receive)
        return self

    def __exit__(self, *_):
        for number, handler in self._handlers.items():
            signal.signal(number, handler)

    def _receive(self, number, frame):
        # A second Ctrl-C stops at once, without a checkpoint.
        if self._received and number == signal.SIGINT:
            raise KeyboardInterrupt
        self._received = True

    def requested(self, step: int) -> bool:
        """Whether to stop after this step; every `every` steps processes agree."""
        if jax.process_count() == 1:
            return self._received
        return step % self._every == 0 and any_process(self._received)


def _trace(profile: tuple[int, int] | None, step: int, directory: str) -> None:
    if profile is None:
        return
    first, last = profile
    if step == first:
        options = jax.profiler.ProfileOptions()
        # The Python tracer can crash a process whose threads end.
        options.python_tracer_level = 0
        jax.profiler.start_trace(directory, profiler_options=options)
    elif step == last + 1:
        jax.profiler.stop_trace()
