"""Is the coach right? python benchmarks/coach.py (needs STROKEJAX_DATA)

Each UNIPEN punctuation mark is registered alone from ten drawings by training writers;
what the coach expects is held against the answers to validation writers' drawings.
Then a drawing of another letter is put among five of one writer's.
"""

import argparse

import numpy as np
from recording import parse

from strokejax.data.dataset import data_file
from strokejax.data.sets.unipen import load_unipen
from strokejax.data.splits import split_mask
from strokejax.evaluation.figure import Figure
from strokejax.ink.packed import read_packed
from strokejax.recognizer import from_stored
from strokejax.registration.coach import outliers
from strokejax.registration.learn import learn
from strokejax.registration.rows import ReplaySet
from strokejax.store.model import Sample, load_model
from strokejax.tasks.symbols.evaluation.incremental import MemoryStore, nearest_symbols

SHOTS, DRAWS = 10, 3


def main() -> None:
    """Prints expected and true rates, and what they differ by."""
    _, record = parse(argparse.ArgumentParser(description=__doc__))
    stored = load_model("nn-sampling")
    model = from_stored(stored)
    packed, columns = read_packed(data_file("unipen_punct_dev.npz"))
    z, names = model.embed(model.draw(packed)), columns["label"]
    held = split_mask("validation", "writer", columns["writer"])
    letters = load_unipen("validation")
    truth = np.array(letters.symbols)[letters.labels]
    old = model.embed({"points": letters.inputs["points"]})
    before = _rates(nearest_symbols(stored, old) == truth, truth)
    rates, losses = [], []
    for seed in range(DRAWS):
        rng = np.random.default_rng(seed)
        for name in np.unique(names):
            own = rng.permutation(np.flatnonzero(~held & (names == name)))[:SHOTS]
            new = tuple(Sample(str(name), "", int(i), "", "") for i in own)
            wider = stored._replace(samples=new)
            settings = {"against": stored, "force": True}
            found = learn(wider, MemoryStore(z), str(name), "sgd", **settings)
            asked = z[held & (names == name)]
            true = (nearest_symbols(found.model, asked) != name).mean()
            rates.append((found.coach["mistaken"], true))
            after = _rates(nearest_symbols(found.model, old) == truth, truth)
            losses.append((found.coach["old_loss"]["mean"], (before - after).mean()))
    told, true = np.array(rates).T
    off, spread = np.abs(told - true).mean(), np.abs(true - true.mean()).mean()
    print(f"{len(rates)} registrations of {len(np.unique(names))} marks")
    print(f"  taken for others, expected {told.mean():.3f}, true {true.mean():.3f}")
    print(f"  mean absolute error       {off:.3f}")
    print(f"  of always the true mean   {spread:.3f}")
    expected, lost = np.array(losses).T
    print(f"  others lose, expected {expected.mean():.4f}, true {lost.mean():.4f}")
    known = ReplaySet(stored.calibration.z, stored.calibration.label)
    record(slips_found(old, truth, np.asarray(letters.groups), known))
    n, taken = len(rates), "taken for others"
    record(
        [
            Figure(f"{taken}, expected", told.mean(), n=n),
            Figure(f"{taken}, true", true.mean(), n=n),
            Figure(f"{taken}, mean absolute error", off, n=n),
            Figure(f"{taken}, mean absolute error of the true mean", spread, n=n),
            Figure("others lose, expected", expected.mean(), n=n),
            Figure("others lose, true", lost.mean(), n=n),
        ]
    )


def slips_found(
    z: np.ndarray, truth: np.ndarray, writers: np.ndarray, known: ReplaySet
) -> list[Figure]:
    """Prints how many slips are outliers, and how many of a writer's own drawings."""
    own, slips = slipped(z, truth, writers, known)
    print(f"{len(slips)} times five of a writer's drawings and one of another letter")
    print(f"  odd: the slips {np.mean(slips):.3f}, the others {np.mean(own):.3f}")
    return [
        Figure("outliers, of other letters", float(np.mean(slips)), n=len(slips)),
        Figure("outliers, of own drawings", float(np.mean(own)), n=5 * len(own)),
    ]


def slipped(
    z: np.ndarray, truth: np.ndarray, writers: np.ndarray, known: ReplaySet
) -> tuple[list[float], list[float]]:
    """Which shares of a writer's own drawings are odd, and of another letter's."""
    rng = np.random.default_rng(0)
    own, slips = [], []
    for writer in np.unique(writers):
        theirs = np.flatnonzero(writers == writer)
        for name in np.unique(truth[theirs]):
            same = rng.permutation(theirs[truth[theirs] == name])[:5]
            others = theirs[truth[theirs] != name]
            if len(same) == 5 and len(others):
                odd = outliers(z[[*same, rng.choice(others)]], known)
                own.append(len({*odd} - {5}) / 5)
                slips.append(5 in odd)
    return own, slips


def _rates(right: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """f64[c]: accuracy of each symbol."""
    return np.array([right[truth == name].mean() for name in np.unique(truth)])


if __name__ == "__main__":
    main()
