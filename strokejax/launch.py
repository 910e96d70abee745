"""Runs the job of a config: python -m strokejax.launch --config=configs/finetune.py

The command line can set any field: --config.optim.learning_rate=3e-4. The same command
runs on a laptop, on a GPU and on clusters (--distributed). The last line of stdout is
one JSON object.
"""

import hashlib
import json
import re
import sys
import time
import traceback
from collections.abc import Sequence
from pathlib import Path

from absl import flags
from ml_collections import config_flags

from strokejax.config import reference, unknown_field, validate
from strokejax.settings import FORMER_NAMES
from strokejax.tasks import task_of_config
from strokejax.types import InputError

STARTED = time.time()

CONFIG = config_flags.DEFINE_config_file("config", None, "A file in configs/.")
WORKDIR = flags.DEFINE_string(
    "workdir", "", "Folder of the run; default: one in runs/, by job and config."
)
DISTRIBUTED = flags.DEFINE_bool(
    "distributed", False, "Join several processes; on clusters jax detects the rest."
)
COORDINATOR = flags.DEFINE_string("coordinator", "", "HOST:PORT of process 0.")
NUM_PROCESSES = flags.DEFINE_integer("num_processes", 0, "Number of processes.")
PROCESS_ID = flags.DEFINE_integer("process_id", -1, "Index of this process.")
JOIN_TIMEOUT = flags.DEFINE_integer(
    "join_timeout", 300, "Seconds to wait for all processes to join.", lower_bound=1
)


def main(argv: Sequence[str]) -> int:
    """Runs the job; returns 0, 2 for invalid input, or 143 after a stop signal."""
    if "--help" in argv:
        print(_help())
        return 0
    try:
        _parse(argv)
        validate(CONFIG.value)
        return _distributed() if DISTRIBUTED.value else _run()
    except InputError as error:
        _print_error(error)
        return 2


def _print_error(message: object) -> None:
    print(f"strokejax: {message}", file=sys.stderr, flush=True)


def _help() -> str:
    settings = "\n".join(reference())
    return f"{__doc__}\n{flags.FLAGS.main_module_help()}\n\nSettings:\n{settings}"


def _parse(argv: Sequence[str]) -> None:
    try:
        rest = flags.FLAGS(list(argv))
        if CONFIG.value is not None:
            CONFIG.value.items()  # raises if the config file did not load
    except Exception as e:  # a config file is a program: it may raise anything
        raise InputError(_flag_error(argv, e)) from e
    if len(rest) > 1:
        raise InputError(f"{rest[1]!r} is not a flag; write --name=value.")
    if CONFIG.value is None:
        raise InputError("The config is missing; add --config=configs/finetune.py.")
    for flag in (COORDINATOR, NUM_PROCESSES, PROCESS_ID):
        if flag.present and not DISTRIBUTED.value:
            raise InputError(f"--{flag.name} needs --distributed; add it.")


def _with_new_name(argument: str) -> str:
    """The argument, with a former name of a setting replaced by today's."""
    for old, new in FORMER_NAMES.items():
        argument = re.sub(rf"^(--config\..*\b){old}=", rf"\g<1>{new}=", argument)
    return argument


def _flag_error(argv: Sequence[str], error: Exception) -> str:
    """The error sentence for what absl, ml_collections or the config file raised."""
    reason = " ".join(str(error).split())
    for argument in argv[1:]:
        name, _, value = argument.removeprefix("--").partition("=")
        if name == "config" and "Configuration is not available" in reason:
            return f"--config={value} cannot be loaded: {reason.split(': ', 1)[1]}."
        if name == "config" and "whilst parsing config file" in reason:
            # The last line of the traceback in the message: "ValueError: the message".
            kind, _, message = str(error).strip().splitlines()[-1].partition(": ")
            message = (message or kind).rstrip(".")
            return f"--config={value} cannot be loaded: {message}."
        if not name.startswith("config."):
            continue
        field = name.removeprefix("config.")
        unknown = name in reason and ("Unknown" in reason or "not found" in reason)
        missing = isinstance(error, KeyError | AttributeError)
        if unknown or (missing and field.split(".")[-1] in reason):
            return unknown_field(field)
        if value and value in reason:
            return f"--{name}={value} cannot be used: {reason.rstrip('.')}."
    return (
        f"The command line or its config cannot be used "
        f"({type(error).__name__}: {reason.rstrip('.')})."
    )


def _distributed() -> int:
    """Joins the other processes and runs; a failure exits at once, as they wait."""
    from strokejax.train.distributed import join, leave

    join(
        COORDINATOR.value,
        NUM_PROCESSES.value,
        PROCESS_ID.value,
        timeout=JOIN_TIMEOUT.value,
    )
    try:
        return _run()
    except InputError as error:
        _print_error(error)
        leave(2)
    except BaseException:
        traceback.print_exc()
        leave(1)


def _run() -> int:
    import jax

    from strokejax.train.loop import Stopped

    config = CONFIG.value
    settings = json.loads(config.to_json())
    if config.job == "sweep":
        del settings["sweep"]["trials"]  # the same run continues with more trials
    digest = hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()
    subjects = {"register": "symbol", "figures": Path(config.model.init).name}
    subject = subjects.get(config.job, config.data.name)
    name = f"{config.job}-{subject}-{config.mode}-{digest[:8]}"
    workdir = Path(WORKDIR.value or Path("runs") / name)
    first = jax.process_index() == 0
    try:
        job = task_of_config(config).part("job")
        line = job.run(config.copy_and_resolve_references(), workdir, STARTED)
    except Stopped as stop:
        if first:
            _print_error(f"{stop}; run the same command to resume.")
        return 143
    if first:
        print(json.dumps(line), flush=True)
    return 0


if __name__ == "__main__":
    # In place: ml_collections reads the arguments from here, too.
    sys.argv[:] = map(_with_new_name, sys.argv)
    sys.exit(main(sys.argv))
