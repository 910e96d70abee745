"""Checkpoints of a run: the training state and the loop's progress, written atomically.

The folder of a run holds `checkpoints/last` (the newest two) and `checkpoints/best`
(the newest `keep_best`; each was the best so far when it was saved), with one Orbax
folder per step. Saving is asynchronous. A checkpoint whose writing was interrupted is
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
    """A restored checkpoint."""

    state: TrainState
    progress: dict[str, Any]
    """The loop's state on the host: best score, epochs since it last improved."""


class Checkpoints:
    """The checkpoints of one run; `close` waits until pending ones are written."""

    def __init__(self, directory: Path | str, keep_best: int = 1):
        # Orbax logs every save at INFO and every restore at WARNING.
        logging.getLogger("absl").setLevel(logging.ERROR)
        root = Path(directory).absolute() / "checkpoints"
        latest = ocp.training.preservation_policies.LatestN
        self._checkpointers = {
            # Orbax's protocols for paths and policies do not match its classes.
            kind: ocp.training.Checkpointer(
                root / kind,  # pyright: ignore[reportArgumentType]
                preservation_policy=latest(n),  # pyright: ignore[reportArgumentType]
                cleanup_tmp_directories=True,
            )
            for kind, n in ((LAST, 2), (BEST, keep_best))
        }

    def save(self, kind: str, state: TrainState, progress: dict[str, Any]) -> None:
        """Starts writing; the state may be donated once this returns."""
        step, checkpointer = int(state.step), self._checkpointers[kind]
        if checkpointer.latest is not None and checkpointer.latest.step >= step:
            return
        self._wait()
        checkpointer.save_async(
            step, _storable(state), custom_metadata=progress, force=True
        )

    def restore(self, kind: str, like: TrainState) -> Restored | None:
        """The newest checkpoint, with the shapes and shardings of `like`, or None.

        InputError if its parameters have other shapes.
        """
        checkpointer = self._checkpointers[kind]
        self._wait()
        if checkpointer.latest is None:
            return None
        abstract = jax.tree.map(
            lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=x.sharding),
            _storable(like),
        )
        stored = checkpointer.metadata(checkpointer.latest)
        _check_shapes(abstract["params"], stored.metadata["params"])
        state = TrainState(**checkpointer.load(checkpointer.latest, abstract))
        key = jax.random.wrap_key_data(state.key)
        progress: Any = stored.custom_metadata or {}
        return Restored(state._replace(key=key), dict(progress))

    def _wait(self) -> None:
        """Waits until nothing is being written.

        Orbax skips a save while another of its kind is in progress; concurrent saves
        of two kinds by several processes would share the names of their barriers.
        """
        for checkpointer in self._checkpointers.values():
            checkpointer.wait()

    def close(self) -> None:
        """Waits until pending checkpoints are written."""
        for checkpointer in self._checkpointers.values():
            checkpointer.close()


def _storable(state: TrainState) -> dict[str, Any]:
    """The state as a dict; Orbax cannot store typed keys, so the key is raw data."""
    return state._replace(key=jax.random.key_data(state.key))._asdict()


def _check_shapes(expected, stored) -> None:
    """Compares the parameters leaf by leaf: Orbax's own message is a page long."""
    leaves = jax.tree_util.tree_leaves_with_path
    shapes = {jax.tree_util.keystr(path): leaf.shape for path, leaf in leaves(stored)}
    for path, leaf in leaves(expected):
        name = jax.tree_util.keystr(path)
        if shapes.get(name) != leaf.shape:
            raise InputError(
                f"The checkpoint has params{name} of shape {shapes.get(name)}, but the "
                f"config makes {leaf.shape}; use the config of the checkpoint, or a "
                f"new --workdir."
            )
