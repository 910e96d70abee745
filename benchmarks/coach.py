"""Is the coach right? python benchmarks/coach.py (needs STROKEJAX_DATA)

Each UNIPEN punctuation mark is registered alone from ten drawings by training writers;
what the coach expects is held against the answers to validation writers' drawings.
Then a drawing of another letter is put among five of one writer's.
"""

import numpy as np

from strokejax.data.dataset import data_file
from strokejax.data.sets.unipen import load_unipen
from strokejax.data.splits import split_mask
from strokejax.ink.formats import read_packed
from strokejax.recognizer import from_stored
from strokejax.registration.coach import odd_ones
from strokejax.registration.learn import learn
from strokejax.registration.rows import Known
from strokejax.store.model import Sample, load_model
from strokejax.tasks.symbols.evaluation.incremental import MemoryStore, answered

SHOTS, DRAWS = 10, 3


def main() -> None:
    """Prints expected and true rates, and what they differ by."""
    stored = load_model("nn-sampling")
    model = from_stored(stored)
    packed, columns = read_packed(data_file("unipen_punct_dev.npz"))
    z, names = model.embed(model.draw(packed)), columns["label"]
    held = split_mask("validation", "writer", columns["writer"])
    letters = load_unipen("validation")
    truth = np.array(letters.symbols)[letters.labels]
    old = model.embed({"points": letters.inputs["points"]})
    before = _rates(answered(stored, old) == truth, truth)
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
            true = (answered(found.model, asked) != name).mean()
            rates.append((found.coach["mistaken"], true))
            after = _rates(answered(found.model, old) == truth, truth)
            losses.append((found.coach["old_loss"]["mean"], (before - after).mean()))
    told, true = np.array(rates).T
    print(f"{len(rates)} registrations of {len(np.unique(names))} marks")
    print(f"  taken for others, expected {told.mean():.3f}, true {true.mean():.3f}")
    print(f"  mean absolute error       {np.abs(told - true).mean():.3f}")
    print(f"  of always the true mean   {np.abs(true - true.mean()).mean():.3f}")
    expected, lost = np.array(losses).T
    print(f"  others lose, expected {expected.mean():.4f}, true {lost.mean():.4f}")
    known = Known(stored.calibration.z, stored.calibration.label)
    own, slips = slipped(old, truth, np.asarray(letters.groups), known)
    print(f"{len(slips)} times five of a writer's drawings and one of another letter")
    print(f"  odd: the slips {np.mean(slips):.3f}, the others {np.mean(own):.3f}")


def slipped(
    z: np.ndarray, truth: np.ndarray, writers: np.ndarray, known: Known
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
                odd = odd_ones(z[[*same, rng.choice(others)]], known)
                own.append(len({*odd} - {5}) / 5)
                slips.append(5 in odd)
    return own, slips


def _rates(right: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """f64[c]: accuracy of each symbol."""
    return np.array([right[truth == name].mean() for name in np.unique(truth)])


if __name__ == "__main__":
    main()
