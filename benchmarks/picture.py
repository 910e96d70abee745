"""Draws the README's picture: python benchmarks/picture.py docs/answers.png"""

import argparse

import numpy as np
from PIL import Image, ImageDraw, ImageFont

import strokejax
from strokejax.ink.synthesis.handwriting import random_writer, write

SYMBOLS = "strokejaxRQ2857gBWym"
CELL, COLUMNS = 132, 10
PAPER, INK, RIGHT, WRONG = "#fbfaf7", "#1d2430", "#14713d", "#b3261e"


def main() -> None:
    """Strokes of built-in writers that no training saw, with their nearest symbols."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file")
    file = parser.parse_args().file
    rng = np.random.default_rng(2026)
    inks = [write(symbol, random_writer(rng), rng) for symbol in SYMBOLS]
    answers = strokejax.load().recognize_many(inks, k=3)
    rows = -(-len(inks) // COLUMNS)
    page = Image.new("RGB", (CELL * COLUMNS, (CELL + 64) * rows), PAPER)
    draw = ImageDraw.Draw(page)
    large, small = (ImageFont.load_default(size) for size in (19, 13))
    for i, (symbol, ink, answer) in enumerate(zip(SYMBOLS, inks, answers, strict=True)):
        x, y = CELL * (i % COLUMNS), (CELL + 64) * (i // COLUMNS)
        points = np.concatenate(ink.strokes)[:, :2]
        low, high = points.min(0), points.max(0)
        scale = (CELL - 48) / max((high - low).max(), 1e-6)
        for stroke in ink.strokes:
            line = (stroke[:, :2] - (low + high) / 2) * scale + (x, y)
            line = [tuple(p) for p in (line + CELL / 2).tolist()]
            draw.line(line, fill=INK, width=4, joint="curve")
        for j, (name, dist2) in enumerate(
            zip(answer.symbols, answer.dist2 or (), strict=True)
        ):
            colour = (RIGHT if name == symbol else WRONG) if j == 0 else "#6b7280"
            font = large if j == 0 else small
            at = (x + 18 + (0, 52, 88)[j], y + CELL + (4, 8, 8)[j])
            draw.text(at, name, fill=colour, font=font)
            draw.text(
                (at[0], y + CELL + 30), f"{dist2:.2f}", fill="#6b7280", font=small
            )
    page.save(file, optimize=True)


if __name__ == "__main__":
    main()
