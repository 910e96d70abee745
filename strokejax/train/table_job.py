"""The training of a table and its encoder, for tasks that answer with nearest rows."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np
from jax.sharding import Mesh

from strokejax.data.dataset import Dataset
from strokejax.data.pipeline import train_batches
from strokejax.evaluation.scores import summary
from strokejax.ink.augment import Augment
from strokejax.networks.functions import to_images
from strokejax.networks.spec import build_encoder
from strokejax.networks.summary import summary as layers_of
from strokejax.report.run import write_report
from strokejax.settings import PAIR_LOSSES, Config
from strokejax.store.model import StoredModel
from strokejax.table.losses import class_weights
from strokejax.table.rejection import Calibration, calibrate, no_calibration
from strokejax.table.symbols import SymbolTable
from strokejax.train.distributed import local_slice, to_host
from strokejax.train.job import Job, Result
from strokejax.train.logging import read_jsonl
from strokejax.train.objective import Objective
from strokejax.train.state import TrainState
from strokejax.train.steps import make_train_step
from strokejax.train.table_scoring import Scoring, names_of
from strokejax.train.table_setup import Setup, prepare
from strokejax.types import Batch, Encoder

CALIBRATION, BACKGROUND = 6_000, 2_048
"""Training and background examples that rejection is calibrated on."""
HEADLINE = ("n", "top1", "top3", "top5", "interval95", "twins_merged")
"""Scores of `summary` that become metrics of the model."""


class FinalState(NamedTuple):
    """The best state with new rows."""

    state: TrainState
    trained: np.ndarray
    """f32[c d]: the trained rows, which the calibration of the model keeps."""
    figures: dict[str, Any]
    """Additional metrics."""


class Hooks(NamedTuple):
    """The parts of a table's training that depend on the task."""

    load: Callable[[Config], tuple[Dataset, Dataset, Dataset]]
    """Loads the training, validation and test set."""
    background: Callable[[Config, Dataset, np.random.Generator], Dataset]
    """Makes examples of no symbol; it gets examples of known symbols."""
    use: str
    """The command that uses the model, without --model."""
    unseen: str = "that training never saw"
    """A clause of the summary: how test examples differ from training examples."""
    twins: bool = True
    """Whether the summary has the accuracy with look-alikes merged."""
    build: Callable[..., Encoder] = build_encoder
    length: int = 0
    """Width of the network's pictures, 0 for drawings."""
    finalize: Callable[[Config, Setup, Scoring, TrainState], FinalState] | None = None
    """Replaces the rows of the best state."""
    about: Callable[[Setup, dict[str, Any]], dict[str, Any]] | None = None
    """Makes additional provenance of the model from its metrics."""


def table_job(config: Config, mesh: Mesh, workdir: Path, hooks: Hooks) -> Job:
    """The job of a config: data, network and table, ready to train."""
    setup = prepare(config, hooks.load, hooks.build, hooks.length)

    def step(optimizer: Any):
        objective, spec = _objective(config, setup), _augment(config)
        return make_train_step(setup.encoder, optimizer, objective, setup.trained, spec)

    return Job(
        data=setup.train_set.name,
        about=f"{setup.train_set}\nheld-out {setup.valid_set!r}\n{_network(setup)}",
        examples=len(setup.train_set),
        params=setup.params,
        model_state=setup.model_state,
        step=step,
        batches=lambda start: _batches(config, setup, start),
        scoring=lambda start: Scoring(config, setup, mesh, workdir, start),
        finish=lambda scores, state: _finish(config, hooks, setup, scores, state),
        use=hooks.use,
    )


def _network(setup: Setup) -> str:
    """The layers of the network as text."""
    inputs = {name: leaf[:1] for name, leaf in setup.train_set.inputs.items()}
    weights = setup.params["encoder"], setup.model_state
    layers = layers_of(setup.encoder, *weights, inputs)
    return f"{setup.spec.architecture}: {layers}"


def _batches(config: Config, setup: Setup, start: int) -> Iterator[Batch]:
    """This process's batches from step `start` on, by class for a pair loss."""
    by_class = config.loss.name in PAIR_LOSSES
    return train_batches(
        setup.train_set,
        config.loop.batch_size,
        seed=config.seed,
        start=start,
        rows=local_slice(config.loop.batch_size),
        classes=config.loss.classes_per_batch if by_class else 0,
        repeat=config.loop.overfit_batches,
    )


def _objective(config: Config, setup: Setup) -> Objective:
    loss = config.loss
    capacity, kinds = setup.symbols.capacity, setup.train_set.kinds
    counts = np.bincount(setup.train_set.labels, minlength=capacity)
    counts = counts.astype(np.float32)
    prior = np.log(np.maximum(counts, 1) / max(counts.sum(), 1))
    if kinds is not None:
        kinds = np.pad(kinds, (0, capacity - len(kinds)), constant_values=-1)
    return Objective(
        config.mode,
        loss.label_smoothing,
        loss.learn_scale,
        weights=class_weights(counts) if loss.class_weights else None,
        origin=setup.origin,
        log_prior=np.float32(loss.prior) * prior if loss.prior else None,
        loss=loss.name,
        margin=loss.margin,
        # Half of the examples of each class are the support set of an episode.
        shots=max(1, config.loop.batch_size // loss.classes_per_batch // 2),
        kinds=kinds,
        kinds_weight=loss.category,
    )


def _augment(config: Config) -> Augment | None:
    settings = dict(config.augment)
    if not settings.pop("enabled") or config.sanity != "none":
        return None
    return Augment(**settings)


def _finish(
    config: Config, hooks: Hooks, setup: Setup, scoring: Scoring, state: TrainState
) -> Result:
    """Metrics on the test set, the report and the model of the best state."""
    state, trained, more = scoring.inference_state(state), None, {}
    if hooks.finalize and config.mode != "argmax":
        state, trained, more = hooks.finalize(config, setup, scoring, state)
    dataset = setup.test_set
    predicted = scoring.predict(state, dataset)
    figures = summary(
        predicted.names(dataset.symbols),
        names_of(dataset),
        dataset.groups,
        dataset.group_kind,
    )
    metrics = {name: figures[name] for name in HEADLINE} | more
    calibrated = _calibrated(config, hooks, setup, scoring, state)
    if calibrated and trained is not None:
        calibrated = calibrated[0]._replace(rows=trained), *calibrated[1:]

    def model(weights: TrainState, about: dict[str, Any]) -> StoredModel:
        extra = hooks.about(setup, metrics) if hooks.about else {}
        return _model(config, setup, weights, about | extra, calibrated)

    def report(path: Path, command: str, seconds: float) -> None:
        timeline, shown = scoring.timeline_rows()
        write_report(
            path,
            title=f"{config.job} on {setup.train_set.name}, {config.mode}",
            config=config.to_dict(),
            history=read_jsonl(path.with_name("metrics.jsonl")),
            symbols=dataset.symbols,
            truth=dataset.labels,
            ranked=predicted.slot,
            z=predicted.out,
            images=_pictures(setup, dataset),
            timeline=timeline,
            timeline_images=_pictures(setup, setup.valid_set.take(shown)),
            summary=figures,
            seconds=seconds,
            command=command,
        )

    return Result(metrics, _summary(hooks, dataset, metrics), state, model, report)


def _model(
    config: Config,
    setup: Setup,
    state: TrainState,
    about: dict[str, Any],
    calibrated: tuple[Calibration, np.ndarray, np.ndarray] | None,
) -> StoredModel:
    """The model to store; the weights of the state are numpy arrays."""
    slots, calibration = to_host(setup.slots), no_calibration({}, setup.spec.out_dim)
    active = list(setup.symbols.active)
    # In a mixture, the rows of the other data sets only help training: drop them.
    capacity = max(config.model.capacity, 1 + max(active, default=0))
    origin = np.full(setup.symbols.capacity, -1, np.int32)
    if calibrated:
        calibration, radius, scale = calibrated
        calibration = calibration._replace(rows=calibration.rows[:capacity])
        slots = slots._replace(radius=radius, scale=scale)
        origin[active] = active
    slots = type(slots)(*(leaf[:capacity] for leaf in slots))
    table = dict(state.params["table"])
    if table:
        table["embeddings"] = table["embeddings"][:capacity]
        table.pop("other_log_scales", None)
    return StoredModel(
        setup.spec,
        state.params["encoder"],
        state.model_state,
        table,
        slots,
        SymbolTable(setup.symbols.names[:capacity]),
        about,
        calibration,
        origin[:capacity],
        change={"verb": config.job, "made": about["made"]},
    )


def _calibrated(
    config: Config, hooks: Hooks, setup: Setup, scoring: Scoring, state: TrainState
) -> tuple[Calibration, np.ndarray, np.ndarray] | None:
    """The result of `calibrate` on training examples; None for a class head."""
    if config.mode == "argmax":
        return None
    dataset = setup.train_set
    rng = np.random.default_rng(config.seed)
    dataset = dataset.take(rng.permutation(len(dataset))[:CALIBRATION])
    z = scoring.predict(state, dataset).out
    background = scoring.predict(state, hooks.background(config, dataset, rng)).out
    rows = to_host(state.params["table"]["embeddings"])
    known = np.asarray(setup.slots.active)[dataset.labels]
    return calibrate(z[known], dataset.labels[known], rows, background)


def _pictures(setup: Setup, dataset: Dataset) -> np.ndarray:
    """f32[n h w]: the pictures that the network gets."""
    draw = jax.jit(lambda inputs: to_images(inputs, **setup.spec.raster)[..., 0])
    # In parts of up to 1,024 pictures, to bound the memory.
    indices = np.array_split(np.arange(len(dataset)), -(-len(dataset) // 1024))
    parts = [jax.device_get(draw(dict(dataset.take(i).inputs))) for i in indices]
    return np.concatenate(parts)


def _summary(hooks: Hooks, dataset: Dataset, metrics: dict[str, Any]) -> str:
    """The metrics as text for the terminal."""
    low, high = metrics["interval95"]
    groups = len(np.unique(dataset.groups))
    twins = f", twins merged {metrics['twins_merged']:.3f}" if hooks.twins else ""
    return (
        f"{dataset.name}, {metrics['n']:,} examples by {groups} {dataset.group_kind}s "
        f"{hooks.unseen}:\n"
        f"  top-1 {metrics['top1']:.3f} [{low:.3f}, {high:.3f}], "
        f"top-3 {metrics['top3']:.3f}{twins}"
    )
