"""Synthetic lines by name: the source of their characters, and their overlap."""

from collections.abc import Sequence
from pathlib import Path

from strokejax.data.dataset import Dataset
from strokejax.data.sets.load import load
from strokejax.tasks.lines.data import LineSet, written_lines
from strokejax.tasks.lines.emnist_lines import cell_count, published_lines
from strokejax.tasks.lines.glyphs import Glyphs, built_in_glyphs, unipen_glyphs
from strokejax.tasks.lines.handwriting import DEFAULT_STYLE
from strokejax.types import InputError

MAX_OVERLAP = 0.75
"""A share of a character's cell."""
WRITERS, SAMPLES = 40, 3
"""Built-in writers, and samples of each writer and character."""


def load_glyphs(
    name: str,
    split: str,
    root: str | Path | None = None,
    *,
    writers: int = WRITERS,
    samples: int = SAMPLES,
) -> Glyphs | Dataset:
    """The characters of a source: ink by writer, or a data set of pictures.

    `name` is one of `settings.GLYPHS`, or another data set; `writers` and `samples` are
    for "built-in".
    """
    match name:
        case "unipen":
            return unipen_glyphs(split, root)
        case "built-in":
            return built_in_glyphs(split, writers, samples)
    return load(name, split, root=root)


def synthetic_lines(
    source: Glyphs | Dataset,
    texts: Sequence[str],
    *,
    overlap: tuple[float, float],
    length: int,
    seed: int,
) -> LineSet:
    """An endless set of lines of texts: in handwriting from ink, else as published."""
    if isinstance(source, Dataset):
        size = cell_count(length)
        return published_lines(source, texts, seed=seed, overlap=overlap, length=size)
    style = DEFAULT_STYLE._replace(overlap=overlap)
    return written_lines(source, texts, seed=seed, style=style, limit=length)


def parse_overlap(text: str, where: str) -> tuple[float, float]:
    """LOW:HIGH, or one number, as shares of a cell; InputError for anything else.

    The error begins with `where`, the name of the option.
    """
    low, _, high = text.partition(":")
    try:
        overlap = float(low), float(high or low)
    except ValueError:
        overlap = 1.0, 0.0
    if not 0 <= overlap[0] <= overlap[1] <= MAX_OVERLAP:
        raise InputError(
            f"{where} is {text!r}; write LOW:HIGH, shares of a character's cell from 0 "
            f"to {MAX_OVERLAP}, like '0:0.33'."
        )
    return overlap
