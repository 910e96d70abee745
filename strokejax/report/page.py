"""Reports as single HTML pages, without scripts and without other files."""

import os
import string
from collections.abc import Iterable, Mapping
from html import escape
from importlib import resources

from strokejax.files import save_file

Cards = Iterable[tuple[str, str, str]]
"""Headline figures: name, value and note, as markup."""


def write_page(
    path: str | os.PathLike[str],
    title: str,
    cards: Cards,
    sections: Mapping[str, str],
) -> None:
    """Write a page of headline cards and sections (name -> markup).

    The title is escaped, all else is markup. If writing fails, an older page remains.
    """
    template = resources.files("strokejax.report").joinpath("report_page.html")
    page = string.Template(template.read_text("utf-8")).substitute(
        title=escape(title),
        links="".join(
            f'<a href="#part{i}">{name}</a>' for i, name in enumerate(sections)
        ),
        cards="".join(
            f'<div><span class="soft">{name}</span><b>{value}</b>'
            f'<span class="soft">{note}</span></div>'
            for name, value, note in cards
        ),
        sections="\n".join(
            f'<section id="part{i}"><h2>{name}</h2>{body}</section>'
            for i, (name, body) in enumerate(sections.items())
        ),
    )
    # A lone surrogate in a file name is not UTF-8; it becomes a question mark.
    save_file(path, page.encode("utf-8", "replace"))


def percent(fraction: float) -> str:
    """A fraction of 1 as a percentage with one decimal."""
    return f"{100 * fraction:.1f} %"
