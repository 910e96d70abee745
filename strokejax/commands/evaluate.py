"""strokejax evaluate: how good a model is on labelled drawings."""

import argparse
import json
from typing import Any

TEXT = """\
Score a model on labelled drawings: accuracies with a 95 % interval over writers.

data:
  FILE.npz   packed ink with an array `label` (and `writer`), or pictures x u8[n h w]
             (ink high) with labels y; whole-number labels up to 9 are digits
  FOLDER     a collected folder: one subfolder a symbol (a, uA, d0, space), CSV files
"""


def options(parser: argparse.ArgumentParser) -> None:
    """What the command takes."""
    parser.add_argument("data", metavar="FILE_OR_FOLDER")


def run(given: argparse.Namespace) -> int:
    """Prints the scores of a model that knows all labels."""
    from strokejax.data.labelled import load_labelled
    from strokejax.recognizer import load
    from strokejax.scores import summary

    model = load(given.model)
    dataset = load_labelled(given.data, model.draw, **model.spec.raster)
    truth = [dataset.symbols[label] for label in dataset.labels]
    model.symbols.slots(set(truth), given.data)
    slot = model.ranked(dict(dataset.inputs), 5).slot
    ranked = model.names(slot)
    scores = summary(ranked, truth, dataset.groups, dataset.group_kind)
    if given.json:
        print(json.dumps(scores, ensure_ascii=False))
    else:
        _print(scores, dataset.group_kind)
    return 0


def _print(scores: dict[str, Any], kind: str) -> None:
    low, high = scores["interval95"]
    print(f"{scores['n']:,} drawings")
    print(
        f"  top-1          {scores['top1']:.4f}  [{low:.4f}, {high:.4f}] over {kind}s"
    )
    for name in ("top3", "top5", "twins_merged"):
        print(f"  {name.replace('_', ' '):<14} {scores[name]:.4f}")
    per_class = scores["per_class"].items()
    worst = sorted(per_class, key=lambda item: item[1]["top1"])[:8]
    print("  hardest        " + ", ".join(f"{n} {s['top1']:.2f}" for n, s in worst))
    print(
        f"  worst {kind}s  ".ljust(17)
        + ", ".join(f"{w['group']} {w['top1']:.2f}" for w in scores["worst_writers"])
    )
