"""Curves: what the task is called, what it takes, and its settings."""

from strokejax.settings import Config, Field, Task
from strokejax.types import InputError

FIELDS = {
    "fifth": {
        "noise": Field(0.05, "deviation of each point, of the radius", 0, 1),
    },
}


def check(config: Config) -> None:
    """InputError for weights to begin with, of which there are none."""
    if config.model.init != "none":
        raise InputError(
            f"config.model.init is {config.model.init!r}, and the job 'bends' begins "
            f"with random weights; set it to 'none'."
        )


TASK = Task(
    name="fifth",
    about="tells which way curves bend",
    verbs={"bend": "command"},
    jobs=("bends",),
    data=("synthetic_bends",),
    architectures=("bend_net",),
    packaged=(),
    evaluates=(".fifth",),
    fields=FIELDS,
    check=check,
    package="tests.support.fifth",
)
