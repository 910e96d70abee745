"""The end of a job: final figures, the report page, the model to use."""

import shlex
import sys
import time
from pathlib import Path
from typing import Any

import jax
import numpy as np

from strokejax import __version__
from strokejax.config import Config
from strokejax.data.dataset import Dataset
from strokejax.evaluation.scores import summary
from strokejax.ink.formats import pack
from strokejax.ink.resample import resample
from strokejax.ink.synthesis.handwriting_scribbles import scribble
from strokejax.networks.functions import to_images
from strokejax.registration.rows import calibrate
from strokejax.report.run import write_report
from strokejax.store.model import Calibration, StoredModel, no_calibration, save_model
from strokejax.table.symbols import SymbolTable
from strokejax.tasks.fonts.data import mirrored
from strokejax.tasks.fonts.finder import CLASSES, OWN_DISTANCE
from strokejax.tasks.fonts.job import with_means
from strokejax.train.distributed import together
from strokejax.train.distributed_partitioning import to_host
from strokejax.train.logging import read_jsonl
from strokejax.train.state import TrainState
from strokejax.train.steps_evaluate import Predictions
from strokejax.train.table_scoring_scoring import Scoring, names_of
from strokejax.train.table_setup import Setup

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
