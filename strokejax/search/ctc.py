"""Connectionist temporal classification (A. Graves et al., ICML 2006).

Steps along a line have log probabilities of c characters and, last, of the blank.
"""

import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Bool, Float, Int


def loss(
    logits: Float[Array, "b t c+1"],
    steps: Int[Array, "b"],
    labels: Int[Array, "b l"],
    mask: Bool[Array, "b"],
) -> Float[Array, ""]:
    """Nats a character of the unmasked lines; labels are -1 behind a text's end.

    A line with fewer `steps` than its text needs counts as one that is masked.
    """
    blank = logits.shape[-1] - 1
    behind = jnp.arange(logits.shape[1]) >= steps[:, None]
    none = labels < 0
    length = jnp.sum(~none, 1)
    twice = jnp.sum((labels[:, 1:] == labels[:, :-1]) & ~none[:, 1:], 1)
    kept = mask & (length + twice <= steps)
    nats = optax.ctc_loss(
        logits,
        behind.astype(logits.dtype),
        jnp.maximum(labels, 0),
        none,
        blank_id=blank,
    )
    total = jnp.sum(jnp.where(kept, nats, 0.0))
    return total / jnp.maximum(jnp.sum(jnp.where(kept, length, 0)), 1)


def greedy(
    logits: Float[Array, "b t c+1"], steps: Int[Array, "b"], limit: int
) -> Int[Array, "b limit"]:
    """The most probable character of each step, collapsed; -1 behind the end."""
    blank = logits.shape[-1] - 1
    best = jnp.argmax(logits, -1)
    before = jnp.pad(best[:, :-1], ((0, 0), (1, 0)), constant_values=blank)
    there = jnp.arange(best.shape[1]) < steps[:, None]
    kept = (best != blank) & (best != before) & there
    place = jnp.where(kept, jnp.cumsum(kept, 1) - 1, limit)
    text = jnp.full((len(best), limit + 1), -1, best.dtype)
    row = jnp.arange(len(best))[:, None]
    return text.at[row, jnp.minimum(place, limit)].set(best)[:, :limit]


def align(log_p: np.ndarray, text: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """`(first, last)` i64[n]: the steps at which each character of a text is read.

    The most probable way of f32[t c+1] through i64[n] with blanks between (Viterbi).
    Where there are too few steps for the text, characters share them evenly.
    """
    t, n = len(log_p), len(text)
    twice = int((text[1:] == text[:-1]).sum())
    if not n or n + twice > t:
        edge = np.linspace(0, t, n + 1)
        first = np.minimum(edge[:-1].astype(int), t - 1)
        return first, np.maximum(edge[1:].astype(int) - 1, first)
    states = np.full(2 * n + 1, log_p.shape[1] - 1)
    states[1::2] = text
    may_skip = np.zeros(2 * n + 1, bool)
    may_skip[3::2] = text[1:] != text[:-1]
    score = np.full(2 * n + 1, -np.inf)
    score[:2] = log_p[0, states[:2]]
    came = np.zeros((t, 2 * n + 1), np.int8)
    for step in range(1, t):
        one = np.append(-np.inf, score[:-1])
        two = np.where(may_skip, np.append([-np.inf, -np.inf], score[:-2]), -np.inf)
        ways = np.stack([score, one, two])
        came[step] = ways.argmax(0)
        score = ways.max(0) + log_p[step, states]
    state = 2 * n if score[-1] >= score[-2] else 2 * n - 1
    path = np.empty(t, int)
    for step in range(t - 1, -1, -1):
        path[step] = state
        state -= int(came[step, state])
    at = [np.flatnonzero(path == 2 * i + 1) for i in range(n)]
    return np.array([x[0] for x in at]), np.array([x[-1] for x in at])
