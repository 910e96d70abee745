"""Data parallelism on any number of devices and hosts: replicated state, split batch."""

import jax
import numpy as np
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec

from strokejax.types import InputError, PyTree

DATA = "data"


def initialize(coordinator: str, num_processes: int, process_id: int) -> None:
    """Joins the processes of a job; empty or negative values are found by jax itself.

    SLURM, Kubernetes and TPU pods tell jax all three.
    """
    try:
        jax.distributed.initialize(
            coordinator or None,
            num_processes if num_processes > 0 else None,
            process_id if process_id >= 0 else None,
        )
    except (ValueError, RuntimeError) as error:
        raise InputError(
            f"The processes could not be joined ({str(error).splitlines()[0]}); give "
            f"--coordinator=HOST:PORT --num_processes=N --process_id=I to each."
        ) from error


def data_mesh() -> Mesh:
    """One axis over all devices of all hosts.

    Auto axes: under Explicit ones, `labels[:, None] == labels` on a sharded batch fails.
    """
    return jax.make_mesh((jax.device_count(),), (DATA,), axis_types=(AxisType.Auto,))


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
    """The one way out: whole numpy arrays on every process, rows in their order."""
    if jax.process_count() == 1:
        return jax.device_get(tree)
    from jax.experimental.multihost_utils import process_allgather

    return process_allgather(tree, tiled=True)


def _put(sharding, x, global_shape):
    if isinstance(x, jax.Array) and jax.dtypes.issubdtype(x.dtype, jax.dtypes.prng_key):
        data = np.asarray(jax.random.key_data(x))
        return jax.random.wrap_key_data(_put(sharding, data, data.shape))
    return jax.make_array_from_process_local_data(sharding, np.asarray(x), global_shape)
