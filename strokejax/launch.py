"""Jobs by config: python -m strokejax.launch --config=configs/finetune.py

Any field of the config can be set: --config.optim.learning_rate=3e-4. The same command
runs on a laptop, on a GPU and on clusters (--distributed). The last line of stdout is
one JSON object.
"""

import hashlib
import json
import sys
import time
import traceback
from collections.abc import Sequence
from pathlib import Path

from absl import flags
from ml_collections import config_flags

from strokejax.config import reference, unknown_field, validate
from strokejax.tasks import task_of_config
from strokejax.types import InputError

STARTED = time.time()

CONFIG = config_flags.DEFINE_config_file("config", None, "A file in configs/.")
WORKDIR = flags.DEFINE_string(
    "workdir", "", "Folder of the run; default: runs/, by job and config."
)
DISTRIBUTED = flags.DEFINE_bool(
    "distributed", False, "Join the processes of a job; clusters tell jax the rest."
)
COORDINATOR = flags.DEFINE_string("coordinator", "", "HOST:PORT of process 0.")
NUM_PROCESSES = flags.DEFINE_integer("num_processes", 0, "How many processes join.")
PROCESS_ID = flags.DEFINE_integer("process_id", -1, "Which of them this one is.")
JOIN_TIMEOUT = flags.DEFINE_integer(
    "join_timeout", 300, "Seconds to wait until all have joined.", lower_bound=1
)


def main(argv: Sequence[str]) -> int:
    """Runs the job; 0, or 2 after one sentence about bad input, or 143 when stopped."""
    if "--help" in argv:
        print(_help())
        return 0
    try:
        _parse(argv)
        validate(CONFIG.value)
        return _distributed() if DISTRIBUTED.value else _run()
    except InputError as error:
        _tell(error)
        return 2


def _tell(sentence: object) -> None:
    print(f"strokejax: {sentence}", file=sys.stderr, flush=True)


def _help() -> str:
    settings = "\n".join(reference())
    return f"{__doc__}\n{flags.FLAGS.main_module_help()}\n\nSettings:\n{settings}"


def _parse(argv: Sequence[str]) -> None:
    try:
        rest = flags.FLAGS(list(argv))
        if CONFIG.value is not None:
            CONFIG.value.items()  # a file that could not be loaded is told only here
    except Exception as e:  # a config file is a program: it may raise anything
        raise InputError(_flag_error(argv, e)) from e
    if len(rest) > 1:
        raise InputError(f"{rest[1]!r} is no flag; write --name=value.")
    if CONFIG.value is None:
        raise InputError("No config is given; add --config=configs/finetune.py.")
    for flag in (COORDINATOR, NUM_PROCESSES, PROCESS_ID):
        if flag.present and not DISTRIBUTED.value:
            raise InputError(f"--{flag.name} needs --distributed; add it.")


def _flag_error(argv: Sequence[str], error: Exception) -> str:
    """One sentence for whatever absl, ml_collections or the config file raised."""
    reason = " ".join(str(error).split())
    for argument in argv[1:]:
        name, _, value = argument.removeprefix("--").partition("=")
        if name == "config" and "Configuration is not available" in reason:
            return f"--config={value} cannot be loaded: {reason.split(': ', 1)[1]}."
        if name == "config" and "whilst parsing config file" in reason:
            kind, _, said = str(error).strip().splitlines()[-1].partition(": ")
            return f"--config={value} cannot be loaded: {(said or kind).rstrip('.')}."
        if not name.startswith("config."):
            continue
        field = name.removeprefix("config.")
        if f"{name}" in reason and ("Unknown" in reason or "not found" in reason):
            return unknown_field(field)
        if (
            isinstance(error, KeyError | AttributeError)
            and field.split(".")[-1] in reason
        ):
            return unknown_field(field)
        if value and value in reason:
            return f"--{name}={value} cannot be used: {reason.rstrip('.')}."
    return (
        f"The command line or its config cannot be used "
        f"({type(error).__name__}: {reason.rstrip('.')})."
    )


def _distributed() -> int:
    """Runs this process's part; a failure ends it at once, for others wait for it."""
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
        _tell(error)
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
        del settings["sweep"]["trials"]  # with more of them it goes on
    digest = json.dumps(settings, sort_keys=True).encode()
    digest = hashlib.sha256(digest).hexdigest()[:8]
    about = {"register": "symbol", "figures": Path(config.model.init).name}
    about = about.get(config.job, config.data.name)
    name = f"{config.job}-{about}-{config.mode}-{digest}"
    workdir = Path(WORKDIR.value or Path("runs") / name)
    first = jax.process_index() == 0
    try:
        job = task_of_config(config).part("job")
        line = job.run(config.copy_and_resolve_references(), workdir, STARTED)
    except Stopped as stop:
        if first:
            _tell(f"{stop}; run the same command to go on.")
        return 143
    if first:
        print(json.dumps(line), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
