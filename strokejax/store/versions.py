"""Changes of a stored model: each is a new version, written whole or not at all.

Two processes that change a model at the same moment take their turns by a lock that
the system frees when a process dies; readers need none.
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
from strokejax.store.paths import CURRENT, PACKAGED, STROKES, home, own_copy, resolve
from strokejax.types import InputError

LOCK = "LOCK"
PATIENCE = 60.0
"""Seconds to wait for another process's change."""


def writable(model: str | Path | None, usual: str = STROKES) -> Path:
    """The folder of a model that may change; InputError for one that may not.

    The packaged model is copied into the user's data folder first, whole or not at all.
    """
    folder = resolve(model, usual)
    if not _packaged(folder):
        return folder
    copy = own_copy(usual)
    if model is not None:
        raise InputError(
            f"The packaged model {folder.name} is never changed; leave --model out to "
            f"change your own copy of {usual} in {copy}."
        )
    temporary = home() / f".model-{uuid.uuid4().hex}"
    try:
        temporary.mkdir(parents=True)
        for each in folder.iterdir():  # contents alone: packages may be read-only
            shutil.copyfile(each, temporary / each.name)
        try:
            temporary.rename(copy)
        except OSError:
            if not (copy / CURRENT).is_file():
                raise  # otherwise another process was first
    except OSError as error:
        raise _cannot_write(home(), error) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return copy


def _packaged(folder: Path) -> bool:
    return PACKAGED.resolve() in folder.resolve().parents


@contextmanager
def changing(folder: Path, loaded: StoredModel | None = None) -> Iterator[StoredModel]:
    """The current version while nobody else may change it.

    `loaded` is a version that was read before: where it is still the current one, it is
    not read again.
    """
    with taking_turns(folder):
        for left in folder.glob(".*-*.safetensors.*"):
            left.unlink()  # by a process that was killed while it wrote
        current = loaded is not None and loaded.name == pointer(folder)
        yield loaded if loaded and current else load_model(folder)


@contextmanager
def taking_turns(folder: Path) -> Iterator[None]:
    """While nobody else may change what is in a folder; InputError where one does."""
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
    """Takes the last change back that is not yet; `(new version, that change)`.

    A version with the contents before it is written: history only grows.
    """
    folder = resolve(model)
    if _packaged(folder):
        raise InputError("There is nothing to undo: no symbol was ever changed here.")
    with changing(folder) as stored:
        if not stored.before:
            raise InputError("There is nothing to undo: this is how the model began.")
        paths = dict(versions(folder))
        if stored.before not in paths:
            raise InputError(
                f"Version {stored.before} is not in {folder} any more; copy it there "
                f"again, or forget the symbol instead."
            )
        old = load_version(paths[stored.before])
        undone = _made(stored)
        change = {"verb": "undo", "of": undone, "left": _made(old)}
        return save(folder, stored, old, change, before=old.before), undone


def _made(stored: StoredModel) -> dict[str, Any]:
    """The change that a version's contents come from, undone ones left aside."""
    return dict(stored.change.get("left", stored.change))


def history(model: str | Path | None) -> list[dict[str, Any]]:
    """What made each version: {"version", "verb", "made", ...}, oldest first."""
    changes = []
    for number, path in versions(resolve(model)):
        try:
            header, _ = read_hashed(path)
            changes.append({"version": number, **header["change"]})
        except InputError as error:
            changes.append({"version": number, "error": str(error)})
    return changes
