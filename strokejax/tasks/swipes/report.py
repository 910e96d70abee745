"""Reports on typed swipes: attention weights, their pictures, and the page of a job."""

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
from strokejax.pictures.images import data_url, encode_picture
from strokejax.report.charts import shot_curves
from strokejax.report.drawings import table
from strokejax.report.page import percent, write_page
from strokejax.report.run import settings_table, training_curves
from strokejax.tasks.swipes.batches import WORD_LENGTHS
from strokejax.tasks.swipes.data import Swipe
from strokejax.tasks.swipes.features import resample
from strokejax.tasks.swipes.keyboard import Keyboard, in_units
from strokejax.tasks.swipes.layouts import Layout, Placement
from strokejax.tasks.swipes.typist import Guess, Typist
from strokejax.types import InputError

MAX_MISTAKES = 24
"""Mistakes on the page of a job."""
MAX_PICTURES = 100
"""Pictures of a file of swipes."""
KEY_WIDTH, KEY_ASPECT = 26, 1.5
"""Pixels of a key in a picture, and its height over its width."""
TITLE_HEIGHT = 18
"""Pixels above the keyboard of a panel."""
COLUMNS = 4
"""Panels side by side."""
MIN_SHARE = 0.05
"""Points below this share of a letter's largest attention weight are not drawn."""
PAPER, INK, TARGET, KEYS = "#ffffff", "#222222", "#444444", "#c9c9c9"
TRAJECTORY, ATTENTION = "#7c9cc0", (196, 40, 40)


# Attention weights.


def attention_weights(
    typist: Typist, swipe: np.ndarray, word: str, known: bool
) -> tuple[np.ndarray, np.ndarray]:
    """`(f[p 2], f[l p])`: a swipe's resampled points, and their weights by letter.

    `swipe` is f[n 3] in key units and seconds, `word` the keys that write a word, and
    `known` whether the keyboard has its layout's width.
    """
    inputs = typist.inputs([swipe], np.array([known]))
    codes = np.full((1, WORD_LENGTHS[-1]), -1, np.int32)
    codes[0, : len(word)] = [typist.letters.index(letter) for letter in word]
    weights = _attention(typist.spec, typist.params, inputs, codes)
    points = np.asarray(resample(inputs["points"]))[0, :, :2]
    return points, np.asarray(weights)[0, : len(word)]


@partial(jax.jit, static_argnames="spec")
def _attention(spec: EncoderSpec, params, inputs, codes):
    from strokejax.tasks.swipes.network import SwipeNet

    net = SwipeNet(spec.out_dim, spec.architecture, spec.features, 0.0)
    bound = net.bind({"params": params})
    return bound.attention(bound.encode(inputs), codes)


# Pictures of attention weights.


def attention_picture(
    word: str, points: np.ndarray, weights: np.ndarray, keys: Layout
) -> Image.Image:
    """A picture with a panel for each letter of a word.

    `points` are f[p 2] in key units, `weights` f[l p]; the area of a point grows with
    its weight.
    """
    count = len(weights)
    span = keys.units().max(0) + np.array([1.0, 1.6])
    height = int((span[1] + 1) * KEY_WIDTH * KEY_ASPECT) + TITLE_HEIGHT
    panel = int(span[0] * KEY_WIDTH), height
    rows, columns = -(-count // COLUMNS), min(count, COLUMNS)
    sheet = Image.new("RGB", (columns * panel[0], rows * panel[1]), PAPER)
    draw = ImageDraw.Draw(sheet)
    for i in range(count):
        corner = np.array([i % COLUMNS * panel[0], i // COLUMNS * panel[1]])
        _draw_panel(draw, corner, word, i, points, weights[i], keys)
    return sheet


def _draw_panel(draw, corner, word, letter, points, weights, keys: Layout) -> None:
    """The keyboard, the trajectory, and its points by their weights for a letter."""
    font = ImageFont.load_default(13)
    title = f"{word[:letter]}[{word[letter]}]{word[letter + 1 :]}"
    draw.text((corner[0] + 6, corner[1] + 2), title, fill=INK, font=font)
    first_row = 0, TITLE_HEIGHT + 0.9 * KEY_WIDTH

    def to_pixels(units):
        return (
            np.array(units) * (KEY_WIDTH, KEY_ASPECT * KEY_WIDTH) + corner + first_row
        )

    for name, centre in zip(keys.letters, keys.units(), strict=True):
        x, y = to_pixels(centre)
        half = 0.45 * KEY_WIDTH
        box = (x - half, y - 1.4 * half, x + half, y + 1.4 * half)
        is_target = name == word[letter]
        draw.rounded_rectangle(box, 4, outline=TARGET if is_target else KEYS)
        draw.text((x - 4, y - 8), name, fill=INK if is_target else KEYS, font=font)
    trajectory = [tuple(to_pixels(point)) for point in points]
    draw.line(trajectory, fill=TRAJECTORY, width=2)
    shares = weights / max(weights.max(), 1e-9)
    for (x, y), share in zip(trajectory, shares, strict=True):
        if share > MIN_SHARE:
            # The area shows the weight, so the radius grows with its root.
            r = 1 + 5 * float(np.sqrt(share))
            draw.ellipse((x - r, y - r, x + r, y + r), fill=ATTENTION)


def write_attention(
    folder: Path,
    keyboard: Keyboard,
    swipes: list[Swipe | InputError],
    typed: list[list[Guess] | InputError],
    placement: Placement,
    first: int = 0,
) -> None:
    """Writes pictures of swipes and their best words, NUMBER-WORD.png, into a folder.

    The folder is made. Swipes are numbered from `first`; those after `MAX_PICTURES`
    are left out, as are swipes without a word.
    """
    typist = keyboard.typist
    pictures: dict[str, Image.Image] = {}
    for i, (swipe, guesses) in enumerate(zip(swipes, typed, strict=True), first):
        if isinstance(swipe, InputError) or isinstance(guesses, InputError):
            continue
        if len(pictures) == MAX_PICTURES or not guesses:
            continue
        word = typist.written(guesses[0].word)
        units = in_units(swipe, typist.keys, placement)
        known = swipe.width is not None
        points, weights = attention_weights(typist, units, word, known)
        picture = attention_picture(word, points, weights, typist.keys)
        pictures[f"{i:05d}-{word}.png"] = picture
    folder.mkdir(parents=True, exist_ok=True)
    for name, picture in pictures.items():
        picture.save(folder / name)


# The page of a job.


class AttentionExample(NamedTuple):
    """A held-out swipe on the page of a job."""

    word: str
    """The best word."""
    truth: str
    picture: Image.Image


def write_swipe_report(
    path: str | os.PathLike[str],
    *,
    title: str,
    truth: Sequence[str],
    typed: Sequence[Sequence[Guess]],
    figures: Mapping[str, Any],
    beams: Mapping[int, Mapping[str, Any]],
    examples: Sequence[AttentionExample],
    history: Sequence[Mapping[str, Any]],
    config: Mapping[str, Any],
    command: str,
) -> None:
    """Writes the page.

    `figures` are the `swipe_scores` of `typed` words; `beams` has them by beam width.
    """
    low, high = figures["interval95"]
    cards = [
        ("Right word first", percent(figures["top1"]), f"{low:.3f} to {high:.3f}"),
        ("Among four", percent(figures["top4"]), ""),
        ("MRR", f"{figures['mrr']:.3f}", ""),
        ("Character errors", percent(figures["cer"]), f"{figures['n']:,} swipes"),
    ]
    mistakes = [
        (escape(word), *(escape(guess.word) for guess in guesses[:4]))
        for word, guesses in zip(truth, typed, strict=True)
        if not guesses or guesses[0].word != word
    ]
    rows = [(*row, *[""] * (5 - len(row))) for row in mistakes[:MAX_MISTAKES]]
    sections = {
        "Training": training_curves(history),
        "The beam": _beam_section(beams),
        "Attention of each letter": "".join(map(_example, examples)),
        f"Mistakes ({len(rows)} of {len(mistakes)})": table(
            ["Meant", "first", "second", "third", "fourth"], rows
        ),
        "Settings": settings_table(config, command),
    }
    write_page(path, title, cards, sections)


def _beam_section(beams: Mapping[int, Mapping[str, Any]]) -> str:
    """A chart and a table of the scores by beam width."""
    points = [
        {"k": width, "accuracy": scores["top1"], "interval95": scores["interval95"]}
        for width, scores in sorted(beams.items())
    ]
    rows = [
        (str(width), *(f"{scores[name]:.3f}" for name in ("top1", "top4", "mrr")))
        for width, scores in sorted(beams.items())
    ]
    chart = shot_curves("Right word first", {"top-1": points}, "beam width")
    columns = ["beam width", "first", "among four", "MRR"]
    return f'<div class="charts">{chart}</div>{table(columns, rows)}'


def _example(example: AttentionExample) -> str:
    url = data_url(encode_picture(np.asarray(example.picture), optimize=True))
    caption = escape(f"{example.truth}, read as {example.word}")
    return (
        f'<figure><img alt="{caption}" src="{url}">'
        f"<figcaption>{caption}</figcaption></figure>"
    )


def spread_indices(count: int, limit: int) -> list[int]:
    """Up to `limit` indices below `count`, far apart."""
    return np.linspace(0, count - 1, min(limit, count)).astype(int).tolist()
