"""Runs on disk: everything that training needs to go on, written whole or not at all.

A run's directory holds `checkpoints/last` (the newest two) and `checkpoints/best` (the
newest, or more: each was the best of all before), each an Orbax directory per step.
Saving is asynchronous; a checkpoint that was being written when the process died is
ignored and removed.
"""

import logging
from pathlib import Path
from typing import Any, NamedTuple

import jax
from orbax.checkpoint import v1 as ocp

from strokejax.train.state import TrainState
from strokejax.types import InputError

LAST, BEST = "last", "best"


class Restored(NamedTuple):
    """A checkpoint as it was saved."""

    state: TrainState
    progress: dict[str, Any]
    """What the loop keeps on the host: best score, epochs without a better one."""


class Checkpoints:
    """The checkpoints of one run; `close` waits for what is being written."""

    def __init__(self, directory: Path | str, keep_best: int = 1):
        # Orbax tells of every save at INFO and of every restore at WARNING.
        logging.getLogger("absl").setLevel(logging.ERROR)
        root = Path(directory).absolute() / "checkpoints"
        keep = ocp.training.preservation_policies.LatestN
        self._kinds = {
            # Orbax's protocols for paths and policies do not match their classes.
            kind: ocp.training.Checkpointer(
                root / kind,  # pyright: ignore[reportArgumentType]
                preservation_policy=keep(n),  # pyright: ignore[reportArgumentType]
                cleanup_tmp_directories=True,
            )
            for kind, n in ((LAST, 2), (BEST, keep_best))
        }

    def save(self, kind: str, state: TrainState, progress: dict[str, Any]) -> None:
        """Starts writing; the state may be donated as soon as this returns."""
        step = int(state.step)
        keeper = self._kinds[kind]
        if keeper.latest is not None and keeper.latest.step >= step:
            return
        self._wait()
        keeper.save_async(step, _plain(state), custom_metadata=progress, force=True)

    def restore(self, kind: str, like: TrainState) -> Restored | None:
        """The newest checkpoint with the shapes and shardings of `like`, or None."""
        keeper = self._kinds[kind]
        self._wait()
        if keeper.latest is None:
            return None
        abstract = jax.tree.map(
            lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=x.sharding),
            _plain(like),
        )
        restored = keeper.metadata(keeper.latest)
        _check_shapes(abstract["params"], restored.metadata["params"])
        plain = keeper.load(keeper.latest, abstract)
        state = TrainState(**plain)
        key = jax.random.wrap_key_data(state.key)
        progress: Any = restored.custom_metadata or {}
        return Restored(state._replace(key=key), dict(progress))

    def _wait(self) -> None:
        """Until nothing is being written.

        A save that finds another of its kind in progress is skipped, and two kinds at
        once meet at barriers of one name where there are several processes.
        """
        for keeper in self._kinds.values():
            keeper.wait()

    def close(self) -> None:
        """Waits for what is being written."""
        for keeper in self._kinds.values():
            keeper.close()


def _plain(state: TrainState) -> dict[str, Any]:
    """The state as a dict whose key is raw data: typed keys are not stored."""
    return state._replace(key=jax.random.key_data(state.key))._asdict()


def _check_shapes(wanted, shapes) -> None:
    """Compares the parameters leaf by leaf: Orbax's own message is a page long."""
    leaves = jax.tree_util.tree_leaves_with_path
    stored = {jax.tree_util.keystr(path): leaf.shape for path, leaf in leaves(shapes)}
    for path, leaf in leaves(wanted):
        name = jax.tree_util.keystr(path)
        if stored.get(name) != leaf.shape:
            raise InputError(
                f"The checkpoint holds params{name} with shape {stored.get(name)}, "
                f"this config wants {leaf.shape}; use the config that the checkpoint "
                f"was made with, or a new --workdir."
            )
