"""The questions that short runs answer: what is compared, and how it is measured."""

import hashlib
import importlib.util
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from untrained import PIXELS, WOBBLE, Row, made_rows, mixture, mouse, variations

from strokejax.config import default_config, fields
from strokejax.settings import LOSSES
from strokejax.tasks.symbols.evaluation.accuracy import unipen_accuracy
from strokejax.tasks.symbols.evaluation.shots import (
    personal_samples,
    symbols,
    within_alphabets,
)
from strokejax.tasks.symbols.evaluation.validation import Validation

ROOT = Path(__file__).parents[1]
Settings = Mapping[str, Any]

RECIPE = "configs/pretrain.py:fused"
BASE: Settings = {"model.embed_dim": 64}
"""What all runs change of it: dimensions from before 128 were found to be better."""
EPISODES = 200


class Experiment(NamedTuple):
    """Runs to compare, or a measurement that needs no run of its own."""

    name: str
    question: str
    arms: Mapping[str, Settings] = {}
    """What each run changes of configs/pretrain.py:fused."""
    seeds: tuple[int, ...] = (0,)
    untrained: Callable[[Validation], dict[str, Row]] | None = None
    """Rows of the table for a model that is there."""


def usual(found: Validation) -> Row:
    """What every run is measured by; letters only where the model has learned them."""
    row: Row = {}
    if "a" in found.model.symbols.symbols:
        top1, _, twins = unipen_accuracy(found, found.model.spec.uses)
        (own,) = personal_samples(found, (5,))
        row = {"UNIPEN top-1": top1, "twins merged": twins, "5 own samples": own}
    (alphabet,) = within_alphabets(found, {1: None}, EPISODES)
    one, five = symbols(found, EPISODES, (1, 5))
    return {
        **row,
        "alphabet 20w1s": alphabet,
        "Detexify 20w1s": one,
        "Detexify 20w5s": five,
    }


ALL = {
    "omniglot": "omniglot",
    "detexify": "detexify:2",
    "mnist": "mnist:0.3",
    "synthetic": "synthetic",
}


def _also(*names: str) -> str:
    return ",".join(ALL[name] for name in names)


def _without(name: str) -> str:
    return _also(*(each for each in ALL if each != name))


SETS = {
    "63: letters alone": {"data.also": ""},
    "816: with Detexify": {"data.also": _also("detexify")},
    "878: with Omniglot": {"data.also": _also("omniglot"), "data.rotations": False},
    "3,323: with Omniglot, turned": {"data.also": _also("omniglot")},
    "4,076: with both": {"data.also": _also("omniglot", "detexify")},
}
EXPERIMENTS = (
    Experiment(
        "losses",
        "Which loss makes the best embedding?",
        {name: {"loss.name": name} for name in LOSSES},
        seeds=(0, 1, 2),
    ),
    Experiment(
        "data",
        "What does each data set add beside UNIPEN?",
        {
            "all together": {"data.also": _also(*ALL)},
            "without UNIPEN": {
                "data.name": "omniglot",
                "data.also": _without("omniglot"),
            },
            "without Omniglot": {"data.also": _without("omniglot")},
            "without Detexify": {"data.also": _without("detexify")},
            "without MNIST": {"data.also": _without("mnist")},
            "without turned characters": {
                "data.also": _also(*ALL),
                "data.rotations": False,
            },
            "without the built-in hand": {"data.also": _without("synthetic")},
            "Omniglot's strokes too": {"data.also": _also(*ALL), "data.strokes": True},
        },
    ),
    Experiment(
        "embed_dim",
        "How many dimensions does the embedding need?",
        {str(d): {"model.embed_dim": d} for d in (16, 32, 64, 128)},
    ),
    Experiment(
        "convolutions",
        "One or two convolutions a block?",
        {name: {"model.convs": n} for n, name in ((1, "single"), (2, "double"))},
    ),
    Experiment(
        "weight_decay",
        "How much weight decay?",
        {f"{w:g}": {"optim.weight_decay": w} for w in (0.0, 0.01, 0.05, 0.2)},
    ),
    Experiment(
        "examples",
        "How many examples a class are needed? (UNIPEN alone; on average a class)",
        {
            name: {"data.also": "", "data.limit_train": 63 * n}
            for name, n in (("10", 10), ("30", 30), ("100", 100), ("300", 300))
        }
        | {"all (995)": {"data.also": ""}},
    ),
    Experiment(
        "classes",
        "What does a very large number of classes do? (their number C, data sets)",
        SETS,
    ),
    Experiment(
        "rows",
        "Is a row best trained, or a mean over training or validation drawings?",
        untrained=made_rows,
    ),
    Experiment(
        "mixture",
        "As how many drawings does a trained row count beside a writer's own? (1 to 10 "
        "of each letter)",
        untrained=mixture,
    ),
    Experiment(
        "variations",
        "Are variations of a single drawing worth their cost?",
        untrained=variations,
    ),
    Experiment(
        "mouse",
        "Does motion help a mouse? (7,494 pen digits of another device, all symbols "
        f"as answers; the mouse's points err by {WOBBLE:g} of the longer side, on "
        f"{PIXELS} pixels)",
        untrained=mouse,
    ),
)


def key(line: Mapping[str, Any]) -> str:
    """What makes two lines of the journal one run."""
    named = ("recipe", "settings", "seed", "steps", "model")
    parts = [line[name] for name in named]
    return json.dumps([*parts, line["arm"] if line["model"] else ""], sort_keys=True)


def planned(experiment: Experiment, steps: int) -> list[dict[str, Any]]:
    """The lines of an experiment that trains, without their figures."""
    usually, named = recipe(), digest()
    return [
        {
            "experiment": experiment.name,
            "arm": arm,
            "recipe": named,
            # What the recipe has anyway is no setting: other questions share the run.
            "settings": {n: v for n, v in settings.items() if usually.get(n) != v},
            "seed": seed,
            "steps": steps,
            "model": "",
        }
        for seed in experiment.seeds
        for arm, settings in experiment.arms.items()
    ]


def digest() -> str:
    """Eight digits that tell the recipe from what it was before it was changed."""
    usually = dict(fields(default_config()))
    changed = {n: v for n, v in recipe().items() if n not in BASE and usually[n] != v}
    settings = json.dumps(changed, sort_keys=True).encode()
    return hashlib.sha256(settings).hexdigest()[:8]


def recipe() -> dict[str, Any]:
    """Every setting of the runs where no question changes it, by its dotted name."""
    file, _, arg = RECIPE.partition(":")
    spec = importlib.util.spec_from_file_location("recipe", ROOT / file)
    if spec is None or spec.loader is None:
        raise FileNotFoundError(file)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return {**dict(fields(module.get_config(arg))), **BASE}
