"""The jobs of single symbols: training, registration, figures, sweeps."""

from pathlib import Path
from typing import Any

import numpy as np
from jax.sharding import Mesh

from strokejax.data.dataset import Dataset
from strokejax.ink.packed import pack
from strokejax.ink.resample import resample
from strokejax.ink.synthesis.handwriting import scribble
from strokejax.settings import Config
from strokejax.tasks.symbols.data import load_sets
from strokejax.train import job
from strokejax.train.job import Job
from strokejax.train.table_job import BACKGROUND, Hooks, table_job


def run(config: Config, workdir: Path, started: float) -> dict[str, Any]:
    """Runs `config.job` in the folder `workdir`; returns the job's last line.

    `started` is the start of the process, in seconds of `time.time`.
    """
    # Imported late: training needs none of these modules.
    if config.job == "register":
        from strokejax.tasks.symbols.register_job import register

        return register(config, workdir, started)
    if config.job == "figures":
        from strokejax.tasks.symbols.evaluation.job import figures

        return figures(config, workdir, started)
    if config.job == "sweep":
        from strokejax.train.sweep import sweep

        return sweep(config, workdir, started, prepare)
    return job.run(config, workdir, started, prepare)


def prepare(config: Config, mesh: Mesh, workdir: Path) -> Job:
    """An encoder and a table of symbols, ready to train."""
    hooks = Hooks(load_sets, scribbles, "strokejax recognize FILE")
    return table_job(config, mesh, workdir, hooks)


def scribbles(config: Config, known: Dataset, rng: np.random.Generator) -> Dataset:
    """Background ink f32[n p 3] that the model should reject: random scribbles."""
    # Networks for pictures draw the points themselves.
    packed = pack([scribble(rng) for _ in range(BACKGROUND)])
    return Dataset(
        "scribbles",
        {"points": resample(packed, config.data.points)},
        np.zeros(BACKGROUND, np.int32),
        ("none",),
        np.full(BACKGROUND, "hand"),
        "hand",
    )
