"""After the training of a typist: its scores, its model, its report."""

import shlex
import sys
import time
from pathlib import Path
from typing import Any

import jax
import numpy as np

from strokejax import __version__
from strokejax.config import Config
from strokejax.store.model import StoredModel, no_calibration, save_model
from strokejax.table.symbols import SymbolTable
from strokejax.table.table import init_slots
from strokejax.tasks.swipes.decode_ranking import USUAL
from strokejax.tasks.swipes.job import Setup
from strokejax.tasks.swipes.job_swipe_scoring import Scoring
from strokejax.tasks.swipes.report import Look, evenly, write_swipe_report
from strokejax.tasks.swipes.report_swipe_looks import looked
from strokejax.tasks.swipes.report_swipe_sheet import attention_picture
from strokejax.tasks.swipes.typist import Guess
from strokejax.train.distributed import together
from strokejax.train.distributed_partitioning import to_host
from strokejax.train.logging import read_jsonl
from strokejax.train.state import TrainState

BEAMS = (1, 6)
"""Numbers of words followed that the report compares with the usual one."""
LOOKS = 4
"""Pictures of which points made which letter."""
END = "end"
"""The name of the output that ends a word."""


def finish(
    config: Config,
    workdir: Path,
    setup: Setup,
    state: TrainState,
    scoring: Scoring,
    started: float,
) -> dict[str, Any]:
    """The model of the best state, its scores and the report."""
    paths = {
        "report": workdir / "report.html",
        "checkpoint": workdir / "checkpoints",
        "model": workdir / "model",
    }
    state = state._replace(params=to_host(state.params))
    typed = scoring.typed(scoring.typist(state))
    figures = scoring.scores(typed)
    with together():
        if jax.process_index() == 0:
            about = {
                "job": config.job,
                "data": f"{_kind(setup)} on {config.swipe.layouts}",
                "seed": config.seed,
                "step": int(state.step),
                "made": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
                "strokejax": __version__,
                "metrics": figures,
            }
            save_model(
                paths["model"], stored_typist(setup, state.params["encoder"], about)
            )
            write_swipe_report(
                paths["report"],
                title=f"swipes on {config.swipe.layouts}, {config.model.name}",
                truth=scoring.truth,
                typed=typed,
                figures=figures,
                beams=by_beams(scoring, state, figures),
                looks=looks(setup, scoring, state, typed),
                history=read_jsonl(workdir / "metrics.jsonl"),
                config=config.to_dict(),
                command=shlex.join(["python", "-m", "strokejax.launch", *sys.argv[1:]]),
            )
            _tell(setup, figures, paths)
    seconds = round(time.time() - started, 1)
    return {k: str(v) for k, v in paths.items()} | {
        "seconds": seconds,
        "metrics": figures,
    }


def by_beams(
    scoring: Scoring, state: TrainState, usual: dict[str, Any]
) -> dict[int, dict[str, Any]]:
    """Scores by how many words are followed; the usual number's are there already."""
    found = {USUAL.search.width: usual}
    for width in BEAMS:
        decoder = USUAL._replace(search=USUAL.search._replace(width=width))
        typist = scoring.typist(state, decoder)
        found[width] = scoring.scores(scoring.typed(typist))
    return found


def looks(
    setup: Setup, scoring: Scoring, state: TrainState, typed: list[list[Guess]]
) -> list[Look]:
    """Pictures of a few held-out swipes."""
    typist, found = scoring.typist(state), []
    for i in evenly(len(typed), LOOKS):
        if not typed[i]:
            continue
        read = typed[i][0].word
        known = bool(scoring.known[i])
        points, looks = looked(typist, scoring.swipes[i], read, known)
        picture = attention_picture(read, points, looks, setup.keys)
        found.append(Look(read, scoring.truth[i], picture))
    return found


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


def _kind(setup: Setup) -> str:
    return "recorded swipes" if setup.records else "synthetic swipes"


def _tell(setup: Setup, figures: dict[str, Any], paths: dict[str, Path]) -> None:
    low, high = figures["interval95"]
    print(
        f"{figures['n']:,} {_kind(setup)} on {setup.keys.name} that training never "
        f"saw:\n"
        f"  the right word first {figures['top1']:.3f} [{low:.3f}, {high:.3f}], among "
        f"four {figures['top4']:.3f}, MRR {figures['mrr']:.3f}\n"
        f"The report: {paths['report']}\n"
        f"The model:  {paths['model']}  (strokejax swipe type FILE --model "
        f"{paths['model']})",
        file=sys.stderr,
    )
