"""Scores of a typist while it is trained."""

from typing import Any

import numpy as np

from strokejax.tasks.swipes.decode_lexicon import lexicon
from strokejax.tasks.swipes.decode_ranking import USUAL, Decoder
from strokejax.tasks.swipes.job import Setup
from strokejax.tasks.swipes.scores_swipe_scores import swipe_scores
from strokejax.tasks.swipes.typist import Guess, Typist
from strokejax.train.state import TrainState


class Scoring:
    """Called with a state after each epoch: words of the held-out swipes."""

    def __init__(self, setup: Setup):
        self._setup = setup
        weight = USUAL.weights.frequency
        self._lexicon = lexicon(setup.words, setup.keys, setup.letters, weight=weight)
        labels, end = setup.valid.labels, len(setup.letters)
        self.swipes = [*np.asarray(setup.valid.inputs["points"])]
        self.known = np.asarray(setup.valid.inputs["known"]) > 0
        self.truth = [
            "".join(setup.letters[c] for c in row if 0 <= c < end) for row in labels
        ]

    def typist(self, state: TrainState, decoder: Decoder = USUAL) -> Typist:
        """What types by a state."""
        setup, params = self._setup, state.params["encoder"]
        return Typist(
            setup.spec, params, setup.letters, setup.keys, self._lexicon, decoder
        )

    def __call__(self, state: TrainState) -> dict[str, Any]:
        """Scores on the first layout; some keyboards' widths are unknown."""
        found = self.scores(self.typed(self.typist(state)))
        return {name: x for name, x in found.items() if isinstance(x, float)}

    def typed(self, typist: Typist) -> list[list[Guess]]:
        """Words of the held-out swipes, as they are written on the keys."""
        found = typist.type(self.swipes, known=self.known.tolist())
        return [
            [Guess(typist.written(word), score) for word, score in each]
            for each in found
        ]

    def scores(self, typed: list[list[Guess]]) -> dict[str, Any]:
        """`swipe_scores` of typed words."""
        return swipe_scores([[g.word for g in each] for each in typed], self.truth)

    def close(self) -> None:
        """Nothing is held."""
