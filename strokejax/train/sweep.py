"""The job that searches settings: short trainings on equal budgets of examples.

The sampler of trial i depends on the seed, i and the trials before it: a resumed sweep
runs the trials of an uninterrupted one. Of a trial only settings and score are stored.
"""

import json
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

Row = dict[str, Any]
"""A finished trial: "trial", "score", "parameters", "seconds" and its settings."""

WAYS, EPISODES = 20, 400
"""Classes of an episode, and episodes, of the score "one_shot"."""
MIN_FOR_IMPORTANCES = 8
"""Trials before the report estimates the importance of each setting."""
LOGARITHMIC = ("learning_rate", "weight_decay")
"""Settings over powers of ten, sampled and plotted by their logarithm."""
AMPLITUDES = ("rotation", "shear", "aspect", "scale", "shift", "elastic", "jitter")
"""Settings of `config.augment` that the factor `augment` multiplies."""
SHOWN = ("embed_dim", "channels", "learning_rate", "weight_decay", "augment", "loss")
HEAD = ("trial", "score", *SHOWN, "parameters", "seconds")


def sweep(
    config: Config, workdir: Path, started: float, prepare: Prepare
) -> dict[str, Any]:
    """Runs the trials that are not finished; returns the job's last line.

    `started` is the start of the process, in seconds of `time.time`.
    """
    optuna = _optuna()
    if jax.process_count() > 1:
        raise InputError("A sweep runs in one process; start only one.")
    check_owner(workdir, config, ignore=["sweep.trials"])
    write_config(workdir, config)
    study = _study(optuna, workdir / "journal.log")
    paths = _write(optuna, study, config, workdir)
    for index in range(len(_rows(study)), config.sweep.trials):
        try:
            _trial(optuna, study, config, workdir, index, prepare)
        except (Stopped, KeyboardInterrupt):
            raise Stopped(
                f"stopped in trial {index + 1} of {config.sweep.trials}, earlier "
                f"trials are saved"
            ) from None
        paths = _write(optuna, study, config, workdir)
    rows = _rows(study)
    print(f"The report: {paths['report']}", file=sys.stderr)
    best = best_first(rows)[0]
    return {
        "job": config.job,
        "workdir": str(workdir),
        **paths,
        "seconds": round(time.time() - started, 1),
        "metrics": {"trials": len(rows), "measure": config.sweep.score, "best": best},
    }


# Trials


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
    """The study of a journal; trials that a killed process was running fail."""
    if journal.exists():
        # An incomplete last line would corrupt the line that is appended to it.
        lines, newline, _ = journal.read_bytes().rpartition(b"\n")
        write_atomically(journal, lines + newline)
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
    """Runs one trial in a temporary folder, which a killed process may have left."""
    seed = np.random.SeedSequence([config.seed, index]).generate_state(1)
    study.sampler = optuna.samplers.TPESampler(seed=int(seed[0]))
    trial = study.ask()
    settings = _suggested(trial, config)
    print(f"Trial {index + 1} of {config.sweep.trials}: {settings}", file=sys.stderr)
    folder, since = workdir / "trial", time.time()
    shutil.rmtree(folder, ignore_errors=True)
    try:
        trained = fit(_configured(config, settings), folder, prepare)
        score = _score(config, trained, folder)
    except BaseException:
        study.tell(trial, state=optuna.trial.TrialState.FAIL)
        raise
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        jax.clear_caches()  # trials differ in shape and cannot share compiled code
    leaves = jax.tree.leaves(trained.job.params["encoder"])
    trial.set_user_attr("parameters", sum(x.size for x in leaves))
    trial.set_user_attr("seconds", round(time.time() - since, 1))
    study.tell(trial, score)


def _suggested(trial: Any, config: Config) -> dict[str, Any]:
    """The settings of a trial."""
    low, high = map(int, span(config, "embed_dim"))
    settings: dict[str, Any] = {
        "embed_dim": trial.suggest_int("embed_dim", low, high, log=True)
    }
    # The sampler draws in this order: another one would change the trials of a seed.
    for name in ("channels", "learning_rate", "weight_decay", "augment"):
        low, high = span(config, name)
        settings[name] = trial.suggest_float(name, low, high, log=name in LOGARITHMIC)
    losses = config.sweep.losses.split(",")
    return settings | {"loss": trial.suggest_categorical("loss", losses)}


def _configured(config: Config, settings: dict[str, Any]) -> Config:
    """The config of a trial's training."""
    result = config.copy_and_resolve_references()
    result.job = "pretrain"
    result.model.embed_dim = settings["embed_dim"]
    result.model.channels = settings["channels"]
    result.optim.learning_rate = settings["learning_rate"]
    result.optim.weight_decay = settings["weight_decay"]
    result.loss.name = settings["loss"]
    result.loop.steps = max(1, config.sweep.examples // config.loop.batch_size)
    result.loop.checkpoint_every = int(SHARED["loop"]["checkpoint_every"].high or 1)
    result.log = type(result.log)({"tensorboard": False, "wandb": "", "profile": ""})
    augment, factor, limits = result.augment, settings["augment"], SHARED["augment"]
    for name in AMPLITUDES:
        augment[name] = min(factor * augment[name], limits[name].high or 0.0)
    middle = (augment.width_low + augment.width_high) / 2
    half = augment.width_high - middle
    augment.width_low = max(middle - factor * half, limits["width_low"].low or 0.0)
    augment.width_high = min(middle + factor * half, limits["width_high"].high or 0.0)
    return result


def _score(config: Config, trained: Trained, folder: Path) -> float:
    """The score of a trial; higher is better."""
    if config.sweep.score == "top1":
        rows = read_jsonl(folder / "metrics.jsonl")
        return max(row["valid_top1"] for row in rows if "valid_top1" in row)
    held_out = trained.scores.held_out
    state = trained.scores.inference_state(trained.state)
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


# Results: a table on stderr, trials.jsonl, and a page.


def _rows(study: Any) -> list[Row]:
    """The finished trials in their order."""
    done = [trial for trial in study.trials if trial.value is not None]
    return [
        {"trial": i, "score": trial.value, **trial.params, **trial.user_attrs}
        for i, trial in enumerate(done, start=1)
    ]


def best_first(rows: Sequence[Row]) -> list[Row]:
    """The trials by falling score; equal ones stay in their order."""
    return sorted(rows, key=lambda row: row["score"], reverse=True)


def _write(
    optuna: ModuleType, study: Any, config: Config, workdir: Path
) -> dict[str, str]:
    """Writes the finished trials; returns the paths of the files, if there are any."""
    rows = _rows(study)
    trials, report = workdir / "trials.jsonl", workdir / "report.html"
    write_atomically(trials, b"".join(json.dumps(r).encode() + b"\n" for r in rows))
    if not rows:
        return {}
    print(_as_text(rows), file=sys.stderr, flush=True)
    importances: dict[str, float] = {}
    if len(rows) >= MIN_FOR_IMPORTANCES:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # optuna 4 calls this evaluator new
            importances = optuna.importance.get_param_importances(
                study, evaluator=optuna.importance.PedAnovaImportanceEvaluator()
            )
    _write_page(report, config, rows, importances)
    return {"trials": str(trials), "report": str(report)}


def _as_text(rows: Sequence[Row]) -> str:
    lines = [HEAD, *map(_cells, best_first(rows))]
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


def _write_page(
    path: Path, config: Config, rows: Sequence[Row], importances: Mapping[str, float]
) -> None:
    """Writes the page of a sweep atomically; `importances` are shares by setting."""
    ranked = best_first(rows)
    best, budget = ranked[0], config.sweep.examples
    cards = [
        ("best", percent(best["score"]), f"trial {best['trial']}"),
        ("trials", str(len(rows)), f"of {budget:,} examples each"),
        ("its loss", escape(best["loss"]), f"{best['parameters']:,} parameters"),
    ]
    cells = [tuple(map(escape, _cells(row))) for row in ranked]
    sections = {
        "Score by trial": _by_trial(rows),
        "Score against each setting": _by_setting(rows),
        "Losses": _by_loss(ranked),
        "Best first": table(HEAD, cells),
    }
    if importances:
        shares = [(escape(k), percent(v)) for k, v in importances.items()]
        sections["What mattered"] = (
            "<p>Shares of the differences between scores (PED-ANOVA, Watanabe et al. "
            f"2023); few trials say little.</p>{table(('setting', 'share'), shares)}"
        )
    command = shlex.join(["python", "-m", "strokejax.launch", *sys.argv[1:]])
    sections["Reproduce"] = f"<pre><code>{escape(command)}</code></pre>"
    title = f"{config.sweep.score} of {config.data.name}, trial by trial"
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


def _by_loss(ranked: Sequence[Row]) -> str:
    scores: dict[str, list[float]] = {}
    for row in ranked:
        scores.setdefault(row["loss"], []).append(row["score"])
    cells = [
        (escape(name), str(len(s)), f"{s[0]:.4f}", f"{np.mean(s):.4f}")
        for name, s in scores.items()
    ]
    return table(("loss", "trials", "best", "mean"), cells)
