"""Pictures of which points of a swipe made each letter."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from strokejax.tasks.swipes.layouts import Layout

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
