"""Font files that pip installs with the tests."""

import importlib.util
from pathlib import Path

PACKAGES = (
    "font_amatic_sc",
    "font_caladea",
    "font_fredoka_one",
    "font_hanken_grotesk",
    "font_intuitive",
    "font_manrope",
)


def folder(package: str) -> Path:
    """Where a package keeps its fonts."""
    found = importlib.util.find_spec(package)
    assert found is not None and found.origin is not None
    return Path(found.origin).parent / "files"


def font(package: str, name: str) -> Path:
    """One of a package's fonts, by the begin of its file's name."""
    return next(p for p in sorted(folder(package).iterdir()) if p.name.startswith(name))


CALADEA = font("font_caladea", "Caladea-Regular")
AMATIC = font("font_amatic_sc", "AmaticSC-Regular")
FREDOKA = font("font_fredoka_one", "FredokaOne-Regular")
MANROPE = font("font_manrope", "Manrope-Variable")
ALL = (CALADEA, AMATIC, FREDOKA, font("font_intuitive", "Intuitive"))
