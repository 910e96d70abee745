"""Questions about fonts: python benchmarks/font_experiments.py (STROKEJAX_DATA/fonts)

--only examples      how many pictures a font's row needs
--only characters    characters first: small embeddings of each, summed over a line
--only impressions   which fonts are alike, from the trained rows and from pictures
                     that the network itself dreams up (data impressions: Nayak et
                     al., Zero-shot knowledge distillation in deep networks, 2019)
"""

import argparse

import jax
import jax.numpy as jnp
import numpy as np
from recording import parse

from strokejax.data.dataset import data_root
from strokejax.evaluation.figure import Figure, share
from strokejax.search.character_model import load_words
from strokejax.store.model import StoredModel, load_model
from strokejax.table.table import unit
from strokejax.tasks.fonts.data import render, usable_faces
from strokejax.tasks.fonts.faces import REQUIRED_CHARACTERS, Face, font_files
from strokejax.tasks.fonts.finder import CLASSES, finder
from strokejax.tasks.fonts.network import build_encoder
from strokejax.tasks.fonts.settings import FONTS
from strokejax.tasks.fonts.typeset import TextStyle, typeset

PARTS = ("examples", "characters", "impressions")
WORDS = load_words("en")
COUNTS = (1, 2, 4, 8, 16, 32)
SIDE, SMALL = 24, 16
"""Pixels of a character's square, numbers of its embedding."""
DREAMT, CHOSEN, STEPS, SPREAD = 8, 24, 150, 10.0
"""Impressions of each of so many fonts, steps of gradient, and how near a Dirichlet
draw stays to its font: higher is nearer."""


def told(name: str, hit: np.ndarray, groups: np.ndarray) -> Figure:
    figure = share(name, hit, groups, "")
    low, high = figure.interval95 or (np.nan, np.nan)
    print(
        f"| {name} | {len(hit):,} | {figure.value:.4f} [{low:.4f}, {high:.4f}] |",
        flush=True,
    )
    return figure


def examples(stored: StoredModel, faces: list[Face], count: int) -> list[Figure]:
    how = {"height": stored.spec.size, "width": stored.spec.length}
    network = finder(stored).recognizer

    def embedded(count: int, split: str, seed: int):
        x, width, y, _ = render(faces, WORDS, count, split=split, seed=seed, **how)
        return network.embed({"image": x, "width": width}), y

    z, labels = embedded(max(COUNTS), "train", 0)
    query, truth = embedded(count, "test", 5)
    groups = np.array([faces[i].family for i in truth])
    figures = []
    for n in COUNTS:
        rows = np.stack([unit(z[labels == i][:n].sum(0)) for i in np.unique(labels)])
        best = np.unique(labels)[(query @ rows.T).argmax(1)]
        figures.append(told(f"{n} pictures a row", best == truth, groups))
    return figures


def square(ink: np.ndarray) -> np.ndarray:
    """f32[SIDE * SIDE]: ink u8[h w] in a square, its proportions kept."""
    from PIL import Image

    image = Image.fromarray(ink)
    scale = SIDE / max(image.size)
    size = [max(1, round(scale * side)) for side in image.size]
    found = np.zeros((SIDE, SIDE), np.float32)
    found[: size[1], : size[0]] = np.asarray(image.resize((size[0], size[1])))
    return found.ravel() / 255


def glyph(face: Face, char: str) -> np.ndarray:
    return square(_cropped(typeset(face.file, face.index, [char], TextStyle(60))))


def _cropped(cover: np.ndarray) -> np.ndarray:
    rows, columns = np.flatnonzero(cover.max(1)), np.flatnonzero(cover.max(0))
    return cover[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def pieces(line: np.ndarray) -> list[np.ndarray]:
    """The inked parts of a line u8[h w] between blank columns."""
    inked = np.concatenate([[False], line.max(0) > 64, [False]])
    edges = np.flatnonzero(np.diff(inked.astype(int)))
    parts = [line[:, a:b] for a, b in edges.reshape(-1, 2)]
    return [square(_cropped(part)) for part in parts if part.max() and part.size > 80]


def characters(stored: StoredModel, faces: list[Face], count: int) -> list[Figure]:
    x = np.stack(
        [[glyph(face, char) for char in REQUIRED_CHARACTERS] for face in faces]
    )
    flat = x.reshape(-1, SIDE * SIDE)
    centre = flat.mean(0)
    _, vectors = np.linalg.eigh(np.cov((flat - centre).T))
    small = (x - centre) @ vectors[:, -SMALL:]
    usual = small.mean(0)
    how = {"height": stored.spec.size, "width": stored.spec.length}
    lines, width, truth, _ = render(faces, WORDS, count, split="test", seed=5, **how)
    hits = []
    for line, wide, label in zip(lines, width, truth, strict=True):
        found = np.reshape(pieces(line[:, :wide]), (-1, SIDE * SIDE))
        z = (found - centre) @ vectors[:, -SMALL:]
        said = ((z[:, None] - usual) ** 2).sum(-1).argmin(1)
        far = sum(((small[:, c] - z[i]) ** 2).sum(-1) for i, c in enumerate(said))
        hits.append(bool(len(z)) and int(np.argmin(far)) == label)
    groups = np.array([faces[i].family for i in truth])
    name = f"characters first, {SMALL} numbers each, summed"
    return [told(name, np.array(hits), groups)]


def impressions(stored: StoredModel) -> list[Figure]:
    """Rank correlations with how alike the fonts' real pictures are."""
    trained = unit(stored.calibration.rows)
    rng = np.random.default_rng(0)
    slots = [
        stored.symbols.slot(name)
        for name in stored.about[CLASSES]
        if stored.symbols.slot(name) is not None
    ]
    chosen = rng.permutation(len(slots))[:CHOSEN]
    alike = trained[chosen] @ trained[chosen].T
    means = unit(stored.table["embeddings"])[[slots[i] for i in chosen]]
    # Concentrations from how alike classes are in the classifier, as published.
    spread = (alike - alike.min(1, keepdims=True)) / np.ptp(alike, axis=1)[:, None]
    targets = np.stack([rng.dirichlet(SPREAD * c + 1e-3, DREAMT) for c in spread])
    dreamt = unit(dream(stored, trained[chosen], targets).mean(1))
    upper = np.triu_indices(CHOSEN, 1)
    real = (means @ means.T)[upper]
    figures = []
    for name, other in (("trained rows", alike), ("impressions", dreamt @ dreamt.T)):
        rho = rank_correlation(other[upper], real)
        print(f"{name} against real pictures: rho {rho:.3f}")
        title = f"{name} against real pictures, rank correlation"
        figures.append(Figure(title, rho, n=len(real)))
    return figures


def dream(stored: StoredModel, rows: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """f32[c n d]: embeddings of pictures made so that the classifier says `targets`."""
    encoder = build_encoder(stored.spec)
    height, width = stored.spec.size, stored.spec.length
    wanted = jnp.asarray(targets.reshape(-1, targets.shape[-1]), jnp.float32)
    full = jnp.full(len(wanted), width, jnp.int32)
    mask = jnp.ones(len(wanted), bool)

    def embed(x):
        inputs = {"image": 255 * jax.nn.sigmoid(x), "width": full}
        given = stored.encoder, stored.model_state, inputs, mask
        return encoder.apply(*given, train=False)[0]

    def loss(x):
        logits = 2 * jnp.exp(stored.table["log_scale"]) * embed(x) @ rows.T
        return -(wanted * jax.nn.log_softmax(logits)).sum(1).sum()

    @jax.jit
    def step(x, speed):
        grad = jax.grad(loss)(x)
        norm = jnp.sqrt((grad**2).sum((1, 2), keepdims=True)) + 1e-9
        speed = 0.9 * speed + grad / norm
        return x - 2.0 * speed, speed

    x = jax.random.normal(jax.random.key(0), (len(wanted), height, width)) - 2.0
    speed = jnp.zeros_like(x)
    for _ in range(STEPS):
        x, speed = step(x, speed)
    return np.asarray(embed(x)).reshape(*targets.shape[:2], -1)


def rank_correlation(a: np.ndarray, b: np.ndarray) -> float:
    """Spearman's, without ties."""
    ranks = [np.argsort(np.argsort(x)) for x in (a, b)]
    return float(np.corrcoef(ranks)[0, 1])


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", choices=PARTS, action="append")
    parser.add_argument("--model", help="a model of fonts (the packaged one)")
    parser.add_argument("--count", type=int, default=4, help="pictures a font (4)")
    options, record = parse(parser)
    chosen = options.only or PARTS
    stored = load_model(options.model, FONTS)
    faces, _ = usable_faces(font_files(data_root() / "fonts"))
    if "examples" in chosen:
        record(examples(stored, faces, options.count))
    if "characters" in chosen:
        record(characters(stored, faces, options.count))
    if "impressions" in chosen:
        record(impressions(stored))


if __name__ == "__main__":
    main()
