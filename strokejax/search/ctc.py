"""Connectionist temporal classification: loss, greedy decoding, alignment.

A. Graves et al., ICML 2006. Steps along a line carry scores of c characters and, as the
last class, of the blank. Two equal characters in a row need a blank between them, so a
text of n characters with r such repeats takes at least n + r steps.
"""

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Bool, Float, Int

from strokejax.table.table import Array


def loss(
    logits: Float[Array, "b t c"],
    steps: Int[Array, "b"],
    labels: Int[Array, "b l"],
    mask: Bool[Array, "b"],
) -> Float[jax.Array, ""]:
    """Negative log likelihood in nats a character, over the unmasked lines.

    `labels` are -1 behind a text's end. A line with fewer `steps` than its text needs
    counts as masked; 0 if no line counts.
    """
    blank = logits.shape[-1] - 1
    step_padding = jnp.arange(logits.shape[1]) >= steps[:, None]
    label_padding = labels < 0
    length = jnp.sum(~label_padding, 1)
    equal_next = labels[:, 1:] == labels[:, :-1]
    repeats = jnp.sum(equal_next & ~label_padding[:, 1:], 1)
    # A text that needs more steps has no CTC path: its likelihood is 0.
    counted = mask & (length + repeats <= steps)
    nats = optax.ctc_loss(
        logits,
        step_padding.astype(logits.dtype),
        jnp.maximum(labels, 0),
        label_padding,
        blank_id=blank,
    )
    total = jnp.sum(jnp.where(counted, nats, 0.0))
    return total / jnp.maximum(jnp.sum(jnp.where(counted, length, 0)), 1)


def greedy(
    logits: Float[Array, "b t c"], steps: Int[Array, "b"], limit: int
) -> Int[Array, "b limit"]:
    """Best-path decoding: the most probable class of each step, collapsed.

    Texts are cut at `limit` characters and -1 behind their end.
    """
    blank = logits.shape[-1] - 1
    best = jnp.argmax(logits, -1)
    before = jnp.pad(best[:, :-1], ((0, 0), (1, 0)), constant_values=blank)
    in_line = jnp.arange(best.shape[1]) < steps[:, None]
    emits = (best != blank) & (best != before) & in_line
    # Column `limit` collects what is not emitted or does not fit, and is dropped.
    column = jnp.where(emits, jnp.cumsum(emits, 1) - 1, limit)
    text = jnp.full((len(best), limit + 1), -1, best.dtype)
    row = jnp.arange(len(best))[:, None]
    return text.at[row, jnp.minimum(column, limit)].set(best)[:, :limit]


def align(log_p: np.ndarray, text: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """`(first, last)` i64[n]: the span of steps that each character of a text takes.

    The Viterbi path of f32[t c+1] through the characters i64[n] with optional blanks
    between. If there are fewer steps than the text needs, characters share them evenly.
    """
    t, n = len(log_p), len(text)
    repeats = int((text[1:] == text[:-1]).sum())
    if not n or n + repeats > t:
        edge = np.linspace(0, t, n + 1)
        first = np.minimum(edge[:-1].astype(int), t - 1)
        return first, np.maximum(edge[1:].astype(int) - 1, first)
    # States alternate: blank, character 0, blank, character 1, ..., blank.
    states = np.full(2 * n + 1, log_p.shape[1] - 1)
    states[1::2] = text
    may_skip_blank = np.zeros(2 * n + 1, bool)
    may_skip_blank[3::2] = text[1:] != text[:-1]
    score = np.full(2 * n + 1, -np.inf)
    score[:2] = log_p[0, states[:2]]
    advance = np.zeros((t, 2 * n + 1), np.int8)  # states moved to reach each state
    for step in range(1, t):
        one = np.append(-np.inf, score[:-1])
        two = np.append([-np.inf, -np.inf], score[:-2])
        options = np.stack([score, one, np.where(may_skip_blank, two, -np.inf)])
        advance[step] = options.argmax(0)
        score = options.max(0) + log_p[step, states]
    # A path ends in the last character or in the blank behind it.
    state = 2 * n if score[-1] >= score[-2] else 2 * n - 1
    path = np.empty(t, int)
    for step in range(t - 1, -1, -1):
        path[step] = state
        state -= int(advance[step, state])
    spans = [np.flatnonzero(path == 2 * i + 1) for i in range(n)]
    return np.array([x[0] for x in spans]), np.array([x[-1] for x in spans])
