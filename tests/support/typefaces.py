"""Font files that pip installs with the tests, and a job for a process of its own."""

import importlib.util
import os
import time
from pathlib import Path

from strokejax.types import InputError

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


def ended(seconds: float) -> str:
    """Sleeps; ends its process where that is less than nothing, refuses 1."""
    if seconds < 0:
        os._exit(7)
    if seconds == 1:
        raise InputError("that one is refused")
    time.sleep(seconds)
    return f"slept {seconds:g}"
