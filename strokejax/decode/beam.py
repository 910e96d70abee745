"""The best texts for a sequence of uncertain answers: a pruned beam; pure."""

import math
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from strokejax.answers import Answer
from strokejax.decode.character_model import CharacterModel
from strokejax.symbols import SPACE

WIDTH = 32
WEIGHT = 0.45
"""Of the character model beside the answers, whose probabilities are less spread."""
MAX_TEXT = 1_000
"""Characters of a text; of a longer one the end is kept."""
UNKNOWN = "\ufffd"
"""What the character model sees of a symbol that it has never seen in words."""


class Path(NamedTuple):
    """One text and how good it is."""

    text: str
    context: str
    """What the character model needs to know of it."""
    score: float
    """Log probability of the answers, plus the weighted one of the characters."""


class Beam(NamedTuple):
    """The best texts so far, best first."""

    paths: tuple[Path, ...]

    @property
    def text(self) -> str:
        """The best one."""
        return self.paths[0].text


def start(model: CharacterModel) -> Beam:
    """Nothing read yet."""
    return Beam((Path("", model.start, 0.0),))


def advance(
    beam: Beam,
    log_probabilities: Mapping[str, float],
    model: CharacterModel,
    *,
    weight: float = WEIGHT,
    width: int = WIDTH,
) -> Beam:
    """The best `width` texts after one more answer.

    `log_probabilities` are natural logarithms by what an answer adds to the text; ""
    adds nothing and costs the character model nothing. Ways to the same text add up.
    Without entries the beam stays as it is.
    """
    found: dict[str, Path] = {}
    for text, context, score in beam.paths:
        for added, log_p in log_probabilities.items():
            total, after = score + log_p, context
            if added:
                character = added if added in model else UNKNOWN
                total += weight * _log_probability(model, context, character)
                after = model.extend(context, character)
            if (twin := found.get(text + added)) is not None:
                total = float(np.logaddexp(total, twin.score))
            found[text + added] = Path(text + added, after, total)
    paths = sorted(found.values(), key=lambda path: (-path.score, path.text))
    return _bounded(Beam(tuple(paths[:width]))) if paths else beam


def from_answer(answer: Answer) -> dict[str, float]:
    """An answer's log probabilities by text: the blank stroke is a space."""
    ranked = zip(answer.symbols, answer.probability, strict=True)
    return {
        " " if symbol == SPACE else symbol: float(np.log(max(p, 1e-12)))
        for symbol, p in ranked
    }


def _log_probability(model: CharacterModel, context: str, character: str) -> float:
    """Words say nothing of a user's own symbols: there each counts as one of all."""
    if character == UNKNOWN:
        return -math.log(model.vocabulary)
    return model.log_probability(context, character)


def _bounded(beam: Beam) -> Beam:
    """Texts of at most MAX_TEXT characters: what lies before is settled by the best."""
    excess = len(beam.text) - MAX_TEXT
    if excess <= 0:
        return beam
    settled = beam.text[:excess]
    kept = (path for path in beam.paths if path.text.startswith(settled))
    return Beam(tuple(path._replace(text=path.text[excess:]) for path in kept))
