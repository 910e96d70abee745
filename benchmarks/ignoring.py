"""Is a turned symbol the same? python benchmarks/ignoring.py (needs STROKEJAX_DATA)

Asymmetric Detexify symbols are registered alone from five drawings, with and without
`--ignore rotation`; drawings by other people are asked for turned by all eighths.
"""

import argparse
import os
import tempfile

import numpy as np
from recording import parse

from strokejax.data.dataset import data_file
from strokejax.evaluation.figure import Figure
from strokejax.evaluation.scores import bootstrap_interval
from strokejax.ink.packed import read_packed, unpack
from strokejax.ink.variants import ROTATIONS, turned
from strokejax.recognizer import load
from strokejax.registration.registry import register
from strokejax.store.versions import undo

SYMBOLS = (
    "amssymb:nRightarrow",
    "amssymb:rightsquigarrow",
    "amssymb:checkmark",
    "latex2e:Downarrow",
    "latex2e:textgreater",
    "marvosym:Heart",
)
SHOTS = 5


def main() -> None:
    """Prints accuracy upright and turned, rows, and what the other symbols lose."""
    _, record = parse(argparse.ArgumentParser(description=__doc__))
    packed, columns = read_packed(data_file("detexify63_dev.npz"))
    with tempfile.TemporaryDirectory() as home:
        os.environ["STROKEJAX_HOME"] = home
        for ignore in ((), ("rotation",)):
            right, rows, lost = [], [], []
            for name in SYMBOLS:
                own = np.flatnonzero(columns["label"] == f"latex:{name}")
                own = np.random.default_rng(0).permutation(own)
                drawings = [unpack(packed, i) for i in own]
                found = register(
                    None, name, drawings[:SHOTS], ignore=ignore, force=True
                )
                model = load()
                asked = [turned(ink, d) for ink in drawings[SHOTS:] for d in ROTATIONS]
                answers = model.recognize_many(asked, k=1)
                named = np.array([each.symbols[0] == name for each in answers])
                right.append(named.reshape(-1, len(ROTATIONS)))
                rows.append(len(model.symbols.slots_of(name)))
                lost.append(found["old_loss"]["mean"])
                undo(None)
            record(_print(ignore, right, rows, lost))


def _print(ignore, right, rows, lost) -> list[Figure]:
    groups = np.repeat(np.arange(len(right)), [len(each) for each in right])
    both = np.concatenate(right).astype(float)
    turned_alone = both[:, 1:].mean(1)
    low, high = bootstrap_interval(turned_alone, groups)
    print(
        f"ignoring {', '.join(ignore) or 'nothing'}: {np.mean(rows):.1f} rows a symbol"
    )
    print(f"  upright {both[:, 0].mean():.4f}, n = {len(both)}")
    print(f"  turned  {turned_alone.mean():.4f} [{low:.3f}, {high:.3f}] over symbols")
    print(f"  the other symbols lose {np.mean(lost):.4f}")
    title, n = f"{', '.join(ignore) or 'nothing'} ignored", len(both)
    return [
        Figure(f"{title}, upright", both[:, 0].mean(), n=n),
        Figure(f"{title}, turned", turned_alone.mean(), (low, high), n),
        Figure(f"{title}, the other symbols lose", float(np.mean(lost)), n=len(lost)),
    ]


if __name__ == "__main__":
    main()
