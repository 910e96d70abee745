"""Questions answered by short runs: python benchmarks/experiments.py NAME...

Needs STROKEJAX_DATA. Each run trains configs/pretrain.py:fused with some settings
changed, for as many steps as all others (about 5 minutes on two cores), and is measured
on people, alphabets and symbols that training never saw. Results are lines of
docs/experiments.jsonl; a run that is there is not run again. --render writes the tables
of docs/experiments.md and leaves the words between them alone.
"""

import argparse
import json
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from questions import (
    BASE,
    EXPERIMENTS,
    RECIPE,
    ROOT,
    Experiment,
    Settings,
    key,
    planned,
    usual,
)

from strokejax.files import write_atomically
from strokejax.store.model import load_model
from strokejax.store.paths import resolve
from strokejax.tasks.symbols.evaluation.validation import Validation
from strokejax.train.logging import read_jsonl

STEPS = 800
"""The budget of a run, in steps of 128 examples."""
QUICK = {
    "data.limit_valid": 2_000,
    "loop.checkpoint_every": 100_000,
    "loop.statistics": 50,
}
"""What no run needs more of: its figures are measured afterwards."""


def arguments(settings: Settings, seed: int, steps: int) -> list[str]:
    """The flags of a run."""
    changed = {"seed": seed, "loop.steps": steps, **QUICK, **BASE, **settings}
    return [f"--config={RECIPE}", *(f"--config.{n}={v}" for n, v in changed.items())]


def trained(line: dict[str, Any]) -> dict[str, Any]:
    """The line with the figures of its run, which is made and forgotten here."""
    started = time.time()
    with tempfile.TemporaryDirectory() as folder:
        flags = arguments(line["settings"], line["seed"], line["steps"])
        command = [sys.executable, "-m", "strokejax.launch", *flags]
        command.append(f"--workdir={folder}/run")
        subprocess.run(command, check=True, cwd=ROOT, stdout=subprocess.DEVNULL)
        found = usual(Validation(load_model(f"{folder}/run")))
    return finished(line, found, started)


def finished(line: dict[str, Any], row: Mapping[str, Any], started: float):
    """The line with figures, seconds and the commit."""
    figures = {
        name: {"value": each.value, "interval95": each.interval95, "n": each.n}
        for name, each in row.items()
    }
    commit = subprocess.run(
        ["git", "describe", "--always", "--dirty"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    ).stdout.strip()
    seconds = round(time.time() - started, 1)
    return line | {"figures": figures, "seconds": seconds, "commit": commit}


def measured(experiment: Experiment, model: str) -> Iterable[dict[str, Any]]:
    """The lines of an experiment that needs no training, on a stored model."""
    if experiment.untrained is None:
        return
    started, stored = time.time(), load_model(model)
    rows = experiment.untrained(Validation(stored))
    for arm, row in rows.items():
        line = {"experiment": experiment.name, "arm": arm, "recipe": ""}
        line |= {"settings": {}, "seed": 0, "steps": 0, "model": encoder(model)}
        yield finished(line, row, started)


def encoder(model: str) -> str:
    """Eight digits that tell a model's network from all others."""
    return next(resolve(model).glob("encoder-*")).name.split("-")[1][:8]


def run(experiment: Experiment, given: argparse.Namespace) -> int:
    """Does what is not done yet; how many runs failed."""
    failed = 0
    done = {key(line) for line in read_jsonl(given.journal)}
    if experiment.untrained:
        mine = (experiment.name, encoder(given.model))
        if mine in {(x["experiment"], x["model"]) for x in read_jsonl(given.journal)}:
            return 0
        append(given.journal, measured(experiment, given.model))
    for line in planned(experiment, given.steps):
        title = f"{line['experiment']}, {line['arm']}, seed {line['seed']}"
        if key(line) in done:
            print(f"{title}: there already", flush=True)
            continue
        print(title, flush=True)
        try:
            line = trained(line)
        except subprocess.CalledProcessError as error:
            print(f"{title}: failed with code {error.returncode}", file=sys.stderr)
            failed += 1
            continue
        append(given.journal, [line])
        done.add(key(line))
    return failed


def append(journal: Path, lines: Iterable[Mapping[str, Any]]) -> None:
    """Writes lines at the journal's end; one that a kill cut short goes."""
    every = [*read_jsonl(journal), *lines]
    write_atomically(journal, "".join(json.dumps(x) + "\n" for x in every).encode())


def rendered(experiment: Experiment, lines: list[dict[str, Any]], steps: int) -> str:
    """The question, its command and its table."""
    command = f"    python benchmarks/experiments.py {experiment.name}"
    parts = [experiment.question, command]
    rows = table_rows(experiment, lines, steps)
    if rows:
        heads = ["", "settings", "runs", *rows[0][1][0]["figures"]]
        table = [f"| {' | '.join(heads)} |", "|" + "---|" * len(heads)]
        for arm, own in rows:
            known = [name in own[0]["figures"] for name in heads[3:]]
            cells = [
                cell([each["figures"][name] for each in own]) if has else ""
                for name, has in zip(heads[3:], known, strict=True)
            ]
            row = [arm, settings_text(own[0]), str(len(own)), *cells]
            table.append(f"| {' | '.join(row)} |")
        parts.append("\n".join(table))
    return "\n\n".join(parts)


def table_rows(
    experiment: Experiment, lines: list[dict[str, Any]], steps: int
) -> list[tuple[str, list[dict[str, Any]]]]:
    """Each arm with the lines of its seeds, in the experiment's order."""
    if experiment.untrained:
        mine = [line for line in lines if line["experiment"] == experiment.name]
        latest = [line for line in mine if line["model"] == mine[-1]["model"]]
        return [(line["arm"], [line]) for line in latest]
    known = {key(line): line for line in lines}
    rows: dict[str, list[dict[str, Any]]] = {}
    for plan in planned(experiment, steps):
        if key(plan) in known:
            rows.setdefault(plan["arm"], []).append(known[key(plan)])
    return [(arm, rows[arm]) for arm in experiment.arms if arm in rows]


def cell(figures: list[Mapping[str, Any]]) -> str:
    """The mean over seeds, their standard deviation, the mean of the intervals."""
    values = [figure["value"] for figure in figures]
    low, high = np.mean([figure["interval95"] for figure in figures], axis=0)
    spread = f" ± {np.std(values, ddof=1):.4f}" if len(values) > 1 else ""
    return f"{np.mean(values):.4f}{spread} [{low:.3f}, {high:.3f}]"


def settings_text(line: Mapping[str, Any]) -> str:
    """What a run changed, as one would type it."""
    if line["model"]:
        return f"model {line['model']}"
    changed = [f"{name}={value!r}" for name, value in line["settings"].items()]
    return "`" + " ".join(changed) + "`" if changed else "the recipe"


def render(page: Path, journal: Path, steps: int) -> None:
    """Puts each table between its marks; a question without marks comes last."""
    text, lines = page.read_text() if page.exists() else "", read_jsonl(journal)
    for experiment in EXPERIMENTS:
        first, last = (f"<!-- {x}: {experiment.name} -->" for x in ("table", "end"))
        part = f"{first}\n{rendered(experiment, lines, steps)}\n{last}"
        marks = re.compile(re.escape(first) + ".*?" + re.escape(last), re.DOTALL)
        if marks.search(text):
            text = marks.sub(part.replace("\\", r"\\"), text)
        else:
            text += f"\n## {experiment.name.replace('_', ' ').capitalize()}\n\n{part}\n"
    write_atomically(page, text.encode())


def main() -> int:
    """Runs, lists or renders."""
    names = [experiment.name for experiment in EXPERIMENTS]
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(names))
    parser.add_argument("--list", action="store_true", help="what is done, what is not")
    parser.add_argument("--render", action="store_true", help="write the tables")
    parser.add_argument("--steps", type=int, default=STEPS, help=f"({STEPS})")
    parser.add_argument("--model", default="nn-sampling", help="where none is trained")
    docs = ROOT / "docs"
    parser.add_argument("--journal", type=Path, default=docs / "experiments.jsonl")
    parser.add_argument("--page", type=Path, default=docs / "experiments.md")
    given = parser.parse_args()
    unknown = [name for name in given.names if name not in names]
    if unknown:
        parser.error(f"there is no experiment {unknown[0]!r} among {', '.join(names)}")
    if given.list:
        listing(given)
    chosen = [each for each in EXPERIMENTS if each.name in given.names]
    failed = sum(run(experiment, given) for experiment in chosen)
    if given.render:
        render(given.page, given.journal, given.steps)
    return min(failed, 1)


def listing(given: argparse.Namespace) -> None:
    """Prints every experiment and how many of its runs are there."""
    lines = read_jsonl(given.journal)
    for each in EXPERIMENTS:
        there = sum(len(own) for _, own in table_rows(each, lines, given.steps))
        count = f"{there} of {len(each.arms) * len(each.seeds)} runs"
        if each.untrained:
            count = "measured" if there else "not measured"
        print(f"{each.name:<14}{count:<16}{each.question}")


if __name__ == "__main__":
    sys.exit(main())
