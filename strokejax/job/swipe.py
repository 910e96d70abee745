"""The job "swipe": a network that types words from swipes."""

from pathlib import Path
from typing import Any

import numpy as np

from strokejax.config import Config
from strokejax.data.pipeline import stream
from strokejax.job.swipe_finish import finish
from strokejax.job.swipe_setup import Setup, batches, measure_by, prepare
from strokejax.job.training import plan_of, train_by
from strokejax.job.workdir import check_owner, claim
from strokejax.lexicon import lexicon
from strokejax.partitioning import check_batch_size, data_mesh, local_slice
from strokejax.processes import together
from strokejax.ranking import Weights
from strokejax.state import TrainState
from strokejax.steps import make_step
from strokejax.swipe_scores import swipe_scores
from strokejax.typist import Typist


def run(config: Config, workdir: Path, started: float) -> dict[str, Any]:
    """Trains (or goes on), types held-out swipes, reports, exports a model.

    Returns the job's last line. `started` is when the process began, in seconds of
    `time.time`.
    """
    mesh = data_mesh()
    with together():
        check_owner(workdir, config)
        check_batch_size(config.loop.batch_size, mesh)
        setup = prepare(config)
    claim(workdir, config)
    at = batches(config, setup, local_slice(config.loop.batch_size))
    scoring, state, steps = train_by(
        config,
        workdir,
        mesh,
        plan=plan_of(config, config.swipe.epoch),
        params=setup.params,
        model_state={},
        step=lambda optimizer: make_step(
            setup.encoder, optimizer, measure_by(config, len(setup.letters))
        ),
        batches=lambda start: stream(at, start, config.loop.overfit_batches),
        scoring=lambda start: Scoring(setup),
    )
    line = {"job": config.job, "workdir": str(workdir), "steps": steps}
    return line | finish(config, workdir, setup, state, scoring.all(state), started)


class Scoring:
    """Called with a state after each epoch: words of the held-out swipes."""

    def __init__(self, setup: Setup):
        self._setup = setup
        self._lexicon = lexicon(
            setup.words, setup.keys, setup.letters, weight=Weights().frequency
        )
        labels, end = setup.valid.labels, len(setup.letters)
        self.truth = [
            "".join(setup.letters[c] for c in row if 0 <= c < end) for row in labels
        ]

    def typist(self, state: TrainState) -> Typist:
        """What types by a state."""
        setup = self._setup
        return Typist(
            setup.spec,
            state.params["encoder"],
            setup.letters,
            setup.keys,
            self._lexicon,
        )

    def __call__(self, state: TrainState) -> dict[str, Any]:
        """Scores on the first layout; some keyboards' widths are unknown."""
        return {k: v for k, v in self.all(state).items() if isinstance(v, float)}

    def all(self, state: TrainState) -> dict[str, Any]:
        """`swipe_scores` of the held-out swipes."""
        valid = self._setup.valid.inputs
        known = np.asarray(valid["known"]) > 0
        found = self.typist(state).type(
            [*np.asarray(valid["points"])], known=known.tolist()
        )
        words = [[guess.word for guess in guesses] for guesses in found]
        return swipe_scores(words, self.truth)

    def close(self) -> None:
        """Nothing is held."""
