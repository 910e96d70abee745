"""What a packaged model knows of drawings: python benchmarks/calibrate.py FOLDER

Embeds drawings of UNIPEN's training writers (a third as pictures, a third as ink, a
third as ink of a known reference size), `space` by the built-in hand, and ink that is
no symbol (scribbles, and Omniglot's training alphabets but for those that share
letters with ours), and stores the model in FOLDER again with that calibration.
"""

import argparse
from pathlib import Path

import jax
import numpy as np

from strokejax.data.dataset import Dataset
from strokejax.data.sets.omniglot import load_omniglot
from strokejax.data.sets.unipen import load_unipen
from strokejax.ink.packed import pack
from strokejax.ink.synthesis.handwriting import random_writer, scribble, write
from strokejax.networks.functions import to_images
from strokejax.recognizer import Recognizer, from_stored
from strokejax.store.model import load_model, save_model
from strokejax.table.rejection import calibrate
from strokejax.table.symbols import SPACE

SPACES, SCRIBBLES, STRANGERS = 400, 2_000, 2_000
ALIKE = ("Latin", "Greek", "Cyrillic")


def by_turns(names: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A random order in which everybody has a turn before anybody has the next."""
    order = rng.permutation(len(names))
    turn = np.zeros(len(names), int)
    seen: dict[str, int] = {}
    for i in order:
        turn[i] = seen.get(names[i], 0)
        seen[names[i]] = turn[i] + 1
    return order[np.argsort(turn[order], kind="stable")]


def embedded(model: Recognizer, letters: Dataset) -> np.ndarray:
    """f32[n d]: by turns as pictures, as ink, and as ink with its relative size."""
    points, size = letters.inputs["points"], letters.inputs["size"]
    turn = np.arange(len(points)) % 3
    z = np.zeros((len(points), model.spec.out_dim), np.float32)
    pictures = jax.jit(lambda x: to_images({"points": x}, **model.spec.raster)[..., 0])
    for part in np.array_split(np.flatnonzero(turn == 0), 40):
        z[part] = model.embed({"image": np.asarray(pictures(points[part]))})
    size = np.where(turn == 2, size, np.nan).astype(np.float32)
    ink = turn > 0
    z[ink] = model.embed({"points": points[ink], "size": size[ink]})
    return z


def main() -> None:
    """Stores the model again."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    stored = load_model(folder)
    model, rng = from_stored(stored), np.random.default_rng(0)
    letters = load_unipen("train")
    names = np.array(letters.symbols)[letters.labels]
    order = by_turns(np.char.add(names, np.char.add(" ", letters.groups)), rng)
    letters, names = letters.take(order), names[order]
    spaces = [write(SPACE, random_writer(rng), rng) for _ in range(SPACES)]
    strangers = load_omniglot("train", **stored.spec.raster)
    foreign = [
        i for i, name in enumerate(strangers.symbols) if not name.startswith(ALIKE)
    ]
    strangers = strangers.select(np.isin(strangers.labels, foreign))
    strangers = strangers.take(rng.permutation(len(strangers))[:STRANGERS])
    z = [embedded(model, letters), model.embed(model.draw(pack(spaces)))]
    names = np.concatenate([names, np.full(SPACES, SPACE)])
    label = np.array(stored.symbols.slots(names.tolist(), "the data"))
    background = [
        model.embed(model.draw(pack([scribble(rng) for _ in range(SCRIBBLES)]))),
        model.embed(dict(strangers.inputs)),
    ]
    rows = stored.table["embeddings"]
    calibration, radius, scale = calibrate(
        np.concatenate(z), label, rows, np.concatenate(background)
    )
    slots = stored.slots._replace(radius=radius, scale=scale)
    changed = stored._replace(calibration=calibration, slots=slots)
    for old in folder.glob("*.safetensors"):
        old.unlink()
    save_model(folder, changed, np.float16)
    print(f"{len(calibration.z):,} drawings and {len(calibration.background):,} others")


if __name__ == "__main__":
    main()
