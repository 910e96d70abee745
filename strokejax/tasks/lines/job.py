"""After the training of a reader: its readings, its model, its report."""

import shlex
import sys
import time
from pathlib import Path
from typing import Any

import jax
import numpy as np

from strokejax import __version__
from strokejax.config import Config
from strokejax.networks.spec import WINDOWS
from strokejax.store.model import StoredModel, no_calibration, save_model
from strokejax.table.symbols import SPACE, SymbolTable
from strokejax.table.table import init_slots
from strokejax.tasks.lines.emnist_lines import windows
from strokejax.tasks.lines.emnist_lines_published import SIZE
from strokejax.tasks.lines.job_line_data import LineData
from strokejax.tasks.lines.job_line_setup import Setup, window_scores
from strokejax.tasks.lines.report import write_line_report
from strokejax.tasks.lines.scores import line_scores
from strokejax.train.distributed import together
from strokejax.train.distributed_partitioning import to_host
from strokejax.train.logging import read_jsonl
from strokejax.train.state import TrainState

PART = 16
"""Lines whose windows are looked at together: thousands need gigabytes."""


def scores(setup: Setup, state: TrainState) -> tuple[dict[str, Any], list[str]]:
    """`line_scores` of the most probable readings of held-out lines, and these."""
    reader = setup.reader(state.params, state.model_state)
    held_out = setup.data.valid
    read = reader.read_greedily([reader.prepare(line.picture) for line in held_out])
    truth = [line.text for line in held_out]
    found = line_scores(read, truth, [line.group for line in held_out])
    if setup.spec.architecture == WINDOWS:
        length, parts = held_out[0].picture.shape[1] // SIZE, []
        for start in range(0, len(held_out), PART):
            batch = windows(held_out[start : start + PART], length)
            parts.append((reader.logits(batch.inputs).argmax(-1), batch.labels))
        best, labels = map(np.concatenate, zip(*parts, strict=True))
        found |= window_scores(best, labels)
    return found, read


def finish(
    config: Config, workdir: Path, setup: Setup, state: TrainState, started: float
) -> dict[str, Any]:
    """Readings of the held-out lines by the best state; its model and the report."""
    figures, read = scores(setup, state)
    paths = {
        "report": workdir / "report.html",
        "checkpoint": workdir / "checkpoints",
        "model": workdir / "model",
    }
    params, model_state = to_host((state.params, state.model_state))
    with together():
        if jax.process_index() == 0:
            about = {
                "job": config.job,
                "data": setup.data.train.name,
                "seed": config.seed,
                "step": int(state.step),
                "made": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
                "strokejax": __version__,
                "metrics": figures,
            }
            weights = state._replace(params=params, model_state=model_state)
            save_model(paths["model"], stored_reader(setup, weights, about))
            write_line_report(
                paths["report"],
                title=f"lines of {setup.data.train.name}, {config.model.name}",
                lines=[line.picture for line in setup.data.valid],
                truth=[line.text for line in setup.data.valid],
                read=read,
                figures=figures,
                history=read_jsonl(workdir / "metrics.jsonl"),
                config=config.to_dict(),
                command=shlex.join(["python", "-m", "strokejax.launch", *sys.argv[1:]]),
            )
            _tell(setup.data, figures, paths)
    seconds = round(time.time() - started, 1)
    return {k: str(v) for k, v in paths.items()} | {
        "seconds": seconds,
        "metrics": figures,
    }


def stored_reader(
    setup: Setup, state: TrainState, about: dict[str, Any]
) -> StoredModel:
    """A state whose weights are numpy arrays, as a model to store."""
    names = tuple(SPACE if c == " " else c for c in setup.outputs)
    count = setup.spec.out_dim
    return StoredModel(
        setup.spec,
        state.params["encoder"],
        state.model_state,
        {},
        to_host(init_slots(np.zeros(count, bool), 1)),
        SymbolTable(names),
        about,
        no_calibration({}, 1),
        np.full(count, -1, np.int32),
        change={"verb": "lines", "made": about["made"]},
    )


def _tell(data: LineData, figures: dict[str, Any], paths: dict[str, Path]) -> None:
    low, high = figures["interval95"]
    print(
        f"{data.name}, {figures['n']:,} lines that training never saw:\n"
        f"  character errors {figures['cer']:.3f} [{low:.3f}, {high:.3f}], without "
        f"case {figures['cer_lower_case']:.3f}, word errors {figures['wer']:.3f}\n"
        f"The report: {paths['report']}\n"
        f"The model:  {paths['model']}  (strokejax lines read IMAGE --model "
        f"{paths['model']})",
        file=sys.stderr,
    )
