"""The tasks, each in a folder of its own; another task is one folder and one name here.

The engine below receives what it needs of them as arguments.
"""

from pathlib import Path
from typing import Any

from strokejax.settings import Config, Task
from strokejax.tasks.fonts.settings import TASK as FONTS
from strokejax.tasks.lines.settings import TASK as LINES
from strokejax.tasks.swipes.settings import TASK as SWIPES
from strokejax.tasks.symbols.settings import TASK as SYMBOLS
from strokejax.types import InputError

ALL: tuple[Task, ...] = (SYMBOLS, LINES, FONTS, SWIPES)


def task_of(spec: dict[str, Any]) -> Task:
    """The task of a stored model, by the fields of its `EncoderSpec`.

    InputError for an architecture that this version does not know.
    """
    name = spec["architecture"]
    tasks = [task for task in ALL if name in task.architectures]
    if not tasks:
        known = ", ".join(dict.fromkeys(x for task in ALL for x in task.architectures))
        raise InputError(
            f"The model's architecture is {name!r}; this version knows {known}; update "
            f"strokejax, or use another model."
        )
    # `resnet` names symbols, or fonts where it sees pictures of text.
    return tasks[-1] if spec.get("length") else tasks[0]


def task_of_config(config: Config) -> Task:
    """The task that runs a job: of those that know it the one that knows its data."""
    tasks = [task for task in ALL if config.job in task.jobs]
    fitting = [task for task in tasks if config.data.name in task.data]
    return (fitting or tasks)[0]


def task_for_file(path: str) -> Task:
    """The task that scores a labelled file, by the longest ending that it has."""
    name = Path(path).name.lower()
    endings = [
        (len(e), task) for task in ALL for e in task.evaluates if name.endswith(e)
    ]
    return max(endings, key=lambda pair: pair[0])[1]


def check_model(
    model: str | Path | None, accepted: tuple[str, ...], command: str
) -> None:
    """InputError for a model of a task that a command does not work with.

    The headers of the model's files are read, nothing else.
    """
    if model is None:
        return
    from strokejax.store.content import read_spec
    from strokejax.store.paths import resolve

    spec = read_spec(resolve(model))
    if spec is None or (task := task_of(spec)).name in accepted:
        return
    wanted = next(each for each in ALL if each.name == accepted[0])
    advice = "give the folder of a run that trained one"
    if wanted.packaged:
        advice = f"use --model {wanted.packaged[0]}, or leave --model out"
    raise InputError(
        f"The model {model} {task.about} ({spec['architecture']}), and `{command}` "
        f"needs one that {wanted.about}; {advice}."
    )


def pages() -> dict[str, Any]:
    """The page module of each task, for the server."""
    return {task.name: task.part("page") for task in ALL}
