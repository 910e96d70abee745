"""strokejax evaluate: how good a model is on labelled drawings."""

import argparse
import json
from pathlib import Path
from typing import Any

from strokejax.tasks.fonts import command_font_scoring as font_scoring
from strokejax.tasks.lines import command as lines
from strokejax.tasks.lines import command_line_scoring as line_scoring
from strokejax.tasks.swipes import command as swipe
from strokejax.tasks.swipes import command_swipe_scoring as swipe_scoring
from strokejax.tasks.symbols.evaluation import command_few_shots as few_shots
from strokejax.types import InputError

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
    parser.add_argument("--shots", type=few_shots.shot_list, metavar="K,K,...")
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
        found = few_shots.one_shot_runs(given)
    elif given.shots or given.open_set:
        found = few_shots.few_shots(given)
        if given.report:
            few_shots.write_report(given, found)
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
    from strokejax.tasks.symbols.evaluation.labelled_labelled import load_labelled

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
