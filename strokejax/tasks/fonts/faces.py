"""Font files on disk: found, and looked into before anything is drawn with them."""

import os
import sys
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from strokejax.types import InputError

ENDINGS = (".ttf", ".otf", ".ttc", ".otc")
MAX_BYTES = 64 * 2**20
MAX_FACES = 64
"""Faces of one collection."""
NEEDED = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
"""Characters that a font must have to be told by text."""
CATEGORIES = ("serif", "sans", "mono", "hand", "display")
UNKNOWN = "unknown"
_FAMILY, _STYLE, _BETTER_FAMILY, _BETTER_STYLE = 1, 2, 16, 17
_MONO_PROPORTION = 9
_SERIFS = range(2, 11)
_SANS = range(11, 16)


class Face(NamedTuple):
    """One face of a font file."""

    file: str
    index: int
    """Its number in a collection; 0 in other files."""
    family: str
    style: str
    category: str
    """One of `CATEGORIES`, as the file says it (OS/2, PANOSE), or `UNKNOWN`."""
    axes: tuple[tuple[str, float, float, float], ...] = ()
    """Name, least, usual and most of what varies: "wght", "wdth" ..."""

    @property
    def name(self) -> str:
        """Family and style; the family alone where the style says nothing."""
        plain = self.style.lower() in ("", "regular", "normal", "roman", "book")
        return self.family if plain else f"{self.family} {self.style}"


def system_folders() -> list[Path]:
    """Where this system keeps its fonts, folders that hold some."""
    home = Path.home()
    if sys.platform == "darwin":
        places = ["/System/Library/Fonts", "/Library/Fonts", home / "Library/Fonts"]
    elif sys.platform == "win32":
        places = [Path(os.environ.get("WINDIR", "C:/Windows")) / "Fonts"]
    else:
        places = ["/usr/share/fonts", "/usr/local/share/fonts", home / ".fonts"]
        places.append(home / ".local/share/fonts")
    return [path for path in map(Path, places) if any(_below(path))]


def font_files(folder: str | Path) -> list[Path]:
    """Every font file below a folder, or the file itself, by path; InputError if none.

    The same file by another way, a link say, counts once.
    """
    root = Path(folder)
    if root.is_file():
        return [root]
    if not root.is_dir():
        raise InputError(f"{root} is no folder or font file; name one that is there.")
    found = sorted(_below(root), reverse=True)
    once = {path.resolve(): path for path in found}
    if not once:
        raise InputError(
            f"{root} holds no font files ({', '.join(ENDINGS)}); name a folder that "
            f"does, or install fonts (on Debian: apt-get install fonts-dejavu)."
        )
    return sorted(once.values())


def _below(folder: Path) -> Iterator[Path]:
    return (
        path
        for path in folder.rglob("*")
        if path.suffix.lower() in ENDINGS and path.is_file()
    )


def faces(file: str | Path) -> list[Face]:
    """The faces of a font file; InputError says why none can be drawn with.

    Damaged files can take long or end the process: call it where that does no harm.
    """
    path = Path(file)
    if path.stat().st_size > MAX_BYTES:
        raise InputError(
            f"{path} has {path.stat().st_size / 2**20:,.0f} MiB, above the limit of "
            f"{MAX_BYTES >> 20}; give a smaller font."
        )
    try:
        return list(_faces(path))
    except InputError:
        raise
    except Exception as error:  # the parser meets hostile bytes with errors of any kind
        said = " ".join(str(error).split())[:80]
        raise InputError(
            f"{path} is damaged or no font ({type(error).__name__}: {said}); leave it "
            f"out, or fetch it again."
        ) from error


@lru_cache(32)
def characters(file: str) -> frozenset[str]:
    """Those that a font file, of one face, has."""
    from fontTools.ttLib import TTFont

    with TTFont(file, lazy=True) as font:
        return frozenset(map(chr, font.getBestCmap() or {}))


def _faces(path: Path) -> Iterator[Face]:
    import logging

    from fontTools.ttLib import TTCollection, TTFont

    logging.getLogger("fontTools").setLevel(logging.ERROR)

    with path.open("rb") as file:
        several = file.read(4) == b"ttcf"
    if several:
        with TTCollection(str(path), lazy=True) as collection:
            for i, font in enumerate(collection.fonts[:MAX_FACES]):
                yield _face(path, i, font)
    else:
        with TTFont(str(path), lazy=True) as font:
            yield _face(path, 0, font)


def _face(path: Path, index: int, font) -> Face:
    known = font.getBestCmap() or {}
    missing = [char for char in NEEDED if ord(char) not in known]
    if missing:
        raise InputError(
            f"{path} lacks {len(missing)} of the {len(NEEDED)} letters and digits "
            f"({''.join(missing[:8])}...); it is told by none: leave it out."
        )
    if not any(table in font for table in ("glyf", "CFF ", "CFF2")):
        raise InputError(
            f"{path} holds bitmaps and no outlines; give a font that can be scaled."
        )
    names = font["name"]
    family = names.getDebugName(_BETTER_FAMILY) or names.getDebugName(_FAMILY)
    style = names.getDebugName(_BETTER_STYLE) or names.getDebugName(_STYLE)
    axes = ()
    if "fvar" in font:
        axes = tuple(
            (axis.axisTag, axis.minValue, axis.defaultValue, axis.maxValue)
            for axis in font["fvar"].axes
        )
    family = _clean(family) or path.stem
    return Face(str(path), index, family, _clean(style), _category(font), axes)


def _clean(name: str | None) -> str:
    """One line of printable text."""
    text = "".join(c if c.isprintable() else " " for c in name or "")
    return " ".join(text.split())[:80]


def _category(font) -> str:
    """What PANOSE and the family class say; many fonts say nothing."""
    if "post" in font and font["post"].isFixedPitch:
        return "mono"
    if "OS/2" not in font:
        return UNKNOWN
    panose, kind = font["OS/2"].panose, font["OS/2"].sFamilyClass >> 8
    if panose.bFamilyType == 2 and panose.bProportion == _MONO_PROPORTION:
        return "mono"
    if panose.bFamilyType == 3 or kind == 10:
        return "hand"
    if panose.bFamilyType == 4 or kind in (9, 12):
        return "display"
    if (panose.bFamilyType == 2 and panose.bSerifStyle in _SERIFS) or 1 <= kind <= 7:
        return "serif"
    if (panose.bFamilyType == 2 and panose.bSerifStyle in _SANS) or kind == 8:
        return "sans"
    return UNKNOWN
