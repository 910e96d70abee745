"""Jobs that do to a process what damaged files can do to it."""

import ctypes
import importlib
import os
import sys
import time
from threading import Timer
from typing import Any

from strokejax.types import InputError


class Crashing:
    """Ends its process when it is pickled: while a worker sends its result."""

    def __reduce__(self):
        os._exit(7)


class Hanging:
    """Never finishes being pickled."""

    def __reduce__(self):
        time.sleep(1_000)
        return str, ()


class Huge:
    """Needs 8 GiB to be pickled."""

    def __reduce__(self):
        return bytes, (bytes(8 * 2**30),)


def behave(how: str, seconds: float = 0.0) -> Any:
    """One of `JOBS`; `how` is returned where nothing happens."""
    return {**JOBS, "sleep": lambda: time.sleep(seconds) or how}[how]()


def late_crash() -> str:
    """A process that crashes after its result was sent, as damaged memory makes it."""
    Timer(0.05, os._exit, (7,)).start()
    return "late crash"


def refuse():
    raise InputError("It is refused; give another.")


def holds_jax() -> bool:
    """Whether a process that draws fonts has imported jax."""
    importlib.import_module("strokejax.tasks.fonts.make")
    return "jax" in sys.modules


JOBS = {
    "exit": lambda: os._exit(7),
    "exit softly": lambda: sys.exit(3),
    "segmentation fault": lambda: ctypes.string_at(0),
    "hang": lambda: time.sleep(1_000),
    "memory": lambda: len(bytes(8 * 2**30)),
    "crash while sending": Crashing,
    "hang while sending": Hanging,
    "memory while sending": Huge,
    "late crash": late_crash,
    "refuse": refuse,
    "error": lambda: [][0],
    "no pickle": lambda: lambda: 0,
}
