"""How a row comes from a symbol's own drawings; the encoder is never touched.

A row follows from all drawings of its symbol, so registering in parts is registering
at once. Everything here works on embeddings, on the host but for `steps.fit_row`. Of a
drawing there may be several, variants of it: together they weigh as much as one.
"""

from typing import Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Float

from strokejax.table.table import Array, Rows, unit
from strokejax.train.optim import make_optimizer
from strokejax.types import PyTree

Method = Literal["sgd", "mean"]

TRAINED_WEIGHT = 2.0
"""How many drawings a trained row counts as when a person's own are added to it."""
FRESH, FRESH_PAIRS = 0.8, 3.0
"""Expected cosine of two drawings of a symbol, and how many pairs that is worth."""
REPLAY = 1024
"""Known drawings that a row is fitted against: those most like its own."""
SHOTS = 128
"""Own drawings that a row is fitted to; more are thinned out evenly."""
OWN_WEIGHT = 0.5
"""Weight of a symbol's own drawings together; those of each other symbol weigh 1."""
SHRINK = 10.0
"""Drawings that the usual radius of a symbol is worth beside its own."""


class Row(NamedTuple):
    """A row made of drawings, with what belongs to it in `Slots`."""

    embedding: np.ndarray
    """f32[d], length 1."""
    sums: np.ndarray
    """f32[d]."""
    count: int
    offset: float
    radius: float
    scale: float


class ReplaySet(NamedTuple):
    """Embeddings of drawings whose symbols are known."""

    z: np.ndarray
    """f32[n d]."""
    owner: np.ndarray
    """i32[n]: the first slot of each one's symbol."""


def mean_row(
    z: np.ndarray,
    trained: np.ndarray | None,
    rows: Rows,
    drawing: np.ndarray | None = None,
) -> Row:
    """The normalised sum of normalised embeddings f32[n d], in closed form.

    `drawing` i[n] says which drawing each is of; without it they are all different.

    A trained row (f32[d], None for a new symbol) counts as `TRAINED_WEIGHT` drawings.
    A new mean lies nearer to its drawings than a trained row does and would take
    answers from its neighbours: its offset puts it as far from a fresh drawing of its
    own as trained rows are from theirs.

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
    drawn = by_drawing(z, drawing)
    sums = _sums(drawn, trained)
    usual, scale = rows.usual()
    if trained is None:
        dist2 = 2 - 2 * fresh_cosine(drawn)
        offset = max(0.0, usual - dist2)
        radius = dist2 + offset
    else:
        offset, radius = 0.0, _radius(z, drawing, unit(sums), usual)
    row, sums = unit(sums).astype(np.float32), sums.astype(np.float32)
    return Row(row, sums, len(drawn), offset, radius, scale)


def by_drawing(z: np.ndarray, drawing: np.ndarray) -> np.ndarray:
    """f64[m d]: the mean of each drawing's embeddings f32[n d], first drawing first."""
    weight = _weights(drawing)
    _, index = np.unique(drawing, return_inverse=True)
    means = np.zeros((index.max() + 1, z.shape[1]))
    np.add.at(means, index, weight[:, None] * unit(z.astype(np.float64)))
    return means


def fresh_cosine(z: np.ndarray) -> float:
    """Expected cosine of one more drawing with the normalised sum of these f32[n d].

    If two drawings have the mean cosine p, a drawing has p / sqrt(p + (1 - p) / n) with
    the sum of n others.
    """
    p = pair_cosine(z)
    return p / float(np.sqrt(p + (1 - p) / len(z)))


def pair_cosine(z: np.ndarray) -> float:
    """Expected cosine of two drawings, from these f32[n d], drawn towards `FRESH`.

    They have length 1, or less where they are means of variants.
    """
    n, sums = len(z), z.astype(np.float64).sum(0)
    pairs = n * (n - 1) / 2
    alone = (z.astype(np.float64) ** 2).sum()
    p = ((sums @ sums - alone) / 2 + FRESH * FRESH_PAIRS) / (pairs + FRESH_PAIRS)
    return float(np.clip(p, 0.05, 1.0))


def sgd_row(
    z: np.ndarray,
    trained: np.ndarray | None,
    rows: Rows,
    known: ReplaySet,
    owner: int,
    drawing: np.ndarray | None = None,
) -> Row:
    """The row that best tells drawings f32[n d] of a symbol from those of all others.

    The loss is the table's cross entropy with this row alone moving, which is logistic
    regression against the others; known drawings are replayed, so they keep their
    answers. `owner` is the symbol's first slot, `drawing` as `mean_row` has it.
    """
    drawing = np.arange(len(z)) if drawing is None else drawing
    sums = _sums(by_drawing(z, drawing), trained)
    start = unit(sums).astype(np.float32)
    chosen = np.isin(drawing, _thinned(np.unique(drawing)))
    examples, share = z[chosen], _weights(drawing[chosen])
    like = np.argsort(-(known.z @ start), kind="stable")[:REPLAY]
    both = np.concatenate([examples, known.z[like]]).astype(np.float32)
    scores = rows.scores(both)
    scores[:, np.asarray(rows.slots.owner) == owner] = -np.inf
    count = np.bincount(known.owner, minlength=1)
    replayed = 1 / count[known.owner[like]]
    weight = np.concatenate([OWN_WEIGHT * share / share.sum(), replayed])
    mine = np.concatenate([np.ones(len(examples), bool), known.owner[like] == owner])
    room = _room(len(examples))
    fitted = fit_row(
        {"table": {"embeddings": start}},
        _padded(both, room),
        _padded(_log_sum_exp(scores), room),
        _padded(np.where(mine, 1.0, -1.0), room),
        _padded(weight, room),
        np.float32(rows.scale),
    )
    row = np.asarray(fitted["table"]["embeddings"])
    usual, scale = rows.usual()
    radius, n = _radius(z, drawing, row, usual), len(np.unique(drawing))
    return Row(row, sums.astype(np.float32), n, 0.0, radius, scale)


def _thinned(drawings: np.ndarray) -> np.ndarray:
    """At most `SHOTS` of them, evenly."""
    n = len(drawings)
    return drawings[np.linspace(0, n - 1, min(n, SHOTS)).astype(int)]


def _weights(drawing: np.ndarray) -> np.ndarray:
    """f64[n]: 1 over the number of embeddings of the same drawing."""
    _, index, count = np.unique(drawing, return_inverse=True, return_counts=True)
    return 1 / count[index]


def _radius(z: np.ndarray, drawing: np.ndarray, row: np.ndarray, usual: float) -> float:
    """Mean squared distance from a row, drawn towards what is usual."""
    weight = _weights(drawing)
    n, distance = weight.sum(), (weight * ((z - row) ** 2).sum(-1)).sum()
    return float((distance + SHRINK * usual) / (n + SHRINK))


def _sums(drawn: np.ndarray, trained: np.ndarray | None) -> np.ndarray:
    sums = drawn.sum(0)
    return sums if trained is None else sums + TRAINED_WEIGHT * unit(trained)


def _log_sum_exp(scores: np.ndarray) -> np.ndarray:
    """f32[n]; a large negative number where nothing is active."""
    top = np.maximum(scores.max(1, initial=-np.inf), -1e4)
    return top + np.log(np.exp(scores - top[:, None]).sum(1) + 1e-30)


def _room(count: int) -> int:
    """One length for up to `SHOTS` embeddings, so that nothing is compiled anew; four
    times as much, or more, for symbols of many variants."""
    room = SHOTS
    while room < count:
        room *= 4
    return room + REPLAY


def _padded(x: np.ndarray, room: int) -> np.ndarray:
    rest = np.zeros((room - len(x), *x.shape[1:]), np.float32)
    return np.concatenate([x.astype(np.float32), rest])


ROW_STEPS, ROW_RATE, ROW_PULL = 100, 0.05, 2.0
"""Of `fit_row`: steps, learning rate, and weight of staying near the start."""


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

    `other_logsumexp` is that of the scores of all other symbols. `target_sign` is 1 for
    the row's own drawings and -1 for others'. Weight 0 marks padding. All else in
    `params`, such as the encoder, comes back bit for bit (`optax.multi_transform`).

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
