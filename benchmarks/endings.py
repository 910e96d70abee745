"""Fits when a symbol ends, and counts what that gains: python benchmarks/endings.py

Needs STROKEJAX_DATA (Omniglot's strokes, with their times). Prints the coefficients of
`strokejax/tasks/symbols/live/endings.py`; then, for hands that the fit never saw, the
share of symbols cut in two or run together, and how long after the last touch the
answer is final: by the coefficients that are committed, and by a fixed pause.
"""

import argparse
from typing import NamedTuple

import numpy as np
from pen_events import Page, lay_out, write_page
from recording import parse

import strokejax
from strokejax.data.dataset import data_file
from strokejax.evaluation.figure import Figure, share
from strokejax.ink.synthesis.handwriting import random_writer
from strokejax.table.symbols import STROKES
from strokejax.tasks.symbols.live import endings
from strokejax.tasks.symbols.live.stream import Carry, Settings, Stream
from strokejax.types import Ink

PAGES, SYMBOLS = 500, 12
LONGEST_PAUSE = 2.0
"""Seconds; whoever copies a character looks at it again in longer ones."""

COPIED = 0.25
"""Weight of one of Omniglot's pauses: its characters were new to the hand."""


class Pause(NamedTuple):
    """The pen was lifted, and then a stroke followed."""

    ink: Ink
    """Of the symbol so far."""
    seconds: float
    ended: bool
    place: tuple[float, float]
    """Where the next stroke starts."""


def synthetic(rng: np.random.Generator, count: int) -> list[Page]:
    """Pages of the built-in hand, two in five of them written in one place."""
    return [
        write_page(
            [STROKES[i] for i in rng.integers(len(STROKES), size=SYMBOLS)],
            random_writer(rng),
            rng,
            in_place=bool(rng.random() < 0.4),
        )
        for _ in range(count)
    ]


def omniglot(rng: np.random.Generator, drawers: range) -> list[Page]:
    """Pages of characters by one drawer each, with the times inside a character."""
    with np.load(data_file("omniglot_strokes_small12.npz", None)) as data:
        points = data["points_xyt"] * (1.0, 1.0, 1e-3)
        strokes = np.split(points, data["stroke_start"][1:-1])
        samples = np.split(np.array(strokes, object), data["sample_start"][1:-1])
        drawer = np.char.add(data["alphabet"], data["drawer"].astype(str))
        of_drawers = np.isin(data["drawer"], drawers)
    pages = []
    for name in np.unique(drawer[of_drawers]):
        found = rng.permutation(np.flatnonzero(drawer == name))
        inks = [Ink(tuple(samples[i])) for i in found]
        inks = [ink for ink in inks if np.nanmax(_pauses(ink)) < LONGEST_PAUSE]
        in_place = bool(rng.random() < 0.4)
        if inks:
            pages.append(lay_out(inks[:SYMBOLS], 60.0, 2.0, rng, in_place=in_place))
    return pages


def _pauses(ink: Ink) -> list[float]:
    pairs = zip(ink.strokes, ink.strokes[1:], strict=False)
    times = [float(b[0, 2] - a[-1, 2]) for a, b in pairs]
    back = any((np.diff(stroke[:, 2]) < 0).any() for stroke in ink.strokes)
    return [*times, 0.0, np.inf if back or min(times, default=0) < 0 else 0.0]


def pauses(pages: list[Page]) -> list[Pause]:
    """Every lifting of the pen, except for the last on a page."""
    found = []
    for events, symbol in pages:
        down = events[:, 3] > 0
        begins = np.flatnonzero(down & ~np.append(False, down[:-1]))
        ends = np.flatnonzero(~down)
        for i in range(len(begins) - 1):
            own = np.flatnonzero(symbol[begins] == symbol[begins[i]])
            parts = [j for j in own if j <= i]
            strokes = [events[begins[j] : ends[j]][:, [1, 2, 0]] for j in parts]
            if sum(map(len, strokes)) == 1:
                strokes *= 2
            after = events[begins[i + 1]]
            found.append(
                Pause(
                    Ink(tuple(strokes)),
                    float(after[0] - events[ends[i], 0]),
                    bool(symbol[begins[i + 1]] != symbol[begins[i]]),
                    (float(after[1]), float(after[2])),
                )
            )
    return found


def logistic(x: np.ndarray, y: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Coefficients of a logistic regression with a weak ridge, by Newton's steps."""
    beta = np.zeros(x.shape[1])
    for _ in range(30):
        p = 1 / (1 + np.exp(-x @ beta))
        slope = x.T @ (weight * (y - p)) - 0.1 * beta
        curve = (x.T * (weight * p * (1 - p))) @ x + 0.1 * np.eye(len(beta))
        beta += np.linalg.solve(curve, slope)
    return beta


def fit(model: strokejax.Recognizer, ours: list[Page], omniglot: list[Page]) -> None:
    """Fits the three parts of the model, and sets and prints their coefficients."""
    rows = pauses(ours)
    weight = np.repeat([1.0, COPIED], [len(rows), len(more := pauses(omniglot))])
    rows += more
    answers = model.recognize_many([row.ink for row in rows], 5)
    both = zip(rows, answers, strict=True)
    x = np.array(
        [endings.ink_features(r.ink, a.symbols, a.probability) for r, a in both]
    )
    ended = np.array([row.ended for row in rows])
    seconds = np.log([max(row.seconds, 0.01) for row in rows])
    endings.CONTINUES = tuple(logistic(x, ~ended, weight))
    root = np.sqrt(weight * ~ended)
    mean = np.linalg.lstsq(x * root[:, None], seconds * root)[0]
    endings.LOG_PAUSE = tuple(mean)
    variance = np.average((seconds - x @ mean) ** 2, weights=root**2)
    # A logistic distribution's standard deviation is pi / sqrt(3) of its scale.
    endings.LOG_PAUSE_SCALE = float(np.sqrt(3 * variance) / np.pi)
    both = zip(rows, x, strict=True)
    starts = [
        endings.start_features(row.ink, features, row.seconds, *row.place)
        for row, features in both
    ]
    endings.STARTS_NEW = tuple(logistic(np.array(starts), ended, weight))
    print(f"# {len(rows):,} pauses, {ended.sum():,} of them after whole symbols")
    for name in ("CONTINUES", "LOG_PAUSE", "STARTS_NEW"):
        values = ", ".join(f"{value:.3f}" for value in getattr(endings, name))
        print(f"{name}: tuple[float, ...] = ({values})")
    print(f"LOG_PAUSE_SCALE = {endings.LOG_PAUSE_SCALE:.3f}")


class Score(NamedTuple):
    """A symbol is cut in two, or run together with another; or it ends in time."""

    split: list[bool]
    merged: list[bool]
    page: list[int]
    """Of each symbol."""
    delays: list[float]
    """Seconds after the last touch, of symbols that are whole and alone."""

    def line(self) -> str:
        """A row of the table."""
        median, late = np.quantile(self.delays, [0.5, 0.9])
        return (
            f"{np.mean(self.split):7.3f}{np.mean(self.merged):8.3f}"
            f"{1e3 * median:9.0f} ms{1e3 * late:8.0f} ms{len(self.split):7,}"
        )

    def figures(self, name: str) -> list[Figure]:
        """What the row says; intervals are over pages."""
        median, late = 1e3 * np.quantile(self.delays, [0.5, 0.9])
        n = len(self.delays)
        return [
            share(f"{name}, symbols cut in two", self.split, self.page, ""),
            share(f"{name}, symbols run together", self.merged, self.page, ""),
            Figure(f"{name}, median delay", median, n=n, unit="ms"),
            Figure(f"{name}, 90 % of the delays", late, n=n, unit="ms"),
        ]


def scored(answer, pages: list[Page], settings: Settings) -> Score:
    """How a stream of pages is cut into symbols."""
    stream = Stream(answer, settings._replace(interval=np.inf))
    score = Score([], [], [], [])
    for page, (events, symbol) in enumerate(pages):
        carry, owner, ends = Carry(), [], {}
        for event in events:
            carry, found = stream.push(carry, event[None])
            owner.append(carry.id)
            ends |= {h.id: h.time for h in found if h.final}
        ends |= {h.id: h.time for h in stream.finish(carry)[1] if h.final}
        down, owner = events[:, 3] > 0, np.array(owner)
        for i in range(symbol.max() + 1):
            own = set(owner[(symbol == i) & down].tolist())
            others = set(owner[(symbol != i) & down].tolist())
            score.split.append(len(own) > 1)
            score.merged.append(bool(own & others))
            score.page.append(page)
            if len(own) == 1 and not own & others:
                score.delays.append(ends[own.pop()] - events[symbol == i][-1, 0])
    return score


def main() -> None:
    """Prints coefficients, then a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--fit", action="store_true", help="fit anew, and use that")
    options, record = parse(parser)
    model = strokejax.load()
    if options.fit:
        rng = np.random.default_rng(0)
        fit(model, synthetic(rng, PAGES), omniglot(rng, range(1, 16)))
    rng = np.random.default_rng(1)
    hands = {"synthetic": synthetic(rng, 60), "Omniglot": omniglot(rng, range(16, 21))}
    ways = {"fixed 500 ms": Settings(lifted=0.5), "fixed 250 ms": Settings(lifted=0.25)}
    ways |= {f"learned, risk {r:g}": Settings(risk=r) for r in (0.02, 0.05, 0.1)}
    for source, pages in hands.items():
        print(f"{source:<24}  split  merged   median delay     90 %     n")
        for name, settings in ways.items():
            score = scored(model.recognize, pages, settings)
            print(f"  {name:<22}{score.line()}", flush=True)
            record(score.figures(f"{source}, {name}"))


if __name__ == "__main__":
    main()
