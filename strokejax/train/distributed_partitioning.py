"""Data parallelism on any devices and hosts: replicated state, split batches."""

import jax
import numpy as np
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec

from strokejax.types import InputError, PyTree

DATA = "data"


def data_mesh() -> Mesh:
    """One axis over all devices of all hosts, those of a process side by side.

    `jax.make_mesh` would order them by a pod's wiring, and `local_slice` would no
    longer say which rows a process holds. Auto axes: under Explicit ones
    `labels[:, None] == labels` on a split batch fails.
    """
    devices = sorted(jax.devices(), key=lambda d: (d.process_index, d.id))
    return Mesh(np.array(devices), (DATA,), axis_types=(AxisType.Auto,))


def check_batch_size(batch_size: int, mesh: Mesh) -> None:
    """InputError unless the devices share a batch evenly."""
    if batch_size % mesh.size:
        raise InputError(
            f"A batch of {batch_size} cannot be split evenly over {mesh.size} devices; "
            f"make config.loop.batch_size a multiple of {mesh.size}."
        )


def local_slice(batch_size: int) -> slice:
    """The rows of a global batch that this process feeds."""
    share = batch_size // jax.process_count()
    start = jax.process_index() * share
    return slice(start, start + share)


def replicate(tree: PyTree, mesh: Mesh) -> PyTree:
    """The same values on every device; every process passes the same."""
    sharding = NamedSharding(mesh, PartitionSpec())
    return jax.tree.map(lambda x: _put(sharding, x, jax.numpy.shape(x)), tree)


def to_global(batch: PyTree, mesh: Mesh) -> PyTree:
    """The one way in: this process's rows become its part of the global arrays."""
    sharding = NamedSharding(mesh, PartitionSpec(DATA))

    def put(x):
        rows = len(x) * jax.process_count()
        return _put(sharding, x, (rows, *x.shape[1:]))

    return jax.tree.map(put, batch)


def to_host(tree: PyTree) -> PyTree:
    """The one way out: whole numpy arrays on every process, rows in their order.

    All processes must come here: arrays split between them are gathered, replicated and
    local ones are only read.
    """
    if jax.process_count() == 1:
        return jax.device_get(tree)
    from jax.experimental.multihost_utils import process_allgather

    def read(x):
        split = isinstance(x, jax.Array) and not (
            x.is_fully_addressable or x.is_fully_replicated
        )
        return process_allgather(x, tiled=True) if split else np.asarray(x)

    return jax.tree.map(read, tree)


def _put(sharding, x, global_shape):
    if isinstance(x, jax.Array) and jax.numpy.issubdtype(x.dtype, jax.dtypes.prng_key):
        data = np.asarray(jax.random.key_data(x))
        return jax.random.wrap_key_data(_put(sharding, data, data.shape))
    data = np.asarray(x)
    # Between several processes jax takes this for an implicit transfer.
    with jax.transfer_guard_host_to_device("allow"):
        return jax.make_array_from_process_local_data(sharding, data, global_shape)
