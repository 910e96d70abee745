"""How good and how quick the keyboard is.

python benchmarks/swipe.py                    # all parts
--only real        people's swipes in $STROKEJAX_DATA/swipe, by 10,000 words
--only folds       the same, the weights of distances chosen on other words' swipes
--only baseline    the same by the shapes of words alone
--only layouts     synthetic swipes on layouts that training saw and on others
--only tune        the decoder's settings, on synthetic swipes
--only speed       one swipe, 256 swipes, a million words
--only finger      synthetic swipes beside people's: length, time, speed, turns,
                   distances from keys
--only whole       what the beam spares: every word of the lexicon scored instead
--only peer        256 swipes beside PyTorch: one at a time with prefixes computed
                   anew, and all together with keys and values kept
"""

import argparse
import itertools
import os
import sys
import time
import zlib
from dataclasses import replace
from functools import partial
from pathlib import Path

import jax
import numpy as np
from recording import parse
from shapes import Shapes

from strokejax.evaluation.figure import Figure
from strokejax.tasks.swipes.batches import board, swipe_batches
from strokejax.tasks.swipes.data import Swipe, read_swipes
from strokejax.tasks.swipes.decode import Decoder, Search, Weights, decoder_of, lexicon
from strokejax.tasks.swipes.keyboard import (
    Keyboard,
    estimate_placement,
    in_units,
    open_keyboard,
    type_swipes,
)
from strokejax.tasks.swipes.layouts import Layout, layout, of_keys, typed
from strokejax.tasks.swipes.scores import swipe_scores
from strokejax.tasks.swipes.synthesis import swipes as made

LATIN = ("qwerty", "azerty", "qwertz", "dvorak")
PLAIN = Weights(location_weight=0.0, dtw_weight=0.0)
"""Nothing but the network and how often words occur."""
PARTS = (
    "real",
    "folds",
    "baseline",
    "layouts",
    "tune",
    "speed",
    "finger",
    "whole",
    "peer",
)


def recorded() -> tuple[list[Swipe], Path]:
    """All of people's swipes, and their folder."""
    folder = Path(os.environ["STROKEJAX_DATA"]) / "swipe"
    files = sorted(folder.glob("*.jsonl"))
    found = [swipe for file in files for swipe in read_swipes(file)]
    return [swipe for swipe in found if isinstance(swipe, Swipe)], folder


def people(given: argparse.Namespace) -> tuple[Keyboard, list[Swipe]]:
    """The keyboard of people's swipes."""
    found, folder = recorded()
    keys = folder / "gridname_to_grid_english.json"
    how = decoder_of(given.beam, given.decoder)
    return open_keyboard(given.model, keys, folder / "en.txt", decoder=how), found


def told(name: str, words: list[list[str]], truth: list[str]) -> list[Figure]:
    """Prints the scores of a keyboard's words; the interval is that of top-1."""
    found = swipe_scores(words, truth)
    low, high = found["interval95"]
    print(
        f"{name}: n = {found['n']:,}, top-1 {found['top1']:.4f} "
        f"[{low:.4f}, {high:.4f}], top-4 {found['top4']:.4f}, "
        f"MRR {found['mrr']:.4f}, CER {found['cer']:.4f}",
        flush=True,
    )
    n = found["n"]
    return [
        Figure(f"{name}, top-1", found["top1"], (low, high), n),
        Figure(f"{name}, top-4", found["top4"], n=n),
        Figure(f"{name}, MRR", found["mrr"], n=n),
        Figure(f"{name}, CER", found["cer"], n=n),
    ]


def real(given: argparse.Namespace) -> list[Figure]:
    """The keyboard's place is estimated from all swipes, as the commands do it."""
    keyboard, found = people(given)
    typed_ = type_swipes(keyboard, found)
    words = [
        [g.word for g in each] if isinstance(each, list) else [] for each in typed_
    ]
    return told("people's swipes", words, [swipe.word for swipe in found])


WEIGHTS = ((0.0, 0.0), (1.0, 0.1), (2.0, 0.25), (3.0, 0.4), (2.0, 0.0), (0.0, 0.25))
"""Of both distances, that are tried."""


def folds(given: argparse.Namespace) -> list[Figure]:
    """Five folds of words: each is typed by the weights that are best on the others."""
    keyboard, found = people(given)
    placement, decoder = estimate_placement(keyboard, found), keyboard.typist.decoder
    truth = [swipe.word for swipe in found]
    answers = []
    for location, dtw in WEIGHTS:
        weights = decoder.weights._replace(location_weight=location, dtw_weight=dtw)
        typist = replace(keyboard.typist, decoder=decoder._replace(weights=weights))
        typed_ = type_swipes(
            keyboard._replace(typist=typist), found, placement=placement
        )
        answers.append(
            [[g.word for g in e] if isinstance(e, list) else [] for e in typed_]
        )
    right = np.array(
        [[w[:1] == [t] for w, t in zip(a, truth, strict=True)] for a in answers]
    )
    fold = np.array([zlib.crc32(word.encode()) % 5 for word in truth])
    best = [int(right[:, fold != i].mean(1).argmax()) for i in range(5)]
    print("chosen (location_weight, dtw_weight):", [WEIGHTS[i] for i in best])
    words = [answers[best[f]][i] for i, f in enumerate(fold.tolist())]
    return told("people's swipes, folds", words, truth)


def baseline(given: argparse.Namespace) -> list[Figure]:
    """On the same keyboard, whose place is estimated the same way."""
    keyboard, found = people(given)
    keys, placement = keyboard.typist.keys, estimate_placement(keyboard, found)
    shapes = Shapes(keyboard.words, keys)
    words = [shapes.type(in_units(s, keys, placement)[:, :2]) for s in found]
    return told("by shapes alone", words, [swipe.word for swipe in found])


def opened(given: argparse.Namespace) -> Keyboard:
    """The built-in words on qwerty."""
    return open_keyboard(given.model, decoder=decoder_of(given.beam, given.decoder))


def synthetic(keyboard: Keyboard, count: int, seed: int, exact: bool = True):
    """`(swipes, whether the keyboard is told, words)` on a keyboard's layout."""
    typist = keyboard.typist
    own = board(typist.keys, typist.letters, keyboard.words)
    at = swipe_batches(
        [(own, 1.0, False)],
        len(typist.letters),
        count,
        seed=seed,
        exact=exact,
        invented=0.0,
    )
    batch = at(0)
    letters = [*typist.letters, "", ""]
    truth = ["".join(letters[c] for c in row) for row in batch.labels]
    return [*batch.inputs["points"]], batch.inputs["known"] > 0, truth


def layouts(given: argparse.Namespace) -> list[Figure]:
    """English words, written by the same fingers; widths told.

    How hard each layout is tell the shapes of its words: of qwerty mirrored or turned
    upside down, which no training saw, they are as far apart as qwerty's own.
    """
    how, figures = decoder_of(given.beam, given.decoder), []
    for keys in (*map(layout, LATIN), *turned(layout("qwerty"))):
        keyboard = open_keyboard(given.model, keys, decoder=how)
        points, known, truth = synthetic(keyboard, 1_000, 77)
        written = keyboard.typist.written
        found = keyboard.typist.type(points, known=known)
        words = [[written(g.word) for g in each] for each in found]
        figures += told(keys.name, words, truth)
        shapes = Shapes(keyboard.words, keys)
        named = [shapes.type(points_[:, :2]) for points_ in points]
        words = [[written(word) for word in each] for each in named]
        figures += told(f"{keys.name}, by shapes alone", words, truth)
    return figures


def turned(keys: Layout) -> list[Layout]:
    """A layout mirrored, and upside down."""
    places = zip(keys.letters, keys.centres.tolist(), strict=True)
    size = keys.width, keys.height
    left = [(letter, (size[0] - x, y)) for letter, (x, y) in places]
    down = [(letter, (size[0] - x, size[1] - y)) for letter, (x, y) in left]
    return [
        of_keys(f"{keys.name} {how}", [(letter, *xy) for letter, xy in places], *size)
        for how, places in (("mirrored", left), ("upside down", down))
    ]


def tune(given: argparse.Namespace) -> list[Figure]:
    """Top-1 and MRR of settings; some widths told, some not. None is a figure."""
    usual = open_keyboard(given.model)
    points, known, truth = synthetic(usual, 1_024, 99, exact=False)
    for exponent, frequency in itertools.product((0, 0.5, 1), (0, 0.1, 0.2, 0.3, 0.5)):
        how = Decoder(Search(exponent=exponent), Weights(frequency=frequency))
        keyboard = open_keyboard(given.model, decoder=how)
        found = keyboard.typist.type(points, known=known)
        words = [[typed(g.word, usual.typist.letters) for g in each] for each in found]
        told(f"exponent {exponent}, frequency {frequency}", words, truth)
    return []


CALLS = 7


def seconds(run, times: int = CALLS) -> float:
    """The median of so many, after one to warm up."""
    run()
    spent = []
    for _ in range(times):
        start = time.perf_counter()
        run()
        spent.append(time.perf_counter() - start)
    return float(np.median(spent))


def speed(given: argparse.Namespace) -> list[Figure]:
    """Warm, on this machine."""
    keyboard = opened(given)
    typist = keyboard.typist
    points, known, _ = synthetic(keyboard, 256, 5)
    one = seconds(lambda: typist.type(points[:1], known=known[:1]), 30)
    print(f"one swipe: {1000 * one:.1f} ms")
    usual = seconds(lambda: typist.type(points, known=known))
    print(f"256 swipes, {len(keyboard.words):,} words: {usual:.3f} s")
    rng = np.random.default_rng(0)
    codes = rng.integers(0, 26, (1_000_000, 9))
    many = {
        "".join(map("abcdefghijklmnopqrstuvwxyz".__getitem__, c)): 1.0 for c in codes
    }
    large = typist.using(
        lexicon({**many, **keyboard.words}, typist.keys, typist.letters, weight=0.3)
    )
    slow = seconds(lambda: large.type(points, known=known))
    print(
        f"256 swipes, a million words: {slow:.3f} s, {slow / usual:.2f} times as long"
    )
    listed = f"{len(keyboard.words):,} words"
    return [
        Figure("one swipe, warm", 1000 * one, n=30, unit="ms"),
        Figure(f"256 swipes, {listed}", usual, n=CALLS, unit="s"),
        Figure("256 swipes, a million words", slow, n=CALLS, unit="s"),
    ]


def finger(given: argparse.Namespace) -> list[Figure]:
    """Quantiles of people's swipes and of synthetic ones of the same words."""
    keyboard, found = people(given)
    keys, placement = keyboard.typist.keys, estimate_placement(keyboard, found)
    places = dict(zip(keys.letters, keys.units(), strict=True))
    kept = [swipe for swipe in found if len(swipe.word) > 1]
    ways = [np.array([places[c] for c in typed(s.word, keys.letters)]) for s in kept]
    own = [in_units(swipe, keys, placement) for swipe in kept]
    xy, spent = made(np.random.default_rng(0), ways)
    theirs = [
        np.column_stack([p, np.linspace(0, t, len(p))])
        for p, t in zip(xy, spent, strict=True)
    ]
    rows = [
        np.array([measured(s, w) for s, w in zip(part, ways, strict=True)])
        for part in (own, theirs)
    ]
    figures = []
    print(f"{len(kept):,} swipes | people's {QUANTILES} | synthetic | distance of both")
    for i, name in enumerate(MEASURES):
        both = [row[:, i][np.isfinite(row[:, i])] for row in rows]
        cells = [
            " / ".join(f"{x:.2f}" for x in np.quantile(x, QUANTILES)) for x in both
        ]
        # The largest difference of the two distributions (A. Kolmogorov).
        at = np.sort(np.concatenate(both))
        shares = [np.searchsorted(np.sort(x), at, "right") / len(x) for x in both]
        apart = np.abs(shares[0] - shares[1]).max()
        print(f"{name} | {cells[0]} | {cells[1]} | {apart:.2f}")
        title = f"{name}, distance of the distributions"
        figures.append(Figure(title, apart, n=len(both[0])))
    return figures


QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
MEASURES = (
    "length over the keys' way",
    "seconds a letter",
    "variation of the speed",
    "turns, radians a key of the way",
    "keys from the first key",
    "keys from the last key",
    "keys from those between",
)


def measured(swipe: np.ndarray, way: np.ndarray) -> tuple[float, ...]:
    """What `MEASURES` names, of a swipe f[n 3] and its keys f[k 2]; NaN for none."""
    t = np.linspace(0, swipe[-1, 2], 64)
    xy = np.stack([np.interp(t, swipe[:, 2], swipe[:, i]) for i in (0, 1)], -1)
    step = np.linalg.norm(np.diff(xy, axis=0), axis=1)
    wanted = np.linalg.norm(np.diff(way, axis=0), axis=1).sum()
    along = np.concatenate([[0], np.cumsum(step)])
    even = np.linspace(0, along[-1], 32)
    moves = np.diff([np.interp(even, along, xy[:, i]) for i in (0, 1)], axis=1)
    angles = np.unwrap(np.arctan2(*moves))
    between = np.linalg.norm(xy[:, None] - way[None, 1:-1], axis=-1)
    return (
        step.sum() / max(wanted, 0.5),
        t[-1] / len(way),
        step.std() / max(step.mean(), 1e-9),
        np.abs(np.diff(angles)).sum() / wanted if wanted else np.nan,
        np.linalg.norm(xy[0] - way[0]),
        np.linalg.norm(xy[-1] - way[-1]),
        between.min(0).mean() if len(way) > 2 else np.nan,
    )


def whole(given: argparse.Namespace) -> list[Figure]:
    """A few people's swipes: the network's score of every word, and the beam's."""
    import jax.numpy as jnp

    from strokejax.tasks.swipes.network import SwipeNet

    keyboard, found = people(given)
    placement = estimate_placement(keyboard, found)
    # The beam's order is compared, not that of distances.
    typist = keyboard.typist
    plain = replace(typist, decoder=Decoder(typist.decoder.search, PLAIN))
    keys = typist.keys
    chosen = [in_units(swipe, keys, placement) for swipe in found[:: len(found) // 32]]
    net = SwipeNet(typist.spec.out_dim, "transformer", typist.spec.features, 0.0)
    end, limit = len(typist.letters), max(map(len, typist.lexicon.ordered)) + 1
    rows = np.full((len(typist.lexicon.ordered), limit), -1, np.int32)
    for row, word in zip(rows, typist.lexicon.ordered, strict=True):
        row[: len(word) + 1] = [*(typist.letters.index(c) for c in word), end]
    often = np.array(
        [sum(f for _, f in typist.lexicon.words[w]) for w in typist.lexicon.ordered]
    )
    prior = PLAIN.frequency * np.log(often / often.sum())
    exponent = typist.decoder.search.exponent

    @jax.jit
    def score(params, inputs, part):
        bound = net.bind({"params": params})
        memory = bound.encode(inputs).repeat(len(part), 0)
        logits = bound.decode(memory, jnp.maximum(part, 0))
        each = jnp.take_along_axis(
            jax.nn.log_softmax(logits), jnp.maximum(part, 0)[..., None], 2
        )[..., 0]
        there = part >= 0
        return jnp.where(there, each, 0).sum(1) / there.sum(1) ** exponent

    def every(swipe):
        inputs = typist.inputs([swipe], np.zeros(1, bool))
        parts = [score(typist.params, inputs, rows[i : i + 500]) for i in starts]
        return np.concatenate([np.asarray(part) for part in parts]) + prior

    starts = range(0, len(rows), 500)
    best = [typist.lexicon.ordered[every(swipe).argmax()] for swipe in chosen]
    beam = [typed(plain.type([s], count=1)[0][0].word, typist.letters) for s in chosen]
    slow = seconds(lambda: every(chosen[0]), 3)
    quick = seconds(lambda: plain.type(chosen[:1]), 30)
    same = float(np.mean([a == b for a, b in zip(best, beam, strict=True)]))
    print(
        f"all {len(rows):,} words {1000 * slow:,.0f} ms, a beam of {given.beam} "
        f"{1000 * quick:.1f} ms a swipe: {slow / quick:,.0f} times as quick; of "
        f"{len(chosen)} swipes {same:.3f} have the same best word"
    )
    return [
        Figure("every word scored, one swipe", 1000 * slow, n=3, unit="ms"),
        Figure("the beam, one swipe", 1000 * quick, n=30, unit="ms"),
        Figure("every word over the beam", slow / quick, unit="times"),
        Figure("every word and the beam, same best word", same, n=len(chosen)),
    ]


def peer(given: argparse.Namespace) -> list[Figure]:
    """Medians of alternating runs; the same network, words and beam."""
    sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
    import torch
    from parity import torch_swipes as reference
    from timing import alternate

    from strokejax.tasks.swipes.network import SwipeNet

    keyboard = opened(given)
    typist, weight, limit = (
        keyboard.typist,
        keyboard.typist.decoder.weights.frequency,
        32,
    )
    points, known, _ = synthetic(keyboard, 256, 5)
    inputs = typist.inputs(points, known)
    ours = SwipeNet(typist.spec.out_dim, "transformer", typist.spec.features, 0.0)
    net = reference.load(
        reference.SwipeNet(typist.spec.out_dim),
        jax.tree.map(np.asarray, typist.params),
    )
    often = {k: sum(f for _, f in w) for k, w in typist.lexicon.words.items()}
    table = reference.table_of(often, typist.letters)

    seen = jax.jit(partial(ours.apply, method=lambda net, given: net.points(given)))

    def felt():
        return torch.from_numpy(np.array(seen({"params": typist.params}, inputs)))

    said = {}

    def run(name, how):
        def once():
            said[name] = how(
                net, felt(), table, typist.decoder.search.width, weight, limit
            )

        return once

    def own():
        text, _ = typist.searched(typist.inputs(points, np.asarray(known)))
        end = len(typist.letters)
        said["ours"] = [
            tuple(c for c in row if 0 <= c < end) for row in text[:, 0].tolist()
        ]

    sides = {"ours": own, "cached": run("cached", reference.cached)}
    found = alternate(sides, rounds=5)
    found |= alternate(
        {"ours again": own, "plain": run("plain", reference.plain)}, rounds=1
    )
    pairs = zip(said["ours"], said["plain"], strict=True)
    same = float(np.mean([a == b for a, b in pairs]))
    cached = found["cached"] / found["ours"]
    plain = found["plain"] / found["ours again"]
    print({name: f"{ms:,.0f} ms" for name, ms in found.items()})
    print(
        f"ours is {cached:.2f} times as quick as a batched "
        f"cached search, {plain:.1f} times as a plain "
        f"one; {same:.3f} of the words are the same"
    )
    return [
        Figure("256 swipes", found["ours"], n=5, unit="ms"),
        Figure("256 swipes, PyTorch batched over ours", cached, n=5, unit="times"),
        Figure("256 swipes, PyTorch one at a time over ours", plain, n=1, unit="times"),
        Figure("256 swipes, PyTorch, same word", same, n=256),
    ]


def main() -> None:
    """Runs the parts that were asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=PARTS)
    parser.add_argument("--model", help="a model or a run (the packaged one)")
    parser.add_argument("--beam", type=int, default=24)
    parser.add_argument("--decoder", default="", help="as `strokejax swipe type`'s")
    given, record = parse(parser)
    for name in [given.only] if given.only else PARTS[:-1]:
        print(f"# {name}", flush=True)
        record(globals()[name](given))


if __name__ == "__main__":
    main()
