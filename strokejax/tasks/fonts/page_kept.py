"""Pictures that people let this computer keep."""

import hashlib
from pathlib import Path

from strokejax.files import save_file
from strokejax.store.paths import home
from strokejax.types import InputError

MOST, MAX_BYTES = 200, 8 << 20
"""Kept pictures, and bytes of one."""
ENDINGS = {
    "image/png": ".png",
    "image/jpeg": ".jpg",
    "image/webp": ".webp",
    "image/gif": ".gif",
    "image/bmp": ".bmp",
    "image/tiff": ".tiff",
    "image/avif": ".avif",
}
"""Of files by the content type; others get none."""


def folder() -> Path:
    """Where pictures of text are kept."""
    return home() / "font-pictures"


def keep(picture: bytes, kind: str) -> Path:
    """Writes a picture's bytes to a file that is named by their hash; its path.

    What is there already stays as it is. InputError where the picture or the folder is
    full, or nothing can be written.
    """
    if len(picture) > MAX_BYTES:
        raise InputError(
            f"The picture has {len(picture):,} bytes, and at most {MAX_BYTES:,} are "
            f"kept; give a smaller one, or do not keep it."
        )
    place = folder()
    there = [p for p in place.iterdir() if p.name[0] != "."] if place.is_dir() else []
    digest = hashlib.sha256(picture).hexdigest()
    for path in there:
        if path.stem == digest:
            return path
    if len(there) >= MOST:
        raise InputError(
            f"{place} holds {len(there)} files, and at most {MOST} pictures are kept; "
            f"move some away, or do not keep this one."
        )
    path = place / f"{digest}{ENDINGS.get(kind, '')}"
    save_file(path, picture)
    return path
