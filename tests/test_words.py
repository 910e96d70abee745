"""Names and sentences use the field's words, and say what a value holds."""

import argparse
import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from strokejax.cli import _parser
from strokejax.config import FIELDS

ROOT = Path(__file__).parents[1]
MODULES = sorted((ROOT / "strokejax").rglob("*.py"))
SCRIPTS = sorted((ROOT / "strokejax").rglob("static/*.*"))
PAGES = [*(ROOT / "docs").glob("*.md"), *(ROOT / "strokejax").rglob("*.md")]
PAGES = [*PAGES, *(ROOT / name for name in ("README.md", "CONTRIBUTING.md"))]

LOCALS = {"found", "own", "given", "told", "kept"}
"""They say how a value came about, not what it is."""

NAMES = {
    *("ways", "Guide", "Paths", "Finger", "looked", "looks", "strangeness", "STRANGE"),
    *("Known", "odd_ones", "more_wanted", "Given", "Kept", "see", "counted", "checked"),
    *("soon", "rivals", "wish", "usual_line"),
}
"""Home-made names of functions and classes; each has a standard term today."""

PHRASES = re.compile(
    "|".join(
        [
            *(r"\bwords followed\b", r"\bless probable than this are not followed\b"),
            *(r"\bodd ones\b", r"\bstrangeness\b", r"\bstranger than\b"),
            *(r"\blosses between examples\b", r"\bworn\b", r"\bfonts? of no one\b"),
            *(r"\btold widths?\b", r"\btarr(y|ies)\b", r"\btypes no swipes\b"),
            *(r"\bno whole (file|checkpoint)\b", r"\bof no use to who\b"),
            *(r"\bwants config\.", r"\bseems no\b", r"\bhas no use for\b"),
            r"(?<!here )\bis no (list|number|table|picture|word|folder|file|model)\b",
            r"\bis no export\b",
        ]
    ),
    re.IGNORECASE,
)
"""Turns of phrase that no textbook has."""


def bound(function: ast.AST) -> Iterator[str]:
    """The names that a function binds: parameters and locals."""
    for node in ast.walk(function):
        if isinstance(node, ast.arg):
            yield node.arg
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(ROOT)))
def test_names_say_what_they_hold(path):
    tree = ast.parse(path.read_text())
    kinds = ast.FunctionDef | ast.AsyncFunctionDef
    for node in ast.walk(tree):
        if isinstance(node, kinds):
            vague = LOCALS.intersection(bound(node))
            assert not vague, f"{node.name} has {sorted(vague)}"
        if isinstance(node, kinds | ast.ClassDef):
            assert node.name not in NAMES


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(ROOT)))
def test_sentences_in_code_are_plain(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            text = " ".join(node.value.split())
            assert not PHRASES.search(text), text


@pytest.mark.parametrize("path", [*SCRIPTS, *PAGES], ids=lambda p: p.name)
def test_pages_are_plain(path):
    for line in path.read_text().splitlines():
        assert not PHRASES.search(line), line


def helps(parser: argparse.ArgumentParser) -> Iterator[str]:
    """The help of a parser, and of all parsers below it."""
    yield " ".join(parser.format_help().split())
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for each in action.choices.values():
                yield from helps(each)


def test_help_is_plain():
    texts = [*helps(_parser([])), *(field.about for field in FIELDS.values())]
    assert len(texts) > 100
    assert not [found[0] for text in texts for found in [PHRASES.search(text)] if found]
