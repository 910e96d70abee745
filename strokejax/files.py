"""Files that are whole or absent: written beside their place, then moved into it."""

import os
import uuid
from pathlib import Path

from strokejax.types import InputError


def write_atomically(
    path: str | os.PathLike[str], data: bytes, *, replace: bool = True
) -> None:
    """Replace the file at `path` by `data`; a reader sees the old bytes or the new.

    Parent folders are made. On any failure the old file stays and no temporary is left.
    Without `replace` a file that is there already is FileExistsError.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    try:
        with temporary.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        if replace:
            os.replace(temporary, path)
        else:
            os.link(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def save_file(path: str | os.PathLike[str], data: bytes) -> None:
    """`write_atomically` for a file a user asked for; InputError where it fails."""
    try:
        write_atomically(path, data)
    except OSError as error:
        raise InputError(
            f"{os.fspath(path)} cannot be written ({error.strerror}); check the folder "
            f"and its free space."
        ) from error


def read_bytes(path: str | Path, limit: int) -> bytes:
    """A whole file of at most `limit` bytes; InputError before a larger one is read."""
    path = Path(path)
    if path.is_dir():
        raise InputError(f"{path} is a folder; give a file.")
    if not path.exists():
        raise InputError(f"{path} does not exist; give the path of a file.")
    if not path.is_file():
        raise InputError(f"{path} is not a regular file; give one.")
    size = path.stat().st_size
    if size > limit:
        raise InputError(
            f"{path} has {size / 2**20:,.1f} MiB, above the limit of "
            f"{limit / 2**20:g} MiB; give a smaller file, or several."
        )
    try:
        with path.open("rb") as file:
            return file.read(limit)
    except OSError as error:
        raise InputError(
            f"{path} cannot be read ({error.strerror}); check its permissions."
        ) from error


def decode_text(data: bytes, where: str) -> str:
    """UTF-8 text, a byte order mark left out; InputError for anything else."""
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(
            f"{where} is not text in UTF-8 (byte {error.start}); give ink as CSV, "
            f"JSON, InkML, UNIPEN or packed npz."
        ) from error
