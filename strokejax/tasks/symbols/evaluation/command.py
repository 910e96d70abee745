"""strokejax evaluate, for drawings of symbols: accuracy, few-shot learning, open sets.

`tasks.evaluate` calls `evaluate_options`, `evaluate` and `show_scores`.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from strokejax.arguments import whole_number
from strokejax.types import InputError

RATES = (0.005, 0.02, 0.05, 0.1)
"""False-accept rates that an open set is measured at."""
MAX_SHOTS = 1_000


def evaluate_options(parser: Any) -> None:
    """Adds the options for drawings."""
    number = whole_number
    parser.add_argument(
        "--shots",
        type=shot_list,
        metavar="K,K,...",
        help="learn each class from K drawings first, for each K",
    )
    parser.add_argument(
        "--ways", type=number(2, 10_000), default=20, help="classes an episode (20)"
    )
    parser.add_argument(
        "--episodes",
        type=number(1, 100_000),
        default=500,
        help="number of episodes (500)",
    )
    parser.add_argument(
        "--on-top",
        action="store_true",
        help="with --shots: register new symbols next to the model's own",
    )
    parser.add_argument(
        "--within",
        choices=("writer", "alphabet"),
        help="with --shots: register for each writer, or draw the classes of an "
        "episode from one alphabet",
    )
    parser.add_argument(
        "--open-set",
        type=number(1, 1_000),
        metavar="CLASSES",
        help="remove this many symbols from the table, and reject their drawings",
    )
    parser.add_argument(
        "--method",
        choices=("sgd", "mean"),
        default="sgd",
        help="how rows are registered, as for `strokejax register` (sgd)",
    )
    parser.add_argument(
        "--seed", type=number(0, 2**31), default=0, help="of all random choices (0)"
    )
    parser.add_argument(
        "--views", action="store_true", help="as for `strokejax recognize`"
    )
    parser.add_argument("--report", metavar="FILE.html", help="also write a page")


def shot_list(text: str) -> list[int]:
    """The numbers in "1,5,10"."""
    parts = text.split(",")
    if not all(
        part.strip().isdigit() and 1 <= int(part) <= MAX_SHOTS for part in parts
    ):
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a list of shots; write 1 to {MAX_SHOTS}, like 1,5,10"
        )
    return [int(part) for part in parts]


def evaluate(args: argparse.Namespace) -> dict[str, Any]:
    """The scores that the options ask for."""
    _check(args)
    # Of zip files there is one kind: Lake's runs.
    if args.data[0].lower().endswith(".zip"):
        return one_shot_runs(args)
    if not (args.shots or args.open_set):
        return accuracy(args)
    scores = few_shots(args)
    if args.report:
        write_report(args, scores)
    return scores


def _check(args: argparse.Namespace) -> None:
    if (args.on_top or args.within) and not args.shots:
        raise InputError("--on-top and --within need a number of shots; add --shots 5.")
    if args.on_top and args.within:
        raise InputError("--on-top and --within measure different things; choose one.")


def show_scores(scores: dict[str, Any]) -> None:
    """Prints the scores as text."""
    if "per_class" in scores:
        _print_accuracy(scores)
        return
    _print_shots(scores)
    _print_open_set(scores)
    _print_runs(scores)


# Accuracy of a model that knows all labels.


def accuracy(args: argparse.Namespace) -> dict[str, Any]:
    """`scores.summary` of all files, the calibration error and the modalities used."""
    import numpy as np

    from strokejax.evaluation.scores import expected_calibration_error, summary
    from strokejax.networks.inputs import count_modalities
    from strokejax.recognizer import load
    from strokejax.tasks.symbols.evaluation.labelled import load_labelled
    from strokejax.tasks.symbols.evaluation.validation import true_names

    model = load(args.model, views=args.views)
    parts, inputs = [], []
    for path in args.data:
        dataset = load_labelled(path, model.draw, **model.spec.raster)
        # From names to slots and back: an alias counts as its symbol.
        slots = model.symbols.slots(true_names(dataset).tolist(), path)
        truth = model.names(np.array(slots))
        inputs.append(dict(dataset.inputs))
        answers = model.ranked(inputs[-1], 5)
        parts.append((dataset, truth, model.names(answers.slot), answers.probability))
    datasets, truth, ranked, probability = zip(*parts, strict=True)
    # Scores are of all files together; intervals need the groups of all.
    truth, ranked, probability = map(np.concatenate, (truth, ranked, probability))
    groups = np.concatenate([dataset.groups for dataset in datasets])
    scores = summary(ranked, truth, groups, datasets[0].group_kind)
    right, confidence = ranked[:, 0] == truth, probability[:, 0]
    scores["calibration_error"] = expected_calibration_error(confidence, right)
    scores["group"] = datasets[0].group_kind
    scores["inputs"] = count_modalities(model.spec, inputs)
    if args.report:
        _write_reliability(args.report, scores, confidence, right)
    return scores


def _write_reliability(path: str, scores: dict[str, Any], confidence, right) -> None:
    from strokejax.report.charts import reliability
    from strokejax.report.page import percent, write_page

    low, high = scores["interval95"]
    cards = [
        ("top-1", percent(scores["top1"]), f"{percent(low)} to {percent(high)}"),
        ("calibration error", percent(scores["calibration_error"]), "mean gap"),
    ]
    sections = {"Are the probabilities calibrated?": reliability(confidence, right)}
    write_page(path, "Reliability", cards, sections)


def _print_accuracy(scores: dict[str, Any]) -> None:
    low, high = scores["interval95"]
    kind = scores["group"]
    inputs = ", ".join(f"{use} of {n:,}" for use, n in scores["inputs"].items())
    print(f"{scores['n']:,} drawings; the network saw {inputs}")
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


# Lake's one-shot runs.


def one_shot_runs(args: argparse.Namespace) -> dict[str, Any]:
    """The error on Lake's one-shot runs: {"error", "n", "interval95", "per_run"}."""
    from strokejax.recognizer import from_stored, require_table
    from strokejax.store.model import load_model
    from strokejax.tasks.symbols.evaluation.labelled import load_runs
    from strokejax.tasks.symbols.evaluation.shots import lake

    runs = load_runs(args.data[0])
    model = from_stored(require_table(load_model(args.model)), views=args.views)
    return lake(model, runs)


def _print_runs(scores: dict[str, Any]) -> None:
    if "error" not in scores:
        return
    low, high = scores["interval95"]
    print(f"error {scores['error']:.4f} [{low:.4f}, {high:.4f}], n = {scores['n']:,}")
    for row in scores["per_run"]:
        print(f"  {row['run']} {row['error']:.2f}")


# Few-shot learning and open sets.


def few_shots(args: argparse.Namespace) -> dict[str, Any]:
    """The fields "shots", a row for each number of shots, and those of `open_set`."""
    import numpy as np

    from strokejax.recognizer import from_stored, require_table
    from strokejax.registration.samples import SampleStore
    from strokejax.store.model import load_model
    from strokejax.store.paths import resolve
    from strokejax.tasks.symbols.evaluation.incremental import open_set, without_unnamed

    stored, store = load_model(args.model), SampleStore(resolve(args.model))
    model = from_stored(require_table(stored), views=args.views)
    drawn, kind, alphabets = _embed(args, model)
    held_out = _held_out(drawn.groups, kind)
    stored = without_unnamed(stored, np.unique(drawn.names).tolist())
    scores: dict[str, Any] = {}
    if args.shots:
        scores["shots"] = [
            _shots_row(args, stored, store, k, drawn, held_out, alphabets)
            for k in args.shots
        ]
    if args.open_set:
        known = drawn.select(held_out & np.isin(drawn.names, stored.symbols.symbols))
        limits = {rate: stored.threshold_for(rate) for rate in RATES}
        settings = {"classes": args.open_set, "seed": args.seed}
        # A model that knows `o` cannot reject `0`: twins leave together, or stay out.
        scores |= open_set(stored, known, limits, apart=False, **settings)
        scores["without_twins"] = open_set(
            stored, known, limits, apart=True, **settings
        )
    return scores


def _embed(args: argparse.Namespace, model):
    """`(LabelledEmbeddings, kind of its groups, str[n] alphabets)` of all files."""
    import numpy as np

    from strokejax.tasks.symbols.evaluation.incremental import LabelledEmbeddings
    from strokejax.tasks.symbols.evaluation.labelled import load_labelled
    from strokejax.tasks.symbols.evaluation.validation import embed_dataset

    parts, kinds = [], []
    for path in args.data:
        dataset = load_labelled(path, model.draw, strokes=False, **model.spec.raster)
        parts.append(embed_dataset(model, dataset))
        kinds.append(dataset.group_kind)
    drawn = LabelledEmbeddings(*(np.concatenate(x) for x in zip(*parts, strict=True)))
    alphabets = np.array([name.rpartition("/")[0] for name in drawn.names])
    if args.within == "alphabet" and not (alphabets != "").all():
        raise InputError(
            "--within alphabet needs labels like 'Greek/character01'; these have no "
            "alphabet."
        )
    kind = kinds[0] if len(set(kinds)) == 1 else ""
    return drawn, kind, alphabets


def _held_out(groups, kind: str):
    """bool[n]: drawings of groups that training never saw; all if no group is known."""
    import numpy as np

    from strokejax.data.splits import KINDS, split_mask

    if kind in KINDS:
        held_out = split_mask("validation", kind, groups)
        if held_out.any() and not held_out.all():
            print(
                f"strokejax: scores are of the {kind}s that the packaged weights never "
                f"saw, {held_out.sum():,} of {len(held_out):,} drawings.",
                file=sys.stderr,
            )
            return held_out
    return np.ones(len(groups), bool)


def _shots_row(
    args: argparse.Namespace, stored, store, k: int, drawn, held_out, alphabets
) -> dict[str, Any]:
    """The scores for `k` shots."""
    import numpy as np

    from strokejax.evaluation.few_shot import kshot
    from strokejax.tasks.symbols.evaluation.incremental import personal

    if args.within == "writer":
        known = drawn.select(held_out & np.isin(drawn.names, stored.symbols.symbols))
        settings = {"store": store, "method": args.method, "seed": args.seed}
        return personal(stored, known, k, **settings)
    if args.on_top:
        return _on_top_row(args, stored, store, k, drawn, held_out)
    # Characters of training alphabets and letters of training writers stay out.
    if not held_out.all():
        drawn = drawn.select(held_out)
        alphabets = alphabets[held_out]
    return kshot(
        drawn.z,
        np.unique(drawn.names, return_inverse=True)[1],
        drawn.groups,
        shots=[k],
        ways=args.ways,
        count=args.episodes,
        seed=args.seed,
        within=alphabets if args.within == "alphabet" else None,
    )["shots"][0]


def _on_top_row(
    args: argparse.Namespace, stored, store, k: int, drawn, held_out
) -> dict[str, Any]:
    """The scores of new symbols and of the model's own, which share the table."""
    import numpy as np

    from strokejax.registration.learn import replay_set
    from strokejax.tasks.symbols.evaluation.incremental import (
        LabelledEmbeddings,
        on_top,
    )

    known = np.isin(drawn.names, stored.symbols.symbols)
    if known.all():
        raise InputError(
            "All labels are symbols of the model already; --on-top needs some that are "
            "new to it."
        )
    old = drawn.select(known & held_out)
    if not len(old.z):
        print(
            "strokejax: no label of the data is a symbol of the model; the loss of the "
            "old symbols is measured on the drawings that the model stores of them.",
            file=sys.stderr,
        )
        # The calibration and the samples, as for the guard of `strokejax register`.
        replay = replay_set(stored, store)
        names = np.array(stored.symbols.names, str)[replay.owner]
        old = LabelledEmbeddings(replay.z, names, np.full(len(names), "known"))
    new = drawn.select(~known)
    support = _support(new.groups, held_out[~known], args.seed)
    settings = {"store": store, "method": args.method, "seed": args.seed}
    return on_top(stored, new, old, support, k, **settings)


def _support(groups, held_out, seed: int):
    """bool[n]: drawings to learn from; those of the other writers are the queries."""
    import numpy as np

    # Of data with a known split, the training writers show the new symbols.
    if not held_out.all():
        return ~held_out
    writers = np.unique(groups)
    if len(writers) < 2:
        raise InputError(
            "--on-top needs drawings of at least two writers: shots and queries come "
            "from different ones; add drawings by another writer."
        )
    half = np.random.default_rng(seed).permutation(writers)[: len(writers) // 2]
    return np.isin(groups, half)


def write_report(args: argparse.Namespace, scores: dict[str, Any]) -> None:
    """Writes a page of the k-shot curves."""
    import shlex

    from strokejax.tasks.symbols.evaluation.curves import write_curves

    if "shots" not in scores:
        raise InputError("--report draws accuracy against shots; add --shots 1,5,10.")
    names = ", ".join(Path(path).name for path in args.data)
    curve = "new symbols" if args.on_top else "all"
    curves: dict[str, Sequence[Any]] = {curve: scores["shots"]}
    command = shlex.join(["strokejax", *sys.argv[1:]])
    write_curves(args.report, f"Learning from shots: {names}", curves, command)


def _print_shots(scores: dict[str, Any]) -> None:
    for row in scores.get("shots", ()):
        low, high = row["interval95"]
        print(
            f"{row['k']:>3} shots, {row['ways']} ways: {row['accuracy']:.4f} "
            f"[{low:.4f}, {high:.4f}], n = {row['n']:,}"
        )
        for name in ("before", "old_before", "old_after"):
            if name in row:
                print(f"    {name.replace('_', ' '):<11} {row[name]:.4f}")
        for symbol in row.get("hardest", ()):
            print(
                f"    {symbol['symbol']!r} {symbol['accuracy']:.2f}, taken for "
                f"{symbol['taken_for']!r}"
            )


def _print_open_set(scores: dict[str, Any]) -> None:
    for title, part in (
        ("twins removed together", scores),
        ("without symbols that have twins", scores.get("without_twins", {})),
    ):
        if "auroc" not in part:
            continue
        auroc, fpr95 = part["auroc"], part["fpr95"]
        print(f"open set, {title}: AUROC {auroc:.4f}, FPR95 {fpr95:.4f}")
        for rate, share in part["kept_at"].items():
            model = part["promised"][rate]
            print(
                f"    false-accept rate {rate}: accepts {share:.4f} of the known; the "
                f"model's own threshold accepts {model['kept']:.4f}, and "
                f"{model['false_accepts']:.4f} of the unknown"
            )
