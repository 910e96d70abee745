"""The job that searches settings: short trainings, each on the same budget.

Trial i is sampled from the seed, i and the trials before it, so that a sweep that was
stopped goes on as if it never had been. Nothing of a trial is kept but its score.
"""

import json
import os
import shlex
import shutil
import sys
import time
import warnings
from collections.abc import Mapping, Sequence
from html import escape
from itertools import accumulate
from pathlib import Path
from types import ModuleType
from typing import Any

import jax
import numpy as np

from strokejax.evaluation.few_shot import kshot
from strokejax.files import write_atomically
from strokejax.report.charts import line_chart, number, scatter
from strokejax.report.drawings import table
from strokejax.report.page import percent, write_page
from strokejax.settings import SHARED, Config, span
from strokejax.train.job import Prepare, Trained, check_owner, fit, write_config
from strokejax.train.logging import read_jsonl
from strokejax.train.loop import Stopped
from strokejax.types import InputError

# What a sweep has found: a table for the terminal, and a page.


Row = dict[str, Any]
"""A finished trial: "trial", "score", "parameters", "seconds", and its settings."""

LOGARITHMIC = ("learning_rate", "weight_decay")
SHOWN = ("embed_dim", "channels", "learning_rate", "weight_decay", "augment", "loss")


def best_first(rows: Sequence[Row]) -> list[Row]:
    """The trials by their scores, the best one first; equals in their order."""
    return sorted(rows, key=_loss)


def _loss(row: Row) -> float:
    return -row["score"]


def told(rows: Sequence[Row]) -> str:
    """The trials as lines of text, best first."""
    head = ("trial", "score", *SHOWN, "parameters", "seconds")
    lines = [head, *(_cells(row) for row in best_first(rows))]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(cell.rjust(width) for cell, width in zip(line, widths, strict=True))
        for line in lines
    )


def _cells(row: Row) -> tuple[str, ...]:
    settings = (
        value if isinstance(value := row[name], str) else number(value)
        for name in SHOWN
    )
    size, seconds = f"{row['parameters']:,}", f"{row['seconds']:.0f}"
    return (str(row["trial"]), f"{row['score']:.4f}", *settings, size, seconds)


def write_sweep(
    path: str | os.PathLike[str],
    *,
    title: str,
    rows: Sequence[Row],
    budget: int,
    importances: Mapping[str, float],
    command: str,
) -> None:
    """Write the page of a sweep's trials; it is whole or not there.

    `budget` is the examples that each trial saw; `importances` (setting -> share) may
    be empty.
    """
    best = best_first(rows)[0]
    cards = [
        ("best", percent(best["score"]), f"trial {best['trial']}"),
        ("trials", str(len(rows)), f"of {budget:,} examples each"),
        ("its loss", escape(best["loss"]), f"{best['parameters']:,} parameters"),
    ]
    head = ("trial", "score", *SHOWN, "parameters", "seconds")
    cells = [map(escape, _cells(row)) for row in best_first(rows)]
    sections = {
        "Score by trial": _by_trial(rows),
        "Score against each setting": _by_setting(rows),
        "Losses": _by_loss(rows),
        "Best first": table(head, [tuple(row) for row in cells]),
    }
    if importances:
        shares = [(escape(k), percent(v)) for k, v in importances.items()]
        sections["What mattered"] = (
            "<p>Shares of the differences between scores (PED-ANOVA, Watanabe et al. "
            f"2023); few trials say little.</p>{table(('setting', 'share'), shares)}"
        )
    sections["Reproduce"] = f"<pre><code>{escape(command)}</code></pre>"
    write_page(path, title, cards, sections)


def _by_trial(rows: Sequence[Row]) -> str:
    trials = [row["trial"] for row in rows]
    scores = [row["score"] for row in rows]
    series = {
        "score": list(zip(trials, scores, strict=True)),
        "best so far": list(zip(trials, accumulate(scores, max), strict=True)),
    }
    return line_chart("Score", series)


def _by_setting(rows: Sequence[Row]) -> str:
    parts = []
    for name in SHOWN:
        if isinstance(rows[0][name], str):
            continue
        log = name in LOGARITHMIC
        points = [
            (float(np.log10(row[name])) if log else row[name], row["score"])
            for row in rows
        ]
        title = f"{name}, as a power of 10" if log else name
        parts.append(scatter(title, points))
    return f'<div class="charts">{"".join(parts)}</div>'


def _by_loss(rows: Sequence[Row]) -> str:
    scores: dict[str, list[float]] = {}
    for row in best_first(rows):
        scores.setdefault(row["loss"], []).append(row["score"])
    cells = [
        (escape(name), str(len(s)), f"{s[0]:.4f}", f"{np.mean(s):.4f}")
        for name, s in scores.items()
    ]
    return table(("loss", "trials", "best", "mean"), cells)


WAYS, EPISODES = 20, 400
"""Of the score "one_shot"."""
SPOKEN_FOR = 8
"""Trials from which on it is said which settings mattered."""
AMPLITUDES = ("rotation", "shear", "aspect", "scale", "shift", "elastic", "jitter")


def sweep(
    config: Config, workdir: Path, started: float, prepare: Prepare
) -> dict[str, Any]:
    """Runs the trials that are not done yet; returns the job's last line."""
    optuna = _optuna()
    if jax.process_count() > 1:
        raise InputError("A sweep is the work of one process; start one.")
    check_owner(workdir, config, but=["sweep.trials"])  # more can be asked for later
    write_config(workdir, config)
    study = _study(optuna, workdir / "journal.log")
    paths = _write(optuna, study, config, workdir)
    for index in range(len(_rows(study)), config.sweep.trials):
        try:
            _trial(optuna, study, config, workdir, index, prepare)
        except (Stopped, KeyboardInterrupt):
            raise Stopped(
                f"stopped in trial {index + 1} of {config.sweep.trials}; those before "
                f"it are kept"
            ) from None
        paths = _write(optuna, study, config, workdir)
    rows = _rows(study)
    print(f"The report: {paths['report']}", file=sys.stderr)
    best = max(rows, key=_score)
    return {
        "job": config.job,
        "workdir": str(workdir),
        **paths,
        "seconds": round(time.time() - started, 1),
        "metrics": {"trials": len(rows), "measure": config.sweep.score, "best": best},
    }


def _score(row: Row) -> float:
    return row["score"]


def _optuna() -> ModuleType:
    try:
        import optuna
    except ModuleNotFoundError as error:
        if error.name != "optuna":
            raise
        raise InputError(
            "A sweep needs the package optuna, which is not installed: "
            "pip install 'strokejax[sweep]'."
        ) from None
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna


def _study(optuna: ModuleType, journal: Path) -> Any:
    """The study of a journal; trials that a killed process left running have failed."""
    if journal.exists():
        # A line cut short by a kill would spoil the one that follows it.
        whole, newline, _ = journal.read_bytes().rpartition(b"\n")
        write_atomically(journal, whole + newline)
    backend = optuna.storages.journal.JournalFileBackend(str(journal))
    study = optuna.create_study(
        storage=optuna.storages.JournalStorage(backend),
        study_name="sweep",
        direction="maximize",
        load_if_exists=True,
    )
    states = optuna.trial.TrialState
    for trial in study.get_trials(states=[states.RUNNING]):
        study.tell(trial.number, state=states.FAIL)
    return study


def _trial(
    optuna: ModuleType,
    study: Any,
    config: Config,
    workdir: Path,
    index: int,
    prepare: Prepare,
) -> None:
    """One trial, in a folder of its own that is removed, whoever left it there."""
    seed = np.random.SeedSequence([config.seed, index]).generate_state(1)
    study.sampler = optuna.samplers.TPESampler(seed=int(seed[0]))
    trial = study.ask()
    settings = _suggested(trial, config)
    print(f"Trial {index + 1} of {config.sweep.trials}: {settings}", file=sys.stderr)
    folder, since = workdir / "trial", time.time()
    shutil.rmtree(folder, ignore_errors=True)
    try:
        trained = fit(_configured(config, settings), folder, prepare)
        score = _scored(config, trained, folder)
    except BaseException:
        study.tell(trial, state=optuna.trial.TrialState.FAIL)
        raise
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        jax.clear_caches()  # no two trials are of the same shapes
    leaves = jax.tree.leaves(trained.job.params["encoder"])
    trial.set_user_attr("parameters", sum(x.size for x in leaves))
    trial.set_user_attr("seconds", round(time.time() - since, 1))
    study.tell(trial, score)


def _suggested(trial: Any, config: Config) -> dict[str, Any]:
    """What a trial tries; settings over powers of ten are drawn by their logarithm."""
    low, high = span(config, "embed_dim")
    settings: dict[str, Any] = {
        "embed_dim": trial.suggest_int("embed_dim", int(low), int(high), log=True)
    }
    for name, log in (
        ("channels", False),
        ("learning_rate", True),
        ("weight_decay", True),
        ("augment", False),
    ):
        settings[name] = trial.suggest_float(name, *span(config, name), log=log)
    losses = config.sweep.losses.split(",")
    return settings | {"loss": trial.suggest_categorical("loss", losses)}


def _configured(config: Config, settings: dict[str, Any]) -> Config:
    """The config of one trial's training."""
    tried = config.copy_and_resolve_references()
    tried.job = "pretrain"
    tried.model.embed_dim = settings["embed_dim"]
    tried.model.channels = settings["channels"]
    tried.optim.learning_rate = settings["learning_rate"]
    tried.optim.weight_decay = settings["weight_decay"]
    tried.loss.name = settings["loss"]
    tried.loop.steps = max(1, config.sweep.examples // config.loop.batch_size)
    tried.loop.checkpoint_every = int(SHARED["loop"]["checkpoint_every"].high or 1)
    tried.log = type(tried.log)({"tensorboard": False, "wandb": "", "profile": ""})
    bent, times, limits = tried.augment, settings["augment"], SHARED["augment"]
    for name in AMPLITUDES:
        bent[name] = min(times * bent[name], limits[name].high or 0.0)
    middle = (bent.width_low + bent.width_high) / 2
    half = bent.width_high - middle
    bent.width_low = max(middle - times * half, limits["width_low"].low or 0.0)
    bent.width_high = min(middle + times * half, limits["width_high"].high or 0.0)
    return tried


def _scored(config: Config, trained: Trained, folder: Path) -> float:
    """The trial's score; more is better."""
    if config.sweep.score == "top1":
        rows = read_jsonl(folder / "metrics.jsonl")
        return max(row["valid_top1"] for row in rows if "valid_top1" in row)
    held_out = trained.scores.held_out
    state = trained.scores.settled(trained.state)
    result = kshot(
        trained.scores.predict(state, held_out).out,
        held_out.labels,
        held_out.groups,
        shots=(1,),
        ways=min(WAYS, len(np.unique(held_out.labels))),
        count=EPISODES,
        seed=config.seed,
    )
    return result["shots"][0]["accuracy"]


def _rows(study: Any) -> list[Row]:
    """The finished trials in their order."""
    done = [trial for trial in study.trials if trial.value is not None]
    return [
        {"trial": i, "score": trial.value, **trial.params, **trial.user_attrs}
        for i, trial in enumerate(done, start=1)
    ]


def _write(
    optuna: ModuleType, study: Any, config: Config, workdir: Path
) -> dict[str, str]:
    """The finished trials as a table on stderr, trials.jsonl and a page."""
    rows = _rows(study)
    trials, report = workdir / "trials.jsonl", workdir / "report.html"
    write_atomically(trials, b"".join(json.dumps(r).encode() + b"\n" for r in rows))
    if not rows:
        return {}
    print(told(rows), file=sys.stderr, flush=True)
    weights: dict[str, float] = {}
    if len(rows) >= SPOKEN_FOR:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # an evaluator that optuna 4 calls new
            weights = optuna.importance.get_param_importances(
                study, evaluator=optuna.importance.PedAnovaImportanceEvaluator()
            )
    write_sweep(
        report,
        title=f"{config.sweep.score} of {config.data.name}, trial by trial",
        rows=rows,
        budget=config.sweep.examples,
        importances=weights,
        command=shlex.join(["python", "-m", "strokejax.launch", *sys.argv[1:]]),
    )
    return {"trials": str(trials), "report": str(report)}
