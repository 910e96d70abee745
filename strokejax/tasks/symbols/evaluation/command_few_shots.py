"""The part of `strokejax evaluate` that lets the model learn first."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from strokejax.types import InputError

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
    from strokejax.tasks.symbols.evaluation.labelled_labelled import load_labelled
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

    from strokejax.tasks.symbols.evaluation.command_curves import write_curves

    if "shots" not in found:
        raise InputError("--report draws accuracy against shots; add --shots 1,5,10.")
    names = ", ".join(Path(path).name for path in given.data)
    curves: dict[str, Sequence[Any]] = {"all": found["shots"]}
    if given.on_top:
        curves = {"new symbols": found["shots"]}
    command = shlex.join(["strokejax", *sys.argv[1:]])
    write_curves(given.report, f"Learning from shots: {names}", curves, command)
