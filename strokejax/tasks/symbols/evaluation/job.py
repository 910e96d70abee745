"""The job that measures every headline figure of a model: a table and a page."""

import json
import shlex
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from html import escape
from pathlib import Path
from typing import Any

import jax

from strokejax.config import Config, figure_groups
from strokejax.data.dataset import data_root
from strokejax.evaluation.figure import HEAD, Figure, as_text
from strokejax.files import write_atomically
from strokejax.report.charts import interval_bars
from strokejax.report.drawings import table
from strokejax.report.page import write_page
from strokejax.store.model import load_model
from strokejax.store.paths import PACKAGED, resolve
from strokejax.tasks.symbols.evaluation import accuracy as cost
from strokejax.tasks.symbols.evaluation import accuracy as letters
from strokejax.tasks.symbols.evaluation import open_set as rejection
from strokejax.tasks.symbols.evaluation import shots
from strokejax.tasks.symbols.evaluation.labelled import Run, load_runs
from strokejax.tasks.symbols.evaluation.validation import Validation
from strokejax.train.job import check_owner, claim
from strokejax.types import InputError

# Every headline figure, by groups.


Group = tuple[str, str, Callable[[Validation], list[Figure]]]
"""A group's name in `config.figures.only`, its title, what measures it."""


def groups(folder: Path, episodes: int, runs: Sequence[Run]) -> Iterable[Group]:
    """What there is to measure of the model in a folder."""

    def characters(found: Validation) -> list[Figure]:
        return shots.characters(found, episodes, runs)

    def symbols(found: Validation) -> list[Figure]:
        return [*shots.symbols(found, episodes), *shots.many_symbols(found)]

    def costs(found: Validation) -> list[Figure]:
        return cost.cost(found, folder)

    return (
        ("unipen", "Letters and digits of other writers", letters.unipen),
        ("personal", "A writer's own samples", shots.own_samples),
        ("punctuation", "New symbols beside the old", shots.punctuation),
        ("omniglot", "Characters of other alphabets", characters),
        ("detexify", "Symbols of other classes", symbols),
        ("rejection", "What is no symbol, and how sure", rejection.rejection),
        ("cost", "Cost", costs),
    )


Measured = dict[str, list[Figure]]
"""Figures under the titles of their groups."""


def figures(config: Config, workdir: Path, started: float) -> dict[str, Any]:
    """Measures what `config.figures` asks for; returns the job's last line."""
    if jax.process_count() > 1:
        raise InputError("Figures are the work of one process; start one.")
    check_owner(workdir, config)
    folder = _folder(config)
    wanted, lake = figure_groups(config.figures.only), config.figures.lake
    if set(wanted) - {"cost"}:
        data_root(config.data.root)
    runs = load_runs(lake) if lake else []
    found = Validation(load_model(folder), config.data.root, views=config.figures.views)
    claim(workdir, config)
    measured: Measured = {}
    for name, title, measure in groups(folder, config.figures.episodes, runs):
        if name in wanted:
            begun = time.time()
            measured[title] = measure(found)
            print(f"{name}: {time.time() - begun:.0f} s", file=sys.stderr, flush=True)
    every = [figure for part in measured.values() for figure in part]
    print(as_text(every))
    paths = {"report": workdir / "report.html", "figures": workdir / "figures.json"}
    about = {"model": str(folder), "version": found.stored.version}
    rows = [each._asdict() | {"reached": each.reached} for each in every]
    write_atomically(
        paths["figures"], json.dumps(about | {"figures": rows}, indent=1).encode()
    )
    _report(paths["report"], folder, measured)
    return {
        "job": config.job,
        "workdir": str(workdir),
        **{name: str(path) for name, path in paths.items()},
        "model": str(folder),
        "seconds": round(time.time() - started, 1),
        "metrics": {_name(each): each.value for each in every},
        "missed": [_name(each) for each in every if each.reached is False],
    }


def _folder(config: Config) -> Path:
    """The folder of the model that is measured."""
    init = config.model.init
    if init == "none":
        raise InputError(
            "config.model.init='none' has no weights to measure; name a run, a model, "
            "or 'packaged'."
        )
    return PACKAGED / config.mode if init == "packaged" else resolve(init)


def _name(figure: Figure) -> str:
    return f"{figure.data}: {figure.name}" if figure.data else figure.name


def _report(path: Path, folder: Path, measured: Measured) -> None:
    every = [figure for part in measured.values() for figure in part]
    cards = [
        (escape(_name(each)), each.told()[1], escape(each.wish()))
        for each in every
        if each.asked is not None
    ]
    sections = {title: _section(part) for title, part in measured.items()}
    command = shlex.join(["python", "-m", "strokejax.launch", *sys.argv[1:]])
    sections["Reproduce"] = f"<pre><code>{escape(command)}</code></pre>"
    write_page(path, f"Figures of {folder.name}", cards, sections)


def _section(part: list[Figure]) -> str:
    shares = [each for each in part if not each.unit]
    chart = interval_bars("Measured against asked", shares) if shares else ""
    return chart + table(HEAD, map(_row, part))


def _row(figure: Figure) -> tuple[str, ...]:
    kind, verdict = {
        None: ("", ""),
        True: ("yes", "reached"),
        False: ("no", "missed"),
    }[figure.reached]
    cells = map(escape, figure.told())
    return (*cells, f'<td class="{kind}">{verdict}</td>', escape(figure.data))
