"""Training: the frame of every job, its steps, its checkpoints."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from strokejax.train.optim import make_optimizer
    from strokejax.train.state import create_state
    from strokejax.train.steps import make_eval_step, make_step, make_train_step

__all__ = [
    "create_state",
    "make_eval_step",
    "make_optimizer",
    "make_step",
    "make_train_step",
]
_HOMES = {"create_state": "state", "make_optimizer": "optim"}


def __getattr__(name: str) -> Any:
    """Imports a public name when it is first used."""
    if name not in __all__:
        raise AttributeError(f"module 'strokejax.train' has no attribute {name!r}")
    from importlib import import_module

    home = _HOMES.get(name, "steps")
    return getattr(import_module(f"strokejax.train.{home}"), name)
