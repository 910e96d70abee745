"""What the size of ink tells: python benchmarks/reference_size.py

Needs STROKEJAX_DATA. Letters and digits of UNIPEN's held-out writers in random order,
each compared with the median longer side of those before it, as `strokejax live` does;
and with the writer's true median, off by a factor.
"""

import argparse

import numpy as np
from recording import parse

import strokejax
from strokejax.data.sets.unipen import load_unipen
from strokejax.evaluation.figure import share
from strokejax.evaluation.scores import merge_twins
from strokejax.tasks.symbols.live.stream import WINDOW

BEFORE = (1, 3, 5, 10, WINDOW)
FACTORS = (1.0, 1.25, 1.5, 2.0)


def estimated(size: np.ndarray, writers: np.ndarray, count: int) -> np.ndarray:
    """f32[n]: sizes relative to the median of `count` others of the same writer."""
    rng = np.random.default_rng(0)
    found = np.full(len(size), np.nan)
    for writer in np.unique(writers):
        own = rng.permutation(np.flatnonzero(writers == writer))
        for i, sample in enumerate(own):
            before = size[np.take(own, range(i - count, i), mode="wrap")]
            found[sample] = size[sample] / max(np.median(before), 1e-3)
    return found.astype(np.float32)


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="nn-sampling")
    options, record = parse(parser)
    model = strokejax.load(options.model)
    letters = load_unipen("validation")
    truth = np.array(letters.symbols)[letters.labels]
    size = letters.inputs["size"]
    cases = {"unknown": np.full_like(size, np.nan)}
    for count in BEFORE:
        name = f"median of {count} before"
        cases[name] = estimated(size, letters.groups, count)
    for factor in FACTORS:
        name = "writer's median" + (f", off by {factor:g}" if factor > 1 else "")
        wrong = size * np.float32(factor)
        cases[name] = wrong
    print(f"{len(truth):,} drawings")
    print(f"{'reference size':<32}{'top-1 [95 %]':<25}twins")
    for name, sizes in cases.items():
        inputs = {"points": letters.inputs["points"], "size": sizes}
        names = model.names(model.ranked(inputs, 1).slot)[:, 0]
        top1 = share(f"{name}, top-1", names == truth, letters.groups, "")
        low, high = top1.interval95 or (np.nan, np.nan)
        same = merge_twins(names) == merge_twins(truth)
        twins = share(f"{name}, twins merged", same, letters.groups, "")
        print(
            f"{name:<32}{top1.value:.4f} [{low:.4f}, {high:.4f}]  {twins.value:.4f}",
            flush=True,
        )
        record([top1, twins])


if __name__ == "__main__":
    main()
