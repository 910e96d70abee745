"""After the training of a typist: its scores, its model, its report."""

import sys
import time
from pathlib import Path
from typing import Any

import jax
import numpy as np

from strokejax import __version__
from strokejax.config import Config
from strokejax.job.swipe_setup import Setup
from strokejax.model_store import StoredModel, no_calibration, save_model
from strokejax.partitioning import to_host
from strokejax.processes import together
from strokejax.state import TrainState
from strokejax.symbols import SymbolTable
from strokejax.table import init_slots

END = "end"
"""The name of the output that ends a word."""


def finish(
    config: Config,
    workdir: Path,
    setup: Setup,
    state: TrainState,
    figures: dict[str, Any],
    started: float,
) -> dict[str, Any]:
    """The model of the best state, and its scores."""
    paths = {"checkpoint": workdir / "checkpoints", "model": workdir / "model"}
    params = to_host(state.params)
    with together():
        if jax.process_index() == 0:
            about = {
                "job": config.job,
                "data": f"synthetic swipes on {config.swipe.layouts}",
                "seed": config.seed,
                "step": int(state.step),
                "made": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
                "strokejax": __version__,
                "metrics": figures,
            }
            save_model(paths["model"], stored_typist(setup, params["encoder"], about))
            _tell(setup, figures, paths)
    seconds = round(time.time() - started, 1)
    return {k: str(v) for k, v in paths.items()} | {
        "seconds": seconds,
        "metrics": figures,
    }


def stored_typist(setup: Setup, encoder: Any, about: dict[str, Any]) -> StoredModel:
    """Weights as numpy arrays, as a model to store."""
    count = setup.spec.out_dim
    return StoredModel(
        setup.spec,
        encoder,
        {},
        {},
        to_host(init_slots(np.zeros(count, bool), 1)),
        SymbolTable((*setup.letters, END)),
        about,
        no_calibration({}, 1),
        np.full(count, -1, np.int32),
        change={"verb": "swipe", "made": about["made"]},
    )


def _tell(setup: Setup, figures: dict[str, Any], paths: dict[str, Path]) -> None:
    low, high = figures["interval95"]
    print(
        f"{figures['n']:,} synthetic swipes on {setup.keys.name} that training never "
        f"saw:\n"
        f"  the right word first {figures['top1']:.3f} [{low:.3f}, {high:.3f}], among "
        f"four {figures['top4']:.3f}, MRR {figures['mrr']:.3f}\n"
        f"The model:  {paths['model']}  (strokejax swipe type FILE --model "
        f"{paths['model']})",
        file=sys.stderr,
    )
