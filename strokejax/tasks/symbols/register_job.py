"""The job `register`: adds a symbol to the table of a training run."""

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

from strokejax.ink.variants import parse_ignore
from strokejax.registration.registry import add, prepare
from strokejax.report.drawings import table
from strokejax.report.page import percent, write_page
from strokejax.settings import SHARED, Config
from strokejax.store.model import StoredModel, load_model
from strokejax.store.paths import CURRENT, PACKAGED, resolve
from strokejax.tasks.symbols.command import read_drawings
from strokejax.train.checkpoint import BEST, LAST, Checkpoints
from strokejax.train.job import check_owner, claim
from strokejax.train.optim import optimizer_of
from strokejax.train.state import TrainState, create_state
from strokejax.types import InputError


def register(config: Config, workdir: Path, started: float) -> dict[str, Any]:
    """Registers `config.symbol`; returns the job's last line.

    `workdir` gets a copy of the model `config.model.init` with one new version, and a
    checkpoint in which one row of the table moves. The encoder and its statistics stay
    bit for bit as they are. `started` is the start of the process, in seconds of
    `time.time`. InputError for missing settings, for drawings that cannot be used and
    where other symbols lose too much, unless `config.symbol.force`.
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
    symbol = prepare(
        config.symbol.name,
        drawings,
        sources,
        config.symbol.reference_size or None,
        parse_ignore(config.symbol.ignore, "config.symbol.ignore"),
    )
    # `skip_known` lets a job that was stopped be started again.
    version, coaching = add(
        model,
        [symbol],
        "register",
        method=config.symbol.method,
        force=config.symbol.force,
        skip_known=True,
    )
    metrics = {"version": version} | (coaching or [{"symbol": symbol.name}])[0]
    step = _checkpoint(config, source, workdir, load_model(model))
    report = workdir / "report.html"
    _write_report(report, config, metrics)
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
            "config.model.init='none' has no table to register a symbol in; name a "
            "run, a model, or 'packaged'."
        )
    return PACKAGED / "nn-sampling" if init == "packaged" else Path(init)


def _copy(folder: Path, model: Path) -> None:
    """Copies a folder so that `model` is complete or does not exist."""
    temporary = model.with_name(f".{model.name}-{uuid.uuid4().hex}")
    shutil.copytree(folder, temporary)
    temporary.rename(model)


# The checkpoint: the source's state with the new table.


def _checkpoint(
    config: Config, source: Path, workdir: Path, stored: StoredModel
) -> int:
    """Saves the source's best state with the new rows; returns its number of steps."""
    settings, state = config, None
    if (source / "config.json").exists():
        settings = ConfigDict(json.loads((source / "config.json").read_text()))
        template = fresh_state(settings, load_model(source))
        with closing(Checkpoints(source)) as checkpoints:
            restored = checkpoints.restore(BEST, template)
            restored = restored or checkpoints.restore(LAST, template)
            state = restored.state if restored else None
    if state is None:
        state = fresh_state(settings, stored)
    state = _with_rows(state, stored.table["embeddings"])
    with closing(Checkpoints(workdir)) as checkpoints:
        for kind in (LAST, BEST):
            checkpoints.save(kind, state, {})
    return int(state.step)


def fresh_state(config: Config, stored: StoredModel) -> TrainState:
    """A state of step 0 with a model's weights, on the device."""
    params = {"encoder": stored.encoder, "table": stored.table}
    params, model_state = jax.tree.map(jnp.asarray, (params, stored.model_state))
    # A config may come without the section `optim`.
    defaults = {name: field.default for name, field in SHARED["optim"].items()}
    optim = config.optim if "optim" in config else ConfigDict(defaults)
    optimizer, _ = optimizer_of(optim, params, steps=1)
    return create_state(params, model_state, optimizer, jax.random.key(config.seed))


def _with_rows(state: TrainState, rows: np.ndarray) -> TrainState:
    """The state with `rows` f32[c d] as its table; optimizer moments of new rows are 0.

    The capacity c may be larger than before, never smaller.
    """
    added = len(rows) - len(state.params["table"]["embeddings"])

    def pad(path, leaf):
        # Moments of the table are the leaves that share the table's name.
        if not added or getattr(path[-1], "key", None) != "embeddings":
            return leaf
        return jnp.pad(leaf, ((0, added), (0, 0)))

    opt_state = jax.tree_util.tree_map_with_path(pad, state.opt_state)
    table = state.params["table"] | {"embeddings": jnp.asarray(rows)}
    params = state.params | {"table": table}
    return state._replace(params=params, opt_state=opt_state)


def _write_report(path: Path, config: Config, metrics: dict[str, Any]) -> None:
    loss = metrics.get("old_loss", {"mean": 0.0, "worst": 0.0})
    cards = [
        ("symbol", escape(metrics["symbol"]), f"version {metrics['version']}"),
        ("drawings", str(metrics.get("samples", "")), "of the symbol"),
        ("others lose", percent(loss["mean"]), f"worst {percent(loss['worst'])}"),
    ]
    rows = [
        (escape(confusion["symbol"]), percent(confusion["rate"]))
        for confusion in metrics.get("confusions", [])
    ]
    section = table(("symbol", "about"), rows) if rows else "<p>No look-alikes.</p>"
    write_page(path, f"{config.symbol.name} registered", cards, {"Taken for": section})
