"""Laws of data parallelism: eight devices, simulated on a CPU, do what one does."""

import jax
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from strokejax.train.distributed import (
    check_batch_size,
    data_mesh,
    local_slice,
    replicate,
    to_global,
    to_host,
)
from strokejax.types import InputError
from tests.support import jobs

EIGHT = """
import json, jax, numpy as np
from strokejax.train.distributed import *
mesh = data_mesh()
rows = {"x": np.arange(48.0).reshape(16, 3), "y": np.arange(16)}
split = to_global(rows, mesh)
key = replicate({"key": jax.random.key(3), "w": np.ones(5)}, mesh)
with jax.transfer_guard("disallow"):
    sums = jax.jit(lambda t: t["x"].sum(-1))(split)
print(json.dumps({
    "devices": mesh.size,
    "back": all((to_host(split)[k] == rows[k]).all() for k in rows),
    "shards": [s.data.tolist() for s in split["y"].addressable_shards],
    "sums": to_host(sums).tolist(),
    "replicated": [x.is_fully_replicated for x in jax.tree.leaves(key)],
    "same_draw": bool((jax.random.uniform(key["key"], (4,))
                       == jax.random.uniform(jax.random.key(3), (4,))).all()),
}))
"""


@pytest.fixture(scope="module")
def eight(shared_cache):
    return jobs.script(shared_cache, EIGHT, devices=8)


def test_rows_are_split_in_order(eight):
    assert eight["devices"] == 8
    assert eight["shards"] == [[2 * i, 2 * i + 1] for i in range(8)]


def test_what_goes_in_comes_out(eight):
    assert eight["back"]
    assert eight["sums"] == np.arange(48.0).reshape(16, 3).sum(-1).tolist()


def test_replicas_keep_keys(eight):
    assert eight["replicated"] == [True, True]
    assert eight["same_draw"]


def test_eight_devices_train_like_one(one_device, shared_cache, tmp_path):
    line, _ = jobs.run(
        shared_cache, *jobs.SIX_STEPS, f"--workdir={tmp_path / 'run'}", devices=8
    )
    assert line["steps"] == 6
    jobs.assert_close(tmp_path / "run", one_device)


def test_a_batch_that_devices_cannot_share_is_refused(shared_cache, tmp_path):
    workdir = tmp_path / "run"
    arguments = "--config.loop.batch_size=30", f"--workdir={workdir}"
    _, err = jobs.run(shared_cache, *jobs.SMALL, *arguments, code=2, devices=8)
    assert err == (
        "strokejax: A batch of 30 cannot be split evenly over 8 devices; make "
        "config.loop.batch_size a multiple of 8.\n"
    )
    assert not workdir.exists()


@given(st.integers(1, 9), st.integers(1, 20))
def test_processes_feed_every_row_once(processes, share):
    rows = np.arange(processes * share)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(jax, "process_count", lambda: processes)
        parts = []
        for index in range(processes):
            patch.setattr(jax, "process_index", lambda index=index: index)
            parts.append(rows[local_slice(len(rows))])
    assert {len(part) for part in parts} == {share}
    np.testing.assert_array_equal(np.concatenate(parts), rows)


def test_one_device_is_a_mesh_too(rng):
    mesh = data_mesh()
    check_batch_size(7 * mesh.size, mesh)
    batch = {"x": rng.normal(size=(4 * mesh.size, 3)).astype(np.float32)}
    np.testing.assert_array_equal(to_host(to_global(batch, mesh))["x"], batch["x"])
    assert replicate(batch, mesh)["x"].is_fully_replicated


def test_uneven_batches_raise():
    class Three:
        size = 3

    with pytest.raises(InputError, match="A batch of 8 cannot be split evenly over 3"):
        check_batch_size(8, Three())
