"""From evidence along a line to its text: search, places, alternatives."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from strokejax.search.beam import read_ctc
from strokejax.search.ctc import align
from strokejax.search.language import Guide, no_guide

BEAM, MOST = 24, 12
"""Texts that are kept, and characters that are tried at a step."""
SHOWN = 5
"""Alternatives of a character."""


class Character(NamedTuple):
    """One character of a reading."""

    char: str
    confidence: float
    """Its highest probability along its place."""
    x0: float
    x1: float
    """Its place: columns of the picture that was read."""
    others: tuple[tuple[str, float], ...] = ()
    """The most probable characters there, with the chosen one, best first."""


class Reading(NamedTuple):
    """What a line says."""

    text: str
    confidence: float
    """Probability of the whole text, without what the language says."""
    characters: tuple[Character, ...]


def search(
    log_p: Float[Array | np.ndarray, "b t c+1"],
    steps: Int[np.ndarray, "b"],
    alphabet: Sequence[str],
    guide: Guide | None,
    columns: Sequence[Callable[[int], float]],
) -> list[Reading]:
    """The best readings of lines; `columns` say where a step begins, line by line.

    There may be fewer lines than rows of evidence.
    """
    guide = no_guide(len(alphabet)) if guide is None else guide
    limit = max(1, log_p.shape[1] // 2)
    paths = read_ctc(
        jnp.asarray(log_p), steps, guide, width=BEAM, most=MOST, limit=limit
    )
    text, length, evidence = jax.device_get(
        (paths.text[:, 0], paths.length[:, 0], paths.evidence[:, 0])
    )
    own = np.asarray(log_p)
    return [
        _reading(own[i, : steps[i]], text[i, : length[i]], evidence[i], alphabet, at)
        for i, at in enumerate(columns)
    ]


def _reading(log_p: Any, text: Any, evidence: Any, alphabet, at) -> Reading:
    first, last = align(log_p, text)
    characters = []
    for code, a, b in zip(text, first, last, strict=True):
        peak = log_p[a + int(log_p[a : b + 1, code].argmax())]
        best = np.argsort(-peak[:-1], kind="stable")[:SHOWN].tolist()
        # What the language chose may be none of these.
        best = best if code in best else [*best[:-1], int(code)]
        others = tuple((alphabet[i], float(np.exp(peak[i]))) for i in best)
        place = round(at(int(a)), 1), round(at(int(b) + 1), 1)
        sure = float(np.exp(peak[code]))
        characters.append(Character(alphabet[code], sure, *place, others))
    said = "".join(each.char for each in characters)
    return Reading(said, float(np.exp(evidence)), tuple(characters))
