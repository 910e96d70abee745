"""Rows from a symbol's embeddings, in closed form or by gradient.

The encoder never moves. A row follows from all drawings of its symbol, so registering
in parts equals registering at once. All but `fit_row` runs on the host. A drawing may
have several embeddings, one a variant; together they weigh as much as one drawing.
"""

from typing import Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Float

from strokejax.table.table import Array, Rows, pad_rows, unit
from strokejax.train.optim import make_optimizer
from strokejax.types import PyTree

Method = Literal["sgd", "mean"]

TRAINED_WEIGHT = 2.0
"""Drawings that a trained row counts as beside a person's."""
PRIOR_COSINE, PRIOR_PAIRS = 0.8, 3.0
"""Prior of the cosine of two drawings of a symbol, and its weight in pairs."""
RADIUS_PRIOR = 10.0
"""Weight, in drawings, of the mean radius of all symbols in a symbol's radius."""
MAX_SHOTS, REPLAY = 128, 1024
"""Most drawings that a row is fitted to, and the nearest replayed drawings that it is
fitted against."""
SYMBOL_WEIGHT = 0.5
"""Weight of the fitted symbol's drawings together; every other symbol's weigh 1."""
ROW_STEPS, ROW_RATE, ROW_PULL = 100, 0.05, 2.0
"""`fit_row`: steps, learning rate, and weight of the squared distance to the start."""


class Row(NamedTuple):
    """A row made of drawings, with its values in `Slots`."""

    embedding: np.ndarray
    """f32[d], length 1."""
    sums: np.ndarray
    """f32[d]."""
    count: int
    offset: float
    radius: float
    scale: float


class ReplaySet(NamedTuple):
    """Labelled embeddings that are replayed against a change."""

    z: np.ndarray
    """f32[n d]."""
    owner: np.ndarray
    """i32[n]: the first slot of each embedding's symbol."""


# The closed form


def mean_row(
    z: np.ndarray,
    trained: np.ndarray | None,
    rows: Rows,
    drawing: np.ndarray | None = None,
) -> Row:
    """The normalised sum of normalised embeddings f32[n d].

    `drawing` i[n] names the drawing of each embedding; None: all are different. A
    trained row (f32[d], None for a new symbol) counts as `TRAINED_WEIGHT` drawings.

    The mean of few drawings lies nearer to them than a trained row to its own, and
    would take answers from its neighbours. `offset` corrects that: it puts the mean as
    far from a further drawing as trained rows are from theirs.

    >>> import numpy as np, strokejax
    >>> from strokejax.table.table import Rows, Slots
    >>> slots = strokejax.init_slots(np.array([True]), dim=2)
    >>> slots = Slots(*map(np.array, slots))
    >>> known = Rows(np.array([[1.0, 0.0]], np.float32), 16.0, slots)
    >>> z = np.array([[0.0, 1.0], [0.0, 1.0]], np.float32)
    >>> row = strokejax.mean_row(z, None, known)
    >>> row.embedding.tolist(), row.count
    ([0.0, 1.0], 2)
    """
    drawing = np.arange(len(z)) if drawing is None else drawing
    means = by_drawing(z, drawing)
    sums = _sums(means, trained)
    row, (prior, scale) = unit(sums), rows.mean_calibration()
    if trained is None:
        dist2 = 2 - 2 * query_cosine(means)
        offset = max(0.0, prior - dist2)
        radius = dist2 + offset
    else:
        offset, radius = 0.0, _radius(z, drawing, row, prior)
    row, sums = row.astype(np.float32), sums.astype(np.float32)
    return Row(row, sums, len(means), offset, radius, scale)


def by_drawing(z: np.ndarray, drawing: np.ndarray) -> np.ndarray:
    """f64[m d]: the mean of each drawing's embeddings f32[n d], by drawing number."""
    _, index = np.unique(drawing, return_inverse=True)
    means = np.zeros((index.max() + 1, z.shape[1]))
    weight = _weights(drawing)[:, None]
    np.add.at(means, index, weight * unit(z.astype(np.float64)))
    return means


def query_cosine(z: np.ndarray) -> float:
    """Expected cosine of a further drawing with the normalised sum of these f32[n d].

    If two drawings have the cosine p, it is p / sqrt(p + (1 - p) / n).
    """
    p = pair_cosine(z)
    return p / float(np.sqrt(p + (1 - p) / len(z)))


def pair_cosine(z: np.ndarray) -> float:
    """Expected cosine of two drawings, from these f32[n d], shrunk to `PRIOR_COSINE`.

    They have length 1, or less where they are means of variants.
    """
    n, sums = len(z), z.astype(np.float64).sum(0)
    pairs = n * (n - 1) / 2
    squares = (z.astype(np.float64) ** 2).sum()
    cosines = (sums @ sums - squares) / 2  # summed over all pairs
    p = (cosines + PRIOR_COSINE * PRIOR_PAIRS) / (pairs + PRIOR_PAIRS)
    return float(np.clip(p, 0.05, 1.0))


def _sums(means: np.ndarray, trained: np.ndarray | None) -> np.ndarray:
    sums = means.sum(0)
    return sums if trained is None else sums + TRAINED_WEIGHT * unit(trained)


def _weights(drawing: np.ndarray) -> np.ndarray:
    """f64[n]: 1 over the number of embeddings of the same drawing."""
    _, index, count = np.unique(drawing, return_inverse=True, return_counts=True)
    return 1 / count[index]


def _radius(z: np.ndarray, drawing: np.ndarray, row: np.ndarray, prior: float) -> float:
    """Mean squared distance from a row, shrunk to the `prior` radius."""
    weight = _weights(drawing)
    n, distance = weight.sum(), (weight * ((z - row) ** 2).sum(-1)).sum()
    return float((distance + RADIUS_PRIOR * prior) / (n + RADIUS_PRIOR))


# The fit by gradient


def sgd_row(
    z: np.ndarray,
    trained: np.ndarray | None,
    rows: Rows,
    replay: ReplaySet,
    owner: int,
    drawing: np.ndarray | None = None,
) -> Row:
    """The row that best separates drawings f32[n d] of a symbol from all others.

    The loss is the table's cross entropy with this row alone moving, which is logistic
    regression against the other symbols; their drawings are replayed, so that they keep
    their answers. `owner` is the symbol's first slot; see `mean_row` for the rest.
    """
    drawing = np.arange(len(z)) if drawing is None else drawing
    sums = _sums(by_drawing(z, drawing), trained)
    start = unit(sums).astype(np.float32)
    numbers = np.unique(drawing)
    n = len(numbers)
    shown = np.linspace(0, n - 1, min(n, MAX_SHOTS)).astype(int)  # evenly spaced
    chosen = np.isin(drawing, numbers[shown])
    shots, share = z[chosen], _weights(drawing[chosen])
    near = np.argsort(-(replay.z @ start), kind="stable")[:REPLAY]
    examples = np.concatenate([shots, replay.z[near]]).astype(np.float32)
    scores = rows.scores(examples)
    scores[:, np.asarray(rows.slots.owner) == owner] = -np.inf
    count, owners = np.bincount(replay.owner, minlength=1), replay.owner[near]
    weight = np.concatenate([SYMBOL_WEIGHT * share / share.sum(), 1 / count[owners]])
    positive = np.concatenate([np.ones(len(shots), bool), owners == owner])
    arrays = examples, _log_sum_exp(scores), np.where(positive, 1, -1), weight
    length = _padded_length(len(shots))
    fitted = fit_row(
        {"table": {"embeddings": start}},
        *(pad_rows(np.asarray(x, np.float32), length) for x in arrays),
        np.float32(rows.scale),
    )
    row = np.asarray(fitted["table"]["embeddings"])
    prior, scale = rows.mean_calibration()
    radius = _radius(z, drawing, row, prior)
    return Row(row, sums.astype(np.float32), n, 0.0, radius, scale)


def _log_sum_exp(scores: np.ndarray) -> np.ndarray:
    """f32[n]; a large negative number where no slot is active."""
    top = np.maximum(scores.max(1, initial=-np.inf), -1e4)
    return top + np.log(np.exp(scores - top[:, None]).sum(1) + 1e-30)


def _padded_length(count: int) -> int:
    """One length for up to `MAX_SHOTS` embeddings, so that `fit_row` compiles once.

    Symbols with many variants take four times as much, or 16 times, and so on.
    """
    length = MAX_SHOTS
    while length < count:
        length *= 4
    return length + REPLAY


@jax.jit
def fit_row(
    params: PyTree,
    z: Float[Array, "n d"],
    other_logsumexp: Float[Array, "n"],
    target_sign: Float[Array, "n"],
    weight: Float[Array, "n"],
    scale: Float[Array, ""],
) -> PyTree:
    """Online training of one row, `params["table"]["embeddings"]` f32[d], of length 1.

    `other_logsumexp` is the log-sum-exp of all other symbols' scores. `target_sign` is
    1 for drawings of the row's symbol and -1 for others; weight 0 marks padding. The
    rest of `params`, such as the encoder, stays bit for bit (`optax.multi_transform`).

    >>> import jax.numpy as jnp, numpy as np, strokejax
    >>> params = {"encoder": {"w": jnp.ones(3)}, "table": {"embeddings": jnp.eye(2)[0]}}
    >>> z = jnp.array([[0.0, 1.0], [1.0, 0.0]])
    >>> fitted = strokejax.fit_row(
    ...     params, z, jnp.zeros(2), jnp.array([1, -1.0]), jnp.ones(2), jnp.float32(4))
    >>> bool(fitted["table"]["embeddings"][1] > 0.5), fitted["encoder"]["w"].tolist()
    (True, [1.0, 1.0, 1.0])
    """
    start = params["table"]["embeddings"]
    rate = optax.cosine_decay_schedule(ROW_RATE, ROW_STEPS)
    optimizer = make_optimizer(params, train="table", learning_rate=rate)

    def loss(table):
        row = table["embeddings"] / jnp.linalg.norm(table["embeddings"])
        margin = -scale * (2 - 2 * z @ row) - other_logsumexp
        pull = ROW_PULL * jnp.sum((row - start) ** 2)
        return jnp.sum(weight * jax.nn.softplus(-target_sign * margin)) + pull

    def step(carry, _):
        params, opt_state = carry
        grads = jax.tree.map(jnp.zeros_like, params)
        grads |= {"table": jax.grad(loss)(params["table"])}
        updates, opt_state = optimizer.update(grads, opt_state, params)
        return (optax.apply_updates(params, updates), opt_state), None

    carry = params, optimizer.init(params)
    (params, _), _ = jax.lax.scan(step, carry, None, length=ROW_STEPS)
    row = params["table"]["embeddings"]
    return params | {"table": {"embeddings": row / jnp.linalg.norm(row)}}
