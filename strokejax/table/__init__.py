"""A table with one row per symbol, and its nearest rows as the answer.

README.md in this folder derives the formulas.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from strokejax.table.knn import embed, knn_forward_pass, nearest
    from strokejax.table.losses import cross_entropy
    from strokejax.table.table import Slots, init_slots, init_table, table_logits

__all__ = [
    "Slots",
    "cross_entropy",
    "embed",
    "init_slots",
    "init_table",
    "knn_forward_pass",
    "nearest",
    "table_logits",
]
_HOMES = {
    "cross_entropy": "losses",
    "embed": "knn",
    "knn_forward_pass": "knn",
    "nearest": "knn",
}


def __getattr__(name: str) -> Any:
    """Imports a public name on first use: `symbols` must not import jax."""
    if name not in __all__:
        raise AttributeError(f"module 'strokejax.table' has no attribute {name!r}")
    return getattr(import_module(f"strokejax.table.{_HOMES.get(name, 'table')}"), name)
