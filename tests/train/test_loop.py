"""The training loop on a stand-in for a network."""

import itertools
from types import SimpleNamespace
from typing import NamedTuple

import jax
import jax.numpy as jnp
import pytest

from strokejax.train.loop import Plan, train
from strokejax.types import InputError


class State(NamedTuple):
    step: jax.Array


class StoredDrawing(SimpleNamespace):
    """Remembers in place of checkpoints and writers."""

    def save(self, _, state, __):
        self.saved = int(state.step)

    def write(self, step, values):
        self.rows = [*getattr(self, "rows", ()), (step, values)]


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_a_loss_that_is_no_number_ends_the_run_before_it_is_saved(bad):
    @jax.jit
    def step_fn(state, _):
        step = state.step + 1
        loss = jnp.where(step < 5, 1.0, bad)
        return State(step), {"loss": loss, "top1": jnp.zeros(())}

    kept = StoredDrawing()
    with pytest.raises(InputError, match=r"at step 5.*learning_rate") as error:
        train(
            State(jnp.array(0)),
            step_fn,
            itertools.repeat({}),
            lambda state: {"top1": 0.0},
            plan=Plan(20, 20, 1, log_every=1, checkpoint_every=2),
            learning_rate=lambda step: 0.1,
            checkpoints=kept,
            writers=[kept],
            progress={},
        )
    assert str(error.value).count(". ") == 0
    assert kept.saved == 4
    assert [step for step, _ in kept.rows] == [1, 2, 3, 4, 5]
