"""Which network may learn from which data."""

from strokejax.config import Config
from strokejax.config_values import CHOICES, FONT_MODELS, LINE_DATA, LINE_MODELS
from strokejax.types import InputError


def validate_networks(config: Config) -> None:
    """InputError for a network, a job and data that do not go together."""
    _validate_lines(config)
    _validate_fonts(config)


def _validate_lines(config: Config) -> None:
    lines = config.job == "lines"
    for name, value, choices in (
        ("data.name", config.data.name, LINE_DATA),
        ("model.name", config.model.name, LINE_MODELS),
    ):
        if (value in choices) != lines:
            fitting = [x for x in CHOICES[name] if (x in choices) == lines]
            raise InputError(
                f"config.{name} is {value!r}, which the job {config.job!r} has no use "
                f"for; choose one of {', '.join(map(repr, fitting))}."
            )


def _validate_fonts(config: Config) -> None:
    fonts, name = config.data.name == "fonts", config.model.name
    if fonts != (name in FONT_MODELS) and name != "resnet":
        choices = FONT_MODELS if fonts else set(CHOICES["model.name"]) - {*FONT_MODELS}
        raise InputError(
            f"config.model.name is {name!r}, which cannot learn from "
            f"{config.data.name!r}; choose one of "
            f"{', '.join(map(repr, sorted({*choices} - {*LINE_MODELS})))}."
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
