"""Read and write whole files; a write is atomic, so a file is complete or absent."""

import os
import uuid
from pathlib import Path

from strokejax.types import InputError


def write_atomically(
    path: str | os.PathLike[str], data: bytes, *, replace: bool = True
) -> None:
    """Replaces the file at `path` by `data`; readers see the old bytes or the new.

    Creates parent folders. After a failure the old file is intact and no temporary file
    is left. Without `replace` an existing file raises FileExistsError.
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
            # Unlike a rename, a hard link fails where the file exists.
            os.link(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def save_file(path: str | os.PathLike[str], data: bytes) -> None:
    """`write_atomically` for a path that the user chose; raises InputError."""
    try:
        write_atomically(path, data)
    except OSError as error:
        raise InputError(
            f"{os.fspath(path)} cannot be written ({error.strerror}); check the folder "
            f"and its free space."
        ) from error


def read_bytes(path: str | Path, limit: int) -> bytes:
    """Reads a file of at most `limit` bytes; InputError before reading a larger one."""
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


ENCODINGS = {b"\xff\xfe": "UTF-16", b"\xfe\xff": "UTF-16"}
"""Encodings other than UTF-8, by the bytes that a file begins with."""


def decode_text(data: bytes, where: str) -> str:
    """Decodes UTF-8 without its byte order mark; InputError for other encodings."""
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        zeros = b"\0" in data[:100]
        other = ENCODINGS.get(data[:2], "binary data" if zeros else "Latin-1 perhaps")
        raise InputError(
            f"{where} is not text in UTF-8 but {other} (byte {error.start}); save it "
            f"as UTF-8."
        ) from error
