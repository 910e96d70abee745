"""Lines by name: who wrote the characters, how far they overlap."""

from collections.abc import Sequence
from pathlib import Path

from strokejax.data.dataset import Dataset
from strokejax.data.sets.load import load
from strokejax.tasks.lines.data import LineSet, written_lines
from strokejax.tasks.lines.emnist_lines import cells, published_lines
from strokejax.tasks.lines.glyphs import Glyphs, built_in_glyphs, unipen_glyphs
from strokejax.tasks.lines.handwriting import USUAL
from strokejax.types import InputError

MOST_OVERLAP = 0.75
HANDS, SAMPLES = 40, 3


def lines_by(
    source: Glyphs | Dataset,
    texts: Sequence[str],
    *,
    overlap: tuple[float, float],
    length: int,
    seed: int,
) -> LineSet:
    """Lines without end of texts: ink by one hand a line, pictures as published."""
    if isinstance(source, Dataset):
        size = cells(length)
        return published_lines(source, texts, seed=seed, overlap=overlap, length=size)
    style = USUAL._replace(overlap=overlap)
    return written_lines(source, texts, seed=seed, style=style, limit=length)


def overlap_of(given: str, where: str) -> tuple[float, float]:
    """LOW:HIGH or one number, shares of a cell; InputError names `where` it was."""
    low, _, high = given.partition(":")
    try:
        found = float(low), float(high or low)
    except ValueError:
        found = 1.0, 0.0
    if not 0 <= found[0] <= found[1] <= MOST_OVERLAP:
        raise InputError(
            f"{where} is {given!r}; write LOW:HIGH, shares of a character's cell from "
            f"0 to {MOST_OVERLAP}, like '0:0.33'."
        )
    return found


def glyphs_of(
    name: str,
    split: str,
    root: str | Path | None = None,
    *,
    hands: int = HANDS,
    samples: int = SAMPLES,
) -> Glyphs | Dataset:
    """Characters by one of the names `config_values.GLYPHS`: ink by hand, or pictures.

    Built-in ones are so many `samples` of each character by so many `hands`.
    """
    match name:
        case "unipen":
            return unipen_glyphs(split, root)
        case "built-in":
            return built_in_glyphs(split, hands, samples)
    return load(name, split, root=root)
