"""Losses over a masked batch: cross entropy, angular margin, metric learning.

Padding changes neither the value nor the gradient. Distances have a gradient of 0
between embeddings that coincide. Metric-learning losses only compare labels, so any
integers serve; in `cross_entropy` and `margin_logits` labels are slots.
"""

import jax.numpy as jnp
import numpy as np
from jax.nn import log_softmax, relu, softplus
from jaxtyping import Bool, Float, Int

from strokejax.table.table import Array, Scalar, rows, squared_distance
from strokejax.types import PyTree

ANGLE = 0.2
"""Angular margin in radians; Deng et al. use 0.5, for faces: they have no twins."""
NEG_MARGIN = 1.0
"""Default distance below which contrastive losses push classes apart."""


def cross_entropy(
    logits: Float[Array, "b c"],
    labels: Int[Array, "b"],
    mask: Bool[Array, "b"],
    active: Bool[Array, "c"] | Bool[Array, "b c"],
    *,
    weights: Float[Array, "c"] | None = None,
    label_smoothing: Scalar = 0.0,
) -> Float[Array, ""]:
    """Mean cross entropy (nats) over unmasked examples and active classes.

    `active` bool[b c] gives each example its own classes, for data sets that train
    together with separate rows. The label of an unmasked example must be active.
    `weights` weigh the examples by class: sum(w l) / sum(w), PyTorch's convention.
    Label smoothing spreads its share evenly over the active classes (Szegedy et al.
    2016). An empty mask gives 0.
    """
    # Padding may hold any logits, and may have no active class.
    used = active & mask[:, None]
    log_p = log_softmax(jnp.where(used, logits, -jnp.inf), axis=-1)
    log_p_label = jnp.take_along_axis(log_p, labels[:, None], axis=-1)[:, 0]
    smooth = jnp.sum(jnp.where(used, log_p, 0.0), -1)
    smooth = smooth / jnp.maximum(jnp.sum(used, -1), 1)
    nll = -(1.0 - label_smoothing) * log_p_label - label_smoothing * smooth
    weight = mask.astype(nll.dtype)
    if weights is not None:
        weight = weight * jnp.asarray(weights)[labels]
    total = jnp.sum(jnp.where(mask, nll, 0.0) * weight)
    return total / jnp.maximum(jnp.sum(weight), 1e-12)


def class_weights(counts: Float[np.ndarray, "c"]) -> Float[np.ndarray, "c"]:
    """Inverse frequencies, with mean 1 over the classes that have examples; else 0."""
    present = counts > 0
    inverse = np.where(present, 1.0 / np.maximum(counts, 1), 0.0)
    return (inverse * present.sum() / max(inverse.sum(), 1e-12)).astype(np.float32)


def margin_logits(
    logits: Float[Array, "b c"],
    table: PyTree,
    z: Float[Array, "b d"],
    labels: Int[Array, "b"],
    margin: Scalar,
) -> Float[Array, "b c"]:
    """The logits, with the row of each label `margin` radians (0 to pi/2) further away.

    ArcFace (Deng et al. 2019) in squared distances, 2 - 2 cos: its s is twice the
    scale, and softmax cancels the constant. Where angle + margin exceeds pi, the code
    of ArcFace takes cos(angle) - margin sin(margin), so that the logit keeps falling.
    Use the result in `cross_entropy`; a margin of 0 changes nothing.
    """
    target = rows(table)[labels]
    dist2 = jnp.sum((z - target) ** 2, -1)
    # sin(angle) = |z - e| |z + e| / 2, without the cancellation of 1 - cos^2.
    sine = _length(dist2) * _length(jnp.sum((z + target) ** 2, -1)) / 2
    cos, sin = jnp.cos(margin), jnp.sin(margin)
    # 2 - 2 cos(angle + margin), by the addition theorem.
    rotated = dist2 * cos + 2 * (1 - cos) + 2 * sine * sin
    moved = jnp.where(dist2 <= 2 + 2 * cos, rotated, dist2 + 2 * margin * sin)
    is_label = labels[:, None] == jnp.arange(logits.shape[1])
    return jnp.where(is_label, -jnp.exp(table["log_scale"]) * moved[:, None], logits)


# Metric-learning losses: they compare the examples of a batch.


def pair_loss(
    name: str,
    z: Float[Array, "b d"],
    labels: Int[Array, "b"],
    mask: Bool[Array, "b"],
    *,
    margin: Scalar,
    shots: int,
    log_scale: Float[Array, ""] | Float[Array, "b 1"],
) -> Float[Array, ""]:
    """A metric-learning loss by name; a `margin` of 0 means its default.

    "prototypical" takes the first `shots` of each class as the support set of an
    episode; only it uses `shots` and `log_scale`.
    """
    if name == "prototypical":
        support = first_shots(labels, mask, shots)
        return prototypical(z, labels, mask, support, log_scale)
    if name == "supcon":
        return supervised_contrastive(z, labels, mask)
    if name == "contrastive":
        return contrastive(z, labels, mask, neg_margin=margin or NEG_MARGIN)
    if name == "triplet":
        return batch_hard_triplet(z, labels, mask, margin or None)
    raise ValueError(f"there is no metric-learning loss {name!r}")


def first_shots(
    labels: Int[Array, "b"], mask: Bool[Array, "b"], shots: int | Int[Array, ""]
) -> Bool[Array, "b"]:
    """Marks the first `shots` unmasked examples of each class: a support set."""
    earlier = jnp.tri(len(labels), k=-1, dtype=bool)
    same = (labels[:, None] == labels) & mask
    return mask & (jnp.sum(same & earlier, 1) < shots)


def prototypical(
    z: Float[Array, "b d"],
    labels: Int[Array, "b"],
    mask: Bool[Array, "b"],
    support: Bool[Array, "b"],
    log_scale: Scalar | Float[Array, "b 1"],
) -> Float[Array, ""]:
    """Mean cross entropy (nats) of the queries of one episode against class means.

    Softmax of -scale |z - mean|^2 over the classes with unmasked `support`; all other
    unmasked examples of these classes are queries, and no queries give 0. Snell et al.
    2017, whose scale is 1; the means are not renormalised.
    """
    z = _masked(z, mask)
    support = support & mask
    same = labels[:, None] == labels
    belongs = (same & support).astype(z.dtype)
    shots = jnp.sum(belongs, 1)
    means = _matmul(belongs, z) / jnp.maximum(shots, 1)[:, None]
    # `means` repeats the mean of a class for each example: keep one row per class.
    classes = first_shots(labels, support, 1)
    scores = -jnp.exp(log_scale) * squared_distance(z, means)
    log_p = log_softmax(jnp.where(classes, scores, -jnp.inf), axis=1)
    nll = -jnp.sum(jnp.where(same & classes, log_p, 0.0), 1)
    return _mean(nll, mask & ~support & (shots > 0))


def supervised_contrastive(
    z: Float[Array, "b d"],
    labels: Int[Array, "b"],
    mask: Bool[Array, "b"],
    temperature: Scalar = 0.1,
) -> Float[Array, ""]:
    """Mean cross entropy (nats) between an anchor and the others of its class.

    L_out of Khosla et al. 2020: the log softmax of z.z' / temperature over all other
    examples, averaged over the positives of an anchor, n in number. Examples without
    positives are not anchors; no anchors give 0. The lower bound is the mean of log(n).
    """
    z = _masked(z, mask)
    positives, negatives = _pairs(labels, mask)
    scores = _matmul(z, z.T) / temperature
    log_p = log_softmax(jnp.where(positives | negatives, scores, -jnp.inf), axis=1)
    count = jnp.sum(positives, 1)
    nll = -jnp.sum(jnp.where(positives, log_p, 0.0), 1) / jnp.maximum(count, 1)
    return _mean(nll, count > 0)


def contrastive(
    z: Float[Array, "b d"],
    labels: Int[Array, "b"],
    mask: Bool[Array, "b"],
    pos_margin: Scalar = 0.0,
    neg_margin: Scalar = NEG_MARGIN,
) -> Float[Array, ""]:
    """Half the squared excess of distances D over margins, in all pairs of a batch.

    Hadsell et al. 2006: max(0, D - pos_margin)^2 / 2 for positive pairs (theirs: 0),
    max(0, neg_margin - D)^2 / 2 for negative pairs; margins are distances, 0 to 2.
    Each kind is averaged by itself, because negative pairs outnumber positive ones; no
    pairs of a kind give 0.
    """
    z = _masked(z, mask)
    positives, negatives = _pairs(labels, mask)
    distance = _length(squared_distance(z, z))
    pull = relu(distance - pos_margin) ** 2 / 2
    push = relu(neg_margin - distance) ** 2 / 2
    return _mean(pull, positives) + _mean(push, negatives)


def batch_hard_triplet(
    z: Float[Array, "b d"],
    labels: Int[Array, "b"],
    mask: Bool[Array, "b"],
    margin: Scalar | None = None,
) -> Float[Array, ""]:
    """Distance to the hardest positive minus that to the hardest negative.

    Hermans et al. 2017: the mean of softplus(difference), their soft margin, or of
    max(0, difference + margin) with a `margin` (a distance, 0 to 2), over the anchors
    that have both; no anchors give 0.
    """
    z = _masked(z, mask)
    positives, negatives = _pairs(labels, mask)
    distance = _length(squared_distance(z, z))
    farthest = jnp.max(jnp.where(positives, distance, 0.0), 1)
    nearest = jnp.min(jnp.where(negatives, distance, jnp.inf), 1)
    anchors = jnp.any(positives, 1) & jnp.any(negatives, 1)
    gap = farthest - nearest
    losses = softplus(gap) if margin is None else relu(gap + margin)
    return _mean(losses, anchors)


def nearest_is_same_class(
    z: Float[Array, "b d"], labels: Int[Array, "b"], mask: Bool[Array, "b"]
) -> Bool[Array, "b"]:
    """Whether the nearest other example of the batch is of the same class."""
    dist2 = squared_distance(z, z)
    positive, negative = (
        jnp.min(jnp.where(pairs, dist2, jnp.inf), 1) for pairs in _pairs(labels, mask)
    )
    return positive < negative


def _masked(z, mask):
    return jnp.where(mask[:, None], z, 0.0)


def _pairs(labels, mask):
    """bool[b b] twice: positive and negative pairs of different unmasked examples."""
    both = mask[:, None] & mask & ~jnp.eye(len(mask), dtype=bool)
    same = labels[:, None] == labels
    return both & same, both & ~same


def _matmul(a, b):
    # By default accelerators round the factors to half the digits.
    return jnp.matmul(a, b, precision="highest")


def _length(squared):
    """The square root, with a gradient of 0 at 0."""
    positive = squared > 0
    # The inner `where` keeps the infinite slope of sqrt at 0 out of the gradient.
    return jnp.where(positive, jnp.sqrt(jnp.where(positive, squared, 1.0)), 0.0)


def _mean(values, used):
    return jnp.sum(jnp.where(used, values, 0.0)) / jnp.maximum(jnp.sum(used), 1)
