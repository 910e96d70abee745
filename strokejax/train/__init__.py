"""Training: the frame of all jobs, the training step, checkpoints and logs."""

from importlib import import_module
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
    """Imports a public name on first use: the logs must not import jax."""
    if name not in __all__:
        raise AttributeError(f"module 'strokejax.train' has no attribute {name!r}")
    return getattr(import_module(f"strokejax.train.{_HOMES.get(name, 'steps')}"), name)
