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
