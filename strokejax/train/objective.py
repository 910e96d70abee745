"""What a training step minimises, of one batch."""

from typing import Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Bool, Float, Int

from strokejax.table.losses import (
    ANGLE,
    cross_entropy,
    margin_logits,
    nearest_is_alike,
    pair_loss,
    supervised_contrastive,
)
from strokejax.table.table import Array, training_logits
from strokejax.types import Batch, PyTree

KINDS_TEMPERATURE = 0.7
"""As published for categories of fonts."""
Mode = Literal["nn-sampling", "argmax"]


class Objective(NamedTuple):
    """What is minimised: cross entropy over the active classes, or between examples."""

    mode: Mode
    label_smoothing: float = 0.0
    learn_scale: bool = True
    weights: Float[np.ndarray, "c"] | None = None
    """Weight of each class's examples; None = 1."""
    origin: Int[np.ndarray, "c"] | None = None
    """Which data set a class belongs to: an example is told from its own set's only."""
    log_prior: Float[np.ndarray, "c"] | None = None
    """Added to the logits in training only (logit adjustment, Menon et al. 2021)."""
    loss: str = "proxy"
    """"proxy", "margin", or one of `metric_losses.pair_loss`."""
    margin: float = 0.0
    """0 = the loss's own."""
    shots: int = 1
    """Examples of each class that are an episode's support."""
    kinds: Int[np.ndarray, "c"] | None = None
    """Coarser class of each class, -1 where unknown."""
    kinds_weight: float = 0.0
    """Of the contrast between these beside the loss."""


def loss_and_correct(
    objective: Objective,
    active: Bool[np.ndarray, "c"],
    table: PyTree,
    out: Float[Array, "b d"],
    batch: Batch,
) -> tuple[Float[Array, ""], Bool[Array, "b"]]:
    """The loss, and which examples are right: their class has the highest logit.

    For a metric-learning loss: their nearest other example is of the same class.
    """
    if table:
        table = table | {"log_scale": _log_scale(objective, table, batch.labels)}
    if objective.loss in ("proxy", "margin", "softmax"):
        loss, right = _over_classes(objective, active, table, out, batch)
    else:
        loss, right = _between_examples(objective, table, out, batch)
    if objective.kinds is None or not objective.kinds_weight:
        return loss, right
    kind = jnp.asarray(objective.kinds)[batch.labels]
    known = batch.mask & (kind >= 0)
    apart = supervised_contrastive(out, kind, known, KINDS_TEMPERATURE)
    return loss + objective.kinds_weight * apart, right


def _between_examples(objective: Objective, table, out, batch):
    loss = pair_loss(
        objective.loss,
        out,
        batch.labels,
        batch.mask,
        margin=objective.margin,
        shots=objective.shots,
        log_scale=table["log_scale"],
    )
    return loss, nearest_is_alike(out, batch.labels, batch.mask)


def class_logits(mode: Mode, table: PyTree, out: Float[Array, "b d"]):
    """Logits f32[b c]: the encoder's own, or from the distances to the table's rows."""
    return out if mode == "argmax" else training_logits(table, out)


def head_logits(table: PyTree, z: Float[Array, "b d"]) -> Float[Array, "b c"]:
    """Logits of a linear layer without bias: the table's rows as they are, scaled."""
    return jnp.exp(table["log_scale"]) * (z @ table["embeddings"].T)


def _over_classes(objective: Objective, active, table, out, batch):
    active_of_set = own_classes(objective, active, batch.labels)
    logits = scored = class_logits(objective.mode, table, out)
    if objective.loss == "softmax" and table:
        logits = scored = head_logits(table, out)
    if objective.loss == "margin":
        margin = objective.margin or ANGLE
        scored = margin_logits(logits, table, out, batch.labels, margin)
    loss = cross_entropy(
        scored + (0.0 if objective.log_prior is None else objective.log_prior),
        batch.labels,
        batch.mask,
        active_of_set,
        weights=objective.weights,
        label_smoothing=objective.label_smoothing,
    )
    answer = jnp.argmax(jnp.where(active_of_set, logits, -jnp.inf), -1)
    return loss, answer == batch.labels


def _log_scale(objective: Objective, table, labels):
    """f32[], or f32[b 1] where each data set has a scale of its own."""
    log_scale = table["log_scale"]
    if objective.origin is not None:
        scales = jnp.concatenate([log_scale[None], table["other_log_scales"]])
        log_scale = scales[jnp.asarray(objective.origin)[labels]][:, None]
    return log_scale if objective.learn_scale else jax.lax.stop_gradient(log_scale)


def own_classes(objective: Objective, active, labels):
    """bool[c] or bool[b c]: the classes that an example may be taken for."""
    if objective.origin is None:
        return active
    origin = jnp.asarray(objective.origin)
    return active & (origin == origin[labels][:, None])
