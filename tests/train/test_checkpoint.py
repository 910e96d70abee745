"""Checkpoints: the state comes back bit for bit, and other shapes are refused."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from strokejax.train.checkpoint import BEST, LAST, Checkpoints
from strokejax.train.optim import make_optimizer
from strokejax.train.state import create_state
from strokejax.types import InputError


def small_state(rows=3):
    params = {
        "encoder": {"out": {"kernel": jnp.arange(6.0).reshape(2, 3)}},
        "table": {"embeddings": jnp.ones((rows, 3)), "log_scale": jnp.float32(1)},
    }
    optimizer = make_optimizer(params, train="all", learning_rate=1e-3)
    return create_state(params, {}, optimizer, jax.random.key(7))


def assert_same(a, b):
    plain = jax.tree.map(
        lambda x: jax.random.key_data(x) if x.dtype == a.key.dtype else x, (a, b)
    )
    jax.tree.map(np.testing.assert_array_equal, *plain)


def test_nothing_saved_is_none(tmp_path):
    checkpoints = Checkpoints(tmp_path)
    assert checkpoints.restore(LAST, small_state()) is None
    checkpoints.close()


def test_the_newest_state_comes_back_whole(tmp_path):
    checkpoints, state = Checkpoints(tmp_path), small_state()
    for step in (1, 2, 3):
        state = state._replace(step=jnp.int32(step))
        checkpoints.save(LAST, state, {"best": step / 4, "waited": step})
    checkpoints.save(BEST, state._replace(step=jnp.int32(2)), {})
    checkpoints.close()
    again = Checkpoints(tmp_path)
    restored = again.restore(LAST, small_state())
    best = again.restore(BEST, small_state())
    again.close()
    assert restored is not None
    assert best is not None
    assert_same(restored.state, state)
    assert restored.progress == {"best": 0.75, "waited": 3}
    assert int(best.state.step) == 2
    assert len(list((tmp_path / "checkpoints" / LAST).iterdir())) == 2


def test_another_shape_is_one_sentence(tmp_path):
    checkpoints = Checkpoints(tmp_path)
    checkpoints.save(LAST, small_state(), {})
    with pytest.raises(InputError, match=r"\(3, 3\).*\(5, 3\)"):
        checkpoints.restore(LAST, small_state(rows=5))
    checkpoints.close()
