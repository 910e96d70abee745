"""What a config may hold, checked before anything is loaded."""

import difflib

from strokejax.config import Config, default_config, fields, figure_groups
from strokejax.config_config_networks import validate_networks
from strokejax.ink.variants import ignored
from strokejax.settings import (
    CHOICES,
    DATA,
    FIGURES,
    LOSSES,
    MAX_SHARE,
    PAIR_LOSSES,
    RANGES,
    WITH_MARGIN,
)
from strokejax.types import InputError


def validate(config: Config) -> None:
    """InputError for unknown or missing fields, wrong types, values out of range."""
    known = dict(fields(default_config()))
    given = dict(fields(config))
    for name, value in given.items():
        if name not in known:
            raise InputError(unknown_field(name))
        want = type(known[name])
        if want is float and isinstance(value, int) and not isinstance(value, bool):
            value = float(value)
        if type(value) is not want:
            raise InputError(
                f"config.{name} is {value!r}; it takes {_kind(want)}, "
                f"like {known[name]!r}."
            )
        if name in CHOICES and value not in CHOICES[name]:
            near = difflib.get_close_matches(str(value), CHOICES[name], 1)
            hint = f" (did you mean {near[0]!r}?)" if near else ""
            raise InputError(
                f"config.{name} is {value!r}; choose one of "
                f"{', '.join(map(repr, CHOICES[name]))}{hint}."
            )
        if name in RANGES:
            low, high = RANGES[name]
            if not low <= value <= high:
                raise InputError(
                    f"config.{name} is {value!r}; it must lie in {low:g} to {high:g}."
                )
    for name in known.keys() - given.keys():
        raise InputError(f"config.{name} is missing; start from default_config().")
    _validate_together(config)


def _validate_together(config: Config) -> None:
    raster, aug = config.raster, config.augment
    if raster.size - 1 - 2 * raster.margin < 4:
        raise InputError(
            f"config.raster.margin of {raster.margin} leaves less than 4 of "
            f"{raster.size} pixels for the drawing; lower it."
        )
    if aug.width_low > aug.width_high:
        raise InputError(
            f"config.augment.width_low of {aug.width_low} exceeds width_high of "
            f"{aug.width_high}; swap them."
        )
    _validate_also(config)
    milestones(config.optim)
    ignored(config.symbol.ignore, "config.symbol.ignore")
    for name in figure_groups(config.figures.only):
        if name not in FIGURES:
            raise InputError(
                f"config.figures.only has {name!r}; choose some of "
                f"{', '.join(FIGURES)}."
            )
    if config.model.name != "stroke_net" and config.model.norm != "batch":
        raise InputError("config.model.norm='group' is for 'stroke_net'; use 'batch'.")
    if config.model.name in ("motion", "resnet") and config.model.convs != 2:
        raise InputError(
            f"config.model.convs is for the blocks of 'stroke_net' and 'fused', which "
            f"{config.model.name!r} lacks; leave it at 2."
        )
    if config.model.name == "resnet" and config.optim.train == "block3_head":
        raise InputError(
            "config.optim.train='block3_head' names a block that 'resnet' lacks; "
            "choose 'all' or 'table'."
        )
    _validate_loss(config)
    validate_networks(config)
    if config.job == "sweep":
        _validate_sweep(config)
    if config.mode == "argmax" and config.optim.train == "table":
        raise InputError(
            "config.optim.train='table' has nothing to train in mode 'argmax'; "
            "choose 'all' or 'block3_head'."
        )


def _validate_also(config: Config) -> None:
    if config.job == "lines":
        return  # its own data sets, checked where they are loaded
    for name, share in shares(config.data.also):
        if name not in DATA or name == config.data.name or config.mode == "argmax":
            raise InputError(
                f"config.data.also has {name!r}; in mode 'nn-sampling' it takes others "
                f"than {config.data.name!r} of {', '.join(DATA)}."
            )
        if not 0 < share <= MAX_SHARE:
            raise InputError(
                f"config.data.also asks for {share:g} times {name!r}; choose more than "
                f"0 and at most {MAX_SHARE}."
            )


def _validate_loss(config: Config) -> None:
    loss, batch = config.loss, config.loop.batch_size
    if config.mode == "argmax" and loss.name != "proxy":
        raise InputError(
            f"config.loss.name={loss.name!r} is for embeddings; in mode 'argmax' use "
            f"'proxy'."
        )
    if loss.margin and loss.name not in WITH_MARGIN:
        raise InputError(
            f"config.loss.margin of {loss.margin:g} means nothing to {loss.name!r}; "
            f"set it to 0, or choose one of {', '.join(map(repr, WITH_MARGIN))}."
        )
    if loss.name not in PAIR_LOSSES:
        return
    if batch % loss.classes_per_batch or batch < 2 * loss.classes_per_batch:
        raise InputError(
            f"config.loop.batch_size of {batch} does not hold 2 or more examples of "
            f"each of {loss.classes_per_batch} classes; make it a multiple of "
            f"config.loss.classes_per_batch."
        )
    if loss.class_weights or loss.prior:
        raise InputError(
            f"config.loss.class_weights and prior have no use for {loss.name!r}, whose "
            f"batches hold as many examples of each class; leave them off."
        )
    if config.optim.train == "table":
        raise InputError(
            f"config.loss.name={loss.name!r} trains no table; with config.optim.train="
            f"'table' use 'proxy' or 'margin'."
        )


def shares(also: str) -> list[tuple[str, float]]:
    """The data sets of `config.data.also` and how often an epoch sees each."""
    found = []
    for entry in filter(None, map(str.strip, also.split(","))):
        name, _, share = entry.partition(":")
        try:
            found.append((name.strip(), float(share or 1)))
        except ValueError:
            raise InputError(
                f"config.data.also has {entry!r}; write NAME or NAME:TIMES, like "
                f"'mnist:0.3'."
            ) from None
    return found


def milestones(optim: Config) -> tuple[float, ...]:
    """The shares of the steps in `config.optim.milestones`, rising."""
    try:
        found = tuple(map(float, filter(None, optim.milestones.split(","))))
    except ValueError:
        found = (2.0,)
    if [*found] != sorted(found) or not all(0 < share < 1 for share in found):
        raise InputError(
            f"config.optim.milestones is {optim.milestones!r}; write rising shares of "
            f"the steps between 0 and 1, like '0.6,0.85'."
        )
    return found


SPANS = {
    "embed_dim": RANGES["model.embed_dim"],
    "channels": RANGES["model.channels"],
    "learning_rate": (1e-9, RANGES["optim.learning_rate"][1]),
    "weight_decay": (1e-9, RANGES["optim.weight_decay"][1]),
    "augment": (0, 4),
}
"""Settings of `config.sweep` that are spans, and their limits."""


def span(config: Config, name: str) -> tuple[float, float]:
    """LOW and HIGH of a setting of `config.sweep`; InputError says what is wrong."""
    text, (least, most) = config.sweep[name], SPANS[name]
    low, _, high = text.partition(":")
    try:
        ends = float(low), float(high or low)
    except ValueError:
        ends = (1.0, 0.0)
    if not least <= ends[0] <= ends[1] <= most:
        raise InputError(
            f"config.sweep.{name} is {text!r}; write LOW:HIGH, or one value, within "
            f"{least:g} to {most:g}."
        )
    return ends


def _validate_sweep(config: Config) -> None:
    for name in SPANS:
        span(config, name)
    if config.mode == "argmax":
        raise InputError(
            "A sweep searches embeddings, which mode 'argmax' has not; use "
            "config.mode='nn-sampling'."
        )
    for name in config.sweep.losses.split(","):
        if name not in LOSSES:
            raise InputError(
                f"config.sweep.losses has {name!r}; list some of {','.join(LOSSES)}."
            )
        tried = config.copy_and_resolve_references()
        tried.loss.name = name
        _validate_loss(tried)


def unknown_field(name: str) -> str:
    """One sentence about a field that does not exist, with the nearest that does."""
    known = [field for field, _ in fields(default_config())]
    near = difflib.get_close_matches(name, known, 1, cutoff=0.5)
    hint = f"did you mean config.{near[0]}?" if near else "see strokejax/config.py."
    return f"config.{name} does not exist; {hint}"


def _kind(want: type) -> str:
    return {int: "a whole number", float: "a number", str: "a text"}.get(
        want, "True or False"
    )
