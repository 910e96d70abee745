"""The job `figures`: measures the headline figures of a model, as JSON and a page."""

import json
import shlex
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from html import escape
from pathlib import Path
from typing import Any

import jax

from strokejax.data.dataset import data_root
from strokejax.evaluation.figure import HEAD, Figure, as_text
from strokejax.files import write_atomically
from strokejax.report.charts import interval_bars
from strokejax.report.drawings import table
from strokejax.report.page import write_page
from strokejax.settings import Config
from strokejax.store.model import load_model
from strokejax.store.paths import PACKAGED, resolve
from strokejax.tasks.symbols.evaluation import accuracy, open_set, shots
from strokejax.tasks.symbols.evaluation.labelled import Run, load_runs
from strokejax.tasks.symbols.evaluation.validation import Validation
from strokejax.tasks.symbols.settings import figure_groups
from strokejax.train.job import check_owner, claim
from strokejax.types import InputError

Group = tuple[str, str, Callable[[Validation], list[Figure]]]
"""Name in `config.figures.only`, title, and the function that measures the group."""
Measured = dict[str, list[Figure]]
"""Figures under the titles of their groups."""


def groups(folder: Path, episodes: int, runs: Sequence[Run]) -> Iterable[Group]:
    """Every group of figures of the model in `folder`."""

    def characters(validation: Validation) -> list[Figure]:
        return shots.characters(validation, episodes, runs)

    def symbols(validation: Validation) -> list[Figure]:
        return [*shots.symbols(validation, episodes), *shots.all_symbols(validation)]

    def cost(validation: Validation) -> list[Figure]:
        return accuracy.cost(validation, folder)

    return (
        ("unipen", "Letters and digits of other writers", accuracy.unipen),
        ("personal", "A writer's own samples", shots.personal_samples),
        ("punctuation", "New symbols beside the old", shots.punctuation),
        ("omniglot", "Characters of other alphabets", characters),
        ("detexify", "Symbols of other classes", symbols),
        ("rejection", "Rejection and calibration", open_set.rejection),
        ("cost", "Cost", cost),
    )


def figures(config: Config, workdir: Path, started: float) -> dict[str, Any]:
    """Measures the groups of `config.figures`; returns the job's last line.

    `workdir` gets figures.json and report.html. `started` is the start of the process,
    in seconds of `time.time`. InputError for missing data or a model without a table.
    """
    if jax.process_count() > 1:
        raise InputError("Figures are the work of one process; start one.")
    check_owner(workdir, config)
    folder = _folder(config)
    names, lake = figure_groups(config.figures.only), config.figures.lake
    # Fail before the first measurement: only the costs need no data.
    if set(names) - {"cost"}:
        data_root(config.data.root)
    runs = load_runs(lake) if lake else []
    views = config.figures.views
    validation = Validation(load_model(folder), config.data.root, views=views)
    claim(workdir, config)
    measured: Measured = {}
    for name, title, measure in groups(folder, config.figures.episodes, runs):
        if name in names:
            start = time.time()
            measured[title] = measure(validation)
            print(f"{name}: {time.time() - start:.0f} s", file=sys.stderr, flush=True)
    every = [figure for part in measured.values() for figure in part]
    print(as_text(every))
    paths = {"report": workdir / "report.html", "figures": workdir / "figures.json"}
    about = {"model": str(folder), "version": validation.stored.version}
    _write_json(paths["figures"], about, every)
    _write_page(paths["report"], folder, measured)
    return {
        "job": config.job,
        "workdir": str(workdir),
        **{name: str(path) for name, path in paths.items()},
        "model": str(folder),
        "seconds": round(time.time() - started, 1),
        "metrics": {figure.title: figure.value for figure in every},
        "missed": [figure.title for figure in every if figure.reached is False],
    }


def _folder(config: Config) -> Path:
    """The folder of the model to measure."""
    init = config.model.init
    if init == "none":
        raise InputError(
            "config.model.init='none' has no weights to measure; name a run, a model, "
            "or 'packaged'."
        )
    return PACKAGED / config.mode if init == "packaged" else resolve(init)


def _write_json(path: Path, about: dict[str, Any], figures: Sequence[Figure]) -> None:
    # The release before called the field `target` `asked`.
    rows = [
        figure._asdict() | {"asked": figure.target, "reached": figure.reached}
        for figure in figures
    ]
    content = json.dumps(about | {"figures": rows}, indent=1)
    write_atomically(path, content.encode())


def _write_page(path: Path, folder: Path, measured: Measured) -> None:
    cards = [
        (escape(figure.title), figure.cells()[1], escape(figure.target_text()))
        for part in measured.values()
        for figure in part
        if figure.target is not None
    ]
    sections = {title: _section(part) for title, part in measured.items()}
    command = shlex.join(["python", "-m", "strokejax.launch", *sys.argv[1:]])
    sections["Reproduce"] = f"<pre><code>{escape(command)}</code></pre>"
    write_page(path, f"Figures of {folder.name}", cards, sections)


def _section(part: list[Figure]) -> str:
    """A table of all figures, under a chart of those that are shares of 1."""
    # Only shares have a common axis; milliseconds and megabytes have none.
    shares = [figure for figure in part if not figure.unit]
    chart = interval_bars("Measured against the targets", shares) if shares else ""
    return chart + table(HEAD, map(_row, part))


def _row(figure: Figure) -> tuple[str, ...]:
    style, verdict = {
        None: ("", ""),
        True: ("yes", "reached"),
        False: ("no", "missed"),
    }[figure.reached]
    cells = map(escape, figure.cells())
    return (*cells, f'<td class="{style}">{verdict}</td>', escape(figure.data))
