"""The best text for a sequence of answers, with a character model; immutable.

Each answer adds one character to every hypothesis of a beam search. The beam holds the
end of the text, which later answers can still change; the text before it is committed,
so that an endless text needs constant memory.
"""

from dataclasses import dataclass, replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from strokejax.search.beam import Hypotheses, start, symbol_step
from strokejax.search.character_model import CharacterModel
from strokejax.search.language import (
    LanguageModel,
    LanguageState,
    no_language,
    with_characters,
)
from strokejax.table.knn import Answer
from strokejax.table.symbols import SymbolTable

BEAM_WIDTH = 32
WEIGHT = 0.45
"""Of the character model's log probabilities; below 1 since those of the answers are
less spread."""
PENDING = 64
"""Characters at the end of a text that later answers can still change."""
MAX_TEXT = 1_000
"""Characters of a text; a longer one loses its beginning."""


@dataclass(frozen=True)
class Spelling:
    """A text being read: its committed beginning, and hypotheses for the rest."""

    alphabet: tuple[str, ...]
    """The text that each slot's symbol types."""
    slots: dict[str, int]
    """A slot for each symbol."""
    language: LanguageModel
    """On the device; its characters are slots."""
    hypotheses: Hypotheses
    """Of one search; texts of at most `PENDING` slots."""
    committed: str = ""

    @property
    def text(self) -> str:
        """The committed beginning and the best hypothesis."""
        return (self.committed + _best_pending(self))[-MAX_TEXT:]


def begin(
    symbols: SymbolTable,
    model: CharacterModel,
    *,
    weight: float = WEIGHT,
    width: int = BEAM_WIDTH,
) -> Spelling:
    """An empty text.

    `weight` is that of the character model, `width` the beam width. A symbol that types
    anything but one character of the model counts as an unseen character.
    """
    alphabet = tuple("" if n is None else symbols.text(n) for n in symbols.names)
    slots = {name: symbols.slots_of(name)[0] for name in symbols.symbols}
    language = with_characters(no_language(len(alphabet)), model, alphabet, weight)
    return Spelling(alphabet, slots, jax.device_put(language), start(1, width, PENDING))


def resume(spelling: Spelling, fresh: Spelling) -> Spelling:
    """`fresh`, an empty text with other symbols, continued after `spelling`.

    The text read so far is committed. Both need the same character model: the context
    of the best hypothesis carries over.
    """
    best = LanguageState(*(np.asarray(x)[:, :1] for x in spelling.hypotheses.state))
    width = fresh.hypotheses.length.shape[1]
    state = LanguageState(*(np.repeat(x, width, 1) for x in best))
    hypotheses = fresh.hypotheses._replace(state=state)
    return replace(fresh, hypotheses=hypotheses, committed=spelling.text)


def advance(spelling: Spelling, answer: Answer) -> Spelling:
    """The text after one more answer; an answer without symbols changes nothing."""
    if not answer.symbols:
        return spelling
    slots = np.array([[spelling.slots[name] for name in answer.symbols]])
    # The floor 1e-12 keeps symbols of probability 0 finite.
    log_p = np.log(np.maximum(np.array([answer.probability], np.float32), 1e-12))
    hypotheses = _step(spelling.hypotheses, log_p, slots, spelling.language)
    after = replace(spelling, hypotheses=hypotheses)
    # All hypotheses have one length: each answer adds a character to every one.
    return _commit(after) if int(hypotheses.length[0, 0]) == PENDING else after


@jax.jit
def _step(
    hypotheses: Hypotheses, log_p: Any, slots: Any, language: LanguageModel
) -> Hypotheses:
    # Every answer adds a character: the alternative "nothing" has probability 0.
    nothing = jnp.full(1, -jnp.inf)
    return symbol_step(hypotheses, log_p, nothing, slots, language)


def _commit(spelling: Spelling) -> Spelling:
    """Commits the older half of the best hypothesis; drops those that disagree."""
    half, hypotheses = PENDING // 2, spelling.hypotheses
    text = np.asarray(hypotheses.text)
    agree = (text[:, :, :half] == text[:, :1, :half]).all(-1)
    hypotheses = hypotheses._replace(
        text=np.pad(text[..., half:], ((0, 0), (0, 0), (0, half)), constant_values=-1),
        length=hypotheses.length - half,
        evidence=np.where(agree, hypotheses.evidence, -np.inf).astype(np.float32),
    )
    typed = "".join(spelling.alphabet[i] for i in text[0, 0, :half])
    committed = (spelling.committed + typed)[-MAX_TEXT:]
    return replace(spelling, hypotheses=hypotheses, committed=committed)


def _best_pending(spelling: Spelling) -> str:
    """What the best hypothesis types."""
    best = np.asarray(spelling.hypotheses.text[0, 0])
    return "".join(spelling.alphabet[i] for i in best[best >= 0])
