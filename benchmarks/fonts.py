"""How well fonts are named: python benchmarks/fonts.py (STROKEJAX_DATA/fonts)

    --only speed       pictures a second, an index of all fonts, an answer, warm
    --only known       fonts trained on, words never shown: FreeType's pictures
    --only screens     the same fonts in a browser's screenshots
    --only families    families never trained on, indexed among all others
    --only unknown     the same, not in the index
    --only baselines   of the first two, without a trained network

Pictures are PNG files as `strokejax fonts make` writes them, of one to three lines, and
go the whole way: the text is found in them first. Intervals are bootstrapped over
families.
"""

import argparse
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import jax
import numpy as np
from recording import parse

from strokejax.data.dataset import data_root
from strokejax.evaluation.few_shot import auroc_interval
from strokejax.evaluation.figure import Figure
from strokejax.evaluation.scores import bootstrap_interval
from strokejax.pictures.images import decode_picture
from strokejax.search.character_model import load_words
from strokejax.store.model import StoredModel, load_model
from strokejax.tasks.fonts.data import (
    held_out,
    pictures_of,
    render,
    usable_faces,
    words_for,
)
from strokejax.tasks.fonts.faces import Face, font_files
from strokejax.tasks.fonts.finder import FontFinder, finder
from strokejax.tasks.fonts.index import embeddings as index_embeddings
from strokejax.tasks.fonts.index import with_fonts
from strokejax.tasks.fonts.make import pngs_of
from strokejax.tasks.fonts.network import build_encoder
from strokejax.tasks.fonts.scores import scores
from strokejax.tasks.fonts.settings import FONTS
from strokejax.types import InputError

PARTS = ("speed", "known", "screens", "families", "unknown", "baselines")
WORDS = load_words("en")
CATEGORIES = Path(__file__).parent / "font_categories.tsv"


def categories() -> dict[str, str]:
    rows = CATEGORIES.read_text().splitlines()
    return dict(row.split("\t")[:2] for row in rows)  # type: ignore[misc]


def drawn(faces: Sequence[Face], count: int) -> Iterator[tuple[Face, np.ndarray]]:
    """FreeType's pictures of words that training never shows."""
    for face in faces:
        for i, data in enumerate(pngs_of(face, WORDS, count, "test", 11, False)):
            yield face, decode_picture(data, f"{face.name} {i}")


def screens(faces: Sequence[Face], count: int) -> Iterator[tuple[Face, np.ndarray]]:
    from strokejax.tasks.fonts.browser import screen_pictures

    for number, taken in screen_pictures(faces, words_for(WORDS, "test"), count, 12):
        if taken.refused:
            print(taken.refused, file=sys.stderr)
        else:
            yield faces[number], taken.picture


def embeddings(
    own: FontFinder, pictures: Iterator[tuple[Face, np.ndarray]]
) -> tuple[list[Face], np.ndarray]:
    """What the whole way gives; pictures in which nothing is found are all wrong."""
    faces, z = [], []
    for face, picture in pictures:
        try:
            found = own.identify(picture, 1).z
        except InputError:
            found = np.zeros(own.recognizer.spec.out_dim, np.float32)
        faces.append(face)
        z.append(found)
    return faces, np.stack(z)


def told(
    name: str, own: FontFinder, faces: list[Face], z: np.ndarray, title: str = ""
) -> list[Figure]:
    """Prints a row of all pictures and one of each category, with their figures."""
    families, title = [face.family for face in faces], title or name
    figures = row(name, scores(own, list(z), families), title)
    kinds = categories()
    kind = np.array([kinds.get(family, "unknown") for family in families])
    for each in sorted(set(kind)):
        part = np.flatnonzero(kind == each)
        chosen = [families[i] for i in part]
        found = scores(own, list(z[part]), chosen)
        figures += row(f"  of them {each}", found, f"{title}, {each}")
    return figures


def unknown(own: FontFinder, faces: list[Face], z: np.ndarray) -> list[Figure]:
    families = np.array([face.family for face in faces])
    found = scores(own, list(z), [*families])
    strange = -own.ranked(z, 1).novelty
    lacks = np.array([held_out(family) for family in families])
    parts = [(x[~lacks], x[lacks]) for x in (strange, families)]
    low, high = auroc_interval(*parts[0], *parts[1])
    apart = found["unknown"]
    print(
        f"unknown: AUROC {apart['auroc']:.4f} [{low:.4f}, {high:.4f}]; "
        f"{apart['refused']:.4f} of {apart['n']:,} pictures are refused, of "
        f"{found['n']:,} of known fonts {found['kept']:.4f} are kept"
    )
    n = apart["n"]
    return [
        Figure("not in the index, AUROC", apart["auroc"], (low, high), n + found["n"]),
        Figure("not in the index, refused", apart["refused"], n=n),
        Figure("in the index, kept", found["kept"], n=found["n"]),
    ]


def heading() -> None:
    print("\n| pictures | n | top-1 [95 %] | top-5 | mean precision | kept |")
    print("|---|--:|--:|--:|--:|--:|", flush=True)


def row(name: str, found: dict, title: str = "") -> list[Figure]:
    """Prints a row; its figures are named by `title`, or by `name`."""
    low, high = found["interval95"]
    print(
        f"| {name} | {found['n']:,} | {found['top1']:.4f} [{low:.4f}, {high:.4f}] | "
        f"{found['top5']:.4f} | {found['map']:.4f} | {found['kept']:.4f} |",
        flush=True,
    )
    title, n = title or name, found["n"]
    return [
        Figure(f"{title}, top-1", found["top1"], (low, high), n),
        Figure(f"{title}, top-5", found["top5"], n=n),
        Figure(f"{title}, mean precision", found["map"], n=n),
        Figure(f"{title}, kept", found["kept"], n=n),
    ]


def known_and_held(faces: Sequence[Face]) -> tuple[list[Face], list[Face]]:
    parts = ([f for f in faces if held_out(f.family) == out] for out in (False, True))
    known, held = parts
    return known, held


def speed(stored: StoredModel, faces: list[Face]) -> list[Figure]:
    start = time.perf_counter()
    for face in faces[:20]:
        pictures_of(face, WORDS, 10, "train", stored.spec.size, stored.spec.length, 1)
    rate = 200 / (time.perf_counter() - start)
    print(f"{rate:,.0f} pictures a second by one process (normalised, as trained on)")
    start = time.perf_counter()
    files = font_files(data_root() / "fonts")
    again, _ = usable_faces(files)
    own = index(stored, again)
    seconds = time.perf_counter() - start
    print(f"{len(again)} fonts indexed in {seconds:.1f} s (asked: 120)")
    pictures = [picture for _, picture in drawn(again[:40], 1)]
    times = []
    for picture in pictures + pictures:
        start = time.perf_counter()
        own.identify(picture)
        times.append(1e3 * (time.perf_counter() - start))
    warm = float(np.median(times[len(pictures) :]))
    print(f"an answer, warm: median {warm:.1f} ms (asked: 50), n = {len(pictures)}")
    return [
        Figure("pictures, one process", rate, n=200, unit="pictures a second"),
        Figure(f"an index of {len(again)} fonts", seconds, unit="s"),
        Figure("an answer, warm", warm, n=len(pictures), unit="ms"),
    ]


def index(stored: StoredModel, faces: list[Face]) -> FontFinder:
    refused: dict[str, str] = {}
    z = index_embeddings(finder(stored).recognizer, faces, WORDS, refused)
    print(*refused.values(), sep="\n", end="", file=sys.stderr)
    return finder(with_fonts(stored, faces, z, fresh=True))


def baselines(stored: StoredModel, faces: list[Face]) -> list[Figure]:
    """By pictures as the network sees them: the mean of each font's, in pixels or by
    the top eigenvectors; zeros; and the network before training."""
    height, width = stored.spec.size, stored.spec.length
    how = {"height": height, "width": width}
    x, _, y, _ = render(faces, WORDS, 16, split="train", **how)
    q, _, truth, _ = render(faces, WORDS, 4, split="test", seed=5, **how)
    x, q = (part.reshape(len(part), -1).astype(np.float32) / 255 for part in (x, q))
    groups = np.array([faces[i].family for i in truth])
    name = f"nearest mean picture, {len(faces)} fonts"
    figures = nearest(name, x, y, q, truth, groups)
    centre = x.mean(0)
    _, vectors = np.linalg.eigh(np.cov((x - centre).T.astype(np.float32)))
    x, q = ((part - centre) @ vectors[:, -64:] for part in (x, q))
    figures += nearest("nearest mean in 64 eigenvectors", x, y, q, truth, groups)
    inputs = {"image": np.zeros((1, height, width), np.uint8)}
    inputs["width"] = np.full(1, width, np.int32)
    encoder = build_encoder(stored.spec)
    params, state = jax.jit(encoder.init)(jax.random.key(0), inputs)
    random = stored._replace(encoder=params, model_state=state)
    own = index(jax.device_get(random), faces)
    figures += told("an untrained network", own, *embeddings(own, drawn(faces, 1)))
    blank = own.recognizer.embed(inputs)
    said = own.nearest(blank, 1)[0].symbols
    print(f"zeroed input: always {said[0]!r}, top-1 {1 / len(faces):.4f}")
    return [*figures, Figure("zeroed input, top-1", 1 / len(faces))]


def nearest(name: str, x, y, q, truth, groups) -> list[Figure]:
    means = np.stack([x[y == i].mean(0) for i in np.unique(y)])
    far = (means**2).sum(1)[None] - 2 * q @ means.T
    order = np.unique(y)[np.argsort(far, 1)[:, :5]]
    hit = order == truth[:, None]
    low, high = bootstrap_interval(hit[:, 0], groups)
    print(
        f"| {name} | {len(q):,} | {hit[:, 0].mean():.4f} [{low:.4f}, {high:.4f}] | "
        f"{hit.any(1).mean():.4f} | | |",
        flush=True,
    )
    return [
        Figure(f"{name}, top-1", hit[:, 0].mean(), (low, high), len(q)),
        Figure(f"{name}, top-5", hit.any(1).mean(), n=len(q)),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", choices=PARTS, action="append")
    parser.add_argument("--model", help="a model of fonts (the packaged one)")
    parser.add_argument("--count", type=int, default=6, help="pictures a font (6)")
    options, record = parse(parser)
    chosen, count = options.only or PARTS, options.count
    stored = load_model(options.model, FONTS)
    faces, _ = usable_faces(font_files(data_root() / "fonts"))
    known, held = known_and_held(faces)
    if "speed" in chosen:
        record(speed(stored, faces))
    if {"known", "screens", "families", "unknown"} & set(chosen):
        every, trained = index(stored, faces), index(stored, known)
        heading()
    if "known" in chosen:
        pictures = embeddings(every, drawn(known, count))
        record(told("known fonts, FreeType", every, *pictures))
    if "screens" in chosen:
        pictures = embeddings(every, screens(known, count))
        record(told("known fonts, Chromium", every, *pictures))
    if "families" in chosen:
        pictures = embeddings(every, drawn(held, 2 * count))
        record(told("families never trained on", every, *pictures))
        pictures = embeddings(every, screens(held, 2 * count))
        title = "families never trained on, Chromium"
        record(told("the same, Chromium", every, *pictures, title))
    if "unknown" in chosen:
        pictures = embeddings(trained, drawn([*known, *held], 2))
        record(unknown(trained, *pictures))
    if "baselines" in chosen:
        heading()
        record(baselines(stored, faces))


if __name__ == "__main__":
    main()
