"""The best texts for uncertain evidence: one pruned search, on the device, in batches.

`prune` is the search: paths that stay or grow by a character, guided by a language, of
which the best are kept. What evidence says of staying and growing is the scorers':
frames in which a character may last or nothing may be (`ctc`, A. Graves et al., 2006,
with the prefix merging of A. Hannun et al., 2014), and answers of which each adds a
character (`spelled`).
"""

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from strokejax.search.language import START, Guide, Place, final, gain

FACTOR = np.uint32(0x9E3779B1)
"""Of a multiplicative hash, D. Knuth's golden ratio made odd."""
UNFINISHED = -20.0
"""What a text that stops within a word loses at the most, where words alone may be."""


class Paths(NamedTuple):
    """The best texts of b searches, w each, best first; a pytree on the device."""

    text: Any
    """i32[b w l]: character numbers, -1 behind the end."""
    length: Any
    """i32[b w]"""
    evidence: Any
    """f32[b w]: log probability of the evidence; -inf where there are fewer paths."""
    language: Any
    """f32[b w]: what the guide adds."""
    place: Place
    key: Any
    """u32[b w]: of the text: equal for equal texts."""

    @property
    def score(self) -> Float[Array, "b w"]:
        """What paths are compared by."""
        return self.evidence + self.language


class Chosen(NamedTuple):
    """Where paths come from."""

    parent: Int[Array, "b w"]
    code: Int[Array, "b w"]
    """The character they grew by, -1 = they stayed."""


def start(searches: int, width: int, limit: int) -> Paths:
    """Nothing read yet; texts have up to `limit` characters."""
    shape = searches, width
    evidence = jnp.full(shape, -jnp.inf).at[:, 0].set(0.0)  # the others are no paths
    return Paths(
        jnp.full((*shape, limit), -1, jnp.int32),
        jnp.zeros(shape, jnp.int32),
        evidence,
        jnp.zeros(shape),
        Place(*(jnp.full(shape, x) for x in START)),
        jnp.zeros(shape, jnp.uint32),
    )


def prune(
    paths: Paths,
    stay: Float[Array, "b w"],
    grow: Float[Array, "b w k"],
    code: Int[Array, "b k"],
    guide: Guide,
) -> tuple[Paths, Chosen]:
    """The best of all that stay or grow; `stay` and `grow` are evidence as a whole.

    Every search has its k characters. A path at the limit of its length only stays.
    """
    b, w, limit = paths.text.shape
    k = code.shape[1]
    codes = jnp.broadcast_to(code[:, None], (b, w, k))
    added, grown = gain(guide, paths.place, codes)
    room = paths.length[..., None] < limit
    language = jnp.where(room, paths.language[..., None] + added, -jnp.inf)
    evidence = _flat(stay[..., None], grow)
    language = _flat(paths.language[..., None], language)
    _, best = jax.lax.top_k(evidence + language, w)
    parent, which = best // (k + 1), best % (k + 1)
    grew, column = which > 0, jnp.maximum(which - 1, 0)
    chosen = jnp.where(grew, jnp.take_along_axis(code, column, 1), -1)
    old = jax.tree.map(lambda x: take(x, parent), paths)
    new = jax.tree.map(
        lambda x: jnp.take_along_axis(x.reshape(b, -1), parent * k + column, 1), grown
    )
    end = (jnp.arange(limit) == old.length[..., None]) & grew[..., None]
    paths = Paths(
        jnp.where(end, chosen[..., None], old.text),
        old.length + grew,
        jnp.take_along_axis(evidence, best, 1),
        jnp.take_along_axis(language, best, 1),
        jax.tree.map(lambda x, y: jnp.where(grew, x, y), new, old.place),
        jnp.where(grew, _key(old.key, chosen), old.key),
    )
    return paths, Chosen(parent, chosen)


def merge(
    paths: Paths, grow: Float[Array, "b w k"], code: Int[Array, "b k"]
) -> tuple[Float[Array, "b w"], Float[Array, "b w k"]]:
    """Evidence of growing into a text that is there already: that text's, and the rest.

    Each of the rest leads to a text of its own, in `paths` or among each other.
    """
    last = last_code(paths)
    grown = _key(paths.key[:, :, None], last[:, None])
    same = (grown == paths.key[:, None]) & jnp.isfinite(paths.evidence)[:, None]
    same &= paths.length[:, :, None] + 1 == paths.length[:, None]
    by = (last[..., None] == code[:, None]) & (last >= 0)[..., None]
    there = same[..., None] & by[:, None]  # [b w other k]
    moved = jnp.where(there, grow[:, :, None], -jnp.inf).max((1, 3))
    return moved, jnp.where(there.any(2), -jnp.inf, grow)


def last_code(paths: Paths) -> Int[Array, "b w"]:
    """The last character, -1 of no text."""
    at = jnp.maximum(paths.length - 1, 0)
    return jnp.take_along_axis(paths.text, at[..., None], -1)[..., 0]


def spelled(
    paths: Paths,
    log_p: Float[Array, "b k"],
    nothing: Float[Array, "b"],
    code: Int[Array, "b k"],
    guide: Guide,
) -> Paths:
    """The paths after an answer: one of k characters, or nothing."""
    stay = paths.evidence + nothing[:, None]
    grow = paths.evidence[..., None] + log_p[:, None]
    moved, grow = merge(paths, grow, code)
    return prune(paths, jnp.logaddexp(stay, moved), grow, code, guide)[0]


class Ctc(NamedTuple):
    """Evidence of paths by how their last frame was read; leaves f32[b w]."""

    blank: Float[Array, "b w"]
    label: Float[Array, "b w"]


def ctc(
    paths: Paths, own: Ctc, log_p: Float[Array, "b c+1"], guide: Guide, most: int
) -> tuple[Paths, Ctc]:
    """The paths after a frame, whose last class is the blank.

    Of the characters the `most` probable are tried.
    """
    grown_p, code = jax.lax.top_k(log_p[:, :-1], most)
    last = last_code(paths)
    again = jnp.take_along_axis(log_p, jnp.maximum(last, 0), 1)
    blank = paths.evidence + log_p[:, -1:]
    label = own.label + jnp.where(last >= 0, again, -jnp.inf)
    twice = code[:, None] == last[..., None]
    before = jnp.where(twice, own.blank[..., None], paths.evidence[..., None])
    moved, grow = merge(paths, before + grown_p[:, None], code)
    label = jnp.logaddexp(label, moved)
    paths, (parent, chosen) = prune(
        paths, jnp.logaddexp(blank, label), grow, code, guide
    )
    stayed = chosen < 0
    label = jnp.where(stayed, take(label, parent), paths.evidence)
    return paths, Ctc(jnp.where(stayed, take(blank, parent), -jnp.inf), label)


@partial(jax.jit, static_argnames=("width", "most", "limit"))
def read_ctc(
    log_p: Float[Array, "b t c+1"],
    frames: Int[Array, "b"],
    guide: Guide,
    *,
    width: int = 32,
    most: int = 16,
    limit: int = 128,
) -> Paths:
    """The best texts of up to `limit` characters for the first `frames` of each."""
    paths = start(len(log_p), width, limit)
    own = Ctc(paths.evidence, jnp.full_like(paths.evidence, -jnp.inf))
    most = min(most, log_p.shape[-1] - 1)

    def step(carry, given):
        (paths, own), (frame, t) = carry, given
        new = ctc(paths, own, frame, guide, most)
        on = t < frames

        def chosen(x, y):
            return jnp.where(on.reshape(-1, *(1,) * (x.ndim - 1)), x, y)

        return jax.tree.map(chosen, new, carry), None

    times = jnp.arange(log_p.shape[1])
    (paths, _), _ = jax.lax.scan(step, (paths, own), (log_p.swapaxes(0, 1), times))
    return ended(paths, guide)


def ended(paths: Paths, guide: Guide) -> Paths:
    """The paths with what the guide says of their ends, the best first."""
    end = jnp.maximum(final(guide, paths.place), UNFINISHED)
    paths = paths._replace(language=paths.language + end)
    order = jnp.argsort(-paths.score, axis=1, stable=True)
    return jax.tree.map(lambda x: take(x, order), paths)


def take(x: Array, at: Int[Array, "b w"]) -> Array:
    """[b w ...]: rows of each search."""
    return jax.vmap(lambda rows, index: rows[index])(x, at)


def _flat(stay, grow):
    return jnp.concatenate([stay, grow], -1).reshape(len(stay), -1)


def _key(key, code):
    return (key ^ (code.astype(jnp.uint32) + 1)) * FACTOR + np.uint32(1)
