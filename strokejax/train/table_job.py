"""The training of a table and its encoder, for tasks whose answers are its rows."""

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
from strokejax.train.steps import Predictions, make_train_step
from strokejax.train.table_scoring import Scoring, names_of
from strokejax.train.table_setup import Setup, prepare
from strokejax.types import Batch, Encoder

CALIBRATION, BACKGROUND = 6_000, 2_048
"""Examples that distances are calibrated on, and background examples beside them."""
HEADLINE = ("n", "top1", "top3", "top5", "interval95", "twins_merged")


class Settled(NamedTuple):
    """The best state with other rows than it was trained with."""

    state: TrainState
    trained: np.ndarray
    """f32[c d]: the rows before, which the model keeps as its calibration's."""
    figures: dict[str, Any]
    """More metrics."""


class Hooks(NamedTuple):
    """What the training of a table is given by its task."""

    load: Callable[[Config], tuple[Dataset, Dataset, Dataset]]
    """Training, validation and test set."""
    background: Callable[[Config, Dataset, np.random.Generator], Dataset]
    """Examples that are none of the symbols, given examples that are."""
    use: str
    """The command that uses the model, without --model."""
    unseen: str = "that training never saw"
    """What is true of the test set's examples."""
    twins: bool = True
    """Whether look-alikes are counted together as well."""
    build: Callable[..., Encoder] = build_encoder
    length: int = 0
    """Width of the pictures that the network sees, 0 for drawings."""
    settle: Callable[[Config, Setup, Scoring, TrainState], Settled] | None = None
    about: Callable[[Setup, dict[str, Any]], dict[str, Any]] | None = None
    """More of the model's provenance, given its metrics."""


def table_job(config: Config, mesh: Mesh, workdir: Path, hooks: Hooks) -> Job:
    """Data, network and table as the config wants them, ready to be trained."""
    setup = prepare(config, hooks.load, hooks.build, hooks.length)

    def step(optimizer: Any):
        objective, spec = _objective(config, setup), _augment(config)
        return make_train_step(setup.encoder, optimizer, objective, setup.trained, spec)

    return Job(
        data=setup.train_set.name,
        about=f"{setup.train_set}\nhold-out {setup.valid_set!r}\n{_network(setup)}",
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
    inputs = {name: leaf[:1] for name, leaf in setup.train_set.inputs.items()}
    weights = setup.params["encoder"], setup.model_state
    layers = layers_of(setup.encoder, *weights, inputs)
    return f"{setup.spec.architecture}: {layers}"


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


def _finish(
    config: Config, hooks: Hooks, setup: Setup, scoring: Scoring, state: TrainState
) -> Result:
    """Figures on the test set for the best state."""
    state, trained, more = scoring.settled(state), None, {}
    if hooks.settle and config.mode != "argmax":
        state, trained, more = hooks.settle(config, setup, scoring, state)
    dataset = setup.test_set
    predicted = scoring.predict(state, dataset)
    figures = summary(
        predicted.names(dataset.symbols),
        names_of(dataset),
        dataset.groups,
        dataset.group_kind,
    )
    metrics = {name: figures[name] for name in HEADLINE} | more
    known = _calibrated(config, hooks, setup, scoring, state)
    if known and trained is not None:
        known = known[0]._replace(rows=trained), *known[1:]

    def model(weights: TrainState, about: dict[str, Any]) -> StoredModel:
        extra = hooks.about(setup, metrics) if hooks.about else {}
        return _model(config, setup, weights, about | extra, known)

    def report(path: Path, command: str, seconds: float) -> None:
        _report(path, config, setup, scoring, predicted, figures, command, seconds)

    return Result(metrics, _summary(hooks, dataset, metrics), state, model, report)


def _model(
    config: Config,
    setup: Setup,
    state: TrainState,
    about: dict[str, Any],
    known: tuple[Calibration, np.ndarray, np.ndarray] | None,
) -> StoredModel:
    """What is stored of a state whose weights are numpy arrays."""
    slots, calibration = to_host(setup.slots), no_calibration({}, setup.spec.out_dim)
    active = list(setup.symbols.active)
    # Rows that only helped training, those of a mixture's other data sets, stay behind.
    capacity = max(config.model.capacity, 1 + max(active, default=0))
    origin = np.full(setup.symbols.capacity, -1, np.int32)
    if known:
        calibration, radius, scale = known
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
    """What `calibrate` returns for training examples; None for a class head."""
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


def _report(
    path: Path,
    config: Config,
    setup: Setup,
    scoring: Scoring,
    predicted: Predictions,
    figures: dict[str, Any],
    command: str,
    seconds: float,
) -> None:
    dataset = setup.test_set
    timeline, shown = scoring.shown()
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


def _pictures(setup: Setup, dataset: Dataset) -> np.ndarray:
    """f32[n h w]: what the network sees."""
    draw = jax.jit(lambda inputs: to_images(inputs, **setup.spec.raster)[..., 0])
    step = 1024
    parts = [
        jax.device_get(draw(dict(dataset.take(rows).inputs)))
        for rows in np.array_split(np.arange(len(dataset)), -(-len(dataset) // step))
    ]
    return np.concatenate(parts)


def _summary(hooks: Hooks, dataset: Dataset, metrics: dict[str, Any]) -> str:
    low, high = metrics["interval95"]
    groups = len(np.unique(dataset.groups))
    twins = f", twins merged {metrics['twins_merged']:.3f}" if hooks.twins else ""
    return (
        f"{dataset.name}, {metrics['n']:,} examples by {groups} {dataset.group_kind}s "
        f"{hooks.unseen}:\n"
        f"  top-1 {metrics['top1']:.3f} [{low:.3f}, {high:.3f}], "
        f"top-3 {metrics['top3']:.3f}{twins}"
    )
