"""Data parallelism: replicated state, batches split over all devices of all processes.

The first part is about the processes of a job: how they join, fail and exit together.
"""

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

import jax
import numpy as np
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec

from strokejax.types import InputError, PyTree

GRACE = 10.0
"""Seconds that a failed process waits for the others to fail as well."""
DATA = "data"
"""The mesh axis of the batch."""

# Processes


def join(
    coordinator: str, num_processes: int, process_id: int, *, timeout: int = 300
) -> None:
    """Joins the processes of a job; jax detects empty or negative values itself.

    SLURM, Kubernetes and TPU pods provide all three. InputError for invalid values; if
    others do not join within `timeout` seconds, the process prints one sentence and
    exits with code 2.
    """
    _check_address(coordinator)
    # jax's own handler would swallow a SIGTERM that comes before the loop's is set.
    jax.config.update("jax_enable_preemption_service", False)
    # On its own timeout jax aborts with a C++ stack trace: this timer fires before it.
    alarm = threading.Timer(timeout, _exit_unjoined, [coordinator, timeout])
    alarm.daemon = True
    alarm.start()
    try:
        jax.distributed.initialize(
            coordinator or None,
            num_processes if num_processes > 0 else None,
            process_id if process_id >= 0 else None,
            initialization_timeout=timeout + 60,
        )
        # On CPUs a first collective fails if another process reaches it 30 s later.
        _gather(False)
    except (RuntimeError, TypeError, ValueError) as error:
        raise InputError(
            f"The processes could not join "
            f"({str(error).splitlines()[0].rstrip('.')}); start each with "
            f"--coordinator=HOST:PORT (a free port on the host of process 0), "
            f"--num_processes=N and its --process_id, 0 to N-1."
        ) from error
    finally:
        alarm.cancel()


@contextmanager
def together() -> Iterator[None]:
    """Raises in all processes if one raises inside; the others raise InputError.

    Every process must enter, and must not wait for the others inside.
    """
    failure = None
    try:
        yield
    except Exception as error:
        failure = error
    failed = np.flatnonzero(_gather(failure is not None))
    if failure is not None:
        raise failure
    if len(failed):
        raise InputError(
            f"Process {failed[0]} of {jax.process_count()} failed; fix the error in "
            f"its output and start all processes again."
        )


def any_process(flag: bool) -> bool:
    """Whether `flag` is set in at least one process; every process must call this."""
    return bool(_gather(flag).any())


def leave(code: int) -> NoReturn:
    """Exits a failed process, after `GRACE` seconds even if the others run on.

    A regular exit waits minutes for the others, which wait for this process; its closed
    connections tell them to stop.
    """
    shutdown = threading.Thread(target=jax.distributed.shutdown, daemon=True)
    shutdown.start()
    shutdown.join(GRACE)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def _gather(flag: bool) -> np.ndarray:
    """bool[n]: the flags of all processes."""
    if jax.process_count() == 1:
        return np.array([flag])
    from jax.experimental.multihost_utils import process_allgather

    return process_allgather(np.array(flag))


def _check_address(coordinator: str) -> None:
    host, _, port = coordinator.rpartition(":")
    if coordinator and not (host and port.isdigit() and 0 < int(port) < 2**16):
        raise InputError(
            f"--coordinator={coordinator} is not HOST:PORT; give the host of process 0 "
            f"and a free port on it, 1 to 65535, like 10.0.0.1:1234."
        )


def _exit_unjoined(coordinator: str, timeout: int) -> None:
    print(
        f"strokejax: Not all processes joined within {timeout} s at "
        f"{coordinator or 'the address that jax detected'}; start all of them with the "
        f"same --coordinator, a port of process 0's host that all can reach, or raise "
        f"--join_timeout=SECONDS.",
        file=sys.stderr,
        flush=True,
    )
    os._exit(2)


# Devices


def data_mesh() -> Mesh:
    """One axis over the devices of all hosts; those of a process are adjacent.

    `jax.make_mesh` orders devices by a pod's wiring; then `local_slice` would not be
    the rows that a process holds. The axis is Auto: under Explicit ones
    `labels[:, None] == labels` fails on a split batch.
    """
    devices = sorted(jax.devices(), key=lambda d: (d.process_index, d.id))
    return Mesh(np.array(devices), (DATA,), axis_types=(AxisType.Auto,))


def check_batch_size(batch_size: int, mesh: Mesh) -> None:
    """InputError unless a batch splits evenly over the devices."""
    if batch_size % mesh.size:
        raise InputError(
            f"A batch of {batch_size} cannot be split evenly over {mesh.size} devices; "
            f"make config.loop.batch_size a multiple of {mesh.size}."
        )


def local_slice(batch_size: int) -> slice:
    """The rows of a global batch that this process loads."""
    share = batch_size // jax.process_count()
    start = jax.process_index() * share
    return slice(start, start + share)


def replicate(tree: PyTree, mesh: Mesh) -> PyTree:
    """Copies a tree to every device; every process must pass equal values."""
    sharding = NamedSharding(mesh, PartitionSpec())
    return jax.tree.map(lambda x: _put(sharding, x, jax.numpy.shape(x)), tree)


def to_global(batch: PyTree, mesh: Mesh) -> PyTree:
    """Makes global arrays of which this process's rows are its part."""
    sharding = NamedSharding(mesh, PartitionSpec(DATA))

    def put(x):
        rows = len(x) * jax.process_count()
        return _put(sharding, x, (rows, *x.shape[1:]))

    return jax.tree.map(put, batch)


def to_host(tree: PyTree) -> PyTree:
    """Global arrays as numpy arrays, complete in every process, rows in order.

    Every process must call this: split arrays are gathered. Replicated and local ones
    are read without communication.
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
    # With several processes jax counts this as an implicit transfer.
    with jax.transfer_guard_host_to_device("allow"):
        return jax.make_array_from_process_local_data(sharding, data, global_shape)
