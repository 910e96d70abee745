"""The report of a job that types swipes: curves of learning and of the beam, looks."""

import base64
import io
import os
from collections.abc import Mapping, Sequence
from functools import partial
from html import escape
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from strokejax.networks.spec import EncoderSpec
from strokejax.report.charts import shot_curves
from strokejax.report.drawings import table
from strokejax.report.page import percent, write_page
from strokejax.report.run import settings_table, training_curves
from strokejax.tasks.swipes.data import Swipe
from strokejax.tasks.swipes.features import resampled
from strokejax.tasks.swipes.keyboard import Keyboard, in_units
from strokejax.tasks.swipes.layouts import Layout, Placing
from strokejax.tasks.swipes.typist import Guess, Typist
from strokejax.types import InputError

MISTAKES = 24


class Look(NamedTuple):
    """A picture of which points of a swipe made each letter."""

    word: str
    """What was read."""
    truth: str
    picture: Any
    """Of PIL."""


def write_swipe_report(
    path: str | os.PathLike[str],
    *,
    title: str,
    truth: Sequence[str],
    typed: Sequence[Sequence[Guess]],
    figures: Mapping[str, Any],
    beams: Mapping[int, Mapping[str, Any]],
    looks: Sequence[Look],
    history: Sequence[Mapping[str, Any]],
    config: Mapping[str, Any],
    command: str,
) -> None:
    """Write the page.

    `beams` are `swipe_scores` by the number of words that are followed.
    """
    low, high = figures["interval95"]
    cards = [
        ("Right word first", percent(figures["top1"]), f"{low:.3f} to {high:.3f}"),
        ("Among four", percent(figures["top4"]), ""),
        ("MRR", f"{figures['mrr']:.3f}", ""),
        ("Character errors", percent(figures["cer"]), f"{figures['n']:,} swipes"),
    ]
    wrong = [
        (escape(word), *(escape(guess.word) for guess in guesses[:4]))
        for word, guesses in zip(truth, typed, strict=True)
        if not guesses or guesses[0].word != word
    ]
    shown = [(*row, *[""] * (5 - len(row))) for row in wrong[:MISTAKES]]
    sections = {
        "Training": training_curves(history),
        "The beam": _beams(beams),
        "What letters looked at": "".join(map(_look, looks)),
        f"Mistakes ({min(len(wrong), MISTAKES)} of {len(wrong)})": table(
            ["Meant", "first", "second", "third", "fourth"], shown
        ),
        "Settings": settings_table(config, command),
    }
    write_page(path, title, cards, sections)


def _beams(beams: Mapping[int, Mapping[str, Any]]) -> str:
    """How often the right word is first, by how many words are followed."""
    rows = [
        {"k": k, "accuracy": found["top1"], "interval95": found["interval95"]}
        for k, found in sorted(beams.items())
    ]
    cells = [
        (str(k), f"{found['top1']:.3f}", f"{found['top4']:.3f}", f"{found['mrr']:.3f}")
        for k, found in sorted(beams.items())
    ]
    chart = shot_curves("Right word first", {"top-1": rows}, "words followed")
    words = ["words followed", "first", "among four", "MRR"]
    return f'<div class="charts">{chart}</div>{table(words, cells)}'


def _look(look: Look) -> str:
    file = io.BytesIO()
    look.picture.save(file, "PNG", optimize=True)
    data = base64.b64encode(file.getvalue()).decode()
    said = escape(f"{look.truth}, read as {look.word}")
    return (
        f'<figure><img alt="{said}" src="data:image/png;base64,{data}">'
        f"<figcaption>{said}</figcaption></figure>"
    )


def evenly(count: int, most: int) -> list[int]:
    """Up to `most` numbers below `count`, far apart."""
    return np.linspace(0, count - 1, min(most, count)).astype(int).tolist()


# Pictures of which points of a swipe made each letter.


KEY = 26
"""Pixels of a key."""
COLUMNS = 4
PAPER, KEYS, WAY, SEEN = "#ffffff", "#c9c9c9", "#7c9cc0", (196, 40, 40)


def attention_picture(
    word: str, points: np.ndarray, looks: np.ndarray, keys: Layout
) -> Image.Image:
    """One panel a letter: f[p 2] points in keys, as large as it looked at them.

    `looks` f[l p] has a row for each letter.
    """
    count = len(looks)
    span = keys.units().max(0) + np.array([1.0, 1.6])
    panel = (int(span[0] * KEY), int((span[1] + 1) * KEY * 1.5) + 18)
    rows = -(-count // COLUMNS)
    columns = min(count, COLUMNS)
    sheet = Image.new("RGB", (columns * panel[0], rows * panel[1]), PAPER)
    draw = ImageDraw.Draw(sheet)
    for i in range(count):
        corner = np.array([i % COLUMNS * panel[0], i // COLUMNS * panel[1]])
        _panel(draw, corner, word, i, points, looks[i], keys)
    return sheet


def _panel(draw, corner, word, letter, points, look, keys: Layout) -> None:
    font = ImageFont.load_default(13)
    title = f"{word[:letter]}[{word[letter]}]{word[letter + 1 :]}"
    draw.text((corner[0] + 6, corner[1] + 2), title, fill="#222222", font=font)

    def place(units):
        return np.array(units) * (KEY, 1.5 * KEY) + corner + (0, 18 + 0.9 * KEY)

    for name, unit in zip(keys.letters, keys.units(), strict=True):
        x, y = place(unit)
        half = 0.45 * KEY
        box = (x - half, y - 1.4 * half, x + half, y + 1.4 * half)
        chosen = name == word[letter]
        draw.rounded_rectangle(box, 4, outline="#444444" if chosen else KEYS)
        draw.text((x - 4, y - 8), name, fill="#222222" if chosen else KEYS, font=font)
    way = [tuple(place(point)) for point in points]
    draw.line(way, fill=WAY, width=2)
    for (x, y), share in zip(way, look / max(look.max(), 1e-9), strict=True):
        if share > 0.05:
            r = 1 + 5 * float(np.sqrt(share))
            draw.ellipse((x - r, y - r, x + r, y + r), fill=SEEN)


def write_pictures(folder: Path, names: Sequence[str], pictures) -> None:
    """PNG files in a folder, which is made."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, picture in zip(names, pictures, strict=True):
        picture.save(folder / f"{name}.png")


# Which points of swipes a network looked at, letter by letter.


MOST = 100
"""Pictures of a file."""


def draw(
    folder: Path,
    keyboard: Keyboard,
    swipes: list[Swipe | InputError],
    found: list[list[Guess] | InputError],
    placing: Placing,
    first: int = 0,
) -> None:
    """A picture of each of some swipes and its best word, NUMBER-WORD.png.

    The swipes are counted from `first`, and no more than `MOST` are drawn.
    """
    typist = keyboard.typist
    names, pictures = [], []
    for i, (swipe, guesses) in enumerate(zip(swipes, found, strict=True), first):
        if isinstance(swipe, InputError) or isinstance(guesses, InputError):
            continue
        if len(pictures) == MOST or not guesses:
            continue
        word = typist.written(guesses[0].word)
        units = in_units(swipe, typist.keys, placing)
        points, looks = looked(typist, units, word, swipe.width is not None)
        pictures.append(attention_picture(word, points, looks, typist.keys))
        names.append(f"{i:05d}-{word}")
    write_pictures(folder, names, pictures)


def looked(
    typist: Typist, swipe: np.ndarray, word: str, known: bool
) -> tuple[np.ndarray, np.ndarray]:
    """`(f[p 2], f[l p])`: a swipe's points, and how much letters looked at each."""
    inputs = typist.inputs([swipe], np.array([known]))
    codes = np.full((1, 32), -1, np.int32)
    codes[0, : len(word)] = [typist.letters.index(c) for c in word]
    looks = _looks(typist.spec, typist.params, inputs, codes)
    points = np.asarray(resampled(inputs["points"]))[0, :, :2]
    return points, np.asarray(looks)[0, : len(word)]


@partial(jax.jit, static_argnames="spec")
def _looks(spec: EncoderSpec, params, inputs, codes):
    from strokejax.tasks.swipes.network import SwipeNet

    net = SwipeNet(spec.out_dim, spec.architecture, spec.features, 0.0)
    bound = net.bind({"params": params})
    return bound.attention(bound.encode(inputs), codes)
