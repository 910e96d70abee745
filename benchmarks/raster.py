"""Rasterising 1,000 strokes against a loop over points: python benchmarks/raster.py"""

import argparse
import math
from itertools import pairwise

import jax
import numpy as np
from recording import parse
from timing import alternate

from strokejax.evaluation.figure import Figure
from strokejax.ink.packed import PackedInk, pack, unpack
from strokejax.ink.raster import rasterize, rasterize_binary
from strokejax.ink.resample import resample
from strokejax.ink.synthesis.handwriting import random_writer, write
from strokejax.table.symbols import STROKES

COUNT, ROUNDS = 1000, 5


def by_points(strokes, size: int = 28, margin: int = 4) -> np.ndarray:
    """The published rule, point by point, in plain Python."""
    points = [p for stroke in strokes for p in stroke[:, :2].tolist()]
    xs, ys = zip(*points, strict=True)
    span = max(max(xs) - min(xs), max(ys) - min(ys), 1e-6)
    scale, half = (size - 1 - 2 * margin) / span, (size - 1) / 2
    cx, cy = (min(xs) + max(xs)) / 2, (min(ys) + max(ys)) / 2
    image = np.zeros((size, size), np.float32)
    for stroke in strokes:
        pixels = [
            ((x - cx) * scale + half, (y - cy) * scale + half)
            for x, y in stroke[:, :2].tolist()
        ]
        for (x0, y0), (x1, y1) in pairwise(pixels):
            steps = int(max(abs(x1 - x0), abs(y1 - y0))) + 1
            for step in range(steps):
                t = step / max(steps - 1, 1)
                x, y = round(x0 + t * (x1 - x0)), round(y0 + t * (y1 - y0))
                image[max(0, y - 1) : y + 2, max(0, x - 1) : x + 2] = 1.0
    return image


def by_segments(strokes, size: int = 28, margin: int = 4) -> np.ndarray:
    """The published rule as it was published: a numpy line for each pair of points."""
    points = np.concatenate(strokes)[:, :2]
    low, high = points.min(0), points.max(0)
    scale = (size - 1 - 2 * margin) / max((high - low).max(), 1e-6)
    image = np.zeros((size + 2, size + 2), np.float32)
    for stroke in strokes:
        pixels = (stroke[:, :2] - (low + high) / 2) * scale + (size - 1) / 2
        for i in range(len(pixels) - 1):
            start, delta = pixels[i], pixels[i + 1] - pixels[i]
            steps = int(np.abs(delta).max()) + 1
            ts = (
                np.linspace(0.0, 1.0, steps)[:, None] if steps > 1 else np.zeros((1, 1))
            )
            x, y = np.round(start + ts * delta).astype(int).T
            image[y + 1, x + 1] = 1.0
    shifts = [image[i : i + size, j : j + size] for i in range(3) for j in range(3)]
    return np.max(shifts, axis=0)


def main() -> None:
    """Prints milliseconds for 1,000 strokes and the ratios."""
    _, record = parse(argparse.ArgumentParser(description=__doc__))
    rng = np.random.default_rng(0)
    inks = [
        write(STROKES[i % len(STROKES)], random_writer(rng), rng) for i in range(COUNT)
    ]
    drawings = [ink.strokes for ink in inks]
    packed: PackedInk = pack(inks)
    points = resample(packed)
    smooth = jax.jit(rasterize)
    inks_back = [unpack(packed, i).strokes for i in range(COUNT)]
    same = np.asarray(rasterize_binary(inks_back))
    loop = np.stack([by_points(strokes) for strokes in drawings])
    differing = int((same != loop).sum())
    times = alternate(
        {
            "loop as published": lambda: [by_segments(s) for s in drawings],
            "loop over plain floats": lambda: [by_points(s) for s in drawings],
            "rasterize_binary": lambda: np.asarray(rasterize_binary(drawings)),
            "resample + rasterize": lambda: np.asarray(smooth(resample(packed))),
            "rasterize": lambda: np.asarray(smooth(points)),
        },
        rounds=ROUNDS,
    )
    slow, quick = list(times.values())[:2]
    count = sum(ink.points for ink in inks)
    mean = f"{count / COUNT:.0f} points on average"
    print(f"{COUNT:,} strokes of {mean}, median of {ROUNDS}")
    for name, ms in times.items():
        ratios = f"{slow / ms:>8.1f}{quick / ms:>8.1f}"
        print(f"  {name:<24}{ms:>9.1f} ms{ratios} times as fast as the loops")
    share = differing / math.prod(loop.shape)
    print(f"  pixels that differ from the loop (in float64): {share:.1e}")
    record([*figures(times), Figure("pixels that differ", share, n=loop.size)])


def figures(times: dict[str, float]) -> list[Figure]:
    """Milliseconds of each side, and how many times as fast as both loops it is."""
    title, loops = f"{COUNT:,} strokes", list(times)[:2]
    rows = [
        Figure(f"{title}, {name}", ms, n=ROUNDS, unit="ms")
        for name, ms in times.items()
    ]
    for name in list(times)[2:]:
        for loop in loops:
            ratio = times[loop] / times[name]
            compared = f"{title}, {name}, as fast as the {loop}"
            rows.append(Figure(compared, ratio, n=ROUNDS, unit="times"))
    return rows


if __name__ == "__main__":
    main()
