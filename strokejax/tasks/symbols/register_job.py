"""The job that registers a symbol on a training run: checkpoint in, new one out."""

import json
import shutil
import sys
import time
import uuid
from contextlib import closing
from html import escape
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from ml_collections import ConfigDict

from strokejax.config import Config, default_config
from strokejax.ink.variants import ignored
from strokejax.registration.registry import add, prepare
from strokejax.report.drawings import table
from strokejax.report.page import percent, write_page
from strokejax.store.model import StoredModel, load_model
from strokejax.store.paths import CURRENT, PACKAGED, resolve
from strokejax.tasks.symbols.command import read_drawings
from strokejax.train.checkpoint import BEST, LAST, Checkpoints
from strokejax.train.job import check_owner, claim
from strokejax.train.state import TrainState, create_state
from strokejax.train.table_setup import optimizer_of
from strokejax.types import InputError


def register(config: Config, workdir: Path, started: float) -> dict[str, Any]:
    """Registers `config.symbol`; returns the job's last line.

    The encoder and its statistics stay as they are, bit for bit: of the checkpoint one
    row moves, of the model one version is new.
    """
    if jax.process_count() > 1:
        raise InputError("Registering a symbol is the work of one process; start one.")
    source = _source(config)
    check_owner(workdir, config)
    drawings, sources = read_drawings([config.symbol.samples])
    claim(workdir, config)
    model = workdir / "model"
    if not (model / CURRENT).exists():
        _copy(resolve(source), model)
    given = prepare(
        config.symbol.name,
        drawings,
        sources,
        config.symbol.usual_size or None,
        ignored(config.symbol.ignore, "config.symbol.ignore"),
    )
    version, told = add(
        model,
        [given],
        "register",
        method=config.symbol.method,
        force=config.symbol.force,
        skip_known=True,  # the same command goes on where it was stopped
    )
    metrics = {"version": version} | (told[0] if told else {"symbol": given.name})
    stored = load_model(model)
    step = _checkpoint(config, source, workdir, stored)
    report = workdir / "report.html"
    _report(report, config, metrics)
    print(f"The model:  {model}\nThe report: {report}", file=sys.stderr)
    return {
        "job": config.job,
        "workdir": str(workdir),
        "report": str(report),
        "checkpoint": str(workdir / "checkpoints"),
        "model": str(model),
        "steps": step,
        "seconds": round(time.time() - started, 1),
        "metrics": metrics,
    }


def _source(config: Config) -> Path:
    """The run or model to start from; InputError for settings that are missing."""
    for name in ("name", "samples"):
        if not config.symbol[name]:
            raise InputError(
                f"config.symbol.{name} is empty; set --config.symbol.name=NAME and "
                f"--config.symbol.samples=FILE_OR_FOLDER."
            )
    init = config.model.init
    if init == "none":
        raise InputError(
            "config.model.init='none' has nothing to register a symbol in; name a run, "
            "a model, or 'packaged'."
        )
    return PACKAGED / "nn-sampling" if init == "packaged" else Path(init)


def _copy(folder: Path, model: Path) -> None:
    temporary = model.with_name(f".{model.name}-{uuid.uuid4().hex}")
    shutil.copytree(folder, temporary)
    temporary.rename(model)


def _checkpoint(
    config: Config, source: Path, workdir: Path, stored: StoredModel
) -> int:
    """Saves the source's best state with the new rows; its number of steps."""
    settings, state = config, None
    if (source / "config.json").exists():
        settings = ConfigDict(json.loads((source / "config.json").read_text()))
        before = load_model(source)
        with closing(Checkpoints(source)) as checkpoints:
            like = fresh_state(settings, before)
            restored = checkpoints.restore(BEST, like) or checkpoints.restore(
                LAST, like
            )
            state = restored.state if restored else None
    if state is None:
        state = fresh_state(settings, stored)
    state = _with_rows(state, stored.table["embeddings"])
    with closing(Checkpoints(workdir)) as checkpoints:
        for kind in (LAST, BEST):
            checkpoints.save(kind, state, {})
    return int(state.step)


def fresh_state(config: Config, stored: StoredModel) -> TrainState:
    """A fresh state of a model's shapes, on the device."""
    params = {"encoder": stored.encoder, "table": stored.table}
    params, model_state = jax.tree.map(jnp.asarray, (params, stored.model_state))
    optim = config.optim if "optim" in config else default_config().optim
    optimizer, _ = optimizer_of(optim, params, steps=1)
    return create_state(params, model_state, optimizer, jax.random.key(config.seed))


def _with_rows(state: TrainState, rows: np.ndarray) -> TrainState:
    """The state with these rows in its table; new ones have no history of training."""
    more = len(rows) - len(state.params["table"]["embeddings"])

    def longer(path, leaf):
        if not more or getattr(path[-1], "key", None) != "embeddings":
            return leaf
        return jnp.pad(leaf, ((0, more), (0, 0)))

    opt_state = jax.tree_util.tree_map_with_path(longer, state.opt_state)
    table = state.params["table"] | {"embeddings": jnp.asarray(rows)}
    params = state.params | {"table": table}
    return state._replace(params=params, opt_state=opt_state)


def _report(path: Path, config: Config, metrics: dict[str, Any]) -> None:
    loss = metrics.get("old_loss", {"mean": 0.0, "worst": 0.0})
    cards = [
        ("symbol", escape(metrics["symbol"]), f"version {metrics['version']}"),
        ("drawings", str(metrics.get("samples", "")), "its own"),
        ("others lose", percent(loss["mean"]), f"worst {percent(loss['worst'])}"),
    ]
    confusions = metrics.get("confusions", [])
    rows = [(escape(each["symbol"]), percent(each["rate"])) for each in confusions]
    told = table(("symbol", "about"), rows) if rows else "<p>Nothing it looks like.</p>"
    write_page(path, f"{config.symbol.name} registered", cards, {"Taken for": told})
