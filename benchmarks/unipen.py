"""Accuracies on the validation writers of UNIPEN: python benchmarks/unipen.py

Needs STROKEJAX_DATA. The packaged models are scored as they are; with --train, short
runs of equal length compare what the recipe rests on (about 8 minutes on two cores).
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from recording import parse

import strokejax
from strokejax.data.sets.unipen import load_unipen
from strokejax.evaluation.figure import Figure
from strokejax.evaluation.scores import expected_calibration_error, summary

EPOCHS = 1
RUNS = {
    "shape, learned scale": ["--config=configs/pretrain.py:shape"],
    "shape, scale fixed at 1": [
        "--config=configs/pretrain.py:shape",
        "--config.loss.scale=1.0",
        "--config.loss.learn_scale=False",
    ],
    "fused, from the packaged weights": [
        "--config=configs/finetune.py",
        "--config.data.name=unipen",
    ],
}


def row(name: str, scores: dict) -> str:
    """One line of the table."""
    low, high = scores["interval95"]
    return (
        f"  {name:<32}{scores['top1']:.4f} [{low:.4f}, {high:.4f}]  "
        f"{scores['top3']:.4f}  {scores['twins_merged']:.4f}  {scores['n']:,}"
    )


NAMES = {
    "top1": "top-1",
    "top3": "top-3",
    "twins_merged": "twins merged",
    "calibration_error": "calibration error",
    "kept": "not refused",
}


def figures(name: str, scores: dict) -> list[Figure]:
    """The scores that are printed; the interval is that of top-1."""
    intervals, n = {"top1": tuple(scores["interval95"])}, scores["n"]
    return [
        Figure(f"{name}, {NAMES[key]}", scores[key], intervals.get(key), n)
        for key in NAMES
        if key in scores
    ]


def packaged(mode: str) -> dict:
    """Scores of a packaged model."""
    model, dataset = strokejax.load(mode), load_unipen("validation")
    found = model.ranked(dict(dataset.inputs), 5)
    truth, names = np.array(dataset.symbols)[dataset.labels], model.names(found.slot)
    right, share = names[:, 0] == truth, found.probability[:, 0]
    return summary(names, truth, dataset.groups) | {
        "calibration_error": expected_calibration_error(share, right),
        "kept": float((found.novelty <= model.limit).mean()),
    }


def short_run(arguments: list[str]) -> dict:
    """Metrics of a job of `EPOCHS` epochs."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "strokejax.launch", *arguments]
        command += [f"--workdir={folder}/run", f"--config.loop.epochs={EPOCHS}"]
        done = subprocess.run(
            command, check=True, stdout=subprocess.PIPE, cwd=Path(__file__).parents[1]
        )
    return json.loads(done.stdout.splitlines()[-1])["metrics"]


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--train", action="store_true", help="also the short runs")
    options, record = parse(parser)
    print("UNIPEN, validation writers      top-1 [95 %]              top-3   twins   n")
    for mode in ("nn-sampling", "argmax"):
        scores = packaged(mode)
        print(row(f"packaged, {mode}", scores), flush=True)
        print(
            f"  calibration error {scores['calibration_error']:.4f}, not refused "
            f"{scores['kept']:.4f}"
        )
        record(figures(f"packaged, {mode}", scores))
    if options.train:
        print(f"short runs, {EPOCHS} epochs each")
        for name, arguments in RUNS.items():
            scores = short_run(arguments)
            print(row(name, scores), flush=True)
            record(figures(f"{name}, {EPOCHS} epochs", scores))


if __name__ == "__main__":
    main()
