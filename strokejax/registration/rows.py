"""How a row comes from a symbol's own drawings; the encoder is never touched.

A row follows from all drawings of its symbol, so registering in parts is registering
at once. Everything here works on embeddings, on the host but for `steps.fit_row`. Of a
drawing there may be several, variants of it: together they weigh as much as one.
"""

from typing import Literal, NamedTuple

import numpy as np

from strokejax.store.model import Calibration
from strokejax.table.table import STRANGE, Rows, unit
from strokejax.train.steps import fit_row

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
"""Drawings that the usual reach of a symbol is worth beside its own."""
KEPT = 0.95
"""Share of each symbol's known drawings that are no stranger than `STRANGE`."""


class Row(NamedTuple):
    """A row made of drawings, with what belongs to it in `Slots`."""

    embedding: np.ndarray
    """f32[d], length 1."""
    sums: np.ndarray
    """f32[d]."""
    count: int
    offset: float
    reach: float
    spread: float


class Known(NamedTuple):
    """Embeddings of drawings whose symbols are known."""

    z: np.ndarray
    """f32[n d]."""
    owner: np.ndarray
    """i32[n]: the first slot of each one's symbol."""


def calibrate(
    z: np.ndarray,
    label: np.ndarray,
    rows: np.ndarray,
    background: np.ndarray,
    per_class: int = 32,
    offset: np.ndarray | None = None,
) -> tuple[Calibration, np.ndarray, np.ndarray]:
    """A calibration, and reach and spread f32[c] for `Slots`.

    `z` f32[n d] are embeddings of drawings with these labels; the first `per_class` of
    each are kept. `offset` f32[c] is that of `Slots`, none unless given.
    """
    rows = unit(np.asarray(rows, np.float32))
    present, index = np.unique(label, return_inverse=True)
    kept = [np.flatnonzero(index == i)[:per_class] for i in range(len(present))]
    chosen = np.concatenate([np.zeros(0, int), *kept])
    reach = np.zeros(len(rows), np.float32)
    spread = np.full(len(rows), np.inf, np.float32)
    if len(present) < len(z):
        dist2 = ((z - rows[label]) ** 2).sum(-1)
        if offset is not None:
            dist2 = dist2 + offset[label]
        own = np.bincount(index, dist2) / np.bincount(index)
        # Halfway to all symbols' mean: that refuses strangers better than either end.
        reach[present] = (own + own.mean()) / 2
        excess = dist2 - reach[label]
        usual = max(float(np.sqrt((excess**2).mean())), 1e-3)
        far = [np.quantile(excess[index == i], KEPT) for i in range(len(present))]
        spread[present] = np.maximum(usual, np.array(far) / STRANGE)
    found = label[chosen].astype(np.int32)
    return Calibration(rows, z[chosen], found, background), reach, spread


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
    """
    drawing = np.arange(len(z)) if drawing is None else drawing
    drawn = by_drawing(z, drawing)
    sums = _sums(drawn, trained)
    usual, spread = rows.usual()
    if trained is None:
        dist2 = 2 - 2 * fresh_cosine(drawn)
        offset = max(0.0, usual - dist2)
        reach = dist2 + offset
    else:
        offset, reach = 0.0, _reach(z, drawing, unit(sums), usual)
    row, sums = unit(sums).astype(np.float32), sums.astype(np.float32)
    return Row(row, sums, len(drawn), offset, reach, spread)


def by_drawing(z: np.ndarray, drawing: np.ndarray) -> np.ndarray:
    """f64[m d]: the mean of each drawing's embeddings f32[n d], first drawing first."""
    weight = _weights(drawing)
    _, index = np.unique(drawing, return_inverse=True)
    found = np.zeros((index.max() + 1, z.shape[1]))
    np.add.at(found, index, weight[:, None] * unit(z.astype(np.float64)))
    return found


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
    known: Known,
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
    kept = np.isin(drawing, _thinned(np.unique(drawing)))
    own, share = z[kept], _weights(drawing[kept])
    like = np.argsort(-(known.z @ start), kind="stable")[:REPLAY]
    both = np.concatenate([own, known.z[like]]).astype(np.float32)
    scores = rows.scores(both)
    scores[:, np.asarray(rows.slots.owner) == owner] = -np.inf
    count = np.bincount(known.owner, minlength=1)
    replayed = 1 / count[known.owner[like]]
    weight = np.concatenate([OWN_WEIGHT * share / share.sum(), replayed])
    mine = np.concatenate([np.ones(len(own), bool), known.owner[like] == owner])
    room = _room(len(own))
    found = fit_row(
        {"table": {"embeddings": start}},
        _padded(both, room),
        _padded(_log_sum_exp(scores), room),
        _padded(np.where(mine, 1.0, -1.0), room),
        _padded(weight, room),
        np.float32(rows.scale),
    )
    row = np.asarray(found["table"]["embeddings"])
    usual, spread = rows.usual()
    reach, n = _reach(z, drawing, row, usual), len(np.unique(drawing))
    return Row(row, sums.astype(np.float32), n, 0.0, reach, spread)


def _thinned(drawings: np.ndarray) -> np.ndarray:
    """At most `SHOTS` of them, evenly."""
    n = len(drawings)
    return drawings[np.linspace(0, n - 1, min(n, SHOTS)).astype(int)]


def _weights(drawing: np.ndarray) -> np.ndarray:
    """f64[n]: 1 over the number of embeddings of the same drawing."""
    _, index, count = np.unique(drawing, return_inverse=True, return_counts=True)
    return 1 / count[index]


def _reach(z: np.ndarray, drawing: np.ndarray, row: np.ndarray, usual: float) -> float:
    """Mean squared distance from a row, drawn towards what is usual."""
    weight = _weights(drawing)
    n, own = weight.sum(), (weight * ((z - row) ** 2).sum(-1)).sum()
    return float((own + SHRINK * usual) / (n + SHRINK))


def _sums(drawn: np.ndarray, trained: np.ndarray | None) -> np.ndarray:
    sums = drawn.sum(0)
    return sums if trained is None else sums + TRAINED_WEIGHT * unit(trained)


def _log_sum_exp(scores: np.ndarray) -> np.ndarray:
    """f32[n]; a large negative number where nothing is active."""
    top = np.maximum(scores.max(1, initial=-np.inf), -1e4)
    return top + np.log(np.exp(scores - top[:, None]).sum(1) + 1e-30)


def _room(own: int) -> int:
    """One length for up to `SHOTS` embeddings, so that nothing is compiled anew; four
    times as much, or more, for symbols of many variants."""
    room = SHOTS
    while room < own:
        room *= 4
    return room + REPLAY


def _padded(x: np.ndarray, room: int) -> np.ndarray:
    rest = np.zeros((room - len(x), *x.shape[1:]), np.float32)
    return np.concatenate([x.astype(np.float32), rest])
