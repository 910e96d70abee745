"""From evidence along a line to its text, with places and alternatives."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from strokejax.search.beam import read_ctc
from strokejax.search.ctc import align
from strokejax.search.language import LanguageModel, no_language

BEAM_WIDTH, CANDIDATES = 24, 12
"""Hypotheses, and characters tried at each step."""
ALTERNATIVES = 5
"""Alternatives listed for each character."""


class Character(NamedTuple):
    """One character of a reading."""

    char: str
    confidence: float
    """Its highest probability among its steps."""
    x0: float
    x1: float
    """Its place: columns of the picture."""
    others: tuple[tuple[str, float], ...] = ()
    """The most probable characters there, with the chosen one, best first."""


class Reading(NamedTuple):
    """The text of a line."""

    text: str
    confidence: float
    """Probability of the whole text, without the language model."""
    characters: tuple[Character, ...]


def search(
    log_p: Float[Array | np.ndarray, "b t c+1"],
    steps: Int[np.ndarray, "b"],
    alphabet: Sequence[str],
    language: LanguageModel | None,
    columns: Sequence[Callable[[int], float]],
) -> list[Reading]:
    """The best readings of lines, by CTC prefix beam search.

    `steps` are the valid steps of each row; `columns` has for each line a function from
    a step to the column where it begins. There may be fewer lines than rows.
    """
    language = no_language(len(alphabet)) if language is None else language
    limit = max(1, log_p.shape[1] // 2)
    hypotheses = read_ctc(
        jnp.asarray(log_p),
        steps,
        language,
        width=BEAM_WIDTH,
        candidates=CANDIDATES,
        limit=limit,
    )
    text, length, evidence = jax.device_get(
        (hypotheses.text[:, 0], hypotheses.length[:, 0], hypotheses.evidence[:, 0])
    )
    rows = np.asarray(log_p)
    return [
        _reading(rows[i, : steps[i]], text[i, : length[i]], evidence[i], alphabet, at)
        for i, at in enumerate(columns)
    ]


def _reading(log_p: Any, text: Any, evidence: Any, alphabet, at) -> Reading:
    first, last = align(log_p, text)
    characters = []
    for code, a, b in zip(text, first, last, strict=True):
        peak = log_p[a + int(log_p[a : b + 1, code].argmax())]
        best = np.argsort(-peak[:-1], kind="stable")[:ALTERNATIVES].tolist()
        # The language model may have chosen a less probable character than these.
        best = best if code in best else [*best[:-1], int(code)]
        others = tuple((alphabet[i], float(np.exp(peak[i]))) for i in best)
        place = round(at(int(a)), 1), round(at(int(b) + 1), 1)
        confidence = float(np.exp(peak[code]))
        characters.append(Character(alphabet[code], confidence, *place, others))
    line = "".join(character.char for character in characters)
    return Reading(line, float(np.exp(evidence)), tuple(characters))
