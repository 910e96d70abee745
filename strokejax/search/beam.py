"""Beam search over texts, on the device, for batches of searches.

`prune` is the step that all decoders share: every hypothesis stays as it is or grows by
one character, a language model scores the growth, and the best hypotheses survive. The
decoders differ in the evidence for staying and growing: `ctc_step` reads a frame in
which a character may last or be absent (A. Graves et al., 2006, with the prefix merging
of A. Hannun et al., 2014), `symbol_step` reads an answer that adds a character.

Shapes: b searches, w hypotheses a search (the beam width), k candidate characters.
"""

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from strokejax.search.language import (
    START,
    LanguageModel,
    LanguageState,
    final_score,
    score_extensions,
)

HASH_FACTOR = np.uint32(0x9E3779B1)
"""Multiplier of D. Knuth's multiplicative hash: the golden ratio, made odd."""
MIN_END_SCORE = -20.0
"""Floor of the end-of-text score. With a closed lexicon a text that stops inside a word
would score -inf; the floor leaves it as a last resort."""


class Hypotheses(NamedTuple):
    """The w best texts of each of b searches, best first; a pytree on the device."""

    text: Any
    """i32[b w l]: character codes, -1 behind the end."""
    length: Any
    """i32[b w]"""
    evidence: Any
    """f32[b w]: log probability of the evidence; -inf marks an empty place in the
    beam."""
    language: Any
    """f32[b w]: score of the language model."""
    state: LanguageState
    """Where each text is in the language model's tables."""
    key: Any
    """u32[b w]: hash of the text; equal texts have equal keys."""

    @property
    def score(self) -> Float[Array, "b w"]:
        """Evidence plus language model score, the order of the beam."""
        return self.evidence + self.language


class Backpointers(NamedTuple):
    """How each hypothesis arose from those of the step before."""

    parent: Int[Array, "b w"]
    code: Int[Array, "b w"]
    """The character added to the parent; -1 where the parent stayed as it was."""


# The search: start, expand and prune, finish.


def start(searches: int, width: int, limit: int) -> Hypotheses:
    """The empty text alone in each beam; texts hold up to `limit` characters."""
    shape = searches, width
    # All places but the first are empty: copies of the empty text would fill the beam.
    evidence = jnp.full(shape, -jnp.inf).at[:, 0].set(0.0)
    return Hypotheses(
        jnp.full((*shape, limit), -1, jnp.int32),
        jnp.zeros(shape, jnp.int32),
        evidence,
        jnp.zeros(shape),
        LanguageState(*(jnp.full(shape, x) for x in START)),
        jnp.zeros(shape, jnp.uint32),
    )


def prune(
    hypotheses: Hypotheses,
    stay: Float[Array, "b w"],
    grow: Float[Array, "b w k"],
    code: Int[Array, "b k"],
    language: LanguageModel,
) -> tuple[Hypotheses, Backpointers]:
    """The w best of all hypotheses that stay or grow by one of k characters.

    `stay` and `grow` are total log probabilities of the evidence, not increments;
    `code` holds each search's candidates. A hypothesis at the length limit only stays.
    """
    b, w, limit = hypotheses.text.shape
    k = code.shape[1]
    codes = jnp.broadcast_to(code[:, None], (b, w, k))
    added, extended = score_extensions(language, hypotheses.state, codes)
    has_room = hypotheses.length[..., None] < limit
    extension_score = jnp.where(
        has_room, hypotheses.language[..., None] + added, -jnp.inf
    )
    # Each hypothesis has k + 1 options in a row: to stay, then its k characters.
    evidence = _flat(stay[..., None], grow)
    language_score = _flat(hypotheses.language[..., None], extension_score)
    _, best = jax.lax.top_k(evidence + language_score, w)
    parent, option = best // (k + 1), best % (k + 1)
    grew, column = option > 0, jnp.maximum(option - 1, 0)
    added_code = jnp.where(grew, jnp.take_along_axis(code, column, 1), -1)
    old = jax.tree.map(lambda x: take(x, parent), hypotheses)
    new_state = jax.tree.map(
        lambda x: jnp.take_along_axis(x.reshape(b, -1), parent * k + column, 1),
        extended,
    )
    end = (jnp.arange(limit) == old.length[..., None]) & grew[..., None]
    survivors = Hypotheses(
        jnp.where(end, added_code[..., None], old.text),
        old.length + grew,
        jnp.take_along_axis(evidence, best, 1),
        jnp.take_along_axis(language_score, best, 1),
        jax.tree.map(lambda x, y: jnp.where(grew, x, y), new_state, old.state),
        jnp.where(grew, _extended_key(old.key, added_code), old.key),
    )
    return survivors, Backpointers(parent, added_code)


def merge_prefixes(
    hypotheses: Hypotheses, grow: Float[Array, "b w k"], code: Int[Array, "b k"]
) -> tuple[Float[Array, "b w"], Float[Array, "b w k"]]:
    """Split growth into what reaches a text already in the beam, and the rest.

    Returns `(merged f32[b w], grow f32[b w k])`: the evidence for growing into each
    hypothesis, -inf where no other grows into it, and `grow` with those entries at
    -inf. All texts that the rest leads to are new and distinct.
    """
    last = last_code(hypotheses)
    grown_key = _extended_key(hypotheses.key[:, :, None], last[:, None])
    occupied = jnp.isfinite(hypotheses.evidence)
    same = (grown_key == hypotheses.key[:, None]) & occupied[:, None]
    same &= hypotheses.length[:, :, None] + 1 == hypotheses.length[:, None]
    ends_in = (last[..., None] == code[:, None]) & (last >= 0)[..., None]
    duplicate = same[..., None] & ends_in[:, None]  # [b, w from, w into, k]
    # Texts in a beam are distinct, so at most one entry grows into each of them.
    merged = jnp.where(duplicate, grow[:, :, None], -jnp.inf).max((1, 3))
    return merged, jnp.where(duplicate.any(2), -jnp.inf, grow)


def finish(hypotheses: Hypotheses, language: LanguageModel) -> Hypotheses:
    """Add the language model's end-of-text scores and sort, the best first."""
    end = jnp.maximum(final_score(language, hypotheses.state), MIN_END_SCORE)
    hypotheses = hypotheses._replace(language=hypotheses.language + end)
    order = jnp.argsort(-hypotheses.score, axis=1, stable=True)
    return jax.tree.map(lambda x: take(x, order), hypotheses)


def last_code(hypotheses: Hypotheses) -> Int[Array, "b w"]:
    """The last character of each text, -1 for the empty text."""
    index = jnp.maximum(hypotheses.length - 1, 0)
    return jnp.take_along_axis(hypotheses.text, index[..., None], -1)[..., 0]


def take(x: Array, index: Int[Array, "b w"]) -> Array:
    """[b w ...]: rows of x [b n ...], chosen for each search on its own."""
    return jax.vmap(lambda rows, i: rows[i])(x, index)


def _flat(stay, grow):
    return jnp.concatenate([stay, grow], -1).reshape(len(stay), -1)


def _extended_key(key, code):
    # The key of a text plus one character; code + 1, so that code 0 changes it too.
    return (key ^ (code.astype(jnp.uint32) + 1)) * HASH_FACTOR + np.uint32(1)


# Decoders: evidence as answers of one symbol each, and as CTC frames.


def symbol_step(
    hypotheses: Hypotheses,
    log_p: Float[Array, "b k"],
    nothing: Float[Array, "b"],
    code: Int[Array, "b k"],
    language: LanguageModel,
) -> Hypotheses:
    """The hypotheses after one answer: character code[k] at log_p[k], or `nothing`."""
    stay = hypotheses.evidence + nothing[:, None]
    grow = hypotheses.evidence[..., None] + log_p[:, None]
    merged, grow = merge_prefixes(hypotheses, grow, code)
    stay = jnp.logaddexp(stay, merged)
    return prune(hypotheses, stay, grow, code, language)[0]


class CtcEvidence(NamedTuple):
    """A hypothesis's evidence by its last frame; leaves f32[b w], log probabilities."""

    blank: Float[Array, "b w"]
    """The last frame was the blank."""
    label: Float[Array, "b w"]
    """The last frame was the text's last character."""


def ctc_step(
    hypotheses: Hypotheses,
    split: CtcEvidence,
    log_p: Float[Array, "b c"],
    language: LanguageModel,
    candidates: int,
) -> tuple[Hypotheses, CtcEvidence]:
    """The hypotheses after one frame of log probabilities; class c is the blank.

    `split` divides `hypotheses.evidence` by the last frame. Only the `candidates` most
    probable characters extend a text.
    """
    grow_p, code = jax.lax.top_k(log_p[:, :-1], candidates)
    last = last_code(hypotheses)
    last_p = jnp.take_along_axis(log_p, jnp.maximum(last, 0), 1)
    blank = hypotheses.evidence + log_p[:, -1:]
    label = split.label + jnp.where(last >= 0, last_p, -jnp.inf)
    # CTC collapses repeats: a double letter needs a blank between its two frames.
    repeats = code[:, None] == last[..., None]
    before = jnp.where(repeats, split.blank[..., None], hypotheses.evidence[..., None])
    merged, grow = merge_prefixes(hypotheses, before + grow_p[:, None], code)
    label = jnp.logaddexp(label, merged)
    hypotheses, (parent, added_code) = prune(
        hypotheses, jnp.logaddexp(blank, label), grow, code, language
    )
    stayed = added_code < 0
    # A text that has just grown ends in its new character, never in a blank.
    label = jnp.where(stayed, take(label, parent), hypotheses.evidence)
    blank = jnp.where(stayed, take(blank, parent), -jnp.inf)
    return hypotheses, CtcEvidence(blank, label)


@partial(jax.jit, static_argnames=("width", "candidates", "limit"))
def read_ctc(
    log_p: Float[Array, "b t c"],
    frames: Int[Array, "b"],
    language: LanguageModel,
    *,
    width: int = 32,
    candidates: int = 16,
    limit: int = 128,
) -> Hypotheses:
    """CTC prefix beam search over the first `frames` frames of each row.

    `width` is the beam width, `candidates` the characters tried a frame, `limit` the
    length of the longest text.
    """
    hypotheses = start(len(log_p), width, limit)
    evidence = hypotheses.evidence  # the start counts as a blank
    split = CtcEvidence(evidence, jnp.full_like(evidence, -jnp.inf))
    candidates = min(candidates, log_p.shape[-1] - 1)

    def step(carry, frame_and_time):
        (hypotheses, split), (frame, t) = carry, frame_and_time
        after = ctc_step(hypotheses, split, frame, language, candidates)
        active = t < frames  # padding frames leave a search as it is

        def update(new, old):
            return jnp.where(active.reshape(-1, *(1,) * (new.ndim - 1)), new, old)

        return jax.tree.map(update, after, carry), None

    times = jnp.arange(log_p.shape[1])
    scanned = log_p.swapaxes(0, 1), times
    (hypotheses, _), _ = jax.lax.scan(step, (hypotheses, split), scanned)
    return finish(hypotheses, language)
