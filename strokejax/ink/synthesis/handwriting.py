"""Synthetic handwriting: the 63 symbols as ink sampled in time; numpy only.

A letter is a chain of ballistic movements (`letterforms`). Each has the bell-shaped
speed of minimum jerk: its phase is u = 10 s^3 - 15 s^4 + 6 s^5 at the fraction s of its
duration (T. Flash and N. Hogan, "The coordination of arm movements: an experimentally
confirmed mathematical model", J. Neuroscience 5, 1985), and the pen's position is the
sum of all movements. Where one starts before the last has ended, their sum rounds the
corner (P. Morasso and F. A. Mussa Ivaldi, "Trajectory formation and handwriting: a
computational model", Biological Cybernetics 45, 1982).

`scribble` draws random ink that is not a symbol.
"""

import math
from typing import NamedTuple

import numpy as np

from strokejax.ink.packed import PackedInk
from strokejax.ink.synthesis.letterforms import (
    CURSIVE,
    SYMBOLS,
    Glyph,
    Pen,
    form_count,
    glyph,
)
from strokejax.types import Ink, InputError

TAP_LENGTH = 0.04
"""Added to a movement's length, as one of length 0 takes time too: capital heights."""
FREE_LENGTH = 0.35
"""Via points next to shorter movements vary less, or small loops would break."""
WINDOWS = (1, 5, 9, 13)
"""Points of a scribble's moving average, from corners to curves."""
STEPS = 12
"""Points of a scribble per via point."""


# Writers


class Writer(NamedTuple):
    """Parameters of one writer; lengths are in capital heights unless stated.

    The defaults write the skeleton: upright, even, and stopping at its corners.
    """

    slant: float = 0.0
    """Shift to the right over a rise of one: the tangent of the angle."""
    aspect: float = 1.0
    """Horizontal stretch of the letters."""
    size: float = 100.0
    """Height of a capital in pixels."""
    rotation: float = 0.0
    """Radians, clockwise."""
    overlap: float = 0.0
    """Fraction (0 to 0.9) of a movement that overlaps with the next one."""
    overshoot: float = 0.0
    """Scale of the random overshoot at corners and ends of strokes."""
    tremor: float = 0.0
    """Amplitude of the tremor."""
    tremor_hz: float = 9.0
    """Frequency of the tremor, in 1/s."""
    speed: float = 4.0
    """A movement of length L takes sqrt(L) / speed seconds."""
    jitter: float = 0.0
    """Deviation of the via points per sample; timing and posture vary in proportion."""
    habit: float = 0.0
    """Deviation of the via points that recurs in all samples of a symbol."""
    habit_seed: int = 0
    """Seed of the habit."""
    forms: tuple[int, ...] = (0,) * len(SYMBOLS)
    """The form of each symbol, in the order of `letterforms.SYMBOLS`."""
    pen: Pen = "lift"
    """How strokes are joined: see `letterforms.glyph`."""
    whole_pixels: bool = False
    """Whether x and y are rounded, as a mouse reports them."""


def random_writer(rng: np.random.Generator) -> Writer:
    """A plausible writer: more print or more cursive, with a form for each symbol."""
    # Beta(0.5, 1.5) has most of its mass near 0: most writers print, few are cursive.
    cursive = rng.beta(0.5, 1.5)
    forms = []
    for symbol in SYMBOLS:
        count = form_count(symbol)
        plain = count - (symbol in CURSIVE)
        form = int(rng.integers(plain))
        forms.append(count - 1 if plain < count and rng.random() < cursive else form)
    return Writer(
        slant=float(np.clip(rng.normal(0.1, 0.15), -0.25, 0.5)),
        aspect=float(np.exp(rng.normal(-0.05, 0.13))),
        size=float(np.exp(rng.uniform(math.log(60), math.log(260)))),
        rotation=float(np.clip(rng.normal(0, 0.06), -0.15, 0.15)),
        overlap=float(rng.uniform(0.1, 0.5)),
        overshoot=float(rng.uniform(0, 0.04)),
        tremor=float(rng.uniform(0, 0.01)),
        tremor_hz=float(rng.uniform(6, 12)),
        speed=float(np.exp(rng.uniform(math.log(2), math.log(7)))),
        jitter=float(rng.uniform(0.01, 0.035)),
        habit=float(rng.uniform(0.01, 0.04)),
        habit_seed=int(rng.integers(2**31)),
        forms=tuple(forms),
        pen=("lift", "join", "drag")[int(rng.choice(3, p=(0.35, 0.5, 0.15)))],
        whole_pixels=bool(rng.random() < 0.7),
    )


# Writing


def write(
    symbol: str, writer: Writer, rng: np.random.Generator, *, rate: float = 100.0
) -> Ink:
    """One sample of a symbol, a point every 1 / rate seconds while the pen is down.

    x and y are in pixels, y down, (0, 0) is the middle of the baseline; t is in seconds
    from the first touch. InputError: a symbol without a form, or an impossible rate.
    """
    packed = write_many(symbol, writer, rng, 1, rate=rate)
    return Ink(tuple(np.split(packed.points, packed.stroke_start[1:-1])))


def write_many(
    symbol: str,
    writer: Writer,
    rng: np.random.Generator,
    count: int,
    *,
    rate: float = 100.0,
) -> PackedInk:
    """`count` samples of a symbol as packed ink, points f32[n 3]; see `write`."""
    if not (math.isfinite(rate) and rate > 0):
        raise InputError(f"The sampling rate is {rate} Hz; give a finite rate above 0.")
    forms = form_count(symbol)
    index = SYMBOLS.index(symbol)
    skeleton = glyph(symbol, writer.forms[index] % forms, writer.pen)
    start, cubics = _deform(skeleton, index, writer, rng, count)
    onset, duration, first, last = _schedule(skeleton, writer, rng, count, rate)
    ticks = np.arange(last.max() + 1)
    xy = start[:, None] + _displacement(cubics, onset, duration, ticks)
    xy = _posture(xy + _tremor(skeleton, writer, rng, count, ticks / rate), writer, rng)
    # Only the ticks from first to last touch of each stroke become points.
    counts = (last - first + 1).ravel()
    stroke_start = np.concatenate([[0], np.cumsum(counts)])
    tick = np.arange(stroke_start[-1]) + np.repeat(
        first.ravel() - stroke_start[:-1], counts
    )
    strokes = first.shape[1]
    sample = np.repeat(np.arange(count).repeat(strokes), counts)
    xy = xy[sample, tick]
    points = np.empty((len(tick), 3), np.float32)
    points[:, :2] = np.round(xy) if writer.whole_pixels else xy
    points[:, 2] = tick / rate
    return PackedInk(points, stroke_start, np.arange(count + 1) * strokes)


def _deform(
    skeleton: Glyph,
    index: int,
    writer: Writer,
    rng: np.random.Generator,
    count: int,
) -> tuple[np.ndarray, np.ndarray]:
    """Starts f64[count 2] and cubics f64[count k 3 2], moved by habit and chance."""
    k = len(skeleton.lengths)
    # The habit is seeded by writer and symbol, so it recurs in every call.
    habit_rng = np.random.default_rng((writer.habit_seed, index))
    noise = writer.habit * habit_rng.normal(size=(2 * k + 1, 2))
    noise = noise + writer.jitter * rng.normal(size=(count, 2 * k + 1, 2))
    beyond = writer.overshoot * np.abs(rng.normal(size=(count, k, 1)))
    shift = noise[:, : k + 1] * _freedom(skeleton)[:, None]
    shift[:, 1:] += beyond * skeleton.arrival()
    # The bow adds (u - u^2) to a movement, which is 0 at both of its ends.
    bow = noise[:, k + 1 :] * (2 * np.minimum(skeleton.lengths, 1))[:, None]
    cubics = np.repeat(skeleton.cubics[None], count, axis=0)
    cubics[:, :, 0] += np.diff(shift, axis=1) + bow
    cubics[:, :, 1] -= bow
    return skeleton.start + shift[:, 0], cubics


def _freedom(skeleton: Glyph) -> np.ndarray:
    """Scale of each via point's noise, 0..1, f64[k + 1]: less by short movements."""
    lengths = np.where(skeleton.drawn, skeleton.lengths, np.inf)
    shorter = np.minimum(np.append(np.inf, lengths), np.append(lengths, np.inf))
    return np.minimum(shorter / FREE_LENGTH, 1)


def _schedule(
    skeleton: Glyph,
    writer: Writer,
    rng: np.random.Generator,
    count: int,
    rate: float,
) -> tuple[np.ndarray, ...]:
    """Onsets and durations f64[count k], first and last ticks i64[count strokes].

    All in ticks of 1 / rate seconds. The pen touches and leaves at rest, on a tick.
    """
    drawn = skeleton.drawn
    pace = np.exp(2 * writer.jitter * rng.normal(size=(count, len(drawn))))
    duration = pace * np.sqrt(skeleton.lengths + TAP_LENGTH) * (rate / writer.speed)
    step = duration.copy()
    # Two drawn movements overlap by a fraction of the shorter one.
    shorter = np.minimum(duration[:, :-1], duration[:, 1:])
    step[:, :-1] -= writer.overlap * shorter * (drawn[:-1] & drawn[1:])
    # Runs of the pen down and up alternate; each waits for the next tick at its end.
    begins = np.flatnonzero(np.diff(drawn, prepend=not drawn[0]))
    total = np.add.reduceat(step, begins, axis=1)
    whole = np.ceil(total)
    ends = np.append(begins[1:], len(drawn)) - 1
    step[:, ends] += whole - total
    onset = np.cumsum(step, axis=1) - step
    edge = np.cumsum(whole, axis=1).astype(np.int64)
    last = edge[:, ::2]
    return onset, duration, last - whole[:, ::2].astype(np.int64), last


def _displacement(
    cubics: np.ndarray, onset: np.ndarray, duration: np.ndarray, ticks: np.ndarray
) -> np.ndarray:
    """The sum of all movements at each tick, f64[count ticks 2]."""
    s = (ticks[:, None] - onset[:, None]) / duration[:, None]
    np.clip(s, 0, 1, out=s)
    u = s * s * s * (10 + s * (6 * s - 15))
    # One matrix product sums over the movements and their powers of u.
    powers = np.concatenate([u, u * u, u * u * u], axis=-1)
    count, k = onset.shape
    return powers @ cubics.transpose(0, 2, 1, 3).reshape(count, 3 * k, 2)


def _tremor(
    skeleton: Glyph,
    writer: Writer,
    rng: np.random.Generator,
    count: int,
    seconds: np.ndarray,
) -> np.ndarray:
    """A sine in x and one in y at random phases; none in a tap, which does not move."""
    phase = rng.uniform(0, 2 * math.pi, size=(count, 1, 2))
    wave = np.sin(2 * math.pi * writer.tremor_hz * seconds[:, None] + phase)
    return writer.tremor * min(1.0, float(skeleton.lengths.sum())) * wave


def _posture(xy: np.ndarray, writer: Writer, rng: np.random.Generator) -> np.ndarray:
    """Capital heights to pixels: aspect, slant, rotation and size of each sample."""
    noise = writer.jitter * rng.normal(size=(4, len(xy)))
    aspect = writer.aspect * np.exp(2 * noise[0])
    slant = writer.slant + 2 * noise[1]
    angle = writer.rotation + noise[2]
    size = writer.size * np.exp(2 * noise[3])
    cos, sin = size * np.cos(angle), size * np.sin(angle)
    # y points down, so a letter leans right by moving x against y.
    rotation = np.array([[cos, -sin], [sin, cos]])
    shear = np.array([[aspect, -slant], [0 * aspect, 1 + 0 * aspect]])
    return xy @ np.einsum("ijn,jkn->nki", rotation, shear)


# Scribbles: ink that a recogniser should reject


def scribble(rng: np.random.Generator) -> Ink:
    """One to three strokes through random via points, angular or round; t is NaN."""
    return Ink(tuple(_stroke(rng) for _ in range(rng.choice((1, 1, 2, 3)))))


def _stroke(rng: np.random.Generator) -> np.ndarray:
    """One stroke f32[n 3] of a scribble."""
    count = rng.integers(2, 9)
    # A random walk, or independent points.
    if rng.random() < 0.5:
        vias = np.cumsum(rng.normal(0, 0.7, (count, 2)), axis=0)
    else:
        vias = rng.uniform(-1, 1, (count, 2))
    position = np.linspace(0, count - 1, STEPS * count)
    width = int(rng.choice(WINDOWS))
    kernel = np.full(width, 1 / width)
    columns = []
    for axis in (0, 1):
        line = np.interp(position, np.arange(count), vias[:, axis])
        columns.append(np.convolve(np.pad(line, width // 2, "edge"), kernel, "valid"))
    unknown = np.full(len(position), np.nan)
    return np.column_stack([*columns, unknown]).astype(np.float32)
