"""Which network may learn from which data."""

from strokejax.config import Config
from strokejax.settings import (
    CHOICES,
    FONT_MODELS,
    LINE_DATA,
    LINE_MODELS,
    SWIPE_DATA,
    SWIPE_MODELS,
)
from strokejax.types import InputError


def validate_networks(config: Config) -> None:
    """InputError for a network, a job and data that do not go together."""
    _validate_own(config, "lines", LINE_DATA, LINE_MODELS)
    _validate_own(config, "swipe", SWIPE_DATA, SWIPE_MODELS)
    _validate_fonts(config)


def _validate_own(config: Config, job: str, data: tuple, models: tuple) -> None:
    """A job's own data and networks are no other job's."""
    for name, value, choices in (
        ("data.name", config.data.name, data),
        ("model.name", config.model.name, models),
    ):
        own = config.job == job
        if (value in choices) != own:
            others = {*LINE_DATA, *LINE_MODELS, *SWIPE_DATA, *SWIPE_MODELS} - {*choices}
            fitting = choices if own else [*dict.fromkeys(CHOICES[name])]
            fitting = [x for x in fitting if x not in others and (x in choices) == own]
            raise InputError(
                f"config.{name} is {value!r}, which the job {config.job!r} has no use "
                f"for; choose one of {', '.join(map(repr, fitting))}."
            )


def _validate_fonts(config: Config) -> None:
    fonts, name = config.data.name == "fonts", config.model.name
    if fonts != (name in FONT_MODELS) and name != "resnet":
        choices = {*(FONT_MODELS if fonts else CHOICES["model.name"])}
        choices -= {*LINE_MODELS, *SWIPE_MODELS, *(() if fonts else FONT_MODELS)}
        raise InputError(
            f"config.model.name is {name!r}, which cannot learn from "
            f"{config.data.name!r}; choose one of "
            f"{', '.join(map(repr, sorted(choices)))}."
        )
    if config.job == "fonts" and not fonts:
        raise InputError(
            f"config.data.name is {config.data.name!r} and the job tells fonts apart; "
            f"set it to 'fonts'."
        )
    if fonts and (config.augment.enabled or config.data.also):
        raise InputError(
            "Pictures of fonts are worn when they are drawn, and trained on alone; set "
            "config.augment.enabled=False and config.data.also=''."
        )
