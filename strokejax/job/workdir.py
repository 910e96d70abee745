"""A run's folder belongs to one config."""

import json
from pathlib import Path
from typing import Any

import jax

from strokejax.atomic import write_atomically
from strokejax.config import Config
from strokejax.types import InputError


def claim(workdir: Path, config: Config) -> None:
    """Makes the folder this config's, or finds that it already is."""
    path, mine = workdir / "config.json", json.loads(config.to_json())
    if path.exists():
        theirs = json.loads(path.read_text())
        if theirs != mine:
            name, old, new = _difference(theirs, mine)
            raise InputError(
                f"{workdir} belongs to a run with config.{name}={old!r}, this one has "
                f"{new!r}; give another --workdir, or set it back."
            )
    elif jax.process_index() == 0:
        write_atomically(path, json.dumps(mine, indent=1).encode())


def _difference(a: dict, b: dict, prefix: str = "") -> tuple[str, Any, Any]:
    for name in sorted(a.keys() | b.keys()):
        old, new = a.get(name), b.get(name)
        if isinstance(old, dict) and isinstance(new, dict) and old != new:
            return _difference(old, new, f"{prefix}{name}.")
        if old != new:
            return f"{prefix}{name}", old, new
    raise ValueError("the configs are equal")
