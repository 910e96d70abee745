"""strokejax evaluate: how good a model is on labelled drawings."""

import argparse
import json
import os
import sys
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from strokejax.report import charts
from strokejax.report import drawings as figures
from strokejax.report.page import percent, write_page
from strokejax.tasks.fonts import command as font_scoring
from strokejax.tasks.lines import command as line_scoring
from strokejax.tasks.lines import command as lines
from strokejax.tasks.swipes import command as swipe
from strokejax.tasks.swipes import command as swipe_scoring
from strokejax.types import InputError

# The report of a few-shot evaluation: accuracy against shots, on one page.


def write_curves(
    path: str | os.PathLike[str],
    title: str,
    curves: charts.Curves,
    command: str,
    extra: Mapping[str, str] | None = None,
) -> None:
    """Write the page of k-shot curves; it is whole or not there.

    `curves` maps names to rows of `fewshot.kshot(...)["shots"]`; `extra` has further
    sections as markup, such as `charts.reliability`.
    """
    curves = {name: rows for name, rows in curves.items() if rows}
    if not curves:
        raise InputError("a page of few-shot curves needs a row; evaluate some shots")
    sections = {
        "Accuracy against shots": _curves(curves),
        **(extra or {}),
        "Reproduce": f"<pre><code>{escape(command)}</code></pre>",
    }
    cards = [_card(name, row) for name, rows in curves.items() for row in rows]
    write_page(path, title, cards, sections)


def _card(name: str, row: Mapping[str, Any]) -> tuple[str, str, str]:
    low, high = (100 * edge for edge in row["interval95"])
    shots = "1 shot" if row["k"] == 1 else f"{row['k']} shots"
    return (
        f"{figures.short(name, 24)}, {shots}",
        percent(row["accuracy"]),
        f"95 % interval {low:.1f} to {high:.1f}",
    )


def _curves(curves: charts.Curves) -> str:
    rows = [
        (
            escape(name),
            f"{row['k']}",
            f"{row['ways']:,}",
            f"{row['episodes']:,}",
            f"{row['n']:,}",
            percent(row["accuracy"]),
            " to ".join(percent(edge) for edge in row["interval95"]),
        )
        for name, each in curves.items()
        for row in each
    ]
    head = ("curve", "shots", "ways", "episodes", "answers", "accuracy", "95 %")
    chart = charts.shot_curves("Accuracy", curves)
    return (
        "<p>Shares of right answers where each class is learned from so many drawings; "
        "the band is the 95 % interval, chance is one over the ways.</p>"
        f"{chart}{figures.table(head, rows)}"
    )


# The part of `strokejax evaluate` that lets the model learn first.


RATES = (0.005, 0.02, 0.05, 0.1)
"""Rates of false accepts that an open set is measured at."""


def one_shot_runs(given: argparse.Namespace) -> dict[str, Any]:
    """Lake's one-shot runs: {"error", "n", "interval95", "per_run"}."""
    from strokejax.recognizer import from_stored, with_table
    from strokejax.store.model import load_model
    from strokejax.tasks.symbols.evaluation.labelled import load_runs
    from strokejax.tasks.symbols.evaluation.shots import lake

    runs = load_runs(given.data[0])
    model = from_stored(with_table(load_model(given.model)), views=given.views)
    return lake(model, runs)


def few_shots(given: argparse.Namespace) -> dict[str, Any]:
    """What the options ask for: "shots", and what an open set gives."""
    import numpy as np

    from strokejax.recognizer import from_stored, with_table
    from strokejax.store.model import load_model
    from strokejax.table.rejection import limit_for
    from strokejax.tasks.symbols.evaluation.incremental import open_set

    stored = load_model(given.model)
    model = from_stored(with_table(stored), views=given.views)
    drawn, kind, alphabets = _embedded(given, model)
    held = _held_out(drawn.groups, kind)
    found: dict[str, Any] = {}
    if given.shots:
        rows = [_row(given, stored, k, drawn, held, alphabets) for k in given.shots]
        found["shots"] = rows
    if given.open_set:
        asked = drawn.select(held & np.isin(drawn.names, stored.symbols.symbols))
        limits = {rate: limit_for(stored, rate) for rate in RATES}
        settings = {"classes": given.open_set, "seed": given.seed}
        found |= open_set(stored, asked, limits, apart=False, **settings)
        found["without_twins"] = open_set(stored, asked, limits, apart=True, **settings)
    return found


def _row(
    given: argparse.Namespace, stored, k: int, drawn, held, alphabets
) -> dict[str, Any]:
    """The figures of `k` shots."""
    import numpy as np

    from strokejax.evaluation.few_shot import kshot
    from strokejax.registration.learn import known_drawings
    from strokejax.registration.samples import SampleStore
    from strokejax.store.paths import resolve
    from strokejax.tasks.symbols.evaluation.incremental import (
        Embedded,
        on_top,
        personal,
    )

    if given.within == "writer":
        asked = drawn.select(held & np.isin(drawn.names, stored.symbols.symbols))
        return personal(stored, asked, k, method=given.method, seed=given.seed)
    if given.on_top:
        known = np.isin(drawn.names, stored.symbols.symbols)
        if known.all():
            raise InputError(
                "All labels are symbols of the model already; --on-top needs some that "
                "are new to it."
            )
        old = drawn.select(known & held)
        if not len(old.z):
            print(
                "strokejax: no label of the data is a symbol of the model; what the "
                "old symbols lose is measured on the drawings that it keeps of them.",
                file=sys.stderr,
            )
            kept = known_drawings(stored, SampleStore(resolve(given.model)))
            names = np.array(stored.symbols.names, str)[kept.owner]
            old = Embedded(kept.z, names, np.full(len(names), "known"))
        new = drawn.select(~known)
        shown = _shown(new.groups, held[~known], given.seed)
        settings = {"method": given.method, "seed": given.seed}
        return on_top(stored, new, old, shown, k, **settings)
    if not held.all():
        drawn = drawn.select(held)
        alphabets = alphabets[held]
    return kshot(
        drawn.z,
        np.unique(drawn.names, return_inverse=True)[1],
        drawn.groups,
        shots=[k],
        ways=given.ways,
        count=given.episodes,
        seed=given.seed,
        within=alphabets if given.within == "alphabet" else None,
    )["shots"][0]


def _shown(groups, held, seed: int):
    """bool[n]: drawings that may be learned from; those of the others are named."""
    import numpy as np

    if not held.all():
        return ~held
    named = np.unique(groups)
    if len(named) < 2:
        raise InputError(
            "--on-top needs drawings of two writers at least: those who show a new "
            "symbol do not draw it for the test."
        )
    half = np.random.default_rng(seed).permutation(named)[: len(named) // 2]
    return np.isin(groups, half)


def _held_out(groups, kind: str):
    """bool[n]: drawings of writers that training never saw, or all of unknown ones."""
    import numpy as np

    from strokejax.data.splits import KINDS, split_mask

    if kind in KINDS:
        held = split_mask("validation", kind, groups)
        if held.any() and not held.all():
            print(
                f"strokejax: named are only drawings of the {kind}s that the packaged "
                f"weights never saw, {held.sum():,} of {len(held):,}.",
                file=sys.stderr,
            )
            return held
    return np.ones(len(groups), bool)


def _embedded(given: argparse.Namespace, model):
    """`(Embedded, what a group is, str[n] alphabets)` of all files."""
    import numpy as np

    from strokejax.tasks.symbols.evaluation.incremental import Embedded
    from strokejax.tasks.symbols.evaluation.labelled import load_labelled
    from strokejax.tasks.symbols.evaluation.validation import embedded

    parts, kinds = [], []
    for path in given.data:
        dataset = load_labelled(path, model.draw, strokes=False, **model.spec.raster)
        parts.append(embedded(model, dataset))
        kinds.append(dataset.group_kind)
    drawn = Embedded(*(np.concatenate(x) for x in zip(*parts, strict=True)))
    alphabets = np.array([name.rpartition("/")[0] for name in drawn.names])
    if given.within == "alphabet" and not (alphabets != "").all():
        raise InputError(
            "--within alphabet needs labels like 'Greek/character01'; these have no "
            "alphabet."
        )
    kind = kinds[0] if len(set(kinds)) == 1 else ""
    return drawn, kind, alphabets


def shot_list(text: str) -> list[int]:
    """The numbers of "1,5,10"."""
    parts = text.split(",")
    if not all(part.strip().isdigit() and 1 <= int(part) <= 1000 for part in parts):
        raise argparse.ArgumentTypeError(
            f"{text!r} are no numbers of shots; write 1 to 1000, like 1,5,10"
        )
    return [int(part) for part in parts]


def write_report(given: argparse.Namespace, found: dict[str, Any]) -> None:
    """A page of the k-shot curves."""
    import shlex

    if "shots" not in found:
        raise InputError("--report draws accuracy against shots; add --shots 1,5,10.")
    names = ", ".join(Path(path).name for path in given.data)
    curves: dict[str, Sequence[Any]] = {"all": found["shots"]}
    if given.on_top:
        curves = {"new symbols": found["shots"]}
    command = shlex.join(["strokejax", *sys.argv[1:]])
    write_curves(given.report, f"Learning from shots: {names}", curves, command)


TEXT = """\
Score a model on labelled drawings: accuracies with a 95 % interval over writers.

data:
  FILE.npz   packed ink with an array `label` (and `writer`), or pictures x u8[n h w]
             (ink high) with labels y; whole-number labels up to 9 are digits
  FOLDER     a collected folder: one subfolder a symbol (a, uA, d0, space), CSV files
  lines.tsv  pictures of lines: file, group (writer), text, with tabs between; `lines
             make` writes such a folder
  labels.tsv pictures of text: file, family, style; `fonts make` writes such a folder
  FILE.jsonl swipes over a keyboard with their words; `swipe make` writes such a file
  FILE.zip   Lake's 20 one-shot runs of Omniglot (all_runs.zip)

With --shots or --open-set the model learns, or forgets, first, and labels need not be
known to it; shots and drawings to be named come from different writers:
  --shots 1,5,10 --ways 20           episodes of 20 classes, answered by nearest mean
  --shots 10 --on-top                new symbols registered beside the model's own
  --shots 5 --within writer          a writer's own drawings registered for that writer
  --open-set 10                      drawings of 10 symbols that are taken out
"""


def options(parser: argparse.ArgumentParser) -> None:
    """What the command takes."""
    parser.add_argument("data", nargs="+", metavar="FILE_OR_FOLDER")
    parser.add_argument("--shots", type=shot_list, metavar="K,K,...")
    parser.add_argument("--ways", type=int, default=20, help="classes an episode (20)")
    parser.add_argument("--episodes", type=int, default=500, help="how many (500)")
    parser.add_argument("--on-top", action="store_true")
    parser.add_argument("--within", choices=("writer", "alphabet"))
    parser.add_argument("--open-set", type=int, metavar="CLASSES")
    parser.add_argument("--method", choices=("sgd", "mean"), default="sgd")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--views", action="store_true", help="as `strokejax recognize` has it"
    )
    lines.guides(parser.add_argument_group("lines.tsv"))
    swipe.keyboards(parser)
    parser.add_argument("--report", metavar="FILE.html", help="write a page as well")


def run(given: argparse.Namespace) -> int:
    """Prints the scores."""
    _check(given)
    if Path(given.data[0]).name.lower().endswith("labels.tsv"):
        found = font_scoring.font_scores(given)
    elif given.data[0].lower().endswith(".jsonl"):
        found = swipe_scoring.swipe_scores(given)
    elif given.data[0].lower().endswith(".tsv"):
        found = line_scoring.line_scores(given)
    elif given.data[0].lower().endswith(".zip"):
        found = one_shot_runs(given)
    elif given.shots or given.open_set:
        found = few_shots(given)
        if given.report:
            write_report(given, found)
    else:
        found = _scores(given)
    if given.json:
        print(json.dumps(found, ensure_ascii=False))
    elif "unknown" in found:
        font_scoring.show(found)
    elif "mrr" in found:
        swipe_scoring.show(found)
    elif "cer" in found:
        line_scoring.show(found)
    elif "per_class" in found:
        _print_scores(found)
    else:
        _print(found)
    return 2 if found.get("failed") else 0


def _check(given: argparse.Namespace) -> None:
    learning = given.on_top or given.within
    if learning and not given.shots:
        raise InputError("--on-top and --within need a number of shots; add --shots 5.")
    if given.on_top and given.within:
        raise InputError("--on-top and --within measure different things; choose one.")
    limits = {"ways": (2, 10_000), "episodes": (1, 100_000), "open_set": (1, 1_000)}
    for name, (low, high) in (limits | {"seed": (0, 2**31)}).items():
        value = getattr(given, name)
        if value is not None and not low <= value <= high:
            raise InputError(
                f"--{name.replace('_', '-')} is {value}; give {low:,} to {high:,}."
            )


def _scores(given: argparse.Namespace) -> dict[str, Any]:
    """The answers of a model that knows all labels."""
    import numpy as np

    from strokejax.evaluation.scores import expected_calibration_error, summary
    from strokejax.networks.inputs import counted
    from strokejax.recognizer import load
    from strokejax.tasks.symbols.evaluation.labelled import load_labelled

    model = load(given.model, views=given.views)
    parts, shown = [], []
    for path in given.data:
        dataset = load_labelled(path, model.draw, **model.spec.raster)
        truth = np.array(dataset.symbols)[dataset.labels]
        slots = model.symbols.slots(truth.tolist(), path)
        truth = model.names(np.array(slots))
        shown.append(dict(dataset.inputs))
        answers = model.ranked(shown[-1], 5)
        parts.append((dataset, truth, model.names(answers.slot), answers.probability))
    datasets, truth, ranked, probability = zip(*parts, strict=True)
    truth, ranked, probability = map(np.concatenate, (truth, ranked, probability))
    groups = np.concatenate([dataset.groups for dataset in datasets])
    found = summary(ranked, truth, groups, datasets[0].group_kind)
    right, share = ranked[:, 0] == truth, probability[:, 0]
    found["calibration_error"] = expected_calibration_error(share, right)
    found["group"] = datasets[0].group_kind
    found["inputs"] = counted(model.spec, shown)
    if given.report:
        _write_reliability(given.report, found, share, right)
    return found


def _write_reliability(path: str, found: dict[str, Any], share, right) -> None:
    from strokejax.report.charts import reliability
    from strokejax.report.page import percent, write_page

    low, high = found["interval95"]
    cards = [
        ("top-1", percent(found["top1"]), f"{percent(low)} to {percent(high)}"),
        ("calibration error", percent(found["calibration_error"]), "mean gap"),
    ]
    sections = {"Are probabilities what they promise?": reliability(share, right)}
    write_page(path, "Reliability", cards, sections)


def _print_scores(scores: dict[str, Any]) -> None:
    low, high = scores["interval95"]
    kind = scores["group"]
    seen = ", ".join(f"{use} of {n:,}" for use, n in scores["inputs"].items())
    print(f"{scores['n']:,} drawings; the network saw {seen}")
    print(
        f"  top-1          {scores['top1']:.4f}  [{low:.4f}, {high:.4f}] over {kind}s"
    )
    for name in ("top3", "top5", "twins_merged", "calibration_error"):
        print(f"  {name.replace('_', ' '):<18} {scores[name]:.4f}")
    per_class = scores["per_class"].items()
    worst = sorted(per_class, key=lambda item: item[1]["top1"])[:8]
    print("  hardest        " + ", ".join(f"{n} {s['top1']:.2f}" for n, s in worst))
    if kind != "sample":
        worst = [f"{w['group']} {w['top1']:.2f}" for w in scores["worst_writers"]]
        print(f"  worst {kind}s  ".ljust(17) + ", ".join(worst))


def _print(found: dict[str, Any]) -> None:
    for row in found.get("shots", ()):
        low, high = row["interval95"]
        print(
            f"{row['k']:>3} shots, {row['ways']} ways: {row['accuracy']:.4f} "
            f"[{low:.4f}, {high:.4f}], n = {row['n']:,}"
        )
        for name in ("before", "old_before", "old_after"):
            if name in row:
                print(f"    {name.replace('_', ' '):<11} {row[name]:.4f}")
        for each in row.get("hardest", ()):
            print(
                f"    {each['symbol']!r} {each['accuracy']:.2f}, taken for "
                f"{each['taken_for']!r}"
            )
    for title, part in (
        ("twins leave together", found),
        ("without symbols that have twins", found.get("without_twins", {})),
    ):
        if "auroc" not in part:
            continue
        area, false = part["auroc"], part["fpr95"]
        print(f"open set, {title}: AUROC {area:.4f}, FPR95 {false:.4f}")
        for rate, kept in part["kept_at"].items():
            said = part["promised"][rate]
            print(
                f"    at {rate} false accepts kept {kept:.4f}; the model's own "
                f"threshold keeps {said['kept']:.4f} and lets in "
                f"{said['false_accepts']:.4f}"
            )
    if "error" in found:
        low, high = found["interval95"]
        print(f"error {found['error']:.4f} [{low:.4f}, {high:.4f}], n = {found['n']:,}")
        for row in found["per_run"]:
            print(f"  {row['run']} {row['error']:.2f}")
