"""A run's folder belongs to one config."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jax

from strokejax.config import Config
from strokejax.files import write_atomically
from strokejax.train.distributed import together
from strokejax.types import InputError


def claim(workdir: Path, config: Config) -> None:
    """Makes the folder this config's; every process must come here."""
    path = workdir / "config.json"
    with together():
        if jax.process_index() == 0 and not path.exists():
            write_config(workdir, config)
    with together():
        if not path.exists():
            raise InputError(
                f"Process {jax.process_index()} does not see {path}, which process 0 "
                f"wrote; give all one --workdir, on a file system that they share."
            )
        check_owner(workdir, config)


def write_config(workdir: Path, config: Config) -> None:
    """The config of the folder's run, whole or not at all."""
    settings = json.dumps(json.loads(config.to_json()), indent=1)
    write_atomically(workdir / "config.json", settings.encode())


def check_owner(workdir: Path, config: Config, but: Sequence[str] = ()) -> None:
    """InputError if the folder is that of a run with another config.

    What is set at the dotted names `but` may differ.
    """
    path, mine = workdir / "config.json", json.loads(config.to_json())
    if not path.exists():
        return
    theirs = json.loads(path.read_text())
    for part, name in (each.split(".") for each in but):
        theirs[part][name] = mine[part][name]
    if theirs != mine:
        name, old, new = _difference(theirs, mine)
        raise InputError(
            f"{workdir} belongs to a run with config.{name}={old!r}, this one has "
            f"{new!r}; give another --workdir, or set it back."
        )


def _difference(a: dict, b: dict, prefix: str = "") -> tuple[str, Any, Any]:
    for name in sorted(a.keys() | b.keys()):
        old, new = a.get(name), b.get(name)
        if isinstance(old, dict) and isinstance(new, dict) and old != new:
            return _difference(old, new, f"{prefix}{name}.")
        if old != new:
            return f"{prefix}{name}", old, new
    raise ValueError("the configs are equal")
