"""Change a stored model: each change atomically writes a new version.

A file lock serialises the changes of several processes; the system releases it when a
process dies. Readers need no lock.
"""

import shutil
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from strokejax.store.content import read_hashed
from strokejax.store.model import (
    StoredModel,
    load_model,
    load_version,
    pointer,
    save_version,
    versions,
)
from strokejax.store.paths import CURRENT, PACKAGED, STROKES, home, resolve, user_copy
from strokejax.types import InputError

LOCK = "LOCK"
PATIENCE = 60.0
"""Seconds to wait for the change of another process."""


def writable(model: str | Path | None, default: str = STROKES) -> Path:
    """The folder of a model that may change; InputError for a packaged one by name.

    If `model` is None, a packaged model is first copied into the user's data folder.
    """
    folder = resolve(model, default)
    if not _packaged(folder):
        return folder
    copy = user_copy(default)
    if model is not None:
        raise InputError(
            f"The packaged model {folder.name} is never changed; leave --model out to "
            f"change your own copy of {default} in {copy}."
        )
    temporary = home() / f".model-{uuid.uuid4().hex}"
    try:
        temporary.mkdir(parents=True)
        for path in folder.iterdir():  # without modes: packages may be read-only
            shutil.copyfile(path, temporary / path.name)
        try:
            temporary.rename(copy)
        except OSError:
            if not (copy / CURRENT).is_file():
                raise  # else another process made the copy first
    except OSError as error:
        raise _cannot_write(home(), error) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return copy


def _packaged(folder: Path) -> bool:
    return PACKAGED.resolve() in folder.resolve().parents


@contextmanager
def changing(folder: Path, loaded: StoredModel | None = None) -> Iterator[StoredModel]:
    """Locks a model and yields its current version.

    If `loaded` is still the current version, it is not read again.
    """
    with folder_lock(folder):
        for temporary in folder.glob(".*-*.safetensors.*"):
            temporary.unlink()  # left by a process that was killed while writing
        current = loaded is not None and loaded.name == pointer(folder)
        yield loaded if loaded and current else load_model(folder)


@contextmanager
def folder_lock(folder: Path) -> Iterator[None]:
    """Locks a folder against changes; InputError after `PATIENCE` seconds."""
    try:
        with FileLock(folder / LOCK, timeout=PATIENCE):
            yield
    except Timeout as error:
        raise InputError(
            f"Another process has been changing {folder} for {PATIENCE:g} seconds; "
            f"wait for it, or end it, and try again."
        ) from error
    except OSError as error:
        raise _cannot_write(folder, error) from error


def save(
    folder: Path,
    stored: StoredModel,
    changed: StoredModel,
    change: dict[str, Any],
    before: int | None = None,
) -> int:
    """Writes `changed` as the next version; returns its number."""
    number = max(number for number, _ in versions(folder)) + 1
    made = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    changed = changed._replace(
        version=number,
        change=change | {"made": made},
        before=stored.version if before is None else before,
    )
    save_version(folder, changed)
    return number


def _cannot_write(folder: Path, error: OSError) -> InputError:
    return InputError(
        f"{folder} cannot be written ({error.strerror}); nothing was changed: check "
        f"its permissions and the free space."
    )


def undo(model: str | Path | None) -> tuple[int, dict[str, Any]]:
    """Reverts the last change that is not reverted; `(new version, that change)`.

    Writes a new version with the earlier contents, so history only grows.
    """
    folder = resolve(model)
    if _packaged(folder):
        raise InputError("There is nothing to undo: a packaged model has no changes.")
    with changing(folder) as stored:
        if not stored.before:
            raise InputError("There is nothing to undo: the model has no changes.")
        paths = dict(versions(folder))
        if stored.before not in paths:
            raise InputError(
                f"Version {stored.before} is missing in {folder}; copy it there again, "
                f"or forget the symbol instead."
            )
        old = load_version(paths[stored.before])
        undone = _last_change(stored)
        change = {"verb": "undo", "of": undone, "left": _last_change(old)}
        return save(folder, stored, old, change, before=old.before), undone


def _last_change(stored: StoredModel) -> dict[str, Any]:
    """The last change behind the contents of a version, without reverted ones."""
    return dict(stored.change.get("left", stored.change))


def history(model: str | Path | None) -> list[dict[str, Any]]:
    """The changes, oldest first: {"version", "verb", "made", ...} of each version."""
    changes = []
    for number, path in versions(resolve(model)):
        try:
            header, _ = read_hashed(path)
            changes.append({"version": number, **header["change"]})
        except InputError as error:
            changes.append({"version": number, "error": str(error)})
    return changes
