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
SMOOTHING = 0.01
"""Share of an even distribution in each context's probabilities: no context makes any
character hopeless."""
MIN_SHARE = 0.006
"""Answers less probable than this share of the best one are no candidates."""
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

    `weight` is that of the character model, `width` the beam width.
    """
    alphabet = tuple("" if n is None else symbols.text(n) for n in symbols.names)
    slots = {name: symbols.slots_of(name)[0] for name in symbols.symbols}
    language = _language(alphabet, model, weight)
    return Spelling(alphabet, slots, jax.device_put(language), start(1, width, PENDING))


def _language(
    alphabet: tuple[str, ...], model: CharacterModel, weight: float
) -> LanguageModel:
    """Scores of the texts that symbols type, in the context of those before.

    A text of several characters has the geometric mean of their probabilities, since
    one answer stands for all, and continues the context. No text is less probable than
    a character that the model has never seen: people type their own symbols anywhere.
    """
    several = [text for text in alphabet if len(text) > 1]
    column = {c: len(alphabet) + i for i, c in enumerate({*"".join(several)})}
    characters = (*alphabet, *column)
    language = with_characters(no_language(len(characters)), model, characters, weight)
    unseen = 1 / model.vocabulary
    p = (1 - SMOOTHING) * np.exp(language.log_p) + SMOOTHING * unseen
    log_p, following = np.log(p).astype(np.float32), language.next_context
    for slot, text in enumerate(alphabet):
        if len(text) > 1:
            context, total = np.arange(len(p)), 0.0
            for character in text:
                total = total + log_p[context, column[character]]
                context = following[context, column[character]]
            log_p[:, slot] = np.maximum(total / len(text), np.log(unseen))
            following[:, slot] = context
    n = len(alphabet)
    return language._replace(log_p=log_p[:, :n], next_context=following[:, :n])


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
    p = np.array([answer.probability], np.float32)
    # The context may choose among likely answers, not bring back one that is excluded.
    with np.errstate(divide="ignore"):
        log_p = np.log(np.where(p >= MIN_SHARE * p.max(), p, 0))
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
