"""Font files on disk: finding them, and checking their faces before any are drawn."""

import os
import sys
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from strokejax.types import InputError

SUFFIXES = (".ttf", ".otf", ".ttc", ".otc")
MAX_BYTES = 64 * 2**20
MAX_FACES = 64
"""Faces read of one collection; later ones are ignored."""
REQUIRED_CHARACTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
"""Characters that every font must have, so that any text can be drawn in it."""
CATEGORIES = ("serif", "sans", "mono", "hand", "display")
UNKNOWN = "unknown"

# Name IDs of OpenType's `name` table. The typographic names (16 and 17) come first: the
# older ones (1 and 2) split families of more than four styles.
_FAMILY, _STYLE, _TYPOGRAPHIC_FAMILY, _TYPOGRAPHIC_STYLE = 1, 2, 16, 17
# PANOSE digits in OpenType's OS/2 table.
_MONOSPACED = 9
_SERIFS = range(2, 11)
_SANS = range(11, 16)


class Face(NamedTuple):
    """One face of a font file. Models store it: the field names are a format."""

    file: str
    index: int
    """Number of the face in a collection; 0 in other files."""
    family: str
    style: str
    category: str
    """One of `CATEGORIES`, as the file declares it (OS/2, PANOSE), or `UNKNOWN`."""
    axes: tuple[tuple[str, float, float, float], ...] = ()
    """Tag, minimum, default and maximum of each variation axis: "wght", "wdth" ..."""

    @property
    def name(self) -> str:
        """Family and style; the family alone for the regular style."""
        regular = self.style.lower() in ("", "regular", "normal", "roman", "book")
        return self.family if regular else f"{self.family} {self.style}"


# Finding font files.


def system_folders() -> list[Path]:
    """The font folders of this system that hold at least one font file."""
    home = Path.home()
    if sys.platform == "darwin":
        folders = ["/System/Library/Fonts", "/Library/Fonts", home / "Library/Fonts"]
    elif sys.platform == "win32":
        folders = [Path(os.environ.get("WINDIR", "C:/Windows")) / "Fonts"]
    else:
        folders = ["/usr/share/fonts", "/usr/local/share/fonts", home / ".fonts"]
        folders.append(home / ".local/share/fonts")
    return [path for path in map(Path, folders) if any(_walk(path))]


def font_files(folder: str | Path) -> list[Path]:
    """All font files below a folder, sorted by path; a file's path gives that file.

    A file that several paths lead to, by links for example, is listed once. InputError
    if the folder does not exist or holds no font files.
    """
    root = Path(folder)
    if root.is_file():
        return [root]
    if not root.is_dir():
        raise InputError(f"{root} is not a folder or font file; name an existing one.")
    # In reverse order, so that the first path of a file overwrites its later ones.
    paths = sorted(_walk(root), reverse=True)
    unique = {path.resolve(): path for path in paths}
    if not unique:
        raise InputError(
            f"{root} holds no font files ({', '.join(SUFFIXES)}); name a folder that "
            f"does, or install fonts (on Debian: apt-get install fonts-dejavu)."
        )
    return sorted(unique.values())


def _walk(folder: Path) -> Iterator[Path]:
    return (
        path
        for path in folder.rglob("*")
        if path.suffix.lower() in SUFFIXES and path.is_file()
    )


# Reading and checking faces.


def faces(file: str | Path) -> list[Face]:
    """The faces of a font file; InputError for a file that cannot be used for text.

    A damaged file can take very long or crash the process: call this in a sandbox.
    """
    path = Path(file)
    if path.stat().st_size > MAX_BYTES:
        raise InputError(
            f"{path} has {path.stat().st_size / 2**20:,.0f} MiB, above the limit of "
            f"{MAX_BYTES >> 20}; give a smaller font."
        )
    try:
        return list(_read_faces(path))
    except InputError:
        raise
    except Exception as error:  # fontTools raises errors of any kind on hostile bytes
        message = " ".join(str(error).split())[:80]
        raise InputError(
            f"{path} is damaged or not a font ({type(error).__name__}: {message}); "
            f"leave it out, or fetch it again."
        ) from error


@lru_cache(32)
def characters(file: str) -> frozenset[str]:
    """The characters that a font file with a single face can draw."""
    from fontTools.ttLib import TTFont

    with TTFont(file, lazy=True) as font:
        return frozenset(map(chr, font.getBestCmap() or {}))


def _read_faces(path: Path) -> Iterator[Face]:
    import logging

    from fontTools.ttLib import TTCollection, TTFont

    # Warnings about odd tables stay hidden; errors that matter are raised.
    logging.getLogger("fontTools").setLevel(logging.ERROR)

    with path.open("rb") as file:
        is_collection = file.read(4) == b"ttcf"
    if is_collection:
        with TTCollection(str(path), lazy=True) as collection:
            for i, font in enumerate(collection.fonts[:MAX_FACES]):
                yield _read_face(path, i, font)
    else:
        with TTFont(str(path), lazy=True) as font:
            yield _read_face(path, 0, font)


def _read_face(path: Path, index: int, font) -> Face:
    cmap = font.getBestCmap() or {}
    missing = [char for char in REQUIRED_CHARACTERS if ord(char) not in cmap]
    if missing:
        raise InputError(
            f"{path} lacks {len(missing)} of the {len(REQUIRED_CHARACTERS)} letters "
            f"and digits that a font needs ({''.join(missing[:8])}...); leave it out."
        )
    if not any(table in font for table in ("glyf", "CFF ", "CFF2")):
        raise InputError(
            f"{path} holds bitmaps and no outlines; give a font that can be scaled."
        )
    names = font["name"]
    family = names.getDebugName(_TYPOGRAPHIC_FAMILY) or names.getDebugName(_FAMILY)
    style = names.getDebugName(_TYPOGRAPHIC_STYLE) or names.getDebugName(_STYLE)
    axes = ()
    if "fvar" in font:
        axes = tuple(
            (axis.axisTag, axis.minValue, axis.defaultValue, axis.maxValue)
            for axis in font["fvar"].axes
        )
    family = _clean(family) or path.stem
    return Face(str(path), index, family, _clean(style), _category(font), axes)


def _clean(name: str | None) -> str:
    """One line of printable text, at most 80 characters."""
    text = "".join(c if c.isprintable() else " " for c in name or "")
    return " ".join(text.split())[:80]


def _category(font) -> str:
    """The category by PANOSE and the family class; many fonts set neither."""
    if "post" in font and font["post"].isFixedPitch:
        return "mono"
    if "OS/2" not in font:
        return UNKNOWN
    # PANOSE family types: 2 Latin text, 3 Latin handwritten, 4 Latin decorative. Family
    # classes: 1 to 7 serifs, 8 sans serif, 9 ornamentals, 10 scripts, 12 symbols.
    panose, family_class = font["OS/2"].panose, font["OS/2"].sFamilyClass >> 8
    is_text = panose.bFamilyType == 2
    if is_text and panose.bProportion == _MONOSPACED:
        return "mono"
    if panose.bFamilyType == 3 or family_class == 10:
        return "hand"
    if panose.bFamilyType == 4 or family_class in (9, 12):
        return "display"
    if (is_text and panose.bSerifStyle in _SERIFS) or 1 <= family_class <= 7:
        return "serif"
    if (is_text and panose.bSerifStyle in _SANS) or family_class == 8:
        return "sans"
    return UNKNOWN
