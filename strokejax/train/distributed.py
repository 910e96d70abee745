"""A job that runs as several processes: how they join, fail and end together."""

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
"""Seconds that a process which fails waits for the others to fail as well."""


def join(
    coordinator: str, num_processes: int, process_id: int, *, timeout: int = 300
) -> None:
    """Joins the processes of a job; empty or negative values are found by jax itself.

    SLURM, Kubernetes and TPU pods tell jax all three. InputError says what is wrong
    with them; where others do not come within `timeout` seconds, the process ends with
    one sentence and code 2.
    """
    _check_address(coordinator)
    # jax's own handler of SIGTERM would swallow one that comes before the loop's.
    jax.config.update("jax_enable_preemption_service", False)
    # When nobody answers, jax aborts with a C++ stack: be earlier, and say why.
    alarm = threading.Timer(timeout, _give_up, [coordinator, timeout])
    alarm.daemon = True
    alarm.start()
    try:
        jax.distributed.initialize(
            coordinator or None,
            num_processes if num_processes > 0 else None,
            process_id if process_id >= 0 else None,
            initialization_timeout=timeout + 60,
        )
        # On CPUs a first collective fails where others come to it 30 s later.
        _gather(False)
    except (RuntimeError, TypeError, ValueError) as error:
        raise InputError(
            f"The processes could not be joined "
            f"({str(error).splitlines()[0].rstrip('.')}); give each "
            f"--coordinator=HOST:PORT (a free port on the host of process 0), "
            f"--num_processes=N and its own --process_id of 0 to N-1."
        ) from error
    finally:
        alarm.cancel()


@contextmanager
def together() -> Iterator[None]:
    """If one process fails inside, all do, with an InputError: nobody is waited for.

    Every process must come here, and do nothing inside that waits for the others.
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
            f"Process {failed[0]} of {jax.process_count()} could not go on and says "
            f"why in its own output; mend that and start all of them again."
        )


def any_process(flag: bool) -> bool:
    """Whether `flag` is set in at least one process; all must ask."""
    return bool(_gather(flag).any())


def leave(code: int) -> NoReturn:
    """Ends a process that failed, with the others if they fail too, else without them.

    Python's own end would wait for them for minutes, while they wait for this process;
    its closed connections tell them.
    """
    farewell = threading.Thread(target=jax.distributed.shutdown, daemon=True)
    farewell.start()
    farewell.join(GRACE)
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
            f"--coordinator={coordinator} is no HOST:PORT; name the host of process 0 "
            f"and a free port of 1 to 65535 there, like 10.0.0.1:1234."
        )


def _give_up(coordinator: str, timeout: int) -> None:
    print(
        f"strokejax: After {timeout} s not all processes had joined at "
        f"{coordinator or 'the address that jax found'}; start every one, give each "
        f"the same --coordinator, a port of process 0's host that all can reach, or "
        f"wait longer with --join_timeout=SECONDS.",
        file=sys.stderr,
        flush=True,
    )
    os._exit(2)


# Data parallelism on any devices and hosts: replicated state, split batches.


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
