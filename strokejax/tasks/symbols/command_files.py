"""Drawings in files of any kind: ink, or pictures."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from strokejax.ink.formats import read_ink
from strokejax.types import InputError

PICTURES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp")
MAX_FILES = 10_000


def read_file(path: str | Path) -> list[Any]:
    """The drawings of a file: one picture u8[h w], or all its `Ink`."""
    if str(path).lower().endswith(PICTURES):
        from strokejax.pictures.images import read_image

        return [read_image(path)]
    return list(read_ink(path))


def read_drawings(paths: Sequence[str | Path]) -> tuple[list[Any], list[str]]:
    """All drawings of files and of folders' files, and the file of each."""
    files = [file for path in paths for file in _files(Path(path).expanduser())]
    if len(files) > MAX_FILES:
        raise InputError(
            f"{len(files):,} files are given, above the limit of {MAX_FILES:,}; give "
            f"fewer."
        )
    drawings: list[Any] = []
    sources: list[str] = []
    for file in files:
        found = read_file(file)
        drawings += found
        sources += [str(file)] * len(found)
    return drawings, sources


def _files(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    inside = (p for p in path.iterdir() if p.is_file() and not p.name.startswith("."))
    if not (files := sorted(inside)):
        raise InputError(f"The folder {path} has no files; give drawings.")
    return files
