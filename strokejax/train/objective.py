"""The training objective: the loss of one batch, and which examples are right."""

from typing import Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Bool, Float, Int

from strokejax.table.losses import (
    ANGLE,
    cross_entropy,
    margin_logits,
    nearest_is_same_class,
    pair_loss,
    supervised_contrastive,
)
from strokejax.table.table import Array, training_logits
from strokejax.types import Batch, PyTree

KINDS_TEMPERATURE = 0.7
"""Temperature of the contrast between coarser classes, as published for fonts."""
Mode = Literal["nn-sampling", "argmax"]


class Objective(NamedTuple):
    """A loss and its settings: over the active classes, or over pairs of examples."""

    mode: Mode
    label_smoothing: float = 0.0
    learn_scale: bool = True
    weights: Float[np.ndarray, "c"] | None = None
    """Weight of each class's examples; None: 1."""
    origin: Int[np.ndarray, "c"] | None = None
    """The data set of each class; only classes of the same data set compete."""
    log_prior: Float[np.ndarray, "c"] | None = None
    """Added to the logits in training only (logit adjustment, Menon et al. 2021)."""
    loss: str = "proxy"
    """"proxy", "margin", "softmax", or a metric-learning loss of `pair_loss`."""
    margin: float = 0.0
    """0: the default of the loss."""
    shots: int = 1
    """Support examples of each class in a prototypical episode."""
    kinds: Int[np.ndarray, "c"] | None = None
    """Coarser class of each class, -1 if unknown."""
    kinds_weight: float = 0.0
    """Weight of the contrastive loss between coarser classes."""


def loss_and_correct(
    objective: Objective,
    active: Bool[Array, "c"],
    table: PyTree,
    out: Float[Array, "b d"],
    batch: Batch,
) -> tuple[Float[Array, ""], Bool[Array, "b"]]:
    """The loss, and the examples whose class has the highest logit.

    For a metric-learning loss: the examples whose nearest neighbour in the batch has
    the same class.
    """
    if table:
        table = table | {"log_scale": _log_scale(objective, table, batch.labels)}
    if objective.loss in ("proxy", "margin", "softmax"):
        loss, right = _over_classes(objective, active, table, out, batch)
    else:
        loss, right = _over_pairs(objective, table, out, batch)
    if objective.kinds is None or not objective.kinds_weight:
        return loss, right
    kind = jnp.asarray(objective.kinds)[batch.labels]
    known = batch.mask & (kind >= 0)
    contrast = supervised_contrastive(out, kind, known, KINDS_TEMPERATURE)
    return loss + objective.kinds_weight * contrast, right


def class_logits(mode: Mode, table: PyTree, out: Float[Array, "b d"]):
    """Logits f32[b c]: the encoder's output, or from distances to the table's rows."""
    return out if mode == "argmax" else training_logits(table, out)


def _over_classes(objective: Objective, active, table, out, batch):
    competing = competing_classes(objective, active, batch.labels)
    logits = scored = class_logits(objective.mode, table, out)
    if objective.loss == "softmax" and table:
        # A linear layer without bias: the rows are its weights, not embeddings.
        logits = scored = jnp.exp(table["log_scale"]) * (out @ table["embeddings"].T)
    if objective.loss == "margin":
        margin = objective.margin or ANGLE
        scored = margin_logits(logits, table, out, batch.labels, margin)
    loss = cross_entropy(
        scored + (0.0 if objective.log_prior is None else objective.log_prior),
        batch.labels,
        batch.mask,
        competing,
        weights=objective.weights,
        label_smoothing=objective.label_smoothing,
    )
    answer = jnp.argmax(jnp.where(competing, logits, -jnp.inf), -1)
    return loss, answer == batch.labels


def _over_pairs(objective: Objective, table, out, batch):
    loss = pair_loss(
        objective.loss,
        out,
        batch.labels,
        batch.mask,
        margin=objective.margin,
        shots=objective.shots,
        log_scale=table["log_scale"],
    )
    return loss, nearest_is_same_class(out, batch.labels, batch.mask)


def _log_scale(objective: Objective, table, labels):
    """f32[], or f32[b 1] if each data set has its own scale."""
    log_scale = table["log_scale"]
    if objective.origin is not None:
        scales = jnp.concatenate([log_scale[None], table["other_log_scales"]])
        log_scale = scales[jnp.asarray(objective.origin)[labels]][:, None]
    return log_scale if objective.learn_scale else jax.lax.stop_gradient(log_scale)


def competing_classes(objective: Objective, active, labels):
    """bool[c] or bool[b c]: the active classes that compete for an example."""
    if objective.origin is None:
        return active
    origin = jnp.asarray(objective.origin)
    return active & (origin == origin[labels][:, None])
