"""The best text for symbols that come one after the other; immutable."""

from dataclasses import dataclass, replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from strokejax.search.beam import Paths, spelled, start
from strokejax.search.character_model import CharacterModel
from strokejax.search.language import Guide, Place, no_guide, with_characters
from strokejax.table.knn import Answer
from strokejax.table.symbols import SymbolTable

WIDTH = 32
WEIGHT = 0.45
"""Of the character model beside the answers, whose probabilities are less spread."""
OPEN = 64
"""Characters at the end of a text that an answer can still change."""
MAX_TEXT = 1_000
"""Characters of a text; of a longer one the end is kept."""


@dataclass(frozen=True)
class Spelling:
    """What has been read: a settled beginning, and paths for the rest."""

    alphabet: tuple[str, ...]
    """What each symbol types, by slot."""
    slots: dict[str, int]
    guide: Guide
    paths: Paths
    settled: str = ""

    @property
    def text(self) -> str:
        """The best one."""
        return (self.settled + _typed(self))[-MAX_TEXT:]


def begin(
    symbols: SymbolTable,
    model: CharacterModel,
    *,
    weight: float = WEIGHT,
    width: int = WIDTH,
) -> Spelling:
    """Nothing read yet.

    A symbol that types something else than one character of the model's counts there
    as a character that was never seen.
    """
    alphabet = tuple("" if n is None else symbols.text(n) for n in symbols.names)
    slots = {name: symbols.slots_of(name)[0] for name in symbols.symbols}
    guide = with_characters(no_guide(len(alphabet)), model, alphabet, weight)
    return Spelling(alphabet, slots, jax.device_put(guide), start(1, width, OPEN))


def renewed(spelling: Spelling, other: Spelling) -> Spelling:
    """`other`, just begun, that goes on with what was read by the same characters."""
    best = Place(*(np.asarray(x)[:, :1] for x in spelling.paths.place))
    width = other.paths.length.shape[1]
    place = Place(*(np.repeat(x, width, 1) for x in best))
    return replace(
        other, paths=other.paths._replace(place=place), settled=spelling.text
    )


def advance(spelling: Spelling, answer: Answer) -> Spelling:
    """After one more answer; one without symbols changes nothing."""
    if not answer.symbols:
        return spelling
    code = np.array([[spelling.slots[name] for name in answer.symbols]])
    log_p = np.log(np.maximum(np.array([answer.probability], np.float32), 1e-12))
    paths = _step(spelling.paths, log_p, code, spelling.guide)
    after = replace(spelling, paths=paths)
    return _settled(after) if int(paths.length[0, 0]) == OPEN else after


@jax.jit
def _step(paths: Paths, log_p: Any, code: Any, guide: Guide) -> Paths:
    nothing = jnp.full(1, -jnp.inf)
    return spelled(paths, log_p, nothing, code, guide)


def _settled(spelling: Spelling) -> Spelling:
    """With half of the open characters settled by the best path."""
    half, paths = OPEN // 2, spelling.paths
    text = np.asarray(paths.text)
    alike = (text[:, :, :half] == text[:, :1, :half]).all(-1)
    paths = paths._replace(
        text=np.pad(text[..., half:], ((0, 0), (0, 0), (0, half)), constant_values=-1),
        length=paths.length - half,
        evidence=np.where(alike, paths.evidence, -np.inf).astype(np.float32),
    )
    typed = "".join(spelling.alphabet[i] for i in text[0, 0, :half])
    settled = (spelling.settled + typed)[-MAX_TEXT:]
    return replace(spelling, paths=paths, settled=settled)


def _typed(spelling: Spelling) -> str:
    best = np.asarray(spelling.paths.text[0, 0])
    return "".join(spelling.alphabet[i] for i in best[best >= 0])
