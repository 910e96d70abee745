"""The end of a job: final figures, the report page, the model to use."""

import shlex
import sys
import time
from pathlib import Path
from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh

from strokejax import __version__
from strokejax.config import Config
from strokejax.data.dataset import Dataset
from strokejax.evaluation.scores import merge_twins, summary
from strokejax.ink.formats import pack
from strokejax.ink.resample import resample
from strokejax.ink.synthesis.handwriting import scribble
from strokejax.networks.functions import to_images
from strokejax.registration.rows import calibrate
from strokejax.report.run import write_report
from strokejax.settings import MEANS
from strokejax.store.model import Calibration, StoredModel, no_calibration, save_model
from strokejax.table.symbols import SymbolTable
from strokejax.table.table import unit
from strokejax.tasks.fonts.data import mirrored
from strokejax.tasks.fonts.finder import CLASSES, OWN_DISTANCE
from strokejax.train.distributed import replicate, to_host, together
from strokejax.train.logging import JsonLines, read_jsonl
from strokejax.train.optim import frozen_blocks
from strokejax.train.state import TrainState
from strokejax.train.steps import (
    Predictions,
    batch_statistics,
    make_eval_step,
    make_statistics_step,
    predict,
)
from strokejax.train.table_setup import Setup
from strokejax.types import PyTree

# Rows in closed form, for losses between examples, which train none.


PER_CLASS = 100
"""Examples that a row is the mean of."""
SCALES = np.geomspace(1, 256, 49)


def examples_of(dataset: Dataset, active: np.ndarray, seed: int) -> Dataset:
    """At most `PER_CLASS` examples of each class in bool[c] `active`, at random."""
    order = np.random.default_rng(seed).permutation(len(dataset))
    order = order[np.argsort(dataset.labels[order], kind="stable")]
    labels = dataset.labels[order]
    rank = np.arange(len(order)) - np.searchsorted(labels, labels)
    return dataset.take(np.sort(order[(rank < PER_CLASS) & active[labels]]))


def mean_table(
    z: np.ndarray, labels: np.ndarray, capacity: int
) -> dict[str, np.ndarray]:
    """A table's rows, the normalised sums of z f32[n d] by label, and its log-scale.

    The scale is that of `SCALES` at which these labels are likeliest.
    """
    sums = np.zeros((capacity, z.shape[1]), np.float32)
    np.add.at(sums, labels, unit(z))
    rows = unit(sums)
    used = np.unique(labels)
    cosine = unit(z) @ rows[used].T
    own = np.searchsorted(used, labels)
    loss = [_nll(2 * scale * cosine, own) for scale in SCALES]
    scale = SCALES[int(np.argmin(loss))]
    return {"embeddings": rows, "log_scale": np.array(np.log(scale), np.float32)}


def _nll(logits: np.ndarray, labels: np.ndarray) -> float:
    logits = logits - logits.max(1, keepdims=True)
    own = logits[np.arange(len(labels)), labels]
    return float((np.log(np.exp(logits).sum(1)) - own).mean())


# Scores of a state on the hold-out set, and what the report shows of them.


K = 5
SHOWN = 24
"""Hold-out strokes whose answers are kept after each epoch."""


class Scoring:
    """Called with a state after each epoch: scores on the validation set."""

    def __init__(
        self, config: Config, setup: Setup, mesh: Mesh, workdir: Path, step: int
    ):
        self._config, self._setup, self._mesh = config, setup, mesh
        self._eval_step = make_eval_step(setup.encoder, K)
        self._statistics = make_statistics_step(
            setup.encoder, frozen_blocks(config.optim.train)
        )
        self._slots = replicate(setup.slots, mesh)
        self._examples = None
        if config.loss.name in MEANS:
            active = np.asarray(setup.slots.active)
            self._examples = examples_of(setup.train_set, active, config.seed)
        self._shown = spread_over_classes(setup.valid_set, SHOWN)
        self.timeline = workdir / "timeline.jsonl"
        self._writer = None
        if jax.process_index() == 0:
            self._writer = JsonLines(self.timeline, resume_step=step)

    def settled(self, state: TrainState) -> TrainState:
        """The state as it answers, with what no gradient moves made for its weights:
        BatchNorm's statistics, and the rows where the loss trains none."""
        state = state._replace(model_state=self._model_state(state))
        if self._examples is None:
            return state
        z = self.predict(state, self._examples).out
        table = state.params["table"]
        means = mean_table(z, self._examples.labels, len(table["embeddings"]))
        table = table | replicate(means, self._mesh)
        return state._replace(params=state.params | {"table": table})

    def _model_state(self, state: TrainState) -> PyTree:
        loop = self._config.loop
        return batch_statistics(
            self._statistics,
            state.params,
            state.model_state,
            self._setup.train_set,
            loop.batch_size,
            loop.statistics,
            self._mesh,
        )

    def predict(self, state: TrainState, dataset: Dataset) -> Predictions:
        return predict(
            self._eval_step,
            state.params,
            state.model_state,
            self._slots,
            dataset,
            self._config.loop.batch_size,
            self._mesh,
        )

    def __call__(self, state: TrainState) -> dict[str, float]:
        state = self.settled(state)
        dataset = self._setup.valid_set
        found = self.predict(state, dataset)
        names, truth = found.names(dataset.symbols), names_of(dataset)
        answers = found.slot[self._shown, 0]
        if self._writer is not None:
            shown = {str(i): int(slot) for i, slot in enumerate(answers)}
            self._writer.write(int(state.step), shown)
        hit = names == truth[:, None]
        twins = merge_twins(names[:, 0]) == merge_twins(truth)
        return {
            "loss": float(found.nll.mean()),
            "top1": float(hit[:, 0].mean()),
            "top3": float(hit[:, :3].any(1).mean()),
            "twins_merged": float(twins.mean()),
        }

    def close(self) -> None:
        """Closes the timeline."""
        if self._writer is not None:
            self._writer.close()

    def shown(self) -> tuple[list[dict[str, Any]], np.ndarray]:
        """The timeline as the report wants it, and which examples it is about."""
        symbols = self._setup.valid_set.symbols
        truth = names_of(self._setup.valid_set)[self._shown]
        rows = []
        for i, row in enumerate(read_jsonl(self.timeline)):
            slots = [int(row[str(j)]) for j in range(len(self._shown))]
            answers = [symbols[s] if s >= 0 else "" for s in slots]
            right = [a == t for a, t in zip(answers, truth, strict=True)]
            rows.append({"epoch": i + 1, "answers": answers, "right": right})
        return rows, self._shown


def names_of(dataset: Dataset) -> np.ndarray:
    """str[n]: the true symbols."""
    return np.array(dataset.symbols)[dataset.labels]


def spread_over_classes(dataset: Dataset, count: int) -> np.ndarray:
    """i64[count]: fixed examples, of as many classes as there are, evenly chosen."""
    _, first = np.unique(dataset.labels, return_index=True)
    chosen = np.linspace(0, len(first) - 1, min(count, len(first))).astype(int)
    return first[chosen]


CALIBRATION, BACKGROUND = 6_000, 2_048
"""Examples that symbols' distances are learned from, and scribbles beside them."""
HEADLINE = ("n", "top1", "top3", "top5", "interval95", "twins_merged")


def finish(
    config: Config,
    workdir: Path,
    setup: Setup,
    scoring: Scoring,
    state: TrainState,
    started: float,
) -> dict[str, Any]:
    """Figures on the test set for the best state; its model and the report on disk."""
    state, trained, compared = scoring.settled(state), None, {}
    if config.data.name == "fonts" and config.mode != "argmax":
        from strokejax.tasks.fonts.job import with_means

        state, trained, compared = with_means(config, setup, scoring, state)
    dataset = setup.test_set
    found = scoring.predict(state, dataset)
    figures = summary(
        found.names(dataset.symbols),
        names_of(dataset),
        dataset.groups,
        dataset.group_kind,
    )
    metrics = {name: figures[name] for name in HEADLINE} | compared
    paths = {
        "report": workdir / "report.html",
        "checkpoint": workdir / "checkpoints",
        "model": workdir / "model",
    }
    known = _known(config, setup, scoring, state)
    if known and trained is not None:
        known = known[0]._replace(rows=trained), *known[1:]
    params, model_state = to_host((state.params, state.model_state))
    # The others wait here: a process that ends early takes the rest down with it.
    with together():
        if jax.process_index() == 0:
            weights = state._replace(params=params, model_state=model_state)
            _store(paths["model"], config, setup, weights, metrics, known)
            _report(paths["report"], config, setup, scoring, found, figures, started)
            _tell(dataset, metrics, paths)
    seconds = round(time.time() - started, 1)
    return {k: str(v) for k, v in paths.items()} | {
        "seconds": seconds,
        "metrics": metrics,
    }


def _store(
    path: Path,
    config: Config,
    setup: Setup,
    state: TrainState,
    metrics: dict[str, Any],
    known: tuple[Calibration, np.ndarray, np.ndarray] | None,
) -> None:
    """Exports a state whose weights are numpy arrays."""
    about = {
        "job": config.job,
        "data": setup.train_set.name,
        "seed": config.seed,
        "step": int(state.step),
        "made": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "strokejax": __version__,
        "metrics": metrics,
    }
    if config.data.name == "fonts":
        about[CLASSES] = setup.symbols.symbols
        if OWN_DISTANCE in metrics:
            about[OWN_DISTANCE] = metrics[OWN_DISTANCE]
    slots, calibration = to_host(setup.slots), no_calibration({}, setup.spec.out_dim)
    active = list(setup.symbols.active)
    # Rows that only helped training, those of a mixture's other data sets, stay behind.
    capacity = max(config.model.capacity, 1 + max(active, default=0))
    origin = np.full(setup.symbols.capacity, -1, np.int32)
    if known:
        calibration, reach, spread = known
        calibration = calibration._replace(rows=calibration.rows[:capacity])
        slots = slots._replace(reach=reach, spread=spread)
        origin[active] = active
    slots = type(slots)(*(leaf[:capacity] for leaf in slots))
    table = dict(state.params["table"])
    if table:
        table["embeddings"] = table["embeddings"][:capacity]
        table.pop("other_log_scales", None)
    stored = StoredModel(
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
    save_model(path, stored)


def _known(config: Config, setup: Setup, scoring: Scoring, state: TrainState):
    """What `online.calibrate` returns for training examples; None for a class head."""
    if config.mode == "argmax":
        return None
    dataset = setup.train_set
    rng = np.random.default_rng(config.seed)
    dataset = dataset.take(rng.permutation(len(dataset))[:CALIBRATION])
    z = scoring.predict(state, dataset).out
    background = scoring.predict(state, _strange(config, dataset, rng)).out
    rows = to_host(state.params["table"]["embeddings"])
    known = np.asarray(setup.slots.active)[dataset.labels]
    return calibrate(z[known], dataset.labels[known], rows, background)


def _strange(config: Config, known: Dataset, rng: np.random.Generator) -> Dataset:
    """What is none of the symbols: scribbles, or text in a mirror, a font of no one."""
    if config.data.name == "fonts":
        return mirrored(known.take(np.arange(min(BACKGROUND, len(known)))))
    # Pictures and points are both seen by the network that learned from either.
    packed = pack([scribble(rng) for _ in range(BACKGROUND)])
    return Dataset(
        "scribbles",
        {"points": resample(packed, config.data.points)},
        np.zeros(BACKGROUND, np.int32),
        ("none",),
        np.full(BACKGROUND, "hand"),
        "hand",
    )


def _report(
    path: Path,
    config: Config,
    setup: Setup,
    scoring: Scoring,
    found: Predictions,
    figures: dict[str, Any],
    started: float,
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
        ranked=found.slot,
        z=found.out,
        images=_pictures(setup, dataset),
        timeline=timeline,
        timeline_images=_pictures(setup, setup.valid_set.take(shown)),
        summary=figures,
        seconds=time.time() - started,
        command=shlex.join(["python", "-m", "strokejax.launch", *sys.argv[1:]]),
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


def _tell(dataset: Dataset, metrics: dict[str, Any], paths: dict[str, Path]) -> None:
    verb, unseen = "recognize", "that training never saw"
    twins = f", twins merged {metrics['twins_merged']:.3f}"
    if dataset.kinds is not None:  # of fonts, which training does see
        verb, unseen, twins = "fonts identify", f"in words {unseen}", ""
    low, high = metrics["interval95"]
    groups = len(np.unique(dataset.groups))
    print(
        f"{dataset.name}, {metrics['n']:,} examples by {groups} {dataset.group_kind}s "
        f"{unseen}:\n"
        f"  top-1 {metrics['top1']:.3f} [{low:.3f}, {high:.3f}], "
        f"top-3 {metrics['top3']:.3f}{twins}\n"
        f"The report: {paths['report']}\n"
        f"The model:  {paths['model']}  (strokejax {verb} FILE --model "
        f"{paths['model']})",
        file=sys.stderr,
    )
