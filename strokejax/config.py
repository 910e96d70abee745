"""The config of a job: the shared settings and those of every task.

A config file in `configs/` returns `default_config()` with some values changed.
`validate` checks all fields before a job loads anything.
"""

import difflib
from collections.abc import Iterator
from typing import Any

from ml_collections import ConfigDict

from strokejax.settings import (
    SHARED,
    Config,
    Field,
    check_loss,
    check_sweep,
    merged,
    milestones,
)
from strokejax.tasks import ALL, task_of_config
from strokejax.types import InputError


def _choices(attribute: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(x for task in ALL for x in getattr(task, attribute)))


NAMED = {
    "": {"job": Field("finetune", "the job to run", choices=_choices("jobs"))},
    "data": {"name": Field("synthetic", "the data set", choices=_choices("data"))},
    "model": {
        "name": Field(
            "fused",
            "the network; for symbols: stroke_net and resnet use the shape, motion the "
            "trajectory, fused both",
            choices=_choices("architectures"),
        )
    },
}
"""Fields whose choices are the union over all tasks."""

SECTIONS = merged(NAMED, SHARED, *(task.fields for task in ALL))
FIELDS = {
    f"{section}.{name}" if section else name: field
    for section, part in SECTIONS.items()
    for name, field in part.items()
}
"""All fields by their dotted names."""


def default_config() -> Config:
    """Settings for fine-tuning the fused network on the built-in hand."""
    config: dict[str, Any] = {}
    for section, part in SECTIONS.items():
        target = config.setdefault(section, {}) if section else config
        target.update({name: field.default for name, field in part.items()})
    return ConfigDict(config)


def from_scratch() -> Config:
    """Settings for training on real pen strokes from random weights."""
    config = default_config()
    config.data.name = "unipen"
    config.model.init = "none"
    config.model.channel_dropout = 0.05
    config.model.dropout = 0.1
    return config


def for_fonts() -> Config:
    """Settings for training a font classifier from random weights."""
    config = default_config()
    config.job = "fonts"
    config.data.name = "fonts"
    config.data.samples = 120
    config.data.cache = "runs/pictures"
    config.raster.size = 40
    config.model.name = "font_net"
    config.model.init = "none"
    config.model.dropout = 0.1
    config.augment.enabled = False
    config.optim.learning_rate = 4e-3
    config.optim.clip_norm = 5.0
    config.loop.epochs = 8
    config.loop.statistics = 100
    return config


def fields(config: Config, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yields the dotted name and the value of every leaf."""
    for name, value in config.items():
        if isinstance(value, ConfigDict):
            yield from fields(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def validate(config: Config) -> None:
    """Raises InputError for unknown or missing fields, wrong types, illegal values."""
    values = dict(fields(config))
    for name, value in values.items():
        if name not in FIELDS:
            raise InputError(unknown_field(name))
        _check_value(name, value, FIELDS[name])
    for name in FIELDS.keys() - values.keys():
        raise InputError(f"config.{name} is missing; start from default_config().")
    _check_combinations(config)


def _check_value(name: str, value: Any, field: Field) -> None:
    kind = type(field.default)
    # 1 is a legal value of a float field; True, an int to Python, is not.
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    if type(value) is not kind:
        raise InputError(
            f"config.{name} is {value!r}; it takes {_KINDS[kind]}, like "
            f"{field.default!r}."
        )
    if field.choices and value not in field.choices:
        near = difflib.get_close_matches(str(value), field.choices, 1)
        hint = f" (did you mean {near[0]!r}?)" if near else ""
        raise InputError(
            f"config.{name} is {value!r}; choose one of "
            f"{', '.join(map(repr, field.choices))}{hint}."
        )
    if field.low is None or field.high is None:
        return
    if not field.low <= value <= field.high:  # NaN fails as well
        raise InputError(
            f"config.{name} is {value!r}; it must lie in {field.low:g} to "
            f"{field.high:g}."
        )


_KINDS = {
    int: "an integer",
    float: "a number",
    str: "a string",
    bool: "True or False",
}


def _check_combinations(config: Config) -> None:
    raster, aug = config.raster, config.augment
    if raster.size - 1 - 2 * raster.margin < 4:
        raise InputError(
            f"config.raster.margin of {raster.margin} leaves fewer than 4 "
            f"of {raster.size} pixels for the drawing; lower it."
        )
    if aug.width_low > aug.width_high:
        raise InputError(
            f"config.augment.width_low of {aug.width_low} exceeds width_high of "
            f"{aug.width_high}; swap them."
        )
    milestones(config.optim)
    if config.mode == "argmax" and config.optim.train == "table":
        raise InputError(
            "config.optim.train='table' needs a table, which mode 'argmax' "
            "lacks; choose 'all' or 'block3_head'."
        )
    task = task_of_config(config)
    for name, value, choices in (
        ("data.name", config.data.name, task.data),
        ("model.name", config.model.name, task.architectures),
    ):
        if value not in choices:
            raise InputError(
                f"config.{name} is {value!r}, which the job {config.job!r} on "
                f"{config.data.name!r} cannot use; choose one of "
                f"{', '.join(map(repr, choices))}."
            )
    check_loss(config)
    if config.job == "sweep":
        check_sweep(config)
    if task.check:
        task.check(config)


def unknown_field(name: str) -> str:
    """The error sentence for an unknown field; it suggests the most similar field."""
    near = difflib.get_close_matches(name, FIELDS, 1, cutoff=0.5)
    hint = f"did you mean config.{near[0]}?" if near else "see docs/settings.md."
    return f"config.{name} does not exist; {hint}"


def reference(pattern: str = "  --config.{name}={default}  {about}") -> Iterator[str]:
    """Yields a line per field; `pattern` may use name, default, about, legal, unit."""
    for name, field in FIELDS.items():
        about = f"{field.about} ({field.unit})" if field.unit else field.about
        values = field._asdict() | {"about": about, "default": repr(field.default)}
        yield pattern.format(name=name, legal=field.legal, **values)
