"""Losses on unit embeddings: a margin around rows, and examples against each other.

All take a masked batch: padding changes neither the value nor the gradient. Where a
gradient does not exist, between embeddings that coincide, it is 0. Labels only say who
is alike: any whole numbers do, except for `margin_logits`, where they are slots.
"""

import jax.numpy as jnp
import numpy as np
from jax.nn import log_softmax, relu, softplus
from jaxtyping import Bool, Float, Int

from strokejax.table.table import Array, rows, squared_distance
from strokejax.types import PyTree

ANGLE = 0.2
"""Radians between rows; the 0.5 of Deng et al. parts faces, which have no twins."""
NEG_MARGIN = 1.0
"""How far apart contrastive losses push two of different classes."""


def pair_loss(
    name: str,
    z: Float[Array, "b d"],
    labels: Int[Array, "b"],
    mask: Bool[Array, "b"],
    *,
    margin: float,
    shots: int,
    log_scale: Float[Array, ""] | Float[Array, "b 1"],
) -> Float[Array, ""]:
    """A metric-learning loss by its name; a `margin` of 0 is its own.

    An episode's support are the first `shots` of each class; they and `log_scale` are
    for "prototypical" alone.
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
    raise ValueError(f"there is no loss {name!r} between examples")


def margin_logits(
    logits: Float[Array, "b c"],
    table: PyTree,
    z: Float[Array, "b d"],
    labels: Int[Array, "b"],
    margin: float,
) -> Float[Array, "b c"]:
    """The table's logits with the own row `margin` radians (0 to pi/2) further away.

    ArcFace (Deng et al. 2019) in squared distances, 2 - 2 cos: its s is twice the
    scale, and softmax forgets the constant. Where angle + margin exceeds pi, its code
    takes cos(angle) - margin sin(margin), so that the logit keeps falling. Goes into
    `cross_entropy`; a margin of 0 changes nothing.
    """
    target = rows(table)[labels]
    dist2 = jnp.sum((z - target) ** 2, -1)
    # sin(angle) = |z - e| |z + e| / 2, without the cancellation of 1 - cos^2.
    sine = _length(dist2) * _length(jnp.sum((z + target) ** 2, -1)) / 2
    cos, sin = jnp.cos(margin), jnp.sin(margin)
    turned = dist2 * cos + 2 * (1 - cos) + 2 * sine * sin
    moved = jnp.where(dist2 <= 2 + 2 * cos, turned, dist2 + 2 * margin * sin)
    is_own = labels[:, None] == jnp.arange(logits.shape[1])
    return jnp.where(is_own, -jnp.exp(table["log_scale"]) * moved[:, None], logits)


def first_shots(
    labels: Int[Array, "b"], mask: Bool[Array, "b"], shots: int
) -> Bool[Array, "b"]:
    """The first `shots` unmasked examples of each class: an episode's support."""
    earlier = jnp.tri(len(labels), k=-1, dtype=bool)
    same = (labels[:, None] == labels) & mask
    return mask & (jnp.sum(same & earlier, 1) < shots)


def prototypical(
    z: Float[Array, "b d"],
    labels: Int[Array, "b"],
    mask: Bool[Array, "b"],
    support: Bool[Array, "b"],
    log_scale: Float[Array, ""] | Float[Array, "b 1"] | float,
) -> Float[Array, ""]:
    """Mean cross entropy (nats) of one episode's queries against class means.

    Softmax of -scale |z - mean|^2 over the classes with unmasked `support`; all other
    unmasked examples of these classes are queries, and none gives 0. Snell et al. 2017,
    whose scale is 1; the means are not brought back to length 1.
    """
    z = _kept(z, mask)
    support = support & mask
    same = labels[:, None] == labels
    belongs = (same & support).astype(z.dtype)
    shots = jnp.sum(belongs, 1)
    means = _matmul(belongs, z) / jnp.maximum(shots, 1)[:, None]
    # Each class's mean stands once, with its first example.
    classes = first_shots(labels, support, 1)
    scores = -jnp.exp(log_scale) * squared_distance(z, means)
    log_p = log_softmax(jnp.where(classes, scores, -jnp.inf), axis=1)
    nll = -jnp.sum(jnp.where(same & classes, log_p, 0.0), 1)
    return _mean(nll, mask & ~support & (shots > 0))


def supervised_contrastive(
    z: Float[Array, "b d"],
    labels: Int[Array, "b"],
    mask: Bool[Array, "b"],
    temperature: float = 0.1,
) -> Float[Array, ""]:
    """Mean cross entropy (nats) between an example and the others of its class.

    L_out of Khosla et al. 2020: softmax of z.z' / temperature over all other examples,
    its logarithm averaged over those of the same class; examples alone in their class
    are no anchors, and no anchors give 0. Never below the mean of log(others alike).
    """
    z = _kept(z, mask)
    alike, unlike = _pairs(labels, mask)
    scores = _matmul(z, z.T) / temperature
    log_p = log_softmax(jnp.where(alike | unlike, scores, -jnp.inf), axis=1)
    count = jnp.sum(alike, 1)
    nll = -jnp.sum(jnp.where(alike, log_p, 0.0), 1) / jnp.maximum(count, 1)
    return _mean(nll, count > 0)


def contrastive(
    z: Float[Array, "b d"],
    labels: Int[Array, "b"],
    mask: Bool[Array, "b"],
    pos_margin: float = 0.0,
    neg_margin: float = NEG_MARGIN,
) -> Float[Array, ""]:
    """Half the squared excess of distances over margins, in all pairs of a batch.

    Hadsell et al. 2006: max(0, D - pos_margin)^2 / 2 for two of a class (theirs: 0),
    max(0, neg_margin - D)^2 / 2 for others; margins are distances, 0 to 2. Each kind
    has its own mean, for the second outnumbers the first; no pairs of a kind give 0.
    """
    z = _kept(z, mask)
    alike, unlike = _pairs(labels, mask)
    distance = _length(squared_distance(z, z))
    pull = relu(distance - pos_margin) ** 2 / 2
    push = relu(neg_margin - distance) ** 2 / 2
    return _mean(pull, alike) + _mean(push, unlike)


def batch_hard_triplet(
    z: Float[Array, "b d"],
    labels: Int[Array, "b"],
    mask: Bool[Array, "b"],
    margin: float | None = None,
) -> Float[Array, ""]:
    """Distance to the farthest of an example's class less that to the nearest other.

    Hermans et al. 2017: mean of softplus(difference), their soft margin, or of
    max(0, difference + margin) with a `margin` (a distance, 0 to 2), over the anchors
    that have both; none gives 0.
    """
    z = _kept(z, mask)
    alike, unlike = _pairs(labels, mask)
    distance = _length(squared_distance(z, z))
    farthest = jnp.max(jnp.where(alike, distance, 0.0), 1)
    nearest = jnp.min(jnp.where(unlike, distance, jnp.inf), 1)
    anchor = jnp.any(alike, 1) & jnp.any(unlike, 1)
    gap = farthest - nearest
    each = softplus(gap) if margin is None else relu(gap + margin)
    return _mean(each, anchor)


def nearest_is_alike(
    z: Float[Array, "b d"], labels: Int[Array, "b"], mask: Bool[Array, "b"]
) -> Bool[Array, "b"]:
    """Whether the nearest other example of a batch is of the same class."""
    alike, unlike = _pairs(labels, mask)
    dist2 = squared_distance(z, z)
    near, far = (
        jnp.min(jnp.where(kind, dist2, jnp.inf), 1) for kind in (alike, unlike)
    )
    return near < far


def _kept(z, mask):
    return jnp.where(mask[:, None], z, 0.0)


def _pairs(labels, mask):
    """bool[b b] twice: two unmasked examples of one class, and of two classes."""
    both = mask[:, None] & mask & ~jnp.eye(len(mask), dtype=bool)
    same = labels[:, None] == labels
    return both & same, both & ~same


def _matmul(a, b):
    # Accelerators round to half the digits otherwise.
    return jnp.matmul(a, b, precision="highest")


def _length(squared):
    """The square root, with a gradient of 0 at 0."""
    positive = squared > 0
    return jnp.where(positive, jnp.sqrt(jnp.where(positive, squared, 1.0)), 0.0)


def _mean(values, used):
    return jnp.sum(jnp.where(used, values, 0.0)) / jnp.maximum(jnp.sum(used), 1)


# Losses over a masked batch: padding changes neither the value nor the gradient.


def cross_entropy(
    logits: Float[Array, "b c"],
    labels: Int[Array, "b"],
    mask: Bool[Array, "b"],
    active: Bool[Array, "c"] | Bool[Array, "b c"],
    *,
    weights: Float[np.ndarray, "c"] | None = None,
    label_smoothing: float = 0.0,
) -> Float[Array, ""]:
    """Mean cross entropy (nats) over unmasked examples and active classes.

    `active` holds for all examples, or says for each what its softmax runs over: data
    sets that train together, each with its own rows. The label of an unmasked example
    is active.
    `weights` weigh the examples by class: sum(w l) / sum(w), PyTorch's convention.
    Label smoothing spreads its share evenly over the active classes (Szegedy et al.
    2016). An empty mask gives 0.
    """
    # Padding may hold anything, and may have no active class.
    used = active & mask[:, None]
    log_p = log_softmax(jnp.where(used, logits, -jnp.inf), axis=-1)
    picked = jnp.take_along_axis(log_p, labels[:, None], axis=-1)[:, 0]
    smooth = jnp.sum(jnp.where(used, log_p, 0.0), -1)
    smooth = smooth / jnp.maximum(jnp.sum(used, -1), 1)
    nll = -(1.0 - label_smoothing) * picked - label_smoothing * smooth
    weight = mask.astype(nll.dtype)
    if weights is not None:
        weight = weight * jnp.asarray(weights)[labels]
    total = jnp.sum(jnp.where(mask, nll, 0.0) * weight)
    return total / jnp.maximum(jnp.sum(weight), 1e-12)


def class_weights(counts: Float[np.ndarray, "c"]) -> Float[np.ndarray, "c"]:
    """Inverse frequencies with mean 1 over the classes that have examples, else 0."""
    present = counts > 0
    inverse = np.where(present, 1.0 / np.maximum(counts, 1), 0.0)
    return (inverse * present.sum() / max(inverse.sum(), 1e-12)).astype(np.float32)
